"""Folding and unfolding what only the files of 2012 say: pictures prepared in one tower, sparse and
shared weights, pools of every kind, four towers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet import numpy_net
from alexnet.network.layers import (
    Blur,
    ColourTransform,
    Concat,
    Conv,
    CrossMapPool,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    Shared,
    TreeConnected,
    Window,
)
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import assemble, fold, unfold

DRAWN = Gaussian(0.4)
PICTURE = Input(name="data", shape=(3, 9, 9))
WINDOW = Window(size=3, stride=2)


def kernel(connections: tuple[int, ...] = (), groups: int = 1) -> Kernel:
    return Kernel(size=3, padding=1, groups=groups, initial=DRAWN, connections=connections)


def conv(name: str, *reads: str, tower: int | None, kernels: tuple[Kernel, ...] = ()) -> Conv:
    kernels = kernels or (kernel(),) * len(reads)
    return Conv(name=name, reads=reads, tower=tower, filters=4, kernels=kernels, rule="torch")


def fully(name: str, *reads: str, tower: int | None = None) -> FullyConnected:
    starts = (DRAWN,) * len(reads)
    return FullyConnected(name=name, reads=reads, tower=tower, outputs=4, initial=starts)


def twins(layer: Layer, towers: int = 2, read: str = "") -> list[Layer]:
    """A layer in every tower, a, b, …; it reads its own tower's `read`, or what it says."""
    return [
        replace(layer, name=layer.name + x, tower=t, reads=(read + x,) if read else layer.reads)
        for t, x in enumerate("abcd"[:towers])
    ]


