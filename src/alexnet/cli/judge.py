"""`alexnet evaluate`: how often checkpoints are right about pictures; what may be asked for, and
what is printed. How they are asked is in `examine`, what the tables hold in `verdicts`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from alexnet import terminal
from alexnet.cli import arguments, verdicts
from alexnet.cli.choices import choose_precision
from alexnet.cli.examine import border_of
from alexnet.cli.examine import test_guesses as test_guesses
from alexnet.cli.open import open_checkpoint
from alexnet.cli.predict import predict
from alexnet.cli.processes import Processes, ranks_here, speaking
from alexnet.cli.shares import judged_together
from alexnet.cli.verdicts import Verdict
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    from alexnet.evaluation import Showing
    from alexnet.formats import Checkpoint
    from alexnet.torch_net.precision import Precision


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    app.command(
        "evaluate",
        epilog="Example:  alexnet evaluate runs/digits --data digits",
        short_help="Count how often checkpoints are right about test pictures.",
    )(evaluate)
    app.command(
        "predict",
        epilog="Example:  alexnet predict runs/digits seven.png",
        short_help="Name the likeliest classes of picture files.",
    )(predict)


def evaluate(
    checkpoints: Annotated[list[str], typer.Argument(help="Checkpoint files or run folders.")],
    data: Annotated[str, typer.Option(help="digits, cifar10, or a path.")] = "digits",
    data_folder: Annotated[
        Path | None, typer.Option(help="Where data that go by a name lie.")
    ] = None,
    views: Annotated[str, typer.Option(help="Looked at: centre, ten or nine.")] = "centre",
    average: Annotated[
        str, typer.Option(help="Of views: probabilities (2012), or logits.")
    ] = "probabilities",
    mean_crop: Annotated[
        str, typer.Option(help="Of a mean image: centre (2012), or matching the view.")
    ] = "centre",
    border: Annotated[
        int | None, typer.Option(min=0, help="Pixels added at every edge (default: as learned).")
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Also the mean of all, as a row.")
    ] = False,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="The errors of every class.")
    ] = False,
    confused: Annotated[
        int, typer.Option(min=0, show_default=False, help="So many pairs confused most.")
    ] = 0,
    worst: Annotated[
        int, typer.Option(min=0, show_default=False, help="So many pictures judged worst.")
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="Draw the worst into this file.")] = None,
    precision: arguments.Arithmetic = "fp32",
    processes: Processes = None,
    whose: arguments.Whose = None,
    weights: arguments.Weights = None,
    table: Annotated[bool, typer.Option("--table", help="Beside the paper's two tables.")] = False,
    append: Annotated[Path | None, typer.Option(help="Add the rows here, as JSON lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count how often each checkpoint is right about the test pictures of DATA."""
    from alexnet.torch_net.allocation import keep_memory
    from alexnet.training.distributed import joined

    with joined(ranks_here(processes)) as group, speaking(group):
        with group.agreed():
            opened = {
                name: open_checkpoint(name, weights=weights, whose=whose)
                for name in dict.fromkeys(checkpoints)
            }
            asked = [(name, opened[name]) for name in checkpoints]
            arithmetic = _arithmetic(precision, asked)
            showing = replace(_showing(views, average, mean_crop), precision=arithmetic)
            _check_options(asked, showing, border, ensemble)
            _check_files(len(asked) if not ensemble else 1, worst, out, append)
            if table and as_json:
                raise ValueError(
                    "--table is for reading and --json for programs; leave one of them out"
                )
        keep_memory()
        found = judged_together(asked, (data, data_folder), showing, border, ensemble, group)
        if not group.leads:
            return
        if append is not None:
            _append(found, append)
        if as_json:
            terminal.print_json([_tree(verdict, per_class, confused, worst) for verdict in found])
        else:
            _print(found, per_class, confused, worst, table)
        if out is not None:
            _draw_worst(found[-1], worst, out, as_json)


def _arithmetic(precision: str, asked: Sequence[tuple[str, Checkpoint]]) -> Precision:
    """One for all that are asked, so that rows can be compared."""
    chosen: list[Precision] = [
        choose_precision(precision, checkpoint.network) for _, checkpoint in asked
    ]
    if len(set(chosen)) > 1:
        raise ValueError("--precision auto is fp32 for some of these networks and bf16 for others")
    return chosen[0]


def _showing(views: str, average: str, mean_crop: str) -> Showing:
    """How pictures are shown; a choice that could make no difference is refused."""
    from alexnet.evaluation import Average, MeanCrop, Showing
    from alexnet.images.shown import Views

    scheme: Views = _choice("scheme of views", "centre" if views == "center" else views, Views)
    of: Average = _choice("average", average, Average)
    crop: MeanCrop = _choice(
        "mean crop", "centre" if mean_crop == "center" else mean_crop, MeanCrop
    )
    if scheme == "centre" and of != "probabilities":
        raise ValueError("--average is of several views; give --views ten or nine with it")
    if scheme == "centre" and crop != "centre":
        raise ValueError(
            "the part of a mean image that matches the centre view is its centre; give --views ten"
            " or nine with --mean-crop matching"
        )
    return Showing(views=scheme, average=of, mean_crop=crop)


