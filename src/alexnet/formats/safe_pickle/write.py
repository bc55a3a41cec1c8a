"""Plain values as a pickle that Python 2 loads, protocol 2, in the words of its own cPickle: text
is a `str` of bytes wherever it can be, arrays are numpy's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import cast

import numpy as np

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.safe_pickle.values import (
    Array,
    Named,
    Record,
    is_dict,
    is_list,
    is_tuple,
    told,
)

LONGEST = 2**31 - 1
"""Bytes of a text or an array; protocol 2 counts no further."""

Write = Callable[[bytes], object]


def dump(value: object, write: Write) -> None:
    """Writes a value piece by piece, a file's `write` say; `load` gives it back.

    None, booleans, numbers, text, bytes, lists, tuples, dicts, records and names of classes are
    written, and arrays of numbers. Text within latin-1 and bytes both become a `str` of Python 2.
    A list, dict, array or record that appears twice is written once.

    Raises:
        FormatError: a value of another kind, or a text or an array of more than 2 GiB.
    """
    write(b"\x80\x02")
    _Writer(write).value(value)
    write(b".")


def dump_boxed(value: object, write: Write) -> None:
    """Writes a value as the only one in an array of objects, as `np.save` keeps a dict.

    Raises:
        FormatError: as `dump`.
    """
    write(b"\x80\x02")
    writer = _Writer(write)
    writer.value(Named("numpy.core.multiarray", "_reconstruct"))
    writer.value((Named("numpy", "ndarray"), (0,), "b"))
    write(b"R")
    writer.items(b"(", [1, ()], b"")
    writer.value(Named("numpy", "dtype"))
    writer.value(("O8", 0, 1))
    write(b"R")
    writer.value((3, "|", None, None, None, -1, -1, 63))
    write(b"b")
    writer.value(False)
    writer.value([value])
    write(b"tb.")


class _Writer:
    """Remembers what was written, by identity; all of it is alive as long as the whole is."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.places: dict[int, int] = {}

    def value(self, value: object) -> None:
        if id(value) in self.places:
            self.write(_index(b"h", b"j", self.places[id(value)]))
        elif value is None or isinstance(value, bool):
            self.write({None: b"N", True: b"\x88", False: b"\x89"}[value])
        elif isinstance(value, int):
            self.write(_whole(value))
        elif isinstance(value, float):
            self.write(b"G" + struct.pack(">d", value))
        elif isinstance(value, str | bytes):
            self.text(value)
        elif isinstance(value, Named):
            self.write(f"c{value.module}\n{value.name}\n".encode("latin-1"))
        elif is_tuple(value):
            self.items(b"(", value, b"t")
        else:
            self.container(value)

    def container(self, value: object) -> None:
        if is_list(value):
            self.remembered(b"]", value)
            self.items(b"(", value, b"e")
        elif is_dict(value):
            self.remembered(b"}", value)
            self.items(b"(", [part for entry in value.items() for part in entry], b"u")
        elif isinstance(value, Record):
            self.items(b"(", [value.kind], b"o")
            self.remembered(b"", value)
            self.value(value.attributes)
            self.write(b"b")
        elif isinstance(value, np.ndarray):
            self.array(cast("Array", value))
        else:
            raise FormatError(f"{told(value)} cannot be written into a pickle for Python 2")

    def items(self, before: bytes, values: list[object] | tuple[object, ...], after: bytes) -> None:
        self.write(before)
        for value in values:
            self.value(value)
        self.write(after)

    def remembered(self, opcode: bytes, value: object) -> None:
        self.places[id(value)] = len(self.places)
        self.write(opcode + _index(b"q", b"r", self.places[id(value)]))

    def text(self, value: str | bytes) -> None:
        try:
            content = value.encode("latin-1") if isinstance(value, str) else value
        except UnicodeEncodeError:
            content = cast("str", value).encode("utf-8")
            self.write(b"X" + struct.pack("<I", len(content)) + content)
            return
        self.write(_byte_string_head(len(content)))
        self.write(content)

    def array(self, array: Array) -> None:
        """In memory order, as numpy does: rows, or columns where only those lie together."""
        code = f"{array.dtype.kind}{array.dtype.itemsize}"
        if array.dtype.kind not in "biuf":
            raise FormatError(f"{told(array)} cannot be written into a pickle for Python 2")
        columns = array.flags.f_contiguous and not array.flags.c_contiguous
        order = "|" if array.dtype.itemsize == 1 else "<"
        named = [Named("numpy.core.multiarray", "_reconstruct"), Named("numpy", "ndarray")]
        self.value(named[0])
        self.value((named[1], (0,), "b"))
        self.remembered(b"R", array)
        self.items(b"(", [1, array.shape], b"")
        self.value(Named("numpy", "dtype"))
        self.value((code, 0, 1))
        self.write(b"R")
        self.value((3, order, None, None, None, -1, -1, 0))
        self.write(b"b")
        self.value(columns)
        self.write(_byte_string_head(array.nbytes))
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        self.write(little.tobytes(order="F" if columns else "C"))
        self.write(b"tb")


def _index(short: bytes, long: bytes, place: int) -> bytes:
    return short + bytes([place]) if place < 256 else long + struct.pack("<I", place)


def _whole(value: int) -> bytes:
    if 0 <= value < 2**8:
        return b"K" + bytes([value])
    if 0 <= value < 2**16:
        return b"M" + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def _byte_string_head(size: int) -> bytes:
    if size > LONGEST:
        raise FormatError(f"{size:,} bytes are more than a pickle for Python 2 holds in one piece")
    return b"U" + bytes([size]) if size < 256 else b"T" + struct.pack("<I", size)
