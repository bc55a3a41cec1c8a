"""Comparing networks of the files of 2012: nothing goes unseen, and counts add up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alexnet.network.catalog import get_network
from alexnet.network.compare import as_tree, compare, differences
from alexnet.network.compare.stage import Difference
from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    RandomPool,
    Shared,
    TreeConnected,
    Window,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network
from every_kind import SPARSE, every_kind

SMALL = Gaussian(0.1)


def changed(name: str, **values: Any) -> Network:
    """The network with every kind of layer, one layer with other values."""
    layers = tuple(replace(x, **values) if x.name == name else x for x in every_kind())
    return Network("changed", layers)


def kernel(**values: Any) -> tuple[Kernel, ...]:
    return (replace(SPARSE, **values),)


def seen(first: Network, second: Network) -> dict[tuple[str, str], Difference]:
    comparison = compare(first, second)
    json.dumps(as_tree(comparison))
    assert all(d.first != d.second and d.effect for d in comparison.differences)
    for quantity in ("neurons", "parameters", "connections", "multiply_adds"):
        steps = [c for c in comparison.counts if c.quantity == quantity]
        by_stage = sum(c.second - c.first for c in steps if c.place != "total")
        totals = [getattr(ledger(x).total, quantity) for x in (first, second)]
        assert by_stage == totals[1] - totals[0]
    return {(d.place, d.aspect): d for d in comparison.differences}


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("lab", {"space": "yuv"}),
    ("lab", {"centred": False}),
    ("scaled", {"maximum": 1.5}),
    ("scaled", {"side": 17}),
    ("resized", {"scale": 1.0}),
    ("blurred", {"size": 7}),
    ("blurred", {"deviation": 2.0}),
    ("nails", {"stride": 3}),
    ("conv1", {"kernels": (Kernel(size=3, padding=1, initial=SMALL),) * 2}),
    ("random", {"window": Window(size=3, stride=2)}),
    ("random", {"rule": "torch"}),
    ("conv2", {"kernels": kernel(connections=(0, 3, 5, 6, 1, 2, 7, 4))}),
    ("conv2", {"kernels": kernel(connections=())}),
    ("conv2", {"kernels": kernel(initial=Gaussian(0.2))}),
    ("conv3", {"kernels": kernel(connections=(), initial=SMALL)}),
    ("conv3", {"kernels": kernel(initial=Shared("conv2"))}),
    ("farthest", {"by_magnitude": False}),
    ("across", {"size": 3, "stride": 2, "outputs": 4}),
    ("off", {"enabled": True}),
    ("off", {"keep": 0.75}),
    ("tree", {"parents": (4, 5, 4, 5, 6, 6, 6)}),
    ("tree", {"parents": (4, 4, 4, 4, 4)}),
    ("tree", {"initial": Gaussian(0.2)}),
    ("tree", {"initial_bias": Gaussian(0.2)}),
    ("gated", {"coefficient": 0.2}),
    ("robust", {"coefficient": 0.2}),
    ("subset", {"set_size": 3}),
    ("binary", {"positive_weight": 3.0}),
]


@pytest.mark.parametrize(("name", "values"), CHANGES, ids=lambda x: str(x)[:40])
def test_no_single_change_goes_unseen(name: str, values: dict[str, Any]) -> None:
    mutant = changed(name, **values)
    assert seen(every_kind(), mutant)
    assert seen(mutant, every_kind())


def test_it_does_not_differ_from_itself_under_other_names() -> None:
    def renamed(layer: Layer) -> Layer:
        reads = tuple(f"x{read}" for read in layer.reads)
        if isinstance(layer, Conv):
            kernels = tuple(
                replace(k, initial=Shared(f"x{k.initial.layer}", k.initial.index))
                if isinstance(k.initial, Shared)
                else k
                for k in layer.kernels
            )
            return replace(layer, name=f"x{layer.name}", reads=reads, kernels=kernels)
        return replace(layer, name=f"x{layer.name}", reads=reads)

    other = Network("other", tuple(map(renamed, every_kind())))
    assert differences(every_kind(), every_kind()) == ()
    assert differences(every_kind(), other) == ()


@pytest.mark.parametrize("name", ["paper", "as_run", "one_gpu", "tiny", "18pct", "13pct"])
def test_it_can_be_held_against_the_catalog(name: str) -> None:
    assert seen(every_kind(), get_network(name))
    assert seen(get_network(name), every_kind())


# --- what is told ---------------------------------------------------------------------------------


def test_what_is_done_to_pictures_is_told_with_what_it_changes() -> None:
    found = seen(every_kind(), changed("nails", stride=3))["input, nailbed", "stride"]
    assert (found.first, found.second) == ("2", "3")
    steps = {c.quantity: (c.first, c.second) for c in found.alone.changes}
    before, after = (ledger(x).total for x in (every_kind(), changed("nails", stride=3)))
    assert steps["multiply_adds"] == (before.multiply_adds, after.multiply_adds)
    blur = seen(every_kind(), changed("blurred", deviation=2.0))["input, blur", "deviation"]
    assert blur.effect == "other values come out; alone: it changes no count"
    order = seen(every_kind(), get_network("tiny"))["input", "order"]
    assert order.first.startswith("colour transform, random scale, reflection, resize, blur")
    assert order.second == "nothing"


def test_sparse_connections_are_told_from_maps_in_order() -> None:
    found = seen(every_kind(), changed("conv2", kernels=kernel(connections=())))
    assert found["conv2", "connections"].first == "8 maps chosen"
    assert found["conv2", "connections"].second == "maps in order"
    assert found["conv2", "connections"].effect == (
        "each unit reads 4 maps, but others; no count changes"
    )
    other = kernel(connections=(0, 3, 5, 6, 1, 2, 7, 4))
    moved = seen(every_kind(), changed("conv2", kernels=other))["conv2", "connections"]
    assert moved.first == "8 maps chosen, number 6 is 4"
    assert moved.second == "8 maps chosen, number 6 is 7"


def test_sparse_against_dense_groups_counts_what_units_read() -> None:
    half = every_kind()
    sparse = kernel(connections=tuple(range(8)) * 2)  # each of two groups reads all eight
    whole = Network(
        "whole",
        tuple(
            replace(x, kernels=sparse)
            if isinstance(x, Conv) and x.name == "conv2"
            else replace(
                x, kernels=kernel(connections=tuple(range(8)) * 2, initial=Shared("conv2"))
            )
            if isinstance(x, Conv) and x.name == "conv3"
            else x
            for x in half
        ),
    )
    found = seen(half, whole)
    assert found["conv2", "groups"].first == "each unit reads 4 of 8"
    assert found["conv2", "groups"].second == "each unit reads 8 of 8"
    assert found["conv2", "connections"].effect == "each unit reads 4 against 8 maps"
    assert "does not fit" in found["conv2", "groups"].effect  # conv3 shares what would grow


def test_whose_the_weights_are_is_told_by_the_stages_number() -> None:
    own = kernel(connections=(), initial=SMALL)
    found = seen(every_kind(), changed("conv3", kernels=own))["conv3", "initial weights"]
    assert (found.first, found.second) == ("those of stage 2", "N(0, 0.1)")
    assert found.effect == "weights start with a deviation of 0.1 against 0.1"
    first = (Kernel(size=3, padding=1, initial=SMALL),) * 2
    inputs = seen(every_kind(), changed("conv1", kernels=first))["conv1", "initial weights"]
    assert inputs.first == "N(0, 0.1) | those of stage 1, input 0"


def test_a_tree_against_a_plain_layer() -> None:
    def ending(layer: Layer) -> Network:
        return Network("net", (Input(name="data", shape=(8, 2, 2)), layer))

    tree = TreeConnected(name="fc", reads=("data",), outputs=3, parents=(3,) * 4, initial=SMALL)
    plain = FullyConnected(name="fc", reads=("data",), outputs=3, initial=(SMALL,))
    found = seen(ending(tree), ending(plain))
    assert found["fc", "kind"].first == "fully connected over a tree"
    assert found["fc", "kind"].effect == "128 weights against 96"
    other = seen(ending(tree), ending(replace(plain, outputs=5)))
    assert "its tree has 3 leaves" in other["fc", "outputs"].effect
    bare = seen(ending(tree), ending(replace(plain, bias="none")))
    assert "a tree has a bias for every leaf" in bare["fc", "biases"].effect
    grouped = seen(ending(tree), ending(replace(plain, outputs=4, groups=2)))
    assert "a tree reads every number" in grouped["fc", "groups"].effect
    moved = seen(
        ending(replace(tree, parents=(4, 3, 3, 4, 4))),
        ending(replace(tree, parents=(3, 4, 3, 4, 4))),
    )
    assert moved["fc", "tree"].first == "a tree of 5 nodes, number 0 is 4"
    assert moved["fc", "tree"].second == "a tree of 5 nodes, number 0 is 3"


def test_pools_of_every_kind_are_held_against_one_another() -> None:
    pool = every_kind()["farthest"]
    drawn = RandomPool(
        name="farthest", reads=pool.reads, window=Window(size=3, stride=1), rule="cuda-convnet"
    )
    layers = tuple(drawn if x.name == "farthest" else x for x in every_kind())
    found = seen(every_kind(), Network("drawn", layers))
    assert found["conv3", "order"].first == "max-pool by magnitude, pool across maps"
    assert found["conv3", "order"].second == "pool at random, pool across maps"
    assert "the map becomes 3×3" in found["conv3, max-pool by magnitude", "stride"].effect


def test_a_dropout_that_is_off_silences_nothing() -> None:
    found = seen(every_kind(), changed("off", enabled=True))["network", "dropout"]
    assert found.first == "keep 0.5, scaled at test time by keep, off"
    assert found.second == "keep 0.5, scaled at test time by keep"
    assert found.effect.startswith("in the first no unit is silenced")


def test_endings_tell_their_settings() -> None:
    def ending(loss: Layer) -> Network:
        chain = [x for x in every_kind() if x.name not in ("gated", "units", "gate", "probs")]
        rest = [x for x in chain if x.name not in ("logprob", "robust", "subset", "binary")]
        return Network("net", (*rest, loss))

    subset = every_kind()["subset"]
    robust = every_kind()["robust"]
    found = seen(ending(subset), ending(replace(robust, coefficient=0.5)))["output", "ending"]
    assert found.first == "subset-softmax-loss (sets of 2)"
    assert found.second == "robust-loss, gradient × 0.5"


def test_four_towers_against_two() -> None:
    def towers(count: int) -> Network:
        layers: list[Layer] = [Input(name="data", shape=(3, 9, 9))]
        for tower, x in enumerate("abcd"[:count]):
            kernels = (Kernel(size=3, initial=SMALL),)
            layers.append(
                Conv(name=f"conv{x}", reads=("data",), tower=tower, filters=8 // count,
                     kernels=kernels, rule="torch")
            )  # fmt: skip
        reads = tuple(f"conv{x}" for x in "abcd"[:count])
        start = (SMALL,) * count
        return Network(
            "net", (*layers, FullyConnected(name="fc", reads=reads, outputs=4, initial=start))
        )

    found = seen(towers(4), towers(2))
    assert (found["network", "towers"].first, found["network", "towers"].second) == ("4", "2")
    assert compare(towers(4), towers(2)).counts == ()


def test_a_picture_that_no_longer_fits_is_told() -> None:
    found = seen(every_kind(), get_network("18pct"))
    assert "does not fit" in found["input", "picture"].effect
