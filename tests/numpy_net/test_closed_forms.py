"""Each layer kind against numbers written out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    Constant,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
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


# --- pooling --------------------------------------------------------------------------------------


def test_max_pool_clips_its_windows_to_the_map() -> None:
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=3, stride=2), rule="cuda-convnet")
    # 1 + ceil((4 - 3) / 2) = 2 windows: columns 0 … 2, then 2 … 3
    assert output(pool, COUNT_TO_16)[0, 0].tolist() == [[11, 12], [15, 16]]


def test_max_pool_padding_never_wins_over_a_dark_map() -> None:
    pool = MaxPool(
        name="pool", reads=("x",), window=Window(size=3, stride=2, padding=1), rule="torch"
    )
    assert output(pool, -COUNT_TO_16)[0, 0].tolist() == [[-1, -2], [-5, -6]]


def test_pool_may_start_inside_the_map() -> None:
    pool = MaxPool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=2, padding=-1),  # cuda-convnet's start=1
        rule="cuda-convnet",
    )
    # 1 + ceil((4 - 1 - 2) / 2) = 2 windows: 1 … 2, then 3
    assert output(pool, COUNT_TO_16)[0, 0].tolist() == [[11, 12], [15, 16]]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("cuda-convnet", [0, 5, 5, 5]),
        ("torch", [0, 5, 0, 0]),
        ("caffe", [0, 5, 0, 0]),
        ("same", [0, 5, 0, 0]),
        ("valid", [0, 5, 0, 0]),
    ],
)
def test_tied_maxima_all_receive_the_gradient_in_2012_and_only_the_first_elsewhere(
    rule: Any, expected: list[float]
) -> None:
    picture = np.array([1.0, 3, 3, 3]).reshape(1, 1, 2, 2)
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=2, stride=2), rule=rule)
    assert gradients(pool, 5, picture)["x"].ravel().tolist() == expected


def test_overlapping_max_windows_add_their_gradients() -> None:
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=2, stride=1), rule="torch")
    picture = np.array([0.0, 0, 0, 0, 9, 0, 0, 0, 0]).reshape(1, 1, 3, 3)
    assert gradients(pool, [[1, 10], [100, 1000]], picture)["x"][0, 0, 1, 1] == 1111


@pytest.mark.parametrize(
    ("divisor", "rule", "expected"),
    [
        # ones, windows of 3 from pixels -1, 1 and 3: on the map 2, 3 and 1 pixels long
        ("inside", "caffe", [1, 1, 1]),
        # clipped to 4 pixels and one of padding, they are 3, 3 and 2 long
        ("padded", "caffe", [2 / 3, 1, 1 / 2]),
        ("window", "caffe", [2 / 3, 1, 1 / 3]),
        ("one", "caffe", [2, 3, 1]),
        ("inside", "cuda-convnet", [1, 1, 1]),
    ],
)
def test_average_pool_divides_as_each_tradition_does(
    divisor: Any, rule: Any, expected: list[float]
) -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=3, stride=2, padding=1),
        rule=rule,
        divisor=divisor,
    )
    result = output(pool, np.ones((1, 1, 4, 4)))[0, 0]
    sides = np.outer(expected, expected)
    assert np.allclose(result, sides[: len(result), : len(result)])


def test_average_at_the_border_divides_by_the_two_pixels_that_exist() -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=2),
        rule="cuda-convnet",
        divisor="inside",
    )
    picture = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    assert output(pool, picture)[0, 0].tolist() == [
        [(1 + 2 + 4 + 5) / 4, (3 + 6) / 2],
        [(7 + 8) / 2, 9],
    ]
    shares = [[1 / 4, 1 / 4, 1 / 2], [1 / 4, 1 / 4, 1 / 2], [1 / 2, 1 / 2, 1]]
    assert gradients(pool, 1, picture)["x"][0, 0].tolist() == shares


def test_same_padding_counts_its_own_far_pixel() -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=1),
        rule="same",
        divisor="padded",
    )
    # TensorFlow pads 0 before and 1 after: the last window is half padding, yet divides by 4
    assert output(pool, np.ones((1, 1, 2, 2)))[0, 0].tolist() == [[1, 1 / 2], [1 / 2, 1 / 4]]


# --- norms ----------------------------------------------------------------------------------------


def cross_map(size: int, **changes: Any) -> CrossMapNorm:
    """alpha 1 undivided, beta 1, k 1 unless changed."""
    values: dict[str, Any] = {"alpha": 1.0, "alpha_divided": False, "beta": 1.0, "k": 1.0}
    return CrossMapNorm(name="norm", reads=("x",), size=size, **(values | changes))


def test_cross_map_norm_of_a_single_map() -> None:
    norm = cross_map(5, alpha=0.5, alpha_divided=True, beta=0.75, k=2.0)
    # a = 0.5 / 5
    assert output(norm, maps(3)).item() == pytest.approx(3 * (2 + 0.1 * 9) ** -0.75)


def test_cross_map_windows_are_clipped_to_the_maps_that_exist() -> None:
    # sums of squares over each map and its neighbours: 1 + 4, 1 + 4 + 9, 4 + 9
    assert np.allclose(
        output(cross_map(3), maps(1, 2, 3)).ravel(), [1 / (1 + 5), 2 / (1 + 14), 3 / (1 + 13)]
    )


def test_even_cross_map_windows_lean_to_lower_maps() -> None:
    # map i with map i - 1: 1, 1 + 4, 4 + 9
    assert np.allclose(
        output(cross_map(2), maps(1, 2, 3)).ravel(), [1 / (1 + 1), 2 / (1 + 5), 3 / (1 + 13)]
    )


def test_cross_map_windows_never_leave_their_group() -> None:
    result = output(cross_map(3, groups=2), maps(1, 2, 3, 4)).ravel()
    assert np.allclose(result, [1 / (1 + 5), 2 / (1 + 5), 3 / (1 + 25), 4 / (1 + 25)])


def test_blocked_cross_map_neighbourhoods_are_fixed_blocks() -> None:
    result = output(cross_map(2, blocked=True), maps(1, 2, 3)).ravel()
    assert np.allclose(result, [1 / (1 + 5), 2 / (1 + 5), 3 / (1 + 9)])


def test_blocks_start_anew_in_every_group() -> None:
    result = output(cross_map(2, blocked=True, groups=2), maps(1, 2, 3, 4, 5, 6)).ravel()
    # groups 1 2 3 and 4 5 6, blocks 1 2, 3, 4 5 and 6
    sums = np.array([5, 5, 9, 41, 41, 36])
    assert np.allclose(result, np.arange(1, 7) / (1 + sums))


def test_within_map_norm_divides_by_the_whole_window_even_where_it_is_clipped() -> None:
    norm = WithinMapNorm(
        name="norm", reads=("x",), size=3, alpha=9.0, alpha_divided=True, beta=1.0, k=1.0
    )
    # a = 9 / 9 = 1; ones, so each sum is its window's count of pixels
    counts = np.outer([2, 3, 2], [2, 3, 2])
    assert np.allclose(output(norm, np.ones((1, 1, 3, 3)))[0, 0], 1 / (1 + counts))


def test_contrast_norm_and_its_gradient_with_the_local_means_held() -> None:
    norm = ContrastNorm(
        name="norm", reads=("x",), size=3, alpha=9.0, alpha_divided=True, beta=1.0, k=1.0
    )
    # local means 1.5, 3, 4.5 over 2, 3, 2 pixels; differences m = -1.5, 0, 1.5
    # D = 1 + 2.25, 1 + 4.5, 1 + 2.25; the numerator stays x
    assert np.allclose(output(norm, row(0, 3, 6)).ravel(), [0, 3 / 5.5, 6 / 3.25])
    # only the last output has a gradient: g / D there, and −2 · m_i · g · y / D for each i in its
    # window, of which the middle one has m = 0; with the means free the middle would not be 0
    last = 1 / 3.25 - 2 * 1.5 * (6 / 3.25) / 3.25
    assert np.allclose(gradients(norm, row(0, 0, 1), row(0, 3, 6))["x"].ravel(), [0, 0, last])


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
