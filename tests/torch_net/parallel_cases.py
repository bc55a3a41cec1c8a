"""Networks that run apart, and what one process makes of the same weights, pictures and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.edit import with_loss
from alexnet.network.layers import (
    Activation,
    Conv,
    Dropout,
    FanInGaussian,
    FullyConnected,
    Input,
    Kernel,
    LogisticLoss,
    RandomPool,
    Shared,
    Softmax,
    SumOfSquaresLoss,
    Window,
)
from alexnet.network.picture_layers import RandomScale
from alexnet.network.spec import Network
from alexnet.torch_net import build, initial_arrays
from alexnet.torch_net.parallel.dealing import ParallelModule
from reduced import reduced

TOWERS = tuple(name for name in NETWORKS if get_network(name).towers)
SIDE = 99
"""Of reduced pictures: more than one pixel is left of every map."""

HE = FanInGaussian(1.4)
START = (
    Input(name="data", shape=(1, 10, 10)),
    Input(name="labels", shape=(1, 1, 1), content="labels"),
    RandomScale(name="scale", reads=("data",), maximum=1.2, side=8),
)


def conv(name: str, *reads: str, tower: int | None, initial: Any = HE) -> Conv:
    kernels = (Kernel(size=3, padding=1, initial=initial),) * len(reads)
    return Conv(
        name=name, reads=reads, tower=tower, filters=4, kernels=kernels, rule="cuda-convnet"
    )


def dense(name: str, *reads: str, outputs: int, tower: int | None = None) -> FullyConnected:
    initial = (HE,) * len(reads)
    return FullyConnected(name=name, reads=reads, outputs=outputs, initial=initial, tower=tower)


ODD_TOWERS = Network(
    "odd towers",
    (
        *START,
        conv("one", "scale", tower=0),
        conv("two", "scale", tower=1),
        Activation(name="noisy", reads=("two",), function="noisy-relu", tower=1),
        conv("three", "one", "noisy", tower=2),
        conv("again", "three", tower=1),
        conv("lent", "again", tower=1, initial=Shared("again")),
        RandomPool(
            name="pool",
            reads=("lent",),
            window=Window(size=2, stride=1),
            rule="cuda-convnet",
            tower=1,
        ),
        Dropout(name="drop", reads=("pool",), keep=0.7, scaling="train", tower=1),
        SumOfSquaresLoss(name="small", reads=("drop",), coefficient=0.01, tower=1),
        dense("out", "drop", "one", outputs=3, tower=2),
        Softmax(name="probs", reads=("out",), tower=0),
        LogisticLoss(name="logprob", reads=("labels", "probs"), top=1, tower=2),
        dense("unread", "one", outputs=2, tower=2),
    ),
)
"""Three towers, costs in two, a loss apart from its softmax, shared weights, every kind of draw."""

ODD_TRICK = Network(
    "odd trick",
    (
        *START,
        conv("one", "scale", tower=None),
        Activation(name="noisy", reads=("one",), function="noisy-relu"),
        RandomPool(
            name="pool", reads=("noisy",), window=Window(size=2, stride=1), rule="cuda-convnet"
        ),
        Dropout(name="drop", reads=("pool",), keep=0.7, scaling="test"),
        SumOfSquaresLoss(name="small", reads=("drop",), coefficient=0.01),
        dense("first", "drop", outputs=7),
        Activation(name="again", reads=("first",), function="noisy-relu"),
        Dropout(name="dropped", reads=("again",), keep=0.6, scaling="train"),
        SumOfSquaresLoss(name="few", reads=("dropped",), coefficient=0.02),
        FullyConnected(name="grouped", reads=("first",), outputs=14, groups=7, initial=(HE,)),
        dense("out", "dropped", "grouped", "pool", outputs=3),
        dense("narrow", "dropped", outputs=1),
        Softmax(name="probs", reads=("out",)),
        LogisticLoss(name="logprob", reads=("labels", "probs"), top=1),
        SumOfSquaresLoss(name="narrowed", reads=("narrow",)),
    ),
)
"""Costs everywhere, layers that cannot be dealt out, activations read in two ways, every draw."""


@dataclass(frozen=True)
class Answer:
    """What came of one or some passes, whole."""

    objective: float
    outputs: np.ndarray
    costs: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    tested: dict[str, np.ndarray]


def small(name: str) -> Network:
    """A catalog network, or an odd one, of milliseconds."""
    odd = {each.name: each for each in (ODD_TOWERS, ODD_TRICK)}
    return odd[name] if name in odd else with_loss(reduced(name, side=SIDE))


def arrays_of(network: Network, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """First weights that leave no layer without a gradient."""
    draws = torch.Generator().manual_seed(2)
    return {
        name: x.normal_(0, 1.4 / x[0].numel() ** 0.5, generator=draws) if x.dim() > 1 else x + 0.3
        for name, x in initial_arrays(network, dtype=dtype).items()
    }


def shown_to(
    network: Network, count: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    picture = torch.randn(count, *network.picture.shape, dtype=dtype, generator=draws)
    return picture, torch.arange(count) % 3


def answer(module: nn.Module, count: int, steps: int) -> Answer | None:
    """Some steps of gradient descent with momentum; None where another process has it whole.

    A parallel module is given all pictures; what it says is gathered.
    """
    run: Any = module
    network, whole = run.network, _gathering(module)
    picture, labels = shown_to(network, count)
    rule = torch.optim.SGD(module.parameters(), lr=0.001, momentum=0.9, weight_decay=0.01)
    found: Any = None
    for step in range(steps):
        rule.zero_grad()
        found = run.costs(picture, labels, generator=torch.Generator().manual_seed(step))
        found.objective.backward()
        if isinstance(module, ParallelModule):
            module.sum_gradients()
        rule.step()
    gradients = {
        name: torch.zeros_like(weight) if weight.grad is None else weight.grad
        for name, weight in module.named_parameters()
    }
    names = [layer.name for layer in network]
    with torch.inference_mode():
        tested: dict[str, Tensor] = run.eval()(picture, labels, layers=names)
    run.train()
    gradients, weights = whole(gradients), whole(dict(module.named_parameters()))
    if gradients is None or weights is None:
        return None
    return Answer(
        found.objective.item(),
        found.outputs.numpy(),
        *(_numbers(each) for each in (found.per_loss, gradients, weights, tested)),
    )


def _gathering(module: nn.Module) -> Callable[[dict[str, Tensor]], dict[str, Tensor] | None]:
    return module.gather if isinstance(module, ParallelModule) else dict


def _numbers(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: x.detach().cpu().numpy() for name, x in tensors.items()}


def alone(network: Network, count: int, steps: int = 3) -> Answer:
    """What one process makes of it."""
    arrays = arrays_of(network)
    found = answer(build(network, arrays=arrays, dtype=torch.float64), count, steps)
    assert found is not None
    return found


def assert_equal(found: Answer | None, expected: Answer) -> None:
    """Outputs, costs, gradients and weights, to rounding in float64."""
    assert found is not None
    np.testing.assert_allclose(found.objective, expected.objective, rtol=1e-9)
    np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-9, atol=1e-12)
    for kind in ("costs", "gradients", "weights", "tested"):
        mine, theirs = getattr(found, kind), getattr(expected, kind)
        assert list(mine) == list(theirs), kind
        for name, values in theirs.items():
            largest = np.abs(values).max()
            assert largest > 0 or kind == "gradients", f"{kind} of {name}"
            np.testing.assert_allclose(
                mine[name], values, rtol=1e-9, atol=1e-11 * largest, err_msg=f"{kind} of {name}"
            )
