"""Checkpoints and the test pictures of DATA brought together: each decoded at the size that its
network takes, and what the networks say of them. The verbs are in `judge` and `predict`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.cli.open import stored
from alexnet.cli.verdicts import Verdict, drawn_guesses

if TYPE_CHECKING:
    from alexnet.evaluation import Examinee, Judgement, Showing
    from alexnet.formats import Checkpoint
    from alexnet.images import Source
    from alexnet.images.learnable import Pictures as Shown
    from alexnet.pictures.predictions import Guess as Drawn

NAMED = 5
"""Pictures that are named where several were left out."""


class Pictures:
    """The test pictures of DATA, as each checkpoint takes them; the last size is kept decoded."""

    def __init__(self, data: str, data_folder: Path | None) -> None:
        """Opens the data.

        Raises:
            ValueError: there are none, or none to test on.
        """
        from alexnet.images import open_source

        self.data = data
        self.source: Source = open_source(data, data_folder=data_folder)
        if self.source.note:
            terminal.warn(self.source.note)
        if not len(self.source.test):
            raise ValueError(f"{data}: has no test pictures ({self.source.note})")
        self._size, self._decoded = (0, 0), None

    def of(self, checkpoint: Checkpoint, border: int | None = None) -> Shown:
        """The pictures at the checkpoint's size, labels in its order of classes.

        Raises:
            ValueError: as `_relabelled`.
        """
        size = fitting(checkpoint, border)
        if self._decoded is None or size != self._size:
            self._size, self._decoded = size, self._load(*size)
        return _relabelled(self._decoded, checkpoint, self.data)

    def _load(self, channels: int, side: int) -> Shown:
        """Decoded; or those of a store, to be read while the network is asked."""
        from alexnet.images import load
        from alexnet.images.loader import Loader

        store = stored(self.data)
        if store is not None and store.tested is not None:
            workers = os.cpu_count() or 1
            loader = Loader(store, channels=channels, side=side, workers=workers)
            return loader.pictures(store.tested)
        with terminal.bar("decoding") as advance:
            pictures = load(self.source.test, channels=channels, side=side, progress=advance)
        for rejected in pictures.rejected[:NAMED]:
            terminal.warn(f"left out: {rejected.name}: {rejected.reason}")
        if len(pictures.rejected) > NAMED:
            terminal.warn(f"left out {len(pictures.rejected):,} pictures in all")
        return pictures


def judged(
    asked: Sequence[tuple[str, Checkpoint]],
    pictures: Pictures,
    showing: Showing,
    border: int | None,
    ensemble: bool,
) -> list[Verdict]:
    """A row for each checkpoint, and with `ensemble` one more for all together."""
    from alexnet.evaluation import judge, judge_together

    def row(name: str, checkpoint: Checkpoint, one: Examinee, judgement: Judgement) -> Verdict:
        return Verdict(
            name=name,
            members=(),
            network=checkpoint.network.name,
            data=pictures.data,
            pictures=one.pictures,
            judgement=judgement,
            border_pixels=border_of(checkpoint, border),
            subtracts_image=checkpoint.contract.mean_image,
        )

    if not ensemble:
        found: list[Verdict] = []
        for name, checkpoint in asked:
            one = _examinee(checkpoint, pictures, border)
            with terminal.bar("evaluating") as advance:
                found.append(row(name, checkpoint, one, judge(one, showing, progress=advance)))
        return found
    ones = [_examinee(checkpoint, pictures, border) for _, checkpoint in asked]
    with terminal.bar("evaluating") as advance:
        each, together = judge_together(ones, showing, progress=advance)
    found = [
        row(name, checkpoint, one, judgement)
        for (name, checkpoint), one, judgement in zip(asked, ones, each, strict=True)
    ]
    return [*found, _together(found, together)]


def _together(members: Sequence[Verdict], judgement: Judgement) -> Verdict:
    """The row of an ensemble."""
    networks = dict.fromkeys(member.network for member in members)
    borders = {member.border_pixels for member in members}
    return replace(
        members[0],
        name=f"ensemble of {len(members)}",
        members=tuple(member.name for member in members),
        network=" + ".join(networks),
        judgement=judgement,
        border_pixels=borders.pop() if len(borders) == 1 else None,
        subtracts_image=any(member.subtracts_image for member in members),
    )


def _examinee(checkpoint: Checkpoint, pictures: Pictures, border: int | None) -> Examinee:
    from alexnet.evaluation import Examinee
    from alexnet.torch_net import build

    return Examinee(
        build(checkpoint.network, arrays=checkpoint.arrays),
        pictures.of(checkpoint, border),
        checkpoint.contract,
        checkpoint.mean_image,
    )


def test_guesses(checkpoint: Checkpoint, data: str, data_folder: Path | None) -> list[Drawn]:
    """The test pictures of `data`, each with its likeliest classes, ready to draw."""
    from alexnet.evaluation import CENTRE

    (verdict,) = judged([(data, checkpoint)], Pictures(data, data_folder), CENTRE, None, False)
    return drawn_guesses(verdict, range(len(verdict.pictures)))


def border_of(checkpoint: Checkpoint, border: int | None) -> int:
    """The pixels around the centre at every edge: those asked for, or the checkpoint's own."""
    return checkpoint.contract.border_pixels if border is None else border


def fitting(checkpoint: Checkpoint, border: int | None = None) -> tuple[int, int]:
    """Channels, and the side in pixels to which pictures are fitted; views are cut from that."""
    channels, side, _ = checkpoint.network.picture.shape
    return channels, side + 2 * border_of(checkpoint, border)


def _relabelled(pictures: Shown, checkpoint: Checkpoint, data: str) -> Shown:
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
