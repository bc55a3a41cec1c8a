"""Tables in MATLAB files of version 5, as far as a development kit's meta.mat needs them.

The layout is that of MathWorks' "MAT-File Format": elements of a tag and its data, some of them
zlib-compressed, matrices made of elements. Whatever does not fit it is an error, never a crash.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from math import prod

from alexnet.images.splits import SourceError

LARGEST = 64 * 2**20
"""Bytes of a file or of what is compressed in one; the real ones have less than one mebibyte."""

Value = str | tuple[float, ...]
"""What stands in a table: a text, or numbers; of anything else no number."""

_HEADER = 128
_ORDERS = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _TEXT = 2, 4
_NUMERIC = range(6, 16)
_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_TEXTS = {1: "latin-1", 2: "latin-1", 16: "utf-8"}


class _Damage(Exception):
    """What does not fit the layout; `read_table` names the file."""


def read_table(data: bytes, name: str, place: str) -> list[dict[str, Value]]:
    """The rows of the struct array `name`, each by field.

    Raises SourceError where the file is damaged, of another version, or has no such array.
    """
    order = _ORDERS.get(data[126:128], "")
    if not order or len(data) > LARGEST or not data.startswith(b"MATLAB 5.0"):
        raise SourceError(f"{place}: is no MATLAB file of version 5")
    try:
        for kind, payload in _elements(data[_HEADER:], order):
            for inner, matrix in _inflated(kind, payload, order):
                if inner == _MATRIX and (rows := _rows(matrix, name, order)) is not None:
                    return rows
    except (_Damage, StopIteration, struct.error, UnicodeDecodeError, zlib.error) as error:
        raise SourceError(f"{place}: is no whole MATLAB file ({error or 'cut short'})") from None
    raise SourceError(f"{place}: has no table {name!r}")


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and the data of each element in a row of them."""
    at = 0
    while at < len(data):
        (first,) = struct.unpack_from(f"{order}I", data, at)
        if first >> 16:  # four bytes at most, which stand in the tag itself
            kind, size, begin, after = first & 0xFFFF, first >> 16, at + 4, at + 8
            if size > 4:
                raise _Damage(f"a short element of {size} bytes")
        else:
            kind, begin = first, at + 8
            (size,) = struct.unpack_from(f"{order}I", data, at + 4)
            after = begin + (size if kind == _COMPRESSED else -(-size // 8) * 8)
        if begin + size > len(data):
            raise _Damage(f"an element of {size:,} bytes, of which {len(data) - begin:,} are there")
        yield kind, data[begin : begin + size]
        at = after


def _inflated(kind: int, payload: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    if kind != _COMPRESSED:
        yield kind, payload
        return
    packed = zlib.decompressobj()
    whole = packed.decompress(payload, LARGEST)
    if not packed.eof:
        raise _Damage("a compressed element that does not end")
    yield from _elements(whole, order)


def _rows(matrix: bytes, name: str, order: str) -> list[dict[str, Value]] | None:
    """The rows of a struct array, if it is the one of that name."""
    parts = _elements(matrix, order)
    kind, shape = _head(parts, order)
    if kind != _STRUCT or next(parts)[1].decode("latin-1") != name:
        return None
    (width,) = _numbers(*next(parts), order)
    names = next(parts)[1]
    if not 0 < width <= 64 or len(names) % width:
        raise _Damage(f"field names of {width} bytes each")
    fields = [
        names[begin : begin + int(width)].partition(b"\0")[0].decode("latin-1")
        for begin in range(0, len(names), int(width))
    ]
    if prod(shape) * len(fields) * 8 > len(matrix):
        raise _Damage(f"a table of {prod(shape):,} rows in {len(matrix):,} bytes")
    cells = [
        _cell(kind, payload, order) for kind, payload in islice(parts, prod(shape) * len(fields))
    ]
    if len(cells) < prod(shape) * len(fields):
        raise _Damage("a table that ends early")
    return [
        dict(zip(fields, cells[begin : begin + len(fields)], strict=True))
        for begin in range(0, len(cells), len(fields))
    ]


def _cell(kind: int, payload: bytes, order: str) -> Value:
    if kind != _MATRIX:
        raise _Damage(f"an element of type {kind} in a table")
    if not payload:
        return ()
    parts = _elements(payload, order)
    kind, _ = _head(parts, order)
    next(parts)  # its name, which is empty
    content = next(parts, None)
    if kind == _TEXT and content is not None:
        return _text(*content, order)
    return _numbers(*content, order) if kind in _NUMERIC and content is not None else ()


def _head(parts: Iterator[tuple[int, bytes]], order: str) -> tuple[int, tuple[int, ...]]:
    """The class of a matrix, and its dimensions."""
    flags, shape = next(parts)[1], next(parts)[1]
    (kind,) = struct.unpack_from(f"{order}I", flags)
    dimensions = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if not 2 <= len(dimensions) <= 8 or min(dimensions) < 0:
        raise _Damage(f"a matrix of the dimensions {dimensions}")
    return kind & 0xFF, dimensions


def _numbers(kind: int, payload: bytes, order: str) -> tuple[float, ...]:
    if kind not in _NUMBERS:
        raise _Damage(f"numbers of the type {kind}")
    code = _NUMBERS[kind]
    return struct.unpack(f"{order}{len(payload) // struct.calcsize(f'={code}')}{code}", payload)


def _text(kind: int, payload: bytes, order: str) -> str:
    if kind in (4, 17):
        return payload.decode("utf-16-le" if order == "<" else "utf-16-be")
    if kind not in _TEXTS:
        raise _Damage(f"a text of the type {kind}")
    return payload.decode(_TEXTS[kind])
