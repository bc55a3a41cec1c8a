"""Folding and unfolding: the same outputs, the same gradients, the same network back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet import numpy_net
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import Assembly, Piece, Stack, assemble, fold, unfold
from reduced import reduced

DRAWN = Gaussian(0.4)
PICTURE = Input(name="data", shape=(3, 9, 11))
LABELS = Input(name="labels", shape=(1, 1, 1), content="labels")


def kernel(size: int, padding: int = 0, groups: int = 1) -> Kernel:
    return Kernel(size=size, padding=padding, groups=groups, initial=DRAWN)


def conv(name: str, *reads: str, tower: int | None, groups: int = 1, filters: int = 4) -> Conv:
    kernels = (kernel(3, 1, groups),) * len(reads)
    return Conv(
        name=name, reads=reads, tower=tower, filters=filters, kernels=kernels, rule="cuda-convnet"
    )


def two_towers() -> Network:
    """Every kind that folds; conv3b and fcb read the towers in the other order; the output layer is
    placed in tower 0 alone, as 2012 did.
    """
    layers: list[Layer] = [PICTURE, LABELS]
    for tower, letter in enumerate("ab"):
        layers += [
            conv(f"conv1{letter}", "data", tower=tower),
            Activation(
                name=f"conv1{letter}_neuron",
                reads=(f"conv1{letter}",),
                tower=tower,
                function="relu",
            ),
            CrossMapNorm(
                name=f"norm{letter}",
                reads=(f"conv1{letter}_neuron",),
                tower=tower,
                size=3,
                alpha=0.5,
                alpha_divided=True,
                beta=0.75,
                k=1.0,
            ),
            conv(f"conv2{letter}", f"norm{letter}", tower=tower, groups=2),
            WithinMapNorm(
                name=f"within{letter}",
                reads=(f"conv2{letter}",),
                tower=tower,
                size=3,
                alpha=0.5,
                alpha_divided=True,
                beta=0.75,
                k=1.0,
            ),
            ElementwiseSum(
                name=f"sum{letter}",
                reads=(f"within{letter}", f"norm{letter}"),
                tower=tower,
                coefficients=(1.0, 0.5),
            ),
            MaxPool(
                name=f"pool{letter}",
                reads=(f"sum{letter}",),
                tower=tower,
                window=Window(size=3, stride=2),
                rule="cuda-convnet",
            ),
        ]
    layers += [
        replace(conv("conv3a", "poola", "poolb", "data", tower=0), kernels=THREE),
        replace(conv("conv3b", "data", "poolb", "poola", tower=1), kernels=THREE[::-1]),
    ]
    for tower, letter in enumerate("ab"):
        layers += [
            Local(
                name=f"local{letter}",
                reads=(f"conv3{letter}",),
                tower=tower,
                filters=2,
                kernels=(kernel(3),),
                rule="torch",
            ),
            AveragePool(
                name=f"mean{letter}",
                reads=(f"local{letter}",),
                tower=tower,
                window=Window(size=2, stride=1),
                rule="torch",
                divisor="inside",
            ),
        ]
    layers += [
        fully("fca", "meana", "meanb", tower=0),
        fully("fcb", "meanb", "meana", tower=1),
        fully("ownb", "fcb", tower=1),
        fully("owna", "fca", tower=0),
        Dropout(name="dropa", reads=("owna",), tower=0, keep=0.5, scaling="test"),
        Dropout(name="dropb", reads=("ownb",), tower=1, keep=0.5, scaling="test"),
        fully("scores", "dropb", "dropa", tower=0, outputs=5),
        Softmax(name="probs", reads=("scores",), tower=0),
        LogisticLoss(name="cost", reads=("labels", "probs"), tower=0),
    ]
    return Network("two towers", tuple(layers))


THREE = (kernel(3, 1), kernel(3, 1), Kernel(size=3, stride=2, initial=DRAWN))


def fully(name: str, *reads: str, tower: int | None, outputs: int = 6) -> FullyConnected:
    initial = (DRAWN,) * len(reads)
    return FullyConnected(name=name, reads=reads, tower=tower, outputs=outputs, initial=initial)


def run(
    network: Network, arrays: dict[str, np.ndarray], towers: dict[str, list[str]]
) -> tuple[dict[str, np.ndarray], numpy_net.Gradients]:
    """Every activation and gradient in training; masks are the same for both descriptions."""
    generator = np.random.default_rng(3)
    inputs = {
        network.picture.name: generator.normal(size=(2, *network.picture.shape)),
        "labels": np.array([1, 3]),
    }
    if "labels" not in network:
        del inputs["labels"]
    draws: dict[str, np.ndarray] = {}
    for layer in network:
        if isinstance(layer, Dropout):
            masks = []
            for name in towers.get(layer.name, [layer.name]):
                own = np.random.default_rng(sum(map(ord, name)))
                channels = network.shape(layer.name)[0] // len(towers.get(layer.name, [""]))
                masks.append((own.random((2, channels, 1, 1)) < 0.5).astype(float))
            draws[layer.name] = np.concatenate(masks, axis=1)
    outputs = numpy_net.forward(network, arrays, inputs, draws=draws)
    seeds = None
    if not any(isinstance(layer, LogisticLoss) for layer in network):
        seeds = {network.outputs.name: generator.normal(size=outputs[network.outputs.name].shape)}
    return outputs, numpy_net.backward(network, arrays, outputs, draws=draws, seeds=seeds)


def check_the_same(
    apart: Network,
    folded: Network,
    apart_arrays: dict[str, np.ndarray],
    folded_arrays: dict[str, np.ndarray],
    gradients: dict[str, Assembly],
    *,
    folding: bool,
) -> None:
    """Every folded output is its towers' outputs stacked; gradients go where the arrays go."""
    names = {layer.name: members(layer.name, apart, folded) for layer in folded}
    apart_outputs, apart_gradients = run(apart, apart_arrays, {})
    folded_outputs, folded_gradients = run(folded, folded_arrays, names)
    for name, parts in names.items():
        stacked = np.concatenate([apart_outputs[part] for part in parts], axis=1)
        np.testing.assert_allclose(folded_outputs[name], stacked, rtol=1e-9, atol=1e-12)
    old, new = apart_gradients.parameters, folded_gradients.parameters
    old, new = (old, new) if folding else (new, old)
    for name, expected in assemble(gradients, old, np.concatenate).items():
        np.testing.assert_allclose(new[name], expected, rtol=1e-8, atol=1e-12, err_msg=name)


