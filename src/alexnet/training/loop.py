"""train(): a network learns from pictures by a recipe, straight down the page. How a step is made
and what is kept of it are in `learner` and `run_folder`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch

from alexnet.evaluation import Tally, evaluate
from alexnet.evaluation.sharding import Counted, shard, summed
from alexnet.formats import Checkpoint, write
from alexnet.images import PictureSet
from alexnet.images.learnable import Pictures, decoded
from alexnet.network.spec import Network
from alexnet.torch_net.precision import Precision
from alexnet.training.background_saving import BackgroundSaving
from alexnet.training.batches import share
from alexnet.training.beginning import (
    check_alike,
    check_fit,
    held_out,
    make_folder,
    make_learner,
    newest_of,
    own_device,
    with_a_loss,
)
from alexnet.training.distributed import ALONE, Group
from alexnet.training.events import EpochDone, Evaluating, Notice, Report, StepDone, silent
from alexnet.training.learner import Held, Learner, Step
from alexnet.training.progress import Progress, fingerprint, resumed_progress
from alexnet.training.recipe import Recipe
from alexnet.training.run_folder import CLOCK, RunFolder
from alexnet.training.run_lock import RunLock
from alexnet.training.splitting import Split


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        finished: whether all epochs are done; otherwise it was asked to stop, and can be resumed.
        epochs, steps: done in all.
        checkpoint: the final one, or the one to resume from.
        validation: after the last epoch, where there are validation pictures.
        test: of a finished run, where there are test pictures.
        message: a sentence for a person.
    """

    finished: bool
    epochs: int
    steps: int
    checkpoint: Path
    validation: Tally | None
    test: Tally | None
    message: str


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """When a run writes things down.

    Attributes:
        save_epochs: a checkpoint that later ones replace, every so many epochs.
        save_steps: the same every so many steps within an epoch; None for never.
        keep_epochs: a checkpoint that stays, every so many epochs; None for never.
        row_steps: a row of metrics every so many steps.
    """

    save_epochs: int = 1
    save_steps: int | None = None
    keep_epochs: int | None = None
    row_steps: int = 50


