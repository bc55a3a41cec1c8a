"""Another mean, or none: the biases take up the difference, or the layer that cannot is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet.formats import FormatError
from alexnet.formats.variants import with_mean
from alexnet.network.contract import InputContract
from alexnet.network.layers import Conv, FullyConnected, Local, MaxPool, TreeConnected, Window
from formats.variants_shown import (
    CAFFES,
    SMALL,
    TORCHVISIONS,
    assert_alike,
    checkpoint_of,
    conv,
    dense,
    drawn_network,
    network_of,
)
from reduced import reduced

WITH_IMAGE = InputContract(channel_order="RGB", pixel_maximum=255.0, mean_image=True)


def image(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape)


@pytest.mark.parametrize("seed", range(40))
def test_no_mean_where_no_window_reaches_over_the_border(seed: int) -> None:
    one = checkpoint_of(drawn_network(seed, between=False, padding=False), TORCHVISIONS, seed=seed)
    for mean in ((), (0.5,), (0.1, 0.2, 0.3)):
        other = with_mean(one, mean)
        assert other.contract.mean == mean
        assert other.network == one.network
        assert_alike(one, other)


@pytest.mark.parametrize("seed", range(40))
def test_a_bias_per_place_takes_up_any_mean(seed: int) -> None:
    one = checkpoint_of(drawn_network(seed, between=False), CAFFES, seed=seed)
    _, height, width = one.network.picture.shape
    larger = image(3, height + 3, width + 6)
    for mean in ((), larger):
        other = with_mean(one, mean, unshared=True)
        assert other.contract.mean_image == isinstance(mean, np.ndarray)
        assert_alike(one, other)
        assert_alike(one, with_mean(other, CAFFES.mean, unshared=True))


def test_the_centre_of_a_larger_mean_image_is_what_counts() -> None:
    layers = [conv("c", padding=1, stride=2), dense("fc", "c")]
    one = checkpoint_of(network_of(layers), WITH_IMAGE, image(3, 12, 13))
    other = with_mean(one, (), unshared=True)
    assert_alike(one, other)
    first = other.network["c"]
    assert isinstance(first, Conv)
    assert first.bias == "unshared"
    assert other.arrays["c.bias"].shape == other.network.shape("c")
    assert other.mean_image is None


def test_windows_over_the_border_are_counted_in_the_refusal() -> None:
    padded = checkpoint_of(network_of([conv("c", padding=1), dense("fc", "c")]), CAFFES)
    with pytest.raises(FormatError, match=r"'c': 32 of its 81 windows reach over .*unshared"):
        with_mean(padded, ())
    # one row and one column of windows hang over the far edges alone
    hanging = checkpoint_of(network_of([conv("c", size=2, stride=2), dense("fc", "c")]), CAFFES)
    with pytest.raises(FormatError, match=r"'c': 9 of its 25 windows reach over"):
        with_mean(hanging, ())
    assert_alike(hanging, with_mean(hanging, (), unshared=True))
    assert with_mean(padded, CAFFES.mean).network == padded.network


def test_a_mean_image_needs_a_bias_per_place_unless_nothing_changes() -> None:
    layers = [conv("c"), dense("fc", "c")]
    one = checkpoint_of(network_of(layers), WITH_IMAGE, image(3, 9, 9))
    with pytest.raises(FormatError, match="'c': the mean differs from place to place"):
        with_mean(one, ())
    uniform = replace(one, mean_image=np.full((3, 9, 9), 7.0))
    assert with_mean(uniform, (7.0,)).arrays["c.bias"] is one.arrays["c.bias"]
    assert_alike(uniform, with_mean(uniform, ()))


def test_layers_without_a_bias() -> None:
    bare = replace(conv("c"), bias="none")
    one = checkpoint_of(network_of([bare, dense("fc", "c")]), CAFFES)
    with pytest.raises(FormatError, match="'c': it has no bias"):
        with_mean(one, ())
    assert_alike(one, with_mean(one, (), unshared=True))
    lacking = FullyConnected(name="fc", reads=("data",), outputs=3, initial=(SMALL,), bias="none")
    with pytest.raises(FormatError, match="'fc': it reads the picture and has no bias"):
        with_mean(checkpoint_of(network_of([lacking]), CAFFES), (), unshared=True)


def test_local_and_fully_connected_layers() -> None:
    kernel = conv("l", padding=1).kernels
    local = Local(name="l", reads=("data",), filters=4, kernels=kernel, rule="cuda-convnet")
    one = checkpoint_of(network_of([local, dense("fc", "l", "data")]), CAFFES)
    assert_alike(one, with_mean(one, image(3, 9, 9)))
    grouped = FullyConnected(name="fc", reads=("data",), outputs=6, initial=(SMALL,), groups=3)
    one = checkpoint_of(network_of([grouped]), CAFFES)
    assert_alike(one, with_mean(one, image(3, 9, 9)))
    shared = replace(local, bias="shared")
    one = checkpoint_of(network_of([shared, dense("fc", "l")]), CAFFES)
    with pytest.raises(FormatError, match="'l': its weights differ from place to place"):
        with_mean(one, ())
    assert_alike(one, with_mean(one, (), unshared=True))


def test_what_stands_before_the_first_weights_is_named() -> None:
    pool = MaxPool(name="pool", reads=("data",), window=Window(size=2, stride=2), rule="torch")
    one = checkpoint_of(network_of([pool, conv("c", "pool"), dense("fc", "c")]), CAFFES)
    with pytest.raises(FormatError, match="'pool': it reads the picture and has no bias"):
        with_mean(one, ())
    tree = TreeConnected(name="tree", reads=("data",), outputs=2, parents=(2, 2, 2), initial=SMALL)
    with pytest.raises(FormatError, match="'tree': its weights are sums along a tree"):
        with_mean(checkpoint_of(network_of([tree]), CAFFES), ())


def test_a_mean_of_the_wrong_length_or_size_is_refused() -> None:
    one = checkpoint_of(network_of([conv("c"), dense("fc", "c")]), CAFFES)
    with pytest.raises(FormatError, match="mean has 2 numbers"):
        with_mean(one, (1.0, 2.0))
    with pytest.raises(FormatError, match="the mean image has shape"):
        with_mean(one, image(3, 8, 9))


@pytest.mark.parametrize("name", ["paper", "as_run", "one_weird_trick", "80sec", "tiny"])
def test_catalog_networks_whose_windows_reach_over_the_border(name: str) -> None:
    network = reduced(name, filters=4, outputs=8, side=68 if name in ("paper", "as_run") else None)
    grey = InputContract(channel_order="grey", pixel_maximum=255.0, mean=(30.0,))
    contract = grey if network.picture.shape[0] == 1 else CAFFES
    one = checkpoint_of(network, contract)
    with pytest.raises(FormatError, match="windows reach over the picture's border"):
        with_mean(one, ())
    assert_alike(one, with_mean(one, (), unshared=True))


@pytest.mark.parametrize("name", ["caffe", "caffenet", "cs231n"])
def test_catalog_networks_whose_windows_stay_inside(name: str) -> None:
    one = checkpoint_of(reduced(name, filters=4, outputs=8), CAFFES)
    assert_alike(one, with_mean(one, ()))
