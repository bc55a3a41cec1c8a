"""A strided convolution of few channels as a dense one of many: each block of stride × stride
pixels becomes one pixel, and the kernel is dealt out alike. The sums are the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from alexnet.network.layers import Kernel
from alexnet.network.sizes import Side

MOST_CHANNELS = 64
"""In a block: beyond it the convolution of single pixels has channels enough."""

Sides = tuple[Side, Side]

Prepared = dict[tuple[int, int, int, Sides], tuple[Tensor, Tensor]]
"""Inputs in blocks, beside the input itself, by its identity and the kernel's size and stride: two
towers that read one picture share them."""


def pays(x: Tensor, kernel: Kernel) -> bool:
    """Whether `x` is better convolved in blocks: in bfloat16 on a CPU, whose matrix units want many
    channels. In float32 the zeros that fill up the kernel cost more than is won.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or kernel.groups != 1:
        return False
    small = x.shape[1] * kernel.stride**2 <= MOST_CHANNELS
    return 1 < kernel.stride < kernel.size and small and _arithmetic(x) == torch.bfloat16


def convolve_in_blocks(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    kernel: Kernel,
    sides: Sides,
    prepared: Prepared | None = None,
) -> Tensor:
    """What the convolution of (N, channels, height, width) by `kernel` gives.

    Args:
        x: the input.
        weight: (filters, channels, size, size).
        bias: (filters,), or none.
        kernel: its size and stride.
        sides: how its windows lie along the rows and the columns.
        prepared: where the input in blocks is looked up, and kept.
    """
    if prepared is None:
        return functional.conv2d(_blocks(x, kernel, sides), _dealt(weight, kernel.stride), bias)
    key = id(x), kernel.size, kernel.stride, sides
    if key not in prepared:
        prepared[key] = x, _blocks(x, kernel, sides)
    return functional.conv2d(prepared[key][1], _dealt(weight, kernel.stride), bias)


def _arithmetic(x: Tensor) -> torch.dtype:
    """What a convolution of `x` is computed in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def _blocks(x: Tensor, kernel: Kernel, sides: Sides) -> Tensor:
    """(N, stride² · channels, rows, columns), channels-last: all pixels that the windows reach, and
    zeros beyond the picture, in the dtype of the arithmetic.
    """
    stride = kernel.stride
    counts = [side.outputs - 1 + -(-kernel.size // stride) for side in sides]
    skipped = [max(side.before, 0) // stride for side in sides]
    margins = [
        _margins(side, pixels, stride, (count - first) * stride)
        for side, pixels, count, first in zip(sides, x.shape[2:], counts, skipped, strict=True)
    ]
    if any(map(any, margins)):
        x = functional.pad(x, (*margins[1], *margins[0]))
    whole = x.permute(0, 2, 3, 1).unflatten(2, (-1, stride)).unflatten(1, (-1, stride))
    result = torch.zeros(
        (len(x), *counts, stride, stride, x.shape[1]), dtype=_arithmetic(x), device=x.device
    )
    rows, columns = (
        slice(first, first + blocks)
        for first, blocks in zip(skipped, whole.shape[1:4:2], strict=True)
    )
    result[:, rows, columns] = whole.transpose(2, 3)
    return result.flatten(3).permute(0, 3, 1, 2)


def _margins(side: Side, pixels: int, stride: int, room: int) -> tuple[int, int]:
    """What makes whole blocks of a line of pixels, the first of which begins with a window. It is
    negative where pixels are cut off, since no window reaches them.
    """
    first = side.before % stride if side.before > 0 else side.before
    length = first + pixels
    return first, room - length if length > room else -length % stride


def _dealt(weight: Tensor, stride: int) -> Tensor:
    """(filters, stride² · channels, size, size) of a kernel that is filled up to whole blocks."""
    short = -weight.shape[-1] % stride
    full = functional.pad(weight, (0, short, 0, short))
    dealt = full.unflatten(3, (-1, stride)).unflatten(2, (-1, stride))
    return dealt.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
