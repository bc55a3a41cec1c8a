"""Pooling, forward and backward: over windows clipped to the map, and across neighbouring maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import numpy as np

from alexnet.network.layers import AveragePool, CrossMapPool, MaxPool, Pool, RandomPool
from alexnet.network.sizes import Side
from alexnet.numpy_net.windows import Array, Sides, clipped, positions

Place = tuple[slice, slice, int, int]
Pixels = tuple[slice, slice, slice, slice]


def max_pooled(layer: MaxPool, sides: Sides, pictures: Array) -> Array:
    """The largest pixel of the map in each window; padding takes no part (conv_util.cuh).

    By magnitude the one farthest from 0. Of x and −x "cuda-convnet" takes the later in row-major
    order (conv_util.cuh, MaxAbsPooler); under the other rules, none of which has this pool, we take
    the earlier.
    """
    output = _empty(pictures, sides)
    for place, pixels in _windows(layer, sides, pictures):
        if layer.by_magnitude:
            output[place] = _farthest(layer, pictures[pixels])
        else:
            output[place] = pictures[pixels].max(axis=(2, 3))
    return output


def max_pooled_backward(layer: MaxPool, sides: Sides, pictures: Array, gradient: Array) -> Array:
    """Under "cuda-convnet" every pixel equal to its window's output receives the full gradient.

    Ties are not split (conv_util.cu, kLocalMaxUndo). Torch, Caffe and TensorFlow give it to the
    first maximum in row-major order. Overlapping windows add.
    """
    result = np.zeros_like(pictures)
    for place, pixels in _windows(layer, sides, pictures):
        window = pictures[pixels]
        if layer.rule == "cuda-convnet" and layer.by_magnitude:
            winners = window == _farthest(layer, window)[:, :, None, None]
        elif layer.rule == "cuda-convnet":
            winners = window == window.max(axis=(2, 3), keepdims=True)
        else:
            winners = _first_maximum(np.abs(window) if layer.by_magnitude else window)
        result[pixels] += winners * gradient[place][:, :, None, None]
    return result


def average_pooled(layer: AveragePool, sides: Sides, pictures: Array) -> Array:
    """The sum of the window's pixels of the map over the layer's divisor."""
    output = _empty(pictures, sides)
    for place, pixels in _windows(layer, sides, pictures):
        total = pictures[pixels].sum(axis=(2, 3))
        output[place] = total / divisor(layer, sides, place, pixels, pictures)
    return output


def average_pooled_backward(
    layer: AveragePool, sides: Sides, pictures: Array, gradient: Array
) -> Array:
    """Every pixel of a window receives the window's gradient over the same divisor."""
    result = np.zeros_like(pictures)
    for place, pixels in _windows(layer, sides, pictures):
        share = gradient[place] / divisor(layer, sides, place, pixels, pictures)
        result[pixels] += share[:, :, None, None]
    return result


def divisor(layer: AveragePool, sides: Sides, place: Place, pixels: Pixels, pictures: Array) -> int:
    """What this window's sum is divided by: the traditions' quarrel, one branch each."""
    match layer.divisor:
        case "inside":  # cuda-convnet conv_util.cuh (the true count), TensorFlow
            high, wide = pixels[2:]
            return (high.stop - high.start) * (wide.stop - wide.start)
        case "padded":  # Caffe pooling_layer.cpp, torch count_include_pad=True
            high, wide = (
                _padded_length(layer, index, side, extent)
                for index, side, extent in zip(place[2:], sides, pictures.shape[2:], strict=True)
            )
            return high * wide
        case "window":
            return layer.window.size**2
        case "one":  # cuda-convnet2's sum=1
            return 1
        case _:
            assert_never(layer.divisor)


def randomly_pooled(layer: RandomPool, sides: Sides, pictures: Array, draw: Array | None) -> Array:
    """The pixel of the window that the draw falls on: number floor(u · count) of those on the map,
    row by row. Without a draw their mean.
    """
    output = _empty(pictures, sides)
    for place, pixels in _windows(layer, sides, pictures):
        window = _flat(pictures[pixels])
        if draw is None:
            output[place] = window.mean(axis=2)
        else:
            count = window.shape[2]
            chosen = np.minimum((draw[place] * count).astype(np.intp), count - 1)
            output[place] = np.take_along_axis(window, chosen[:, :, None], axis=2)[:, :, 0]
    return output


