"""What is to be prepared: splits of labelled pictures, each found by a row number.

A part of any of them can be handed to another process; it takes only its own rows along.
"""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alexnet.images.decode import PictureError, with_channels
from alexnet.images.names import GrowingNames, Names
from alexnet.images.parquet import ParquetRecords
from alexnet.images.preparing.tars import read_slice
from alexnet.images.splits import Records

UNREADABLE = -1
"""The length of a file that could not be looked at, or is no regular file."""


class Pictures(Protocol):
    """Pictures by row number, as encoded bytes or as pixels."""

    @property
    def names(self) -> Names:
        """What each is called in its split."""
        ...

    def part(self, rows: np.ndarray) -> Pictures:
        """The pictures at `rows`, in that order, to be handed to another process."""
        ...

    def read(self, row: int) -> bytes | np.ndarray:
        """A picture file's bytes, or uint8 (height, width, 3).

        Raises PictureError for a bad picture, SourceError where nothing more can be read.
        """
        ...

    def mark(self) -> bytes:
        """What would be different if a picture were, without reading any: names and lengths."""
        ...


@dataclass(frozen=True, eq=False)
class Slices:
    """Pictures in tars: picture i is `lengths[i]` bytes from `offsets[i]` on of file `files[i]`."""

    paths: tuple[str, ...]
    files: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    names: Names

    def part(self, rows: np.ndarray) -> Slices:
        """The pictures at `rows`, in that order."""
        chosen = (self.files[rows], self.offsets[rows], self.lengths[rows])
        return Slices(self.paths, *chosen, self.names.part(rows))

    def read(self, row: int) -> bytes:
        """The picture's bytes. Raises SourceError where the tar is shorter than it was."""
        path = self.paths[int(self.files[row])]
        return read_slice(path, int(self.offsets[row]), int(self.lengths[row]))

    def mark(self) -> bytes:
        """Names and lengths, so that a tar and its unpacked folder are the same."""
        return _mark_of_files(self.names, self.lengths)


@dataclass(frozen=True, eq=False)
class Files:
    """Picture files below one folder; the names are their paths from there."""

    folder: str
    lengths: np.ndarray
    names: Names

    def part(self, rows: np.ndarray) -> Files:
        """The pictures at `rows`, in that order."""
        return Files(self.folder, self.lengths[rows], self.names.part(rows))

    def read(self, row: int) -> bytes:
        """The picture's bytes. Raises SourceError where the file is not what it was."""
        length = int(self.lengths[row])
        if length == UNREADABLE:
            raise PictureError(self.names.shown(row), "is no file that can be read")
        path = os.path.join(self.folder, os.fsdecode(self.names[row]))  # noqa: PTH118
        return read_slice(path, 0, length)

    def mark(self) -> bytes:
        """Names and lengths."""
        return _mark_of_files(self.names, self.lengths)


class Collector:
    """Picture files while they are being found: names, labels, and where their bytes are."""

    def __init__(self) -> None:
        """Begin with none."""
        self._names = GrowingNames()
        self._labels, self._files = array("q"), array("q")
        self._offsets, self._lengths = array("q"), array("q")

    def add(self, name: bytes, label: int, length: int, *, file: int = 0, offset: int = 0) -> None:
        """Add a picture; `file` is the place of its tar among the paths."""
        self._names.append(name)
        self._labels.append(label)
        self._lengths.append(length)
        self._files.append(file)
        self._offsets.append(offset)

    def slices(self, split: str, paths: Sequence[str]) -> Gathered:
        """What was added, as parts of the files `paths`."""
        files, offsets, lengths = map(np.array, (self._files, self._offsets, self._lengths))
        pictures = Slices(tuple(paths), files, offsets, lengths, self._names.names())
        return Gathered(split, np.array(self._labels, np.int64), pictures)

    def files(self, split: str, folder: Path) -> Gathered:
        """What was added, as files below a folder."""
        pictures = Files(str(folder), np.array(self._lengths, np.int64), self._names.names())
        return Gathered(split, np.array(self._labels, np.int64), pictures)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Pictures that are decoded already: uint8 (N, height, width, 1 or 3)."""

    pixels: np.ndarray
    names: Names

    def part(self, rows: np.ndarray) -> Arrays:
        """The pictures at `rows`, in that order."""
        return Arrays(self.pixels[rows], self.names.part(rows))

    def read(self, row: int) -> np.ndarray:
        """The picture's pixels."""
        return with_channels(np.ascontiguousarray(self.pixels[row]), 3)

    def mark(self) -> bytes:
        """Names and pixels."""
        pixels = hashlib.sha256(np.ascontiguousarray(self.pixels).data).digest()
        return pixels + self.names.text.tobytes()


