"""torch.nn.functional as a peer, outputs and gradients, where the traditions coincide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.network.layers import (
    AveragePool,
    Conv,
    CrossMapNorm,
    Gaussian,
    Input,
    Kernel,
    Layer,
    LogisticLoss,
    MaxPool,
    Softmax,
    Window,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import backward, forward, initial_arrays


def compare(layer: Layer, shape: tuple[int, int, int], peer: Callable[..., torch.Tensor]) -> None:
    """Runs both on one random batch: same output, same gradients of the input and every array."""
    network = Network("peer", (Input(name="x", shape=shape), layer))
    generator = np.random.default_rng(0)
    picture = generator.normal(size=(2, *shape))
    arrays = initial_arrays(network, 1)
    ours = forward(network, arrays, {"x": picture})
    given = [torch.tensor(each, requires_grad=True) for each in (picture, *arrays.values())]
    theirs = peer(*given)
    assert np.allclose(ours["y"], theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    seed = generator.normal(size=ours["y"].shape)
    found = backward(network, arrays, ours, seeds={"y": seed})
    theirs.backward(torch.tensor(seed))
    for gradient, tensor in zip(
        (found.layers["x"], *found.parameters.values()), given, strict=True
    ):
        assert tensor.grad is not None
        assert np.allclose(gradient, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "groups"),
    [(3, 1, 1, 1), (3, 2, 0, 2), (5, 3, 2, 4), (1, 1, 0, 1)],
)
def test_conv2d(size: int, stride: int, padding: int, groups: int) -> None:
    window = Kernel(size=size, stride=stride, padding=padding, groups=groups, initial=Gaussian(0.3))
    layer = Conv(
        name="y",
        reads=("x",),
        filters=8,
        kernels=(window,),
        rule="torch",
        initial_bias=Gaussian(1.0),
    )

    def peer(x: Any, weight: Any, bias: Any) -> torch.Tensor:
        return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)

    compare(layer, (4, 7, 8), peer)


def test_2012_conv_is_conv2d_over_zeros_added_at_the_far_edges() -> None:
    window = Kernel(size=4, stride=3, padding=1, initial=Gaussian(0.3))
    layer = Conv(name="y", reads=("x",), filters=3, kernels=(window,), rule="cuda-convnet")

    def peer(x: Any, weight: Any, bias: Any) -> torch.Tensor:
        # 1 + ceil((7 + 2 - 4) / 3) = 3 windows reach pixel -1 + 2 · 3 + 4 = 9, two past the edge
        return F.conv2d(F.pad(x, (1, 2, 1, 2)), weight, bias, stride=3)

    compare(layer, (2, 7, 7), peer)


POOLS = [(2, 2, 0), (3, 2, 0), (3, 2, 1), (4, 3, 2)]


@pytest.mark.parametrize("rule", ["torch", "caffe"])
@pytest.mark.parametrize(("size", "stride", "padding"), POOLS)
def test_max_pool2d(size: int, stride: int, padding: int, rule: Any) -> None:
    window = Window(size=size, stride=stride, padding=padding)
    layer = MaxPool(name="y", reads=("x",), window=window, rule=rule)
    compare(
        layer,
        (2, 8, 9),
        lambda x: F.max_pool2d(x, size, stride, padding, ceil_mode=rule == "caffe"),
    )


def test_max_pool2d_gives_a_tie_to_the_same_pixel() -> None:
    layer = MaxPool(name="y", reads=("x",), window=Window(size=3, stride=2), rule="torch")
    network = Network("tie", (Input(name="x", shape=(2, 7, 7)), layer))
    picture = np.random.default_rng(0).integers(0, 2, (2, 2, 7, 7)).astype(float)
    outputs = forward(network, {}, {"x": picture})
    found = backward(network, {}, outputs, seeds={"y": np.ones_like(outputs["y"])})
    tensor = torch.tensor(picture, requires_grad=True)
    F.max_pool2d(tensor, 3, 2).sum().backward()
    assert tensor.grad is not None
    assert np.array_equal(found.layers["x"], tensor.grad.numpy())


@pytest.mark.parametrize("rule", ["torch", "caffe"])
@pytest.mark.parametrize("divisor", ["inside", "padded"])
@pytest.mark.parametrize(("size", "stride", "padding"), POOLS)
def test_avg_pool2d(size: int, stride: int, padding: int, rule: Any, divisor: Any) -> None:
    window = Window(size=size, stride=stride, padding=padding)
    layer = AveragePool(name="y", reads=("x",), window=window, rule=rule, divisor=divisor)

    def peer(x: Any) -> torch.Tensor:
        ceil, pad = rule == "caffe", divisor == "padded"
        return F.avg_pool2d(x, size, stride, padding, ceil_mode=ceil, count_include_pad=pad)

    compare(layer, (2, 8, 9), peer)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_local_response_norm(size: int) -> None:
    layer = CrossMapNorm(
        name="y", reads=("x",), size=size, alpha=0.4, alpha_divided=True, beta=0.75, k=2.0
    )
    compare(layer, (6, 3, 2), lambda x: F.local_response_norm(x, size, 0.4, 0.75, 2.0))


def test_cross_entropy_is_softmax_and_logistic_loss() -> None:
    layers = (
        Input(name="x", shape=(5, 1, 1)),
        Input(name="label", shape=(1, 1, 1), content="labels"),
        Softmax(name="p", reads=("x",)),
        LogisticLoss(name="loss", reads=("label", "p")),
    )
    network = Network("head", layers)
    units, labels = np.random.default_rng(0).normal(size=(3, 5, 1, 1)), np.array([4, 0, 2])
    outputs = forward(network, {}, {"x": units, "label": labels})
    tensor = torch.tensor(units[:, :, 0, 0], requires_grad=True)
    loss = F.cross_entropy(tensor, torch.tensor(labels))
    loss.backward()
    assert outputs["loss"].mean() == pytest.approx(loss.item(), rel=1e-12)
    assert tensor.grad is not None
    gradient = backward(network, {}, outputs).layers["x"][:, :, 0, 0]
    assert np.allclose(gradient, tensor.grad.numpy(), rtol=1e-12)