def randomly_pooled_backward(
    layer: RandomPool,
    sides: Sides,
    pictures: Array,
    output: Array,
    gradient: Array,
    *,
    drawn: bool,
) -> Array:
    """Every pixel equal to the one drawn receives the full gradient, for 2012 calls max pooling's
    backward pass here (layer.cu, RandomPoolLayer). Of the mean each pixel gets its share.
    """
    result = np.zeros_like(pictures)
    for place, pixels in _windows(layer, sides, pictures):
        window, arriving = pictures[pixels], gradient[place][:, :, None, None]
        if drawn:
            result[pixels] += (window == output[place][:, :, None, None]) * arriving
        else:
            result[pixels] += arriving / (window.shape[2] * window.shape[3])
    return result


def cross_map_pooled(layer: CrossMapPool, pictures: Array) -> Array:
    """The largest of the maps in each window, pixel by pixel; maps that do not exist take no part
    (cuda-convnet2 conv_util.cuh, kPoolCrossMap).
    """
    windows = [pictures[:, maps].max(axis=1) for maps in _map_windows(layer, pictures)]
    return np.stack(windows, axis=1)


def cross_map_pooled_backward(layer: CrossMapPool, pictures: Array, gradient: Array) -> Array:
    """Every map equal to the largest receives the full gradient (kCrossMapMaxPoolUndo)."""
    result = np.zeros_like(pictures)
    for index, maps in enumerate(_map_windows(layer, pictures)):
        window = pictures[:, maps]
        winners = window == window.max(axis=1, keepdims=True)
        result[:, maps] += winners * gradient[:, index : index + 1]
    return result


def _map_windows(layer: CrossMapPool, pictures: Array) -> Iterator[slice]:
    """The existing maps under each window."""
    for index in range(layer.outputs):
        first = layer.start + index * layer.stride
        yield slice(max(first, 0), min(first + layer.size, pictures.shape[1]))


def _padded_length(layer: AveragePool, index: int, side: Side, pixels: int) -> int:
    """How much of one side of the window lies on the map or on its padding.

    Ceil rounding may push a window beyond the padding too; what lies there is not counted. The far
    padding is as wide as the near one, except under "same", which may set one pixel more.
    """
    first = index * layer.window.stride - side.before
    far = side.after if layer.rule == "same" else side.before
    return min(first + layer.window.size, pixels + max(far, 0)) - first


def _first_maximum(window: Array) -> Array:
    """1 at each map's first maximum in row-major order, 0 elsewhere."""
    flat = _flat(window)
    winners = np.zeros_like(flat)
    np.put_along_axis(winners, flat.argmax(axis=2, keepdims=True), 1.0, axis=2)
    return winners.reshape(window.shape)


def _farthest(layer: MaxPool, window: Array) -> Array:
    """The value farthest from 0; of x and −x the later under "cuda-convnet", else the earlier."""
    flat = _flat(window)
    if layer.rule == "cuda-convnet":
        flat = flat[:, :, ::-1]
    places = np.abs(flat).argmax(axis=2, keepdims=True)
    return np.take_along_axis(flat, places, axis=2)[:, :, 0]


def _flat(window: Array) -> Array:
    """A window's pixels row by row, (pictures, channels, pixels)."""
    return window.reshape(*window.shape[:2], -1)


def _empty(pictures: Array, sides: Sides) -> Array:
    rows, columns = sides
    return np.empty((*pictures.shape[:2], rows.outputs, columns.outputs))


def _windows(layer: Pool, sides: Sides, pictures: Array) -> Iterator[tuple[Place, Pixels]]:
    """Every place of the output with the pixels of the map that it reads."""
    (rows, columns), (height, width) = sides, pictures.shape[2:]
    everything = slice(None)
    for row, column in positions(sides):
        high = clipped(row, rows, layer.window, height)
        wide = clipped(column, columns, layer.window, width)
        yield (everything, everything, row, column), (everything, everything, high, wide)
