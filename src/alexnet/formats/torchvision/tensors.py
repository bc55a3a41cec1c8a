"""What stands for the tensors and storages that a pickle of torch names, and how they become arrays
out of the bytes of its file; every stride is checked against its storage first.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.safe_pickle import Foreign, Named, is_dict, is_tuple, text, told

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
    """`_rebuild_tensor_v2`: storage, offset, shape, strides, two that only a gradient needs, and
    what is still to be done to the numbers, which must be nothing.
    """
    if len(given) < 4:
        raise ValueError("a tensor without its strides")
    undone = given[6] if len(given) > 6 else None
    if undone is not None and (not is_dict(undone) or any(x is not False for x in undone.values())):
        raise ValueError("a tensor whose numbers are still to be negated or conjugated")
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


def check_real(tensor: Tensor, where: str) -> None:
    """Refuses a tensor that holds no floating-point numbers.

    Raises:
        FormatError: it is so; `where` is what it is called.
    """
    code = tensor.storage.code
    if 0 in tensor.shape:
        raise FormatError(f"{where} holds no numbers; weights are some")
    if code[0] not in "bf" or code == "b1":
        raise FormatError(f"{where} holds {code}; weights are floating-point numbers")


def numbers_of(storage: Storage, data: mmap.mmap | bytes, start: int, order: str) -> Array:
    """All the numbers of a storage, in memory of their own; bfloat16 widened to float32.

    Args:
        storage: of floating-point numbers.
        data: holds them.
        start: where they begin there; all of them are inside.
        order: of the bytes, "<" or ">".
    """
    wide = storage.code == "bf16"
    plain = np.dtype(order + ("u2" if wide else storage.code))
    flat = np.frombuffer(data, plain, storage.count, start)
    if not wide:
        return flat.astype(plain.newbyteorder("="))
    bits = flat.astype(np.uint32)
    bits <<= 16
    return bits.view(np.float32)


def array_of(tensor: Tensor, numbers: Array) -> Array:
    """The tensor as a view of its storage's numbers, which several may share."""
    steps = tuple(step * numbers.itemsize for step in tensor.strides)
    return np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.shape, steps, writeable=False
    )
