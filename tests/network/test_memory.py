"""The memory of a training step: closed forms, and how it moves with batch and precision."""

from __future__ import annotations

import pytest

from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import Conv, FullyConnected, Gaussian, Input, Kernel
from alexnet.network.ledger import ledger
from alexnet.network.memory import training_memory
from alexnet.network.spec import Network

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


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        training_memory(get_network("paper"), 0)
