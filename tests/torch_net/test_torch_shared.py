"""Weights that several inputs share, and activations that several layers read: neither is copied,
neither is spoilt.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet import numpy_net
from alexnet.network.arithmetic import network_parameters, weight_names
from alexnet.network.layers import (
    Activation,
    Blur,
    Conv,
    Dropout,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    Nailbed,
    Shared,
    TreeConnected,
)
from alexnet.network.spec import Network
from alexnet.torch_net import NetworkModule, build
from alexnet.torch_net.elementwise import ActivationModule
from torch_net.against_oracle import case, check
from torch_net.test_torch_layers import FORMATS

DRAWN = Gaussian(0.5)
PICTURE = Input(name="x", shape=(2, 6, 6))


def kernel(initial: Gaussian | Shared, size: int = 3, stride: int = 1) -> Kernel:
    return Kernel(size=size, stride=stride, padding=size // 2, initial=initial)


def tanh(name: str, reads: str) -> Layer:
    return Activation(name=name, reads=(reads,), function="tanh", parameters=(1.0, 1.0))


def conv(name: str, *reads: str, weights: tuple[Gaussian | Shared, ...], stride: int = 1) -> Conv:
    kernels = tuple(kernel(each, stride=stride) for each in weights)
    return Conv(name=name, reads=reads, filters=2, kernels=kernels, rule="torch")


def local(name: str, *reads: str, weights: tuple[Gaussian | Shared, ...]) -> Local:
    kernels = tuple(kernel(each) for each in weights)
    return Local(name=name, reads=reads, filters=2, kernels=kernels, rule="torch")


def dense(name: str, *reads: str, weights: tuple[Gaussian | Shared, ...]) -> FullyConnected:
    return FullyConnected(name=name, reads=reads, outputs=72, initial=weights)


SHARING: dict[str, tuple[Layer, ...]] = {
    "convolutions": (
        conv("a", "x", weights=(DRAWN,)),
        tanh("t", "a"),
        conv("b", "t", weights=(Shared("a"),), stride=2),
        conv("c", "a", weights=(Shared("a"),), stride=2),
        conv("d", "b", "c", weights=(DRAWN, Shared("a"))),
    ),
    "one layer's inputs": (
        tanh("t", "x"),
        conv("a", "x", "t", "x", weights=(DRAWN, Shared("a"), DRAWN)),
        conv("b", "a", "t", "a", weights=(Shared("a", 2), DRAWN, Shared("a", 0))),
    ),
    "local layers": (
        local("a", "x", weights=(DRAWN,)),
        tanh("t", "a"),
        local("b", "t", "a", weights=(Shared("a"), DRAWN)),
    ),
    "fully-connected layers": (
        dense("a", "x", "x", weights=(DRAWN, Shared("a"))),
        tanh("t", "a"),
        dense("b", "t", weights=(Shared("a"),)),
        dense("c", "b", "t", weights=(DRAWN, Shared("a"))),
    ),
}  # fmt: skip


def sharing(what: str) -> Network:
    return Network(what, (PICTURE, *SHARING[what]))


@pytest.mark.parametrize("what", SHARING)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_shared_weights_agree_with_the_oracle(
    what: str, memory_format: torch.memory_format
) -> None:
    check(case(sharing(what)), memory_format=memory_format)


def _with_weights_of_its_own(layer: Layer) -> Layer:
    if isinstance(layer, Conv | Local):
        kernels = tuple(replace(each, initial=DRAWN) for each in layer.kernels)
        return replace(layer, kernels=kernels)
    if isinstance(layer, FullyConnected):
        return replace(layer, initial=tuple(DRAWN for _ in layer.initial))
    return layer


@pytest.mark.parametrize("what", SHARING)
def test_the_owner_learns_what_copies_would_learn_together(what: str) -> None:
    """Against the same network with an array of its own, of equal numbers, at every input."""
    shared = sharing(what)
    copied = Network("copied", (PICTURE, *map(_with_weights_of_its_own, SHARING[what])))
    owners = {
        name: owner
        for layer, copy in zip(shared, copied, strict=True)
        if isinstance(layer, Conv | Local | FullyConnected)
        and isinstance(copy, Conv | Local | FullyConnected)
        for owner, name in zip(weight_names(layer, shared), weight_names(copy, copied), strict=True)
    }
    given = case(shared)
    arrays = {p.name: given.arrays[owners.get(p.name, p.name)] for p in network_parameters(copied)}
    gradients = []
    for network, values in ((shared, given.arrays), (copied, arrays)):
        module = build(network, arrays=values, dtype=torch.float64)
        output = module(torch.tensor(given.inputs["x"]))
        assert isinstance(output, Tensor)
        output.square().sum().backward()
        gradients.append({name: p.grad for name, p in module.named_parameters()})
    owned, apart = gradients
    assert set(owned) < set(apart)
    for name, gradient in owned.items():
        parts = [apart[twin] for twin in apart if owners.get(twin, twin) == name]
        torch.testing.assert_close(gradient, sum(parts), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("what", SHARING)
def test_a_shared_array_is_one_parameter_of_its_owner(what: str) -> None:
    network = sharing(what)
    module = build(network, dtype=torch.float64)
    names = [p.name for p in network_parameters(network)]
    assert list(module.state_dict()) == [name for name, _ in module.named_parameters()]
    assert list(module.state_dict()) == names
    assert sum(p.numel() for p in module.parameters()) == sum(
        p.count for p in network_parameters(network)
    )
    with pytest.raises(ValueError, match="belongs to no layer"):
        build(network, arrays=dict(module.state_dict()) | {"b.weight_9": torch.zeros(1)})


def test_sharing_survives_what_modules_go_through() -> None:
    network = sharing("one layer's inputs")
    module, picture = build(network, dtype=torch.float64), torch.randn(2, 2, 6, 6).double()
    expected = module(picture)
    fresh = build(network, seed=9, dtype=torch.float64)
    fresh.load_state_dict(module.state_dict())
    for again in (fresh, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(picture), expected)
        again.float().double()
        with torch.no_grad():
            for parameter in again.parameters():
                parameter.mul_(2.0)
        doubled = {name: 2 * value for name, value in module.state_dict().items()}
        wanted = build(network, arrays=doubled, dtype=torch.float64)(picture)
        torch.testing.assert_close(again(picture), wanted, rtol=1e-5, atol=1e-5)
    exported = torch.export.export(module.eval(), (picture,))
    torch.testing.assert_close(exported.module()(picture), expected)


def test_a_borrower_runs_without_its_owner() -> None:
    layers = (
        conv("a", "x", weights=(DRAWN,)),
        conv("b", "x", weights=(Shared("a"),)),
        conv("c", "a", "b", weights=(DRAWN, DRAWN)),
    )
    module, picture = build(Network("two", (PICTURE, *layers))), torch.randn(1, 2, 6, 6)
    ran = list[str]()
    for name, part in module.named_children():
        part.register_forward_hook(lambda *_, name=name: ran.append(name))
    found = module(picture, layers=["b"])
    assert isinstance(found, dict) and ran == ["b"]
    assert torch.equal(found["b"], module(picture, layers=["a"])["a"])  # both biases are 0


# --- activations that several layers read ---------------------------------------------------------

RELU = Activation(name="r", reads=("c",), function="relu")

READERS: dict[str, Layer] = {
    "square": Activation(name="q", reads=("c",), function="square"),
    "identity": Activation(name="q", reads=("c",), function="identity"),
    "nailbed": Nailbed(name="q", reads=("c",), stride=1),
    "blur": Blur(name="q", reads=("c",), size=3, deviation=1.0),
    "dropout": Dropout(name="q", reads=("c",), keep=1.0, scaling="train", enabled=False),
    "relu": replace(RELU, name="q"),
}


@pytest.mark.parametrize("first", [True, False], ids=["before relu", "after relu"])
@pytest.mark.parametrize("reader", READERS)
def test_relu_overwrites_nothing_that_another_layer_reads(reader: str, first: bool) -> None:
    """Some readers keep their input for the backward pass; others give it on as it is."""
    pair = [READERS[reader], RELU]
    both = ElementwiseSum(name="s", reads=("q", "r"), coefficients=(1.0, -2.0))
    layers = (PICTURE, conv("c", "x", weights=(DRAWN,)), *(pair if first else pair[::-1]), both)
    check(case(Network("two readers", layers)))


def test_relu_still_overwrites_what_nobody_else_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("chain", (PICTURE, conv("c", "x", weights=(DRAWN,)), RELU))
    module = build(network)
    handed: list[Tensor] = []
    forward = ActivationModule.forward

    def seen(self: ActivationModule, x: Tensor, **named: Any) -> Tensor:
        handed.extend([x, forward(self, x, **named)])
        return handed[1]

    monkeypatch.setattr(ActivationModule, "forward", seen)
    module(torch.randn(1, 2, 6, 6))
    assert handed[0].data_ptr() == handed[1].data_ptr()


def test_relu_overwrites_nothing_while_somebody_watches() -> None:
    network = Network("chain", (PICTURE, conv("c", "x", weights=(DRAWN,)), RELU))
    for name in ("c", "r"):
        module = build(network)
        module.get_submodule(name).register_full_backward_hook(lambda *_: None)
        module(torch.randn(1, 2, 6, 6).requires_grad_()).sum().backward()


# --- a tree of many classes -----------------------------------------------------------------------


def test_ten_thousand_leaves() -> None:
    """Random trees of up to a dozen levels; the sums along the paths, made by hand."""
    generator = np.random.default_rng(3)
    leaves, inner = 10_000, 1_500
    above = [
        leaves,
        *(leaves + int(generator.integers(max(0, i - 400), i)) for i in range(1, inner)),
    ]
    parents = (*map(int, generator.integers(leaves, leaves + inner, leaves)), *above)
    tree = TreeConnected(
        name="y", reads=("x",), outputs=leaves, parents=parents, initial=Gaussian(0.1)
    )
    network = Network("classes", (Input(name="x", shape=(6, 1, 1)), tree))
    arrays = {
        name: generator.normal(size=each.shape)
        for name, each in numpy_net.initial_arrays(network, 0).items()
    }
    module: NetworkModule = build(network, arrays=arrays, dtype=torch.float64)
    picture = torch.randn(2, 6, dtype=torch.float64)
    vectors = np.concatenate([arrays["y.weight"], arrays["y.inner"]])
    for node in range(leaves + 1, leaves + inner):  # every parent stands before its inner nodes
        vectors[node] += vectors[parents[node]]
    vectors[:leaves] += vectors[list(parents[:leaves])]
    wanted = picture.numpy() @ vectors[:leaves].T + arrays["y.bias"]
    np.testing.assert_allclose(module(picture).detach().numpy(), wanted, rtol=1e-9, atol=1e-10)
