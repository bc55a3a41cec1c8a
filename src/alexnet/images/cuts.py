"""Random crops and mirror images cut picture by picture. They are those of `views.random_crop` and
`views.mirror`, which cut whole batches at once; on a CPU single ones are several times as fast.
What is made of their bytes is in `arithmetic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.images.views import (
    _draw,  # pyright: ignore[reportPrivateUsage]
    _padded,  # pyright: ignore[reportPrivateUsage]
)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a picture, padded, is cut out, and whether it is turned left to right."""

    top: int
    left: int
    mirrored: bool


def drawn_cuts(
    count: int, *, room: int | None, mirrored: bool, chunk: int, generator: torch.Generator
) -> list[Cut]:
    """Draw what `random_crop` and then `mirror` draw for a batch of `count` pictures.

    Args:
        count: pictures.
        room: how many offsets there are in either direction; None draws none, where there is
            nothing to be cut off.
        mirrored: whether half of them are turned; otherwise nothing is drawn for it.
        chunk: so many consecutive pictures share an offset and a turn.
        generator: to draw from.
    """
    nothing = [0] * count
    tops = lefts = nothing
    if room is not None:
        tops = _draw(room, count, generator, chunk).tolist()
        lefts = _draw(room, count, generator, chunk).tolist()
    turned = _draw(2, count, generator, chunk).tolist() if mirrored else nothing
    return [Cut(top, left, bool(turn)) for top, left, turn in zip(tops, lefts, turned, strict=True)]


def cut_each(
    images: Tensor, size: int, cuts: Sequence[Cut], *, padding: int, fill: Tensor | None
) -> Iterator[Tensor]:
    """Yield (C, size, size) of each of (N, C, side, side): a view, where it is not mirrored.

    Args:
        images: of any type.
        size: in pixels.
        cuts: one for each picture.
        padding, fill: as `random_crop` takes them.
    """
    assert len(images) == len(cuts), f"{len(images)} pictures and {len(cuts)} cuts"
    for picture, cut in zip(_padded(images, padding, fill), cuts, strict=True):
        part = picture[:, cut.top : cut.top + size, cut.left : cut.left + size]
        yield part.flip(2) if cut.mirrored else part
