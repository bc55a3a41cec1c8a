"""The walk itself: initial arrays, missing labels, towers against groups, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    Concat,
    Constant,
    Conv,
    Dropout,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Initial,
    Input,
    Kernel,
    LogisticLoss,
    Softmax,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import RunError, backward, forward, initial_arrays

PICTURES = np.linspace(-1, 1, 16).reshape(2, 2, 2, 2)
LABELS = np.array([0, 2])


def small() -> Network:
    """A dense layer, dropout, a noisy relu, softmax and loss."""
    return Network(
        "small",
        (
            Input(name="x", shape=(2, 2, 2)),
            Input(name="label", shape=(1, 1, 1), content="labels"),
            FullyConnected(
                name="fc",
                reads=("x",),
                outputs=3,
                initial=(Gaussian(0.1),),
                initial_bias=Constant(0.5),
            ),
            Dropout(name="drop", reads=("fc",), keep=0.5, scaling="test"),
            Activation(name="noisy", reads=("drop",), function="noisy-relu"),
            Softmax(name="p", reads=("noisy",)),
            LogisticLoss(name="loss", reads=("label", "p")),
        ),
    )


def test_initial_arrays_are_float64_and_follow_the_seed() -> None:
    first, again, other = (initial_arrays(small(), seed) for seed in (1, 1, 2))
    assert list(first) == ["fc.weight", "fc.bias"]
    assert {array.dtype for array in first.values()} == {np.dtype(np.float64)}
    assert np.array_equal(first["fc.weight"], again["fc.weight"])
    assert not np.array_equal(first["fc.weight"], other["fc.weight"])
    assert first["fc.bias"].tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("initial", "deviation", "largest"),
    [
        (Gaussian(0.3), 0.3, math.inf),
        (FanInGaussian(math.sqrt(2)), math.sqrt(2 / 400), math.inf),
        (FanInUniform(1.0), 1 / 20 / math.sqrt(3), 1 / 20),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_initial_arrays_have_the_spread_that_they_say(
    initial: Initial, deviation: float, largest: float
) -> None:
    layers = (
        Input(name="x", shape=(400, 1, 1)),
        FullyConnected(name="fc", reads=("x",), outputs=100, initial=(initial,)),
    )
    weight = initial_arrays(Network("wide", layers), 0)["fc.weight"]
    assert weight.std() == pytest.approx(deviation, rel=0.02)
    assert abs(weight.mean()) < 0.02 * deviation
    assert np.abs(weight).max() <= largest


def test_without_labels_what_depends_on_them_is_left_out() -> None:
    network = small()
    arrays = initial_arrays(network, 0)
    outputs = forward(network, arrays, {"x": PICTURES})
    assert list(outputs) == ["x", "fc", "drop", "noisy", "p"]
    found = backward(network, arrays, outputs, seeds={"p": np.ones((2, 3, 1, 1))})
    assert set(found.layers) == set(outputs)


def test_every_layer_and_array_has_a_gradient_if_only_zeros() -> None:
    network = small()
    arrays = initial_arrays(network, 0)
    outputs = forward(network, arrays, {"x": PICTURES, "label": LABELS})
    found = backward(network, arrays, outputs, seeds={})
    assert {name: each.shape for name, each in found.layers.items()} == {
        name: each.shape for name, each in outputs.items()
    }
    assert not any(each.any() for each in (*found.layers.values(), *found.parameters.values()))


def test_labels_may_be_a_vector_or_four_dimensional() -> None:
    network = small()
    arrays = initial_arrays(network, 0)
    vector = forward(network, arrays, {"x": PICTURES, "label": LABELS})
    full = forward(network, arrays, {"x": PICTURES, "label": LABELS.reshape(2, 1, 1, 1)})
    assert np.array_equal(vector["loss"], full["loss"])


def test_nothing_given_is_changed() -> None:
    network = small()
    arrays = initial_arrays(network, 0)
    kept = {name: array.copy() for name, array in arrays.items()}
    picture = PICTURES.copy()
    outputs = forward(network, arrays, {"x": picture, "label": LABELS})
    outputs_kept = {name: array.copy() for name, array in outputs.items()}
    backward(network, arrays, outputs)
    assert np.array_equal(picture, PICTURES)
    assert all(np.array_equal(arrays[name], kept[name]) for name in kept)
    assert all(np.array_equal(outputs[name], outputs_kept[name]) for name in outputs)


def test_two_towers_are_two_groups() -> None:
    start = Gaussian(1.0)
    picture = Input(name="x", shape=(4, 5, 5))
    kernel = {"size": 3, "stride": 2, "initial": start}
    grouped = Conv(
        name="y",
        reads=("x",),
        filters=6,
        kernels=(Kernel(groups=2, **kernel),),
        rule="cuda-convnet",
    )
    halves = [Input(name=f"x{t}", shape=(2, 5, 5)) for t in (0, 1)]
    towers = [
        Conv(
            name=f"y{t}",
            reads=(f"x{t}",),
            tower=t,
            filters=3,
            kernels=(Kernel(**kernel),),
            rule="cuda-convnet",
        )
        for t in (0, 1)
    ]
    split = Network("split", (*halves, *towers, Concat(name="y", reads=("y0", "y1"))))
    folded = Network("folded", (picture, grouped))
    arrays = initial_arrays(folded, 0)
    batch = np.random.default_rng(1).normal(size=(2, 4, 5, 5))
    own = {
        f"y{t}.{what}": arrays[f"y.{what}"][3 * t : 3 * t + 3]
        for t in (0, 1)
        for what in ("weight", "bias")
    }
    apart = forward(split, own, {"x0": batch[:, :2], "x1": batch[:, 2:]})
    assert np.allclose(apart["y"], forward(folded, arrays, {"x": batch})["y"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrays": {"fc.weight": np.zeros((3, 8))}}, "array 'fc.bias' is missing"),
        (
            {"arrays": {"fc.weight": np.zeros((8, 3)), "fc.bias": np.zeros(3)}},
            r"array 'fc.weight' has shape \(8, 3\); it must be \(3, 8\)",
        ),
        ({"inputs": {"label": LABELS}}, "input 'x' is missing"),
        ({"inputs": {"y": PICTURES}}, "no layer takes the input 'y'"),
        ({"inputs": {"x": PICTURES[0]}}, r"input 'x' has shape \(2, 2, 2\)"),
        ({"inputs": {"x": PICTURES[:0]}}, "N at least 1"),
        ({"inputs": {"x": PICTURES, "label": [1]}}, "inputs differ in how many pictures"),
        ({"inputs": {"x": PICTURES, "label": [1, 3]}}, "label 3 is none of its 3 classes"),
        ({"inputs": {"x": PICTURES, "label": [1, -1]}}, "label -1 is none of its 3 classes"),
        ({"inputs": {"x": PICTURES, "label": [1, 0.5]}}, "label 0.5 is none of its 3 classes"),
        ({"draws": {}}, "layer 'drop': training needs its draw, a mask of 0 and 1 of shape"),
        ({"draws": {"drop": np.ones((2, 3, 1, 1))}}, "layer 'noisy': training needs its draw"),
        ({"draws": {"dorp": np.ones((2, 3, 1, 1))}}, "draw 'dorp'; did you mean 'drop'"),
        ({"draws": {"drop": np.ones((2, 3))}}, r"draw 'drop' has shape \(2, 3\)"),
        ({"draws": {"drop": np.full((2, 3, 1, 1), 0.5)}}, "draw 'drop' holds more than 0 and 1"),
    ],
)
def test_forward_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    network = small()
    given = {"arrays": initial_arrays(network, 0), "inputs": {"x": PICTURES}, "draws": None}
    with pytest.raises(RunError, match=message):
        forward(network, **(given | change))


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (None, "no loss to differentiate"),
        ({"q": np.zeros(1)}, "no layer takes the seed 'q'"),
        ({"p": np.zeros(1)}, r"seed 'p' has shape \(1,\); it must be \(2, 3, 1, 1\)"),
    ],
)
def test_backward_refuses_what_does_not_fit(seeds: Any, message: str) -> None:
    network = small()
    arrays = initial_arrays(network, 0)
    outputs = forward(network, arrays, {"x": PICTURES})
    with pytest.raises(RunError, match=message):
        backward(network, arrays, outputs, seeds=seeds)


def test_network_without_pictures_needs_some_input() -> None:
    network = Network("labels", (Input(name="label", shape=(1, 1, 1), content="labels"),))
    with pytest.raises(RunError, match="no input is given"):
        forward(network, {}, {})
