"""First weights: the stated means and spreads, each array with draws of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network as network
from alexnet.network.layers import (
    Constant,
    Conv,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Initial,
    Input,
    Kernel,
)
from alexnet.network.spec import Network
from alexnet.torch_net import build, initial_arrays


def one_conv(initial: Initial) -> Network:
    kernel = Kernel(size=5, initial=initial)
    conv = Conv(name="c", reads=("x",), filters=200, kernels=(kernel,), rule="torch")
    return Network("one", (Input(name="x", shape=(40, 9, 9)), conv))


def test_constant() -> None:
    assert torch.equal(
        initial_arrays(one_conv(Constant(0.25)))["c.weight"], torch.full((200, 40, 5, 5), 0.25)
    )


def test_gaussian() -> None:
    weights = initial_arrays(one_conv(Gaussian(0.03)))["c.weight"]
    assert abs(weights.mean().item()) < 3 * 0.03 / math.sqrt(weights.numel())
    assert abs(weights.std().item() / 0.03 - 1) < 0.01


def test_fan_in() -> None:
    """Fan-in is 40 · 5 · 5 = 1000."""
    gauss = initial_arrays(one_conv(FanInGaussian(math.sqrt(2))))["c.weight"]
    assert abs(gauss.std().item() / math.sqrt(2 / 1000) - 1) < 0.01
    uniform = initial_arrays(one_conv(FanInUniform(1.0)))["c.weight"]
    bound = 1 / math.sqrt(1000)
    assert 0.999 * bound < uniform.abs().max().item() <= bound * (1 + 1e-6)
    assert abs(uniform.std().item() / (bound / math.sqrt(3)) - 1) < 0.01


def test_every_value_of_the_paper_at_small_width() -> None:
    small = tuple(
        replace(layer, outputs=min(layer.outputs, 64))
        if isinstance(layer, FullyConnected)
        else layer
        for layer in network("paper")
    )
    narrow = Network("narrow", small)
    arrays = initial_arrays(narrow)
    for parameter in network_parameters(narrow):
        match parameter.initial:
            case Constant(value):
                assert (arrays[parameter.name] == value).all()
            case Gaussian(deviation):
                spread = arrays[parameter.name].std().item() / deviation
                assert abs(spread - 1) < 4 / math.sqrt(2 * parameter.count)
            case _:
                raise AssertionError("the paper states nothing else")


def test_draws_do_not_depend_on_other_layers() -> None:
    full = network("80sec")
    cut = Network("cut", tuple(layer for layer in full if layer.name in ("data", "conv1")))
    assert torch.equal(initial_arrays(full)["conv1.weight"], initial_arrays(cut)["conv1.weight"])


def test_seeds() -> None:
    small = one_conv(Gaussian(1.0))
    same, again, other = (initial_arrays(small, seed=s)["c.weight"] for s in (1, 1, 2))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
    fresh = [initial_arrays(small, seed=None)["c.weight"] for _ in range(2)]
    assert not torch.equal(*fresh)


def test_every_dtype_starts_alike() -> None:
    small = one_conv(Gaussian(1.0))
    single, double = (
        build(small, dtype=dtype).state_dict()["c.weight"]
        for dtype in (torch.float32, torch.float64)
    )
    assert torch.equal(single.double(), double)
