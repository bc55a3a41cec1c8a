"""How the learning rate changes over a run: schedules as values, and the one function that reads
them. The base rate is the recipe's; a schedule gives the factor on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, assert_never


class ScheduleError(ValueError):
    """A schedule that cannot be followed: says what it says and what would be right."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The base rate throughout (cuda-convnet's `default`, cuda-convnet2's `const`)."""

    kind: ClassVar[str] = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """From `at_epochs[i]` on, `factors[i]` times the base rate; before the first, the base rate.

    The 2012 notebook changed rates by hand; #145 is at_epochs (25, 51, 79) with factors (.1, .01,
    .001).
    """

    kind: ClassVar[str] = "steps"
    at_epochs: tuple[float, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises ScheduleError unless both are of one length and the epochs rise."""
        if len(self.at_epochs) != len(self.factors):
            raise ScheduleError(
                f"steps has {len(self.at_epochs)} at_epochs and {len(self.factors)} factors; give"
                " one factor for each"
            )
        if list(self.at_epochs) != sorted(set(self.at_epochs)):
            raise ScheduleError(f"at_epochs is {self.at_epochs}; it must rise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Divided by `divisor` whenever the validation error has not fallen for `patience_epochs`.

    §5: the rate "was divided by 10 when the validation error rate stopped improving with the
    current learning rate", three times; the paper does not say how long it waited.
    """

    kind: ClassVar[str] = "plateau"
    divisor: float
    patience_epochs: int
    times: int

    def __post_init__(self) -> None:
        """Raises ScheduleError where a value is out of its range."""
        if self.divisor <= 0 or self.patience_epochs < 1 or self.times < 0:
            raise ScheduleError(
                f"plateau has divisor {self.divisor}, patience_epochs {self.patience_epochs}, times"
                f" {self.times}; they must be above 0, at least 1 and at least 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """In a straight line from the base rate to base / `divisor` (lr.cu)."""

    kind: ClassVar[str] = "linear"
    divisor: float

    def __post_init__(self) -> None:
        """Raises ScheduleError where a value is out of its range."""
        _check_divisor(self.kind, self.divisor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """base · divisor^-progress (lr.cu, `exp`)."""

    kind: ClassVar[str] = "exponential"
    divisor: float

    def __post_init__(self) -> None:
        """Raises ScheduleError where a value is out of its range."""
        _check_divisor(self.kind, self.divisor)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteExponential:
    """`stages` equally long stages from base to base / divisor, evenly in the logarithm (`dexp`).

    With `jumpy` the second half of a stage runs at the geometric mean with the stage before, while
    0.2 < progress < 0.9 (`jdexp`).
    """

    kind: ClassVar[str] = "discrete-exponential"
    divisor: float
    stages: int
    jumpy: bool

    def __post_init__(self) -> None:
        """Raises ScheduleError where a value is out of its range."""
        _check_divisor(self.kind, self.divisor)
        if self.stages < 2:
            raise ScheduleError(f"stages is {self.stages}; it must be at least 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCycle:
    """Up from 0 in a straight line over `warm_up_share` of the run, then in one down to 0."""

    kind: ClassVar[str] = "one-cycle"
    warm_up_share: float

    def __post_init__(self) -> None:
        """Raises ScheduleError where a value is out of its range."""
        if not 0 <= self.warm_up_share < 1:
            raise ScheduleError(
                f"warm_up_share is {self.warm_up_share}; it must be at least 0 and less than 1"
            )


Schedule = Constant | Steps | Plateau | Linear | Exponential | DiscreteExponential | OneCycle


@dataclass(frozen=True, slots=True)
class Unchanged:
    """No schedule of its own: a layer's that has the recipe's, a phase's that changes none."""

    kind: ClassVar[str] = "unchanged"


HAIR = 1e-9
"""Of an epoch: what rounding may take from a moment that is meant to lie at an epoch's start."""


def factor(
    schedule: Schedule, *, progress: float, epochs: int, validation_errors: Sequence[float] = ()
) -> float:
    """What the base rate is multiplied by.

    Args:
        schedule: the schedule.
        progress: how much of the run is done, 0 to 1 (see `Batches.moment`).
        epochs: of the whole run.
        validation_errors: after each epoch so far; only `Plateau` looks at them.
    """
    match schedule:
        case Constant():
            return 1.0
        case Steps():
            reached = sum(at <= progress * epochs + HAIR for at in schedule.at_epochs)
            return schedule.factors[reached - 1] if reached else 1.0
        case Plateau():
            return schedule.divisor ** -reductions(schedule, validation_errors)
        case Linear():
            return (1 - progress) + progress / schedule.divisor
        case Exponential():
            return schedule.divisor**-progress
        case DiscreteExponential():
            return _discrete(schedule, progress)
        case OneCycle():
            warm_up = schedule.warm_up_share
            return progress / warm_up if progress < warm_up else (1 - progress) / (1 - warm_up)
        case _:
            assert_never(schedule)


def reductions(schedule: Plateau, validation_errors: Sequence[float]) -> int:
    """How many times a plateau has been met: no error below the best for `patience_epochs`."""
    best, stalled, found = math.inf, 0, 0
    for error in validation_errors:
        stalled = 0 if error < best else stalled + 1
        best = min(best, error)
        if stalled == schedule.patience_epochs:
            found, stalled = found + 1, 0
    return min(found, schedule.times)


def _discrete(schedule: DiscreteExponential, progress: float) -> float:
    """Stage i lasts while progress <= (i + 1) / stages (lr.cu, DiscreteExpLRS, JumpyDiscreteExpLRS
    variant 2).
    """
    stages, last = schedule.stages, schedule.stages - 1
    stage = next((i for i in range(last) if progress <= (i + 1) / stages), last)
    level = schedule.divisor ** -(stage / last)
    second_half = stage > 0 and 0.2 < progress < 0.9 and progress > (stage + 0.5) / stages
    if schedule.jumpy and second_half:
        return math.sqrt(level * schedule.divisor ** -((stage - 1) / last))
    return level


def _check_divisor(kind: str, divisor: float) -> None:
    if divisor <= 0:
        raise ScheduleError(f"{kind} has divisor {divisor}; it must be above 0")
