"""Shared weights: whose they may be, what their arrays are called, and that they count once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.network.arithmetic import network_parameters, parameters, weight_names
from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Gaussian,
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    Shared,
    TreeConnected,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network, NetworkError

SMALL = Gaussian(0.1)
PICTURE = Input(name="data", shape=(4, 8, 8))


def conv(name: str, *reads: str, starts: tuple[Initial, ...] = (SMALL,), filters: int = 4) -> Conv:
    kernels = tuple(Kernel(size=3, padding=1, initial=start) for start in starts)
    return Conv(name=name, reads=reads, filters=filters, kernels=kernels, rule="torch")


def local(name: str, *reads: str, starts: tuple[Initial, ...] = (SMALL,), size: int = 3) -> Local:
    kernels = tuple(Kernel(size=size, initial=start) for start in starts)
    return Local(name=name, reads=reads, filters=4, kernels=kernels, rule="torch")


def dense(name: str, *reads: str, starts: tuple[Initial, ...] = (SMALL,)) -> FullyConnected:
    return FullyConnected(name=name, reads=reads, outputs=4, initial=starts)


def refused(*layers: Layer) -> str:
    with pytest.raises(NetworkError) as caught:
        Network("test", (PICTURE, *layers))
    return str(caught.value)


OWNER = conv("conv1", "data")


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            (OWNER, conv("conv2", "conv1", starts=(Shared("cnv1"),))),
            "weights 0 are those of 'cnv1' input 0; that must be this or an earlier layer of its "
            "own kind",
        ),
        (
            (conv("conv2", "data", starts=(Shared("conv1"),)), OWNER),
            "that must be this or an earlier layer of its own kind",
        ),
        (
            (OWNER, local("conv2", "conv1", starts=(Shared("conv1"),))),
            "that must be this or an earlier layer of its own kind",
        ),
        (
            (OWNER, conv("conv2", "conv1", starts=(Shared("data"),))),
            "that must be this or an earlier layer of its own kind",
        ),
        (
            (OWNER, conv("conv2", "conv1", starts=(Shared("conv1", 1),))),
            "weights 0 are those of 'conv1' input 1; that must be an input that comes before this",
        ),
        (
            (OWNER, conv("conv2", "conv1", starts=(Shared("conv1", -1),))),
            "that must be an input that comes before this one",
        ),
        (
            (conv("conv2", "data", starts=(Shared("conv2"),)),),
            "that must be an input that comes before this one",
        ),
        (
            (conv("conv2", "data", "data", starts=(SMALL, Shared("conv2", 1))),),
            "weights 1 are those of 'conv2' input 1; that must be an input that comes before this",
        ),
        (
            (
                OWNER,
                conv("conv2", "conv1", starts=(Shared("conv1"),)),
                conv("conv3", "conv2", starts=(Shared("conv2"),)),
            ),
            "weights 0 are those of 'conv2' input 0, which are shared themselves; name their owner",
        ),
        (
            (OWNER, conv("conv2", "conv1", starts=(Shared("conv1"),), filters=8)),
            "those of 'conv1' input 0, which have another shape; shared weights must be alike",
        ),
        (  # as many weights, but at other places
            (local("a", "data"), local("b", "a", starts=(Shared("a"),))),
            "which have another shape",
        ),
        (
            (dense("a", "data"), dense("b", "a", starts=(Shared("a"),))),
            "which have another shape",
        ),
    ],
)
def test_weights_that_cannot_be_shared_are_refused(
    layers: tuple[Layer, ...], sentence: str
) -> None:
    message = refused(*layers)
    assert sentence in message
    sharing = [layer.name for layer in layers if "Shared" in repr(layer)]
    assert message.startswith(f"network 'test', layer '{sharing[-1]}': weights ")


SHARING = Network(
    "sharing",
    (
        PICTURE,
        conv("own", "data", "data", starts=(SMALL, Shared("own", 0))),
        conv("mixed", "own", "data", "own", starts=(Shared("own"), SMALL, Shared("mixed", 1))),
        conv("all", "mixed", starts=(Shared("mixed", 1),)),
        dense("a", "all"),
        dense("b", "mixed", "a", starts=(Shared("a"), SMALL)),
    ),
)


def test_every_input_names_the_array_that_it_meets() -> None:
    names = {x.name: weight_names(x, SHARING) for x in SHARING if not isinstance(x, Input)}  # type: ignore[arg-type]
    assert names == {
        "own": ("own.weight_0", "own.weight_0"),
        "mixed": ("own.weight_0", "mixed.weight_1", "mixed.weight_1"),
        "all": ("mixed.weight_1",),
        "a": ("a.weight",),
        "b": ("a.weight", "b.weight_1"),
    }


def test_a_layer_lists_the_arrays_that_it_owns() -> None:
    names = [p.name for p in network_parameters(SHARING)]
    assert names == [
        "own.weight_0", "own.bias",
        "mixed.weight_1", "mixed.bias",
        "all.bias",
        "a.weight", "a.bias",
        "b.weight_1", "b.bias",
    ]  # fmt: skip
    assert {p.fan_in for p in parameters(SHARING["mixed"], SHARING)} == {3 * 9 * 4}


def test_shared_weights_are_counted_once_and_used_everywhere() -> None:
    alone = Network(
        "alone",
        tuple(
            replace(x, kernels=tuple(replace(k, initial=SMALL) for k in x.kernels))
            if isinstance(x, Conv)
            else replace(x, initial=(SMALL,) * len(x.reads))
            if isinstance(x, FullyConnected)
            else x
            for x in SHARING
        ),
    )
    found, expected = ledger(SHARING).total, ledger(alone).total
    kernel, matrix = 4 * 4 * 9, 4 * 4 * 64
    # own owns one of its two, mixed one of three, all none, b one of two
    assert expected.weights - found.weights == (1 + 2 + 1) * kernel + matrix
    assert found.biases == expected.biases
    assert found.multiply_adds == expected.multiply_adds
    assert found.connections == expected.connections


def test_the_ledger_says_whose_the_weights_are() -> None:
    why = {row.name: row.why["weights"] for row in ledger(SHARING).rows}
    assert why["own"] == "4 filters · 3·3·4 + those of its input 0, counted once"
    assert why["mixed"] == (
        "4 filters · 3·3·4 + those of own, counted there + those of its input 1, counted once"
    )
    assert why["all"] == "those of mixed, counted there"


def test_twins_that_share_with_their_own_towers_twins_are_one_stage() -> None:
    layers = [PICTURE]
    for tower, letter in enumerate("ab"):
        first, second = conv(f"first{letter}", "data"), conv(f"second{letter}", f"first{letter}")
        shared = (replace(second.kernels[0], initial=Shared(first.name)),)
        layers += [replace(first, tower=tower), replace(second, tower=tower, kernels=shared)]
    account = ledger(Network("towers", tuple(layers)))
    assert [stage.name for stage in account.stages] == ["data", "first", "second"]
    assert account.stages[-1].rows[0].why["weights"] == "those of first, counted there"


def test_a_trees_vectors_are_its_own() -> None:
    tree = TreeConnected(name="t", reads=("data",), outputs=2, parents=(2, 2, 2), initial=SMALL)
    network = Network("test", (PICTURE, tree))
    assert weight_names(tree, network) == ("t.weight",)
    assert [p.name for p in parameters(tree, network)] == ["t.weight", "t.inner", "t.bias"]
    assert "that must be this or an earlier layer of its own kind" in refused(
        tree, dense("fc", "data", starts=(Shared("t"),))
    )
