"""Layers that only the files of cuda-convnet say: shapes, refusals, counts by closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.network.arithmetic import receptive_fields
from alexnet.network.layers import (
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Conv,
    CrossMapPool,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    SubsetSoftmaxLoss,
    TreeConnected,
    Window,
)
from alexnet.network.ledger import Row, ledger
from alexnet.network.spec import Network, NetworkError
from every_kind import PARENTS, every_kind

SMALL = Gaussian(0.1)
READS = ("data",)


def over(shape: tuple[int, int, int], *layers: Layer) -> Network:
    return Network("test", (Input(name="data", shape=shape), *layers))


def shape_of(layer: Layer, shape: tuple[int, int, int] = (8, 12, 12)) -> tuple[int, int, int]:
    return over(shape, layer).shape(layer.name)


def refused(layer: Layer, shape: tuple[int, int, int] = (8, 12, 12)) -> str:
    with pytest.raises(NetworkError) as caught:
        over(shape, layer)
    prefix = f"network 'test', layer '{layer.name}': "
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def sparse(connections: tuple[int, ...], groups: int, filters: int = 6) -> Conv:
    kernel = Kernel(size=3, groups=groups, initial=SMALL, connections=connections)
    return Conv(name="conv", reads=READS, filters=filters, kernels=(kernel,), rule="torch")


def tree(parents: tuple[int, ...], outputs: int = 4) -> TreeConnected:
    return TreeConnected(name="tree", reads=READS, outputs=outputs, parents=parents, initial=SMALL)


def across(size: int, stride: int, outputs: int, start: int = 0) -> CrossMapPool:
    return CrossMapPool(
        name="pool", reads=READS, size=size, stride=stride, outputs=outputs, start=start
    )


BLUR = Blur(name="blur", reads=READS, size=5, deviation=1.0)
SCALED = RandomScale(name="scaled", reads=READS, maximum=1.5, side=8)
YUV = ColourTransform(name="yuv", reads=READS, space="yuv")


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "read", "shape"),
    [
        (BLUR, (3, 12, 9), (3, 12, 9)),
        (Nailbed(name="nails", reads=READS, stride=4), (3, 224, 224), (3, 56, 56)),
        (Nailbed(name="nails", reads=READS, stride=4), (3, 9, 13), (3, 3, 4)),
        (Resize(name="resized", reads=READS, scale=1.5), (2, 13, 10), (2, 8, 6)),
        (Resize(name="resized", reads=READS, scale=0.5), (2, 13, 10), (2, 26, 20)),
        (SCALED, (3, 12, 12), (3, 8, 8)),
        (Reflection(name="mirrored", reads=READS), (1, 4, 6), (1, 4, 6)),
        (YUV, (3, 4, 6), (3, 4, 6)),
        (across(3, 2, 4), (8, 5, 6), (4, 5, 6)),
        (across(2, 2, 5, start=-1), (8, 5, 6), (5, 5, 6)),
        (
            RandomPool(
                name="pool", reads=READS, window=Window(size=3, stride=2), rule="cuda-convnet"
            ),
            (8, 12, 12),
            (8, 6, 6),
        ),
        (tree(PARENTS), (8, 2, 3), (4, 1, 1)),
    ],
)  # fmt: skip
def test_shapes(layer: Layer, read: tuple[int, int, int], shape: tuple[int, int, int]) -> None:
    assert shape_of(layer, read) == shape


def test_a_side_tells_how_it_comes_about() -> None:
    nails = Nailbed(name="nails", reads=READS, stride=4)
    assert over((3, 224, 224), nails).placed["nails"].sentence == "ceil(224 / 4)"
    resized = Resize(name="resized", reads=READS, scale=1.5)
    assert over((3, 9, 12), resized).placed["resized"].sentence == (
        "rows floor(9 / 1.5), columns floor(12 / 1.5)"
    )


def test_random_and_signed_pools_are_laid_as_max_pools() -> None:
    for window in (Window(size=3, stride=2), Window(size=4, stride=3, padding=1)):
        pool = MaxPool(name="pool", reads=READS, window=window, rule="cuda-convnet")
        plain = over((8, 12, 12), pool).placed["pool"]
        signed = replace(pool, by_magnitude=True)
        drawn = RandomPool(name="pool", reads=READS, window=window, rule="cuda-convnet")
        assert plain == over((8, 12, 12), signed).placed["pool"]
        assert plain == over((8, 12, 12), drawn).placed["pool"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (replace(BLUR, size=4), "size is 4; it must be 3, 5, 7 or 9"),
        (replace(BLUR, size=11), "size is 11; it must be 3, 5, 7 or 9"),
        (replace(BLUR, deviation=0.0), "deviation is 0.0; it must be above 0"),
        (Nailbed(name="nails", reads=READS, stride=0), "stride is 0; it must be at least 1"),
        (Resize(name="r", reads=READS, scale=0.4), "scale is 0.4; it must lie in 0.5 … 2"),
        (Resize(name="r", reads=READS, scale=2.5), "scale is 2.5; it must lie in 0.5 … 2"),
        (replace(SCALED, maximum=2.5), "maximum is 2.5; it must lie in 1 … 2"),
        (replace(SCALED, side=7), "side is 7; it must lie in 8 … 12"),
        (replace(SCALED, side=13), "side is 13; it must lie in 8 … 12"),
        (Reflection(name="m", reads=READS), "reads 8 channels; a picture has 1 to 3"),
        (YUV, "reads 8 channels; red, green and blue are needed"),
        (across(9, 1, 1), "size is 9; it must lie in 1 … 8"),
        (across(2, 3, 3), "stride is 3; it must lie in 1 … 2, the size"),
        (across(2, 2, 0), "outputs is 0; it must be at least 1"),
        (across(2, 2, 3), "3 windows of 2 maps from 0 at stride 2 do not cover the 8 maps"),
        (across(2, 2, 5), "5 windows of 2 maps from 0 at stride 2 do not cover the 8 maps"),
        (across(2, 2, 5, start=-2), "5 windows of 2 maps from -2 at stride 2 do not cover"),
        (sparse((0, 1, 2), 2), "3 connections for 2 groups; each group must have as many"),
        (sparse((0, 8), 2), "its connections name channels beyond the 8 there are"),
        (sparse((0, -1), 2), "its connections name channels beyond the 8 there are"),
        (sparse((0, 1, 2, 3), 4), "groups is 4, which does not divide its 6 filters"),
        (tree((4, 4, 4, 4)), "its tree has 4 nodes and 4 of them are leaves; a root is missing"),
        (tree((4, 4, 4, 4, 5)), "a parent is none of the 5 nodes, which are counted from 0"),
        (tree((4, 0, 4, 4, 4)), "node 0 is a leaf and has nodes below it"),
        (tree((4, 4, 5, 5, 4, 5)), "its tree has 2 roots; it must have one"),
        (tree((4, 4, 5, 5, 5, 4)), "its tree has 0 roots; it must have one"),
        (tree((4, 4, 6, 6, 5, 4, 6)), "its tree has a circle through node 4"),
        (tree(PARENTS, outputs=0), "outputs is 0; it must be at least 1"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(layer: Layer, sentence: str) -> None:
    assert sentence in refused(layer)


@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (BLUR, (3, 12, 4), "a blur of 5 exceeds the map"),
        (SCALED, (3, 12, 10), "the picture is 12×10; it must be square"),
        (Resize(name="r", reads=READS, scale=2.0), (3, 4, 1), "a map of 4×1 shrinks to nothing"),
    ],
)
def test_maps_that_do_not_fit_are_refused(
    layer: Layer, shape: tuple[int, int, int], sentence: str
) -> None:
    assert sentence in refused(layer, shape)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (SubsetSoftmaxLoss(name="l", reads=("one", "data"), set_size=0), "must lie in 1 … 7"),
        (SubsetSoftmaxLoss(name="l", reads=("one", "data"), set_size=8), "must lie in 1 … 7"),
        (SubsetSoftmaxLoss(name="l", reads=("data", "data"), set_size=2), "labels have shape 8"),
        (SubsetSoftmaxLoss(name="l", reads=("one",), set_size=2), "it reads labels, then scores"),
        (GatedSumOfSquaresLoss(name="l", reads=("data", "data")), "its gate has shape 8"),
        (GatedSumOfSquaresLoss(name="l", reads=("one",)), "it reads a gate, then what it gates"),
        (RobustLoss(name="l", reads=("one", "data")), "targets 1 and outputs 8 differ"),
        (BinaryCrossEntropyLoss(name="l", reads=("data",)), "it reads targets, then outputs"),
    ],
)
def test_losses_that_do_not_fit_are_refused(loss: Layer, sentence: str) -> None:
    inputs = (Input(name="data", shape=(8, 1, 1)), Input(name="one", shape=(1, 1, 1)))
    with pytest.raises(NetworkError, match=r"network 'test', layer 'l': ") as caught:
        Network("test", (*inputs, loss))
    assert sentence in str(caught.value)


# --- counts ---------------------------------------------------------------------------------------


def row(layer: Layer, shape: tuple[int, int, int] = (8, 12, 12)) -> Row:
    return ledger(over(shape, layer)).rows[-1]


def test_sparse_filters_have_weights_for_what_they_see() -> None:
    # 6 filters of 3·3 over 2 of 8 channels, 10·10 places
    found = row(sparse((0, 5, 3, 7), 2))
    assert (found.weights, found.biases) == (6 * 9 * 2, 6)
    assert found.multiply_adds == 100 * 6 * 9 * 2
    assert found.connections == 100 * 6 * (9 * 2 + 1)
    assert found.why["weights"] == "6 filters · 3·3·2"


def test_channels_may_be_seen_more_than_once() -> None:
    twice = row(sparse((*range(8), *reversed(range(8))), 2))
    dense = row(replace(sparse((), 1), filters=6))
    assert twice.weights == dense.weights == 6 * 9 * 8
    assert twice.multiply_adds == dense.multiply_adds


def test_sparse_local_layers_have_them_at_every_place() -> None:
    conv = sparse((0, 5, 3, 7), 2)
    local = Local(name="local", reads=READS, filters=6, kernels=conv.kernels, rule="torch")
    assert row(local).weights == 100 * row(conv).weights


def test_a_tree_has_a_vector_for_every_node() -> None:
    found = row(tree(PARENTS), (8, 2, 3))
    assert (found.neurons, found.biases) == (4, 4)
    assert found.weights == 7 * 48
    assert found.multiply_adds == 4 * 48
    assert found.connections == 4 * 49
    assert found.why["weights"] == "4 leaves · 48 inputs + 3 inner nodes · 48 inputs"
    flat = tree((4, 4, 4, 4, 4))
    dense = FullyConnected(name="fc", reads=READS, outputs=4, initial=(SMALL,))
    assert row(flat, (8, 2, 3)).weights == row(dense, (8, 2, 3)).weights + 48


def test_what_has_no_weights_says_so() -> None:
    weighted = {"conv1", "conv2", "conv3", "tree", "gate"}
    for found in ledger(every_kind()).rows:
        if found.name not in weighted:
            assert found.parameters == found.neurons == found.multiply_adds == 0
            assert found.why["weights"] == found.why["neurons"] == "none: it has no weights"


# --- receptive fields -----------------------------------------------------------------------------


def fields(network: Network) -> dict[str, tuple[int, int, int] | None]:
    found = receptive_fields(network)
    return {name: field and (field.size, field.jump, field.start) for name, field in found.items()}


def test_a_blur_widens_a_field_and_a_nailbed_spreads_it() -> None:
    nails = Nailbed(name="nails", reads=("blur",), stride=4)
    conv = Conv(
        name="conv",
        reads=("nails",),
        filters=4,
        kernels=(Kernel(size=5, stride=2, initial=SMALL),),
        rule="cuda-convnet",
    )
    blur = Blur(name="blur", reads=READS, size=9, deviation=4.0)
    seen = fields(over((3, 224, 224), blur, nails, conv))
    assert seen["blur"] == (9, 1, -4)
    assert seen["nails"] == (9, 4, 2 - 4)  # of 224 pixels every 4th from pixel 2 on
    assert seen["conv"] == (9 + 4 * 4, 8, -2)


def test_a_nailbed_starts_where_its_grid_is_centred() -> None:
    for side, stride in ((224, 4), (9, 4), (10, 2), (7, 3)):
        nails = Nailbed(name="nails", reads=READS, stride=stride)
        network = over((3, side, side), nails)
        _, jump, start = fields(network)["nails"] or (0, 0, 0)
        last = start + jump * (network.shape("nails")[1] - 1)
        assert jump == stride
        assert 0 <= start - (side - 1 - last) <= 1


def test_where_pixels_move_a_unit_may_see_the_whole_picture() -> None:
    for layer in (Resize(name="moved", reads=READS, scale=1.5), replace(SCALED, name="moved")):
        pool = MaxPool(name="pool", reads=("moved",), window=Window(size=2, stride=2), rule="torch")
        network = over((3, 12, 12), layer, pool)
        assert fields(network)["moved"] == fields(network)["pool"] == (12, 0, 0)
        field = receptive_fields(network)["pool"]
        assert field is not None
        assert field.sentence == "as its input"


def test_pools_across_maps_and_trees_grow_as_their_windows_do() -> None:
    pooled = fields(over((8, 12, 12), across(2, 2, 4)))
    assert pooled["pool"] == (1, 1, 0)
    assert fields(over((8, 12, 12), tree(PARENTS)))["tree"] == (12, 1, 0)
    assert fields(every_kind())["robust"] is None
