"""Learned tensors as arrays: each distinct one is loaded once, and a small file makes no large ones
by naming the same bytes again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.onnx.tensors import LARGEST_SPREAD, Tensor

COPIES = 4
"""Times its size that the numbers of one place may be wanted, each time changed otherwise."""


def load_each(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Array]:
    """The arrays by name; tensors that are alike have one.

    Raises:
        FormatError: the file has fewer numbers, or many more are made of them than it has.
    """
    keys = {name: (each.origin, each.dtype, each.shape) for name, each in tensors.items()}
    made, kept = dict[object, int](), dict[object, int]()
    for name, each in tensors.items():
        if each.fill is not None or each.spread:
            continue  # bounded where they are made
        size = each.size * each.dtype.itemsize
        made[keys[name]] = size
        kept[each.origin[:1]] = max(size, kept.get(each.origin[:1], 0))
    if sum(made.values()) > COPIES * sum(kept.values()) + LARGEST_SPREAD:
        raise FormatError(
            f"{path}: makes {sum(made.values()):,} bytes of weights out of {sum(kept.values()):,},"
            " the same ones in many forms"
        )
    loaded: dict[object, Array] = {}
    arrays: dict[str, Array] = {}
    for name, each in tensors.items():
        if keys[name] not in loaded:
            loaded[keys[name]] = cast("Array", each.load())
        arrays[name] = loaded[keys[name]]
    return arrays
