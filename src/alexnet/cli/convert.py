"""`alexnet convert`: a network or a checkpoint written down in another form."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
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
    from alexnet.formats import Checkpoint, Written
    from alexnet.formats.cuda_convnet.rules import Dialect

    Writer = Callable[[Checkpoint, Path], Written]

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
            " mean=none|NUMBERS|FILE, bias=unshared, alpha=divided, dropout=train, rule=caffe.",
        ),
    ] = None,
    graph_of_bytes: Annotated[
        bool, typer.Option("--bytes", help="Of .onnx: the graph takes pictures of bytes.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read it back and compare what both say of pictures.")
    ] = False,
    parameters: Parameters = None,
    side: Side = None,
    class_tree: ClassTree = None,
) -> None:
    """Write a network, or a checkpoint, in another format."""
    path = _destination(target, hub)
    asked = variants.changes(settings or [])
    describes = hub is None and kind is None and path.suffix in DESCRIPTIONS
    fitted = {"--params": parameters, "--input": side, "--class-tree": class_tree}
    _refuse(fitted, not describes, "goes with .cfg and .json; weights are not fitted to it")
    _refuse({"--weights": weights}, describes, f"goes with weights; {path.suffix} holds none")
    _refuse({"--bytes": graph_of_bytes or None}, path.suffix != ".onnx", "goes with .onnx")
    with inside_shown(f"convert {source} {'--hub ' if hub else ''}{path}"):
        if describes:
            opened = open_described(
                source, side=side, parameters=parameters, class_tree=class_tree, whose=whose
            )
            _write_described(variants.described(opened, asked), path, check)
            return
        write = _writer(path, hub, kind, graph_of_bytes)
        checkpoint = open_checkpoint(source, weights=weights, whose=whose)
    _write_checkpoint(checkpoint, asked, path, write, check)


def _refuse(options: dict[str, object], wrong: bool, why: str) -> None:
    """Raises ValueError where one of these options was given and has no say."""
    for option, given in options.items():
        if wrong and given is not None:
            raise ValueError(f"{option} {why}")


def _destination(target: Path | None, hub: Path | None) -> Path:
    if (target is None) == (hub is None):
        raise ValueError("name what to write: a TARGET file, or --hub DIR, and not both")
    chosen = target or hub
    assert chosen is not None, "one of them was given"
    return chosen


def _writer(path: Path, hub: Path | None, kind: str | None, graph_of_bytes: bool) -> Writer:
    """What writes the format that is asked for, known before anything is read.

    Raises:
        ValueError: there is none.
    """
    from alexnet.formats import hub as folders
    from alexnet.formats import onnx, written_by
    from alexnet.formats.cuda_convnet.model_file import write_model

    if hub is not None:
        return folders.write_hub
    if kind is not None:
        return partial(write_model, kind=_dialect(kind))
    if graph_of_bytes:
        return partial(onnx.write_model, preprocessing=True)
    write = written_by(path).write
    assert write is not None, "only formats that are written are found"
    return write


# --- networks without weights ---------------------------------------------------------------------


def _write_described(opened: Opened, target: Path, check: bool) -> None:
    write = _write_definition if target.suffix == ".cfg" else _write_description
    write(opened, target)
    if check:
        side = opened.network.picture.shape[1] if target.suffix == ".cfg" else None
        back = open_described(str(target), side=side).network
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
    write: Writer,
    check: bool,
) -> None:
    """Writes it after the changes asked for; each is told, and what the files cannot hold."""
    answers = checking.Answers(checkpoint) if check else None
    for said, changed in variants.changed(checkpoint, asked):
        checkpoint = changed
        if answers is not None:
            _tell(f"{said}:", answers.difference(checkpoint))
    written = write(checkpoint, target)
    for note in written.notes:
        terminal.warn(note)
    for path in written.files:
        terminal.say(f"wrote {path}")
    if answers is not None:
        check_written(checkpoint, answers, target)


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
