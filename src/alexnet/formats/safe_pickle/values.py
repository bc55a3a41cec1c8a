"""The values that stand for what a pickle names: classes and objects without code, and arrays that
are made only once all that is said of them has been checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

CODE = re.compile(r"([<>|=]?)(b1|[iu][1248]|f[248])")
OBJECT = re.compile(r"[|]?O[48]?")
"""How numpy writes the types that are read: booleans, whole numbers and floating-point ones."""

PLAIN_ONLY = "numbers, text, containers and arrays of numbers are all that is read"

MOST_DIMENSIONS = 32
LONGEST_SIDE = 2**40


@dataclass(frozen=True, slots=True)
class Named:
    """A class or a function that a pickle names; only its name is here."""

    module: str
    name: str

    def __str__(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Record:
    """What remains of an object of a class that is known but never run: its attributes."""

    kind: Named
    attributes: dict[str, object] = field(default_factory=dict[str, object], repr=False)


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the pickles of one program may ask for beside plain values; still nothing is run.

    A state of a dict, which is what an OrderedDict's own attributes come as, is left out.

    Attributes:
        calls: functions by dotted name, and what answers for them: given the arguments it returns
            a plain value, or raises a ValueError that says what they are instead.
        kept: what stands for an object that is kept elsewhere, from what the pickle says of it;
            it may raise a ValueError too.
        objects: whether arrays of objects are read, as `Boxed`.
        instead: ends the error for all else that is asked for.
    """

    calls: Mapping[str, Callable[[tuple[object, ...]], object]] = field(
        default_factory=dict[str, "Callable[[tuple[object, ...]], object]"]
    )
    kept: Callable[[object], object] | None = None
    objects: bool = False
    instead: str = PLAIN_ONLY


@dataclass(slots=True, eq=False)
class Boxed:
    """An array of objects: their values in a row, and its shape."""

    shape: tuple[int, ...]
    values: list[object] = field(repr=False)


@dataclass(slots=True, eq=False)
class Box:
    """The numpy dtype of objects; its state says nothing that matters."""


@dataclass(slots=True, eq=False)
class Kind:
    """A numpy dtype: the code it was made with and the byte order that it was told since."""

    code: str
    order: str

    @classmethod
    def of(cls, arguments: tuple[object, ...]) -> Kind:
        """From dtype's own arguments; ValueError for anything but plain numbers."""
        code = text(arguments[0]) if arguments else None
        match = CODE.fullmatch(code or "")
        if match is None:
            raise ValueError(f"an array of {told(arguments[0] if arguments else None)}")
        return cls(match[2], match[1] or "<")

    def build(self, state: object) -> None:
        """What numpy says after it: (version, byte order, subarray, names, fields, ...)."""
        parts = state if is_tuple(state) else ()
        order = text(parts[1]) if len(parts) >= 5 else None
        if order not in ("<", ">", "|", "=") or any(part is not None for part in parts[2:5]):
            raise ValueError("an array of records")
        self.order = order

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The numpy type; machines that wrote "=", their own order, were little-endian."""
        order = "<" if self.order in "|=" else self.order
        return np.dtype(order + self.code)


@dataclass(slots=True, eq=False)
class Unbuilt:
    """An array that has been announced and not yet described; it leaves the machine as an array.

    Attributes:
        places: where the machine's memo holds it.
    """

    places: list[int] = field(default_factory=list[int])


Array = NDArray[np.generic]


def array_from_state(state: object) -> Array | Boxed:
    """The array that (version, shape, dtype, is Fortran order, bytes) describes.

    Raises:
        ValueError: what it is instead.
    """
    parts = state if is_tuple(state) else ()
    if len(parts) != 5:
        raise ValueError("an array without its shape and numbers")
    _, shape, kind, fortran, data = parts
    if isinstance(kind, Box):
        return _boxed(shape, data)
    return array_of(data, kind, shape, "F" if fortran is True or fortran == 1 else "C")


def array_of(data: object, kind: object, shape: object, order: object) -> Array:
    """The array with these bytes; ValueError says what is wrong with it."""
    if not isinstance(kind, Kind):
        raise ValueError("an array of a type that is not said")
    sides = _sides(shape)
    content = raw(data)
    if content is None:
        raise ValueError(f"an array whose numbers are {told(data)}")
    dtype = kind.dtype
    wanted = math.prod(sides) * dtype.itemsize
    if len(content) != wanted:
        size = "x".join(str(side) for side in sides) or "one number"
        raise ValueError(f"an array {size} of {dtype} with {len(content):,} bytes, not {wanted:,}")
    if dtype == np.bool_:
        flat: Array = np.frombuffer(content, np.uint8) != 0
    else:
        flat = np.frombuffer(content, dtype)
    return flat.reshape(sides, order="F" if text(order) == "F" else "C")


def _boxed(shape: object, data: object) -> Boxed:
    sides = _sides(shape)
    if not is_list(data) or len(data) != math.prod(sides):
        raise ValueError(f"an array of objects whose values are {told(data)}")
    return Boxed(sides, data)


def _sides(shape: object) -> tuple[int, ...]:
    sides = shape if is_tuple(shape) else (None,)
    if len(sides) > MOST_DIMENSIONS:
        raise ValueError(f"an array with {len(sides)} dimensions")
    whole = [side for side in sides if type(side) is int and 0 <= side <= LONGEST_SIDE]
    if len(whole) != len(sides):
        raise ValueError(f"an array whose shape is {told(shape)}")
    if 0 in whole and math.prod(side or 1 for side in whole) > LONGEST_SIDE:
        raise ValueError(f"an empty array whose shape is {told(shape)}")  # numpy counts the others
    return tuple(whole)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a value is a list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    """Whether a value is a tuple."""
    return isinstance(value, tuple)


def is_dict(value: object) -> TypeGuard[dict[object, object]]:
    """Whether a value is a dict."""
    return isinstance(value, dict)


def is_set(value: object) -> TypeGuard[set[object]]:
    """Whether a value is a set."""
    return isinstance(value, set)


def text(value: object) -> str | None:
    """The text that a value is, be it the byte string of a Python 2 or of a Python 3; else None."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def raw(value: object) -> bytes | None:
    """The bytes that a value is, also where they came as a byte string of Python 2; else None."""
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return None
    return value if isinstance(value, bytes) else None


def told(value: object) -> str:
    """A value in a few words, for an error; it looks at no more than the outermost part."""
    match value:
        case int() if value.bit_length() > 64:
            return f"a number of {value.bit_length():,} bits"
        case None | bool() | int() | float():
            return str(value)
        case str() | bytes():
            return repr(value) if len(value) <= 40 else f"{value[:32]!r} and more"
        case list() | tuple() | dict() | set() | frozenset():
            count = len(cast("list[object]", value))
            return f"a {type(cast('object', value)).__name__} of {count:,}"
        case np.ndarray():
            array = cast("Array", value)
            return f"an array {'x'.join(str(side) for side in array.shape)} of {array.dtype}"
        case Record():
            return f"an object of {value.kind}"
        case Named():
            return f"the class {value}"
        case Boxed():
            return f"an array of {len(value.values):,} objects"
        case _:
            return f"a {type(value).__name__}"
