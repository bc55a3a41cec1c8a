"""`alexnet convert`: a network or a checkpoint written down in another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from alexnet import terminal
from alexnet.cli.arguments import ClassTree, Parameters, Side
from alexnet.cli.open import Opened, open_checkpoint, open_described
from alexnet.network.codec import to_json
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    from alexnet.formats.cuda_convnet.rules import Dialect


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command("convert", epilog="Example:  alexnet convert as_run layers-as-run.cfg")(convert)


def convert(
    source: Annotated[str, typer.Argument(help="A network's name or file, a checkpoint, a run.")],
    target: Annotated[
        Path, typer.Argument(help="What to write: .cfg, .json, .safetensors, or a model file.")
    ],
    kind: Annotated[
        str | None,
        typer.Option("--as", help="A model of cuda-convnet, 2012 or cuda-convnet2."),
    ] = None,
    parameters: Parameters = None,
    side: Side = None,
    class_tree: ClassTree = None,
) -> None:
    """Write a network as .cfg files or JSON, or a checkpoint in another format."""
    if kind is not None:
        _write_model(source, target, kind)
        return
    if target.suffix in (".cfg", ".json"):
        opened = open_described(source, side=side, parameters=parameters, class_tree=class_tree)
        write = _write_definition if target.suffix == ".cfg" else _write_description
        write(opened, target)
        return
    from alexnet.formats import write as write_checkpoint

    write_checkpoint(open_checkpoint(source), target)
    terminal.say(f"wrote {target}")


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


def _write_model(source: str, target: Path, kind: str) -> None:
    from alexnet.formats.cuda_convnet.model_file import write_model

    write_model(open_checkpoint(source), target, kind=_dialect(kind))
    terminal.say(f"wrote {target}")


def _dialect(text: str) -> Dialect:
    from alexnet.formats.cuda_convnet.rules import Dialect

    known: tuple[Dialect, ...] = get_args(Dialect)
    for dialect in known:
        if dialect == text:
            return dialect
    raise ValueError(f"no release is called '{text}'{nearest(text, list(known))}")
