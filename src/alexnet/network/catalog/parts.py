"""The few layers that every net of the family shares; it makes no network itself."""

from __future__ import annotations

from alexnet.network.layers import (
    Activation,
    Constant,
    Layer,
    LogisticLoss,
    Softmax,
)

ONE, ZERO = Constant(1.0), Constant(0.0)


def relu(name: str, reads: str, tower: int | None = None) -> Activation:
    """The paper's non-linearity, max(0, x)."""
    return Activation(name=name, reads=(reads,), tower=tower, function="relu", source="§3.1")


def classify(scores: str, top: int = 5) -> list[Layer]:
    """Softmax and the loss that every net of the family ends in."""
    return [
        Softmax(name="probs", reads=(scores,)),
        LogisticLoss(name="logprob", reads=("labels", "probs"), top=top),
    ]
