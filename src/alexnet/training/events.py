"""What a run says while it goes on: a closed union of frozen values, handed to one callable. How
they are shown is the command line's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from alexnet.evaluation import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """One update was made; epochs and steps count from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    lr: float
    images_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone:
    """One cycle is over: the mean loss and error of its augmented batches, and of the validation
    pictures as they are (None where there are none).
    """

    epoch: int
    epochs: int
    train_loss: float
    train_error: float
    validation: Tally | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluating:
    """`done` of `total` pictures were classified."""

    what: Literal["validation", "test"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that a person should read."""

    text: str


Event = StepDone | EpochDone | Evaluating | Notice
Report = Callable[[Event], None]


def silent(_: Event) -> None:
    """Says nothing."""
