"""Activation functions, dropout, softmax, concatenation, and the element-wise sum and max."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from alexnet.network.layers import Activation, Dropout
from alexnet.numpy_net.windows import Array

SOFT_RELU_SWITCH = 4.0
"""Beyond it cuda-convnet's soft-relu is x itself; the value drops there by log(1 + e^-4) ≈ 0.018.
"""


def activated(layer: Activation, units: Array, noise: Array | None) -> Array:
    """The function of each unit (cuda-convnet neuron.cuh); `noise` is the noisy-relu's alone.

    Noise is standard normal and is multiplied by r = max(0, x), since 2012's code passes r as the
    standard deviation. None is noise zero.
    """
    match layer.function:
        case "relu":
            return np.maximum(units, 0)
        case "bounded-relu":
            return np.clip(units, 0, layer.parameters[0])
        case "noisy-relu":
            rectified = np.maximum(units, 0)
            return rectified if noise is None else np.maximum(rectified + noise * rectified, 0)
        case "soft-relu":
            # the minimum only keeps the branch that is not taken from overflowing
            soft = np.log1p(np.exp(np.minimum(units, SOFT_RELU_SWITCH)))
            return np.where(units > SOFT_RELU_SWITCH, units, soft)
        case "logistic":
            return np.exp(-np.logaddexp(0, -units))  # 1 / (1 + e^-x) that cannot overflow
        case "tanh":
            a, b = layer.parameters
            return a * np.tanh(b * units)
        case "soft-threshold":
            (a,) = layer.parameters
            return units - a * np.tanh(units / a)
        case "abs":
            return np.abs(units)
        case "square":
            return units**2
        case "sqrt":
            return np.sqrt(units)
        case "log":
            return np.log(layer.parameters[0] + units)
        case "linear":
            a, b = layer.parameters
            return a * units + b
        case "identity":
            return units.copy()
        case _:
            assert_never(layer.function)


def activated_backward(layer: Activation, units: Array, output: Array, gradient: Array) -> Array:
    """The gradient with neuron.cuh's conventions where a function has a corner.

    relu: 0 at 0. bounded-relu: 0 at both bounds. abs: −1 at 0. soft-relu: 1 beyond the switch.
    sqrt: g / (2y), so infinite at 0. noisy-relu: g where y > 0, as relu; that the noise grows with
    x is ignored, so it is exact only where the noise is zero.
    """
    match layer.function:
        case "relu" | "noisy-relu":
            return gradient * (output > 0)
        case "bounded-relu":
            return gradient * (output > 0) * (output < layer.parameters[0])
        case "soft-relu":
            # 1 − e^-y is e^x / (1 + e^x)
            return gradient * np.where(units > SOFT_RELU_SWITCH, 1, 1 - np.exp(-output))
        case "logistic":
            return gradient * output * (1 - output)
        case "tanh":
            a, b = layer.parameters
            return gradient * b * (a - output**2 / a)
        case "soft-threshold":
            return gradient * np.tanh(units / layer.parameters[0]) ** 2
        case "abs":
            return gradient * np.where(units > 0, 1, -1)
        case "square":
            return gradient * 2 * units
        case "sqrt":
            with np.errstate(divide="ignore", invalid="ignore"):
                return gradient / (2 * output)
        case "log":
            return gradient / (layer.parameters[0] + units)
        case "linear":
            return gradient * layer.parameters[0]
        case "identity":
            return gradient.copy()
        case _:
            assert_never(layer.function)


def dropout_factor(layer: Dropout, mask: Array | None) -> Array | float:
    """What dropout multiplies by, forward and backward alike; no mask is test time, and so is a
    layer that is not enabled.

    "test" is 2012's (cuda-convnet's hs layer, the paper's section 4.2), "train" today's.
    """
    match layer.scaling:
        case "test":
            return layer.keep if mask is None else mask
        case "train":
            return 1.0 if mask is None else mask / layer.keep
        case _:
            assert_never(layer.scaling)


def softmax(units: Array) -> Array:
    """exp(x) over its sum across all units of a picture, as (pictures, units, 1, 1).

    The picture's largest unit is subtracted first (cuda-convnet layer.cu); that changes nothing but
    the overflow.
    """
    flat = units.reshape(len(units), -1, 1, 1)
    powers = np.exp(flat - flat.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def softmax_backward(units: Array, output: Array, gradient: Array) -> Array:
    """The full Jacobian, p_j · (g_j − Σ_i g_i · p_i), in the shape of the softmax's input."""
    inner = (gradient * output).sum(axis=1, keepdims=True)
    return (output * (gradient - inner)).reshape(units.shape)


def summed(coefficients: Sequence[float], inputs: Sequence[Array]) -> Array:
    """Σ coefficient · input, element by element."""
    return np.sum([c * each for c, each in zip(coefficients, inputs, strict=True)], axis=0)


def largest(inputs: Sequence[Array]) -> Array:
    """The largest of the inputs, element by element."""
    return np.max(inputs, axis=0)


def largest_backward(inputs: Sequence[Array], output: Array, gradient: Array) -> list[Array]:
    """Every input equal to the max receives the full gradient (cuda-convnet layer_kernels.cu)."""
    return [gradient * (each == output) for each in inputs]


def split(inputs: Sequence[Array], gradient: Array) -> list[Array]:
    """A concatenation's gradient, cut along the channels into one part per input."""
    ends = np.cumsum([each.shape[1] for each in inputs])[:-1]
    return np.split(gradient, ends, axis=1)
