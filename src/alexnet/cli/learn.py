"""`alexnet train`: opens pictures, network and recipe, runs the loop and shows how it goes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from alexnet import terminal
from alexnet.cli import arguments
from alexnet.cli.batch_size import settings_of, with_batch_size
from alexnet.cli.choices import choose_precision
from alexnet.cli.open import Opened, open_beginning, open_described, stored
from alexnet.cli.processes import (
    INTERRUPTED,
    WAITING_SECONDS,
    Accumulate,
    OneWeirdTrick,
    Processes,
    Restarts,
    SaveSteps,
    Timeout,
    Towers,
    cores,
    ranks_here,
    speaking,
    split_of,
)
from alexnet.cli.recipes import FOR_DATA, choose_recipe
from alexnet.cli.tables import ledger_table
from alexnet.network.edit import with_classes, with_input
from alexnet.network.ledger import ledger
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from alexnet.evaluation import Tally
    from alexnet.formats import Checkpoint
    from alexnet.images import PictureSet, Source
    from alexnet.images.learnable import Pictures
    from alexnet.images.loader import Loader
    from alexnet.torch_net.precision import Precision
    from alexnet.training.distributed import Group
    from alexnet.training.events import Event
    from alexnet.training.loop import Intervals, Outcome
    from alexnet.training.recipe import Recipe
    from alexnet.training.splitting import Split


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command(
        "train",
        epilog="Example:  alexnet train digits --run runs/digits",
        short_help="Teach a network the pictures of DATA; Ctrl-C saves.",
    )(train)


def train(
    data: Annotated[str, typer.Argument(help="digits, cifar10, or a path to pictures.")],
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name or file (default: by the data)."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="How to learn (default: by the data).")
    ] = None,
    settings: arguments.Settings = None,
    start: arguments.Start = None,
    freeze: arguments.Freeze = None,
    parameters: arguments.Parameters = None,
    side: arguments.Side = None,
    class_tree: arguments.ClassTree = None,
    order: arguments.Order = None,
    notebook: arguments.Notebook = None,
    run: arguments.Run = None,
    resume: arguments.Resume = False,
    save_every: arguments.SaveEvery = 1,
    save_steps: SaveSteps = None,
    keep_every: arguments.KeepEvery = None,
    data_folder: arguments.DataFolder = None,
    batch_size: arguments.BatchSize = None,
    accumulate: Accumulate = 1,
    precision: arguments.Arithmetic = "auto",
    processes: Processes = None,
    towers: Towers = None,
    one_weird_trick: OneWeirdTrick = False,
    restarts: Restarts = 0,
    timeout: Timeout = WAITING_SECONDS,
    as_json: arguments.Json = False,
) -> None:
    """Teach a network the pictures of DATA. Ctrl-C saves the run and leaves."""
    from alexnet.training.distributed import joined
    from alexnet.training.loop import Intervals

    ranks = ranks_here(processes, restarts)
    with joined(ranks, timeout_seconds=timeout) as group, speaking(group):
        with group.agreed():
            begun = open_beginning(start, network) if start else None
            opened = _network(network, data, begun, parameters, side, class_tree)
            described = opened.network
            split = split_of(described, towers, one_weird_trick)
            chosen = choose_recipe(
                *(recipe, data, described, opened.definition),
                begun=begun.network if begun else None,
                settings=[*(settings or []), *settings_of(batch_size)],
                notebook=notebook,
                order=order,
                freeze=freeze or [],
            )
            folder = run or Path("runs") / f"{Path(data).stem}-{described.name}"
        resumed = group.lead(lambda: _resumed(folder, resume, group))
        arithmetic: Precision = group.lead(lambda: _arithmetic(precision, described, resumed))
        with group.agreed():
            source = _open_source(data, data_folder)
            fitted = _fitted(described, source)
            shown = _shown(data, source, fitted, chosen, group)
        count = len(shown.pictures)
        chosen = group.lead(
            lambda: with_batch_size(chosen, batch_size, fitted, arithmetic, count, resumed)
        )
        resume = resumed is not None
        asked = _Asked(fitted, begun, chosen, folder, resume, arithmetic, accumulate, split)
        every = Intervals(save_epochs=save_every, save_steps=save_steps, keep_epochs=keep_every)
        _learn(asked, shown, every, group, data, as_json)


class _Asked(NamedTuple):
    """What is to be learned, how, and where it is written."""

    network: Network
    begun: Checkpoint | None
    recipe: Recipe
    folder: Path
    resume: bool
    arithmetic: Precision
    parts: int
    split: Split


_BY: dict[Split, str] = {
    "data": "",
    "towers": ", its towers apart",
    "one-weird-trick": ", by one weird trick",
}
"""How each split is said aloud."""


def _learn(
    asked: _Asked, shown: _Shown, every: Intervals, group: Group, data: str, as_json: bool
) -> None:
    """Runs the loop and shows how it goes."""
    from alexnet.torch_net.allocation import keep_memory
    from alexnet.training.loop import train as learn
    from alexnet.training.stopping import stop_on_signals

    said = f"{len(shown.pictures):,} pictures{_judged_by(shown.validation, asked.recipe)}"
    by = "" if group.alone else f" by {group.ranks.count} processes"
    by += _BY[asked.split]
    what = f"learning {asked.network.name} in {asked.arithmetic} from {said}{by}"
    _say(as_json, f"{what}; run in {asked.folder}")
    keep_memory()
    with terminal.bar("training", "steps") as advance, stop_on_signals() as stop:
        outcome = learn(
            *(asked.network, shown.pictures, asked.recipe, asked.folder),
            validation=shown.validation,
            test=shown.test,
            start=asked.begun,
            resume=asked.resume,
            report=lambda event: _show(event, advance, as_json),
            stop=stop,
            intervals=every,
            precision=asked.arithmetic,
            group=group,
            parts=asked.parts,
            split=asked.split,
        )
    _conclude(outcome, asked.network, asked.folder, data, as_json)


def _resumed(folder: Path, resume: bool, group: Group) -> Path | None:
    """The folder of a run that is to go on: asked for, or begun by this launch of processes, which
    were begun anew, or by one of the same name; else None, and it holds no run.

    Raises:
        RunError: it holds one.
    """
    from alexnet.training.run_folder import begun_by, check_free

    ranks = group.ranks
    if resume or ((ranks.restarts or ranks.named) and begun_by(folder, ranks.launch)):
        return folder
    check_free(folder)
    return None


def _network(
    name: str | None,
    data: str,
    begun: Checkpoint | None,
    parameters: Path | None,
    side: int | None,
    class_tree: Path | None,
) -> Opened:
    if name is None and begun is not None:
        return Opened(network=begun.network if side is None else with_input(begun.network, side))
    asked = name or FOR_DATA.get(data, ("paper", ""))[0]
    return open_described(asked, side=side, parameters=parameters, class_tree=class_tree)


def _open_source(data: str, data_folder: Path | None) -> Source:
    """The data; a folder's split into training and test is the data's own, whatever the seed."""
    from alexnet.images import open_source

    source = open_source(data, data_folder=data_folder)
    if source.note:
        terminal.warn(source.note)
    return source


def _fitted(network: Network, source: Source) -> Network:
    """The network with an output per class; a change is said aloud."""
    classes = len(source.classes)
    outputs = elements(network.shape(network.outputs.name))
    if outputs == classes:
        return network
    terminal.warn(
        f"the data have {classes} classes and {network.name} {outputs} outputs; "
        f"its last fully-connected layer gets {classes}"
    )
    return with_classes(network, classes)


def _arithmetic(asked: str, network: Network, resumed: Path | None) -> Precision:
    """The precision asked for; auto of a run that goes on is the one that it was begun in."""
    from alexnet.training.run_folder import holds_run, stored_precision

    if asked == "auto" and resumed is not None and holds_run(resumed):
        return choose_precision(stored_precision(resumed), network)
    return choose_precision(asked, network)


class _Shown(NamedTuple):
    """What to learn from, what to be judged by after every epoch (None: the recipe's share of the
    first), and what to be tested on.
    """

    pictures: Pictures
    validation: Pictures | None
    test: Pictures | None


def _shown(data: str, source: Source, network: Network, recipe: Recipe, group: Group) -> _Shown:
    """A store's own pictures are read while the network learns; all others are decoded first."""
    workers = max(1, cores() // group.ranks.local_count)
    loader = _store_loader(data, network, recipe, workers)
    if loader is not None:
        terminal.warn("the store's pictures are read while the network learns")
        return _Shown(loader.pictures("train"), loader.labelled("val"), loader.labelled("test"))
    pictures, test = _load(source, network, recipe)
    return _Shown(pictures, None, test if len(test) else None)


def _store_loader(data: str, network: Network, recipe: Recipe, workers: int) -> Loader | None:
    """Reads DATA ahead by so many workers; None where it is no store, or, said aloud, one of
    pictures that the network does not take as they are.
    """
    from alexnet.images.loader import taught_from

    store = stored(data)
    if store is None:
        return None
    channels, side = network.picture.shape[0], recipe.picture_side(network)
    loader = taught_from(store, channels=channels, side=side, workers=workers)
    if loader is None and side != store.manifest.side:
        terminal.warn(
            f"{data}: has pictures of {store.manifest.side} pixels and {network.name} learns from"
            f" {side}, so all are decoded first; a store made with --side {side} is read ahead"
        )
    return loader


def _judged_by(validation: Pictures | None, recipe: Recipe) -> str:
    if validation is not None:
        return f", {len(validation):,} of val to be judged by"
    return f", {recipe.validation_share:.0%} held out" if recipe.validation_share else ""


def _load(source: Source, network: Network, recipe: Recipe) -> tuple[PictureSet, PictureSet]:
    """The training and the test pictures, decoded; what could not be decoded is reported."""
    from alexnet.images import load

    channels = network.picture.shape[0]
    loaded: list[PictureSet] = []
    for name, split in (("training", source.train), ("test", source.test)):
        with terminal.bar(f"decoding {name} pictures") as advance:
            pictures = load(
                split,
                channels=channels,
                side=recipe.picture_side(network),
                progress=advance,
            )
        loaded.append(pictures)
        for rejected in pictures.rejected[:5]:
            terminal.warn(f"left out: {rejected.name}: {rejected.reason}")
        if len(pictures.rejected) > 5:
            terminal.warn(f"left out {len(pictures.rejected):,} {name} pictures in all")
    return loaded[0], loaded[1]


def _show(event: Event, advance: terminal.Advance, quiet: bool) -> None:
    """One event of the loop, on the bar or as a line."""
    from alexnet.training.events import EpochDone, Evaluating, Notice, StepDone

    match event:
        case StepDone():
            done = (event.epoch - 1) * event.steps + event.step
            text = (
                f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}  rate {event.lr:.2g}"
                f"  {event.images_per_second:,.0f} images/s"
            )
            advance(done, event.epochs * event.steps, text)
        case EpochDone():
            validation = (
                f"  validation error {event.validation.error1:.2%}" if event.validation else ""
            )
            _say(
                quiet,
                f"epoch {event.epoch:>3}/{event.epochs}  loss {event.train_loss:.4f}  "
                f"training error {event.train_error:.2%}{validation}",
            )
        case Evaluating():
            advance(event.done, event.total, f"{event.what} pictures")
        case Notice():
            terminal.warn(event.text)


