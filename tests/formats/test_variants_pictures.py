"""Channel order, pixel range and deviation changed: every output stays, or the layer is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.evaluation.showing import prepare
from alexnet.formats import Checkpoint, FormatError
from alexnet.formats.variants import with_channel_order, with_pixel_maximum, without_deviation
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    ColourTransform,
    Concat,
    Conv,
    FullyConnected,
    Input,
    Kernel,
    Shared,
    TreeConnected,
)
from alexnet.torch_net import build
from formats.small import checkpoint as trained
from formats.variants_shown import (
    CAFFES,
    SMALL,
    TORCHVISIONS,
    arrays_of,
    assert_alike,
    checkpoint_of,
    conv,
    dense,
    drawn_network,
    network_of,
    normed,
    pictures,
    shown,
)
from reduced import reduced

SEEDS = range(40)


@pytest.mark.parametrize("contract", [CAFFES, TORCHVISIONS], ids=["caffe", "torchvision"])
def test_the_tests_show_pictures_as_the_evaluation_does(contract: InputContract) -> None:
    one = checkpoint_of(drawn_network(0), contract)
    images = pictures(one.network)
    there = prepare(torch.from_numpy(images), contract).numpy()
    np.testing.assert_allclose(shown(one, images), there, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_channels_in_the_other_order(seed: int) -> None:
    one = checkpoint_of(drawn_network(seed), TORCHVISIONS, seed=seed)
    other = with_channel_order(one, "BGR")
    assert_alike(one, other, 1e-12)
    assert other.contract.mean == TORCHVISIONS.mean[::-1]
    back = with_channel_order(other, "RGB")
    assert back.network == one.network
    assert back.contract == one.contract
    assert all(np.array_equal(back.arrays[name], one.arrays[name]) for name in one.arrays)


@pytest.mark.parametrize("seed", SEEDS)
def test_white_worth_another_number(seed: int) -> None:
    plain = InputContract(channel_order="RGB", pixel_maximum=1.0, mean=(0.4,))
    for contract in (plain, TORCHVISIONS):
        one = checkpoint_of(drawn_network(seed), contract, seed=seed)
        other = with_pixel_maximum(one, 255)
        assert_alike(one, other)
        assert other.contract.pixel_maximum == 255
        assert_alike(one, with_pixel_maximum(other, 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_deviation(seed: int) -> None:
    one = checkpoint_of(drawn_network(seed), TORCHVISIONS, seed=seed)
    other = without_deviation(one)
    assert other.contract.deviation == ()
    assert other.contract.mean == TORCHVISIONS.mean
    assert_alike(one, other)


@pytest.mark.parametrize(
    "name", ["paper", "as_run", "caffe", "caffenet", "one_weird_trick", "cs231n", "18pct", "80sec"]
)
def test_catalog_networks_from_torchvisions_pictures_to_caffes(name: str) -> None:
    one = checkpoint_of(reduced(name, filters=4, outputs=8), TORCHVISIONS)
    other = with_channel_order(with_pixel_maximum(without_deviation(one), 255), "BGR")
    assert (other.contract.channel_order, other.contract.pixel_maximum) == ("BGR", 255.0)
    images = torch.from_numpy(pictures(one.network))
    before, after = (
        build(c.network, arrays=c.arrays, dtype=torch.float64)
        .eval()(torch.from_numpy(np.ascontiguousarray(shown(c, images.numpy()))))
        .detach()
        for c in (one, other)
    )
    assert (before[0] != before[1]).any()
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-12)


def test_the_mean_image_goes_along() -> None:
    image = np.random.default_rng(3).uniform(0, 1, (3, 12, 13))
    contract = InputContract(channel_order="RGB", pixel_maximum=1.0, mean_image=True)
    one = checkpoint_of(network_of([conv("c", padding=1), dense("fc", "c")]), contract, image)
    other = with_pixel_maximum(with_channel_order(one, "BGR"), 255)
    assert other.mean_image is not None
    np.testing.assert_allclose(other.mean_image, 255 * image[::-1])
    assert_alike(one, other)


def test_sparse_connections_are_named_anew_and_their_weights_stay() -> None:
    sparse = Kernel(size=3, groups=2, initial=SMALL, connections=(0, 1, 2, 2))
    layer = Conv(name="c", reads=("data",), filters=4, kernels=(sparse,), rule="torch")
    one = checkpoint_of(network_of([layer, dense("fc", "c")]))
    other = with_channel_order(one, "BGR")
    turned = other.network["c"]
    assert isinstance(turned, Conv)
    assert turned.kernels[0].connections == (2, 1, 0, 0)
    assert other.arrays["c.weight"] is one.arrays["c.weight"]
    assert_alike(one, other)


def test_trees_local_layers_and_dense_ones_read_the_picture_too() -> None:
    tree = TreeConnected(
        name="tree", reads=("data",), outputs=4, parents=(4, 4, 5, 5, 6, 6, 6), initial=SMALL
    )
    for layer in (tree, dense("fc", "data"), replace(dense("fc", "data"), outputs=4)):
        one = checkpoint_of(network_of([layer]))
        assert_alike(one, with_channel_order(one, "BGR"))
        assert_alike(one, with_pixel_maximum(one, 255))
        assert_alike(one, without_deviation(one))


def test_grouped_channels_are_scaled_and_cannot_be_reordered() -> None:
    grouped = conv("c", filters=6, groups=3)
    one = checkpoint_of(network_of([grouped, dense("fc", "c")]))
    assert_alike(one, without_deviation(one))
    with pytest.raises(FormatError, match=r"'c': its 3 groups would see each other's channels"):
        with_channel_order(one, "BGR")
    pooled = FullyConnected(name="fc", reads=("data",), outputs=6, initial=(SMALL,), groups=3)
    flat = checkpoint_of(network_of([pooled], (3, 4, 4)))
    assert_alike(flat, without_deviation(flat))


def test_weights_shared_with_a_layer_that_sees_no_picture_cannot_change() -> None:
    first = conv("c1", filters=3, padding=1)
    again = replace(
        conv("c2", "c1", filters=3, padding=1),
        kernels=(Kernel(size=3, padding=1, initial=Shared("c1")),),
    )
    one = checkpoint_of(network_of([first, again, dense("fc", "c2")]))
    for change in (lambda c: with_channel_order(c, "BGR"), without_deviation):
        with pytest.raises(FormatError, match="layer 'c2': it shares 'c1.weight'"):
            change(one)


def test_what_is_not_linear_before_the_first_weights_is_named() -> None:
    layers = [normed("norm", "data"), conv("c", "norm"), dense("fc", "c")]
    one = checkpoint_of(network_of(layers))
    assert_alike(one, with_channel_order(one, "BGR"))  # a norm within a map sees no other channel
    assert_alike(one, with_pixel_maximum(one, 255))  # the deviation takes it up
    with pytest.raises(FormatError, match="layer 'norm': a factor would reach it"):
        without_deviation(one)
    plain = replace(one, contract=CAFFES)
    with pytest.raises(FormatError, match="layer 'norm': a factor would reach it"):
        with_pixel_maximum(plain, 1)
    yuv = ColourTransform(name="yuv", reads=("data",), space="yuv")
    one = checkpoint_of(network_of([yuv, conv("c", "yuv"), dense("fc", "c")]))
    with pytest.raises(FormatError, match="layer 'yuv': another order of channels would reach it"):
        with_channel_order(one, "BGR")


def test_an_output_that_would_change_is_named() -> None:
    layers = [conv("c"), dense("fc", "c"), Concat(name="out", reads=("data",))]
    with pytest.raises(FormatError, match="layer 'out': .* it is an output"):
        with_channel_order(checkpoint_of(network_of(layers)), "BGR")


def test_velocities_turn_with_the_channels_and_are_left_out_where_weights_are_scaled() -> None:
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0)
    one: Checkpoint = replace(trained(), contract=contract, mean_image=None)
    turned = with_channel_order(one, "BGR")
    assert turned.training is not None
    assert one.training is not None
    np.testing.assert_array_equal(
        turned.training.velocities["conv1.weight"],
        one.training.velocities["conv1.weight"][:, ::-1],
    )
    assert turned.training.progress == one.training.progress
    scaled = with_pixel_maximum(one, 1)
    assert scaled.training is None
    assert "state of training was left out" in scaled.notes[-1]
    assert with_pixel_maximum(one, 255) is one


def test_grey_pictures_and_several_pictures_are_refused() -> None:
    grey = InputContract(channel_order="grey", pixel_maximum=255.0)
    one = checkpoint_of(network_of([conv("c")], (1, 9, 9)), grey)
    with pytest.raises(FormatError, match="takes grey pictures"):
        with_channel_order(one, "RGB")
    network = network_of([Input(name="other", shape=(3, 9, 9)), conv("c"), dense("fc", "c")])
    with pytest.raises(FormatError, match=r"several pictures \('data', 'other'\)"):
        with_channel_order(checkpoint_of(network), "BGR")


def test_numbers_that_a_type_cannot_hold_are_refused() -> None:
    network = network_of([conv("c"), dense("fc", "c")])
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0)
    arrays = {k: np.float16(1000 * v) for k, v in arrays_of(network).items()}
    with pytest.raises(FormatError, match="'c.weight': .* too large for float16"):
        with_pixel_maximum(Checkpoint(network, arrays, contract), 1)
