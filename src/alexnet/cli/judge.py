"""`alexnet evaluate` and `predict`: what checkpoints say of pictures, and how often rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli.learn import tally_text, tally_tree
from alexnet.cli.open import open_checkpoint

if TYPE_CHECKING:
    from alexnet.evaluation import Guess, Tally
    from alexnet.formats import Checkpoint
    from alexnet.images import PictureSet
    from alexnet.pictures.predictions import Guess as Drawn

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    app.command("evaluate", epilog="Example:  alexnet evaluate runs/digits --data digits")(evaluate)
    app.command("predict", epilog="Example:  alexnet predict runs/digits seven.png")(predict)


def evaluate(
    checkpoints: Annotated[list[str], typer.Argument(help="Checkpoint files or run folders.")],
    data: Annotated[str, typer.Option(help="digits, cifar10, or a path.")] = "digits",
    data_folder: Annotated[
        Path | None, typer.Option(help="Where data that go by a name lie.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Count how often each checkpoint is right about the test pictures of DATA."""
    rows: list[tuple[str, Checkpoint, Tally, int]] = []
    for name in checkpoints:
        checkpoint = open_checkpoint(name)
        rows.append((name, checkpoint, *_judge(checkpoint, data, data_folder)))
    if as_json:
        terminal.print_json(
            [
                {"checkpoint": name, "network": c.network.name, "data": data, "left_out": out}
                | (tally_tree(t) or {})
                for name, c, t, out in rows
            ]
        )
        return
    for name, checkpoint, tally, out in rows:
        left = f"; {out:,} pictures could not be decoded and are left out" if out else ""
        on = f"{name}: {checkpoint.network.name} on {data}"
        terminal.say(f"{on}: error {tally_text(tally)}{left}")


def _judge(checkpoint: Checkpoint, data: str, data_folder: Path | None) -> tuple[Tally, int]:
    """How often it is right, and how many pictures could not be decoded."""
    from alexnet.evaluation import evaluate as count
    from alexnet.torch_net import build

    pictures = _test_pictures(checkpoint, data, data_folder)
    with terminal.bar("evaluating") as advance:
        tally = count(
            build(checkpoint.network, arrays=checkpoint.arrays),
            pictures,
            checkpoint.contract,
            mean_image=checkpoint.mean_image,
            progress=advance,
        )
    return tally, len(pictures.rejected)


def _test_pictures(checkpoint: Checkpoint, data: str, data_folder: Path | None) -> PictureSet:
    """The test pictures of `data` as the checkpoint's network takes them, labels in its order."""
    from alexnet.images import load, open_source

    source = open_source(data, data_folder=data_folder)
    if source.note:
        terminal.warn(source.note)
    if not len(source.test):
        raise ValueError(f"{data}: has no test pictures ({source.note})")
    channels, side = _fitting(checkpoint)
    with terminal.bar("decoding") as advance:
        pictures = load(source.test, channels=channels, side=side, progress=advance)
    for rejected in pictures.rejected:
        terminal.warn(f"left out: {rejected.name}: {rejected.reason}")
    return _relabelled(pictures, checkpoint, data)


def test_guesses(checkpoint: Checkpoint, data: str, data_folder: Path | None) -> list[Drawn]:
    """The test pictures of `data`, each with its likeliest classes, ready to draw."""
    from alexnet.evaluation import predictions
    from alexnet.pictures.predictions import Guess as Drawn
    from alexnet.torch_net import build

    pictures = _test_pictures(checkpoint, data, data_folder)
    found = predictions(
        build(checkpoint.network, arrays=checkpoint.arrays),
        pictures,
        checkpoint.contract,
        mean_image=checkpoint.mean_image,
    )
    return [
        Drawn(
            image.permute(1, 2, 0).numpy(),
            tuple(checkpoint.class_name(g.index) for g in likely),
            tuple(g.probability for g in likely),
            pictures.classes[int(label)],
        )
        for image, label, likely in zip(pictures.images, pictures.labels, found, strict=True)
    ]


def _fitting(checkpoint: Checkpoint) -> tuple[int, int]:
    """Channels, and the side in pixels to which pictures are fitted; their centre is shown."""
    channels, side, _ = checkpoint.network.picture.shape
    return channels, side + 2 * checkpoint.contract.border_pixels


def _relabelled(pictures: PictureSet, checkpoint: Checkpoint, data: str) -> PictureSet:
    """Labels counted in the checkpoint's own order of classes.

    Raises:
        ValueError: the data have a class that the checkpoint has not.
    """
    import torch

    if not checkpoint.classes or pictures.classes == checkpoint.classes:
        return pictures
    unknown = [name for name in pictures.classes if name not in checkpoint.classes]
    if unknown:
        raise ValueError(
            f"{data}: class '{unknown[0]}' is none of the checkpoint's {len(checkpoint.classes)}"
            f" ({', '.join(checkpoint.classes[:5])}, …); evaluate on data of the same classes"
        )
    places = torch.tensor([checkpoint.classes.index(name) for name in pictures.classes])
    return replace(pictures, labels=places[pictures.labels], classes=checkpoint.classes)


def predict(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint file or a run folder.")],
    pictures: Annotated[list[Path], typer.Argument(help="Picture files.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 5,
    as_json: Json = False,
) -> None:
    """Name the likeliest classes of each picture; files that are none are reported."""
    opened = open_checkpoint(checkpoint)
    shown, failed = _decode(pictures, opened)
    for name, reason in failed:
        terminal.warn(f"{name}: {reason}")
    if not shown:
        raise ValueError("none of the files is a picture that can be decoded")
    guesses = _guess(opened, shown, top)
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

    channels, side = _fitting(checkpoint)
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
    checkpoint: Checkpoint, shown: list[tuple[str, object]], top: int
) -> list[tuple[str, tuple[Guess, ...]]]:
    import numpy as np
    import torch

    from alexnet.evaluation import predictions
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
