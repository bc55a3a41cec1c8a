"""The shapes of what the 2012 run notes record: a result, a schedule and its steps, a remark.

They hold no data; `notebook_results` and `notebook_schedules` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MULTIVIEW = 10
"""Views of one picture in a multiview test: five positions and their mirror images."""


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded result.

    Attributes:
        config: the run's configuration, as the notes call it.
        trained_on, evaluated: as the notes have them; "by fit", "fits" and "implied" mark what
            only the counts or the neighbouring notes tell.
        logprob: mean negative log-probability in nats, or None.
        top1, top5: error rates as fractions at six decimals, or None.
        cases: the set size that both error rates fit as counts (see `notebook.fits`), or None.
        remark: what else the notes or the counts tell.
    """

    config: str
    trained_on: str
    evaluated: str
    logprob: float | None
    top1: float | None
    top5: float | None
    cases: int | None = None
    remark: str = ""

    @property
    def evaluated_set(self) -> Literal["validation", "test"] | None:
        """The set that the notes name; None where they name none."""
        if self.evaluated.startswith("validation"):
            return "validation"
        return "test" if self.evaluated.startswith("test") else None

    @property
    def views(self) -> int | None:
        """Views of one picture whose probabilities were averaged; None where not stated."""
        if self.evaluated.startswith("not stated"):
            return None
        if "multiview" in self.evaluated:
            return MULTIVIEW
        return 1 if "centre" in self.evaluated or "single view" in self.evaluated else None


@dataclass(frozen=True, slots=True)
class Start:
    """What the hand-lowered runs start from unless their steps say otherwise."""

    rate: float = 0.01
    bias_rate: float = 0.02
    weight_decay: float = 0.0005
    momentum: float = 0.9
    colour_noise: float = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """A change that was made by hand.

    Attributes:
        epoch: when, in passes over the training set; 0 is the run's own start.
        rate: the new learning rate of the weights, or None where the rates stay.
        on: beginnings of the names of the layers it holds for; empty for all that still learn.
        noise: the new colour noise (0 is off), or None where it stays.
        note: what else was done.
    """

    epoch: float
    rate: float | None
    on: tuple[str, ...] = ()
    noise: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run whose rates were lowered by hand.

    Attributes:
        run: the configuration and branch.
        steps: in the order in which the notes list them.
        end: the last epoch, or None where it is not noted.
        fate: "killed", "on hold", "lost" and the like; empty for a run that finished.
        note: what the steps cannot say.
    """

    run: str
    steps: tuple[Step, ...]
    end: float | None
    fate: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """A run whose rate followed a formula of its progress.

    Attributes:
        run: the configuration and branch.
        kind: linear, exponential, its discrete form, or that with half steps.
        factor: the first rate over the last.
        levels: how many constant stages; None for the continuous kinds.
        base: the first rate of the weights; the biases' is twice as high.
        ladder: the rates of the stages as the notes round them; empty for the continuous kinds.
        noise_off, conv1_frozen: epochs at which the colour noise and the first layer's rate were
            set to 0 by hand, or None.
        then: an epoch and the factor that holds from it on, or None.
        note: what else is recorded.
    """

    run: str
    kind: Literal["linear", "exp", "dexp", "jdexp"]
    factor: float
    levels: int | None
    base: float
    ladder: tuple[float, ...]
    noise_off: int | None
    conv1_frozen: int | None
    then: tuple[int, float] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CifarNote:
    """A CIFAR-10 test error (a fraction) stated for a released configuration, or None."""

    config: str
    error: float | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the notes tell of a run only in words, in ours."""

    run: str
    says: str


def usual(frozen: tuple[str, ...], *epochs: float) -> tuple[Step, ...]:
    """The ladder that most runs went down, as far as the epochs given reach.

    All layers to .001, then to .0001; the `frozen` layers to .00001 with the colour noise off,
    then to 0; at last the others to .00001.
    """
    ladder: tuple[tuple[float, tuple[str, ...], float | None], ...] = (
        (1e-3, (), None),
        (1e-4, (), None),
        (1e-5, frozen, 0.0),
        (0.0, frozen, None),
        (1e-5, (), None),
    )
    return tuple(
        Step(epoch, rate, on, noise)
        for epoch, (rate, on, noise) in zip(epochs, ladder, strict=False)
    )