def run(
    network: Network, arrays: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The network's output on two pictures, and the gradient of every array."""
    generator = np.random.default_rng(2)
    pictures = generator.normal(size=(2, *network.picture.shape))
    outputs = numpy_net.forward(network, arrays, {"data": pictures})
    last = network.outputs.name
    seeds = {last: generator.normal(size=outputs[last].shape)}
    return outputs[last], numpy_net.backward(network, arrays, outputs, seeds=seeds).parameters


def check(network: Network) -> Network:
    """Folds, runs both, and gives the folded one: its output is the same to the last digits, and
    gradients go where the arrays go.
    """
    folded, assemblies = fold(network)
    assert folded.towers == ()
    arrays = numpy_net.initial_arrays(network, 1)
    output, gradients = run(network, arrays)
    same, joined = run(folded, assemble(assemblies, arrays, np.concatenate))
    np.testing.assert_allclose(same, output, rtol=1e-9, atol=1e-12)
    for name, expected in assemble(assemblies, gradients, np.concatenate).items():
        np.testing.assert_allclose(joined[name], expected, rtol=1e-8, atol=1e-12, err_msg=name)
    return folded


def check_back(folded: Network, towers: int = 2) -> Network:
    """Unfolds, runs both, and gives the unfolded one, which folds to the same network again."""
    apart, assemblies = unfold(folded, towers)
    arrays = numpy_net.initial_arrays(folded, 1)
    output, gradients = run(folded, arrays)
    same, cut = run(apart, assemble(assemblies, arrays, np.concatenate))
    np.testing.assert_allclose(same, output, rtol=1e-9, atol=1e-12)
    for name, expected in assemble(assemblies, gradients, np.concatenate).items():
        np.testing.assert_allclose(cut[name], expected, rtol=1e-8, atol=1e-12, err_msg=name)
    assert fold(apart)[0] == folded
    return apart


# --- what folds -----------------------------------------------------------------------------------


def prepared(towers: int = 2) -> Network:
    """As 2012's layers-109.cfg: blur and nailbed in tower 0, read by every tower."""
    kernels = (Kernel(size=2, initial=DRAWN), kernel())
    layers: list[Layer] = [
        PICTURE,
        Blur(name="blur0", reads=("data",), tower=0, size=3, deviation=4.0),
        Nailbed(name="nails0", reads=("blur0",), tower=0, stride=2),
        *twins(conv("conv1", "data", tower=0), towers),
        *twins(MaxPool(name="pool", window=WINDOW, rule="cuda-convnet"), towers, "conv1"),
    ]
    letters = "abcd"[:towers]
    for tower, x in enumerate(letters):
        layers.append(conv(f"conv2{x}", "nails0", f"pool{x}", tower=tower, kernels=kernels))
    layers.append(fully("fc", *(f"conv2{x}" for x in letters), tower=0))
    return Network("prepared", tuple(layers))


@pytest.mark.parametrize("towers", [2, 4])
def test_a_picture_prepared_in_one_tower_is_read_by_all(towers: int) -> None:
    folded = check(prepared(towers))
    assert [x.name for x in folded] == ["data", "blur0", "nails0", "conv1", "pool", "conv2", "fc"]
    conv2 = folded["conv2"]
    assert isinstance(conv2, Conv)
    assert conv2.reads == ("nails0", "pool")
    assert [k.groups for k in conv2.kernels] == [1, towers]
    apart = check_back(folded, towers)
    assert apart.towers == tuple(range(towers))
    assert apart["nails0"].tower is None


def test_a_lone_layer_is_no_twin_of_one_that_reads_otherwise() -> None:
    """nails0 in tower 0 is alike to what each tower has behind its convolution."""
    layers = list(prepared().layers)
    again = twins(Nailbed(name="again", stride=2), read="conv2")
    network = Network("nails", (*layers[:-1], *again, fully("fc", "againa", "againb")))
    folded = check(network)
    assert folded["nails0"] == replace(network["nails0"], tower=None)
    assert folded["again"].reads == ("conv2",)


ALIKE: tuple[Layer, ...] = (
    MaxPool(name="x", window=WINDOW, rule="torch", by_magnitude=True),
    RandomPool(name="x", window=WINDOW, rule="cuda-convnet"),
    CrossMapPool(name="x", size=2, stride=2, outputs=2),
    CrossMapPool(name="x", size=4, stride=4, outputs=1),
    Blur(name="x", size=3, deviation=1.0),
    Nailbed(name="x", stride=2),
    Resize(name="x", scale=1.5),
    Dropout(name="x", keep=0.5, scaling="test", enabled=False),
)


@pytest.mark.parametrize("layer", ALIKE, ids=lambda x: x.kind)
@pytest.mark.parametrize("towers", [2, 4])
def test_what_goes_channel_by_channel_folds(layer: Layer, towers: int) -> None:
    names = [f"x{letter}" for letter in "abcd"[:towers]]
    network = Network(
        "alike",
        (
            PICTURE,
            *twins(conv("conv", "data", tower=0), towers),
            *twins(layer, towers, "conv"),
            fully("fc", *names),
        ),
    )
    folded = check(network)
    assert folded["x"].kind == layer.kind
    assert folded.shape("x")[0] == towers * network.shape("xa")[0]
    check_back(folded, towers)


def test_a_tree_behind_joined_towers_folds() -> None:
    """As 2012's layers-137-tree.cfg: the tree reads a concat of both towers."""
    tree = TreeConnected(
        name="tree", reads=("both",), tower=0, outputs=3, parents=(3, 3, 4, 4, 4), initial=DRAWN
    )
    both = Concat(name="both", reads=("conva", "convb"), tower=0)
    network = Network("tree", (PICTURE, *twins(conv("conv", "data", tower=0)), both, tree))
    folded = check(network)
    assert folded["both"].reads == ("conv",)
    assert set(fold(network)[1]) >= {"tree.weight", "tree.inner", "tree.bias"}


# --- sparse connections ---------------------------------------------------------------------------


def sparse_towers(own: tuple[tuple[int, ...], ...]) -> Network:
    """Each tower's second layer sees chosen maps of its own first."""
    layers: list[Layer] = [PICTURE, *twins(conv("conv1", "data", tower=0))]
    for tower, (x, chosen) in enumerate(zip("ab", own, strict=True)):
        kernels = (kernel(chosen, groups=2),)
        layers.append(conv(f"conv2{x}", f"conv1{x}", tower=tower, kernels=kernels))
    return Network("sparse", (*layers, fully("fc", "conv2a", "conv2b")))


def test_connections_fold_with_the_towers_maps_behind_one_another() -> None:
    folded = check(sparse_towers(((0, 3, 1, 2), (2, 2, 0, 1))))
    conv2 = folded["conv2"]
    assert isinstance(conv2, Conv)
    assert conv2.kernels[0].groups == 4
    assert conv2.kernels[0].connections == (0, 3, 1, 2, 6, 6, 4, 5)
    apart = check_back(folded)
    second = apart["conv2b"]
    assert isinstance(second, Conv)
    assert second.kernels[0].connections == (2, 2, 0, 1)


def test_connections_to_every_tower_are_dealt_by_group() -> None:
    """As 2012's layers-flickr-102.cfg: both towers choose among both towers' maps."""
    layers: list[Layer] = [PICTURE, *twins(conv("conv1", "data", tower=0))]
    for tower, (x, chosen) in enumerate(zip("ab", ((0, 1), (2, 3)), strict=True)):
        kernels = (kernel(chosen, 2), kernel(chosen[::-1], 2))
        layers.append(conv(f"conv2{x}", "conv1a", "conv1b", tower=tower, kernels=kernels))
    folded = check(Network("dealt", (*layers, fully("fc", "conv2a", "conv2b"))))
    conv2 = folded["conv2"]
    assert isinstance(conv2, Conv)
    assert conv2.kernels[0].connections == (0, 5, 1, 4, 2, 7, 3, 6)
    with pytest.raises(NetworkError, match="its connections to 'conv1' are not the towers' own"):
        unfold(folded)


def test_connections_to_the_picture_stay_the_towers_own() -> None:
    layers: list[Layer] = [PICTURE]
    for tower, (x, chosen) in enumerate(zip("ab", ((0, 1), (2, 0)), strict=True)):
        layers.append(conv(f"conv1{x}", "data", tower=tower, kernels=(kernel(chosen, 2),)))
    folded = check(Network("picture", (*layers, fully("fc", "conv1a", "conv1b"))))
    assert check_back(folded)["conv1a"].reads == ("data",)


# --- shared weights -------------------------------------------------------------------------------


def sharing(name: str, owner: str, read: str, tower: int | None) -> Conv:
    return conv(name, read, tower=tower, kernels=(replace(kernel(), initial=Shared(owner)),))


def test_weights_that_twins_share_are_shared_when_folded() -> None:
    layers: list[Layer] = [PICTURE, *twins(conv("first", "data", tower=0))]
    layers += twins(conv("second", tower=0, kernels=(kernel(),)), read="first")
    layers += [sharing(f"third{x}", f"second{x}", f"second{x}", t) for t, x in enumerate("ab")]
    network = Network("shared", (*layers, fully("fc", "thirda", "thirdb")))
    folded = check(network)
    third = folded["third"]
    assert isinstance(third, Conv)
    assert third.kernels[0].initial == Shared("second", 0)
    assert third.kernels[0].groups == 2
    assert "third.weight" not in fold(network)[1]
    apart = check_back(folded)
    assert apart["thirdb"] == replace(network["thirdb"], source="")


def test_weights_shared_outside_of_the_towers_stay_shared() -> None:
    layers = (
        PICTURE,
        conv("one", "data", tower=None),
        conv("two", "one", tower=None),
        sharing("three", "two", "two", None),
        *twins(conv("conv", "three", tower=0)),
    )
    folded = check(Network("outside", (*layers, fully("fc", "conva", "convb"))))
    three = folded["three"]
    assert isinstance(three, Conv)
    assert three.kernels[0].initial == Shared("two")


def test_weights_that_one_tower_shares_with_another_cannot_be_folded() -> None:
    layers = (
        PICTURE,
        *twins(conv("one", "data", tower=0)),
        *twins(conv("two", tower=0, kernels=(kernel(),)), read="one"),
        sharing("threea", "twoa", "twoa", 0),
        sharing("threeb", "twoa", "twob", 1),
    )
    with pytest.raises(NetworkError) as caught:
        fold(Network("crossed", (*layers, fully("fc", "threea", "threeb"))))
    assert "layer 'three' cannot be folded: the weights that it shares with 'twoa' would be" in str(
        caught.value
    )


# --- what cannot be folded or split ---------------------------------------------------------------

PAIR = twins(conv("c", "data", tower=0))


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        (
            twins(CrossMapPool(name="x", size=2, stride=1, outputs=3), read="c"),
            "its windows would reach across the towers' border",
        ),
        (
            twins(CrossMapPool(name="x", size=2, stride=2, start=-1, outputs=3), read="c"),
            "its windows would reach across the towers' border",
        ),
        (
            twins(RandomScale(name="x", maximum=1.5, side=8), read="c"),
            "each tower has a random-scale layer for a picture of its own",
        ),
        (
            twins(Reflection(name="x", reads=("data",))),
            "each tower has a reflection layer for a picture of its own",
        ),
        (
            twins(ColourTransform(name="x", reads=("data",), space="yuv")),
            "each tower has a colour-transform layer for a picture of its own",
        ),
        (
            twins(TreeConnected(name="x", outputs=2, parents=(2, 2, 2), initial=DRAWN), read="c"),
            "each tower has a tree-connected layer over its own units alone",
        ),
        (twins(Blur(name="x", reads=("data",), size=3, deviation=1.0)), "its twins share 'data'"),
        (
            [
                conv("x", "ca", "cb", tower=0, kernels=(kernel((0, 1)), kernel((0, 1, 2)))),
                conv("y", "cb", "ca", tower=1, kernels=(kernel((0, 1)), kernel((0, 1, 2)))),
            ],
            "its kernels over 'c' differ",
        ),
    ],
)
def test_what_cannot_be_folded(layers: list[Layer], why: str) -> None:
    with pytest.raises(NetworkError) as caught:
        fold(Network("bad", (PICTURE, *PAIR, *layers)))
    message = f"network 'bad', layer '{layers[0].name}' cannot be folded: {why}"
    assert message in str(caught.value)


