"""Layers with weights: convolution, local and fully-connected, forward and backward.

Each input has its own weights; the results are summed and one bias is added (cuda-convnet
layer.cu).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

import numpy as np

from alexnet.network.layers import Conv, FullyConnected, Kernel, Local, Weighted
from alexnet.numpy_net.windows import Array, Sides, framed, patch, positions, unframed

Summed = Conv | Local | FullyConnected
"""The kinds that sum what their inputs give."""


class OneInput(NamedTuple):
    """What flows back from one input's part of the sum."""

    pictures: Array
    weight: Array


def biased(layer: Weighted, total: Array, bias: Array | None) -> Array:
    """The summed results plus the bias, if the layer has one."""
    if bias is None:
        return total
    # [filters, rows, columns] where unshared; else one number per filter, spread over its map
    return total + (bias if _is_unshared(layer) else bias.reshape(-1, 1, 1))


def bias_gradient(layer: Weighted, gradient: Array) -> Array:
    """The sum over everything that one bias was added to."""
    return gradient.sum(axis=0 if _is_unshared(layer) else (0, 2, 3))


def _is_unshared(layer: Weighted) -> bool:
    return isinstance(layer, Conv | Local) and layer.bias == "unshared"


def convolved(
    layer: Conv | Local, kernel: Kernel, sides: Sides, pictures: Array, weight: Array
) -> Array:
    """One input's part of a convolution or local layer.

    A correlation: no flip (cuda-convnet filter_acts.cu). `weight` is [filters, channels/groups,
    size, size], with [rows, columns] before it where local. Sparse connections are channels laid
    out anew, some of them more than once; the groups then share these out (2012's layer.py).
    """
    rows, columns = sides
    frame = framed(pictures[:, _connected(kernel, pictures.shape[1])], sides)
    output = np.zeros((len(pictures), layer.filters, rows.outputs, columns.outputs))
    for row, column in positions(sides):
        high, wide = patch(row, column, kernel)
        for channels, filters in _groups(frame.shape[1], layer.filters, kernel.groups):
            output[:, filters, row, column] = np.tensordot(
                frame[:, channels, high, wide],
                weight[_place(layer, row, column)][filters],
                axes=([1, 2, 3], [1, 2, 3]),
            )
    return output


def convolved_backward(
    layer: Conv | Local,
    kernel: Kernel,
    sides: Sides,
    pictures: Array,
    weight: Array,
    gradient: Array,
) -> OneInput:
    """Every window passes its output's gradient to its pixels and to its weights; a channel that is
    connected more than once receives as many.
    """
    connected = _connected(kernel, pictures.shape[1])
    laid_out = pictures[:, connected]
    frame = framed(laid_out, sides)
    frame_gradient, weight_gradient = np.zeros_like(frame), np.zeros_like(weight)
    for row, column in positions(sides):
        high, wide = patch(row, column, kernel)
        place = _place(layer, row, column)
        for channels, filters in _groups(frame.shape[1], layer.filters, kernel.groups):
            arriving = gradient[:, filters, row, column]  # (pictures, filters of this group)
            frame_gradient[:, channels, high, wide] += np.tensordot(
                arriving, weight[place][filters], axes=1
            )
            weight_gradient[place][filters] += np.tensordot(
                arriving, frame[:, channels, high, wide], axes=(0, 0)
            )
    pictures_gradient = np.zeros_like(pictures)
    laid_out_gradient = unframed(frame_gradient, laid_out.shape, sides)
    for place, channel in enumerate(connected):
        pictures_gradient[:, channel] += laid_out_gradient[:, place]
    return OneInput(pictures_gradient, weight_gradient)


def _connected(kernel: Kernel, channels: int) -> list[int]:
    """Which channel each place of the groups sees."""
    return list(kernel.connections) or list(range(channels))


def fully_connected(layer: FullyConnected, pictures: Array, weight: Array) -> Array:
    """One input's part: flattened channel, row, column; `weight` is [outputs, inputs/groups]."""
    units = pictures.reshape(len(pictures), -1)
    output = np.zeros((len(pictures), layer.outputs))
    for inputs, outputs in _groups(units.shape[1], layer.outputs, layer.groups):
        output[:, outputs] = units[:, inputs] @ weight[outputs].T
    return output.reshape(*output.shape, 1, 1)


def fully_connected_backward(
    layer: FullyConnected, pictures: Array, weight: Array, gradient: Array
) -> OneInput:
    """The transposed product to the units, the outer product to the weights."""
    units, arriving = pictures.reshape(len(pictures), -1), gradient[:, :, 0, 0]
    units_gradient, weight_gradient = np.zeros_like(units), np.zeros_like(weight)
    for inputs, outputs in _groups(units.shape[1], layer.outputs, layer.groups):
        units_gradient[:, inputs] = arriving[:, outputs] @ weight[outputs]
        weight_gradient[outputs] = arriving[:, outputs].T @ units[:, inputs]
    return OneInput(units_gradient.reshape(pictures.shape), weight_gradient)


def weighted_sum(
    layer: Summed, sides: Sequence[Sides], inputs: Sequence[Array], weights: Sequence[Array]
) -> Array:
    """The sum over the inputs, before the bias."""
    match layer:
        case Conv() | Local():
            parts = [
                convolved(layer, *each)
                for each in zip(layer.kernels, sides, inputs, weights, strict=True)
            ]
        case FullyConnected():
            parts = [fully_connected(layer, *each) for each in zip(inputs, weights, strict=True)]
        case _:
            assert_never(layer)
    return np.sum(parts, axis=0)


def weighted_sum_backward(
    layer: Summed,
    sides: Sequence[Sides],
    inputs: Sequence[Array],
    weights: Sequence[Array],
    gradient: Array,
) -> list[OneInput]:
    """What flows back to each input and to its weights, in the order of the inputs."""
    match layer:
        case Conv() | Local():
            return [
                convolved_backward(layer, *each, gradient)
                for each in zip(layer.kernels, sides, inputs, weights, strict=True)
            ]
        case FullyConnected():
            return [
                fully_connected_backward(layer, *each, gradient)
                for each in zip(inputs, weights, strict=True)
            ]
        case _:
            assert_never(layer)


def _place(layer: Conv | Local, row: int, column: int) -> tuple[int, ...]:
    """Which weights serve this position: a convolution shares them all."""
    match layer:
        case Conv():
            return ()
        case Local():
            return row, column
        case _:
            assert_never(layer)


def _groups(channels: int, filters: int, groups: int) -> list[tuple[slice, slice]]:
    """The channels and the filters of each group: consecutive equal shares."""
    return [
        (
            slice(group * channels // groups, (group + 1) * channels // groups),
            slice(group * filters // groups, (group + 1) * filters // groups),
        )
        for group in range(groups)
    ]
