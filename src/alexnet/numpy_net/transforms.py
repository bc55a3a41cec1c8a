"""What the files of 2012 do to pictures before the first weights, forward and backward: blur,
nailbed, resize, random scale, reflection and colour spaces (semantics file, section 11).
"""

from __future__ import annotations

import math
from itertools import product
from typing import assert_never

import numpy as np

from alexnet.network.arithmetic import nailbed_start
from alexnet.network.layers import (
    Blur,
    ColourTransform,
    Nailbed,
    PictureTransform,
    RandomScale,
    Reflection,
    Resize,
)
from alexnet.numpy_net.windows import Array

YUV = ((0.2126, 0.7152, 0.0722), (-0.09991, -0.33609, 0.436), (0.615, -0.55861, -0.05639))
"""Y, U and V from red, green and blue (cuda-convnet2 conv_util.cu, kRGBToYUV)."""

XYZ = ((0.49, 0.31, 0.2), (0.17697, 0.8124, 0.01063), (0.0, 0.01, 0.99))
"""X, Y and Z from red, green and blue (cuda-convnet2 conv_util.cu, kRGBToLAB)."""


def transformed(layer: PictureTransform, pictures: Array, draw: Array | None) -> Array:
    """What the layer makes of the pictures; only a random scale takes a draw, None at test time."""
    match layer:
        case Blur():
            return blurred(layer, pictures)
        case Nailbed():
            return pictures[_nails(layer, pictures.shape)]
        case Resize():
            rows, columns = (math.floor(side / layer.scale) for side in pictures.shape[2:])
            return resized(pictures, rows, columns, layer.scale)
        case RandomScale():
            return randomly_scaled(layer, pictures, draw)
        case Reflection():
            return pictures[:, :, :, ::-1].copy()
        case ColourTransform():
            return in_colour_space(layer, pictures)
        case _:
            assert_never(layer)


def transformed_backward(layer: PictureTransform, pictures: Array, gradient: Array) -> Array:
    """The gradient of the pictures.

    Resize, random scale and colour transforms pass none: 2012's parser refuses weights below them
    and their backward pass stops the program (layer.py, verify_no_grads). Here it is zeros.
    """
    match layer:
        case Blur():
            # pixel p gives to q what q gives to p, borders included: the blur is its own transpose
            return blurred(layer, gradient)
        case Nailbed():
            result = np.zeros_like(pictures)
            result[_nails(layer, pictures.shape)] = gradient
            return result
        case Reflection():
            return gradient[:, :, :, ::-1].copy()
        case Resize() | RandomScale() | ColourTransform():
            return np.zeros_like(pictures)
        case _:
            assert_never(layer)


def blurred(layer: Blur, pictures: Array) -> Array:
    """Every row, then every column, weighed by the taps; zeros outside, and no weight made up for
    them (cuda-convnet2 conv_util.cu, kGaussianBlur).
    """
    half, weights = layer.size // 2, taps(layer)
    across, down = np.zeros_like(pictures), np.zeros_like(pictures)
    height, width = pictures.shape[2:]
    for column, (tap, weight) in product(range(width), enumerate(weights)):
        if 0 <= (source := column + tap - half) < width:
            across[:, :, :, column] += weight * pictures[:, :, :, source]
    for row, (tap, weight) in product(range(height), enumerate(weights)):
        if 0 <= (source := row + tap - half) < height:
            down[:, :, row] += weight * across[:, :, source]
    return down


def taps(layer: Blur) -> list[float]:
    """A Gaussian's values around its centre, divided by their sum (2012's layer.py)."""
    half = layer.size // 2
    values = [math.exp(-((half - i) ** 2) / (2 * layer.deviation**2)) for i in range(layer.size)]
    return [value / sum(values) for value in values]


def _nails(layer: Nailbed, shape: tuple[int, ...]) -> tuple[slice, slice, slice, slice]:
    """Which pixels are kept."""
    rows, columns = (slice(nailbed_start(layer, side), None, layer.stride) for side in shape[2:])
    return slice(None), slice(None), rows, columns


# --- resizing -------------------------------------------------------------------------------------


