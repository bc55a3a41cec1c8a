"""What stands for the tensors and storages that a pickle of torch names, and how they become arrays
over the bytes of its file; every stride is checked against its storage first.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alexnet.formats.arrays_in_order import native
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.safe_pickle import Foreign, Named, is_tuple, text, told

STORAGES: Mapping[str, str] = {
    "HalfStorage": "f2",
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "BFloat16Storage": "bf16",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "i2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "BoolStorage": "b1",
}
"""The typed storages of torch and what they hold, by numpy's codes; numpy has no bfloat16."""

WIDTHS = {code: 2 if code == "bf16" else int(code[1:]) for code in STORAGES.values()}

INERT = frozenset(
    {
        *(f"torch.{name}" for name in STORAGES),
        *(f"torch.cuda.{name}" for name in STORAGES),
        *(f"torch.{name}" for name in ("float16", "float32", "float64", "bfloat16", "int64")),
        "argparse.Namespace",
    }
)
"""What is only named: storages and types of numbers. The options of a run are kept as a record."""

MOST_SIDES = 32
LARGEST = 2**48


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers that lie elsewhere in the file: their kind, the key they lie under, and how many."""

    code: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage, in numbers and not in bytes, as torch counts; inside it throughout."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _kept(said: object) -> object:
    """('storage', its type, key, device, count), and in old files a view, which must be None."""
    parts = said if is_tuple(said) else ()
    match parts:
        case ("storage", Named() as kind, key, _, int() as count, *view) if not any(view):
            name, code = text(key), STORAGES.get(kind.name)
            if code is not None and name is not None and _whole(count):
                return Storage(code, name, count)
            raise ValueError(f"a storage of {told(kind)} with {told(count)} numbers")
        case ("module", *_):
            raise ValueError("a whole module with its source code")
        case _:
            raise ValueError(f"{told(said)} that is kept elsewhere")


def _whole(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _rebuilt(given: tuple[object, ...]) -> object:
    """`_rebuild_tensor_v2`: storage, offset, shape, strides, and what only a gradient needs."""
    if len(given) < 4:
        raise ValueError("a tensor without its strides")
    storage, offset, shape, strides = given[:4]
    if not isinstance(storage, Storage) or not is_tuple(shape) or not is_tuple(strides):
        raise ValueError(f"a tensor over {told(storage)}")
    sides, steps = _numbers(shape), _numbers(strides)
    start = _numbers((offset,))[0]
    if len(sides) != len(steps) or len(sides) > MOST_SIDES:
        raise ValueError(f"a tensor of {len(sides)} dimensions with {len(steps)} strides")
    many = math.prod(sides)
    last = start + sum((n - 1) * step for n, step in zip(sides, steps, strict=True)) if many else 0
    if many and (many > storage.count or last >= storage.count):
        size = "x".join(map(str, sides)) or "one number"
        raise ValueError(f"a tensor {size} in a storage of {storage.count:,} numbers")
    return Tensor(storage, start, sides, steps)


def _numbers(values: tuple[object, ...]) -> tuple[int, ...]:
    whole = tuple(x for x in values if type(x) is int and 0 <= x <= LARGEST)
    if len(whole) != len(values):
        raise ValueError(f"a tensor whose place or shape is {told(values)}")
    return whole


def _parameter(given: tuple[object, ...]) -> object:
    if not given or not isinstance(given[0], Tensor):
        raise ValueError(f"a parameter made of {told(given)}")
    return given[0]


def _size(given: tuple[object, ...]) -> object:
    if len(given) != 1 or not is_tuple(given[0]):
        raise ValueError(f"a size made of {told(given)}")
    return given[0]


FOREIGN = Foreign(
    calls={
        "torch._utils._rebuild_tensor": _rebuilt,
        "torch._utils._rebuild_tensor_v2": _rebuilt,
        "torch._utils._rebuild_parameter": _parameter,
        "torch.Size": _size,
    },
    kept=_kept,
    instead=(
        "only tensors in plain containers are read; of a whole module save model.state_dict()"
        " instead"
    ),
)
"""What the pickle of a state dict asks for (torch/_utils.py, torch/serialization.py)."""


def array_of(
    tensor: Tensor, data: mmap.mmap | bytes, start: int, order: str, where: str
) -> tuple[Array, bool]:
    """The numbers of a tensor: a view of the file where its order of bytes is this machine's, but
    bfloat16 widened to float32.

    Args:
        tensor: what to read.
        data: holds the storage.
        start: where the storage begins there; all its bytes are inside.
        order: of the bytes, "<" or ">".
        where: what to call it in an error.

    Returns:
        The array, and whether it was widened.

    Raises:
        FormatError: it holds no floating-point numbers.
    """
    code = tensor.storage.code
    if 0 in tensor.shape:
        raise FormatError(f"{where} holds no numbers; weights are some")
    if code[0] not in "bf" or code == "b1":
        raise FormatError(f"{where} holds {code}; weights are floating-point numbers")
    plain = np.dtype(order + ("u2" if code == "bf16" else code))
    flat = np.frombuffer(data, plain, tensor.storage.count, start)
    steps = tuple(step * plain.itemsize for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, steps, writeable=False
    )
    if code != "bf16":
        return native(view), False
    return (view.astype(np.uint32) << 16).view(np.float32), True
