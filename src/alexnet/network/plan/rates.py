"""Which batch, learning rate and warm-up go with many devices, and who found so: advice with its
sources, from what was published; nothing is tried here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

REFERENCE_BATCH, REFERENCE_RATE = 128, 0.01
"""Of the 2012 paper (§5), with momentum 0.9."""

ALEXNET_LINEAR = 1024
"""The largest batch of Krizhevsky's table (arXiv 1404.5997), at about 1% more top-1 error; and the
one to which linear scaling served this network before LARS (You's thesis, Berkeley)."""

GOYAL = 8192
"""Up to which linear scaling with warm-up kept ResNet-50's error (Goyal et al. 2017)."""

WARM_UP_EPOCHS = 5
"""As Goyal et al. 2017."""

Means = Literal["as in 2012", "linear", "LARS or warm-up", "LARS"]


@dataclass(frozen=True, slots=True)
class Rates:
    """How to learn with a batch.

    Attributes:
        batch: pictures a step.
        factor: times the batch of 2012.
        linear: the learning rate that grows as the batch does.
        root: the one that grows with its square root, which keeps the variance of a step's change.
        steps_per_epoch, warm_up_steps: the warm-up is 0 where none is asked for.
        means: what the rates of training ask for.
        sentence: why, with sources.
    """

    batch: int
    factor: float
    linear: float
    root: float
    steps_per_epoch: int
    warm_up_steps: int
    means: Means
    sentence: str


def rates(batch: int, pictures: int) -> Rates:
    """Advice for batches of `batch` out of `pictures`."""
    factor = batch / REFERENCE_BATCH
    each = math.ceil(pictures / batch)
    means, sentence = _means(batch)
    warm_up = 0 if means in ("as in 2012", "linear") else WARM_UP_EPOCHS * each
    linear, root = REFERENCE_RATE * factor, REFERENCE_RATE * math.sqrt(factor)
    return Rates(batch, factor, linear, root, each, warm_up, means, sentence)


def _means(batch: int) -> tuple[Means, str]:
    if batch <= REFERENCE_BATCH:
        return "as in 2012", "no larger than the batch of the 2012 paper (§5)"
    if batch <= ALEXNET_LINEAR:
        return "linear", (
            "Krizhevsky 2014 (arXiv 1404.5997) trained this network with batches up to 1,024 so:"
            " theory asks for the square root, in practice the factor itself served better; top-1"
            " error rose by about 1%"
        )
    if batch <= GOYAL:
        return "LARS or warm-up", (
            "linear scaling with 5 epochs of warm-up kept ResNet-50's error up to 8,192 (Goyal et"
            " al. 2017, arXiv 1706.02677), but may diverge with AlexNet; LARS kept AlexNet's up to"
            " 8,192 (You et al. 2017, arXiv 1708.03888)"
        )
    return "LARS", (
        "beyond 8,192 plain scaling is not known to hold: LARS (You et al. 2017, arXiv 1708.03888)"
        " kept AlexNet's error up to 8,192 and ResNet-50's up to 32,768; expect to tune"
    )
