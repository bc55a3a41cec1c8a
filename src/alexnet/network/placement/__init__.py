"""What each layer makes of the shapes it reads, with the sentence; and what it refuses, saying what
would be right.
"""

from __future__ import annotations

from typing import assert_never

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    Norm,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.placement.losses import check_loss
from alexnet.network.placement.transforms import place_cross_map_pool, place_transform
from alexnet.network.placement.weighted import (
    place_fully_connected,
    place_kernels,
    place_pool,
    place_tree,
)
from alexnet.network.shapes import Placed, Shape, elements, one, require, same, text

PARAMETER_COUNT = {"bounded-relu": 1, "tanh": 2, "soft-threshold": 1, "log": 1, "linear": 2}
"""How many parameters an activation function takes; those not named take none."""


def place(layer: Layer, inputs: tuple[Shape, ...]) -> Placed:
    """The output shape of `layer` over `inputs`.

    Raises:
        LayerError: a value out of range, or inputs that do not fit it.
    """
    match layer:
        case Input():
            require(min(layer.shape) > 0, f"shape is {layer.shape}; every side must be positive")
            require(not inputs, "an input reads nothing")
            return Placed(layer.shape, "given")
        case Conv() | Local():
            return place_kernels(layer, inputs)
        case FullyConnected():
            return place_fully_connected(layer, inputs)
        case TreeConnected():
            return place_tree(layer, one(inputs))
        case MaxPool() | AveragePool() | RandomPool():
            return place_pool(layer.window, layer.rule, one(inputs))
        case CrossMapPool():
            return place_cross_map_pool(layer, one(inputs))
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            return place_transform(layer, one(inputs))
        case CrossMapNorm():
            return _place_cross_map_norm(layer, one(inputs))
        case WithinMapNorm() | ContrastNorm():
            _check_norm(layer)
            return same(one(inputs))
        case Activation():
            wanted = PARAMETER_COUNT.get(layer.function, 0)
            require(
                len(layer.parameters) == wanted,
                f"{layer.function} has parameters {layer.parameters}; it takes {wanted}",
            )
            require(
                layer.function not in ("tanh", "soft-threshold") or layer.parameters[0] != 0,
                f"{layer.function} has a = 0; it divides by a",
            )
            return same(one(inputs))
        case Dropout():
            require(0 < layer.keep <= 1, f"keep is {layer.keep}; it must lie in (0, 1]")
            return same(one(inputs))
        case Softmax():
            shape = one(inputs)
            return Placed((elements(shape), 1, 1), f"one per unit of {text(shape)}")
        case Concat():
            return _place_concat(inputs)
        case ElementwiseSum():
            require(
                len(layer.coefficients) == len(inputs),
                f"{len(layer.coefficients)} coefficients for {len(inputs)} inputs; each needs one",
            )
            return _place_alike(inputs)
        case ElementwiseMax():
            return _place_alike(inputs)
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            check_loss(layer, inputs)
            return Placed((1, 1, 1), "one cost per picture")
        case _:
            assert_never(layer)


def _check_norm(layer: Norm) -> None:
    require(layer.size >= 1, f"size is {layer.size}; it must be at least 1")
    require(layer.alpha >= 0, f"alpha is {layer.alpha}; it must not be negative")
    require(layer.k > 0, f"k is {layer.k}; it must be positive, or a dark region divides by zero")


def _place_cross_map_norm(layer: CrossMapNorm, shape: Shape) -> Placed:
    _check_norm(layer)
    channels = shape[0]
    require(
        layer.groups >= 1 and channels % layer.groups == 0,
        f"groups is {layer.groups}, which does not divide its {channels} channels",
    )
    return same(shape)


def _place_concat(inputs: tuple[Shape, ...]) -> Placed:
    require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    require(
        len({shape[1:] for shape in inputs}) == 1,
        f"inputs {', '.join(map(text, inputs))} differ in height or width; stacked maps must agree",
    )
    channels = sum(shape[0] for shape in inputs)
    return Placed(
        (channels, *inputs[0][1:]), " + ".join(str(shape[0]) for shape in inputs) + " channels"
    )


def _place_alike(inputs: tuple[Shape, ...]) -> Placed:
    require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    require(
        len(set(inputs)) == 1,
        f"inputs {', '.join(map(text, inputs))} differ; element-wise layers need them alike",
    )
    return same(inputs[0])
