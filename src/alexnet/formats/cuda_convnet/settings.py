"""What one section says, as numbers and words: every value is checked, and a wrong one is named
with its file, line, section and key. It knows no layer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.document import Entry, Section
from alexnet.formats.cuda_convnet.notes import nearest, shown

MOST = 1_000_000
"""No whole number of a layer is larger; it keeps sums over a hostile file short."""
MOST_LIST = 64
MOST_VALUE = 4096
DEPTH = 10
"""How deep Python's SafeConfigParser lets values name one another."""

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
PLACE = re.compile(r"\(([^)]{1,200})\)s")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "yes", "true", "on"), True),
    **dict.fromkeys(("0", "no", "false", "off"), False),
}

Value = TypeVar("Value")


class Budget:
    """How much work one pair of files may make: longer lists than any real file has are refused
    before they are made.
    """

    def __init__(self, units: int = 100_000) -> None:
        """Args: units: about a microsecond each."""
        self.left = units

    def spend(self, units: int) -> bool:
        """Takes them; False where they are not left."""
        self.left -= units
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class Settings:
    """One section of a file; keys are asked for as the original parsers spell them.

    Attributes:
        where: the file.
        section: the section, its name and line.
        entries: what of it counts, keys in lower case; `[DEFAULT]` has its say in them.
        defaults: all of `[DEFAULT]`, which values may name.
        budget: of the whole reading.
    """

    where: str
    section: Section
    entries: Mapping[str, Entry]
    defaults: Mapping[str, Entry]
    budget: Budget

    @property
    def place(self) -> str:
        """The file, the line and the section, as messages name them."""
        return f"{self.where}:{self.section.line}, [{self.section.name}]"

    def error(self, sentence: str, key: str | None = None) -> FormatError:
        """An error at the section, or at one of its keys."""
        entry = None if key is None else self.entries.get(key.lower())
        if entry is None:
            return FormatError(f"{self.place}: {sentence}")
        place = f"{self.where}:{entry.line}, [{self.section.name}]"
        return FormatError(f"{place}: {key} is '{shown(entry.value)}'; {sentence}")

    def has(self, key: str) -> bool:
        """Whether the key stands there."""
        return key.lower() in self.entries

    def text(self, key: str) -> str | None:
        """The value, what it names of the same section put in its place; None where it lacks."""
        entry = self.entries.get(key.lower())
        if entry is None:
            return None
        if len(entry.value) > MOST_VALUE:
            raise self.error(f"it is longer than {MOST_VALUE} characters", key)
        return entry.value if "%" not in entry.value else self._interpolated(entry.value, key, 1)

    def needed(self, key: str) -> str:
        """The value; FormatError where it lacks."""
        value = self.text(key)
        if value is None:
            others = [other for other in self.section.entries if other not in self.entries]
            close = nearest(key.lower(), others)
            hint = f"; is '{close}' meant?" if close else ""
            raise self.error(f"the key {key} is missing{hint}")
        return value

    def whole(self, key: str, default: int | None = None, low: int = 0, high: int = MOST) -> int:
        """A whole number from `low` to `high`."""
        if default is not None and not self.has(key):
            return default
        return self._whole(self.needed(key), key, low, high)

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        if default is not None and not self.has(key):
            return default
        return self._number(self.needed(key), key)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """1, yes, true, on; or 0, no, false, off."""
        if default is not None and not self.has(key):
            return default
        value = FLAGS.get(self.needed(key).strip().lower())
        if value is None:
            raise self.error("it must be true or false, 1 or 0", key)
        return value

    def word(self, key: str, known: tuple[str, ...]) -> str:
        """One of the known words."""
        value = self.needed(key).strip()
        if value not in known:
            raise self.error(f"it must be one of {', '.join(known)}", key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, commas between them."""
        parts = tuple(part.strip() for part in self.needed(key).split(","))
        if len(parts) > MOST_LIST:
            raise self.error(f"it has {len(parts)} parts; there may be {MOST_LIST}", key)
        return parts

    def wholes(
        self, key: str, count: int, expand: bool, default: int | None = None, low: int = 0
    ) -> tuple[int, ...]:
        """A list of whole numbers, one for each of `count` inputs; where `expand`, one stands for
        all (cuda-convnet2).
        """
        return self._listed(key, count, expand, default, lambda x: self._whole(x, key, low, MOST))

    def numbers(
        self, key: str, count: int, expand: bool, default: float | None = None
    ) -> tuple[float, ...]:
        """A list of numbers, likewise."""
        return self._listed(key, count, expand, default, lambda x: self._number(x, key))

    def flags(self, key: str, count: int, expand: bool, default: bool) -> tuple[bool, ...]:
        """A list of flags, likewise; in lists the originals know true and 1 only."""

        def flag(text: str) -> bool:
            if text.lower() not in ("true", "1", "false", "0"):
                raise self.error("it must be a list of 1 or 0", key)
            return text.lower() in ("true", "1")

        return self._listed(key, count, expand, default, flag)

    def _listed(
        self,
        key: str,
        count: int,
        expand: bool,
        default: Value | None,
        read: Callable[[str], Value],
    ) -> tuple[Value, ...]:
        if default is not None and not self.has(key):
            return (default,) * count
        self.needed(key)
        values = tuple(read(text) for text in self.texts(key))
        if len(values) == 1 and expand:
            return values * count
        self.check_count(key, len(values), count)
        return values

    def check_count(self, key: str, given: int, count: int) -> None:
        """A list must have one value for each input."""
        if given != count:
            raise self.error(
                f"it has {given} {'value' if given == 1 else 'values'} and the layer has {count}"
                f" {'input' if count == 1 else 'inputs'}; give one for each",
                key,
            )

    def _whole(self, text: str, key: str, low: int, high: int) -> int:
        text = text.strip()
        if not WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise self.error(f"it must be a whole number from {low} to {high}", key)
        return int(text)

    def _number(self, text: str, key: str) -> float:
        text = text.strip()
        value = float(text) if len(text) <= 100 and NUMBER.fullmatch(text) else math.nan
        if not abs(value) <= 1e30:
            raise self.error("it must be a number", key)
        return value

    def _interpolated(self, value: str, key: str, depth: int) -> str:
        """`%(key)s` replaced as Python 2's SafeConfigParser does, at most ten deep."""
        if depth > DEPTH:
            raise self.error(f"its %(…)s go more than {DEPTH} deep", key)
        parts = list[str]()
        while value:
            before, percent, value = value.partition("%")
            if not self.budget.spend(len(before) + 100):
                raise self.error("the file's %(…)s grow without end", key)
            parts.append(before)
            if percent and value.startswith("%"):
                parts.append("%")
                value = value[1:]
            elif percent:
                match = PLACE.match(value)
                if match is None:
                    raise self.error("'%' must be followed by '%' or by '(key)s'", key)
                parts.append(self._named(match[1], key, depth))
                value = value[match.end() :]
        return "".join(parts)

    def _named(self, name: str, key: str, depth: int) -> str:
        """What the same section, or `[DEFAULT]`, has under a name."""
        if name == "__name__":
            return self.section.name
        name = name.lower()
        entry = self.entries.get(name) or self.section.entries.get(name) or self.defaults.get(name)
        if entry is None:
            raise self.error(f"the section has no key '{shown(name)}' to put in", key)
        return self._interpolated(entry.value, key, depth + 1)
