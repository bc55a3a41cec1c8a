"""From what a person types, a name or a path, to a source of labelled pictures.

It recognises the layout and hands over; the layouts are read in `digits`, `cifar`, `parquet`,
`batches_of_2012` and `folder`.
"""

import difflib
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from alexnet.images import batches_of_2012, cifar, parquet
from alexnet.images.digits import open_digits
from alexnet.images.folder import open_folder
from alexnet.images.splits import Source, SourceError, Split
from alexnet.images.store import is_store, open_store

__all__ = ["NAMES", "Source", "SourceError", "Split", "open_source", "user_data_folder"]

NAMES = ("cifar10", "digits")
"""The sources that have a name; every other one is a path."""


def open_source(data: str, *, data_folder: Path | None = None, seed: int = 0) -> Source:
    """Open the pictures that `data` names: `digits`, `cifar10`, or the path of a file or folder.

    A path may be a parquet file, a folder of parquet shards, CIFAR-10's python or binary batches,
    the pickled batches of cuda-convnet and its relatives, or a folder of class folders. `cifar10`
    is looked for in data_folder/cifar10, in data_folder itself and in alexnet/cifar10 of the user
    data folder. The seed matters only where a source has no test split of its own; the source's
    note says so. A name wins over a path of the same spelling, which can be written ./digits.

    Raises SourceError, one sentence with the file or the name and what would be right.
    """
    if data == "digits":
        return open_digits()
    if data == "cifar10":
        return _open_cifar10(data_folder, seed)
    return _open_path(_existing(data), seed)


def user_data_folder(
    *,
    platform: str = sys.platform,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> Path:
    """Return where this platform keeps a user's data: the parent of our `alexnet` folder."""
    home = home or Path.home()
    if platform == "darwin":
        return home / "Library" / "Application Support"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    stated = environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    return Path(stated) if Path(stated).is_absolute() else home / ".local" / "share"


def _existing(data: str) -> Path:
    try:
        path = Path(data).expanduser()
        if data and path.exists():
            return path
    except (OSError, ValueError, RuntimeError):
        pass  # too long, a null byte, or ~nobody: nothing of that name exists
    nearest = difflib.get_close_matches(data.lower(), NAMES, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    message = f"{data!r} is neither a file or folder that exists nor a known name"
    raise SourceError(f"{message} ({', '.join(NAMES)}){hint}")


def _open_path(path: Path, seed: int) -> Source:
    # The name of ".", ".." or "a/.." is found only once the path is resolved.
    path = path.resolve() if path.name in ("", "..") else path
    if not path.is_dir():
        if path.suffix.lower() == ".parquet" and path.is_file():
            return parquet.open_shards(path.stem, [path], seed=seed)
        raise SourceError(f"{path}: is a file but not a .parquet one; a folder would do as well")
    return _open_tables(path, seed) or open_folder(path, seed=seed)


def _open_tables(folder: Path, seed: int) -> Source | None:
    """The folder as a store, as batches or as parquet shards; None where it holds none."""
    if is_store(folder):
        return open_store(folder)
    pickled = batches_of_2012.find_batches(folder)
    if pickled is not None:
        return batches_of_2012.open_batches(pickled, seed=seed)
    batches = cifar.find_batches(folder)
    if batches is not None:
        return cifar.open_batches(batches)
    shards = parquet.find_shards(folder)
    return parquet.open_shards(folder.name, shards, seed=seed) if shards else None


def _open_cifar10(data_folder: Path | None, seed: int) -> Source:
    inside = [] if data_folder is None else [data_folder / "cifar10", data_folder]
    looked = [*inside, user_data_folder() / "alexnet" / "cifar10"]
    for folder in filter(Path.is_dir, looked):
        # A data folder may hold anything; one called cifar10 is meant to hold CIFAR-10.
        named = folder.name == "cifar10"
        source = _open_path(folder, seed) if named else _open_tables(folder, seed)
        if source is not None and source.classes == cifar.CLASSES:
            return replace(source, name="cifar10")
        if source is not None and named:
            message = f"{folder}: holds {len(source.classes)} classes ({source.classes[0]} ...)"
            raise SourceError(f"{message}, not CIFAR-10's; its path opens it under its own name")
    raise SourceError(_how_to_get_cifar10(looked))


def _how_to_get_cifar10(looked: list[Path]) -> str:
    return (
        f"CIFAR-10 is not in {' or '.join(str(folder) for folder in looked)}; put there "
        "train-00000-of-00001.parquet and test-00000-of-00001.parquet (Hugging Face: "
        "uoft-cs/cifar10), or the unpacked cifar-10-python.tar.gz or cifar-10-binary.tar.gz "
        "(data_batch_1 to 5, test_batch, batches.meta)"
    )
