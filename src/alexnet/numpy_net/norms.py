"""The three response norms, forward and backward: y = x · D^-beta with D = k + a · Σ m².

They differ only in which places the sum runs over and in what is squared (cuda-convnet
conv_util.cu, kFCNorm, kRNorm, kCNorm and their Undo kernels).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import assert_never

import numpy as np

from alexnet.network.layers import ContrastNorm, CrossMapNorm, Norm, WithinMapNorm
from alexnet.numpy_net.windows import Array, around

Index = tuple[slice, ...]


def normalised(layer: Norm, pictures: Array) -> Array:
    """y = x · D^-beta. The numerator is x itself, in the contrast norm too."""
    return pictures * denominators(layer, pictures) ** -layer.beta


def normalised_backward(layer: Norm, pictures: Array, gradient: Array) -> Array:
    """g_i · D_i^-beta − 2 · beta · a · m_i · Σ_j g_j · y_j / D_j, j over the windows that hold i.

    With m = x that is the exact derivative of the cross-map and the within-map norm. In the
    contrast norm m is x minus its local mean, and cuda-convnet calls the same kernel with m in the
    place of x (convContrastNormUndo). So dm_i/dx_i is 1 and dm_j/dx_i is 0: this is the derivative
    of a function whose local means are constants, not that of the layer.
    """
    denominator = denominators(layer, pictures)
    output = pictures * denominator**-layer.beta
    pull = gradient * output / denominator
    gathered = np.zeros_like(pictures)
    for place, window in neighbourhoods(layer, pictures.shape):
        gathered[window] += pull[place]
    through_denominator = 2 * layer.beta * scale(layer) * measured(layer, pictures) * gathered
    return gradient * denominator**-layer.beta - through_denominator


def denominators(layer: Norm, pictures: Array) -> Array:
    """D = k + a · Σ m², the sum over each place's neighbourhood."""
    squares = measured(layer, pictures) ** 2
    sums = np.empty_like(pictures)
    for place, window in neighbourhoods(layer, pictures.shape):
        sums[place] = squares[window].sum(axis=_summed(layer), keepdims=True)
    return layer.k + scale(layer) * sums


def scale(layer: Norm) -> float:
    """a: alpha, or alpha over the size of a whole window, also where a border clips it."""
    if not layer.alpha_divided:
        return layer.alpha
    match layer:
        case CrossMapNorm():
            return layer.alpha / layer.size
        case WithinMapNorm() | ContrastNorm():
            return layer.alpha / layer.size**2
        case _:
            assert_never(layer)


def measured(layer: Norm, pictures: Array) -> Array:
    """m, what is squared: x, or in the contrast norm x minus the mean of its window.

    That mean is over the true count of pixels (layer.cu, AvgPooler).
    """
    match layer:
        case CrossMapNorm() | WithinMapNorm():
            return pictures
        case ContrastNorm():
            means = np.empty_like(pictures)
            for place, window in neighbourhoods(layer, pictures.shape):
                means[place] = pictures[window].mean(axis=(2, 3), keepdims=True)
            return pictures - means
        case _:
            assert_never(layer)


def neighbourhoods(layer: Norm, shape: tuple[int, ...]) -> Iterator[tuple[Index, Index]]:
    """Every place, an index that keeps all axes, with the window that its sum runs over."""
    _, channels, height, width = shape
    everything = slice(None)
    match layer:
        case CrossMapNorm():
            for channel in range(channels):
                place = everything, slice(channel, channel + 1)
                yield place, (everything, _neighbouring_maps(layer, channel, channels))
        case WithinMapNorm() | ContrastNorm():
            for row, column in product(range(height), range(width)):
                place = everything, everything, slice(row, row + 1), slice(column, column + 1)
                high, wide = (
                    around(row, layer.size, 0, height),
                    around(column, layer.size, 0, width),
                )
                yield place, (everything, everything, high, wide)
        case _:
            assert_never(layer)


def _neighbouring_maps(layer: CrossMapNorm, channel: int, channels: int) -> slice:
    """The maps around one, or with `blocked` its fixed block; never beyond its group."""
    share = channels // layer.groups
    first = channel // share * share
    if not layer.blocked:
        return around(channel, layer.size, first, first + share)
    start = first + (channel - first) // layer.size * layer.size
    return slice(start, min(start + layer.size, first + share))


def _summed(layer: Norm) -> tuple[int, ...]:
    match layer:
        case CrossMapNorm():
            return (1,)
        case WithinMapNorm() | ContrastNorm():
            return (2, 3)
        case _:
            assert_never(layer)
