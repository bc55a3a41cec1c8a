"""Where windows lie over an array: positions, clipped spans, and the zero frame that a convolution
reads. It computes no values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from alexnet.network.layers import Kernel, Window
from alexnet.network.sizes import Side

Array = NDArray[np.float64]
"""Everywhere (pictures, channels, rows, columns) unless a docstring says otherwise."""

Sides = tuple[Side, Side]
"""How windows lie along the rows and along the columns."""


def positions(sides: Sides) -> Iterator[tuple[int, int]]:
    """Every (row, column) of the output map, in row-major order."""
    rows, columns = sides
    return product(range(rows.outputs), range(columns.outputs))


def patch(row: int, column: int, kernel: Kernel) -> tuple[slice, slice]:
    """The pixels that output (row, column) reads, counted within the frame."""
    top, left = row * kernel.stride, column * kernel.stride
    return slice(top, top + kernel.size), slice(left, left + kernel.size)


def framed(pictures: Array, sides: Sides) -> Array:
    """The pictures with zeros on every side that windows overhang.

    A pixel outside the map reads as 0 whichever side it lies on (cuda-convnet filter_acts.cu); only
    how far the windows reach beyond each edge differs between the traditions.
    """
    rows, columns = sides
    frame = [(side.before, max(side.after, 0)) for side in (rows, columns)]
    return np.pad(pictures, [(0, 0), (0, 0), *frame])


def unframed(gradient: Array, shape: tuple[int, ...], sides: Sides) -> Array:
    """The part of a framed gradient that lies on the map, which is `shape`; zeros have no cause."""
    (rows, columns), (height, width) = sides, shape[2:]
    return gradient[
        :, :, rows.before : rows.before + height, columns.before : columns.before + width
    ]


def clipped(index: int, side: Side, window: Window, pixels: int) -> slice:
    """The pixels of the map under the `index`-th pooling window; at the edges fewer than its size.

    cuda-convnet conv_util.cuh: windows are clipped to the picture.
    """
    first = index * window.stride - side.before
    return slice(max(first, 0), min(first + window.size, pixels))


def around(centre: int, size: int, first: int, end: int) -> slice:
    """`size` places from `centre` − size//2 on, clipped to `first` … `end` − 1.

    An even size leans to the lower side (cuda-convnet conv_util.cu: C's division).
    """
    start = centre - size // 2
    return slice(max(start, first), min(start + size, end))
