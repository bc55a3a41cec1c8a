"""What each layer makes of the shapes it reads, with the sentence; and what it refuses, saying what
would be right.

A shape is (channels, height, width); a vector of n has shape (n, 1, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

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
    Loss,
    MaxPool,
    Norm,
    Softmax,
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
from alexnet.network.sizes import Operation, Rule, Side, side

Shape = tuple[int, int, int]

PARAMETER_COUNT = {"bounded-relu": 1, "tanh": 2, "soft-threshold": 1, "log": 1, "linear": 2}
"""How many parameters an activation function takes; those not named take none."""


class LayerError(ValueError):
    """What a layer says does not fit; the message says what would be right, the network adds the
    name.
    """


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer's output shape, why it is so, and for windowed layers how the windows lie (one (rows,
    columns) per input).
    """

    shape: Shape
    sentence: str
    sides: tuple[tuple[Side, Side], ...] = ()


def elements(shape: Shape) -> int:
    """How many numbers a map of this shape holds."""
    return math.prod(shape)


def text(shape: Shape) -> str:
    """A shape as people write it: 96×55×55, or 4096 for a vector."""
    return f"{shape[0]}×{shape[1]}×{shape[2]}" if shape[1:] != (1, 1) else str(shape[0])


def place(layer: Layer, inputs: tuple[Shape, ...]) -> Placed:
    """The output shape of `layer` over `inputs`.

    Raises:
        LayerError: a value out of range, or inputs that do not fit it.
    """
    match layer:
        case Input():
            _require(min(layer.shape) > 0, f"shape is {layer.shape}; every side must be positive")
            _require(not inputs, "an input reads nothing")
            return Placed(layer.shape, "given")
        case Conv() | Local():
            return _place_kernels(layer, inputs)
        case FullyConnected():
            return _place_fully_connected(layer, inputs)
        case MaxPool() | AveragePool():
            return _place_pool(layer.window, layer.rule, _one(inputs))
        case CrossMapNorm():
            return _place_cross_map_norm(layer, _one(inputs))
        case WithinMapNorm() | ContrastNorm():
            _check_norm(layer)
            return _same(_one(inputs))
        case Activation():
            wanted = PARAMETER_COUNT.get(layer.function, 0)
            _require(
                len(layer.parameters) == wanted,
                f"{layer.function} has parameters {layer.parameters}; it takes {wanted}",
            )
            _require(
                layer.function not in ("tanh", "soft-threshold") or layer.parameters[0] != 0,
                f"{layer.function} has a = 0; it divides by a",
            )
            return _same(_one(inputs))
        case Dropout():
            _require(0 < layer.keep <= 1, f"keep is {layer.keep}; it must lie in (0, 1]")
            return _same(_one(inputs))
        case Softmax():
            shape = _one(inputs)
            return Placed((elements(shape), 1, 1), f"one per unit of {text(shape)}")
        case Concat():
            return _place_concat(inputs)
        case ElementwiseSum():
            _require(
                len(layer.coefficients) == len(inputs),
                f"{len(layer.coefficients)} coefficients for {len(inputs)} inputs; each needs one",
            )
            return _place_alike(inputs)
        case ElementwiseMax():
            return _place_alike(inputs)
        case LogisticLoss() | CrossEntropyLoss() | BinaryCrossEntropyLoss() | SumOfSquaresLoss():
            _check_loss(layer, inputs)
            return Placed((1, 1, 1), "one cost per picture")
        case _:
            assert_never(layer)


def _check_loss(layer: Loss, inputs: tuple[Shape, ...]) -> None:
    match layer:
        case LogisticLoss():
            count = len(inputs)
            _require(count == 2, f"reads {count} layers; it reads labels, then a softmax")
            labels, outputs = text(inputs[0]), elements(inputs[1])
            _require(
                elements(inputs[0]) == 1,
                f"its labels have shape {labels}; one label per picture is needed",
            )
            _require(
                1 <= layer.top <= outputs,
                f"top is {layer.top}; it must lie in 1 … {outputs}, the classes",
            )
        case CrossEntropyLoss() | BinaryCrossEntropyLoss():
            count = len(inputs)
            _require(count == 2, f"reads {count} layers; it reads targets, then outputs")
            targets, outputs = text(inputs[0]), text(inputs[1])
            _require(
                elements(inputs[0]) == elements(inputs[1]),
                f"targets {targets} and outputs {outputs} differ; make them alike",
            )
        case SumOfSquaresLoss():
            _one(inputs)
        case _:
            assert_never(layer)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise LayerError(sentence)


def _one(inputs: tuple[Shape, ...]) -> Shape:
    _require(len(inputs) == 1, f"reads {len(inputs)} layers; this kind reads exactly one")
    return inputs[0]


def _same(shape: Shape) -> Placed:
    return Placed(shape, "as its input")