def _say(quiet: bool, line: str) -> None:
    """A line of progress: on standard error where standard output is for JSON."""
    print(line, file=sys.stderr if quiet else sys.stdout, flush=True)


def _conclude(outcome: Outcome, network: Network, folder: Path, data: str, as_json: bool) -> None:
    """The ledger and the test error of a finished run, or how to go on with a stopped one."""
    if as_json:
        terminal.print_json(_tree(outcome, folder))
    elif outcome.finished:
        terminal.show(ledger_table(ledger(network)))
        if outcome.test:
            terminal.say(f"test error {tally_text(outcome.test)}")
        terminal.say(f"run folder {folder}; checkpoint {outcome.checkpoint}")
    if not outcome.finished:
        terminal.warn(outcome.message)
        again = [word for word in sys.argv[1:] if word != "--resume"]
        terminal.warn(f"to go on: {shlex.join(['alexnet', *again, '--resume'])}")
        raise typer.Exit(INTERRUPTED)


def tally_text(tally: Tally) -> str:
    """Both errors with their counts: 2.22% (8 of 360), top-5 0.00% (0)."""
    wrong1, wrong5 = tally.seen - tally.right1, tally.seen - tally.right5
    return (
        f"{tally.error1:.2%} ({wrong1:,} of {tally.seen:,}), "
        f"top-{tally.top} {tally.error5:.2%} ({wrong5:,})"
    )


def tally_tree(tally: Tally | None) -> dict[str, object] | None:
    """A tally as JSON: counts first, errors as shares."""
    return tally and {
        "seen": tally.seen,
        "right_top1": tally.right1,
        "right_top5": tally.right5,
        "error_top1": tally.error1,
        "error_top5": tally.error5,
        "top": tally.top,
    }


def _tree(outcome: Outcome, folder: Path) -> dict[str, object]:
    return {
        "finished": outcome.finished,
        "epochs": outcome.epochs,
        "steps": outcome.steps,
        "run": str(folder),
        "checkpoint": str(outcome.checkpoint),
        "validation": tally_tree(outcome.validation),
        "test": tally_tree(outcome.test),
    }
