"""A million names in little memory: their bytes in one run, and where each of them ends in it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Names:
    """N names: `text` is uint8, all of them end to end; `ends` is int64 (N,)."""

    text: np.ndarray
    ends: np.ndarray

    @staticmethod
    def of(names: Iterable[bytes]) -> Names:
        """Return these names, which are taken one at a time."""
        growing = GrowingNames()
        for name in names:
            growing.append(name)
        return growing.names()

    def __len__(self) -> int:
        """Return N."""
        return len(self.ends)

    def __getitem__(self, row: int) -> bytes:
        """Return the bytes of name `row`, 0 <= row < N."""
        begin = int(self.ends[row - 1]) if row else 0
        return self.text[begin : int(self.ends[row])].tobytes()

    def shown(self, row: int) -> str:
        """Return name `row` as text, printable even where its bytes are no UTF-8."""
        return self[row].decode("utf-8", "backslashreplace")

    def part(self, rows: np.ndarray) -> Names:
        """Return the names at `rows`, in that order."""
        return Names.of(self[row] for row in rows.tolist())


class GrowingNames:
    """Names that are still being collected."""

    def __init__(self) -> None:
        """Begin with none."""
        self._text = bytearray()
        self._ends = array("q")

    def append(self, name: bytes) -> None:
        """Add a name."""
        self._text += name
        self._ends.append(len(self._text))

    def names(self) -> Names:
        """Return those collected so far."""
        return Names(np.frombuffer(bytes(self._text), np.uint8), np.array(self._ends, np.int64))
