"""Where each file of a tar lies: its headers are walked once, nothing is unpacked.

Tars inside tars are walked the same way, by the part of the outer file that they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alexnet.images.splits import SourceError

BLOCK = 512
LONGEST_HEADER = 2**20
"""Bytes of an extended header (a long name, say); more is no header."""

_FILES = b"0\0" + b"7"
_FOLDER = b"5"
_LINKS = b"12"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name there, and the bytes of the outermost file that it is."""

    name: bytes
    offset: int
    size: int

    @property
    def base(self) -> bytes:
        """The name without its folders."""
        return self.name.rpartition(b"/")[2]


def walk(path: Path, inside: Member | None = None) -> Iterator[Member]:
    """The regular files of a tar, or of the tar that is the member `inside` of it, in order.

    Knows the headers of POSIX (ustar, pax), of GNU tar and of the old tars.

    Raises SourceError, which names the file and the byte, where it is compressed, no tar, damaged
    or cut short, and for what has no bytes of its own (links).
    """
    place = str(path) if inside is None else f"{path}: {_shown(inside.name)}"
    try:
        with path.open("rb", buffering=0) as file:
            begin = inside.offset if inside else 0
            end = begin + inside.size if inside else file.seek(0, 2)
            yield from _Walk(file, place, begin, end).members()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_slice(path: str, offset: int, length: int) -> bytes:
    """`length` bytes of a file from `offset` on. Raises SourceError where they are not there."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a million times
            file.seek(offset)
            data = file.read(length)
            while data and len(data) < length and (more := file.read(length - len(data))):
                data += more
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) < length:
        message = f"{path}: ends before byte {offset + length:,}"
        raise SourceError(f"{message}; it became shorter since it was looked through")
    return data


class _Walk:
    """One pass over the headers of one tar."""

    def __init__(self, file: BinaryIO, place: str, begin: int, end: int) -> None:
        self.file = file
        self.place = place
        self.begin = begin
        self.at = begin
        self.end = end

    def members(self) -> Iterator[Member]:
        extended: dict[bytes, bytes] = {}
        while (header := self._header()) is not None:
            kind = header[156:157]
            size = self._size(header, extended)
            data = self.at + BLOCK
            after = data + -(-size // BLOCK) * BLOCK
            if data + size > self.end:
                name = _shown(_name(header, extended))
                raise self._error(
                    f"{name} should have {size:,} bytes, of which {self.end - data:,} are there;"
                    " the tar is cut short"
                )
            if kind in b"xgLK":
                extended |= self._extended(kind, data, size)
            else:
                name = _name(header, extended)
                self._check(kind, name, extended)
                if kind in _FILES and not name.endswith(b"/"):
                    yield Member(name, data, size)
                extended = {}
            self.at = min(after, self.end)

    def _header(self) -> bytes | None:
        """The next header; None at the empty block that ends a tar."""
        header = self._read(self.at, BLOCK)
        if len(header) < BLOCK:
            if self.at == self.begin:
                raise SourceError(f"{self.place}: is {_instead_of_tar(header)}")
            raise self._error("the tar is cut short: the empty blocks that end one are missing")
        if header == bytes(BLOCK):
            return None
        # The checksum is that of the header with blanks in the checksum's place.
        sound = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        if _octal(header[148:156]) != sound:
            if self.at == self.begin:
                raise SourceError(f"{self.place}: is {_instead_of_tar(header)}")
            raise self._error("there is no tar header, where one should be; the tar is damaged")
        return header

    def _size(self, header: bytes, extended: dict[bytes, bytes]) -> int:
        if header[156:157] in _FOLDER + _LINKS:
            return 0
        if b"size" in extended and header[156:157] not in b"xgLK":
            size = int(extended[b"size"]) if extended[b"size"].isdigit() else None
        elif header[124] == 0x80:  # GNU: a binary number, for sizes that octal has no room for
            size = int.from_bytes(header[125:136], "big")
        else:
            size = _octal(header[124:136])
        if size is None:
            raise self._error("the size in the tar header is no number; the tar is damaged")
        return size

    def _extended(self, kind: bytes, data: int, size: int) -> dict[bytes, bytes]:
        """What the header before a file says of it: its name or size, where they are long."""
        if size > LONGEST_HEADER:
            raise self._error(f"an extended header of {size:,} bytes; the tar is damaged")
        text = self._read(data, size)
        if kind == b"L":
            return {b"path": text.rstrip(b"\0")}
        return self._pax(text) if kind == b"x" else {}

    def _pax(self, text: bytes) -> dict[bytes, bytes]:
        entries: dict[bytes, bytes] = {}
        while text:
            length, _, _ = text.partition(b" ")
            if not length.isdigit() or not len(length) + 1 < int(length) <= len(text):
                raise self._error("an extended header that cannot be read; the tar is damaged")
            key, _, value = text[len(length) + 1 : int(length) - 1].partition(b"=")
            entries[key] = value
            text = text[int(length) :]
        return entries

    def _check(self, kind: bytes, name: bytes, extended: dict[bytes, bytes]) -> None:
        if kind in _LINKS:
            raise self._error(f"{_shown(name)} is a link; tar --dereference --hard-dereference")
        sparse = kind == b"S" or any(key.startswith(b"GNU.sparse") for key in extended)
        if sparse or kind not in _FILES + _FOLDER:
            what = "a sparse file" if sparse else f"of the kind {kind!r}"
            raise self._error(f"{_shown(name)} is {what}, not a plain file")

    def _read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(max(0, min(length, self.end - offset)))

    def _error(self, reason: str) -> SourceError:
        return SourceError(f"{self.place}, at byte {self.at:,} of the file: {reason}")


def _name(header: bytes, extended: dict[bytes, bytes]) -> bytes:
    if b"path" in extended:
        return extended[b"path"]
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _octal(field: bytes) -> int | None:
    digits = field.partition(b"\0")[0].strip()
    try:
        return int(digits or b"0", 8) if not digits.startswith((b"-", b"+")) else None
    except ValueError:
        return None


def _instead_of_tar(head: bytes) -> str:
    for magic, kind in _COMPRESSED.items():
        if head.startswith(magic):
            return (
                f"compressed ({kind}), so that no picture in it can be found without unpacking"
                " those before it; uncompress it to a plain .tar"
            )
    return f"no tar: its first {len(head):,} bytes are no tar header"


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
