"""Response normalisation across maps, within a map, and of contrast: forward and analytic backward,
fast on a CPU. Only the input is kept for the backward pass; all else is computed again.

y = x · D^-beta with D = k + a · Σ x², semantics section 4. Half precision is computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from alexnet.network.layers import ContrastNorm, CrossMapNorm, Norm, WithinMapNorm
from alexnet.torch_net.chunks import Chunks, in_chunks


@dataclass(frozen=True, slots=True)
class Formula:
    """The numbers of y = x · (k + scale · Σ x²)^-beta over a window that starts `before` units
    early.
    """

    size: int
    scale: float
    beta: float
    k: float
    groups: int = 1
    blocked: bool = False

    @property
    def before(self) -> int:
        """C division: even windows lean to lower indices."""
        return self.size // 2

    @property
    def after(self) -> int:
        """How far the window reaches beyond its unit."""
        return self.size - 1 - self.size // 2


def _formula(layer: Norm) -> Formula:
    if isinstance(layer, CrossMapNorm):
        divisor = layer.size if layer.alpha_divided else 1
        scale = layer.alpha / divisor
        return Formula(layer.size, scale, layer.beta, layer.k, layer.groups, layer.blocked)
    divisor = layer.size**2 if layer.alpha_divided else 1
    return Formula(layer.size, layer.alpha / divisor, layer.beta, layer.k)


class CrossMapNormModule(nn.Module):
    """Sums over neighbouring maps of one group."""

    def __init__(self, layer: CrossMapNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = _formula(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        if torch.compiler.is_compiling():
            return _plain_cross_map(x, self.formula)
        return _CrossMap.apply(x, self.formula)


class WithinMapNormModule(nn.Module):
    """Sums over a square of one map, clipped at its borders."""

    def __init__(self, layer: WithinMapNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = _formula(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        return _WithinMap.apply(x, self.formula, False)


class ContrastNormModule(nn.Module):
    """As the within-map norm, over squares of x minus its local mean."""

    def __init__(self, layer: ContrastNorm) -> None:
        """Takes the numbers of `layer`."""
        super().__init__()
        self.formula = _formula(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The shape, dtype and memory format of `x`."""
        return _WithinMap.apply(x, self.formula, True)


def _power(base: Tensor, exponent: float) -> Tensor:
    """base^exponent for positive bases; by square roots where those do, which are far cheaper."""
    if exponent == 0.75:
        root = base.sqrt()
        return root.sqrt().mul_(root)
    return base.sqrt() if exponent == 0.5 else base.pow(exponent)


