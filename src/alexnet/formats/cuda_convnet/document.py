"""A definition or parameter file as lines of text with their places: sections of entries, and what
was odd about them. It knows no layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key=value`: the value as written, comments and blanks removed, and its line from 1."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One `[name]` with its entries; keys in lower case, as Python's ConfigParser reads them."""

    name: str
    line: int
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file.

    Attributes:
        where: what to call it in a message, its path say.
        sections: in the order of the file; names are unique.
        notes: what was assumed where the original parsers would have refused.
        defaults: the entries of `[DEFAULT]`, which every section has that does not say otherwise.
    """

    where: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    defaults: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
