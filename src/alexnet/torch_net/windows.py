"""Says to torch's windowed operators where a Network's windows lie; it computes no activations."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as functional
from torch import Tensor

from alexnet.network.shapes import Shape
from alexnet.network.sizes import Side


@dataclass(frozen=True, slots=True)
class Frame:
    """How an operator is brought to lay exactly the windows of `sides`.

    Attributes:
        padding: rows and columns that the operator itself adds at both ends.
        ceil: whether the operator (pooling only) must also take a last, overhanging window.
        margins: what must be added (negative: cut off) beforehand, in the order of
            `torch.nn.functional.pad`: left, right, top, bottom; None where nothing must.
    """

    padding: tuple[int, int]
    ceil: bool = False
    margins: tuple[int, int, int, int] | None = None

    def around(self, x: Tensor, value: float) -> Tensor:
        """`x` with its margins filled with `value`, or cut."""
        return x if self.margins is None else functional.pad(x, self.margins, value=value)


def frame(
    sides: tuple[Side, Side], shape: Shape, size: int, stride: int, *, pooling: bool
) -> Frame:
    """The cheapest Frame: the operator's own padding where that gives the same windows.

    Args:
        sides: how the windows lie along the rows and the columns.
        shape: (channels, height, width) of what is read.
        size, stride: of the window, in pixels.
        pooling: torch's pooling pads by at most half a window, but can overhang; its convolution
            the other way round.
    """
    rows, columns = sides
    padding = (rows.before, columns.before)
    most = size // 2 if pooling else max(padding)
    if min(padding) >= 0 and max(padding) <= most:
        for ceil in (False, True) if pooling else (False,):
            counts = [
                _count(pixels, size, stride, side.before, ceil)
                for side, pixels in zip(sides, shape[1:], strict=True)
            ]
            if counts == [rows.outputs, columns.outputs]:
                return Frame(padding, ceil)
    return Frame((0, 0), False, (columns.before, columns.after, rows.before, rows.after))


def _count(pixels: int, size: int, stride: int, padding: int, ceil: bool) -> int:
    """torch's number of windows; with `ceil` the last may overhang but must start before the far
    padding.
    """
    room = pixels + 2 * padding - size
    if not ceil:
        return 1 + room // stride
    count = 1 - (-room // stride)
    return count - 1 if (count - 1) * stride >= pixels + padding else count
