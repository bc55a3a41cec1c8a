"""Pickles of Python 2 put together opcode by opcode, with no pickler's help: what `cPickle` writes
at protocol 2, for the tests of what reads them.
"""

from __future__ import annotations

import struct

import numpy as np


def text(value: str | bytes) -> bytes:
    """A `str` of Python 2."""
    content = value.encode("latin-1") if isinstance(value, str) else value
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def many(*parts: bytes) -> bytes:
    """A list."""
    return b"](" + b"".join(parts) + b"e"


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def entries(**values: bytes) -> bytes:
    """A dict with keys of text."""
    return pairs(values)


def pairs(values: dict[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def instance(module: str, name: str, /, **attributes: bytes) -> bytes:
    """An object of an old-style class."""
    return f"(c{module}\n{name}\no".encode() + entries(**attributes) + b"b"


def kind(code: str, order: str = "<") -> bytes:
    made = b"cnumpy\ndtype\n" + tuple_of(text(code), whole(0), whole(1)) + b"R"
    state = tuple_of(whole(3), text(order), b"NNN", whole(-1), whole(-1), whole(0))
    return made + state + b"b"


def array(values: np.ndarray, fortran: bool = False) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n"
    made += tuple_of(b"cnumpy\nndarray\n", tuple_of(whole(0)), text("b")) + b"R"
    code = f"{values.dtype.kind}{values.dtype.itemsize}"
    shape = tuple_of(*(whole(side) for side in values.shape))
    content = text(values.tobytes("F" if fortran else "C"))
    flag = b"\x88" if fortran else b"\x89"
    return made + tuple_of(whole(1), shape, kind(code), flag, content) + b"b"


def value(plain: object) -> bytes:
    """Plain values of Python 3 as Python 2 would have written its own."""
    match plain:
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[plain]
        case int():
            return whole(plain)
        case float():
            return b"G" + struct.pack(">d", plain)
        case str() | bytes():
            return text(plain)
        case list():
            return many(*(value(part) for part in plain))
        case tuple():
            return tuple_of(*(value(part) for part in plain))
        case dict():
            return pairs({name: value(part) for name, part in plain.items()})
        case np.ndarray():
            return array(plain, fortran=plain.flags.f_contiguous and not plain.flags.c_contiguous)
        case _:
            raise AssertionError(f"{plain!r} has no place in these tests")


def pickled(content: bytes) -> bytes:
    return b"\x80\x02" + content + b"."
