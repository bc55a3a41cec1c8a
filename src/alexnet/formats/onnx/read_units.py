"""Foreign layers without weights or windows: functions, norms, dropout, softmax, and what joins
several values.
"""

from __future__ import annotations

import math
from dataclasses import replace

from alexnet.formats.onnx.build import Build, decimal
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.read_constants import normal_axis
from alexnet.formats.onnx.read_parts import join_parts
from alexnet.formats.onnx.values import Value
from alexnet.network.layers import (
    Activation,
    Concat,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    Function,
    Layer,
    Softmax,
)

FUNCTIONS: dict[str, tuple[Function, tuple[float, ...]]] = {
    "Relu": ("relu", ()),
    "Sigmoid": ("logistic", ()),
    "Tanh": ("tanh", (1.0, 1.0)),
    "Abs": ("abs", ()),
    "Sqrt": ("sqrt", ()),
    "Log": ("log", (0.0,)),
    "Neg": ("linear", (-1.0, 0.0)),
}
"""Operators that are functions of ours as they stand."""


def function(node: Node, build: Build) -> None:
    """Such an operator."""
    name, parameters = FUNCTIONS[node.operator]
    activate(node, build, name, parameters)


def activate(
    node: Node, build: Build, name: Function, parameters: tuple[float, ...] = (), index: int = 0
) -> None:
    """A function of each unit, in whatever shape the graph has them."""
    value = build.value(node, index)
    layer = Activation(**build.common(node, value), function=name, parameters=parameters)
    keep(node, build, value, layer)


def keep(node: Node, build: Build, value: Value, layer: Layer) -> None:
    """A layer whose output has the shape of what it reads."""
    if not value.is_whole or value.sets != 1:
        raise build.error(node, f"reads {build.said(value)}; it must be whole maps or units")
    made = build.place(node, layer)
    build.give(node, replace(made, view=value.view, last=value.last))


def clip(node: Node, build: Build) -> None:
    """Between 0 and a bound, or 0 and none."""
    low = build.number(node, 1, build.real(node, "min", -3.4028234e38))
    high = build.number(node, 2, build.real(node, "max", 3.4028234e38))
    if low != 0 or not high > 0:
        raise build.error(
            node, f"keeps values in {low:g} … {high:g}; only 0 … a is a function here"
        )
    if high > 3.4e38:
        activate(node, build, "relu")
    else:
        activate(node, build, "bounded-relu", (decimal(high),))


def power(node: Node, build: Build) -> None:
    """Squares, roots and x itself."""
    exponent = build.number(node, 1, math.nan)
    if exponent not in (1, 2, 0.5):
        raise build.error(node, f"takes the power {exponent:g}; 2, 1/2 and 1 are functions here")
    name: Function = "square" if exponent == 2 else "sqrt" if exponent == 0.5 else "identity"
    activate(node, build, name)


def leaky(node: Node, build: Build) -> None:
    """LeakyRelu, where it leaks nothing."""
    slope = build.real(node, "alpha", 0.01)
    if slope != 0:
        raise build.error(node, f"its alpha is {slope:g}; a slope below 0 is no function here")
    activate(node, build, "relu")


def dropout(node: Node, build: Build) -> None:
    """Scaled while training, as the operator is defined; at test time it does nothing."""
    value = build.value(node)
    ratio = build.number(node, 1, build.real(node, "ratio", 0.5))
    if len(node.outputs) > 1 and node.outputs[1] and build.uses[node.outputs[1]]:
        raise build.error(node, "says which units it drops, and another node reads it")
    if build.number(node, 2, 0.0):
        raise build.error(node, "drops units at test time too; its training_mode must be false")
    if not 0 <= ratio < 1:
        raise build.error(node, f"drops {ratio:g} of all units; it must be 0 or more and below 1")
    share = round(1.0 - decimal(ratio), 12)
    keep(node, build, value, Dropout(**build.common(node, value), keep=share, scaling="train"))


def softmax(node: Node, build: Build) -> None:
    """Over all units; before version 13 over all sides from its axis on."""
    value = build.value(node)
    old = build.model.opset < 13
    rank = len(value.view) + 1
    axis = normal_axis(node, build, build.integer(node, "axis", 1 if old else -1), rank)
    covered = value.view[axis - 1 :] if old else value.view[axis - 1 : axis]
    if (
        axis == 0
        or math.prod(covered) != math.prod(value.view)
        or value.is_turned
        or not value.is_whole
        or value.sets != 1
    ):
        raise build.error(
            node, f"runs over axis {axis} of {build.said(value)}; all units of a picture are read"
        )
    build.add(node, Softmax(**build.common(node, value)), value.view)


