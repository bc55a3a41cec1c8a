"""Tensors of a model, known by name, type and shape; their numbers are read when they are asked
for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.onnx.wire import Blob

if TYPE_CHECKING:
    from onnx import TensorProto

Numbers = NDArray[np.generic]

DTYPES: dict[int, np.dtype] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
}
"""The types of numbers that are read, by TensorProto.DataType."""

_FIELDS = {"float_data": 1, "double_data": 11}
"""Fields that hold numbers of one type, which their tensor must have."""

LARGEST_MADE = 2**31
"""Bytes of numbers that no file holds, but an operator makes of a shape."""

LARGEST_SPREAD = 2**28
"""Bytes of different numbers that are made of such."""


@dataclass(frozen=True)
class Tensor:
    """Constant numbers.

    Attributes:
        name: as in the model.
        dtype, shape: of the numbers.
        load: makes them.
        origin: the tensor and the changes that this one is; alike where the numbers are.
        fill: the number that it holds everywhere, where no file holds its numbers.
        spread: many numbers that were made of one.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    load: Callable[[], Numbers] = field(repr=False, compare=False)
    origin: tuple[object, ...] = ()
    fill: Numbers | None = field(default=None, repr=False, compare=False)
    spread: bool = False

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def is_real(self) -> bool:
        """Whether it holds floating-point numbers."""
        return np.issubdtype(self.dtype, np.floating)

    def changed(
        self, what: str, shape: tuple[int, ...], change: Callable[[Numbers], Numbers]
    ) -> Tensor:
        """The tensor that `change` makes of this one, when its numbers are asked for."""
        load, origin = self.load, (*self.origin, what)
        made = Tensor(self.name, self.dtype, shape, lambda: change(load()), origin)
        return replace(made, spread=self.spread)

    def reshaped(self, shape: tuple[int, ...]) -> Tensor:
        """The same numbers in another shape of as many."""
        assert math.prod(shape) == self.size, "a reshape keeps every number"
        if self.fill is not None:
            return filled(self.name, shape, self.fill)
        return self.changed(f"reshape {shape}", shape, lambda x: x.reshape(shape))

    def transposed(self, axes: tuple[int, ...]) -> Tensor:
        """The axes in another order."""
        shape = tuple(self.shape[axis] for axis in axes)
        if self.fill is not None:
            return filled(self.name, shape, self.fill)

        def turned(numbers: Numbers) -> Numbers:
            return np.ascontiguousarray(numbers.transpose(axes))

        return self.changed(f"transpose {axes}", shape, turned)

    def cast(self, dtype: np.dtype) -> Tensor:
        """The numbers as another type."""
        if self.fill is not None:
            return filled(self.name, self.shape, self.fill.astype(dtype))
        made = self.changed(f"cast {dtype}", self.shape, lambda x: x.astype(dtype, copy=False))
        return replace(made, dtype=dtype)

    def divided(self, divisor: float) -> Tensor:
        """The numbers over one, in double precision where it is not 1."""
        if divisor == 1.0:
            return self
        made = self.changed(f"over {divisor}", self.shape, lambda x: x.astype(np.float64) / divisor)
        return replace(made, dtype=np.dtype(np.float64))

    def times(self, factors: NDArray[np.float64]) -> Tensor:
        """The numbers times a factor for each entry of the first side, of the type they have.

        Raises:
            ValueError: one number everywhere would become many, more than a file should ask for.
        """
        dtype, shape = self.dtype, (-1, *(1 for _ in self.shape[1:]))
        if (factors == 1.0).all():
            return self
        if self.fill is not None and (factors == factors[0]).all():
            return filled(self.name, self.shape, (self.fill * factors[0]).astype(dtype))
        if self.fill is not None and self.size * dtype.itemsize > LARGEST_SPREAD:
            raise ValueError(
                f"makes {self.size:,} different numbers of one; {LARGEST_SPREAD:,} bytes are the"
                " most"
            )
        own = factors.astype(dtype).reshape(shape)
        what = f"times {hash(own.tobytes())}"
        made = self.changed(what, self.shape, lambda x: (x * own).astype(dtype, copy=False))
        return replace(made, spread=self.spread or self.fill is not None)

    def plus(self, terms: NDArray[np.float64]) -> Tensor:
        """The numbers plus a term for each entry of the first side, of the type they have.

        Raises:
            ValueError: as `times`.
        """
        dtype, shape = self.dtype, (-1, *(1 for _ in self.shape[1:]))
        if self.fill is not None and self.size * dtype.itemsize > LARGEST_SPREAD:
            raise ValueError(f"adds to {self.size:,} numbers that no file holds")
        own = terms.astype(dtype).reshape(shape)
        what = f"plus {hash(own.tobytes())}"
        made = self.changed(what, self.shape, lambda x: (x + own).astype(dtype, copy=False))
        return replace(made, spread=self.spread or self.fill is not None)


