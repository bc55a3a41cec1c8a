"""What each loss asks of what it reads."""

from __future__ import annotations

from typing import assert_never

from alexnet.network.layers import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    GatedSumOfSquaresLoss,
    LogisticLoss,
    Loss,
    RobustLoss,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
)
from alexnet.network.shapes import Shape, elements, one, require, text


def check_loss(layer: Loss, inputs: tuple[Shape, ...]) -> None:
    """Raises LayerError where a loss does not fit what it reads."""
    match layer:
        case LogisticLoss():
            classes = _check_labelled(inputs, "a softmax")
            require(
                1 <= layer.top <= classes,
                f"top is {layer.top}; it must lie in 1 … {classes}, the classes",
            )
        case SubsetSoftmaxLoss():
            classes = _check_labelled(inputs, "scores")
            require(
                1 <= layer.set_size < classes,
                f"set_size is {layer.set_size}; it must lie in 1 … {classes - 1}",
            )
        case CrossEntropyLoss() | BinaryCrossEntropyLoss() | RobustLoss():
            _check_two(inputs, "targets", "outputs")
            require(
                elements(inputs[0]) == elements(inputs[1]),
                f"targets {text(inputs[0])} and outputs {text(inputs[1])} differ; make them alike",
            )
        case GatedSumOfSquaresLoss():
            _check_two(inputs, "a gate", "what it gates")
            require(
                elements(inputs[0]) == 1,
                f"its gate has shape {text(inputs[0])}; one number per picture is needed",
            )
        case SumOfSquaresLoss():
            one(inputs)
        case _:
            assert_never(layer)


def _check_two(inputs: tuple[Shape, ...], first: str, second: str) -> None:
    require(len(inputs) == 2, f"reads {len(inputs)} layers; it reads {first}, then {second}")


def _check_labelled(inputs: tuple[Shape, ...], outputs: str) -> int:
    """How many classes there are; the first input must be one label per picture."""
    _check_two(inputs, "labels", outputs)
    require(
        elements(inputs[0]) == 1,
        f"its labels have shape {text(inputs[0])}; one label per picture is needed",
    )
    return elements(inputs[1])
