"""Sparse, shared and tree weights and the further pools of the 2012 code: against numbers written
out by hand and finite differences.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    Constant,
    Conv,
    CrossMapPool,
    Dropout,
    FullyConnected,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    RandomPool,
    Shared,
    TreeConnected,
    Window,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import RunError, backward, forward, initial_arrays
from alexnet.numpy_net.windows import Array
from numpy_net.by_hand import COUNT_TO_16, ONE, alone, gradients, maps, output, row
from numpy_net.differences import START, Arrays, Case, check, check_alone, one

# --- sparse connections ---------------------------------------------------------------------------


def test_each_group_sees_the_channels_that_it_is_connected_to() -> None:
    kernel = Kernel(size=1, groups=2, initial=ONE, connections=(2, 0, 1, 2))
    conv = Conv(name="y", reads=("x",), filters=2, kernels=(kernel,), rule="cuda-convnet")
    weight = np.array([[1.0, 10], [100, 1000]]).reshape(2, 2, 1, 1)
    found = output(conv, maps(3, 5, 7), weights={"y.weight": weight})
    assert found.ravel().tolist() == [7 + 10 * 3, 100 * 5 + 1000 * 7]


def test_a_channel_that_is_connected_twice_gets_both_gradients() -> None:
    kernel = Kernel(size=1, groups=2, initial=ONE, connections=(2, 0, 1, 2))
    conv = Conv(name="y", reads=("x",), filters=2, kernels=(kernel,), rule="cuda-convnet")
    seed = np.array([1.0, 10]).reshape(1, 2, 1, 1)
    assert gradients(conv, seed, maps(3, 5, 7))["x"].ravel().tolist() == [1, 10, 11]
    assert gradients(conv, seed, maps(3, 5, 7, 9))["x"].ravel().tolist() == [1, 10, 11, 0]


# --- shared weights -------------------------------------------------------------------------------


def test_shared_weights_are_one_array_with_the_sum_of_the_gradients() -> None:
    network = Network(
        "shared",
        (
            Input(name="x", shape=(1, 1, 1)),
            FullyConnected(name="a", reads=("x",), outputs=1, initial=(ONE,)),
            FullyConnected(
                name="b",
                reads=("a", "x"),
                outputs=1,
                initial=(Shared("a"), Shared("a")),
                bias="none",
            ),
        ),
    )
    assert list(initial_arrays(network, 0)) == ["a.weight", "a.bias"]
    # b = w · (w · x + c) + w · x
    w, c, x = 3.0, 0.5, 7.0
    arrays = {"a.weight": np.array([[w]]), "a.bias": np.array([c])}
    outputs = forward(network, arrays, {"x": maps(x)})
    assert outputs["b"].item() == w * (w * x + c) + w * x
    found = backward(network, arrays, outputs, seeds={"b": np.ones((1, 1, 1, 1))})
    assert found.parameters["a.weight"].item() == (2 * w * x + c) + x
    assert found.parameters["a.bias"].item() == w
    assert found.layers["x"].item() == w * w + w


def of_two(kind: Any, *starts: Any) -> Any:
    """A layer over two maps, its weights starting so."""
    kernels = tuple(Kernel(size=3, padding=1, initial=start) for start in starts)
    return kind(name="a", reads=("x", "x"), filters=2, kernels=kernels, rule="cuda-convnet")


@pytest.mark.parametrize("kind", [Conv, Local])
def test_gradients_through_shared_weights_are_exact(kind: Any) -> None:
    first = of_two(kind, START, Shared("a"))
    second = replace(of_two(kind, Shared("a"), START), name="b", reads=("t", "x"))
    tanh = Activation(name="t", reads=("a",), function="tanh", parameters=(1, 1))
    network = Network("shared", (Input(name="x", shape=(2, 4, 4)), first, tanh, second))
    arrays, generator = initial_arrays(network, 1), np.random.default_rng(2)
    assert list(arrays) == ["a.weight_0", "a.bias", "b.weight_1", "b.bias"]
    picture = generator.normal(size=(2, 2, 4, 4))
    outputs = forward(network, arrays, {"x": picture})
    seed = generator.normal(size=outputs["b"].shape)

    def weighed(values: Arrays) -> float:
        return float((seed * forward(network, values, {"x": values["x"]})["b"]).sum())

    found = backward(network, arrays, outputs, seeds={"b": seed})
    check(weighed, {"x": picture} | arrays, found.layers | found.parameters)


# --- trees ----------------------------------------------------------------------------------------

TREE = TreeConnected(
    name="y",
    reads=("x",),
    outputs=3,
    parents=(4, 4, 3, 3, 3),  # leaves 0 and 1 hang from node 4, leaf 2 and node 4 from the root, 3
    initial=START,
    initial_bias=Constant(0.5),
)


def test_a_leafs_weights_are_the_sum_along_its_path() -> None:
    leaves = np.array([[1.0, 0], [0, 2], [3, 3]])
    root, inner = np.array([10.0, 20]), np.array([100.0, 200])
    weights = {"y.weight": leaves, "y.inner": np.stack([root, inner])}
    found = output(TREE, maps(1, 2), weights=weights).ravel()
    effective = [leaves[0] + inner + root, leaves[1] + inner + root, leaves[2] + root]
    assert found.tolist() == [0.5 + each @ np.array([1, 2]) for each in effective]


def test_a_nodes_gradient_is_the_sum_of_its_leaves() -> None:
    network, inputs = alone(TREE, maps(1, 2))
    arrays = initial_arrays(network, 0)
    assert not arrays["y.inner"].any() and arrays["y.weight"].all()
    outputs = forward(network, arrays, inputs)
    seed = np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)
    found = backward(network, arrays, outputs, seeds={"y": seed}).parameters
    assert found["y.weight"].tolist() == [[1, 2], [10, 20], [100, 200]]
    assert found["y.inner"].tolist() == [[111, 222], [11, 22]]  # the root, then node 4
    assert found["y.bias"].tolist() == [1, 10, 100]


# --- pooling --------------------------------------------------------------------------------------


def farthest(rule: Any) -> MaxPool:
    window = Window(size=3, stride=2)
    return MaxPool(name="y", reads=("x",), window=window, rule=rule, by_magnitude=True)


def square(*values: float) -> Array:
    """One picture of one map of 3 × 3 pixels."""
    return np.array(values, dtype=float).reshape(1, 1, 3, 3)


@pytest.mark.parametrize(
    ("rule", "picture", "value", "winners"),
    [
        ("cuda-convnet", square(1, -9, 2, 3, 4, 5, 6, 7, 8), -9, [1]),
        ("torch", square(1, -9, 2, 3, 4, 5, 6, 7, 8), -9, [1]),
        # of 9 and −9 the later; each −9 gets the whole gradient
        ("cuda-convnet", square(-9, 9, 0, -9, 0, 0, 0, 9, -9), -9, [0, 3, 8]),
        ("cuda-convnet", square(-9, 9, 0, -9, 0, 0, 0, -9, 9), 9, [1, 8]),
        # elsewhere the earlier, alone
        ("torch", square(0, 9, -9, -9, 0, 0, 0, 9, 0), 9, [1]),
        ("cuda-convnet", np.zeros((1, 1, 3, 3)), 0, list(range(9))),
    ],
)
def test_max_by_magnitude(rule: Any, picture: Array, value: float, winners: list[int]) -> None:
    pool = farthest(rule)
    assert output(pool, picture).ravel().tolist() == [value]
    found = gradients(pool, 2, picture)["x"].ravel()
    assert np.flatnonzero(found).tolist() == winners
    assert (found[winners] == 2).all()


RANDOM = RandomPool(name="y", reads=("x",), window=Window(size=3, stride=2), rule="cuda-convnet")


def drawn(picture: Array, *uniforms: float) -> tuple[Array, Array]:
    """What a random pool of 2 × 2 windows draws, and the gradient of ones."""
    network, inputs = alone(RANDOM, picture)
    draws = {"y": np.array(uniforms).reshape(1, 1, 2, 2)}
    outputs = forward(network, {}, inputs, draws=draws)
    seeds = {"y": np.ones((1, 1, 2, 2))}
    found = backward(network, {}, outputs, draws=draws, seeds=seeds)
    return outputs["y"].ravel(), found.layers["x"][0, 0]


def test_a_random_pool_takes_the_pixel_that_its_number_falls_on() -> None:
    # windows of 9, 6, 6 and 4 pixels that exist, read row by row
    values, gradient = drawn(COUNT_TO_16, 0.0, 0.0, 0.0, 0.0)
    assert values.tolist() == [1, 3, 9, 11]
    assert np.flatnonzero(gradient).tolist() == [0, 2, 8, 10]
    values, _ = drawn(COUNT_TO_16, 0.999, 0.999, 0.999, 0.999)
    assert values.tolist() == [11, 12, 15, 16]
    values, _ = drawn(COUNT_TO_16, 3 / 9, 2 / 6, 3.1 / 6, 0.49)
    assert values.tolist() == [5, 7, 13, 12]


def test_every_pixel_equal_to_the_one_drawn_gets_the_gradient() -> None:
    picture = np.zeros((1, 1, 4, 4))
    picture[0, 0, 0, :2] = 1
    values, gradient = drawn(picture, 0.0, 0.99, 0.99, 0.99)
    assert values.tolist() == [1, 0, 0, 0]
    # the first window's two ones; the others' zeros, as many windows as they lie under
    expected = [[1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 3, 2], [1, 1, 2, 1]]
    assert gradient.tolist() == expected


def test_at_test_time_a_random_pool_is_the_mean_of_what_exists() -> None:
    means = output(RANDOM, COUNT_TO_16).ravel()
    assert means.tolist() == [6, (3 + 4 + 7 + 8 + 11 + 12) / 6, 12, (11 + 12 + 15 + 16) / 4]
    shares = gradients(RANDOM, 1, COUNT_TO_16)["x"][0, 0]
    assert shares[0, 0] == pytest.approx(1 / 9)
    assert shares[2, 2] == pytest.approx(1 / 9 + 1 / 6 + 1 / 6 + 1 / 4)


def test_every_pixel_is_drawn_as_often() -> None:
    pictures = np.tile(COUNT_TO_16, (600, 1, 1, 1))
    network, inputs = alone(RANDOM, pictures)
    draws = {"y": np.random.default_rng(0).random((600, 1, 2, 2))}
    values = forward(network, {}, inputs, draws=draws)["y"]
    found, counts = np.unique(values[:, 0, 1, 1], return_counts=True)
    assert found.tolist() == [11, 12, 15, 16]
    assert counts.min() > 110
    assert values[:, 0, 0, 0].mean() == pytest.approx(6, rel=0.05)


def test_a_random_pool_refuses_numbers_beyond_one() -> None:
    with pytest.raises(RunError, match="draw 'y' leaves 0 … 1; its numbers lie from 0 on"):
        drawn(COUNT_TO_16, 0, 0, 0, 1)


CROSS = CrossMapPool(name="y", reads=("x",), size=3, stride=2, start=-1, outputs=3)


def test_cross_map_windows_cover_the_maps_that_exist() -> None:
    # maps −1 … 1, 1 … 3 and 3 … 5 of five
    assert output(CROSS, maps(-5, -7, -9, -8, -6)).ravel().tolist() == [-5, -7, -6]


def test_every_tied_map_gets_the_gradient_of_every_window() -> None:
    seed = np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)
    found = gradients(CROSS, seed, maps(0, 4, 2, 4, 4))["x"]
    assert found.ravel().tolist() == [0, 1 + 10, 0, 10 + 100, 100]


# --- dropout --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scaling", "factor"), [("test", 0.25), ("train", 1.0)])
def test_a_dropout_that_is_not_enabled_needs_no_draw(scaling: Any, factor: float) -> None:
    layer = Dropout(name="y", reads=("x",), keep=0.25, scaling=scaling, enabled=False)
    network, inputs = alone(layer, row(4, 8))
    for draws in ({}, None):
        outputs = forward(network, {}, inputs, draws=draws)
        assert outputs["y"].ravel().tolist() == [4 * factor, 8 * factor]
        seeds = {"y": np.ones((1, 1, 1, 2))}
        found = backward(network, {}, outputs, draws=draws, seeds=seeds)
        assert found.layers["x"].ravel().tolist() == [factor, factor]
    with pytest.raises(RunError, match="no layer takes the draw 'y'"):
        forward(network, {}, inputs, draws={"y": np.ones((1, 1, 1, 2))})


# --- finite differences ---------------------------------------------------------------------------


def sparse(kind: Any, *connections: int, groups: int) -> Layer:
    kernel = Kernel(
        size=3, stride=2, padding=1, groups=groups, initial=START, connections=connections
    )
    return kind(name="y", reads=("x0",), filters=4, kernels=(kernel,), rule="cuda-convnet")


CASES = [
    Case("sparse conv", sparse(Conv, 2, 0, 1, 1, 2, 0, groups=2), ((3, 4, 4),)),
    Case("sparse local", sparse(Local, 2, 0, 1, 2, groups=2), ((3, 4, 4),)),
    Case("tree", replace(TREE, reads=("x0",)), ((2, 2, 1),)),
    one(
        "max pool by magnitude",
        MaxPool,
        (2, 6, 6),
        window=Window(size=3, stride=2, padding=1),
        rule="cuda-convnet",
        by_magnitude=True,
        high=2.6,  # no two values that differ in their sign alone
    ),
    one(
        "random pool at test",
        RandomPool,
        (2, 6, 5),
        window=Window(size=3, stride=2),
        rule="cuda-convnet",
    ),
    one("cross-map pool", CrossMapPool, (5, 2, 2), size=3, stride=2, start=-1, outputs=3),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_gradients_are_exact(case: Case) -> None:
    check_alone(case)


def test_the_gradient_of_a_draw_is_exact_where_no_pixels_tie() -> None:
    network, generator = alone(RANDOM, COUNT_TO_16)[0], np.random.default_rng(5)
    picture, draws = generator.normal(size=(3, 1, 4, 4)), {"y": generator.random((3, 1, 2, 2))}
    outputs = forward(network, {}, {"x": picture}, draws=draws)
    seed = generator.normal(size=outputs["y"].shape)

    def weighed(values: Arrays) -> float:
        return float((seed * forward(network, {}, values, draws=draws)["y"]).sum())

    found = backward(network, {}, outputs, draws=draws, seeds={"y": seed})
    check(weighed, {"x": picture}, found.layers)
