"""Runs one layer alone, for tests that write its numbers out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from alexnet.network.layers import Constant, Input, Layer
from alexnet.network.spec import Network
from alexnet.numpy_net import backward, forward, initial_arrays
from alexnet.numpy_net.windows import Array

ONE = Constant(1.0)
COUNT_TO_16 = np.arange(1.0, 17).reshape(1, 1, 4, 4)


def alone(layer: Layer, *pictures: Array) -> tuple[Network, dict[str, Array]]:
    """A network of one layer over as many inputs as it reads, and those inputs by name."""
    inputs = dict(zip(layer.reads, pictures, strict=True))
    heads = [Input(name=name, shape=each.shape[1:]) for name, each in inputs.items()]
    return Network("alone", (*heads, layer)), inputs


def output(layer: Layer, *pictures: Array, weights: dict[str, Any] | None = None) -> Array:
    """What the layer makes of the pictures at test time; unnamed weights start as they say."""
    network, inputs = alone(layer, *pictures)
    arrays = initial_arrays(network, 0) | (weights or {})
    return forward(network, arrays, inputs)[layer.name]


def gradients(layer: Layer, seed: Any, *pictures: Array) -> dict[str, Array]:
    """The gradient of every input, from a given gradient of the layer's output."""
    network, inputs = alone(layer, *pictures)
    arrays = initial_arrays(network, 0)
    outputs = forward(network, arrays, inputs)
    seed = np.broadcast_to(np.asarray(seed, dtype=float), outputs[layer.name].shape)
    return backward(network, arrays, outputs, seeds={layer.name: seed}).layers


def row(*values: float) -> Array:
    """One picture of one map of one row."""
    return np.array(values, dtype=float).reshape(1, 1, 1, -1)


def maps(*values: float) -> Array:
    """One picture of single-pixel maps."""
    return np.array(values, dtype=float).reshape(1, -1, 1, 1)