@dataclass(frozen=True, eq=False)
class Table:
    """Pictures in parquet files: picture i is row `rows[i]` of the row groups `groups`."""

    image: str
    groups: tuple[Any, ...]
    starts: np.ndarray
    rows: np.ndarray
    names: Names

    @property
    def blocks(self) -> np.ndarray:
        """Which of the row groups, int64 (N,), each picture lies in; one is read as a whole."""
        return np.searchsorted(self.starts, self.rows, side="right") - 1

    def part(self, rows: np.ndarray) -> Table:
        """The pictures at `rows`, in that order, with the row groups that these lie in."""
        few = np.unique(self.blocks[rows])
        groups = tuple(self.groups[index] for index in few)
        return Table(self.image, groups, self.starts[few], self.rows[rows], self.names.part(rows))

    def read(self, row: int) -> bytes:
        """The picture's file. Raises SourceError where the parquet file is damaged."""
        return self._records.encoded(int(self.rows[row]))

    def mark(self) -> bytes:
        """Names, rows, and the files' sizes."""
        shards = sorted({Path(group.shard) for group in self.groups})
        sizes = "".join(f"{shard.name} {shard.stat().st_size} " for shard in shards)
        return b"".join([sizes.encode(), self.rows.tobytes(), self.names.text.tobytes()])

    @cached_property
    def _records(self) -> ParquetRecords:
        return ParquetRecords(self.image, self.groups, self.starts, ())


@dataclass(frozen=True, eq=False)
class Rows:
    """Pictures of a source of another kind: row i is row `rows[i]` of its records."""

    records: Records
    rows: np.ndarray
    names: Names
    stamp: bytes

    def part(self, rows: np.ndarray) -> Rows:
        """The pictures at `rows`, in that order."""
        return Rows(self.records, self.rows[rows], self.names.part(rows), self.stamp)

    def read(self, row: int) -> np.ndarray:
        """The picture's pixels."""
        return self.records.read(int(self.rows[row]), 3)

    def mark(self) -> bytes:
        """Names, rows, and what the source is known by."""
        return b"".join([self.stamp, self.rows.tobytes(), self.names.text.tobytes()])


UNKNOWN = -1
"""The label of a picture whose class is kept secret."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """One split. labels is int64 (N,), indices into the classes or UNKNOWN; what `blocks` gives
    one number had better be read together.
    """

    name: str
    labels: np.ndarray
    pictures: Pictures
    blocks: np.ndarray | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Gathering:
    """Everything that is to be prepared.

    layout says what kind of source it is; wordnet_ids has one for each class, or none at all.
    """

    name: str
    layout: str
    classes: tuple[str, ...]
    wordnet_ids: tuple[str, ...]
    splits: tuple[Gathered, ...]
    notes: tuple[str, ...]

    def fingerprint(self) -> str:
        """A SHA-256 that changes with the classes, the labels and what `Pictures.mark` tells."""
        mark = hashlib.sha256(repr((self.classes, self.wordnet_ids)).encode())
        for split in self.splits:
            mark.update(f"{split.name} {len(split)} ".encode())
            mark.update(split.labels.astype("<i8").tobytes())
            mark.update(hashlib.sha256(split.pictures.mark()).digest())
        return mark.hexdigest()


def length_of(path: str) -> int:
    """The bytes of a regular file, or UNREADABLE."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a million times
    except OSError:
        return UNREADABLE
    return found.st_size if stat.S_ISREG(found.st_mode) else UNREADABLE


def _mark_of_files(names: Names, lengths: np.ndarray) -> bytes:
    parts = (names.text, names.ends.astype("<i8"), lengths.astype("<i8"))
    return b"".join(part.tobytes() for part in parts)
