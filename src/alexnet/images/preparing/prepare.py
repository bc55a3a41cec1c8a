"""A source becomes a store: planned, shared out, gone on with after any interruption, finished.

The store depends on source and settings alone: not on the workers, nor on how often it was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

from alexnet.images.manifest import MANIFEST, Manifest, read_manifest
from alexnet.images.preparing.finish import finish, write_manifest
from alexnet.images.preparing.gather import gather
from alexnet.images.preparing.out_folder import is_partial, opened, sweep
from alexnet.images.preparing.plan import Planned, Settings, begun_manifest, plan_shards
from alexnet.images.preparing.shards import read_note
from alexnet.images.preparing.workers import PrepareError, write_shards
from alexnet.images.sources import NAMES

Progress = Callable[[int, int], None]


def prepare(
    data: str,
    out: Path,
    *,
    settings: Settings,
    workers: int,
    data_folder: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Make a store of `data` in the folder `out`, or go on with the one that is begun there.

    `data` is what `gather` takes. progress is called with (pictures done, pictures in all). After
    an interruption at any moment, a kill or a full disk, the same call finishes the store from the
    shards that are finished. A store that is complete already is left as it is.

    Raises SourceError for what is wrong with the source, PrepareError where `out` holds something
    else, is being written by another process, or cannot be written to.
    """
    _refuse_inside(data, out)
    gathering = gather(data, data_folder=data_folder, seed=settings.seed)
    begun = begun_manifest(gathering, settings)
    with opened(out):
        standing = _standing(out, begun)
        sweep(out, notes_too=standing is not None and standing.complete)
        if standing is not None and standing.complete:
            return standing
        if standing is None:
            write_manifest(out, begun)
        plan = plan_shards(gathering, settings)
        try:
            _work(plan, out, settings, workers, progress or _silent)
        finally:
            sweep(out)
        complete = finish(out, begun, plan)
        sweep(out, notes_too=True)
        return complete


def _refuse_inside(data: str, out: Path) -> None:
    """A store among the pictures would be looked through with them the next time."""
    source, folder = Path(data).expanduser().resolve(), out.resolve()
    if data not in NAMES and source.is_dir() and (source == folder or source in folder.parents):
        raise PrepareError(f"{out}: lies in the source, {data}; give a folder outside it")


def _standing(out: Path, begun: Manifest) -> Manifest | None:
    """The manifest of the store in `out`, if any; it must be of the same source and settings."""
    if not (out / MANIFEST).exists():
        others = sorted(path.name for path in out.iterdir() if not is_partial(path))
        if others:
            message = f"{out}: holds other files ({others[0]})"
            raise PrepareError(f"{message}; give a new folder, or an empty one")
        return None
    standing = read_manifest(out)
    nothing_yet = {"complete": False, "splits": (), "shards": ()}
    same = replace(standing, **nothing_yet, statistics=None, rejected=None)
    for entry in fields(Manifest):
        there, now = getattr(same, entry.name), getattr(begun, entry.name)
        if there != now:
            raise PrepareError(
                f"{out}: holds a store that is another: {_difference(entry.name, there, now)};"
                " give the source and the settings that it was begun with, or a new folder"
            )
    return standing


def _difference(name: str, there: object, now: object) -> str:
    if name == "fingerprint":
        return "the source has other pictures, or other lengths or labels of them"
    if isinstance(there, tuple):
        return f"the source has other {name.replace('_', ' ')}"
    return f"its {name.replace('_', ' ')} is {there}, not {now}"


def _work(
    plan: Sequence[Planned], out: Path, settings: Settings, workers: int, progress: Progress
) -> None:
    """Writes the shards that are not finished."""
    total = sum(len(planned.rows) for planned in plan)
    missing = [planned for planned in plan if read_note(out, planned.name) is None]
    done = total - sum(len(planned.rows) for planned in missing)
    progress(done, total)
    jobs = (planned.job(out, settings) for planned in missing)
    with closing(write_shards(jobs, max(1, min(workers, len(missing))))) as finished:
        for count in finished:
            done += count
            progress(done, total)


def _silent(done: int, total: int) -> None:
    """Shows nothing."""