def members(name: str, apart: Network, folded: Network) -> list[str]:
    """The names in `apart` of what `folded` calls `name`."""
    if name in apart and apart.shape(name) == folded.shape(name):
        return [name]
    stem = name.removesuffix("_neuron")
    if "+" in name:
        return name.split("+")
    return [f"{stem}{letter}{name[len(stem) :]}" for letter in "ab"]


def check_fold(network: Network) -> Network:
    folded, assemblies = fold(network)
    arrays = numpy_net.initial_arrays(network, 1)
    made = assemble(assemblies, arrays, np.concatenate)
    check_the_same(network, folded, arrays, made, assemblies, folding=True)
    assert folded.towers == ()
    return folded


def check_unfold(network: Network) -> Network:
    apart, assemblies = unfold(network)
    arrays = numpy_net.initial_arrays(network, 1)
    made = assemble(assemblies, arrays, np.concatenate)
    check_the_same(apart, network, made, arrays, assemblies, folding=False)
    assert apart.towers == (0, 1)
    return apart


def test_two_towers_fold() -> None:
    folded = check_fold(two_towers())
    names = [layer.name for layer in folded]
    assert names[2:6] == ["conv1", "conv1_neuron", "norm", "conv2"]
    groups = [k.groups for x in folded if isinstance(x, Conv) for k in x.kernels]
    assert groups == [1, 4, 1, 1]  # conv2 had two in each tower
    own = folded["own"]
    assert isinstance(own, FullyConnected)
    assert own.groups == 2
    assert folded["conv3"].reads == ("pool", "data")


@pytest.mark.parametrize("name", ["paper", "as_run"])
def test_the_networks_of_2012_fold_and_come_back(name: str) -> None:
    network = reduced(name)
    folded = check_fold(network)
    apart = check_unfold(folded)
    assert {likeness(layer) for layer in apart} == {likeness(layer) for layer in network}


def likeness(layer: Layer) -> Layer:
    """Without the order of its reads; without the tower that as_run gives its output layers."""
    tower = None if layer.name in ("fc1000", "probs", "logprob") else layer.tower
    return replace(layer, reads=tuple(sorted(layer.reads)), tower=tower)


@pytest.mark.parametrize("network", [two_towers(), reduced("paper"), reduced("as_run")])
def test_folding_settles(network: Network) -> None:
    folded, _ = fold(network)
    assert fold(unfold(folded)[0])[0] == folded
    again, assemblies = fold(folded)
    assert again == folded
    assert all(assembly == Piece(name) for name, assembly in assemblies.items())


def test_a_network_without_groups_unfolds_into_towers_that_read_each_other() -> None:
    network = reduced("one_weird_trick")
    apart = check_unfold(network)
    assert fold(apart)[0] == network


def test_three_towers() -> None:
    network = Network(
        "three",
        (
            PICTURE,
            conv("conv1", "data", tower=None, filters=6),
            conv("conv2", "conv1", tower=None, groups=3, filters=6),
            fully("fc", "conv2", tower=None),
        ),
    )
    apart, cut = unfold(network, 3)
    assert apart.towers == (0, 1, 2)
    assert [layer.name for layer in apart][1:4] == ["conv1a", "conv1b", "conv1c"]
    folded, joined = fold(apart)
    assert folded == network
    arrays = numpy_net.initial_arrays(network, 0)
    back = assemble(joined, assemble(cut, arrays, np.concatenate), np.concatenate)
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())


