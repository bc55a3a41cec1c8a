"""The arrays of numpy's own files, .npy, read without numpy's reader: the header is matched and not
evaluated, its claims are compared with the bytes that are there, objects are never unpickled by it.
"""

from __future__ import annotations

import math
import mmap
import re
from dataclasses import dataclass

import numpy as np

from alexnet.formats.arrays_in_order import native
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.safe_pickle import Boxed, Foreign, load

MAGIC = b"\x93NUMPY"

HEADER = re.compile(
    rb"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': \(([0-9L, ]*)\), \} *\n"
)
"""As numpy writes it (numpy/lib/format.py)."""

NUMBERS = re.compile(rb"[<>|=]?f[248]")
OBJECTS = (b"|O", b"|O8", b"|O4", b"O")

LONGEST = 4096
MOST_SIDES = 32

FOREIGN = Foreign(
    objects=True,
    instead="numbers, text, containers and arrays of them are all that is read",
)


@dataclass(frozen=True, slots=True)
class Header:
    """What an .npy says of its array; `start` is where the numbers begin."""

    code: bytes
    columns: bool
    shape: tuple[int, ...]
    start: int


def is_npy(head: bytes) -> bool:
    """Whether a file begins as an .npy does."""
    return head.startswith(MAGIC)


def read_array(data: mmap.mmap | bytes, where: str, start: int = 0, stop: int = -1) -> Array:
    """The array of an .npy that lies within these bytes; of a mapped file a copy, which stays as
    it is whatever becomes of the file.

    Raises:
        FormatError: no .npy, not one of floating-point numbers, or not as large as it says.
    """
    stop = len(data) if stop < 0 else stop
    header = _header(data[start : min(stop, start + LONGEST)], where)
    if not NUMBERS.fullmatch(header.code):
        said = ascii(header.code.decode("latin-1"))
        raise FormatError(f"{where} holds {said}; weights are floating-point numbers")
    dtype = np.dtype(header.code.decode("ascii").replace("=", "<"))
    count = math.prod(header.shape)
    there = stop - start - header.start
    if count == 0 or count * dtype.itemsize != there:
        size = "x".join(map(str, header.shape)) or "one number"
        raise FormatError(
            f"{where} says that it is {size[:80]} of {dtype} and has {there:,} bytes; it may be cut"
            " short"
        )
    flat = np.frombuffer(data, dtype, count, start + header.start)
    flat = flat if isinstance(data, bytes) else flat.copy()
    return native(flat.reshape(header.shape, order="F" if header.columns else "C"))


def read_object(data: mmap.mmap, where: str) -> object:
    """The one object in an .npy without dimensions, which is what `np.save` makes of a dict.

    Raises:
        FormatError: no .npy, one of numbers or of many objects, or a pickle that asks for more
            than plain values.
    """
    header = _header(data[:LONGEST], where)
    if header.code not in OBJECTS or header.shape:
        raise FormatError(
            f"{where}: holds one array; a file of weights holds a dict of layers, or is an .npz"
        )
    value = load(data[header.start :], where, foreign=FOREIGN)
    if not isinstance(value, Boxed) or value.shape or len(value.values) != 1:
        raise FormatError(f"{where}: its pickle is not the array that its header says")
    return value.values[0]


def _header(head: bytes, where: str) -> Header:
    if not is_npy(head) or len(head) < 12 or head[6] not in (1, 2, 3):
        raise FormatError(f"{where} is no .npy of version 1, 2 or 3")
    width = 2 if head[6] == 1 else 4
    size = int.from_bytes(head[8 : 8 + width], "little")
    start = 8 + width + size
    match = HEADER.fullmatch(head[8 + width : start])
    if match is None or start > len(head):
        raise FormatError(f"{where} has a header that numpy does not write; it may be cut short")
    sides = [side.strip().removesuffix(b"L") for side in match[3].split(b",") if side.strip()]
    if len(sides) > MOST_SIDES or not all(side.isdigit() and len(side) < 16 for side in sides):
        raise FormatError(f"{where} has a shape that is none: ({match[3][:80].decode()})")
    return Header(match[1], match[2] == b"True", tuple(map(int, sides)), start)
