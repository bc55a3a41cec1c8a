"""Reads the text of a definition or parameter file as Python 2's ConfigParser did, which the
original parsers stand on; where that would have refused and the meaning is plain, it reads on and
notes what it assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.document import Document, Entry, Section
from alexnet.formats.cuda_convnet.notes import Notes, shown

MOST_CHARACTERS = 1 << 17
MOST_SECTIONS = 400
MOST_NAME = 100
"""Far beyond any file of the kind: the longest released one has 8 thousand characters and 73
sections."""

HEADER = re.compile(r"\[([^\]]+)\]")
HEADER_ALONE = re.compile(r"\[[^\]]+\]\s*(?:[#;].*)?$")
HEADER_AFTER = re.compile(r"[^\[\]=:#;]{1,40}(?=\[[^\]]+\]\s*$)")
ENTRY = re.compile(r"([^:=\s][^:=]{0,200})[:=](.*)$", re.DOTALL)
INDENTED_KEY = re.compile(r"[A-Za-z]\w{0,40}\s*[=:]")
REMARK = re.compile(r"rem(?:\s|$)", re.IGNORECASE)


def read_text(path: Path) -> str:
    """The text of a file: UTF-8 with or without a mark at its start, or else Latin-1.

    Raises:
        FormatError: it cannot be read, is too long, or is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(4 * MOST_CHARACTERS + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if b"\0" in data:
        raise FormatError(f"{path}: holds zero bytes; a definition or parameter file is plain text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_document(text: str, where: str) -> Document:
    """Reads the sections of a file.

    Keys are told apart without regard to case; `key=value` and `key: value` are alike; indented
    lines go on with the value above; `#` and `;` begin comments; a later value replaces an earlier
    one; `[DEFAULT]` holds for every section.

    Args:
        text: of the whole file.
        where: what to call it in messages.

    Raises:
        FormatError: a line that is none of these, or a file of absurd length.
    """
    if len(text) > MOST_CHARACTERS:
        raise FormatError(
            f"{where}: is longer than {MOST_CHARACTERS} characters; no definition or parameter"
            " file is"
        )
    builder = _Builder(where)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip() and line[0] not in "#;" and not REMARK.match(line):
            builder.read(line, number)
    return builder.document()


@dataclass
class _Open:
    """A section that is being read: its entries so far, and what of it stands twice."""

    name: str
    line: int
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    lines: dict[str, int] = field(default_factory=dict[str, int])


class _Builder:
    """Takes one line after the other."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.notes = Notes()
        self.opened: list[_Open] = []
        self.key: str | None = None
        self.depth = 0

    def read(self, line: str, number: int) -> None:
        """A line that is neither empty nor a comment at its first column."""
        content = line.strip()
        if line[0].isspace() and content[0] in "#;":
            self._note(
                "indented comments are skipped, though the original has them in values", number
            )
        elif line[0].isspace():
            self._read_indented(content, number)
        elif content[0] == "[":
            self._open(content, number)
        elif not self.opened:
            self._read_before(content, number)
        else:
            self._enter(content, number)

    def _note(self, sentence: str, number: int) -> None:
        self.notes.group(sentence, f"line {number}")

    def _error(self, number: int, sentence: str) -> FormatError:
        return FormatError(f"{self.where}:{number}: {sentence}")

    def _read_indented(self, content: str, number: int) -> None:
        """Goes on with the value above, unless it is plainly a line of its own."""
        alone = HEADER_ALONE.match(content) or INDENTED_KEY.match(content)
        if alone and (self.key is None or self.depth <= 0):
            self._note("indented lines are read as lines of their own", number)
            self.read(content, number)
        elif self.key is None:
            self.read(content, number)
        else:
            self._append(self.opened[-1].parts[self.key], content, number)

    def _note_hash(self, number: int) -> Callable[[], None]:
        return lambda: self._note(
            "comments that begin with '#' behind a value are skipped, though the original has them"
            " in the value",
            number,
        )

    def _open(self, content: str, number: int) -> None:
        match = HEADER.match(content)
        if match is None:
            raise self._error(number, f"'{shown(content)}' opens a section name and lacks its ']'")
        name = match[1].strip()
        if not name or len(name) > MOST_NAME:
            raise self._error(
                number, f"a section's name has 1 to {MOST_NAME} characters; this has {len(name)}"
            )
        if len(self.opened) >= MOST_SECTIONS:
            raise self._error(number, f"there are more than {MOST_SECTIONS} sections")
        self.opened.append(_Open(name, number))
        self.key = None

    def _read_before(self, content: str, number: int) -> None:
        """Text before the first section: some may stand before its name, the rest is skipped."""
        stray = HEADER_AFTER.match(content)
        if stray is None:
            self.notes.group(
                "text before the first section is skipped", f"'{shown(content)}' (line {number})"
            )
            return
        self.notes.add(f"'{shown(stray[0])}' before the first section's name is skipped")
        self._open(content[stray.end() :], number)

    def _enter(self, content: str, number: int) -> None:
        match = ENTRY.match(content)
        section = self.opened[-1]
        if match is None:
            raise self._error(
                number,
                f"[{section.name}] has '{shown(content)}', which is no key=value, no [section] and"
                " no comment; comments begin with '#'",
            )
        key = match[1].strip().lower()
        if key in section.parts:
            self.notes.group(
                "keys that stand twice in a section have the later value",
                f"'{shown(key)}' of [{section.name}] (line {number})",
            )
        section.parts[key] = []
        section.lines[key] = number
        self.key, self.depth = key, 0
        self._append(section.parts[key], match[2].strip(), number)

    def _append(self, parts: list[str], text: str, number: int) -> None:
        """One more line of a value; `depth` counts the brackets that are still open."""
        part = _uncommented(text, self._note_hash(number))
        self.depth += part.count("[") - part.count("]")
        parts.append(part)

    def document(self) -> Document:
        """All that was read; sections of one name become one."""
        merged: dict[str, Section] = {}
        for opened in self.opened:
            entries = {
                key: Entry("\n".join(parts), opened.lines[key])
                for key, parts in opened.parts.items()
            }
            first = merged.get(opened.name)
            if first is not None:
                self._note_again(opened, first.entries, entries)
                entries = {**first.entries, **entries}
            line = opened.line if first is None else first.line
            merged[opened.name] = Section(opened.name, line, entries)
        defaults = merged.pop("DEFAULT", None)
        return Document(
            self.where,
            tuple(merged.values()),
            self.notes.sentences(),
            {} if defaults is None else defaults.entries,
        )

    def _note_again(
        self, opened: _Open, first: Mapping[str, Entry], again: Mapping[str, Entry]
    ) -> None:
        """Says what a second section of a name does to the first, as ConfigParser has it."""
        changed = [k for k, entry in again.items() if k in first and first[k].value != entry.value]
        if changed:
            keys = ", ".join(shown(key) for key in changed[:4])
            self.notes.group(
                "sections that stand twice and differ have the later values",
                f"[{opened.name}] from line {opened.line} ({keys})",
            )
        elif again.keys() <= first.keys():
            self.notes.group("sections that stand twice, alike, are read once", opened.name)
        else:
            self.notes.group(
                "sections that stand twice are read as one with all their keys", opened.name
            )


def _uncommented(text: str, note_hash: Callable[[], None]) -> str:
    """A value without the comment behind it: `;` or `#` after a blank, outside brackets."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character in "#;" and (index == 0 or (depth <= 0 and text[index - 1].isspace())):
            if character == "#":
                note_hash()
            text = text[:index].strip()
            break
    return "" if text == '""' else text
