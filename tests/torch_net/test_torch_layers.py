"""Every layer kind and variant against the oracle, one tiny network each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    Constant,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
from alexnet.network.placement import PARAMETER_COUNT
from alexnet.network.spec import Network
from torch_net.against_oracle import case, check

DRAWN = Gaussian(0.5)
LABELS = Input(name="labels", shape=(1, 1, 1), content="labels")
IDENTITY = Activation(name="i", reads=("x",), function="identity")
FORMATS = [torch.contiguous_format, torch.channels_last]


def network(*layers: Layer, shape: tuple[int, int, int] = (4, 9, 7)) -> Network:
    return Network("tiny", (Input(name="x", shape=shape), *layers))


def kernel(size: int, stride: int = 1, padding: int = 0, **more: Any) -> Kernel:
    return Kernel(size=size, stride=stride, padding=padding, initial=DRAWN, **more)


def window(size: int, stride: int, padding: int = 0, **more: Any) -> Window:
    return Window(size=size, stride=stride, padding=padding, **more)


CONVS: dict[str, dict[str, Any]] = {
    "plain": {"kernels": (kernel(3),), "rule": "torch"},
    "padded, unread pixels": {"kernels": (kernel(4, 3, 2),), "rule": "torch"},
    "overhang": {"kernels": (kernel(4, 3),), "rule": "cuda-convnet"},
    "overhang, padded": {"kernels": (kernel(5, 3, 2),), "rule": "cuda-convnet"},
    "same": {"kernels": (kernel(4, 2),), "rule": "same"},
    "same, stride over size": {"kernels": (kernel(1, 3),), "rule": "same"},
    "valid": {"kernels": (kernel(4, 2),), "rule": "valid"},
    "caffe": {"kernels": (kernel(5, 2, 1),), "rule": "caffe"},
    "groups": {"kernels": (kernel(3, padding=1, groups=2),), "rule": "torch"},
    "unshared bias": {"kernels": (kernel(3),), "rule": "torch", "bias": "unshared"},
    "no bias": {"kernels": (kernel(3),), "rule": "torch", "bias": "none"},
    "outputs given": {"kernels": (kernel(3, 2, outputs=2),), "rule": "cuda-convnet"},
    "two inputs": {
        "reads": ("x", "x"),
        "kernels": (kernel(3, padding=1, groups=2), kernel(5, padding=2)),
        "rule": "torch",
    },
}


@pytest.mark.parametrize("what", CONVS)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_convolution(what: str, memory_format: torch.memory_format) -> None:
    settings = {"reads": ("x",), "initial_bias": Constant(0.3)} | CONVS[what]
    layer = Conv(name="y", filters=6, **settings)
    check(case(network(layer)), memory_format=memory_format)


@pytest.mark.parametrize("what", CONVS)
def test_local(what: str) -> None:
    settings: dict[str, Any] = {"reads": ("x",)} | CONVS[what]
    if "bias" not in settings:
        check(case(network(Local(name="y", filters=6, bias="shared", **settings))))
    check(case(network(Local(name="y", filters=6, **settings))))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("bias", ["shared", "none"])
def test_fully_connected(groups: int, bias: Any) -> None:
    first = FullyConnected(
        name="y", reads=("x",), outputs=6, initial=(DRAWN,), groups=groups, bias=bias
    )
    second = FullyConnected(
        name="z", reads=("y", "x"), outputs=4, initial=(DRAWN, DRAWN), groups=groups, bias=bias
    )
    check(case(network(first, second)))


POOLS: dict[str, tuple[Window, Any]] = {
    "plain": (window(3, 2), "torch"),
    "torch, padded": (window(3, 2, 1), "torch"),
    "torch, padded beyond half": (window(3, 2, 2), "torch"),
    "overhang": (window(3, 2), "cuda-convnet"),
    "overhang of two": (window(4, 3), "cuda-convnet"),
    "start before": (window(3, 2, 1), "cuda-convnet"),
    "start far before": (window(3, 1, 2), "cuda-convnet"),
    "start inside": (window(3, 2, -1), "cuda-convnet"),
    "outputs given": (window(3, 2, outputs=2), "cuda-convnet"),
    "windows apart": (window(2, 3, outputs=2), "cuda-convnet"),
    "windows side by side": (window(2, 2), "cuda-convnet"),
    "every pixel": (window(5, 1, 2), "cuda-convnet"),
    "caffe": (window(3, 2), "caffe"),
    "caffe, clipped": (window(2, 2, 1), "caffe"),
    "caffe, padded": (window(4, 3, 2), "caffe"),
    "same": (window(4, 2), "same"),
    "valid": (window(2, 2), "valid"),
}


@pytest.mark.parametrize("what", POOLS)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_max_pool(what: str, memory_format: torch.memory_format) -> None:
    window, rule = POOLS[what]
    layer = MaxPool(name="y", reads=("x",), window=window, rule=rule)
    check(case(network(layer)), memory_format=memory_format)
    check(case(network(layer), coarse=True), memory_format=memory_format)  # maxima tie


def in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As large tensors are cut: along both axes, on two threads."""
    monkeypatch.setattr("alexnet.torch_net.chunks.CHUNK", 45)
    monkeypatch.setattr("alexnet.torch_net.chunks.SHARE", 100)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)


