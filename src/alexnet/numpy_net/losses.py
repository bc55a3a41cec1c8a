"""The costs of each picture and their gradients; no coefficient and no mean over the batch here.

Gradients flow to what the network says, never to labels, targets or gates. In cuda-convnet those
come with the data; only a gate that some layer computes would get one there (layer.cu, cost.gsum2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

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
from alexnet.numpy_net.subsets import Places, marginals
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
            cost = -(layer.positive_weight * on + off).sum(axis=1)
        case SumOfSquaresLoss():
            cost = (_flat(inputs[0]) ** 2).sum(axis=1)
        case GatedSumOfSquaresLoss():
            gate, outputs = map(_flat, inputs)
            cost = (gate * outputs**2).sum(axis=1)
        case RobustLoss():
            targets, outputs = map(_flat, inputs)
            cost = np.log(1 + (outputs - targets) ** 2).sum(axis=1)
        case SubsetSoftmaxLoss():
            scores, places = _flat(inputs[1]), _label_places(inputs)
            every, _ = marginals(scores, layer.set_size)
            holding, _ = marginals(scores, layer.set_size, places)
            cost = every - holding
        case _:
            assert_never(layer)
    return cost.reshape(-1, 1, 1, 1)


def costs_backward(layer: Loss, inputs: Sequence[Array], gradient: Array) -> list[Array]:
    """One gradient per input; labels, targets and gates get zeros.

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
            on = layer.positive_weight * targets
            slope = _over(1 - targets, 1 - outputs) - _over(on, outputs)
        case SumOfSquaresLoss():
            slope = 2 * _flat(inputs[0])
        case GatedSumOfSquaresLoss():
            gate, outputs = map(_flat, inputs)
            slope = 2 * gate * outputs
        case RobustLoss():
            targets, outputs = map(_flat, inputs)
            slope = 2 * (outputs - targets) / (1 + (outputs - targets) ** 2)
        case SubsetSoftmaxLoss():
            scores, places = _flat(inputs[1]), _label_places(inputs)
            _, every = marginals(scores, layer.set_size)
            _, holding = marginals(scores, layer.set_size, places)
            slope = every - holding
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


def _label_places(inputs: Sequence[Array]) -> Places:
    """Indices of each picture's own label in what the network says, flattened."""
    labels = _flat(inputs[0])[:, 0].astype(np.intp)
    return np.arange(len(labels)), labels
