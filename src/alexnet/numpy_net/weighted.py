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


class OneInput(NamedTuple):
    """What flows back from one input's part of the sum."""

    pictures: Array
    weight: Array


def biased(layer: Weighted, total: Array, bias: Array | None) -> Array:
    """The summed results plus the bias, if the layer has one."""
    if bias is None:
        return total
    # [filters, rows, columns] where unshared; else one number per filter, spread over its map
    return total + (bias if layer.bias == "unshared" else bias.reshape(-1, 1, 1))


def bias_gradient(layer: Weighted, gradient: Array) -> Array:
    """The sum over everything that one bias was added to."""
    return gradient.sum(axis=0 if layer.bias == "unshared" else (0, 2, 3))


def convolved(
    layer: Conv | Local, kernel: Kernel, sides: Sides, pictures: Array, weight: Array
) -> Array:
    """One input's part of a convolution or local layer.

    A correlation: no flip (cuda-convnet filter_acts.cu). `weight` is [filters, channels/groups,
    size, size], with [rows, columns] before it where local.
    """
    rows, columns = sides
    frame = framed(pictures, sides)
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
    """Every window passes its output's gradient to its pixels and to its weights."""
    frame = framed(pictures, sides)
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
    return OneInput(unframed(frame_gradient, pictures.shape, sides), weight_gradient)


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
    layer: Weighted, sides: Sequence[Sides], inputs: Sequence[Array], weights: Sequence[Array]
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
    layer: Weighted,
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
