"""`alexnet convert`: a network or a checkpoint written down in another form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from alexnet import terminal
from alexnet.cli import checking, variants
from alexnet.cli.arguments import ClassTree, Parameters, Side, Weights, Whose
from alexnet.cli.open import Opened, open_checkpoint, open_described
from alexnet.cli.unknown import inside_shown
from alexnet.network.codec import to_json
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    from alexnet.formats import Checkpoint, Format, Written
    from alexnet.formats.cuda_convnet.rules import Dialect

DESCRIPTIONS = (".cfg", ".json")
"""Endings of files that hold a network and no weights."""


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command(
        "convert",
        epilog="Examples:  alexnet convert as_run layers.cfg · alexnet convert a.pth a.onnx",
    )(convert)


def convert(
    source: Annotated[str, typer.Argument(help="A network's name or file, a checkpoint, a run.")],
    target: Annotated[
        Path | None, typer.Argument(help="What to write; its ending says in which format.")
    ] = None,
    hub: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a folder as the Hugging Face hub has them."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--as", help="A model of cuda-convnet, 2012 or cuda-convnet2."),
    ] = None,
    whose: Whose = None,
    weights: Weights = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V",
            help="Another form of the same: towers=1, channels=BGR, white=255, deviation=none,"
            " mean=none|NUMBERS|FILE, bias=unshared, alpha=divided, dropout=train.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read it back and compare what both say of pictures.")
    ] = False,
    parameters: Parameters = None,
    side: Side = None,
    class_tree: ClassTree = None,
) -> None:
    """Write a network, or a checkpoint, in another format."""
    path = _destination(target, hub)
    with inside_shown(f"convert {source} {'--hub ' if hub else ''}{path}"):
        if hub is None and kind is None and path.suffix in DESCRIPTIONS:
            for option, given in (("--set", settings), ("--weights", weights)):
                if given:
                    raise ValueError(f"{option} goes with weights, and {path.suffix} holds none")
            opened = open_described(
                source, side=side, parameters=parameters, class_tree=class_tree, whose=whose
            )
            _write_described(opened, path, check)
            return
        for option, given in (
            ("--params", parameters),
            ("--input", side),
            ("--class-tree", class_tree),
        ):
            if given is not None:
                raise ValueError(f"{option} goes with .cfg and .json; weights are not fitted to it")
        asked = variants.changes(settings or [])
        form = None if kind else _format(path, hub)
        checkpoint = open_checkpoint(source, weights=weights, whose=whose)
    _write_checkpoint(checkpoint, asked, path, form, kind, check)


def _destination(target: Path | None, hub: Path | None) -> Path:
    if (target is None) == (hub is None):
        raise ValueError("name what to write: a TARGET file, or --hub DIR, and not both")
    chosen = target or hub
    assert chosen is not None, "one of them was given"
    return chosen


def _format(path: Path, hub: Path | None) -> Format:
    from alexnet.formats import hub as folders
    from alexnet.formats import written_by

    return written_by(path) if hub is None else folders.FORMAT


# --- networks without weights ---------------------------------------------------------------------


def _write_described(opened: Opened, target: Path, check: bool) -> None:
    write = _write_definition if target.suffix == ".cfg" else _write_description
    write(opened, target)
    if check:
        back = open_described(str(target)).network
        same = back.layers == opened.network.layers
        if not same:
            terminal.say(f"check: it reads back as another network than {opened.network.name}")
            raise typer.Exit(1)
        terminal.say("check: every layer reads back equal")


def _write_definition(opened: Opened, target: Path) -> None:
    from alexnet.formats.cuda_convnet import definition_warnings, write_definition

    rules = opened.definition.rules if opened.definition else None
    written = write_definition(opened.network, target, rules=rules)
    for warning in definition_warnings(opened.network):
        terminal.warn(warning)
    for path in written:
        terminal.say(f"wrote {path}")


def _write_description(opened: Opened, target: Path) -> None:
    from alexnet.formats.atomic import replacing

    with replacing(target) as temporary:
        temporary.write_text(to_json(opened.network, indent=1) + "\n", encoding="utf-8")
    terminal.say(f"wrote {target}")


# --- checkpoints ----------------------------------------------------------------------------------


def _write_checkpoint(
    checkpoint: Checkpoint,
    asked: list[tuple[str, variants.Change]],
    target: Path,
    form: Format | None,
    kind: str | None,
    check: bool,
) -> None:
    """Writes it as `form`, or as a model of the release `kind`, after the changes asked for."""
    answers = checking.Answers(checkpoint) if check else None
    for said, changed in variants.changed(checkpoint, asked):
        checkpoint = changed
        if answers is not None:
            _tell(f"{said}:", answers.difference(checkpoint))
    written = _written(checkpoint, target, form, kind)
    for note in written.notes:
        terminal.warn(note)
    for path in written.files:
        terminal.say(f"wrote {path}")
    if answers is not None:
        check_written(checkpoint, answers, target)


def _written(
    checkpoint: Checkpoint, target: Path, form: Format | None, kind: str | None
) -> Written:
    if form is None or form.write is None:
        from alexnet.formats.cuda_convnet.model_file import write_model

        return write_model(checkpoint, target, kind=_dialect(kind or ""))
    return form.write(checkpoint, target)


def check_written(checkpoint: Checkpoint, answers: checking.Answers, target: Path) -> None:
    """Reads the file back and compares. Bare arrays are taken as the network's that was written and
    shown what it expects, which their files do not say.
    """
    from alexnet.formats import Beside, read, recognised, torchvision, weight_files

    bare = recognised(target) in (torchvision.FORMAT, weight_files.NPY, weight_files.NPZ)
    back = read(target, beside=Beside(network=checkpoint.network) if bare else Beside())
    _tell("check: read back,", answers.difference(back, shown=checkpoint if bare else None))


def _tell(what: str, difference: float) -> None:
    """Says the difference; where it is no rounding, the verb ends in status 1."""
    terminal.say(f"{what} {checking.told(difference)}")
    if not difference <= checking.FAR or math.isnan(difference):
        raise ValueError(f"that is no rounding: {checking.FAR:g} is the most that is called so")


def _dialect(text: str) -> Dialect:
    from alexnet.formats.cuda_convnet.rules import Dialect

    known: tuple[Dialect, ...] = get_args(Dialect)
    for dialect in known:
        if dialect == text:
            return dialect
    raise ValueError(f"no release is called '{text}'{nearest(text, list(known))}")
