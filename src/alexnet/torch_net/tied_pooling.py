"""Max pooling with cuda-convnet's gradient: every pixel that equals its window's maximum receives
the whole of it (semantics section 3). The forward pass is torch's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from alexnet.network.sizes import Side
from alexnet.torch_net.chunks import Chunks, in_chunks
from alexnet.torch_net.operators import operator


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
        windows = [n for side in ctx.sides for n in (side.outputs, side.before, side.after)]
        found = to_every_maximum(x, largest, gradient, windows, ctx.size, ctx.stride)
        return found, None, None, None, None


def _to_every_maximum(
    x: Tensor, largest: Tensor, gradient: Tensor, windows: list[int], size: int, stride: int
) -> Tensor:
    """The gradient of the maps `x`, in their memory format, from that of their maxima.

    Args:
        x: (N, channels, height, width).
        largest: the maxima, (N, channels, rows, columns).
        gradient: theirs, of the same shape.
        windows: of the rows and then of the columns: how many, and pixels before and after.
        size, stride: of a window.
    """
    layout = _layout(x)
    x, largest, gradient = (
        each.contiguous(memory_format=layout) for each in (x, largest, gradient)
    )
    first, top, bottom, second, left, right = windows
    sides = Side(first, top, bottom, ""), Side(second, left, right, "")
    covered = stride <= size and all(min(side.before, side.after) >= 0 for side in sides)
    result = torch.empty_like(x) if covered else torch.zeros_like(x)

    def work(chunks: Chunks) -> None:
        grid = Grid(sides, size, stride)
        for chunk in chunks:
            grid.spread(*chunk)

    line = math.prod(Grid(sides, size, stride).extent)
    in_chunks(work, _sets(x, largest, gradient, result), line)
    return result


def _layout(x: Tensor) -> torch.memory_format:
    return torch.contiguous_format if x.is_contiguous() else torch.channels_last


def _like(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x, memory_format=_layout(x))


to_every_maximum = operator(
    "to_every_maximum",
    "Tensor x, Tensor largest, Tensor gradient, int[] windows, int size, int stride",
    _to_every_maximum,
    _like,
)


def _sets(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Views as (sets, rows, columns, channels side by side), all as the first lies in memory; one
    channel in NCHW.
    """
    if tensors[0].is_contiguous():
        return tuple(t.flatten(0, 1).unsqueeze(-1) for t in tensors)
    return tuple(t.permute(0, 2, 3, 1) for t in tensors)


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
