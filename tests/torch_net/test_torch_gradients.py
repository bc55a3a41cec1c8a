"""Gradients that are exact, against finite differences in float64."""

from __future__ import annotations

import pytest
import torch

from alexnet.network.layers import (
    CrossMapNorm,
    ElementwiseMax,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.torch_net import build

LAYERS: list[Layer] = [
    CrossMapNorm(
        name="sliding",
        reads=("x",),
        size=4,
        alpha=0.9,
        alpha_divided=True,
        beta=0.75,
        k=1.0,
        groups=2,
    ),
    CrossMapNorm(
        name="blocked",
        reads=("x",),
        size=2,
        alpha=0.9,
        alpha_divided=False,
        beta=0.6,
        k=1.0,
        blocked=True,
    ),
    WithinMapNorm(
        name="within", reads=("x",), size=4, alpha=0.9, alpha_divided=True, beta=0.75, k=1.0
    ),
    MaxPool(name="pool", reads=("x",), window=Window(size=3, stride=2), rule="cuda-convnet"),
    ElementwiseMax(name="largest", reads=("x", "x")),
    Local(
        name="local",
        reads=("x",),
        filters=2,
        kernels=(Kernel(size=3, stride=2, initial=Gaussian(1.0), groups=2),),
        rule="cuda-convnet",
    ),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_gradients_by_finite_differences(layer: Layer) -> None:
    module = build(Network("one", (Input(name="x", shape=(6, 4, 3)), layer)), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(2, 6, 4, 3, dtype=torch.float64, generator=generator)
    if layer.name == "largest":  # both inputs are equal: each receives the whole gradient
        picture.requires_grad_()
        module(picture).sum().backward()
        assert picture.grad is not None
        assert torch.equal(picture.grad, torch.full_like(picture, 2.0))
        return
    torch.autograd.gradcheck(module, (picture.requires_grad_(),))