def _choice(what: str, text: str, union: object) -> Any:
    """`text` as one of a union of literals."""
    known = get_args(union)
    if text not in known:
        hint = nearest(text, list(known))
        raise ValueError(f"no {what} is called '{text}'{hint}; there are: {', '.join(known)}")
    return text


def _check_options(
    asked: Sequence[tuple[str, Checkpoint]], showing: Showing, border: int | None, ensemble: bool
) -> None:
    """Whether the checkpoints can be asked so, before anything is decoded."""
    if showing.views != "centre":
        for name, checkpoint in asked:
            if not border_of(checkpoint, border):
                raise ValueError(
                    f"{name}: its pictures have no border to cut {showing.views} views from; give"
                    " one in pixels, as --border 4 (they are then fitted that much larger)"
                )
    if showing.mean_crop == "matching" and not any(c.contract.mean_image for _, c in asked):
        raise ValueError(f"{asked[0][0]}: subtracts no mean image; leave --mean-crop out")
    if ensemble:
        if len(asked) < 2:
            raise ValueError("an ensemble needs two checkpoints or more; name them all")
        _check_same_classes(asked)


def _check_same_classes(asked: Sequence[tuple[str, Checkpoint]]) -> None:
    """Whether the checkpoints' outputs stand for the same classes in the same order."""
    from alexnet.network.shapes import elements

    first_name, first = asked[0]
    for name, other in asked[1:]:
        counts = [elements(c.network.shape(c.network.outputs.name)) for c in (first, other)]
        if counts[0] != counts[1]:
            raise ValueError(
                f"{name}: has {counts[1]} classes and {first_name} {counts[0]}; an ensemble's"
                " members have the same"
            )
        if not (first.classes and other.classes):
            continue  # imported weights may come without names
        for index in range(counts[0]):
            here, there = other.class_name(index), first.class_name(index)
            if here != there:
                raise ValueError(
                    f"{name}: has class '{here}' where {first_name} has '{there}'; an ensemble's"
                    " members have the same classes in the same order"
                )


def _check_files(rows: int, worst: int, out: Path | None, append: Path | None) -> None:
    """Whether the files that are asked for can be written, before the long work."""
    from alexnet.pictures.style import FORMATS

    if out is not None:
        if not worst:
            raise ValueError(
                "--out is where the worst pictures are drawn; say how many, --worst 12"
            )
        if rows > 1:
            raise ValueError("--out draws one checkpoint's worst pictures; name one, or --ensemble")
        if out.suffix.lower() not in FORMATS:
            raise ValueError(f"{out}: a figure is written as one of {', '.join(FORMATS)}")
    if append is not None and (append.is_dir() or not append.parent.is_dir()):
        raise ValueError(f"{append}: no file can be written there; its folder must exist")


def _append(found: Sequence[Verdict], path: Path) -> None:
    """Adds the rows to a file, one JSON object a line."""
    lines = [
        json.dumps(verdicts.verdict_tree(verdict), ensure_ascii=False, allow_nan=False) + "\n"
        for verdict in found
    ]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def _tree(verdict: Verdict, per_class: bool, confused: int, worst: int) -> dict[str, object]:
    tree = verdicts.verdict_tree(verdict)
    if per_class:
        tree["per_class"] = verdicts.class_trees(verdict)
    if confused:
        tree["confused"] = verdicts.confusion_trees(verdict, confused)
    if worst:
        tree["worst"] = verdicts.worst_trees(verdict, worst)
    return tree


def _print(
    found: Sequence[Verdict], per_class: bool, confused: int, worst: int, table: bool
) -> None:
    terminal.show(verdicts.verdict_table(found))
    for verdict in found:
        if per_class:
            terminal.show(verdicts.class_table(verdict))
        if confused:
            terminal.show(verdicts.confusion_table(verdict, confused))
        if worst:
            terminal.show(verdicts.worst_table(verdict, worst))
    if table:
        terminal.show(verdicts.beside_the_paper(found))


def _draw_worst(verdict: Verdict, count: int, out: Path, as_json: bool) -> None:
    from alexnet.evaluation import worst
    from alexnet.pictures.predictions import draw_predictions
    from alexnet.pictures.style import save

    chosen = worst(verdict.judgement, count)
    written = save(draw_predictions(verdicts.drawn_guesses(verdict, chosen)), out)
    if not as_json:
        terminal.say(f"wrote {written}")
