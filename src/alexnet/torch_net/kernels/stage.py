"""Relu, response norm across maps and max pooling in one pass in C: forward and backward, on a CPU,
for float32, bfloat16 and float64 tensors whose maps lie side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.torch_net.kernels.library import KINDS, Library, Processor
from alexnet.torch_net.response_norm_formula import Formula


@dataclass(frozen=True, slots=True)
class Windows:
    """Which windows are pooled.

    Attributes:
        outputs: rows and columns of them.
        size, stride: in pixels.
        before: how far the first begins above and left of the picture; negative: inside.
        every_maximum: all pixels that equal the maximum get its gradient, or the first alone.
    """

    outputs: tuple[int, int]
    size: int
    stride: int
    before: tuple[int, int]
    every_maximum: bool


def run_stage(
    library: Library,
    x: Tensor,
    formula: Formula | None,
    windows: Windows,
    *,
    rectified: bool,
    gradient: Tensor | None = None,
    processor: Processor | None = None,
) -> Tensor:
    """The pooled maps, (N, maps, rows, columns), or with their gradient that of `x`; channels-last.

    Args:
        library: what `library()` found.
        x: (N, maps, height, width), channels-last.
        formula: the norm's numbers, not blocked; None is no norm.
        windows: what is pooled.
        rectified: relu comes first.
        gradient: of the pooled maps, channels-last, of x's dtype.
        processor: None is the best that there is; no better one may be named.
    """
    count, channels, height, width = x.shape
    shape = (count, channels, *windows.outputs) if gradient is None else x.shape
    result = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
    groups = 1 if formula is None else formula.groups
    if result.numel() == 0:
        return result
    library.call(
        "alexnet_stage",
        x.data_ptr(),
        None if gradient is None else gradient.data_ptr(),
        result.data_ptr(),
        KINDS[x.dtype],
        library.processor if processor is None else processor,
        torch.get_num_threads(),
        *(count, height, width, groups, channels // groups, rectified),
        *((0, 0.0, 1.0, 1.0) if formula is None else _numbers(formula)),
        *windows.outputs,
        *(windows.size, windows.stride, *windows.before, windows.every_maximum),
    )
    return result


def _numbers(formula: Formula) -> tuple[int, float, float, float]:
    return formula.size, formula.scale, formula.beta, formula.k
