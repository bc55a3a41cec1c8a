"""The members of a zip file, as torch and numpy write theirs: every place is checked against the
file before a byte is used, and nothing is written to a disk.
"""

from __future__ import annotations

import mmap
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alexnet.formats.checkpoint import FormatError

LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END_64, LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"

MOST_MEMBERS = 100_000
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
ENCRYPTED, DESCRIBED_AFTER = 0x1, 0x8

RATIO, SMALL = 100, 2**20
"""A packed member may grow to this many times its size and so many bytes; weights hardly shrink."""

OUTSIDE = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|\x00")
"""Names that would lead out of a folder, were the file unpacked."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: where its header and its bytes lie, and its size once unpacked."""

    name: str
    packed: bool
    header: int
    start: int
    stop: int
    size: int
    checksum: int


def mapped(path: Path) -> mmap.mmap:
    """The bytes of a file, not read before they are looked at. What is kept of them must be copied:
    they change with the file, and a file that becomes shorter ends the process that looks.

    Raises:
        FormatError: no regular file, empty, or one that cannot be read.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or not about.st_size:
            raise FormatError(f"{path}: is empty or no regular file; weights are kept in one")
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FormatError(f"{path}: cannot be read ({reason})") from error


def members(data: mmap.mmap, path: Path) -> dict[str, Member]:
    """The members by name, in the order in which they lie in the file.

    Raises:
        FormatError: cut short, a contradiction, members that overlap or have one name, names that
            lead outside, or a method other than stored and deflated.
    """
    try:
        found = sorted(_entries(data, path), key=lambda member: member.header)
    except (struct.error, IndexError) as error:
        raise _damaged(path, "its directory is cut short") from error
    if not found:
        raise _damaged(path, "it has no members")
    named: dict[str, Member] = {}
    last = 0
    for member in found:
        if member.name in named:
            raise _damaged(path, f"two members are called {shown(member.name)}")
        if member.header < last:
            raise _damaged(path, f"{shown(member.name)} overlaps the member before it")
        last = member.stop
        named[member.name] = member
    return named


def unpacked(data: mmap.mmap, member: Member, path: Path) -> bytes:
    """The bytes of a member; of a packed one never more than its packed size allows.

    Raises:
        FormatError: it unpacks to another size or checksum than the directory says.
    """
    said = f"{path}: '{member.name}'"
    if member.size > RATIO * (member.stop - member.start) + SMALL:
        raise FormatError(f"{said} would unpack to {member.size:,} bytes; no weights shrink so")
    content = data[member.start : member.stop]
    if member.packed:
        machine = zlib.decompressobj(-15)
        try:
            content = machine.decompress(content, member.size + 1)
        except zlib.error as error:
            raise FormatError(f"{said} is not what was packed ({error}); it is damaged") from None
        if not machine.eof and len(content) <= member.size:
            raise FormatError(f"{said} ends before it is unpacked; it is cut short")
    if len(content) != member.size or zlib.crc32(content) != member.checksum:
        raise FormatError(f"{said} has another size or checksum than the directory says")
    return content


def shown(name: str) -> str:
    """A name for an error: on one line, and not for ever."""
    return ascii(name) if len(name) <= 80 else ascii(name[:80]) + "..."


def _entries(data: mmap.mmap, path: Path) -> Iterator[Member]:
    start, size, count = _directory(data, path)
    if count > MOST_MEMBERS:
        raise _damaged(path, f"it says that it has {count:,} members")
    at = start
    for _ in range(count):
        (signature, flags, method, checksum, packed, whole, name_size, extra_size, rest) = (
            struct.unpack_from("<4s4xHH4xIIIHHH", data, at)
        )
        offset: int = struct.unpack_from("<I", data, at + 42)[0]
        end = at + 46 + name_size + extra_size + rest
        if signature != ENTRY or end > start + size:
            raise _damaged(path, "an entry of its directory is none")
        raw = data[at + 46 : at + 46 + name_size]
        extra = data[at + 46 + name_size : at + 46 + name_size + extra_size]
        packed, whole, offset = _widened(extra, packed, whole, offset, path)
        at = end
        name = _name(raw, path)
        if flags & ENCRYPTED or method not in (0, 8):
            raise _damaged(path, f"{shown(name)} is packed by method {method}, or encrypted")
        if method == 0 and packed != whole:
            raise _damaged(path, f"{shown(name)} is stored and has two sizes")
        begins = _local(data, offset, raw, method, start, path)
        if begins + packed > start:
            raise _damaged(path, f"{shown(name)} reaches beyond the members")
        yield Member(name, method == 8, offset, begins, begins + packed, whole, checksum)
    if at != start + size:
        raise _damaged(path, "its directory is longer than its entries")


def _directory(data: mmap.mmap, path: Path) -> tuple[int, int, int]:
    """Where the directory starts, its bytes and its entries; it must end where the file's ends."""
    end = len(data) - 22
    if end < 0 or data[end : end + 4] != END or struct.unpack_from("<H", data, end + 20)[0]:
        raise _damaged(path, "it does not end as one")
    disks, _, here, count, size, start = struct.unpack_from("<HHHHII", data, end + 4)
    locator = end - 20
    if locator >= 0 and data[locator : locator + 4] == LOCATOR_64:  # torch always writes one
        at: int = struct.unpack_from("<Q", data, locator + 8)[0]
        if at > locator - 56 or data[at : at + 4] != END_64:
            raise _damaged(path, "its 64-bit directory is not where it says")
        disks, _, here_64, count_64, size_64, start_64 = struct.unpack_from(
            "<IIQQQQ", data, at + 16
        )
        for narrow, wide, full in (
            (count, count_64, FULL_16),
            (size, size_64, FULL_32),
            (start, start_64, FULL_32),
        ):
            if narrow not in (wide, full):
                raise _damaged(path, "its two directories contradict each other")
        here, count, size, start = here_64, count_64, size_64, start_64
        end = at
    if disks or here != count or start + size != end:
        raise _damaged(path, "its directory is not where it says")
    return start, size, count