def test_max_pool_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_chunks(monkeypatch)
    layer = MaxPool(name="y", reads=("x",), window=window(3, 2), rule="cuda-convnet")
    for memory_format in FORMATS:
        check(case(network(layer), coarse=True), memory_format=memory_format)


@pytest.mark.parametrize("what", POOLS)
@pytest.mark.parametrize("divisor", ["inside", "padded", "window", "one"])
def test_average_pool(what: str, divisor: Any) -> None:
    window, rule = POOLS[what]
    check(
        case(
            network(AveragePool(name="y", reads=("x",), window=window, rule=rule, divisor=divisor))
        )
    )


NUMBERS: dict[str, Any] = {"reads": ("x",), "alpha": 0.7, "beta": 0.75, "k": 1.5}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_cross_map_norm(
    size: int, groups: int, blocked: bool, memory_format: torch.memory_format
) -> None:
    layer = CrossMapNorm(
        name="y", size=size, groups=groups, blocked=blocked, alpha_divided=size % 2 == 0, **NUMBERS
    )
    check(case(network(layer, shape=(14, 3, 2))), memory_format=memory_format)


def test_cross_map_norm_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_chunks(monkeypatch)
    layer = CrossMapNorm(name="y", size=4, groups=2, alpha_divided=True, **NUMBERS)
    for memory_format in FORMATS:
        check(case(network(layer, shape=(6, 3, 5))), memory_format=memory_format)


@pytest.mark.parametrize("kind", [WithinMapNorm, ContrastNorm])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("divided", [False, True])
def test_norms_within_a_map(kind: Any, size: int, divided: bool) -> None:
    layer = kind(name="y", size=size, alpha_divided=divided, **NUMBERS)
    check(case(network(layer)))


@pytest.mark.parametrize("beta", [0.25, 0.5, 0.75, 1.0])
def test_powers(beta: float) -> None:
    numbers = NUMBERS | {"beta": beta, "alpha_divided": False}
    check(case(network(CrossMapNorm(name="y", size=5, **numbers))))
    check(case(network(WithinMapNorm(name="y", size=3, **numbers))))


