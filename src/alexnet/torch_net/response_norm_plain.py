"""The response norm across maps in torch operations: forward and analytic backward, what is used
where no kernel applies. On a CPU it goes a cache-full at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from alexnet.torch_net.chunks import Chunks, in_chunks
from alexnet.torch_net.response_norm_formula import Formula


def normalise(x: Tensor, formula: Formula) -> Tensor:
    """y = x · (k + scale · Σ x²)^-beta; the shape, dtype and layout of `x`, which is dense."""
    y = torch.empty_like(x)

    def work(chunks: Chunks) -> None:
        squares = WindowSums(formula)
        for part, target in chunks:
            part = widened(part)
            torch.mul(part, part, out=squares.place(part))
            powered = power(_denominator(squares), formula.beta)
            _into(target, torch.div, part, squares.maps(powered))

    in_chunks(work, _sets(formula, x, y), x.shape[1] // formula.groups + formula.size // 2)
    return y


def gradient_of(x: Tensor, gradient: Tensor, formula: Formula) -> Tensor:
    """The gradient of `x` from that of y, laid out as `x`."""
    result = torch.empty_like(x)
    factor = -2 * formula.beta * formula.scale

    def work(chunks: Chunks) -> None:
        squares, shares = WindowSums(formula), WindowSums(formula, mirrored=True)
        for part, arriving, target in chunks:
            part, arriving = widened(part), widened(arriving)
            torch.mul(part, part, out=squares.place(part))
            denominator = _denominator(squares)
            direct = arriving / squares.maps(power(denominator, formula.beta))
            torch.div(direct * part, squares.maps(denominator), out=shares.place(part))
            shared = shares.maps(shares.take())
            _into(target, torch.addcmul, direct, part, shared, value=factor)

    tensors = _sets(formula, x, gradient, result)
    in_chunks(work, tensors, x.shape[1] // formula.groups + formula.size // 2)
    return result


def power(base: Tensor, exponent: float) -> Tensor:
    """base^exponent for positive bases; by square roots where those do, which are far cheaper."""
    if exponent == 0.75:
        root = base.sqrt()
        return root.sqrt().mul_(root)
    return base.sqrt() if exponent == 0.5 else base.pow(exponent)


def widened(x: Tensor) -> Tensor:
    """`x`, in float32 if it is in half precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


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
