"""Every gradient that is exact, against central differences of forward along random directions.

Left out: ties, corners, and the two layers whose 2012 gradient is not the derivative; of the
contrast norm the function that its gradient does belong to is differenced instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
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
from alexnet.network.spec import Network
from alexnet.numpy_net import backward, forward, initial_arrays
from alexnet.numpy_net.norms import denominators, measured
from numpy_net.differences import START, Arrays, Case, check, check_alone, one


def kernels(*kernels: dict[str, Any]) -> tuple[Kernel, ...]:
    """Kernels that start from the same Gaussian."""
    return tuple(Kernel(initial=START, **kernel) for kernel in kernels)


def conv(label: str, shapes: Any, *windows: dict[str, Any], **values: Any) -> Case:
    """A convolution, or with local=True its unshared sister."""
    kind = Local if values.pop("local", False) else Conv
    reads = tuple(f"x{i}" for i in range(len(shapes)))
    values = {"filters": 2, "rule": "cuda-convnet", "initial_bias": START} | values
    return Case(label, kind(name="y", reads=reads, kernels=kernels(*windows), **values), shapes)


def activation(function: Any, *parameters: float, **bounds: float) -> Case:
    """An activation on one map."""
    layer = Activation(name="y", reads=("x0",), function=function, parameters=parameters)
    return Case(function, layer, ((2, 3, 3),), **bounds)


NORM: dict[str, Any] = {"alpha": 0.7, "alpha_divided": True, "beta": 0.75, "k": 1.5}

CASES = [
    conv("conv with overhang", [(2, 6, 6)], {"size": 3, "stride": 2}),
    conv("conv with padding", [(2, 5, 5)], {"size": 3, "stride": 2, "padding": 1}, rule="torch"),
    conv("conv with unread pixels", [(1, 6, 6)], {"size": 3, "stride": 2}, rule="caffe"),
    conv("conv same", [(2, 5, 5)], {"size": 4, "stride": 2}, rule="same"),
    conv("conv on no square", [(2, 4, 6)], {"size": 3, "stride": 2}, rule="valid"),
    conv("conv in groups", [(4, 4, 4)], {"size": 3, "groups": 2}, filters=4),
    conv("conv, explicit outputs", [(1, 5, 5)], {"size": 3, "stride": 2, "outputs": 3}),
    conv("conv with unshared bias", [(2, 4, 4)], {"size": 3}, bias="unshared"),
    conv("conv without bias", [(2, 4, 4)], {"size": 3}, bias="none"),
    conv(
        "conv of two inputs",
        [(2, 5, 5), (4, 3, 3)],
        {"size": 3},
        {"size": 3, "padding": 1, "groups": 2},
    ),
    conv("local", [(2, 5, 5)], {"size": 3, "stride": 2, "padding": 1}, local=True),
    conv("local with shared bias", [(1, 4, 4)], {"size": 3}, local=True, bias="shared"),
    conv("local in groups", [(2, 4, 4)], {"size": 3, "groups": 2}, local=True, bias="none"),
    conv("local of two inputs", [(1, 4, 4), (1, 2, 2)], {"size": 3}, {"size": 1}, local=True),
    one(
        "fully connected",
        FullyConnected,
        (2, 2, 3),
        outputs=4,
        initial=(START,),
        initial_bias=START,
    ),
    Case(
        "fully connected of two inputs in groups",
        FullyConnected(
            name="y",
            reads=("x0", "x1"),
            outputs=4,
            groups=2,
            initial=(START, START),
            bias="none",
        ),
        ((2, 1, 2), (6, 1, 1)),
    ),
    one("max pool", MaxPool, (2, 5, 5), window=Window(size=3, stride=2), rule="torch"),
    one(
        "max pool in 2012",
        MaxPool,
        (2, 6, 6),
        window=Window(size=3, stride=2, padding=1),
        rule="cuda-convnet",
    ),
    *(
        one(
            f"average pool, {divisor}, {rule}",
            AveragePool,
            (1, 6, 6),
            window=Window(size=3, stride=2, padding=0 if rule == "same" else 1),
            rule=rule,
            divisor=divisor,
        )
        for divisor in ("inside", "padded", "window", "one")
        for rule in ("cuda-convnet", "caffe", "torch", "same")
    ),
    one("cross-map norm", CrossMapNorm, (6, 2, 2), size=3, **NORM),
    one("even cross-map norm", CrossMapNorm, (6, 2, 2), size=4, **NORM | {"alpha_divided": False}),
    one("cross-map norm in groups", CrossMapNorm, (6, 2, 2), size=3, groups=2, **NORM),
    one("blocked norm", CrossMapNorm, (7, 2, 2), size=3, blocked=True, **NORM),
    one("within-map norm", WithinMapNorm, (2, 4, 5), size=3, **NORM),
    one("even within-map norm", WithinMapNorm, (2, 4, 4), size=2, **NORM),
    activation("relu"),
    activation("bounded-relu", 1.0),
    activation("noisy-relu"),
    activation("soft-relu", high=6.0),
    activation("logistic"),
    activation("tanh", 1.7, 0.6),
    activation("soft-threshold", 0.8),
    activation("abs"),
    activation("square"),
    activation("sqrt", low=0.5),
    activation("log", 1.0, low=0.0),
    activation("linear", 3.0, -1.0),
    activation("identity"),
    one("dropout at test", Dropout, (2, 2, 2), keep=0.3, scaling="test"),
    one("softmax", Softmax, (2, 2, 2)),
    Case("concat", Concat(name="y", reads=("x0", "x1")), ((1, 2, 2), (3, 2, 2))),
    Case(
        "element-wise sum",
        ElementwiseSum(name="y", reads=("x0", "x1"), coefficients=(2, -0.5)),
        ((2, 2, 2), (2, 2, 2)),
    ),
    Case("element-wise max", ElementwiseMax(name="y", reads=("x0", "x1")), ((2, 2, 2),) * 2),
    one("sum of squares", SumOfSquaresLoss, (2, 2, 2)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_gradient_of_a_layer_alone(case: Case) -> None:
    check_alone(case)


@pytest.mark.parametrize("size", [2, 3])
def test_contrast_norm_gradient_is_exact_where_the_local_means_are_constants(size: int) -> None:
    layer = ContrastNorm(name="y", reads=("x",), size=size, **NORM)
    network = Network("contrast", (Input(name="x", shape=(2, 4, 4)), layer))
    generator = np.random.default_rng(2)
    picture = generator.normal(size=(2, 2, 4, 4))
    seed = generator.normal(size=picture.shape)
    means = picture - measured(layer, picture)
    squared = WithinMapNorm(name="y", reads=("x",), size=size, **NORM)  # the same D, of any m

    def with_means_held(values: Arrays) -> float:
        denominator = denominators(squared, values["x"] - means)
        return float((seed * values["x"] * denominator**-layer.beta).sum())

    outputs = forward(network, {}, {"x": picture})
    assert with_means_held({"x": picture}) == pytest.approx((seed * outputs["y"]).sum())
    found = backward(network, {}, outputs, seeds={"y": seed})
    check(with_means_held, {"x": picture}, found.layers)


@pytest.mark.parametrize(
    ("loss", "squash"),
    [
        (LogisticLoss(name="loss", reads=("label", "p"), coefficient=3), "softmax"),
        (CrossEntropyLoss(name="loss", reads=("label", "p"), coefficient=3), "softmax"),
        (BinaryCrossEntropyLoss(name="loss", reads=("label", "p"), coefficient=3), "logistic"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_gradient_of_the_objective_is_coefficient_times_the_mean_cost(
    loss: Any, squash: str
) -> None:
    generator = np.random.default_rng(3)
    whole = isinstance(loss, LogisticLoss)
    labels = generator.integers(0, 4, 5) if whole else generator.uniform(size=(5, 4))
    layers = (
        Input(name="x", shape=(4, 1, 1)),
        Input(name="label", shape=(1 if whole else 4, 1, 1), content="labels"),
        Softmax(name="p", reads=("x",))
        if squash == "softmax"
        else Activation(name="p", reads=("x",), function="logistic"),
        loss,
    )
    network = Network("head", layers)
    units = generator.normal(size=(5, 4, 1, 1))

    def objective(values: Arrays) -> float:
        costs = forward(network, {}, {"label": labels} | values)["loss"]
        return loss.coefficient * float(costs.mean())

    outputs = forward(network, {}, {"x": units, "label": labels})
    check(objective, {"x": units}, backward(network, {}, outputs).layers)


def two_towers() -> Network:
    """The 2012 net in small: two towers that cross at conv3 and at fc6; and two losses."""
    towers = (0, 1)

    def each(make: Callable[[int], Layer]) -> list[Layer]:
        return [make(tower) for tower in towers]

    return Network(
        "two towers",
        (
            Input(name="x", shape=(3, 9, 9)),
            Input(name="label", shape=(1, 1, 1), content="labels"),
            *each(
                lambda t: Conv(
                    name=f"conv1_{t}",
                    reads=("x",),
                    tower=t,
                    filters=2,
                    rule="cuda-convnet",
                    kernels=kernels({"size": 4, "stride": 2}),
                    initial_bias=START,
                )
            ),
            *each(
                lambda t: CrossMapNorm(
                    name=f"norm1_{t}", reads=(f"conv1_{t}",), tower=t, size=2, **NORM
                )
            ),
            *each(
                lambda t: Activation(
                    name=f"relu1_{t}",
                    reads=(f"norm1_{t}",),
                    tower=t,
                    function="tanh",
                    parameters=(1, 1),
                )
            ),
            *each(
                lambda t: MaxPool(
                    name=f"pool1_{t}",
                    reads=(f"relu1_{t}",),
                    tower=t,
                    window=Window(size=3, stride=2),
                    rule="cuda-convnet",
                )
            ),
            *each(
                lambda t: Conv(
                    name=f"conv3_{t}",
                    reads=("pool1_0", "pool1_1"),
                    tower=t,
                    filters=2,
                    rule="cuda-convnet",
                    kernels=kernels(*[{"size": 3, "padding": 1}] * 2),
                    initial_bias=START,
                )
            ),
            *each(
                lambda t: FullyConnected(
                    name=f"fc6_{t}",
                    reads=("conv3_0", "conv3_1"),
                    tower=t,
                    outputs=3,
                    initial=(START, START),
                )
            ),
            *each(
                lambda t: Dropout(
                    name=f"drop6_{t}", reads=(f"fc6_{t}",), tower=t, keep=0.5, scaling="test"
                )
            ),
            FullyConnected(
                name="fc8", reads=("drop6_0", "drop6_1"), outputs=4, initial=(START, START)
            ),
            Softmax(name="probabilities", reads=("fc8",)),
            LogisticLoss(name="loss", reads=("label", "probabilities")),
            SumOfSquaresLoss(name="penalty", reads=("fc6_0",), coefficient=0.01),
        ),
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "test"])
def test_gradient_of_two_towers_end_to_end(training: bool) -> None:
    network, generator = two_towers(), np.random.default_rng(4)
    arrays = initial_arrays(network, 5)
    picture, labels = generator.normal(size=(2, 3, 9, 9)), np.array([1, 3])
    draws = None
    if training:
        draws = {f"drop6_{t}": generator.integers(0, 2, (2, 3, 1, 1)) for t in (0, 1)}

    def objective(values: Arrays) -> float:
        inputs = {"x": values["x"], "label": labels}
        outputs = forward(network, values, inputs, draws=draws)
        return float(outputs["loss"].mean() + 0.01 * outputs["penalty"].mean())

    outputs = forward(network, arrays, {"x": picture, "label": labels}, draws=draws)
    found = backward(network, arrays, outputs, draws=draws)
    check(objective, {"x": picture} | arrays, found.layers | found.parameters)
