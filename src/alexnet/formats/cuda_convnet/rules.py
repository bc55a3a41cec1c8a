"""What a parameter file says of learning, as plain values: rates, momentum, decay, limits and
schedules of every layer. It reads no file and teaches nothing; `training.original` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ScheduleKind = Literal["constant", "linear", "exp", "dexp", "jdexp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSchedule:
    """What becomes of a base rate over a run (semantics file, section 9).

    Attributes:
        kind: cuda-convnet's name; "constant" is its `default` and cuda-convnet2's `const`.
        factor: the first rate over the last (`tgtFactor`).
        stages: constant stages of dexp and jdexp (`numSteps`), else 0.
        noise: every use multiplies the rate by 1 + |N(0, 1)| · noise (`noiseStdev`).
    """

    kind: ScheduleKind = "constant"
    factor: float = 1.0
    stages: int = 0
    noise: float = 0.0


CONSTANT = RateSchedule()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRules:
    """How the weights of one input of a layer move.

    Attributes:
        lr, momentum, weight_decay: `epsW`, `momW`, `wc`; a base rate of 0 freezes.
        schedule: of the rate (2012: `schedW`; cuda-convnet2 writes it into `epsW`).
        ball: the number written as `wball`, 0 for none.
        norm_minimum, norm_maximum: `wcNormMin` and `wcNormMax`, 0 for none.
    """

    lr: float
    momentum: float
    weight_decay: float
    schedule: RateSchedule = CONSTANT
    ball: float = 0.0
    norm_minimum: float = 0.0
    norm_maximum: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRules:
    """How one layer with weights learns.

    Attributes:
        layer: its name.
        weights: one entry per input, in order.
        bias_lr, bias_momentum: `epsB`, `momB`; biases have no decay (semantics file, section 5).
        bias_schedule: `schedB`, or what cuda-convnet2 writes into `epsB`.
        update_period: gradients of so many batches are added up before an update
            (cuda-convnet2's `updatePeriod`; 0 and 1 are every batch).
    """

    layer: str
    weights: tuple[WeightRules, ...]
    bias_lr: float
    bias_momentum: float
    bias_schedule: RateSchedule = CONSTANT
    update_period: int = 1


Dialect = Literal["cuda-convnet", "2012", "cuda-convnet2"]
"""Whose files: the first release, the code of 2012 and 2013, or the second release. They differ in
what a `wball` means: 2012 multiplies it by the weights per filter and only scales down,
cuda-convnet2 sets every filter to exactly that norm (semantics file, section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRules:
    """All that a parameter file says of learning; layers that it does not name are not listed."""

    dialect: Dialect
    layers: tuple[LayerRules, ...]