def log_softmax(node: Node, build: Build) -> None:
    """Refused: the logarithm of what a softmax gives is −∞ where a probability rounds to 0."""
    raise build.error(
        node,
        "takes the logarithm within the softmax, which no layer here does; let the graph end in"
        " Softmax, or in the scores before it",
    )


def norm(node: Node, build: Build) -> None:
    """LRN; where the maps are dealt into sets, within each."""
    value = build.value(node)
    size = build.integer(node, "size", 0)
    sets = value.sets
    whole = (value.view[0] * sets, *value.view[1:])
    if value.is_turned or not value.is_whole or whole != value.shape:
        raise build.error(node, f"reads {build.said(value)}; it must be whole maps")
    if size < 1 or size % 2 == 0:
        raise build.error(node, f"its size is {size}; odd sizes are read, whose middle is certain")
    layer = CrossMapNorm(
        **build.common(node, value),
        size=size,
        alpha=build.real(node, "alpha", 1e-4),
        alpha_divided=True,
        beta=build.real(node, "beta", 0.75),
        k=build.real(node, "bias", 1.0),
        groups=sets,
    )
    made = build.place(node, layer)
    build.give(node, replace(made, view=value.view, sets=sets))


def concat(node: Node, build: Build) -> None:
    """Along the channels, also of maps that are flattened."""
    values = _alike(node, build)
    first = values[0]
    axis = normal_axis(node, build, build.integer(node, "axis", 1), len(first.view) + 1)
    wanted = 3 if first.last and len(first.view) == 3 else 1
    if axis != wanted:
        raise build.error(node, f"joins along axis {axis}; {wanted}, the channels, is read")
    for value in values:
        flat = len(value.view) == 1 and not value.is_turned
        if not (flat or value.is_maps or (value.is_turned and len(value.view) == 3)):
            raise build.error(node, f"joins {build.said(value)}; it must be maps or units")
    joined = sum(value.view[axis - 1] for value in values)
    view = (*first.view[: axis - 1], joined, *first.view[axis:])
    made = build.place(node, Concat(**build.common(node, *values)))
    build.give(node, replace(made, view=view, last=first.last))


def summed(node: Node, build: Build) -> None:
    """Sum, Add, Sub and Mean of layers' outputs."""
    values = _alike(node, build)
    share = decimal(1.0 / len(values)) if node.operator == "Mean" else 1.0
    coefficients = [share] * len(values)
    if node.operator == "Sub":
        coefficients[1] = -1.0
    _check_same(node, build, values)
    if node.operator in ("Sum", "Add") and join_parts(node, build, values):
        return
    layer = ElementwiseSum(**build.common(node, *values), coefficients=tuple(coefficients))
    keep(node, build, values[0], layer)


def largest(node: Node, build: Build) -> None:
    """Max of layers' outputs."""
    values = _alike(node, build)
    _check_same(node, build, values)
    keep(node, build, values[0], ElementwiseMax(**build.common(node, *values)))


def product(node: Node, build: Build) -> None:
    """A value times itself; other products are no layers."""
    first, second = build.value(node), build.value(node, 1)
    if (first.layer, first.view) != (second.layer, second.view) or node.operator != "Mul":
        raise build.error(node, "computes with two layers' outputs what no layer does here")
    activate(node, build, "square")


def _check_same(node: Node, build: Build, values: list[Value]) -> None:
    views = {value.view for value in values}
    if len(views) > 1:
        raise build.error(node, f"joins values of {len(views)} shapes; they must be alike")


def _alike(node: Node, build: Build) -> list[Value]:
    """Everything that a node reads, whole and in one order of sides."""
    values = [build.value(node, index) for index in range(len(node.inputs))]
    for value in values:
        if not value.is_whole or value.sets != 1:
            raise build.error(node, f"reads {build.said(value)}; it must be whole maps or units")
    if len({(value.is_turned, len(value.view)) for value in values}) != 1:
        raise build.error(node, "joins maps in several orders of their sides")
    if len({value.shape[1:] for value in values}) != 1 and len(values[0].view) == 1:
        raise build.error(node, "joins flattened maps of several sizes, which no layer does here")
    return values
