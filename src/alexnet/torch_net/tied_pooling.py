"""Max pooling with cuda-convnet's gradient: every pixel that equals its window's maximum receives
the whole of it (semantics section 3). The forward pass is torch's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from alexnet.network.sizes import Side

CHUNK = 1 << 16
"""How many windows go through at a time on a CPU, so that what they need stays in its caches."""


class EveryMaximum(torch.autograd.Function):
    """Takes the maps and their already pooled maxima; gives the maxima, and their gradient to the
    maps.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        largest: Tensor,
        sides: tuple[Side, Side],
        size: int,
        stride: int,
    ) -> Tensor:
        """`largest` itself; it must have been computed without a gradient."""
        ctx.save_for_backward(x, largest)
        ctx.sides, ctx.size, ctx.stride = sides, size, stride  # type: ignore[attr-defined]
        return largest.view_as(largest)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None, None, None]:
        """The gradient of the maps."""
        x, largest = ctx.saved_tensors
        layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last
        x, largest, gradient = (
            each.contiguous(memory_format=layout) for each in (x, largest, gradient)
        )
        grid = Grid(ctx.sides, ctx.size, ctx.stride)
        result = torch.empty_like(x) if grid.covers else torch.zeros_like(x)
        for chunk in _chunks(x, largest, gradient, result):
            grid.spread(*chunk)
        return result, None, None, None, None


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors as (sets, rows, columns, channels side by side), a few sets at a time."""
    if tensors[0].is_contiguous():
        views = [t.flatten(0, 1).unsqueeze(-1) for t in tensors]
    else:
        views = [t.permute(0, 2, 3, 1) for t in tensors]
    sets = views[0].shape[0]
    if tensors[0].device.type == "cpu":
        sets = max(1, CHUNK // views[1].shape[1:].numel())
    return zip(*(view.split(sets) for view in views), strict=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Views of the lines, shifted so that one place's pixels stand beside their windows."""

    pixels: Tensor
    total: Tensor
    largest: Tensor
    gradient: Tensor
    equal: Tensor


@dataclass(frozen=True, slots=True)
class Phase:
    """Which pixels a phase holds, where they stand in its line, and its places."""

    pixels: Any
    inside: Tensor
    total: Tensor
    line: Tensor
    places: list[Place]


class Grid:
    """Dealt by stride, the pixels at one place of every window lie as the windows do.

    There are stride × stride such phases. Each is one long line with the same gaps as the line of
    windows, so a place's pixels are a phase shifted: every comparison runs straight through memory.
    Gaps hold NaN, which equals nothing.
    """

    def __init__(self, sides: tuple[Side, Side], size: int, stride: int) -> None:
        """Says how the windows lie; the lines are made for the first chunk."""
        self.sides, self.size, self.stride = sides, size, stride
        reach = (size - 1) // stride
        self.extent = tuple(side.outputs + reach for side in sides)
        self.covers = stride <= size and all(min(s.before, s.after) >= 0 for s in sides)
        self.shape = torch.Size()

    def spread(self, x: Tensor, largest: Tensor, gradient: Tensor, result: Tensor) -> None:
        """Writes into `result` the gradient of `x`; all are (sets, rows, columns, channels)."""
        if self.shape != x.shape:
            self.shape = x.shape
            self._prepare(x, largest.shape[1:3])
        self.largest.copy_(largest)
        self.gradient.copy_(gradient)
        for phase in self.phases:
            phase.inside.copy_(x[phase.pixels])
            for place in phase.places:
                torch.eq(place.pixels, place.largest, out=place.equal)
                place.total.addcmul_(place.equal, place.gradient)
            result[phase.pixels] = phase.total
            phase.line.zero_()

    def _prepare(self, x: Tensor, windows: torch.Size) -> None:
        """Makes the lines, and all views of them that `spread` needs."""
        lines = x.new_zeros((5, x.shape[0], *self.extent, x.shape[3]))
        pixels, largest, gradient, equal, total = lines
        largest.fill_(torch.nan)
        self.largest, self.gradient = (
            line[:, : windows[0], : windows[1]] for line in (largest, gradient)
        )
        self.phases: list[Phase] = []
        for phase in product(range(min(self.size, self.stride)), repeat=2):
            inside, where = self._common(phase, x.shape[1:3])
            places = [
                Place(
                    pixels.view(-1)[shift:],
                    total.view(-1)[shift:],
                    *(line.view(-1)[: line.numel() - shift] for line in (largest, gradient, equal)),
                )
                for shift in self._shifts(phase)
            ]
            self.phases.append(Phase(where, pixels[inside], total[inside], total, places))

    def _shifts(self, phase: tuple[int, ...]) -> list[int]:
        """How far behind its windows each place of a phase lies, along the line."""
        return [
            (row // self.stride * self.extent[1] + column // self.stride) * self.shape[3]
            for row, column in product(*(range(p, self.size, self.stride) for p in phase))
        ]

    def _common(self, phase: tuple[int, ...], extent: torch.Size) -> tuple[Any, Any]:
        """Where a phase's pixels that exist lie in the line, and where in the picture."""
        inside, pixels = [slice(None)], [slice(None)]
        for side, offset, length, places in zip(
            self.sides, phase, extent, self.extent, strict=True
        ):
            first = max(0, -((offset - side.before) // self.stride))
            last = min(places, -((offset - side.before - length) // self.stride))
            start = first * self.stride + offset - side.before
            inside.append(slice(first, max(first, last)))
            pixels.append(slice(start, start + max(0, last - first) * self.stride, self.stride))
        return tuple(inside), tuple(pixels)
