"""Comparisons: empty against itself, nothing that a network says goes unseen, known pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.compare import as_tree, compare, differences
from alexnet.network.compare.stage import Difference
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Constant,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    MaxPool,
    WithinMapNorm,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network, NetworkError


def found(first: str, second: str) -> dict[tuple[str, str], Difference]:
    return {(d.place, d.aspect): d for d in differences(network(first), network(second))}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    comparison = compare(network(name), network(name))
    assert comparison.differences == ()
    assert comparison.counts == ()


def test_names_and_sources_are_no_difference() -> None:
    net = network("one_weird_trick")
    layers = tuple(
        replace(x, name="x" + x.name, reads=tuple("x" + r for r in x.reads), source="elsewhere")
        for x in net
    )
    assert differences(net, Network("other", layers)) == ()


def test_every_pair_of_catalog_networks_can_be_compared_and_adds_up() -> None:
    networks = [make() for make in NETWORKS.values()]
    totals = {net.name: ledger(net).total for net in networks}
    for first in networks:
        for second in networks:
            comparison = compare(first, second)
            json.dumps(as_tree(comparison))
            assert all(d.first != d.second for d in comparison.differences)
            assert all(d.effect for d in comparison.differences)
            for quantity in ("neurons", "parameters", "connections", "multiply_adds"):
                steps = [c for c in comparison.counts if c.quantity == quantity]
                by_stage = sum(c.second - c.first for c in steps if c.place != "total")
                whole = sum(c.second - c.first for c in steps if c.place == "total")
                expected = getattr(totals[second.name], quantity)
                assert by_stage == whole == expected - getattr(totals[first.name], quantity)


# --- the paper against torchvision ----------------------------------------------------------------


def test_what_torchvision_changed() -> None:
    seen = found("paper", "one_weird_trick")
    assert (seen["network", "towers"].first, seen["network", "towers"].second) == ("2", "none")
    filters = [
        (seen[stage, "filters"].first, seen[stage, "filters"].second)
        for stage in ("conv1", "conv2", "conv4")
    ]
    assert filters == [("96", "64"), ("256", "192"), ("384", "256")]
    assert ("conv3", "filters") not in seen
    assert ("conv5", "filters") not in seen
    assert (seen["conv1", "padding"].first, seen["conv1", "padding"].second) == ("0", "2")
    assert seen["conv1", "size rule"].second == "torch"
    for stage in ("conv1", "conv2"):
        assert seen[stage, "order"].first == "ReLU, norm across maps, max-pool"
        assert seen[stage, "order"].second == "ReLU, max-pool"
        assert seen[stage, "norm across maps"].second == "none"
    assert seen["network", "dropout place"].first == "after fc6, after fc7"
    assert seen["network", "dropout place"].second == "after conv5, after fc6"
    assert "9,216" in seen["network", "dropout place"].effect
    assert "in training" in seen["network", "dropout"].second
    assert seen["fc6", "initial weights"].second == "uniform ±1 / √fan-in"
    assert {place for place, aspect in seen if aspect == "groups"} == {"conv2", "conv4", "conv5"}


def test_what_a_difference_alone_would_do_is_counted() -> None:
    seen = found("paper", "one_weird_trick")
    padding = {c.quantity: c.second for c in seen["conv1", "padding"].alone.changes}
    assert padding["neurons"] == 711_656
    assert "56×56" in seen["conv1", "padding"].effect
    assert "54×54" in seen["conv1", "size rule"].effect
    # conv2's groups: 5·5·48·256 weights more
    groups = {c.quantity: c.second - c.first for c in seen["conv2", "groups"].alone.changes}
    assert groups["parameters"] == 5 * 5 * 48 * 256
    assert groups["multiply_adds"] == 27 * 27 * 5 * 5 * 48 * 256
    assert seen["conv3", "size rule"].alone.changes == ()


def test_groups_of_one_column_against_towers() -> None:
    back = found("one_weird_trick", "paper")
    groups = {c.quantity: c.second - c.first for c in back["conv2", "groups"].alone.changes}
    assert groups["parameters"] == -5 * 5 * 32 * 192
    caffe = found("paper", "caffe")
    assert (caffe["conv2", "groups"].first, caffe["conv2", "groups"].second) == (
        "2 towers",
        "2 groups",
    )
    assert caffe["conv1, norm across maps", "border"].second == "one set of 96 maps"
    assert caffe["conv1, norm across maps", "k"].effect.endswith("0.595 against 1")
    assert caffe["input", "picture"].second == "3×227×227"
    assert compare(network("paper"), network("caffe")).counts == ()


# --- the paper against what ran -------------------------------------------------------------------


def test_what_the_text_does_not_tell() -> None:
    seen = found("paper", "as_run")
    assert seen["conv1", "order"].second == "norm across maps, max-pool, ReLU"
    assert "negative" in seen["conv1", "order"].effect
    assert "norm within maps" in seen["conv2", "order"].second
    assert seen["conv2", "norm within maps"].first == "none"
    assert "0.001 / 5² = 0.00004" in seen["conv2", "norm within maps"].second
    for stage in ("conv1", "conv2"):
        alpha = seen[f"{stage}, norm across maps", "alpha"]
        assert (alpha.first, alpha.second) == ("0.0001", "0.0001 / 5 = 0.00002")
        assert alpha.effect == "a square weighs 5 times as much in the first"
    for stage in ("conv3", "conv4", "conv5"):
        assert seen[stage, "initial weights"].second == "N(0, 0.03)"
    assert "change places" in seen["conv5", "order"].effect
    assert ("conv1", "initial weights") not in seen
    assert compare(network("paper"), network("as_run")).counts == ()


def test_pool_and_norm_that_change_places() -> None:
    seen = found("caffe", "caffenet")
    assert "pools before it norms" in seen["conv1", "order"].effect
    assert ("conv3", "order") not in seen


def test_stages_that_only_one_network_has() -> None:
    seen = found("paper", "tiny")
    lacking = [place for place, aspect in seen if aspect == "stage"]
    assert lacking == ["conv3", "conv4", "conv5", "fc6"]
    assert "does not fit" in seen["input", "picture"].effect
    other = found("tiny", "paper")
    assert [d.first for (_, aspect), d in other.items() if aspect == "stage"] == ["none"] * 4


# --- completeness ---------------------------------------------------------------------------------


def changed_kernel(kernel: Kernel) -> Iterator[Kernel]:
    yield replace(kernel, size=kernel.size + 2)
    yield replace(kernel, stride=kernel.stride + 1)
    yield replace(kernel, padding=kernel.padding + 1)
    yield replace(kernel, groups=kernel.groups * 2)
    yield replace(kernel, initial=Gaussian(0.5))


def changed(layer: Layer) -> Iterator[Layer]:
    """The layer with one thing in it changed, for every thing that can be."""
    match layer:
        case Input():
            side = layer.shape[1] + 4
            if layer.content == "picture":
                yield replace(layer, shape=(layer.shape[0], side, side))
        case Conv():
            yield replace(layer, filters=layer.filters * 2)
            yield replace(layer, bias="none")
            yield replace(layer, bias="unshared")
            yield replace(layer, initial_bias=Constant(0.25))
            yield replace(layer, rule="torch" if layer.rule != "torch" else "cuda-convnet")
            for kernel in changed_kernel(layer.kernels[0]):
                yield replace(layer, kernels=(kernel, *layer.kernels[1:]))
        case FullyConnected():
            yield replace(layer, outputs=layer.outputs * 2)
            yield replace(layer, bias="none")
            yield replace(layer, initial_bias=Constant(0.25))
            yield replace(layer, initial=(Gaussian(0.5), *layer.initial[1:]))
        case MaxPool() | AveragePool():
            window = layer.window
            yield replace(layer, window=replace(window, size=window.size - 1))
            yield replace(layer, window=replace(window, stride=window.stride - 1))
            yield replace(layer, window=replace(window, padding=1))
            yield replace(layer, rule="torch" if layer.rule != "torch" else "cuda-convnet")
            if isinstance(layer, AveragePool):
                yield replace(layer, divisor="window")
        case CrossMapNorm() | WithinMapNorm():
            yield replace(layer, size=layer.size + 2)
            yield replace(layer, alpha=layer.alpha * 3)
            yield replace(layer, alpha_divided=not layer.alpha_divided)
            yield replace(layer, beta=0.5)
            yield replace(layer, k=3.5)
            if isinstance(layer, CrossMapNorm):
                yield replace(layer, groups=2)
                yield replace(layer, blocked=True)
        case Activation():
            yield replace(layer, function="tanh", parameters=(1.0, 1.0))
        case Dropout():
            yield replace(layer, keep=0.75)
            yield replace(layer, scaling="train" if layer.scaling == "test" else "test")
        case _:
            if hasattr(layer, "top"):
                yield replace(layer, top=2)  # pyright: ignore[reportCallIssue]
            if hasattr(layer, "coefficient"):
                yield replace(layer, coefficient=0.5)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("name", ["tiny", "18pct", "one_weird_trick"])
def test_no_single_change_goes_unseen(name: str) -> None:
    net = network(name)
    tried = 0
    for place, layer in enumerate(net.layers):
        for other in changed(layer):
            layers = (*net.layers[:place], other, *net.layers[place + 1 :])
            try:
                mutant = Network("mutant", layers)
            except NetworkError:
                continue
            tried += 1
            what = [f.name for f in fields(layer) if vars(layer)[f.name] != vars(other)[f.name]]
            assert differences(net, mutant), (layer.name, what)
            assert differences(mutant, net), (layer.name, what)
    assert tried > 40


@pytest.mark.parametrize("name", ["tiny", "18pct", "one_weird_trick"])
def test_a_layer_left_out_is_seen(name: str) -> None:
    net = network(name)
    for place, layer in enumerate(net.layers):
        if isinstance(layer, Input) or len(layer.reads) != 1:
            continue
        rest = [
            replace(
                x, reads=tuple(layer.reads[0] if read == layer.name else read for read in x.reads)
            )
            for x in (*net.layers[:place], *net.layers[place + 1 :])
        ]
        try:
            mutant = Network("mutant", tuple(rest))
        except NetworkError:
            continue
        assert differences(net, mutant), layer.name


def test_what_stands_on_no_chain_is_named() -> None:
    net = network("one_weird_trick")
    side = Activation(name="side", reads=("conv3",), function="tanh", parameters=(1.0, 1.0))
    seen = differences(net, Network("mutant", (*net.layers, side)))
    assert any("side" in d.second for d in seen)