def _plain_cross_map(x: Tensor, formula: Formula) -> Tensor:
    """The same value in whole-tensor operations, for a compiler or an exporter to arrange."""
    wide = _wide(x).unflatten(1, (formula.groups, -1))
    maps = wide.shape[2]
    if formula.blocked:
        sums = _block_sums(wide.square().flatten(0, 1).flatten(2), maps, formula.size)
        sums = sums.view(wide.shape)
    else:
        padded = functional.pad(wide.square(), (0, 0, 0, 0, formula.before, formula.after))
        sums = padded.unfold(2, formula.size, 1).sum(-1)
    return (wide * (formula.k + formula.scale * sums).pow(-formula.beta)).flatten(1, 2).to(x.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


# --- across maps ----------------------------------------------------------------------------------


class _CrossMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, formula: Formula) -> Tensor:
        x = x.contiguous(memory_format=_layout(x))
        ctx.save_for_backward(x)
        ctx.formula = formula  # type: ignore[attr-defined]
        y = torch.empty_like(x)

        def work(chunks: Chunks) -> None:
            squares = WindowSums(formula)
            for part, target in chunks:
                wide = _wide(part)
                torch.mul(wide, wide, out=squares.place(wide))
                powered = _power(_denominator(squares), formula.beta)
                _into(target, torch.div, wide, squares.maps(powered))

        in_chunks(work, _sets(formula, x, y), x.shape[1] // formula.groups + formula.size // 2)
        return y

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None]:
        (x,), formula = ctx.saved_tensors, ctx.formula
        gradient = gradient.contiguous(memory_format=_layout(x))  # so that both are cut alike
        result = torch.empty_like(x)
        factor = -2 * formula.beta * formula.scale

        def work(chunks: Chunks) -> None:
            squares, shares = WindowSums(formula), WindowSums(formula, mirrored=True)
            for part, arriving, target in chunks:
                part, arriving = _wide(part), _wide(arriving)
                torch.mul(part, part, out=squares.place(part))
                denominator = _denominator(squares)
                direct = arriving / squares.maps(_power(denominator, formula.beta))
                torch.div(direct * part, squares.maps(denominator), out=shares.place(part))
                shared = shares.maps(shares.take())
                _into(target, torch.addcmul, direct, part, shared, value=factor)

        tensors = _sets(formula, x, gradient, result)
        in_chunks(work, tensors, x.shape[1] // formula.groups + formula.size // 2)
        return result, None


def _into(
    target: Tensor, operator: Callable[..., Tensor], *terms: Tensor, **settings: float
) -> None:
    """Writes straight into `target`, by way of a copy only where the dtype changes."""
    if target.dtype == terms[0].dtype:
        operator(*terms, **settings, out=target)
    else:
        target.copy_(operator(*terms, **settings))


def _denominator(squares: WindowSums) -> Tensor:
    """D along the whole line; k in the gaps, so that no root of them fails."""
    total = squares.take()
    formula = squares.formula
    return torch.add(total.new_tensor(formula.k), total, alpha=formula.scale)


def _layout(x: Tensor) -> torch.memory_format:
    return torch.contiguous_format if x.is_contiguous() else torch.channels_last


def _sets(formula: Formula, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Views of the tensors as (sets of maps, maps in a set, units side by side)."""
    channels = tensors[0].shape[1] // formula.groups
    if tensors[0].is_contiguous():
        units = tensors[0].shape[2] * tensors[0].shape[3]
        return tuple(t.view(-1, channels, units) for t in tensors)
    return tuple(t.permute(0, 2, 3, 1).view(-1, channels, 1) for t in tensors)


class WindowSums:
    """Sums over each map's window, by shifting one long line of maps over itself.

    Sets of maps lie end to end with zeros between them, so that no shift mixes two; the line is
    made once and used again for every chunk of the same shape. With `mirrored` the sum is over the
    maps whose windows a map is in.
    """

    def __init__(self, formula: Formula, *, mirrored: bool = False) -> None:
        """Makes no line yet."""
        self.formula, self.shape = formula, torch.Size()
        self.before = formula.after if mirrored else formula.before
        self.gap = max(formula.before, formula.after)

    def place(self, like: Tensor) -> Tensor:
        """Where to write what is to be summed: (sets, maps, units), as `like`."""
        if self.shape != like.shape:
            self.shape = like.shape
            sets, maps, units = like.shape
            self.length = sets * (maps + self.gap) * units
            self.line = like.new_zeros(self.length + (self.formula.size - 1) * units)
        return self.maps(self.line[self.before * self.shape[2] :][: self.length])

    def maps(self, line: Tensor) -> Tensor:
        """A line without its gaps: (sets, maps, units)."""
        sets, maps, units = self.shape
        return line.view(sets, maps + self.gap, units)[:, :maps]

    def take(self) -> Tensor:
        """The sums, as a line; `maps` cuts it."""
        sets, maps, units = self.shape
        if not self.formula.blocked:
            return _shifted_sums(self.line, self.formula.size, units, self.length)
        placed = self.line[self.before * units :][: self.length].view(sets, -1, units)
        return _block_sums(placed, maps, self.formula.size).reshape(-1)


def _shifted_sums(line: Tensor, size: int, step: int, length: int) -> Tensor:
    """Σ line[t + d·step], d = 0 … size − 1, for t < length, by doubling: 3 additions for size 5."""
    power, width, offset = line, 1, 0
    total: Tensor | None = None
    while width <= size:
        if size & width:
            part = power[offset * step :][:length]
            total = part if total is None else total + part
            offset += width
        shift, width = width * step, width * 2
        if width <= size:
            power = power[:-shift] + power[shift:]
    assert total is not None, "a window holds at least one map"
    return total


def _block_sums(x: Tensor, maps: int, size: int) -> Tensor:
    """The sum over the block of `size` maps that holds each; the last of `maps` may be smaller."""
    width = x.shape[1]
    whole = functional.pad(x[:, :maps], (0, 0, 0, -width % size + width - maps))
    blocks = whole.unflatten(1, (-1, size))
    return blocks.sum(2, keepdim=True).expand_as(blocks).flatten(1, 2)[:, :width]


# --- within a map ---------------------------------------------------------------------------------


class _WithinMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, formula: Formula, contrast: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.formula, ctx.contrast = formula, contrast  # type: ignore[attr-defined]
        wide = _wide(x)
        squared = _less_mean(wide, formula) if contrast else wide
        denominator = _box_sums(squared.square(), formula).mul_(formula.scale).add_(formula.k)
        return (wide / _power(denominator, formula.beta)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        (x,), formula = ctx.saved_tensors, ctx.formula
        wide = _wide(x)
        squared = _less_mean(wide, formula) if ctx.contrast else wide
        denominator = _box_sums(squared.square(), formula).mul_(formula.scale).add_(formula.k)
        direct = _wide(gradient) / _power(denominator, formula.beta)
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