def resized(pictures: Array, rows: int, columns: int, scale: float) -> Array:
    """Bilinear, rows × columns pixels at a pitch of `scale` pixels of the picture, the middles of
    both on one another.

    Target pixel i stands at (i − target / 2) · scale + picture / 2, kept within 0 … picture − 1.01
    (cuda-convnet2 conv_util.cu, kResizeBilinear): so a scale of 2 shows every second pixel, not the
    mean of two, and the last pixel is never quite reached.
    """
    height, width = pictures.shape[2:]
    result = np.empty((*pictures.shape[:2], rows, columns))
    for row, column in product(range(rows), range(columns)):
        (y, below, down), (x, right, across) = (
            _between(index, target, side, scale)
            for index, target, side in ((row, rows, height), (column, columns, width))
        )
        upper = (1 - across) * pictures[:, :, y, x] + across * pictures[:, :, y, right]
        lower = (1 - across) * pictures[:, :, below, x] + across * pictures[:, :, below, right]
        result[:, :, row, column] = (1 - down) * upper + down * lower
    return result


def _between(index: int, target: int, side: int, scale: float) -> tuple[int, int, float]:
    """The two pixels that a target pixel lies between, and how far it is from the first."""
    place = (index - target / 2) * scale + side / 2
    place = max(0.0, min(side - 1.01, place))
    first = math.floor(place)
    return first, min(first + 1, side - 1), place - first


def randomly_scaled(layer: RandomScale, pictures: Array, draw: Array | None) -> Array:
    """One scale and one crop for the whole batch; without a draw the centre of the full picture
    (2012's layer.cu, RandomScaleLayer).

    `draw` holds four numbers in 0 … 1: for the scale, for its fine adjustment, and for the crop's
    first row and first column. Of S = picture − floor(picture / maximum) + 1 scales the s-th, from
    0, is drawn with probability (s + 1)² / Σ: the picture becomes side + s pixels wide, yet never
    wider than it is. 2012 would magnify it there; where `side` is the smallest width that `maximum`
    allows the question does not arise. The pitch is drawn between those that fit one pixel more and
    exactly.
    """
    side, full = layer.side, pictures.shape[2]
    if draw is None:
        start = (full - side) // 2
        return pictures[:, :, start : start + side, start : start + side].copy()
    scale, fine, *place = draw
    scales = full - math.floor(full / layer.maximum) + 1
    chances = np.cumsum(np.arange(1, scales + 1) ** 2) / np.sum(np.arange(1, scales + 1) ** 2)
    wide = min(side + int(np.sum(chances < scale)), full)
    if wide < full:
        least, most = max(1.0, full / (1 + wide)), full / wide
        pictures = resized(pictures, wide, wide, least + fine * (most - least))
    top, left = (min(int(each * (wide - side + 1)), wide - side) for each in place)
    return pictures[:, :, top : top + side, left : left + side].copy()


# --- colours --------------------------------------------------------------------------------------


def in_colour_space(layer: ColourTransform, pictures: Array) -> Array:
    """The pictures' red, green and blue as Y, U, V or as L, a, b."""
    match layer.space:
        case "yuv":
            return _mixed(YUV, pictures)
        case "lab":
            x, y, z = np.moveaxis(_cube_roots(_mixed(XYZ, pictures)), 1, 0)
            lightness = 116 * y - 16 - (50 if layer.centred else 0)
            return np.stack([lightness, 500 * (x - y), 200 * (y - z)], axis=1)
        case _:
            assert_never(layer.space)


def _mixed(matrix: tuple[tuple[float, ...], ...], pictures: Array) -> Array:
    """Each row of the matrix weighs the three channels."""
    channels = [
        sum(weight * pictures[:, i] for i, weight in enumerate(weights)) for weights in matrix
    ]
    return np.stack(channels, axis=1)


def _cube_roots(values: Array) -> Array:
    """cuda-convnet2's f: t to the power 0.3333 (not 1/3), a straight line for dark t."""
    bright = values > 0.0088564517
    roots = np.where(bright, values, 1) ** 0.3333
    return np.where(bright, roots, 7.787037 * values + 0.13793103)
