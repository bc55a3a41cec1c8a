"""A message of Caffe's as a tree of named values with their places, whichever way it was written
down; it remembers what was looked at, so that the rest can be told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError

Numbers = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a field. An enumeration's value is its name, or its number where it has none.

    Attributes:
        value: the value; a `Message` for a field that is one, an array for a blob's numbers.
        line: of the text, from 1; 0 in a binary file.
    """

    value: Value
    line: int = 0


@dataclass(eq=False)
class Message:
    """One message.

    Attributes:
        kind: its name in the schema.
        fields: the values of every field that it has, in order.
        unknown: names, or numbers, of the fields that the schema does not have.
        where: what an error names: the file, and of a text the line.
    """

    kind: str
    where: str = ""
    fields: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    unknown: list[str] = field(default_factory=list[str])
    seen: set[str] = field(default_factory=set[str])

    def __contains__(self, name: str) -> bool:
        """Whether it has any value of a field; that alone does not count as looking at it."""
        return name in self.fields

    def add(self, name: str, value: Value) -> Message:
        """One more value of a field; returns the message itself."""
        self.fields.setdefault(name, []).append(Entry(value))
        return self

    def integer(self, name: str, default: int) -> int:
        """The last value of an integer field."""
        value = self._last(name)
        return default if not isinstance(value, int) else value

    def number(self, name: str, default: float) -> float:
        """The last value of a floating-point field.

        Raises:
            FormatError: it is not finite.
        """
        value = self._last(name)
        return self._finite(name, value) if isinstance(value, int | float) else default

    def numbers(self, name: str) -> list[float]:
        """All values of a floating-point field; see `number`."""
        return [self._finite(name, v) for v in self._all(name) if isinstance(v, int | float)]

    def integers(self, name: str) -> list[int]:
        """All values of an integer field."""
        return [value for value in self._all(name) if isinstance(value, int)]

    def flag(self, name: str, default: bool) -> bool:
        """The last value of a yes-or-no field."""
        value = self._last(name)
        return value if isinstance(value, bool) else default

    def text(self, name: str, default: str = "") -> str:
        """The last value of a string, or the name of an enumeration's."""
        value = self._last(name)
        return default if value is None else str(value)

    def texts(self, name: str) -> list[str]:
        """All values of a string field."""
        return [str(value) for value in self._all(name)]

    def arrays(self, name: str) -> list[Numbers]:
        """The numbers of a blob, in the runs in which they lie in the file."""
        return [value for value in self._all(name) if isinstance(value, np.ndarray)]

    def messages(self, name: str) -> list[Message]:
        """All values of a field of messages."""
        return [value for value in self._all(name) if isinstance(value, Message)]

    def message(self, name: str) -> Message:
        """The one message of a field, several of them merged; an empty one where there is none."""
        found = self.messages(name)
        if len(found) == 1:
            return found[0]
        merged = Message(name, self.where)
        for part in found:
            merged.unknown += part.unknown
            for key, entries in part.fields.items():
                merged.fields.setdefault(key, []).extend(entries)
        if found:
            merged.kind = found[0].kind
            self.fields[name] = [Entry(merged)]
        return merged

    def look_over(self, *names: str) -> None:
        """Counts fields as looked at, those below them too."""
        for name in names:
            self.seen.add(name)
            for below in self.messages(name):
                below.unknown.clear()
                below.look_over(*below.fields)

    def left(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """The path and a short value of every field that nobody has looked at."""
        for name in dict.fromkeys(self.unknown):
            yield f"{prefix}{name}", ""
        for name, entries in self.fields.items():
            values = [entry.value for entry in entries]
            if name not in self.seen:
                yield f"{prefix}{name}", ", ".join(map(_shown, values[:4]))
                continue
            for value in values:
                if isinstance(value, Message):
                    yield from value.left(f"{prefix}{name}.")

    def error(self, sentence: str) -> FormatError:
        """A FormatError that says where."""
        return FormatError(f"{self.where}: {sentence}")

    def _last(self, name: str) -> object:
        self.seen.add(name)
        entries = self.fields.get(name)
        return entries[-1].value if entries else None

    def _all(self, name: str) -> list[object]:
        self.seen.add(name)
        return [entry.value for entry in self.fields.get(name, [])]

    def _finite(self, name: str, value: float) -> float:
        if not math.isfinite(value):
            raise self.error(f"{name} is {value}; it must be a finite number")
        return float(value)


Value = int | bool | float | str | Message | Numbers
"""What a field holds."""


def _shown(value: object) -> str:
    if isinstance(value, Message):
        return "{…}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, np.ndarray):
        return f"{value.size:,} numbers"
    return f"{value:.9g}" if isinstance(value, float) else str(value)[:40]
