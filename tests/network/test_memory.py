"""The memory of a training step: closed forms, and how it moves with batch and precision."""

from __future__ import annotations

import pytest

from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import (
    Blur,
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Nailbed,
    Shared,
)
from alexnet.network.ledger import ledger
from alexnet.network.memory import largest_batch, training_memory
from alexnet.network.spec import Network
from every_kind import every_kind

SMALL = Gaussian(0.1)


def test_a_net_of_one_convolution_by_hand() -> None:
    # picture 3·10·10, eight 3×3 kernels: 8·27 + 8 = 224 parameters, output 8·8·8
    conv = Conv(
        name="conv",
        reads=("data",),
        filters=8,
        kernels=(Kernel(size=3, initial=SMALL),),
        rule="torch",
    )
    fc = FullyConnected(name="fc", reads=("conv",), outputs=10, initial=(SMALL,))
    network = Network("net", (Input(name="data", shape=(3, 10, 10)), conv, fc))
    parameters = 224 + 512 * 10 + 10
    found = training_memory(network, 5)
    assert found.weights == found.gradients == found.velocities == 4 * parameters
    # kept: the picture, and the map laid flat for the fully-connected layer
    assert found.activations == 4 * 5 * (300 + 512)
    # at fc: weights, velocities, fc's gradient; what is kept, and the gradient of the map
    at_fc = 8 * parameters + 4 * (5120 + 10) + 4 * 5 * (300 + 512 + 512)
    assert found.peak == max(at_fc, 12 * parameters)


def test_overhanging_windows_keep_a_framed_copy_of_the_picture() -> None:
    kept = training_memory(get_network("paper"), 1).activations
    rows = ledger(get_network("paper")).rows
    assert sum(row.activation_bytes for row in rows if row.kind == "conv") < kept
    assert kept > 4 * 2 * 3 * 227 * 227  # both towers frame 224 as 227


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_grow_with_the_batch_and_weights_do_not(name: str) -> None:
    one, many = (training_memory(get_network(name), n) for n in (1, 64))
    assert many.activations == 64 * one.activations
    assert many.weights == one.weights
    assert one.peak <= many.peak
    assert many.peak <= many.weights * 3 + 3 * many.activations


def test_mixed_precision_halves_activations_and_adds_a_copy_of_the_weights() -> None:
    wide = training_memory(get_network("paper"), 128)
    mixed = training_memory(get_network("paper"), 128, "mixed")
    assert 2 * mixed.activations == wide.activations
    assert mixed.weights == wide.weights * 3 // 2
    assert mixed.peak < wide.peak


def test_of_layers_that_are_run_as_one_only_the_input_is_kept() -> None:
    network = get_network("caffe")
    apart, joined = (training_memory(network, 1, apart=each) for each in (True, False))
    # apart: of conv1 and conv2 the norm's output too, and of every pool where each maximum stood;
    # relu stands in the convolution's place either way
    norms = 96 * 55 * 55 + 256 * 27 * 27
    places = 2 * (96 * 27 * 27 + 256 * 13 * 13 + 256 * 6 * 6)
    assert apart.activations - joined.activations == 4 * (norms + places)


@pytest.mark.parametrize("name", ["paper", "80sec", "tiny"])
def test_the_largest_batch_fits_and_one_picture_more_does_not(name: str) -> None:
    network, room = get_network(name), 2 * 2**30
    found = largest_batch(network, room, "mixed")
    assert training_memory(network, found, "mixed").peak <= room
    assert training_memory(network, found + 1, "mixed").peak > room
    with pytest.raises(ValueError, match="with one picture needs"):
        largest_batch(network, 1000)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        training_memory(get_network("paper"), 0)


def test_what_every_kind_keeps_by_hand() -> None:
    kept = (
        (1200 + 1 + 4)  # the picture, labels and targets as they are given
        + 300  # nails for conv1; what comes before it gets no gradient and keeps nothing
        + 800 + 200  # the random pool's input and output, to find the pixels that it drew
        + 200  # of its output the channels that conv2 is connected to, picked out
        + 200 + 200  # conv2's output for conv3, conv3's for the pool
        + 32 + 16  # the pools' outputs, the first also what the second reads
        + 16 + 16  # maps laid flat for the tree and for the gate; the disabled dropout no mask
        + 4 + 4 + 4 + 1  # tree, probs, units, gate
    )  # fmt: skip
    assert training_memory(every_kind(), 3, apart=True).activations == 4 * 3 * kept


def test_a_prepared_picture_gets_no_gradient() -> None:
    def network(*prepared: Blur | Nailbed) -> Network:
        picture = Input(name="data", shape=(3, 8, 8))
        read = prepared[-1].name if prepared else "data"
        kernels = (Kernel(size=3, initial=SMALL),)
        conv = Conv(name="conv", reads=(read,), filters=4, kernels=kernels, rule="torch")
        return Network("net", (picture, *prepared, conv))

    blur = Blur(name="blur", reads=("data",), size=3, deviation=1.0)
    plain, blurred = (training_memory(n, 100) for n in (network(), network(blur)))
    assert plain.peak_at == blurred.peak_at == "conv"
    assert blurred.peak - plain.peak == 4 * 100 * 3 * 8 * 8  # the blurred picture, kept for conv
    nails = Nailbed(name="nails", reads=("blur",), stride=1)
    assert training_memory(network(blur, nails), 100).peak == blurred.peak


def test_shared_weights_and_their_gradient_are_held_once() -> None:
    def network(shared: bool) -> Network:
        own = FullyConnected(name="a", reads=("data",), outputs=100, initial=(SMALL,))
        start = Shared("a") if shared else SMALL
        other = FullyConnected(name="b", reads=("a",), outputs=100, initial=(start,))
        return Network("net", (Input(name="data", shape=(100, 1, 1)), own, other))

    apart, joined = (training_memory(network(shared), 200) for shared in (False, True))
    assert apart.weights - joined.weights == 4 * 100 * 100
    # weights, velocities and gradients; what a and b read, and the gradient that reaches a
    numbers = 3 * (10_000 + 200) + 200 * (100 + 100 + 100)
    assert (joined.peak_at, joined.peak) == ("a", 4 * numbers)
