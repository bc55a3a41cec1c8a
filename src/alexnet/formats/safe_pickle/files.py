"""A pickle in a file: plain, compressed by gzip, or as the member `data` of a zip file, as
cuda-convnet keeps its checkpoints (util.py, `unpickle`). Nothing is unpacked beyond a bound.
"""

from __future__ import annotations

import gzip
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from alexnet.formats.checkpoint import FormatError

MEMBER = "data"
"""What the pickle is called inside a zip file (cuda-convnet util.py)."""

RATIO, SMALL = 100, 2**26
"""Packed files may grow to this many times their size and so many bytes; weights hardly shrink."""

CHUNK = 2**20

_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, ValueError)
_DAMAGED_ZIP = (*_DAMAGE, RuntimeError, LookupError, OverflowError)


def content(path: Path, largest: int) -> bytes:
    """The pickle in a file, unpacked.

    Raises:
        FormatError: no regular file, unreadable, damaged, or larger than `largest` bytes.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise FormatError(f"{path}: is no regular file; a pickle is one")
        if about.st_size > largest:
            raise FormatError(f"{path}: has {about.st_size:,} bytes; {largest:,} is the most")
        bound = min(largest, RATIO * about.st_size + SMALL)
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head[:2] == b"\x1f\x8b":
                return _unzipped(path, file, bound)
            if head == b"PK\x03\x04":
                return _member(path, file, bound)
            return file.read()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error


def first_bytes(head: bytes) -> bytes:
    """The first bytes of the pickle in a file whose first bytes are these; b"" if it holds none."""
    try:
        if head[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(head, len(head))
        if head[:4] != b"PK\x03\x04":
            return head
        method, name, extra = (int.from_bytes(head[at : at + 2], "little") for at in (8, 26, 28))
        packed = head[30 + name + extra :]
        if head[30 : 30 + name] != MEMBER.encode():
            return b""
        return packed if method == 0 else zlib.decompressobj(-15).decompress(packed, len(head))
    except zlib.error:
        return b""


def _unzipped(path: Path, file: IO[bytes], bound: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            return _bounded(path, packed.read, bound)
    except _DAMAGE as error:
        raise _damaged(path, "gzip", error) from error


def _member(path: Path, file: IO[bytes], bound: int) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name == MEMBER]
            if len(names) != 1:
                count = len(archive.namelist())
                raise FormatError(
                    f"{path}: is a zip file of {count:,} members, and not one of them is called"
                    f" '{MEMBER}', as in a checkpoint of cuda-convnet"
                )
            about = archive.getinfo(MEMBER)
            if about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(
                    f"'{MEMBER}' is packed by method {about.compress_type}, not deflate"
                )
            with archive.open(about) as packed:
                return _bounded(path, packed.read, bound)
    except _DAMAGED_ZIP as error:
        raise _damaged(path, "zip", error) from error


def _bounded(path: Path, read: Callable[[int], bytes], bound: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while piece := read(CHUNK):
        pieces.append(piece)
        total += len(piece)
        if total > bound:
            raise FormatError(f"{path}: unpacks to more than {bound:,} bytes; no checkpoint does")
    return b"".join(pieces)


def _damaged(path: Path, kind: str, error: Exception) -> FormatError:
    if isinstance(error, FormatError):
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    return FormatError(f"{path}: is not a whole {kind} file ({reason[:200]}); it may be cut short")