def test_towers_that_read_some_of_the_others_cannot_be_folded() -> None:
    """As 2012's layers-183-4gpu.cfg: each tower's third layer reads three towers of four."""
    layers: list[Layer] = [PICTURE, *twins(conv("c", "data", tower=0), 4)]
    for tower, reads in enumerate((("ca", "cb", "cc"), ("ca", "cb", "cd")) * 2):
        layers.append(conv(f"d{'abcd'[tower]}", *reads, tower=tower))
    with pytest.raises(NetworkError) as caught:
        fold(Network("four", tuple(layers)))
    assert "layer 'da' cannot be folded: of 'c' it must read its own tower's part" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (CrossMapPool(name="x", size=2, stride=1, outputs=3), "its window crosses the towers'"),
        (CrossMapPool(name="x", size=4, stride=4, outputs=1), "its window crosses the towers'"),
        (RandomScale(name="x", maximum=1.5, side=8), "a random-scale is over a whole picture"),
        (
            TreeConnected(name="x", outputs=2, parents=(2, 2, 2), initial=DRAWN),
            "a tree's outputs hang together",
        ),
        (
            conv("x", tower=None, kernels=(kernel((0, 1)),)),
            "its connections to 'c' are not the towers' own",
        ),
        (
            conv("x", tower=None, kernels=(kernel((0, 2, 1, 3), 2),)),
            "its connections to 'c' are not the towers' own",
        ),
    ],
)
def test_what_cannot_be_split(layer: Layer, why: str) -> None:
    layers = (PICTURE, conv("c", "data", tower=None), replace(layer, reads=("c",)))
    with pytest.raises(NetworkError) as caught:
        unfold(Network("bad", (*layers, fully("fc", "x"))))
    assert f"network 'bad', layer 'x' cannot be split: {why}" in str(caught.value)


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (
            TreeConnected(name="x", reads=("c",), outputs=2, parents=(2, 2, 2), initial=DRAWN),
            "a tree reads one layer, but 'c' is one in each tower",
        ),
        (
            conv("x", "c", tower=None, kernels=(kernel((0, 1)),)),
            "its connections to 'c' are not the towers' own",
        ),
    ],
)
def test_what_cannot_read_every_tower(last: Layer, why: str) -> None:
    with pytest.raises(NetworkError) as caught:
        unfold(Network("bad", (PICTURE, conv("c", "data", tower=None), last)))
    assert f"network 'bad', layer 'x' cannot be split: {why}" in str(caught.value)
