"""The costs of each picture and their gradients; no coefficient and no mean over the batch here.

Gradients flow to what the network says, never to labels or targets, as in cuda-convnet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from alexnet.network.layers import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    LogisticLoss,
    Loss,
    SumOfSquaresLoss,
)
from alexnet.numpy_net.windows import Array

LOG_OF_ZERO = -50.0
"""What the cross-entropies take for log 0 (cuda-convnet layer_kernels.cu, safelog)."""


def costs(layer: Loss, inputs: Sequence[Array]) -> Array:
    """The cost of every picture, as (pictures, 1, 1, 1)."""
    match layer:
        case LogisticLoss():
            with np.errstate(divide="ignore"):  # 2012 has no floor under this log
                cost = -np.log(_flat(inputs[1])[_label_places(inputs)])
        case CrossEntropyLoss():
            targets, outputs = map(_flat, inputs)
            cost = -(targets * safe_log(outputs)).sum(axis=1)
        case BinaryCrossEntropyLoss():
            targets, outputs = map(_flat, inputs)
            on, off = targets * safe_log(outputs), (1 - targets) * safe_log(1 - outputs)
            cost = -(on + off).sum(axis=1)
        case SumOfSquaresLoss():
            cost = (_flat(inputs[0]) ** 2).sum(axis=1)
        case _:
            assert_never(layer)
    return cost.reshape(-1, 1, 1, 1)


def costs_backward(layer: Loss, inputs: Sequence[Array], gradient: Array) -> list[Array]:
    """One gradient per input; labels and targets get zeros.

    Where a cross-entropy meets log 0, its floored cost is constant and the gradient here is 0; 2012
    divides by zero there.
    """
    match layer:
        case LogisticLoss():
            places = _label_places(inputs)
            slope = np.zeros_like(_flat(inputs[1]))
            with np.errstate(divide="ignore"):
                slope[places] = -1 / _flat(inputs[1])[places]
        case CrossEntropyLoss():
            targets, outputs = map(_flat, inputs)
            slope = -_over(targets, outputs)
        case BinaryCrossEntropyLoss():
            # signs as in cuda-convnet2's cost.bce; 2012's path past logistic units has one wrong
            targets, outputs = map(_flat, inputs)
            slope = _over(1 - targets, 1 - outputs) - _over(targets, outputs)
        case SumOfSquaresLoss():
            slope = 2 * _flat(inputs[0])
        case _:
            assert_never(layer)
    blind = [np.zeros_like(each) for each in inputs[:-1]]
    return [*blind, slope.reshape(inputs[-1].shape) * gradient]


def safe_log(values: Array) -> Array:
    """log, with −50 for the log of what is not positive."""
    positive = values > 0
    return np.where(positive, np.log(np.where(positive, values, 1)), LOG_OF_ZERO)


def _over(targets: Array, outputs: Array) -> Array:
    """t / y, and 0 where log y is floored."""
    positive = outputs > 0
    return np.where(positive, targets / np.where(positive, outputs, 1), 0)


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1)


def _label_places(inputs: Sequence[Array]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of each picture's own label in the flat probabilities."""
    labels = _flat(inputs[0])[:, 0].astype(np.intp)
    return np.arange(len(labels)), labels
