"""`alexnet draw architecture|filters|curves|predictions`: figures of networks and runs, to a file.
What lies inside when pictures are seen is drawn by `draw_inside`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alexnet.cli import draw_inside
from alexnet.cli.arguments import Parameters, Side, Weights, Whose
from alexnet.cli.drawing import Out, write
from alexnet.cli.open import open_checkpoint, open_network

Checkpoint = Annotated[str, typer.Argument(help="A run folder or a checkpoint file.")]
SHOWN = 12
"""Pictures in a figure of predictions."""


FIGURES = (
    "architecture", "confusion", "curves", "field", "filters", "maps", "neighbours",
    "predictions", "responses",
)  # fmt: skip
"""The verbs behind `draw`."""


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    verbs = typer.Typer(
        name="draw",
        help="Draw a figure of a network, a run or a checkpoint.",
        epilog="Example:  alexnet draw architecture paper",
        no_args_is_help=True,
    )
    for verb, example in (
        (architecture, "paper"),
        (filters, "runs/digits"),
        (curves, "runs/digits"),
        (predictions, "runs/digits"),
    ):
        name = verb.__name__
        verbs.command(name, epilog=f"Example:  alexnet draw {name} {example}")(verb)
    draw_inside.add(verbs)
    app.add_typer(verbs)


def architecture(
    network: Annotated[str, typer.Argument(help="A network's name or file.")],
    parameters: Parameters = None,
    side: Side = None,
    out: Out = None,
) -> None:
    """Draw the whole network to scale, as the paper's Figure 2 (default: NAME.png here)."""
    from alexnet.pictures.architecture import draw_architecture

    described = open_network(network, side=side, parameters=parameters)
    write(draw_architecture(described), out, network, f"{described.name}.png")


def filters(
    checkpoint: Checkpoint, out: Out = None, whose: Whose = None, weights: Weights = None
) -> None:
    """Draw the first layer's kernels, tower by tower."""
    from alexnet.pictures.filters import draw_filters

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    drawn = draw_filters(opened.network, opened.arrays, opened.contract)
    write(drawn, out, checkpoint, "filters.png")


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, drawn together.")],
    race: Annotated[
        bool, typer.Option("--race", help="Training errors alone, as the paper's Figure 1.")
    ] = False,
    out: Out = None,
) -> None:
    """Draw the training loss and the errors of runs, epoch by epoch."""
    from alexnet.pictures.curves import draw_curves, draw_race
    from alexnet.training.run_folder import RunFolder, holds_run

    for run in runs:
        if not holds_run(run):
            raise ValueError(f"{run}: holds no run; give a folder that 'alexnet train' wrote")
    rows = {str(run): RunFolder(run).rows() for run in runs}
    draw = draw_race if race else draw_curves
    write(draw(rows), out, str(runs[0]), "curves.png")


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
    write(draw_predictions([guesses[i] for i in chosen]), out, checkpoint, "predictions.png")


def _telling(guesses: list, count: int) -> list[int]:
    """Half the pictures those with the least certain first guess, the rest evenly spread."""
    by_certainty = sorted(range(len(guesses)), key=lambda i: guesses[i].probabilities[0])
    hard = by_certainty[: count // 2]
    rest = by_certainty[count // 2 :]
    wanted = min(count - len(hard), len(rest))
    spread = [rest[i * len(rest) // wanted] for i in range(wanted)] if wanted else []
    return hard + spread
