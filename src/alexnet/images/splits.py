"""What a source of labelled pictures is: records, the splits that number them, and the division
of one set into two by a seed. Where the records come from is for the other files of this room.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from alexnet.images.decode import with_channels

HELD_OUT = 0.2
"""The share of each class that becomes the test split where a source has none of its own."""


class SourceError(ValueError):
    """A data source that cannot be used: what was asked for, what is there, what would be right."""


class Records(Protocol):
    """Pictures by row number, wherever they lie."""

    def name(self, row: int) -> str:
        """Say where the picture is, for reports: a path, or a file and its row."""
        ...

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (height, width, channels), or raise PictureError."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayRecords:
    """Pictures that are already decoded: uint8 (N, height, width, 1 or 3)."""

    pixels: np.ndarray
    names: Sequence[str]

    def name(self, row: int) -> str:
        """Return the picture's name."""
        return self.names[row]

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (height, width, channels)."""
        return with_channels(np.ascontiguousarray(self.pixels[row]), channels)


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled pictures, read one at a time.

    labels is int64 (N,), each an index into classes; rows says which record each picture is.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    records: Records = field(repr=False)
    rows: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)

    def name(self, index: int) -> str:
        """Say where picture `index` is, for reports."""
        return self.records.name(int(self.rows[index]))

    def read(self, index: int, channels: int) -> np.ndarray:
        """Return picture `index` as uint8 (height, width, channels), or raise PictureError."""
        return self.records.read(int(self.rows[index]), channels)

    def part(self, indices: np.ndarray) -> "Split":
        """Return the pictures at `indices`, in that order."""
        return Split(self.classes, self.labels[indices], self.records, self.rows[indices])


@dataclass(frozen=True, eq=False)
class Source:
    """A training and a test split with the same classes; `note` says how they were divided."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    note: str


def whole(classes: tuple[str, ...], labels: np.ndarray, records: Records) -> Split:
    """Return the split that holds every record, in order."""
    return Split(classes, labels.astype(np.int64), records, np.arange(len(labels)))


def divide(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide pictures into kept and held-out indices, class by class, each in rising order.

    Of a class of n pictures round(share x n) are held out, but at least one (if n > 1 and share
    is not 0) and never all of them.
    """
    assert 0 <= share < 1, f"share is {share}; it must be at least 0 and less than 1"
    random = np.random.default_rng(seed)
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        wanted = max(1, int(share * len(members) + 0.5)) if share else 0
        held[members[: min(wanted, len(members) - 1)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_by_seed(name: str, every: Split, seed: int, what: str) -> Source:
    """Make a source of one set: HELD_OUT of each class becomes the test split."""
    kept, held = divide(every.labels, HELD_OUT, seed)
    single = int((np.bincount(every.labels) == 1).sum()) if len(every) else 0
    note = f"{what} split by seed {seed}: {HELD_OUT:.0%} of each class held out"
    if single:
        note += f"; {_count(single, 'class', 'classes')} of a single picture, kept for training"
    return Source(name, every.classes, every.part(kept), every.part(held), note)


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"
