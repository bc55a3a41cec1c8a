"""The learning-rate schedules of the 2012 run notes as recipes, by the run's name or number: rates
lowered by hand become phases, formulas become schedules.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import assert_never

from alexnet.network.notebook import START, NotebookError
from alexnet.network.notebook.rows import Formula, Schedule, Step
from alexnet.network.notebook.schedules import FORMULAS, SCHEDULES
from alexnet.network.spec import nearest
from alexnet.training import schedule as schedules
from alexnet.training.phases import Phase
from alexnet.training.rates import LayerRates
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import DiscreteExponential, Exponential, Linear, Unchanged

FORMULA_EPOCHS = 95.0
"""The end of runs that followed a formula: what the notes compare #169 and its relatives over. Of
the others they give no end."""

SEPARATE_BIAS_SCHEDULES = 165
"""The first run whose parameter file has a `schedB`: dexp by 10 in two stages. Earlier ones have
one `sched`, which is taken for that of the weights."""


def notebook_recipe(recipe: Recipe, run: str, epochs: int) -> Recipe:
    """The recipe with the rates and the colour noise of a run of the notes, over `epochs`.

    What the notes do at an epoch is done at the same share of the run: their end becomes `epochs`.
    Where they give no end, the last step's epoch is taken for it, which then comes too late to be
    made; formulas end at FORMULA_EPOCHS.

    Biases start at twice the rate; where rates were lowered by hand they stay there, since the
    notes speak of epsW only (semantics file, "differences", 4). Those of a layer whose rate is set
    to 0 freeze with it, since every released parameter file with an epsW of 0 has an epsB of 0 in
    the same section.

    Args:
        recipe: everything else, momentum, decay and limits among it; what its `layers` say of rates
            and schedules goes.
        run: a name as in `network.notebook`, or a number that is one run's alone, as 145.
        epochs: to be run.

    Raises:
        NotebookError: no such run, or several; names them.
    """
    entry = _entry(run)
    scale = epochs / run_epochs(run)
    started = replace(
        recipe,
        epochs=epochs,
        colour_noise=START.colour_noise,
        layers=_without_rates(recipe.layers),
    )
    match entry:
        case Schedule():
            return replace(
                started,
                lr=START.rate,
                bias_lr=START.bias_rate,
                schedule=schedules.Constant(),
                phases=tuple(phase for step in entry.steps for phase in _phase(step, scale)),
            )
        case Formula():
            return replace(
                started,
                lr=entry.base,
                bias_lr=2 * entry.base,
                schedule=_schedule(entry, entry.factor),
                layers=(_bias_schedule(entry), *started.layers),
                phases=_formula_phases(entry, scale),
            )
        case _:
            assert_never(entry)


def run_name(run: str) -> str:
    """The notes' name for a run.

    Raises:
        NotebookError: no such run, or several; names them.
    """
    return _entry(run).run


def run_epochs(run: str) -> float:
    """Where a run's schedule ends, in epochs; see `notebook_recipe`.

    Raises:
        NotebookError: no such run, or several; names them.
    """
    entry = _entry(run)
    match entry:
        case Schedule():
            return entry.end or max(step.epoch for step in entry.steps)
        case Formula():
            stated = re.search(r"(\d+) epochs", f"{entry.run} {entry.note}")
            return float(stated.group(1)) if stated else FORMULA_EPOCHS
        case _:
            assert_never(entry)


def left_out(run: str) -> tuple[str, ...]:
    """What the notes tell of a run that `notebook_recipe` does not do, for people.

    Raises:
        NotebookError: no such run, or several; names them.
    """
    entry = _entry(run)
    found = [entry.note] if entry.note else []
    if isinstance(entry, Schedule):
        found += [f"epoch {step.epoch:g}: {step.note}" for step in entry.steps if step.note]
    return tuple(found)


def _entry(run: str) -> Schedule | Formula:
    """The run of that name; else the one that is so called but for a remark in brackets; else the
    only one whose name begins so.
    """
    runs: tuple[Schedule | Formula, ...] = (*SCHEDULES, *FORMULAS)
    called = (
        [entry for entry in runs if entry.run == run]
        or [entry for entry in runs if entry.run.partition(" (")[0] == run]
        or [entry for entry in runs if re.match(rf"{re.escape(run)}(?![0-9])", entry.run)]
    )
    if not called:
        raise NotebookError(
            f"the notes have no schedule of a run '{run}'{nearest(run, [e.run for e in runs])}"
        )
    if len(called) > 1:
        raise NotebookError(
            f"the notes have schedules of several runs '{run}':"
            f" {'; '.join(entry.run for entry in called)}; name one of them in full"
        )
    return called[0]


def _phase(step: Step, scale: float) -> list[Phase]:
    """A step as a phase; none where it did something else."""
    if step.rate is None and step.noise is None:
        return []
    return [
        Phase(
            at_epoch=step.epoch * scale,
            layers=tuple(f"{beginning}*" for beginning in step.on),
            lr=step.rate,
            bias_lr=0.0 if step.rate == 0 else None,
            colour_noise=step.noise,
        )
    ]


def _formula_phases(entry: Formula, scale: float) -> tuple[Phase, ...]:
    found: list[Phase] = []
    if entry.noise_off is not None:
        found.append(Phase(at_epoch=entry.noise_off * scale, colour_noise=0.0))
    if entry.conv1_frozen is not None:
        frozen = entry.conv1_frozen * scale
        found.append(Phase(at_epoch=frozen, layers=("conv1*",), lr=0.0, bias_lr=0.0))
    if entry.then is not None:
        epoch, factor = entry.then
        found.append(Phase(at_epoch=epoch * scale, schedule=_schedule(entry, factor)))
    return tuple(found)


def _schedule(entry: Formula, factor: float) -> schedules.Schedule:
    match entry.kind:
        case "linear":
            return Linear(divisor=factor)
        case "exp":
            return Exponential(divisor=factor)
        case "dexp" | "jdexp":
            assert entry.levels is not None, f"run {entry.run} has constant stages"
            return DiscreteExponential(
                divisor=factor, stages=entry.levels, jumpy=entry.kind == "jdexp"
            )
        case _:
            assert_never(entry.kind)


def _bias_schedule(entry: Formula) -> LayerRates:
    number = re.match(r"\d+", entry.run)
    assert number, f"run {entry.run} has a number"
    if int(number.group()) < SEPARATE_BIAS_SCHEDULES:
        return LayerRates(layers="*", bias_schedule=schedules.Constant())
    own = DiscreteExponential(divisor=10.0, stages=2, jumpy=False)
    return LayerRates(layers="*", bias_schedule=own)


def _without_rates(layers: tuple[LayerRates, ...]) -> tuple[LayerRates, ...]:
    """The entries less what they say of rates; none that says nothing more."""
    bare = [
        replace(
            entry,
            lr=None,
            bias_lr=None,
            schedule=Unchanged(),
            bias_schedule=Unchanged(),
            noise=None,
            bias_noise=None,
        )
        for entry in layers
    ]
    return tuple(entry for entry in bare if entry.said().keys() - {"layers", "input"})