class _Stopped(Exception):
    """Somebody asked to stop."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


def train(
    network: Network,
    pictures: Pictures,
    recipe: Recipe,
    folder: Path,
    *,
    validation: Pictures | None = None,
    test: Pictures | None = None,
    start: Checkpoint | None = None,
    resume: bool = False,
    report: Report = silent,
    stop: Callable[[], bool] = never,
    intervals: Intervals = Intervals(),  # noqa: B008  # frozen
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    group: Group = ALONE,
    parts: int = 1,
    split: Split = "data",
    clock: Callable[[], float] = time.perf_counter,
) -> Outcome:
    """Teaches `network` the labels of `pictures`, and writes all that happens into `folder`.

    On one machine's CPU a run that was stopped and resumed gives the metrics and the weights, bit
    for bit, of one that was not.

    Args:
        network: without a loss it is given one (`edit.with_loss`), and that is said.
        pictures: at `recipe.picture_side(network)` pixels. Those of a store are read while it
            learns, and the mean is the store's.
        recipe: how to learn.
        folder: of the run; it must hold none, or with `resume` this very one, at rest.
        validation: classified after every epoch; None holds out the recipe's share of `pictures`.
        test: classified once, at the end.
        start: its arrays of the same name and shape are taken, others drawn; its contract holds.
        resume: go on from the newest whole checkpoint of `folder`.
        report: what is told how it goes.
        stop: asked after every step; when it says so, the run is saved and left.
        intervals: how often things are written down.
        device: where the network runs.
        precision: of the arithmetic in a step; a run goes on in the one that it was begun in.
        group: the processes that learn together and all call this alike; rank 0 alone reports and
            touches `folder`. The steps are one process's but for rounding.
        parts, split: into which each divides its pictures of a batch; what all divide among them.
        clock: seconds, for speeds.

    Raises:
        RunError, RecipeError, EvaluationError: folder, recipe or pictures do not fit.
        SourceError: a store has no mean of such pictures, or a record that cannot be decoded.
        DivergedError: the loss or a weight is no longer finite; nothing is saved from then on.
        FormatError: a checkpoint could not be written before this step; those before it stay.
        GroupError: another process is gone, or met a mistake.
    """
    report = report if group.leads else silent
    learned, own = with_a_loss(network, report), own_device(device, group)
    if validation is None and recipe.validation_share:
        pictures, validation = held_out(pictures, recipe, report)
    with RunLock(folder, report) as lock:
        newest = group.lead(lambda: newest_of(lock, recipe, learned, report, resume, precision))
        with group.agreed():
            begin = (newest or start, own, precision, report, group, parts, split)
            learner = make_learner(learned, pictures, recipe, *begin)
            check_fit(learner, validation, test)
        with BackgroundSaving(RunFolder(folder), learner.room() if group.leads else {}) as saving:
            run = _Run(learner, saving, folder, validation, test, report, stop, clock, intervals)
            check_alike(run.progress.pictures, group)
            if resume:
                _go_on(run, newest)
            else:
                make_folder(lock, learner, run.progress, started=start is not None)
            return _learn(run, recipe.epochs)


class _Run:
    """A run that goes on: `progress` and `tally` (the last validation's) move, the rest stays."""

    def __init__(
        self,
        learner: Learner,
        saving: BackgroundSaving,
        folder: Path,
        validation: Pictures | None,
        test: Pictures | None,
        report: Report,
        stop: Callable[[], bool],
        clock: Callable[[], float],
        intervals: Intervals,
    ) -> None:
        """Stands before the first step."""
        self.learner, self.group = learner, learner.group
        self.saving, self.folder = saving, RunFolder(folder)
        self.validation, self.test = validation, test
        self.report, self.stop, self.clock = report, stop, clock
        self.intervals, self.began, self.saving_seconds = intervals, clock(), 0.0
        self.progress = Progress(pictures=fingerprint(_as_set(learner.batches.pictures)))
        self.tally: Tally | None = None

    def add_row(self, row: dict[str, object], clock: dict[str, float]) -> None:
        """Writes a row of metrics and counts it; what tells the time stands apart: seconds since
        the run was begun or gone on with, and of those the ones in which steps waited for
        checkpoints.
        """
        seconds = {"seconds": self.clock() - self.began, "saving_seconds": self.saving_seconds}
        if self.group.leads:
            self.folder.append({**row, CLOCK: {**seconds, **clock}})
        self.progress = self.progress.with_row()


def _learn(run: _Run, epochs: int) -> Outcome:
    """From where the run stands to its end, or to where it is asked to stop."""
    try:
        while run.progress.epoch < epochs:
            _finish_steps(run)
            run.tally = _classify(run, "validation")
            _end_epoch(run)
        return _finish(run)
    except _Stopped:
        saved = _save(run, keep=False)
        run.group.lead(run.saving.flush)
        return _outcome(run, saved, None, f"stopped after step {run.progress.total_steps:,}")


def _as_set(pictures: Pictures) -> PictureSet:
    """What a fingerprint is taken of: it asks for no more of a set than a store's pictures have."""
    return cast("PictureSet", pictures)


def _go_on(run: _Run, newest: Checkpoint | None) -> None:
    """Puts the run where its newest checkpoint was written, and forgets what came after."""
    path = run.folder.path
    if newest is None or newest.training is None:
        run.report(Notice(f"{path}: holds no checkpoint yet; beginning at the first step"))
    else:
        run.learner.restore(newest.training)
        pictures = _as_set(run.learner.batches.pictures)
        with run.group.agreed():
            run.progress = resumed_progress(newest.training.progress, pictures, str(path))
        run.report(Notice(f"{path}: going on after step {run.progress.total_steps:,}"))
    run.group.lead(lambda: run.folder.truncate(run.progress.rows))


def _finish_steps(run: _Run) -> None:
    """The steps that are left of the epoch."""
    batches, every = run.learner.batches, run.intervals
    order = batches.order(run.progress.epoch)
    began, shown = run.clock(), 0
    with batches.reading(order, run.progress.step):
        while run.progress.step < batches.steps:
            step = run.learner.step(run.progress, order)
            run.progress = step.progress
            shown += step.seen
            speed = shown / max(run.clock() - began, 1e-9)
            _tell_step(run, step, speed)
            stopped, failed = run.group.any(run.stop(), run.saving.failed)
            if failed:
                run.group.lead(run.saving.flush)
            if stopped:
                raise _Stopped
            if every.save_steps and run.progress.total_steps % every.save_steps == 0:
                _save(run, keep=False)


def _tell_step(run: _Run, step: Step, speed: float) -> None:
    progress, recipe, batches = run.progress, run.learner.recipe, run.learner.batches
    if progress.total_steps % run.intervals.row_steps == 0:
        run.add_row(
            {
                "kind": "step",
                "epoch": progress.epoch + 1,
                "step": progress.total_steps,
                "loss": step.loss,
                "lr": step.lr,
            },
            {"images_per_second": speed},
        )
    run.report(
        StepDone(
            epoch=progress.epoch + 1,
            epochs=recipe.epochs,
            step=progress.step,
            steps=batches.steps,
            loss=step.loss,
            lr=step.lr,
            images_per_second=speed,
        )
    )


def _classify(run: _Run, what: Literal["validation", "test"]) -> Tally | None:
    """How often the network is right about the pictures; None where there are none."""
    pictures = run.validation if what == "validation" else run.test
    if pictures is None:
        return None
    group, expected = run.group, len(pictures)
    if group.alone or run.learner.is_split:  # who holds a part has to see all pictures
        return _tally(run, what, pictures)
    own = share(expected, group.ranks.rank, group.ranks.count)
    tally, stopped = None, False
    try:
        tally = _tally(run, what, shard(pictures, own)) if own.start < own.stop else None
    except _Stopped:
        stopped = True
    if any(group.any(stopped)):
        raise _Stopped
    counted = Counted(start=own.start, stop=own.stop, tally=tally)
    return summed(group.gather(counted), expected)


def _tally(run: _Run, what: Literal["validation", "test"], pictures: Pictures) -> Tally:
    """How often the network is right about those that this process sees."""
    batches, tallies = run.learner.batches, list[Tally]()
    for part in decoded(pictures):

        def tell(done: int, _: int, before: int = sum(tally.seen for tally in tallies)) -> None:
            run.report(Evaluating(what=what, done=before + done, total=len(pictures)))
            stopped = run.stop()
            if any(run.group.any(stopped)) if run.learner.is_split else stopped:
                raise _Stopped

        with run.group.watched():
            found = evaluate(
                *(run.learner.module, part, batches.contract),
                mean_image=batches.mean_image,
                progress=tell,
            )
        tallies.append(found)
    return sum(tallies[1:], tallies[0])


def _end_epoch(run: _Run) -> None:
    """The epoch's row of metrics, and its checkpoint where one is due."""
    done, tally = run.progress, run.tally
    loss, error = done.loss_sum / done.seen, (done.seen - done.right1) / done.seen
    epoch, epochs = done.epoch + 1, run.learner.recipe.epochs
    row: dict[str, object] = {
        "kind": "epoch",
        "epoch": epoch,
        "step": done.total_steps,
        "train_loss": loss,
        "train_error": error,
    }
    if tally is not None:
        row |= {"validation_error": tally.error1, "validation": asdict(tally)}
    run.progress = done.after_epoch(None if tally is None else tally.error1)
    run.add_row(row, {})
    run.report(
        EpochDone(epoch=epoch, epochs=epochs, train_loss=loss, train_error=error, validation=tally)
    )
    keep = run.intervals.keep_epochs is not None and epoch % run.intervals.keep_epochs == 0
    if keep or epoch % run.intervals.save_epochs == 0 or epoch == epochs:
        _save(run, keep=keep)


def _finish(run: _Run) -> Outcome:
    """The final checkpoint, and the test where there are pictures for it."""
    held = run.learner.held()
    run.group.lead(lambda: _write_final(run, held))
    tally = _classify(run, "test")
    if tally is not None:
        row = {"kind": "test", "test_error": tally.error1, "test": asdict(tally)}
        run.add_row(row, {})
    if run.tally is None:  # a finished run was resumed
        run.tally = _classify(run, "validation")
    return _outcome(run, run.folder.final, tally, f"finished {run.progress.epoch} epochs")


def _write_final(run: _Run, held: Held | None) -> None:
    assert held is not None, "the process that leads holds all"
    run.saving.flush()
    whole = run.learner.checkpoint(held, run.progress)
    write(replace(whole, training=None), run.folder.final)


def _save(run: _Run, *, keep: bool) -> Path:
    """Has a checkpoint written, and waits no longer than for a copy of it, and the one before."""
    began, step, held = run.clock(), run.progress.total_steps, run.learner.held()

    def save() -> Path:
        assert held is not None, "the process that leads holds all"
        return run.saving.save(run.learner.checkpoint(held, run.progress), step, keep=keep)

    path = run.group.lead(save)
    run.saving_seconds += run.clock() - began
    return path


def _outcome(run: _Run, checkpoint: Path, test: Tally | None, message: str) -> Outcome:
    return Outcome(
        finished=checkpoint == run.folder.final,
        epochs=run.progress.epoch,
        steps=run.progress.total_steps,
        checkpoint=checkpoint,
        validation=run.tally,
        test=test,
        message=message,
    )
