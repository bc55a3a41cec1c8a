"""Towers, alpha's divisor and dropout's scaling changed: every output stays, while training too, or
the layer is named.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet.formats import Checkpoint, FormatError, TrainingState
from alexnet.formats.variants import (
    folded,
    unfolded,
    with_divided_alpha,
    with_dropout_scaling,
    with_size_rule,
)
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    Layer,
    MaxPool,
    Norm,
    Softmax,
    Window,
)
from alexnet.network.sizes import Rule
from alexnet.numpy_net import forward
from formats.variants_shown import (
    CAFFES,
    arrays_of,
    assert_alike,
    checkpoint_of,
    conv,
    dense,
    network_of,
    normed,
    pictures,
)
from reduced import reduced

GREY = InputContract(channel_order="grey", pixel_maximum=255.0, mean=(30.0,))


@pytest.mark.parametrize("name", ["paper", "as_run", "tiny"])
def test_towers_folded_and_unfolded_with_their_velocities(name: str) -> None:
    network = reduced(name, filters=4, outputs=8)
    one = checkpoint_of(network, GREY if network.picture.shape[0] == 1 else CAFFES)
    one = replace(one, training=TrainingState(arrays_of(network, 1), {"epoch": 3}))
    other = folded(one)
    assert other.network.towers == ()
    assert_alike(one, other)
    assert other.training is not None
    assert other.training.progress == {"epoch": 3}
    moving = replace(other, arrays=other.training.velocities)
    assert one.training is not None
    assert_alike(replace(one, arrays=one.training.velocities), moving)
    with pytest.raises(FormatError, match="has 2 towers already"):
        unfolded(one)


def test_groups_unfolded_into_towers_and_back() -> None:
    one = checkpoint_of(reduced("caffe", filters=4, outputs=8), CAFFES)
    with pytest.raises(FormatError, match="'norm1' cannot be split"):
        unfolded(one)
    grouped = [conv("c1"), conv("c2", "c1", groups=2), dense("fc", "c2")]
    one = checkpoint_of(network_of(grouped), CAFFES)
    other = unfolded(one)
    assert other.network.towers == (0, 1)
    assert_alike(one, other)
    assert_alike(one, folded(other))


@pytest.mark.parametrize("name", ["paper", "caffe", "18pct", "tiny"])
def test_alpha_before_and_after_its_division(name: str) -> None:
    network = reduced(name, filters=8, outputs=8)
    one = checkpoint_of(network, GREY if network.picture.shape[0] == 1 else CAFFES)
    for divided in (True, False):
        other = with_divided_alpha(one, divided)
        norms = [x for x in other.network if isinstance(x, Norm)]
        assert norms
        assert all(norm.alpha_divided == divided for norm in norms)
        assert_alike(one, other, 1e-12)


def test_norms_within_a_map_divide_by_their_window() -> None:
    contrast = ContrastNorm(
        name="cn", reads=("n",), size=3, alpha=0.09, alpha_divided=True, beta=0.5, k=1.0
    )
    layers = [conv("c"), normed("n", "c"), contrast, dense("fc", "cn")]
    one = checkpoint_of(network_of(layers), CAFFES)
    other = with_divided_alpha(one, False)
    norm = other.network["cn"]
    assert isinstance(norm, ContrastNorm)
    assert norm.alpha == pytest.approx(0.01)
    assert_alike(one, other, 1e-12)
    assert_alike(one, with_divided_alpha(other, True), 1e-12)


@pytest.mark.parametrize("name", ["paper", "caffe", "one_weird_trick", "caffenet", "tiny"])
def test_dropout_scaled_at_the_other_time(name: str) -> None:
    network = reduced(name, filters=4, outputs=8)
    one = checkpoint_of(network, GREY if network.picture.shape[0] == 1 else CAFFES)
    for scaling in ("train", "test"):
        other = with_dropout_scaling(one, scaling)
        drops = [x for x in other.network if isinstance(x, Dropout)]
        assert drops
        assert all(drop.scaling == scaling for drop in drops)
        assert_alike(one, other)
        assert_same_while_training(one, other)


def assert_same_while_training(one: Checkpoint, other: Checkpoint) -> None:
    generator = np.random.default_rng(2)
    network = one.network
    images = pictures(network) / 255
    draws = {
        layer.name: generator.integers(0, 2, (len(images), *network.shape(layer.name)))
        for layer in network
        if isinstance(layer, Dropout)
    }
    found = [
        forward(c.network, c.arrays, {network.picture.name: images}, draws=draws)[
            network.outputs.name
        ]
        for c in (one, other)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-15)


def drop(name: str, reads: str, keep: float, scaling: str = "test") -> Dropout:
    return Dropout(name=name, reads=(reads,), keep=keep, scaling=scaling)


def test_factors_pass_what_is_homogeneous_and_meet_in_the_next_weights() -> None:
    layers: list[Layer] = [
        conv("c1"),
        conv("c2"),
        drop("d1", "c1", 0.5),
        drop("d2", "d1", 0.8),
        Activation(name="relu", reads=("d2",), function="relu"),
        MaxPool(name="max", reads=("relu",), window=Window(size=2, stride=2), rule="torch"),
        AveragePool(
            name="mean", reads=("c2",), window=Window(size=2, stride=2), rule="torch",
            divisor="inside",
        ),
        Concat(name="both", reads=("max", "mean")),
        conv("c3", "both", filters=4, groups=2),
        drop("d3", "both", 0.3, "train"),
        ElementwiseMax(name="larger", reads=("both", "both")),
        dense("fc", "c3", "d3", "larger"),
        Softmax(name="probs", reads=("fc",)),
    ]  # fmt: skip
    one = checkpoint_of(network_of(layers), CAFFES)
    for scaling in ("train", "test"):
        other = with_dropout_scaling(one, scaling)
        assert_alike(one, other)
        assert_same_while_training(one, other)
    changed = with_dropout_scaling(one, "train").arrays
    assert changed["fc.bias"] is one.arrays["fc.bias"]
    assert changed["c1.weight"] is one.arrays["c1.weight"]
    before, after = one.arrays["fc.weight_2"], changed["fc.weight_2"]
    np.testing.assert_allclose(after[:, :36], 0.4 * before[:, :36])  # what came through d1 and d2
    np.testing.assert_array_equal(after[:, 36:], before[:, 36:])


@pytest.mark.parametrize(
    ("after", "match"),
    [
        (
            Activation(name="x", reads=("d",), function="logistic"),
            r"'x': .*\(logistic\)",
        ),
        (Softmax(name="x", reads=("d",)), "'x': .*softmax"),
        (
            CrossMapNorm(name="x", reads=("d",), size=3, alpha=1, alpha_divided=True, beta=1, k=1),
            "'x': .*cross-map-norm",
        ),
        (Concat(name="x", reads=("d", "d")), "'x': .*it is an output"),
        (ElementwiseMax(name="x", reads=("d", "c")), "'x': .*some of its inputs"),
    ],
)
def test_dropout_before_what_is_not_homogeneous_is_refused(after: Layer, match: str) -> None:
    one = checkpoint_of(network_of([conv("c"), drop("d", "c", 0.5), after]), CAFFES)
    with pytest.raises(FormatError, match=match):
        with_dropout_scaling(one, "train")
    assert with_dropout_scaling(one, "test") is one


def test_arrays_keep_their_type_and_are_rounded_once() -> None:
    network = network_of([conv("c"), drop("d", "c", 0.7), dense("fc", "d")])
    single = {name: array.astype(np.float32) for name, array in arrays_of(network).items()}
    one = replace(checkpoint_of(network, CAFFES), arrays=single)
    changed = with_dropout_scaling(one, "train").arrays["fc.weight"]
    assert changed.dtype == np.float32
    expected = (single["fc.weight"].astype(np.float64) / (1 / 0.7)).astype(np.float32)
    np.testing.assert_array_equal(changed, expected)
    assert {p.name for p in network_parameters(network)} == set(single)


@pytest.mark.parametrize("name", ["caffe", "caffenet", "cs231n", "18pct", "13pct"])
def test_windows_by_another_rule_at_the_same_places(name: str) -> None:
    one = checkpoint_of(reduced(name, filters=4, outputs=8), CAFFES)
    rule: Rule = "cuda-convnet" if name in ("caffe", "caffenet", "cs231n") else "caffe"
    other = with_size_rule(one, rule)
    assert_alike(one, other, 0)
    assert {layer.rule for layer in other.network if isinstance(layer, Conv | MaxPool)} == {rule}


def test_a_rule_that_lays_windows_elsewhere_is_refused_by_the_layer() -> None:
    network = network_of([conv("c", size=3, stride=2)], (3, 8, 8))
    one = checkpoint_of(network, CAFFES)
    assert with_size_rule(one, "cuda-convnet").network == network
    with pytest.raises(FormatError, match="layer 'c': the size rule 'torch' lays its windows"):
        with_size_rule(one, "torch")
    with pytest.raises(FormatError, match="does not fit"):
        with_size_rule(checkpoint_of(network_of([conv("c", size=10, padding=1)])), "valid")