def _check_norm(layer: Norm) -> None:
    _require(layer.size >= 1, f"size is {layer.size}; it must be at least 1")
    _require(layer.alpha >= 0, f"alpha is {layer.alpha}; it must not be negative")
    _require(layer.k > 0, f"k is {layer.k}; it must be positive, or a dark region divides by zero")


def _place_cross_map_norm(layer: CrossMapNorm, shape: Shape) -> Placed:
    _check_norm(layer)
    channels = shape[0]
    _require(
        layer.groups >= 1 and channels % layer.groups == 0,
        f"groups is {layer.groups}, which does not divide its {channels} channels",
    )
    return _same(shape)


def _lay(
    rule: Rule, operation: Operation, shape: Shape, window: Kernel | Window
) -> tuple[Side, Side]:
    _require(window.size >= 1, f"size is {window.size}; it must be at least 1")
    _require(window.stride >= 1, f"stride is {window.stride}; it must be at least 1")
    _require(
        window.padding >= 0 or (rule == "cuda-convnet" and operation == "pool"),
        f"padding is {window.padding}; it must not be negative",
    )
    _require(
        rule not in ("same", "valid") or window.padding == 0,
        f"padding is {window.padding}, but the rule '{rule}' sets it; leave it 0",
    )
    try:
        rows, columns = (
            side(rule, operation, n, window.size, window.stride, window.padding, window.outputs)
            for n in shape[1:]
        )
    except ValueError as error:
        raise LayerError(str(error)) from None
    return rows, columns


def _sentence(sides: tuple[Side, Side]) -> str:
    """One side's sentence; both where the picture is not square."""
    rows, columns = sides
    if rows.sentence == columns.sentence:
        return rows.sentence
    return f"rows {rows.sentence}, columns {columns.sentence}"


def _place_pool(window: Window, rule: Rule, shape: Shape) -> Placed:
    sides = _lay(rule, "pool", shape, window)
    return Placed((shape[0], sides[0].outputs, sides[1].outputs), _sentence(sides), (sides,))


def _place_kernels(layer: Conv | Local, inputs: tuple[Shape, ...]) -> Placed:
    _require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    _require(
        len(layer.kernels) == len(inputs),
        f"{len(layer.kernels)} kernels for {len(inputs)} inputs; give one for each",
    )
    _require(layer.filters >= 1, f"filters is {layer.filters}; it must be at least 1")
    sides: list[tuple[Side, Side]] = []
    for read, kernel, shape in zip(layer.reads, layer.kernels, inputs, strict=True):
        for what, count in (
            (f"the {shape[0]} channels of '{read}'", shape[0]),
            (f"its {layer.filters} filters", layer.filters),
        ):
            _require(
                kernel.groups >= 1 and count % kernel.groups == 0,
                f"groups is {kernel.groups}, which does not divide {what}",
            )
        sides.append(_lay(layer.rule, "conv", shape, kernel))
    sizes = [(rows.outputs, columns.outputs) for rows, columns in sides]
    _require(
        len(set(sizes)) == 1,
        "its inputs give maps of different size: "
        + ", ".join(
            f"'{read}' {rows}×{columns}"
            for read, (rows, columns) in zip(layer.reads, sizes, strict=True)
        )
        + "; summed maps must be alike",
    )
    return Placed((layer.filters, *sizes[0]), _sentence(sides[0]), tuple(sides))


def _place_fully_connected(layer: FullyConnected, inputs: tuple[Shape, ...]) -> Placed:
    _require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    _require(layer.outputs >= 1, f"outputs is {layer.outputs}; it must be at least 1")
    _require(
        len(layer.initial) == len(inputs),
        f"{len(layer.initial)} initial values for {len(inputs)} inputs; give one for each",
    )
    for what, count in [
        ("its outputs", layer.outputs),
        *zip(layer.reads, map(elements, inputs), strict=True),
    ]:
        _require(
            layer.groups >= 1 and count % layer.groups == 0,
            f"groups is {layer.groups}, which does not divide {what} ({count})",
        )
    return Placed((layer.outputs, 1, 1), "given")


def _place_concat(inputs: tuple[Shape, ...]) -> Placed:
    _require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    _require(
        len({shape[1:] for shape in inputs}) == 1,
        f"inputs {', '.join(map(text, inputs))} differ in height or width; stacked maps must agree",
    )
    channels = sum(shape[0] for shape in inputs)
    return Placed(
        (channels, *inputs[0][1:]), " + ".join(str(shape[0]) for shape in inputs) + " channels"
    )


def _place_alike(inputs: tuple[Shape, ...]) -> Placed:
    _require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    _require(
        len(set(inputs)) == 1,
        f"inputs {', '.join(map(text, inputs))} differ; element-wise layers need them alike",
    )
    return _same(inputs[0])