def test_names_that_share_no_stem_are_joined() -> None:
    layers = (conv("left", "data", tower=0), conv("right", "data", tower=1))
    network = Network("named", (PICTURE, *layers, fully("fc", "left", "right", tower=None)))
    folded, assemblies = fold(network)
    assert folded["left+right"].tower is None
    assert assemblies["fc.weight"] == Stack(1, (Piece("fc.weight_0"), Piece("fc.weight_1")))
    assert {layer.name for layer in unfold(folded)[0]} == {layer.name for layer in network}


def test_a_stem_that_is_taken_is_not_taken_twice() -> None:
    pair = (conv("ca", "data", tower=0), conv("cb", "data", tower=1))
    network = Network("named", (PICTURE, conv("c", "data", tower=None), *pair))
    assert [layer.name for layer in fold(network)[0]] == ["data", "c", "ca+cb"]


def test_a_concat_of_the_towers_reads_them_folded() -> None:
    pair = (conv("ca", "data", tower=0), conv("cb", "data", tower=1))
    joined = Concat(name="both", reads=("data", "ca", "cb", "data"))
    folded = fold(Network("joined", (PICTURE, *pair, joined)))[0]
    assert folded["both"].reads == ("data", "c", "data")


PAIR = (conv("ca", "data", tower=0), conv("cb", "data", tower=1))


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ((conv("d", "ca", tower=None),), "'d' cannot be folded: of 'c' it must read"),
        (
            (conv("da", "cb", tower=0), conv("db", "ca", tower=1)),
            "'da' cannot be folded: of 'c' it must read its own tower's part",
        ),
        (
            (conv("da", "ca", "data", tower=0), conv("db", "cb", "ca", tower=1)),
            "'db' cannot be folded: it does not read what its twin 'da' reads",
        ),
        (
            (
                conv("da", "ca", "cb", tower=0, groups=2),
                conv("db", "ca", "cb", tower=1, groups=2),
            ),
            "'da' cannot be folded: it has 2 groups across what the towers share",
        ),
        (
            (
                Softmax(name="pa", reads=("ca",), tower=0),
                Softmax(name="pb", reads=("cb",), tower=1),
            ),
            "'pa' cannot be folded: each tower has a softmax layer over its own units alone",
        ),
        (
            (ElementwiseSum(name="s", reads=("ca", "cb"), coefficients=(1.0, 1.0)),),
            "'s' cannot be folded: it reads every tower's 'c' one by one",
        ),
        (
            (Concat(name="j", reads=("cb", "ca")),),
            "'j' cannot be folded: it does not join the towers in order at 'cb'",
        ),
        ((Concat(name="j", reads=("ca",)),), "'j' cannot be folded: it leaves out a tower of 'c'"),
        (
            tuple(
                Activation(name="r" + x, reads=("data",), tower=t, function="relu")
                for t, x in enumerate("ab")
            ),
            "'ra' cannot be folded: its twins share 'data'",
        ),
        (
            (
                fully("fa", "ca", "data", tower=0),
                fully("fb", "cb", "data", tower=1),
            ),
            "'fa' cannot be folded: one read is its own tower's alone and another is not",
        ),
        (
            (
                replace(conv("da", "ca", "cb", tower=0), kernels=(kernel(3, 1), kernel(5, 2))),
                replace(conv("db", "ca", "cb", tower=1), kernels=(kernel(3, 1), kernel(5, 2))),
            ),
            "'da' cannot be folded: its kernels over 'c' differ",
        ),
    ],
)
def test_what_cannot_be_folded(layers: tuple[Layer, ...], why: str) -> None:
    with pytest.raises(NetworkError) as caught:
        fold(Network("bad", (PICTURE, *PAIR, *layers)))
    assert f"network 'bad', layer {why}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("one_gpu", "'rnorm1a' cannot be split: its window crosses the towers' border"),
        ("caffe", "'norm1' cannot be split: its window crosses the towers' border"),
    ],
)
def test_what_cannot_be_split(name: str, why: str) -> None:
    with pytest.raises(NetworkError) as caught:
        unfold(reduced(name))
    assert why in str(caught.value)


def test_splits_that_do_not_divide() -> None:
    odd = Network(
        "odd", (PICTURE, conv("c", "data", tower=None, filters=3), fully("fc", "c", tower=None))
    )
    with pytest.raises(NetworkError, match="its 3 outputs do not divide by 2"):
        unfold(odd)
    with pytest.raises(ValueError, match="towers is 1; there must be at least 2"):
        unfold(odd, 1)


def test_assembling_names_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"array 'a' is missing; given: b"):
        assemble({"c": Stack(0, (Piece("b"), Piece("a")))}, {"b": np.zeros(1)}, np.concatenate)
