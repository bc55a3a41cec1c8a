"""What a file says that a network or its rules cannot hold, and what was assumed: sentences,
gathered so that a long file gives few of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

SHOWN = 4
"""How many layers a sentence names before it counts the rest."""


class Notes:
    """Gathers sentences in the order in which they first came up."""

    def __init__(self) -> None:
        """Empty."""
        self._items: dict[str, list[str]] = {}
        self._most: dict[str, int] = {}

    def add(self, sentence: str) -> None:
        """A sentence that stands alone; said once, however often it is added."""
        self._items.setdefault(sentence, [])

    def group(self, sentence: str, item: str, most: int = SHOWN) -> None:
        """The same sentence for one more layer, or line; `most` of them are named at its end."""
        self._items.setdefault(sentence, []).append(item)
        self._most[sentence] = most

    def sentences(self) -> tuple[str, ...]:
        """All of them, each with what it holds for."""
        return tuple(
            f"{sentence}: {listed(items, self._most[sentence])}" if items else sentence
            for sentence, items in self._items.items()
        )


def listed(items: list[str], most: int = SHOWN) -> str:
    """conv1a, conv1b, conv2a, conv2b and 9 more."""
    if len(items) <= most + 1:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def shown(value: str, most: int = 60) -> str:
    """A value as a message quotes it: one line, never long, and nothing that moves a cursor."""
    line = " ".join(value[: 2 * most].split())
    line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
    return line if len(line) <= most and len(value) <= 2 * most else f"{line[: most - 1]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like one, if any is; long and late ones are not looked at."""
    candidates = [other for other in islice(known, 300) if len(other) <= 40]
    close = difflib.get_close_matches(word, candidates, n=1) if len(word) <= 40 else []
    return close[0] if close else None
