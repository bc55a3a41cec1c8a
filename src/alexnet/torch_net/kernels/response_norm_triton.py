"""The response norm across maps in Triton, forward and backward, for GPUs: float32, bfloat16 and
float16 tensors of either layout, computed in float32.

Maps that are neighbours lie `step` numbers apart in either layout, so that every number finds its
window by itself, and one kernel over all of them serves both.
"""

from __future__ import annotations

import functools
import importlib.util
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from alexnet.torch_net.response_norm_formula import Formula

KINDS = (torch.float32, torch.bfloat16, torch.float16)

BLOCK = 1024
"""Numbers that one program works on."""


def applies(x: Tensor, formula: Formula) -> bool:
    """Whether the kernels take tensors like `x`, and Triton is there."""
    fits = x.is_cuda and x.dtype in KINDS and not formula.blocked
    return fits and importlib.util.find_spec("triton") is not None


def normalise(x: Tensor, formula: Formula, *, gradient: Tensor | None = None) -> Tensor:
    """y, or with the gradient of y that of x; the shape, dtype and layout of `x`.

    Args:
        x: (N, maps, height, width), dense, in torch's own layout or channels-last.
        formula: the norm's numbers; no blocks.
        gradient: laid out as `x`.
    """
    result = torch.empty_like(x)
    count = x.numel()
    if count == 0:
        return result
    step = x.stride(1)
    maps = x.shape[1] // formula.groups
    grid = (-(-count // BLOCK),)
    f = formula
    numbers = (count, step, maps, f.scale, f.beta, f.k)
    if gradient is None:
        _kernels().forward[grid](x, result, *numbers, f.before, f.after, BLOCK)
        return result
    shares = torch.empty_like(x, dtype=torch.float32)
    _kernels().share[grid](x, gradient, shares, *numbers, f.before, f.after, BLOCK)
    _kernels().backward[grid](x, gradient, shares, result, *numbers, f.before, f.after, BLOCK)
    return result


@functools.cache
def _kernels() -> Any:
    """The kernels; importing them imports Triton."""
    module: ModuleType = importlib.import_module(f"{__package__}.triton_programs")
    return module
