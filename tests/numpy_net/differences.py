"""Holds a layer's gradients against central differences of forward along random directions."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from alexnet.network.layers import Gaussian, Input, Layer
from alexnet.network.spec import Network
from alexnet.numpy_net import backward, forward, initial_arrays
from alexnet.numpy_net.windows import Array

STEP = 1e-5
START = Gaussian(0.5)

Arrays = dict[str, Array]


class Case(NamedTuple):
    """A layer alone, the shapes that it reads, and where its units lie."""

    label: str
    layer: Layer
    shapes: tuple[tuple[int, int, int], ...]
    low: float = -2.0
    high: float = 2.0


def one(label: str, kind: Callable[..., Layer], shape: Any, **values: Any) -> Case:
    """A layer with one input."""
    bounds = {key: values.pop(key) for key in ("low", "high") if key in values}
    return Case(label, kind(name="y", reads=("x0",), **values), (shape,), **bounds)


def check(
    function: Callable[[Arrays], float], place: Arrays, gradient: Arrays, seed: int = 0
) -> None:
    """Compares the slope along three random directions of every array with its gradient."""
    generator = np.random.default_rng(seed)
    for name, values in place.items():
        for _ in range(3):
            direction = generator.normal(size=values.shape)
            ahead = function(place | {name: values + STEP * direction})
            behind = function(place | {name: values - STEP * direction})
            slope = (ahead - behind) / (2 * STEP)
            expected = (gradient[name] * direction).sum()
            assert slope == pytest.approx(expected, rel=1e-6, abs=1e-7), name


def apart(generator: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    """Values evenly spread and shuffled: none tied, none within a step of 0, 1 or 4."""
    count = int(np.prod(shape))
    values = low + (high - low) * (np.arange(count) + 0.37) / count
    return generator.permutation(values).reshape(shape)


def check_alone(case: Case) -> None:
    """The gradients of all that a layer reads and learns, at test time."""
    generator = np.random.default_rng(zlib.crc32(case.label.encode()))
    heads = [Input(name=f"x{i}", shape=shape) for i, shape in enumerate(case.shapes)]
    network = Network(case.label, (*heads, case.layer))
    arrays = initial_arrays(network, 1)
    inputs = {
        head.name: apart(generator, (2, *head.shape), case.low, case.high + 0.01 * i)
        for i, head in enumerate(heads)
    }
    outputs = forward(network, arrays, inputs)
    seed = generator.normal(size=outputs["y"].shape)

    def weighed_output(values: Arrays) -> float:
        pictures = {name: values[name] for name in inputs}
        return float((seed * forward(network, values, pictures)["y"]).sum())

    found = backward(network, arrays, outputs, seeds={"y": seed})
    check(weighed_output, inputs | arrays, found.layers | found.parameters)
