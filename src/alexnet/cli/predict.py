"""`alexnet predict`: what a checkpoint takes single picture files for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli import arguments
from alexnet.cli.choices import choose_precision
from alexnet.cli.examine import fitting
from alexnet.cli.open import open_checkpoint

if TYPE_CHECKING:
    from alexnet.evaluation import Guess
    from alexnet.formats import Checkpoint
    from alexnet.torch_net.precision import Precision


def predict(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint file or a run folder.")],
    pictures: Annotated[list[Path], typer.Argument(help="Picture files.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 5,
    precision: arguments.Arithmetic = "fp32",
    whose: arguments.Whose = None,
    weights: arguments.Weights = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name the likeliest classes of each picture; files that are none are reported."""
    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    shown, failed = _decode(pictures, opened)
    for name, reason in failed:
        terminal.warn(f"{name}: {reason}")
    if not shown:
        raise ValueError("none of the files is a picture that can be decoded")
    guesses = _guess(opened, shown, top, choose_precision(precision, opened.network))
    if as_json:
        terminal.print_json(_guess_tree(opened, guesses, failed))
    else:
        for name, likely in guesses:
            text = ", ".join(f"{opened.class_name(g.index)} {g.probability:.1%}" for g in likely)
            terminal.say(f"{name}: {text}")
    if failed:
        raise typer.Exit(1)


def _decode(
    paths: list[Path], checkpoint: Checkpoint
) -> tuple[list[tuple[str, object]], list[tuple[str, str]]]:
    """Each picture at the network's side, by name; and the files that are none, with the reason."""
    from alexnet.images.decode import PictureError, decode, fit

    channels, side = fitting(checkpoint)
    shown: list[tuple[str, object]] = []
    failed: list[tuple[str, str]] = []
    for path in paths:
        try:
            shown.append(
                (str(path), fit(decode(path.read_bytes(), str(path), channels=channels), side))
            )
        except PictureError as error:
            failed.append((error.name, error.reason))
        except OSError as error:
            failed.append((str(path), (error.strerror or str(error)).lower()))
    return shown, failed


def _guess(
    checkpoint: Checkpoint, shown: list[tuple[str, object]], top: int, precision: Precision
) -> list[tuple[str, tuple[Guess, ...]]]:
    import numpy as np
    import torch

    from alexnet.evaluation import Showing, predictions
    from alexnet.images import PictureSet
    from alexnet.torch_net import build

    names = tuple(name for name, _ in shown)
    stacked = np.stack([np.asarray(picture).transpose(2, 0, 1) for _, picture in shown])
    pictures = PictureSet(
        torch.from_numpy(stacked),
        torch.zeros(len(names), dtype=torch.int64),
        names,
        checkpoint.classes,
        (),
    )
    found = predictions(
        build(checkpoint.network, arrays=checkpoint.arrays),
        pictures,
        checkpoint.contract,
        mean_image=checkpoint.mean_image,
        top=top,
        showing=Showing(precision=precision),
    )
    return list(zip(names, found, strict=True))


def _guess_tree(
    checkpoint: Checkpoint,
    guesses: list[tuple[str, tuple[Guess, ...]]],
    failed: list[tuple[str, str]],
) -> dict[str, object]:
    return {
        "predictions": [
            {
                "picture": name,
                "classes": [
                    {"name": checkpoint.class_name(g.index), "probability": g.probability}
                    for g in likely
                ],
            }
            for name, likely in guesses
        ],
        "failed": [{"picture": name, "reason": reason} for name, reason in failed],
    }
