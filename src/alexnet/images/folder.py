"""A folder of class folders as a source, with train/ and val/ or test/ inside or without.

It reads names only; each picture's bytes are read and decoded when the split is asked for them.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alexnet.images.decode import PictureError, decode
from alexnet.images.splits import Source, SourceError, Split, split_by_seed, whole

PICTURE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp"),
    *(".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""The file endings, in lower case, that are taken for pictures; .JPEG and .Png match too."""

TRAIN_FOLDERS = ("train",)
TEST_FOLDERS = ("test", "val", "validation")


@dataclass(frozen=True, eq=False)
class FileRecords:
    """One picture file per row."""

    paths: tuple[str, ...]

    def name(self, row: int) -> str:
        """Return the path, printable even where its bytes are no UTF-8."""
        return os.fsencode(self.paths[row]).decode("utf-8", "backslashreplace")

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (height, width, channels), or raise PictureError."""
        return decode(self._bytes(row), self.name(row), channels=channels)

    def _bytes(self, row: int) -> bytes:
        path = Path(self.paths[row])
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise PictureError(self.name(row), "is not a regular file")
            return path.read_bytes()
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            raise PictureError(self.name(row), reason) from error


@dataclass(frozen=True)
class _Tree:
    """The class folders below one folder, their pictures, and what else lay there."""

    folder: Path
    pictures: dict[str, list[str]]
    empty: tuple[str, ...]
    others: int


def open_folder(folder: Path, *, seed: int = 0) -> Source:
    """Open class folders: each picture belongs to the class its folder is named after.

    With train/ and one of test/, val/ and validation/ inside, these are the splits (the first of
    the three that holds class folders with pictures); otherwise each class is split by the seed.
    Classes are in the order of their sorted names. Pictures may lie in folders further down.
    Files without one of PICTURE_ENDINGS are counted in the note; hidden ones are not looked at.

    Raises SourceError where there are no pictures, where the test split has a class that the
    training split lacks, or where a folder cannot be read.
    """
    train_folder = _split_folder(folder, TRAIN_FOLDERS)
    if train_folder is None:
        trees = [_walk_classes(folder)]
        source = split_by_seed(folder.name, _split(trees[0]), seed, "folder")
    else:
        train = _walk_classes(train_folder)
        test = _test_tree(folder)
        trees = [train, test] if test else [train]
        source = _from_two(folder, train, test) if test else _from_train(folder, train, seed)
    return replace(source, note="; ".join([source.note, *_left_aside(trees)]))


def _from_train(folder: Path, train: _Tree, seed: int) -> Source:
    what = f"{train.folder.name}/ (there is no test/ or val/ with pictures)"
    return split_by_seed(folder.name, _split(train), seed, what)


def _from_two(folder: Path, train: _Tree, test: _Tree) -> Source:
    training = _split(train)
    unknown = sorted(set(test.pictures) - set(training.classes))
    if unknown:
        message = f"{test.folder}: the class folder {unknown[0]!r} has no pictures in"
        raise SourceError(f"{message} {train.folder}, so that it could never be learnt")
    note = f"{train.folder.name}/ to learn from, {test.folder.name}/ to be tested on"
    testing = _split(test, training.classes)
    return Source(folder.name, training.classes, training, testing, note)


def _split_folder(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The subfolder that is a split. A class may be called "train" too: it has no subfolders."""
    for name in names:
        if (folder / name).is_dir() and _subfolders(folder / name):
            return folder / name
    return None


def _test_tree(folder: Path) -> _Tree | None:
    """The first of the test folders with pictures; ImageNet's own test/ has no class folders."""
    for name in TEST_FOLDERS:
        candidate = _split_folder(folder, (name,))
        if candidate is not None and (tree := _walk_classes(candidate)).pictures:
            return tree
    return None


def _split(tree: _Tree, classes: tuple[str, ...] | None = None) -> Split:
    if not tree.pictures:
        endings = " ".join(PICTURE_ENDINGS)
        message = f"{tree.folder}: no pictures; looked for class folders with files that end in"
        raise SourceError(f"{message} {endings}")
    classes = classes or tuple(tree.pictures)
    paths = [path for name in tree.pictures for path in tree.pictures[name]]
    sizes = [len(pictures) for pictures in tree.pictures.values()]
    labels = np.repeat([classes.index(name) for name in tree.pictures], sizes)
    return whole(classes, labels, FileRecords(tuple(paths)))


def _left_aside(trees: list[_Tree]) -> list[str]:
    parts = []
    others = sum(tree.others for tree in trees)
    if others:
        parts.append(f"{others} other file{'s' if others > 1 else ''} left aside")
    empty = [name for tree in trees for name in tree.empty]
    if empty:
        parts.append(f"no pictures in the folder{'s' if empty[1:] else ''} {', '.join(empty)}")
    return parts


def _walk_classes(folder: Path) -> _Tree:
    pictures: dict[str, list[str]] = {}
    empty: list[str] = []
    others = sum(1 for entry in _entries(folder) if not entry.is_dir())
    for name in _subfolders(folder):
        found: list[str] = []
        for path in _files(folder / name):
            if path.lower().endswith(PICTURE_ENDINGS):
                found.append(path)
            else:
                others += 1
        if found:
            pictures[name] = found
        else:
            empty.append(name)
    return _Tree(folder, pictures, tuple(empty), others)


def _files(folder: Path) -> Iterator[str]:
    """Every file below a folder that is not hidden, sorted, each real folder visited once."""
    visited: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_cannot_read, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield str(Path(place, name))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        _cannot_read(error)
        raise


def _subfolders(folder: Path) -> list[str]:
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def _cannot_read(error: OSError) -> None:
    reason = error.strerror or str(error)
    raise SourceError(f"{error.filename}: the folder cannot be read: {reason}") from error