def _widened(
    extra: bytes, packed: int, whole: int, offset: int, path: Path
) -> tuple[int, int, int]:
    """The 64-bit sizes and place, where those of 32 bits say that there are some."""
    wide: list[int] = []
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            if wide or at + 4 + size > len(extra):
                raise _damaged(path, "an entry has two 64-bit sizes")
            wide = [x[0] for x in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + size // 8 * 8])]
        at += 4 + size
    found: list[int] = []
    for value in (whole, packed, offset):
        if value == FULL_32:
            if not wide:
                raise _damaged(path, "an entry lacks its 64-bit size")
            value = wide.pop(0)
        found.append(value)
    return found[1], found[0], found[2]


def _name(raw: bytes, path: Path) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _damaged(path, f"a member is called {raw[:80]!r}, which is no UTF-8") from None
    if not name or OUTSIDE.search(name):
        raise _damaged(path, f"a member is called {shown(name)}, which leads out of the file")
    return name


def _local(
    data: mmap.mmap, offset: int, raw: bytes, method: int, directory: int, path: Path
) -> int:
    """Where the bytes of the member begin whose own header lies at `offset`."""
    if offset + 30 > directory:
        raise _damaged(path, f"{shown(str(raw, 'latin-1'))} lies beyond the members")
    signature, flags, own_method, name_size, extra = struct.unpack_from(
        "<4s2xHH16xHH", data, offset
    )
    named = data[offset + 30 : offset + 30 + name_size]
    if signature != LOCAL or named != raw or own_method != method or flags & ENCRYPTED:
        raise _damaged(path, f"{shown(str(raw, 'latin-1'))} contradicts the directory")
    return offset + 30 + name_size + extra


def _damaged(path: Path, why: str) -> FormatError:
    return FormatError(f"{path}: is not a whole zip file: {why}; it may be cut short")
