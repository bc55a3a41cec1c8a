"""The further losses of the 2012 code: against numbers written out by hand, sums over every
possibility, and finite differences.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Activation,
    BinaryCrossEntropyLoss,
    GatedSumOfSquaresLoss,
    Input,
    RobustLoss,
    SubsetSoftmaxLoss,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import RunError, backward, forward
from alexnet.numpy_net.windows import Array
from numpy_net.by_hand import gradients, maps, output
from numpy_net.differences import Arrays, check


def test_positive_targets_weigh_more_by_their_weight() -> None:
    loss = BinaryCrossEntropyLoss(name="loss", reads=("t", "y"), positive_weight=3)
    targets, outputs = maps(1, 0, 0.5), maps(0.5, 0.25, 0.2)
    expected = -(3 * math.log(0.5) + math.log(0.75) + 1.5 * math.log(0.2) + 0.5 * math.log(0.8))
    assert output(loss, targets, outputs).item() == pytest.approx(expected)
    found = gradients(loss, 1, targets, outputs)
    assert found["y"].ravel().tolist() == pytest.approx([-6, 4 / 3, -1.5 / 0.2 + 0.5 / 0.8])
    assert not found["t"].any()


def test_gated_sum_of_squares() -> None:
    loss = GatedSumOfSquaresLoss(name="loss", reads=("gate", "y"))
    gates, outputs = np.array([2.0, 0]).reshape(2, 1, 1, 1), np.ones((2, 3, 1, 1))
    outputs[0, 1] = -4
    assert output(loss, gates, outputs).ravel().tolist() == [2 * (1 + 16 + 1), 0]
    found = gradients(loss, 1, gates, outputs)
    assert found["y"].reshape(2, 3).tolist() == [[4, -16, 4], [0, 0, 0]]
    assert not found["gate"].any()


def test_the_robust_loss_grows_like_a_logarithm() -> None:
    loss = RobustLoss(name="loss", reads=("t", "y"))
    targets, outputs = maps(0, 1, 5), maps(1, -2, 5)
    expected = math.log(2) + math.log(10)
    assert output(loss, targets, outputs).item() == pytest.approx(expected)
    found = gradients(loss, 1, targets, outputs)
    assert found["y"].ravel().tolist() == pytest.approx([2 / 2, -6 / 10, 0])
    assert not found["t"].any()


def by_enumeration(scores: Array, label: int, size: int) -> tuple[float, Array]:
    """The cost of one picture and its gradient, over every set of `size` classes there is."""
    classes = range(len(scores))
    sets = {each: math.exp(scores[list(each)].sum()) for each in combinations(classes, size)}
    total = sum(sets.values())
    holding = sum(weight for each, weight in sets.items() if label in each)
    inside = [sum(w for each, w in sets.items() if i in each) / total for i in classes]
    beside = [
        sum(w for each, w in sets.items() if i in each and label in each) / holding for i in classes
    ]
    return -math.log(holding / total), np.array(inside) - np.array(beside)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_subset_softmax_is_what_every_set_gives_together(classes: int) -> None:
    generator = np.random.default_rng(classes)
    scores, labels = generator.normal(size=(4, classes)), generator.integers(0, classes, 4)
    for size in range(1, classes):
        loss = SubsetSoftmaxLoss(name="loss", reads=("label", "x"), set_size=size)
        given = labels.reshape(4, 1, 1, 1).astype(float), scores.reshape(4, classes, 1, 1)
        cost, found = output(loss, *given), gradients(loss, 1, *given)
        assert not found["label"].any()
        for i in range(4):
            expected, slope = by_enumeration(scores[i], int(labels[i]), size)
            assert cost[i].item() == pytest.approx(expected, rel=1e-12)
            assert np.allclose(found["x"][i].ravel(), slope, rtol=1e-10, atol=1e-14)


def test_subset_softmax_of_large_scores_is_finite() -> None:
    loss = SubsetSoftmaxLoss(name="loss", reads=("label", "x"), set_size=2)
    # {0, 1} and {0, 2} weigh e^17000 each; the best set that holds class 3, {0, 3}, e^16000
    given = np.full((1, 1, 1, 1), 3.0), maps(9000, 8000, 8000, 7000)
    assert output(loss, *given).item() == pytest.approx(1000 + math.log(2))
    found = gradients(loss, 1, *given)["x"].ravel()
    assert found.tolist() == pytest.approx([0, 0.5, 0.5, -1])


def test_subset_softmax_refuses_labels_beyond_its_classes() -> None:
    loss = SubsetSoftmaxLoss(name="loss", reads=("label", "x"), set_size=1)
    with pytest.raises(RunError, match="label 2 is none of its 2 classes"):
        output(loss, maps(2), maps(1, 1))


@pytest.mark.parametrize(
    "loss",
    [
        BinaryCrossEntropyLoss(
            name="loss", reads=("given", "y"), coefficient=2, positive_weight=2.5
        ),
        GatedSumOfSquaresLoss(name="loss", reads=("given", "y"), coefficient=2),
        RobustLoss(name="loss", reads=("given", "y"), coefficient=2),
        SubsetSoftmaxLoss(name="loss", reads=("given", "y"), set_size=2, coefficient=2),
    ],
    ids=lambda loss: loss.kind,
)
def test_gradients_of_losses_are_exact(loss: Any) -> None:
    generator = np.random.default_rng(6)
    alike = isinstance(loss, BinaryCrossEntropyLoss | RobustLoss)
    given = generator.random((3, 4 if alike else 1, 1, 1))
    if isinstance(loss, SubsetSoftmaxLoss):
        given = np.array([0.0, 3, 2])
    layers = (
        Input(name="x", shape=(4, 1, 1)),
        Input(name="given", shape=(4 if alike else 1, 1, 1), content="labels"),
        Activation(name="y", reads=("x",), function="logistic"),
        loss,
    )
    network, picture = Network("head", layers), generator.normal(size=(3, 4, 1, 1))

    def objective(values: Arrays) -> float:
        return 2 * float(forward(network, {}, {"given": given} | values)["loss"].mean())

    found = backward(network, {}, forward(network, {}, {"x": picture, "given": given}))
    check(objective, {"x": picture}, found.layers)
