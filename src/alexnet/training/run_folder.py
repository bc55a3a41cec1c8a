"""What happened in a run, on disk: recipe.json, network.json, precision, metrics.jsonl and
checkpoints/. It holds the files and their rules; what is in a checkpoint is the loop's matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alexnet.formats import Checkpoint, FormatError, read, write
from alexnet.formats.atomic import PARTIAL, replacing
from alexnet.network.codec import encode, from_json, to_json
from alexnet.network.spec import Network, NetworkError
from alexnet.training import checksum
from alexnet.training.rates import RecipeError
from alexnet.training.recipe import Recipe, differences, recipe_from_json, recipe_to_json

PRECISION, OLDEST = "precision", "fp32"
"""The file that says what a run is computed in, and what runs were that have none."""

LAUNCH = "launch"
"""The file that names the launch that began a run, where one launch began several processes: by it
they know the run as theirs when they are begun anew.
"""

CLOCK = "clock"
"""The key of a metrics row under which all that depends on the wall clock stands."""

_LIBRARYS_PARTIAL = ".tmp??????"
"""Names of what the safetensors library writes before it takes the name that it was given."""

Say = Callable[[str], None]


class RunError(ValueError):
    """A run folder that cannot be used as asked: names it, says what it holds and what would be
    right.
    """


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; `create` and `reopen` make one."""

    path: Path

    @property
    def metrics_path(self) -> Path:
        """One JSON object a line: rows of kind "step" and "epoch"."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        """The checkpoint of a finished run, without what only resuming needs."""
        return self.checkpoints / "final.safetensors"

    def checkpoint_path(self, step: int, *, keep: bool) -> Path:
        """Where the checkpoint after `step` steps is, one that stays or one that others replace."""
        return self.checkpoints / f"step-{step:08d}{'' if keep else '-latest'}.safetensors"

    def append(self, row: dict[str, object]) -> None:
        """Adds a row to the metrics."""
        line = json.dumps(row, allow_nan=False) + "\n"
        try:
            with self.metrics_path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise RunError(
                f"{self.metrics_path}: cannot be written ({error.strerror or error})"
            ) from error

    def rows(self, *, clock: bool = True) -> list[dict[str, object]]:
        """The metrics so far; without `clock` equal between runs that did the same."""
        if not self.metrics_path.exists():
            return []
        lines = self.metrics_path.read_text(encoding="utf-8").splitlines()
        rows = [self._row(line, number) for number, line in enumerate(lines, 1)]
        return [{k: v for k, v in row.items() if clock or k != CLOCK} for row in rows]

    def _row(self, line: str, number: int) -> dict[str, object]:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise RunError(f"{self.metrics_path}:{number}: no row of metrics; a JSON object is one")
        return row

    def truncate(self, count: int) -> None:
        """Keeps the first `count` rows of the metrics: what a checkpoint knows of.

        Raises:
            RunError: there are fewer whole rows than that.
        """
        text = self.metrics_path.read_bytes() if self.metrics_path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
        if len(whole) < count:
            raise RunError(
                f"{self.metrics_path}: holds {len(whole)} rows and the newest checkpoint was"
                f" written after {count}; put the file back, or start anew in another folder"
            )
        with replacing(self.metrics_path) as temporary:
            temporary.write_bytes(b"".join(whole[:count]))

    def save(self, checkpoint: Checkpoint, step: int, *, keep: bool, spare: int = 2) -> Path:
        """Writes the checkpoint after `step` steps with its checksum, the metrics first.

        Args:
            checkpoint: with its training state.
            step: steps done.
            keep: whether it stays; of the others up to this step the newest `spare` do, and none
                of later steps: the run has gone on from before them, since they were damaged.
            spare: so that a damaged one has another before it.
        """
        if self.metrics_path.exists():
            with self.metrics_path.open("rb+") as file:
                os.fsync(file.fileno())
        path = self.checkpoint_path(step, keep=keep)
        write(checksum.signed(checkpoint), path)
        last = self.checkpoint_path(step, keep=False)
        others = sorted(self.checkpoints.glob("step-*-latest.safetensors"))
        up_to = [other for other in others if other.name <= last.name]
        for other in {*others} - {*up_to[-spare:]}:
            other.unlink()
        return path

    def newest(self, say: Say) -> Checkpoint | None:
        """The newest checkpoint that is whole, or None where there is none at all.

        Raises:
            RunError: there are checkpoints, and every one is damaged.
        """
        paths = sorted(self.checkpoints.glob("step-*.safetensors"), reverse=True)
        for path in paths:
            try:
                checkpoint = checksum.verified(read(path), str(path))
            except FormatError as error:
                say(f"{error}; taking the one before")
                continue
            if checkpoint.training is not None:
                return checkpoint
            say(f"{path}: holds no training state; taking the one before")
        if paths:
            raise RunError(f"{self.checkpoints}: none of its {len(paths)} checkpoints can be read")
        return None


def create(
    path: Path,
    recipe: Recipe,
    network: Network,
    precision: str = OLDEST,
    launch: str = "",
    *,
    first: Checkpoint | None = None,
) -> RunFolder:
    """Makes the folder of a new run, begun by a launch of several processes or by none.

    Args:
        path: of the folder.
        recipe, network, precision, launch: what is run, and by whom.
        first: the checkpoint before the first step of a run that could not begin again without it;
            as long as that is not in the folder there is no run.

    Raises:
        RunError: it holds a run already, or cannot be made.
        FormatError: the first checkpoint cannot be written.
    """
    check_free(path)
    folder = RunFolder(path)
    try:
        folder.checkpoints.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        folder.checkpoint_path(0, keep=False).unlink(missing_ok=True)  # of a beginning cut short
        with replacing(path / "network.json") as temporary:
            temporary.write_text(to_json(network, indent=2) + "\n", encoding="utf-8")
        with replacing(path / PRECISION) as temporary:
            temporary.write_text(precision + "\n", encoding="utf-8")
        if launch:
            with replacing(path / LAUNCH) as temporary:
                temporary.write_text(launch + "\n", encoding="utf-8")
        if first is not None:
            folder.save(first, 0, keep=False)
        with replacing(path / "recipe.json") as temporary:
            temporary.write_text(recipe_to_json(recipe) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from None
    return folder


def check_free(path: Path) -> None:
    """Raises RunError where the folder holds a run already."""
    if holds_run(path):
        raise RunError(f"{path}: holds a run already; resume it, or name another folder")


def holds_run(path: Path) -> bool:
    """Whether a run was begun in this folder."""
    return (path / "recipe.json").exists()


def begun_by(path: Path, launch: str) -> bool:
    """Whether the folder holds a run that this very launch has begun."""
    return holds_run(path) and (path / LAUNCH).exists() and _text(path / LAUNCH).strip() == launch


def reopen(path: Path, recipe: Recipe, network: Network, precision: str = OLDEST) -> RunFolder:
    """Opens the folder of a run that is to go on.

    Raises:
        RunError: it holds no run, or one of another recipe, network or precision; says what
            differs.
    """
    differ = differences(recipe, stored_recipe(path))
    if precision != stored_precision(path):
        differ.append(f"precision is {precision} here and {stored_precision(path)} there")
    differ += _network_differences(path / "network.json", network)
    if differ:
        raise RunError(
            f"{path}: holds another run: {'; '.join(differ)}; resume with what it was begun with,"
            " or name another folder"
        )
    folder = RunFolder(path)
    folder.checkpoints.mkdir(exist_ok=True)
    _sweep(folder)
    return folder


def stored_recipe(path: Path) -> Recipe:
    """The recipe of the run in the folder `path`.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    if not holds_run(path):
        raise RunError(f"{path}: holds no run to resume; start one without resuming")
    try:
        return recipe_from_json(_text(path / "recipe.json"), str(path / "recipe.json"))
    except RecipeError as error:
        raise RunError(str(error)) from None


def stored_precision(path: Path) -> str:
    """What the run in the folder `path` is computed in; runs that do not say so, in OLDEST."""
    return _text(path / PRECISION).strip() if (path / PRECISION).exists() else OLDEST


def _sweep(folder: RunFolder) -> None:
    """Removes what processes left half-written that were killed."""
    within = folder.checkpoints
    for left in [
        *folder.path.glob(f".*{PARTIAL}"),
        *within.glob(f".*{PARTIAL}"),
        *within.glob(_LIBRARYS_PARTIAL),
    ]:
        left.unlink()


def _network_differences(path: Path, network: Network) -> list[str]:
    try:
        stored = from_json(_text(path), str(path))
    except NetworkError as error:
        raise RunError(str(error)) from None
    if stored == network:
        return []
    here, there = ({layer.name: layer for layer in n} for n in (network, stored))
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    if not names:
        return [f"network '{network.name}' has its layers in another order"]
    one, other = (encode(n[names[0]]) if names[0] in n else {} for n in (here, there))
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return [
        f"network '{network.name}' differs in {len(names)} layers, first in '{names[0]}':"
        f" {keys[0]} is {json.dumps(one.get(keys[0]))} here and"
        f" {json.dumps(other.get(keys[0]))} there"
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from None
