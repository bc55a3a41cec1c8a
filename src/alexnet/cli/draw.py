"""`alexnet draw filters|curves|predictions`: figures of a run or a checkpoint, to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli.arguments import Weights, Whose
from alexnet.cli.open import open_checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Checkpoint = Annotated[str, typer.Argument(help="A run folder or a checkpoint file.")]
Out = Annotated[
    Path | None, typer.Option(help="The file to write (default: in the run folder, or here).")
]
FIGURES = ("filters", "curves", "predictions")
SHOWN = 12
"""Pictures in a figure of predictions."""


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    verbs = typer.Typer(
        name="draw",
        help="Draw a figure of a run or a checkpoint.",
        epilog="Example:  alexnet draw filters runs/digits",
        no_args_is_help=True,
    )
    verbs.command("filters", epilog="Example:  alexnet draw filters runs/digits")(filters)
    verbs.command("curves", epilog="Example:  alexnet draw curves runs/digits")(curves)
    verbs.command("predictions", epilog="Example:  alexnet draw predictions runs/digits")(
        predictions
    )
    app.add_typer(verbs)


def filters(
    checkpoint: Checkpoint, out: Out = None, whose: Whose = None, weights: Weights = None
) -> None:
    """Draw the first layer's kernels, tower by tower."""
    from alexnet.pictures.filters import draw_filters

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    drawn = draw_filters(opened.network, opened.arrays, opened.contract)
    _write(drawn, out, checkpoint, "filters.png")


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, drawn together.")],
    out: Out = None,
) -> None:
    """Draw the training loss and the errors of runs, epoch by epoch."""
    from alexnet.pictures.curves import draw_curves
    from alexnet.training.run_folder import RunFolder, holds_run

    for run in runs:
        if not holds_run(run):
            raise ValueError(f"{run}: holds no run; give a folder that 'alexnet train' wrote")
    rows = {str(run): RunFolder(run).rows() for run in runs}
    _write(draw_curves(rows), out, str(runs[0]), "curves.png")


def predictions(
    checkpoint: Checkpoint,
    data: Annotated[str, typer.Option(help="digits, cifar10, or a path.")] = "digits",
    data_folder: Annotated[
        Path | None, typer.Option(help="Where data that go by a name lie.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many pictures.")] = SHOWN,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw test pictures with their likeliest classes, half of them the least certain."""
    from alexnet.cli.judge import test_guesses
    from alexnet.pictures.predictions import draw_predictions

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    guesses = test_guesses(opened, data, data_folder)
    chosen = _telling(guesses, count)
    _write(draw_predictions([guesses[i] for i in chosen]), out, checkpoint, "predictions.png")


def _telling(guesses: list, count: int) -> list[int]:
    """Half the pictures those with the least certain first guess, the rest evenly spread."""
    by_certainty = sorted(range(len(guesses)), key=lambda i: guesses[i].probabilities[0])
    hard = by_certainty[: count // 2]
    rest = by_certainty[count // 2 :]
    wanted = min(count - len(hard), len(rest))
    spread = [rest[i * len(rest) // wanted] for i in range(wanted)] if wanted else []
    return hard + spread


def _write(drawn: Figure, out: Path | None, source: str, name: str) -> None:
    from alexnet.pictures.style import save
    from alexnet.training.run_folder import holds_run

    folder = Path(source) if holds_run(Path(source)) else Path()
    terminal.say(f"wrote {save(drawn, out or folder / name)}")
