"""Response normalisation across maps, within a map, and of contrast: the modules, forward and
analytic backward. Only the input is kept for the backward pass; all else is computed again.

y = x · D^-beta with D = k + a · Σ x², semantics section 4. Half precision is computed in float32.
Across maps it is a custom operator of torch, which runs the kernel that applies.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from alexnet.network.layers import ContrastNorm, CrossMapNorm, WithinMapNorm
from alexnet.torch_net import response_norm_plain as plain
from alexnet.torch_net.kernels import response_norm as in_c
from alexnet.torch_net.kernels import response_norm_triton as in_triton
from alexnet.torch_net.kernels.library import layout, library
from alexnet.torch_net.operators import operator, with_gradient
from alexnet.torch_net.response_norm_formula import Formula, formula_of
from alexnet.torch_net.response_norm_plain import power, widened


class CrossMapNormModule(nn.Module):
    """Sums over neighbouring maps of one group."""

    def __init__(self, layer: CrossMapNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = formula_of(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        f = self.formula
        return cross_map_norm(x, f.size, f.scale, f.beta, f.k, f.groups, f.blocked)


class WithinMapNormModule(nn.Module):
    """Sums over a square of one map, clipped at its borders."""

    def __init__(self, layer: WithinMapNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = formula_of(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        return _WithinMap.apply(x, self.formula, False)


class ContrastNormModule(nn.Module):
    """As the within-map norm, over squares of x minus its local mean."""

    def __init__(self, layer: ContrastNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = formula_of(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        return _WithinMap.apply(x, self.formula, True)


# --- across maps ----------------------------------------------------------------------------------


def _forward(
    x: Tensor,
    size: int,
    scale: float,
    beta: float,
    k: float,
    groups: int = 1,
    blocked: bool = False,
) -> Tensor:
    """x · (k + scale · Σ x²)^-beta, the sum over `size` neighbouring maps of one of `groups`.

    Args:
        x: (N, maps, height, width), any dtype that is real; bfloat16 is computed in float32.
        size: of the window, or with `blocked` of the fixed blocks.
        scale: alpha, divided already where a layer divides it.
        beta: the power.
        k: what the sum is added to.
        groups: equal sets of maps, whose borders no window crosses.
        blocked: the sum is over the block that holds a map.
    """
    formula = Formula(size, scale, beta, k, groups, blocked)
    x = x.contiguous(memory_format=layout(x))
    if in_c.applies(x) and (found := library()):
        return in_c.normalise(found, x, formula)
    if in_triton.applies(x, formula):
        return in_triton.normalise(x, formula)
    return plain.normalise(x, formula)


def _backward(
    x: Tensor,
    gradient: Tensor,
    size: int,
    scale: float,
    beta: float,
    k: float,
    groups: int = 1,
    blocked: bool = False,
) -> Tensor:
    """The gradient of `x` from that of the norm; it has no gradient of its own."""
    formula = Formula(size, scale, beta, k, groups, blocked)
    x = x.contiguous(memory_format=layout(x))
    gradient = gradient.to(x.dtype).contiguous(memory_format=layout(x))
    if in_c.applies(x) and (found := library()):
        return in_c.normalise(found, x, formula, gradient=gradient)
    if in_triton.applies(x, formula):
        return in_triton.normalise(x, formula, gradient=gradient)
    return plain.gradient_of(x, gradient, formula)


def _like(x: Tensor, *_: Any, **named: Any) -> Tensor:
    return torch.empty_like(x, memory_format=layout(x))


NUMBERS = "int size, float scale, float beta, float k, int groups=1, bool blocked=False"

cross_map_norm = operator("cross_map_norm", f"Tensor x, {NUMBERS}", _forward, _like)
with_gradient(
    "cross_map_norm",
    operator("cross_map_norm_backward", f"Tensor x, Tensor gradient, {NUMBERS}", _backward, _like),
)


# --- within a map ---------------------------------------------------------------------------------


class _WithinMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, formula: Formula, contrast: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.formula, ctx.contrast = formula, contrast  # type: ignore[attr-defined]
        wide = widened(x)
        squared = _less_mean(wide, formula) if contrast else wide
        denominator = _box_sums(squared.square(), formula).mul_(formula.scale).add_(formula.k)
        return (wide / power(denominator, formula.beta)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        (x,), formula = ctx.saved_tensors, ctx.formula
        wide = widened(x)
        squared = _less_mean(wide, formula) if ctx.contrast else wide
        denominator = _box_sums(squared.square(), formula).mul_(formula.scale).add_(formula.k)
        direct = widened(gradient) / power(denominator, formula.beta)
        sums = _box_sums((direct * wide).div_(denominator), formula, mirrored=True)
        direct.addcmul_(squared, sums, value=-2 * formula.beta * formula.scale)
        return direct.to(x.dtype), None, None


def _box_sums(x: Tensor, formula: Formula, *, mirrored: bool = False) -> Tensor:
    """Sums over a square window of each map, rows first and then columns; outside counts 0."""
    size, half = formula.size, formula.size // 2
    rows = functional.avg_pool2d(x, (size, 1), 1, (half, 0), divisor_override=1)
    both = functional.avg_pool2d(rows, (1, size), 1, (0, half), divisor_override=1)
    # an even window gives one sum too many: the first where it leans back, the last where forward
    first = 1 if mirrored and size % 2 == 0 else 0
    return both[:, :, first : first + x.shape[2], first : first + x.shape[3]]


def _less_mean(x: Tensor, formula: Formula) -> Tensor:
    """x minus the mean of its window's pixels that exist."""
    counts = _box_sums(x.new_ones((1, 1, *x.shape[2:])), formula)
    return x - _box_sums(x, formula).div_(counts)