FUNCTIONS: dict[str, tuple[float, ...]] = {
    "relu": (),
    "bounded-relu": (1.0,),
    "noisy-relu": (),
    "soft-relu": (),
    "logistic": (),
    "tanh": (1.7159, 0.6667),
    "soft-threshold": (0.8,),
    "abs": (),
    "square": (),
    "sqrt": (),
    "log": (2.0,),
    "linear": (-1.5, 0.25),
    "identity": (),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activation(function: Any) -> None:
    parameters = FUNCTIONS[function]
    assert len(parameters) == PARAMETER_COUNT.get(function, 0)
    layer = Activation(name="y", reads=("x",), function=function, parameters=parameters)
    positive = function in ("sqrt", "log")
    check(case(network(layer), positive=positive))
    if not positive:
        check(case(network(layer), coarse=True))  # the kinks


def test_soft_relu_beyond_its_switch() -> None:
    given = case(network(Activation(name="y", reads=("x",), function="soft-relu")))
    given.inputs["x"] *= 4
    check(given)


@pytest.mark.parametrize("scaling", ["test", "train"])
@pytest.mark.parametrize("keep", [0.3, 1.0])
def test_dropout(scaling: Any, keep: float) -> None:
    check(case(network(Dropout(name="y", reads=("x",), keep=keep, scaling=scaling))))


def test_relu_above_a_convolution() -> None:
    conv = Conv(name="c", reads=("x",), filters=4, kernels=(kernel(3),), rule="torch")
    relu = Activation(name="r", reads=("c",), function="relu")
    check(case(network(conv, relu)))
    both = ElementwiseSum(name="s", reads=("c", "r"), coefficients=(1.0, 2.0))
    check(case(network(conv, relu, both)))


def test_joins() -> None:
    negative = Activation(name="n", reads=("x",), function="linear", parameters=(-1.0, 0.0))
    joined = Concat(name="c", reads=("x", "n", "x"))
    summed = ElementwiseSum(name="s", reads=("x", "n", "n"), coefficients=(0.5, -2.0, 1.0))
    largest = ElementwiseMax(name="m", reads=("x", "n", "s"))
    for layer in (joined, summed, largest):
        needs = (summed,) if layer is largest else ()
        check(case(network(negative, *needs, layer)))
        check(case(network(negative, *needs, layer), coarse=True))
    check(case(network(ElementwiseMax(name="m", reads=("x",)))))


def test_softmax_alone() -> None:
    check(case(network(Softmax(name="p", reads=("x",)))))


@pytest.mark.parametrize("coefficient", [1.0, 0.3])
def test_logistic_loss(coefficient: float) -> None:
    softmax = Softmax(name="p", reads=("x",))
    loss = LogisticLoss(name="l", reads=("labels", "p"), coefficient=coefficient)
    check(case(network(LABELS, softmax, loss)))
    positive = replace(loss, reads=("labels", "i"))  # no softmax: the plain logarithm
    check(case(network(LABELS, IDENTITY, positive, shape=(5, 1, 1)), positive=True))


def test_cross_entropy_loss() -> None:
    targets = Input(name="t", shape=(5, 1, 1), content="labels")
    softmax = Softmax(name="p", reads=("x",))
    loss = CrossEntropyLoss(name="l", reads=("t", "p"), coefficient=2.0)
    check(case(network(targets, softmax, loss, shape=(5, 1, 1))))
    check(
        case(
            network(targets, IDENTITY, replace(loss, reads=("t", "i")), shape=(5, 1, 1)),
            coarse=True,
        )
    )


def test_binary_cross_entropy_loss() -> None:
    targets = Input(name="t", shape=(5, 1, 1), content="labels")
    units = Activation(name="p", reads=("x",), function="logistic")
    loss = BinaryCrossEntropyLoss(name="l", reads=("t", "p"), coefficient=0.5)
    check(case(network(targets, units, loss, shape=(5, 1, 1))))
    check(
        case(
            network(targets, IDENTITY, replace(loss, reads=("t", "i")), shape=(5, 1, 1)),
            coarse=True,
        )
    )


def test_several_losses() -> None:
    softmax = Softmax(name="p", reads=("x",))
    first = LogisticLoss(name="l", reads=("labels", "p"))
    second = SumOfSquaresLoss(name="q", reads=("x",), coefficient=0.01)
    off = SumOfSquaresLoss(name="o", reads=("p",), coefficient=0.0)
    check(case(network(LABELS, softmax, first, second, off)))