def given(name: str, numbers: Numbers) -> Tensor:
    """A tensor of numbers that are at hand."""
    return Tensor(name, numbers.dtype, numbers.shape, lambda: numbers, (name,))


def filled(name: str, shape: tuple[int, ...], value: Numbers) -> Tensor:
    """One number everywhere, as `ConstantOfShape` makes it; it takes memory when it is copied.

    Raises:
        ValueError: it would be larger than a model file may be; says so.
    """
    if min(shape, default=0) < 0 or math.prod(shape) * value.itemsize > LARGEST_MADE:
        raise ValueError(f"makes a tensor of shape {shape}; {LARGEST_MADE:,} bytes are the most")
    one = value.reshape(())
    origin = (name, "filled", shape, one.tobytes(), one.dtype.str)
    return Tensor(name, one.dtype, shape, lambda: np.broadcast_to(one, shape), origin, fill=one)


def tensor_of(proto: TensorProto, name: str, blobs: list[Blob], path: Path) -> Tensor:
    """A tensor of the description.

    Args:
        proto: as `wire.description_of` left it.
        name: what the model calls it.
        blobs: where the description's numbers lie.
        path: the model's file.

    Raises:
        FormatError: a type that is not read, a shape that is none, or other than as many numbers.
    """
    where = f"{path}: tensor '{shown(name)}'"
    dtype = DTYPES.get(proto.data_type)
    if dtype is None:
        raise FormatError(
            f"{where} is of type {proto.data_type}, which is not read; it must be FLOAT, FLOAT16,"
            " DOUBLE or a type of whole numbers"
        )
    shape = tuple(proto.dims)
    if min(shape, default=0) < 0 or len(shape) > 16:
        raise FormatError(f"{where} has dims {list(shape)[:16]}, which are no shape")
    origin = (name,)
    bytes_wanted = math.prod(shape) * dtype.itemsize
    if proto.data_location == 1:
        blob = _beside(proto, where, path)
        origin = (blob,)
    elif proto.doc_string:
        blob = blobs[int(proto.doc_string)]
        wanted = _FIELDS.get(blob.kind, proto.data_type)
        if wanted != proto.data_type:
            raise FormatError(f"{where} has its numbers in '{blob.kind}', which is of other type")
    else:
        numbers = _inline(proto, dtype)
        if numbers.size != math.prod(shape):
            raise FormatError(
                f"{where} holds {numbers.size:,} numbers; its dims {list(shape)} need"
                f" {math.prod(shape):,}"
            )
        numbers = numbers.reshape(shape)
        return Tensor(name, dtype, shape, lambda: numbers, origin)
    if blob.length != bytes_wanted:
        raise FormatError(
            f"{where} holds {blob.length:,} bytes; its dims {list(shape)} of {dtype} need"
            f" {bytes_wanted:,}"
        )
    return Tensor(name, dtype, shape, lambda: blob.read(dtype, shape), origin)


def _inline(proto: TensorProto, dtype: np.dtype) -> Numbers:
    """The few numbers that stand in the description itself."""
    if proto.HasField("raw_data"):
        raw = proto.raw_data
        if len(raw) % dtype.itemsize:
            return np.empty(0, dtype)
        return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)
    if dtype == np.float32:
        return np.array(proto.float_data, dtype)
    if dtype == np.float64:
        return np.array(proto.double_data, dtype)
    if dtype == np.int64:
        return np.array(proto.int64_data, dtype)
    if dtype == np.float16:  # the bits of each, as a whole number
        return np.array(proto.int32_data, np.int64).astype(np.uint16).view(np.float16)
    return np.array(proto.int32_data, np.int64).astype(dtype)


def _beside(proto: TensorProto, where: str, path: Path) -> Blob:
    """Numbers in a file beside the model, which must lie in the model's own folder."""
    # the library gives bytes for what is no text
    said = {str(entry.key): str(entry.value) for entry in proto.external_data}
    location = said.get("location", "")
    folder = path.parent.resolve()
    try:
        file = (folder / location).resolve()
        offset, length = int(said.get("offset", "0")), said.get("length")
        size = file.stat().st_size if file.is_relative_to(folder) and file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        raise FormatError(
            f"{where} has its numbers in another file, and says no place in it; it says"
            f" {shown(str(said))}"
        ) from None
    if Path(location).is_absolute() or ".." in Path(location).parts or "\\" in location:
        size = None
    if not location or not file.is_relative_to(folder) or size is None:
        raise FormatError(
            f"{where} has its numbers in '{shown(location)}'; it must be a file in the model's own"
            " folder, and it must be there"
        )
    try:
        count = size - offset if length is None else int(length)
    except ValueError:
        count = -1
    if not 0 <= offset <= size or not 0 <= count <= size - offset:
        raise FormatError(
            f"{where} has its numbers at bytes {offset:,} … {offset + count:,} of"
            f" {shown(file.name)}, which has {size:,}"
        )
    return Blob(file, offset, count)
