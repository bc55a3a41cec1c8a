"""Weights, activations, joins and losses against numbers written out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    BinaryCrossEntropyLoss,
    Concat,
    Constant,
    Conv,
    CrossEntropyLoss,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Input,
    Kernel,
    Local,
    LogisticLoss,
    Softmax,
    SumOfSquaresLoss,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import backward, forward
from numpy_net.by_hand import COUNT_TO_16, ONE, alone, gradients, maps, output, row

# --- with weights ---------------------------------------------------------------------------------


def test_conv_reads_zeros_beyond_the_far_edge_and_only_there() -> None:
    conv = Conv(
        name="conv",
        reads=("x",),
        filters=1,
        rule="cuda-convnet",
        kernels=(Kernel(size=3, stride=2, initial=ONE),),
    )
    # 1 + ceil((4 - 3) / 2) = 2 windows; the second reaches one pixel past the right and the bottom
    expected = [
        [1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11, 3 + 4 + 7 + 8 + 11 + 12],
        [9 + 10 + 11 + 13 + 14 + 15, 11 + 12 + 15 + 16],
    ]
    assert np.array_equal(output(conv, COUNT_TO_16)[0, 0], expected)
    # rows 0, 1, 3 lie under one window, row 2 under two; columns alike
    covered = np.outer([1, 1, 2, 1], [1, 1, 2, 1])
    assert np.array_equal(gradients(conv, 1, COUNT_TO_16)["x"][0, 0], covered)


def test_conv_pads_both_edges_and_leaves_unread_pixels_without_gradient() -> None:
    padded = Conv(
        name="conv",
        reads=("x",),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=3, stride=3, padding=1, initial=ONE),),
    )
    # windows at rows and columns -1 … 1 and 2 … 4
    expected = [[1 + 2 + 5 + 6, 3 + 4 + 7 + 8], [9 + 10 + 13 + 14, 11 + 12 + 15 + 16]]
    assert np.array_equal(output(padded, COUNT_TO_16)[0, 0], expected)
    floor = Conv(
        name="conv",
        reads=("x",),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=3, stride=2, initial=ONE),),
    )
    read = np.zeros((4, 4))
    read[:3, :3] = 1
    assert np.array_equal(gradients(floor, 1, COUNT_TO_16)["x"][0, 0], read)


def test_conv_is_a_correlation_without_flip() -> None:
    conv = Conv(
        name="conv",
        reads=("x",),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=2, initial=ONE),),
    )
    picture = np.array([1.0, 10, 100, 1000]).reshape(1, 1, 2, 2)
    weight = np.array([1.0, 2, 3, 4]).reshape(1, 1, 2, 2)
    assert output(conv, picture, weights={"conv.weight": weight}).item() == 4321


def test_conv_groups_see_only_their_own_channels_and_add_one_bias_per_filter() -> None:
    conv = Conv(
        name="conv",
        reads=("x",),
        filters=2,
        rule="torch",
        kernels=(Kernel(size=1, groups=2, initial=ONE),),
    )
    weights = {"conv.weight": np.array([2.0, 3]).reshape(2, 1, 1, 1), "conv.bias": [1.0, 10.0]}
    # 2 · 5 + 1 and 3 · 7 + 10
    assert output(conv, maps(5, 7), weights=weights).ravel().tolist() == [11, 31]


def test_conv_sums_its_inputs_and_adds_one_bias_to_the_sum() -> None:
    conv = Conv(
        name="conv",
        reads=("x", "z"),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=2, initial=ONE), Kernel(size=1, initial=Constant(3.0))),
        initial_bias=Constant(0.5),
    )
    # (1 + 2 + 3 + 4) + 3 · 7 + 0.5
    picture = np.array([1.0, 2, 3, 4]).reshape(1, 1, 2, 2)
    assert output(conv, picture, maps(7)).item() == 31.5


def test_conv_with_unshared_biases_adds_one_per_output_unit() -> None:
    conv = Conv(
        name="conv",
        reads=("x",),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=1, initial=ONE),),
        bias="unshared",
    )
    weights = {"conv.bias": np.array([10.0, 20, 30]).reshape(1, 1, 3)}
    assert output(conv, row(1, 2, 3), weights=weights).ravel().tolist() == [11, 22, 33]


def test_local_has_weights_of_its_own_at_every_position() -> None:
    local = Local(
        name="local",
        reads=("x",),
        filters=1,
        rule="torch",
        kernels=(Kernel(size=1, initial=ONE),),
    )
    weight = np.array([2.0, 3, 5]).reshape(1, 3, 1, 1, 1, 1)
    bias = np.array([0.5, 0, 0]).reshape(1, 1, 3)
    result = output(local, row(1, 10, 100), weights={"local.weight": weight, "local.bias": bias})
    assert result.ravel().tolist() == [2.5, 30, 500]


def test_fully_connected_flattens_channel_then_row_then_column() -> None:
    dense = FullyConnected(name="fc", reads=("x",), outputs=1, initial=(ONE,))
    picture = np.arange(1.0, 9).reshape(1, 2, 2, 2)
    weight = 10.0 ** np.arange(8)[None, ::-1]
    assert output(dense, picture, weights={"fc.weight": weight}).item() == 12345678


def test_fully_connected_groups_deal_inputs_and_outputs_into_separate_sets() -> None:
    dense = FullyConnected(name="fc", reads=("x",), outputs=2, initial=(ONE,), groups=2)
    weights = {"fc.weight": [[1.0, 10.0], [100.0, 1000.0]], "fc.bias": [0.0, 0.5]}
    # 1 · 1 + 10 · 2 and 100 · 3 + 1000 · 4 + 0.5
    assert output(dense, maps(1, 2, 3, 4), weights=weights).ravel().tolist() == [21, 4300.5]


# --- element-wise ---------------------------------------------------------------------------------

E = math.e


@pytest.mark.parametrize(
    ("function", "parameters", "unit", "value", "slope"),
    [
        ("relu", (), 2, 2, 1),
        ("relu", (), 0, 0, 0),
        ("relu", (), -2, 0, 0),
        ("bounded-relu", (3,), 2, 2, 1),
        ("bounded-relu", (3,), 3, 3, 0),
        ("bounded-relu", (3,), 5, 3, 0),
        ("noisy-relu", (), 2, 2, 1),
        ("noisy-relu", (), -2, 0, 0),
        ("soft-relu", (), 0, math.log(2), 1 / 2),
        ("soft-relu", (), 4, math.log(1 + E**4), 1 / (1 + E**-4)),
        ("soft-relu", (), 4.5, 4.5, 1),
        ("soft-relu", (), 1e4, 1e4, 1),
        ("logistic", (), 0, 1 / 2, 1 / 4),
        ("logistic", (), 1, 1 / (1 + 1 / E), E / (1 + E) ** 2),
        ("logistic", (), -1e4, 0, 0),
        ("tanh", (2, 3), 0, 0, 6),
        ("tanh", (2, 3), 1, 2 * math.tanh(3), 6 * (1 - math.tanh(3) ** 2)),
        ("soft-threshold", (2,), 0, 0, 0),
        ("soft-threshold", (2,), 4, 4 - 2 * math.tanh(2), math.tanh(2) ** 2),
        ("abs", (), 3, 3, 1),
        ("abs", (), 0, 0, -1),
        ("abs", (), -3, 3, -1),
        ("square", (), -3, 9, -6),
        ("sqrt", (), 9, 3, 1 / 6),
        ("sqrt", (), 0, 0, math.inf),
        ("log", (1,), E - 1, 1, 1 / E),
        ("linear", (2, 3), 5, 13, 2),
        ("identity", (), 5, 5, 1),
    ],
)
def test_activation_value_and_slope(
    function: Any, parameters: tuple[float, ...], unit: float, value: float, slope: float
) -> None:
    layer = Activation(name="act", reads=("x",), function=function, parameters=parameters)
    assert output(layer, maps(unit)).item() == pytest.approx(value)
    assert gradients(layer, 1, maps(unit))["x"].item() == pytest.approx(slope)


def test_noisy_relu_noise_grows_with_the_unit_and_the_gradient_ignores_it() -> None:
    layer = Activation(name="act", reads=("x",), function="noisy-relu")
    network, inputs = alone(layer, maps(2, 2, -2))
    draws = {"act": maps(0.5, -3, 1)}
    outputs = forward(network, {}, inputs, draws=draws)
    # 2 + 0.5 · 2; 2 - 3 · 2 < 0; and a unit that is off has no noise
    assert outputs["act"].ravel().tolist() == [3, 0, 0]
    found = backward(network, {}, outputs, draws=draws, seeds={"act": maps(1, 1, 1)})
    assert found.layers["x"].ravel().tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("scaling", "training", "test"), [("test", [8, 0], [2, 4]), ("train", [32, 0], [8, 16])]
)
def test_dropout_scales_at_test_in_2012_and_while_training_today(
    scaling: Any, training: list[float], test: list[float]
) -> None:
    layer = Dropout(name="drop", reads=("x",), keep=0.25, scaling=scaling)
    network, inputs = alone(layer, maps(8, 16))
    draws = {"drop": maps(1, 0)}
    assert forward(network, {}, inputs)["drop"].ravel().tolist() == test
    outputs = forward(network, {}, inputs, draws=draws)
    assert outputs["drop"].ravel().tolist() == training
    found = backward(network, {}, outputs, draws=draws, seeds={"drop": maps(8, 16)})
    assert found.layers["x"].ravel().tolist() == training  # the same factor both ways


def test_softmax_is_over_all_units_and_does_not_overflow() -> None:
    layer = Softmax(name="softmax", reads=("x",))
    picture = (1e4 + np.log([1.0, 2, 3, 4])).reshape(1, 2, 1, 2)
    result = output(layer, picture)
    assert result.shape == (1, 4, 1, 1)
    assert np.allclose(result.ravel(), [0.1, 0.2, 0.3, 0.4])


def test_concat_stacks_channels_and_cuts_the_gradient_back() -> None:
    layer = Concat(name="both", reads=("x", "z"))
    assert output(layer, maps(1), maps(2, 3)).ravel().tolist() == [1, 2, 3]
    found = gradients(layer, maps(4, 5, 6), maps(1), maps(2, 3))
    assert found["x"].ravel().tolist() == [4]
    assert found["z"].ravel().tolist() == [5, 6]


def test_elementwise_sum_weighs_its_inputs() -> None:
    layer = ElementwiseSum(name="sum", reads=("x", "z"), coefficients=(2, -1))
    assert output(layer, maps(3, 4), maps(10, 1)).ravel().tolist() == [-4, 7]
    found = gradients(layer, maps(1, 5), maps(3, 4), maps(10, 1))
    assert found["x"].ravel().tolist() == [2, 10]
    assert found["z"].ravel().tolist() == [-1, -5]


def test_elementwise_max_passes_a_tie_to_both() -> None:
    layer = ElementwiseMax(name="max", reads=("x", "z"))
    x, z = maps(1, 5, 3), maps(2, 4, 3)
    assert output(layer, x, z).ravel().tolist() == [2, 5, 3]
    found = gradients(layer, maps(10, 20, 30), x, z)
    assert found["x"].ravel().tolist() == [0, 20, 30]
    assert found["z"].ravel().tolist() == [10, 0, 30]


def test_a_layer_read_twice_gets_both_gradients() -> None:
    picture = Input(name="x", shape=(1, 1, 1))
    total = ElementwiseSum(name="sum", reads=("x", "x"), coefficients=(2, 3))
    network = Network("twice", (picture, total))
    outputs = forward(network, {}, {"x": maps(1)})
    found = backward(network, {}, outputs, seeds={"sum": maps(1)})
    assert found.layers["x"].item() == 5


# --- losses ---------------------------------------------------------------------------------------


def test_logistic_loss_is_minus_log_of_the_labels_probability() -> None:
    layer = LogisticLoss(name="loss", reads=("label", "p"))
    label, probabilities = np.full((1, 1, 1, 1), 2.0), maps(0.1, 0.2, 0.7)
    assert output(layer, label, probabilities).item() == pytest.approx(-math.log(0.7))
    found = gradients(layer, 1, label, probabilities)
    assert np.allclose(found["p"].ravel(), [0, 0, -1 / 0.7])
    assert found["label"].item() == 0


def test_cross_entropy_takes_minus_50_for_log_0_and_is_flat_there() -> None:
    layer = CrossEntropyLoss(name="loss", reads=("t", "p"))
    target, probabilities = maps(0.25, 0.5, 0.25), maps(0.5, 0.5, 0)
    expected = -(0.25 * math.log(0.5) + 0.5 * math.log(0.5) + 0.25 * -50)
    assert output(layer, target, probabilities).item() == pytest.approx(expected)
    found = gradients(layer, 2, target, probabilities)
    assert np.allclose(found["p"].ravel(), [2 * -0.5, 2 * -1, 0])


def test_binary_cross_entropy_takes_minus_50_for_log_0_at_either_end() -> None:
    layer = BinaryCrossEntropyLoss(name="loss", reads=("t", "p"))
    target, units = maps(0.25, 1, 0.5), maps(0.5, 0, 1)
    expected = -(math.log(0.5) + -50 + 0.5 * -50)
    assert output(layer, target, units).item() == pytest.approx(expected)
    # 0.75 / 0.5 - 0.25 / 0.5; then only log 0 with no other term; then -0.5 / 1
    found = gradients(layer, 1, target, units)
    assert np.allclose(found["p"].ravel(), [1, 0, -0.5])


def test_sum_of_squares() -> None:
    layer = SumOfSquaresLoss(name="loss", reads=("x",))
    assert output(layer, maps(1, -2, 3)).item() == 14
    assert gradients(layer, 1, maps(1, -2, 3))["x"].ravel().tolist() == [2, -4, 6]


def test_logistic_loss_over_softmax_gives_the_probabilities_minus_one_at_the_label() -> None:
    layers = (
        Input(name="x", shape=(3, 1, 1)),
        Input(name="label", shape=(1, 1, 1), content="labels"),
        Softmax(name="p", reads=("x",)),
        LogisticLoss(name="loss", reads=("label", "p"), coefficient=0.5),
    )
    network = Network("head", layers)
    units = np.random.default_rng(0).normal(size=(4, 3, 1, 1))
    labels = np.array([0, 2, 1, 1])
    outputs = forward(network, {}, {"x": units, "label": labels})
    expected = 0.5 * (outputs["p"][:, :, 0, 0] - np.eye(3)[labels]) / 4  # coefficient · mean
    assert np.allclose(backward(network, {}, outputs).layers["x"][:, :, 0, 0], expected)
