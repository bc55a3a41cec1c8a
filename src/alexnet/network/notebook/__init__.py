"""The 2012 run notes as data that can be searched: which run carries a printed result, and which
rate held when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal

from alexnet.network.notebook.remarks import CIFAR_NOTES, REMARKS
from alexnet.network.notebook.results import RUNS
from alexnet.network.notebook.rows import CifarNote, Formula, Remark, Run, Schedule, Start, Step
from alexnet.network.notebook.schedules import FORMULAS, SCHEDULES
from alexnet.network.spec import nearest

START = Start()
"""What the hand-lowered runs start from."""

PRINTED_PLACES = 6
"""Decimals of an error rate in the notes."""


class NotebookError(ValueError):
    """A run that the notes do not have: says what would be right."""


@dataclass(frozen=True, slots=True)
class Match:
    """A run, or a run less another, whose errors round to two printed ones.

    Attributes:
        run: the run.
        minus: the run it is compared with, or None.
        top1, top5: the errors, or their differences, in percent.
    """

    run: Run
    minus: Run | None
    top1: Decimal
    top5: Decimal


def fits(error: str | float, cases: int, places: int = PRINTED_PLACES) -> bool:
    """Whether an error rate can be a whole count out of `cases` at its printed precision.

    Args:
        error: a fraction; as text, or a number that its decimal form stands for.
        cases: how many pictures were counted.
        places: decimals that were printed.
    """
    rate = Decimal(str(error))
    count = (rate * cases).quantize(Decimal(1), ROUND_HALF_UP)
    return abs(count / cases - rate) <= Decimal(1).scaleb(-places) / 2


def prints_as(value: Decimal, text: str) -> bool:
    """Whether a value, rounded to the decimals of `text`, is printed so; halves go up."""
    printed = Decimal(text)
    return value.quantize(printed, ROUND_HALF_UP) == printed


def percent(error: float) -> Decimal:
    """A fraction as percent, exactly."""
    return Decimal(str(error)) * 100


def matches(
    top1: str, top5: str, *, minus: Run | None = None, runs: Iterable[Run] = RUNS
) -> tuple[Match, ...]:
    """Every run whose two errors round to the printed ones.

    Args:
        top1, top5: as printed, in percent.
        minus: a run to be subtracted; then only runs over as many cases are looked at.
        runs: where to look.
    """
    found: list[Match] = []
    for run in runs:
        if run.top1 is None or run.top5 is None or run is minus:
            continue
        errors = (percent(run.top1), percent(run.top5))
        if minus is not None:
            if run.cases != minus.cases or minus.top1 is None or minus.top5 is None:
                continue
            errors = (errors[0] - percent(minus.top1), errors[1] - percent(minus.top5))
        if prints_as(errors[0], top1) and prints_as(errors[1], top5):
            found.append(Match(run, minus, *errors))
    return tuple(found)


def schedule(run: str) -> Schedule:
    """The hand-made schedule of a run, by the notes' name for it.

    Raises:
        NotebookError: no such run; names the nearest.
    """
    for entry in SCHEDULES:
        if entry.run == run:
            return entry
    raise NotebookError(
        f"the notes have no hand-made schedule '{run}'"
        f"{nearest(run, [entry.run for entry in SCHEDULES])}"
    )


def formula(run: str) -> Formula:
    """The formula of a formula-driven run, by the notes' name for it.

    Raises:
        NotebookError: no such run; names the nearest.
    """
    for entry in FORMULAS:
        if entry.run == run:
            return entry
    raise NotebookError(
        f"the notes have no formula-driven run '{run}'"
        f"{nearest(run, [entry.run for entry in FORMULAS])}"
    )


def rate_at(entry: Schedule, epoch: float, layer: str, start: Start = START) -> float:
    """The learning rate of a layer's weights after the steps up to and including `epoch`.

    A layer whose rate was set to 0 stays frozen when the rates of all are lowered; only a step that
    names it thaws it.

    Args:
        entry: the schedule.
        epoch: in passes over the training set.
        layer: a layer's name, conv1a or fc1000 say.
        start: what holds before the first step.
    """
    rate = start.rate
    for step in entry.steps:
        if step.epoch > epoch or step.rate is None:
            continue
        if step.on and layer.startswith(step.on) or not step.on and rate != 0:
            rate = step.rate
    return rate


def noise_at(entry: Schedule, epoch: float, start: Start = START) -> float:
    """The colour noise after the steps up to and including `epoch`."""
    noise = start.colour_noise
    for step in entry.steps:
        if step.epoch <= epoch and step.noise is not None:
            noise = step.noise
    return noise


def ladder(entry: Formula) -> tuple[float, ...]:
    """The rates of a formula's constant stages, computed: base · factor^(−i / (levels − 1)).

    Empty for the continuous kinds (semantics file, section 9).
    """
    if entry.levels is None:
        return ()
    steps = entry.levels - 1
    return tuple(entry.base * entry.factor ** (-i / steps) for i in range(entry.levels))


def runs_tree(matched: dict[str, tuple[str, ...]] | None = None) -> dict[str, object]:
    """The whole notebook as a JSON tree with stable keys.

    Args:
        matched: by configuration and evaluation (see `key`), the claims that the run matches.
    """
    claims = matched or {}
    return {
        "runs": [{**_tree(run), "claims": list(claims.get(key(run), ()))} for run in RUNS],
        "schedules": [
            {**_tree(entry), "steps": [_tree(step) for step in entry.steps]} for entry in SCHEDULES
        ],
        "formulas": [_tree(entry) for entry in FORMULAS],
        "cifar": [_tree(note) for note in CIFAR_NOTES],
        "remarks": [_tree(remark) for remark in REMARKS],
    }


def key(run: Run) -> str:
    """What tells a row of the notes from all others."""
    return f"{run.config}, {run.trained_on}, {run.evaluated}"


def _tree(entry: Run | Schedule | Step | Formula | CifarNote | Remark) -> dict[str, object]:
    tree: dict[str, object] = {}
    for each in fields(entry):
        value: object = getattr(entry, each.name)
        tree[each.name] = [*value] if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType]
    return tree
