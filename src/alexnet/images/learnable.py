"""What can be learned from: pictures that are decoded, or that will be; and what those who learn
ask of either. The views that they are shown by are in `views`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from alexnet.images import views
from alexnet.images.loader import StoredPictures
from alexnet.images.pictures import PictureSet, subset
from alexnet.images.readers import AHEAD
from alexnet.images.splits import divide

GATHERED = 2**18
"""Bytes of small pictures that are gathered at a time. Large ones are looked at where they are."""

Pictures = PictureSet | StoredPictures
"""Both have images, by indices uint8 (N, channels, side, side), labels, names and classes."""


def reading(pictures: Pictures, indices: Tensor) -> AbstractContextManager[None]:
    """Say which pictures will be asked for within it, int64 (N,), in their order: those of a store
    are decoded ahead.
    """
    return nullcontext() if isinstance(pictures, PictureSet) else pictures.reading(indices)


def decoded(pictures: Pictures, most: int = AHEAD) -> Iterator[PictureSet]:
    """The pictures as sets that are in memory: as they are, or those of a store `most` at a time,
    while the next ones are being decoded.
    """
    match pictures:
        case PictureSet():
            yield pictures
        case StoredPictures():
            with pictures.reading(torch.arange(len(pictures))):
                for start in range(0, len(pictures), most):
                    yield _in_memory(pictures, slice(start, start + most))
        case _:
            assert_never(pictures)


def parts(pictures: Pictures, chosen: Tensor) -> Iterator[Tensor]:
    """Yield the pictures at `chosen`, int64 (N,), a few at a time, uint8 (some, channels, side,
    side): each is to be read only, and only until the next is asked for.
    """
    if isinstance(pictures, StoredPictures):
        yield from pictures.images.parts(chosen)
        return
    many = GATHERED // max(1, pictures.images[:1].numel())
    if many < 2:
        for index in chosen.tolist():
            yield pictures.images[index : index + 1]
    else:
        yield from (pictures.images[some] for some in chosen.split(many) if len(some))


def sample(pictures: Pictures) -> PictureSet:
    """The first picture of a store, or all that are in memory anyway: to see what they are like."""
    return pictures if isinstance(pictures, PictureSet) else _in_memory(pictures, slice(1))


def chosen(pictures: Pictures, indices: np.ndarray) -> Pictures:
    """The pictures at `indices`, int64 (N,), in that order; of a store nothing is decoded."""
    match pictures:
        case PictureSet():
            return subset(pictures, indices)
        case StoredPictures():
            return pictures.part(indices)
        case _:
            assert_never(pictures)


def hold_out(pictures: Pictures, share: float, seed: int) -> tuple[Pictures, Pictures]:
    """Divide pictures into (train, validation), as `pictures.hold_out` does. Of a store nothing is
    decoded, and the statistics stay those of all.
    """
    kept, held = divide(pictures.labels.numpy(), share, seed)
    return chosen(pictures, kept), chosen(pictures, held)


def mean_image(pictures: Pictures) -> Tensor:
    """Return the float32 (channels, side, side) mean, 0..255. A store knows it, and raises
    SourceError where it does not; the others are measured. So with the two that follow.
    """
    if isinstance(pictures, PictureSet):
        return views.mean_image(pictures.images)
    return torch.tensor(pictures.statistics.mean_image)


def channel_statistics(pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Return the float32 (channels,) mean and deviation of all pixels, 0..255."""
    if isinstance(pictures, PictureSet):
        return views.channel_statistics(pictures.images)
    known = pictures.statistics
    return torch.tensor(known.channel_mean).float(), torch.tensor(known.channel_deviation).float()


def colour_components(pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Return the variances of the colours' components, rising, and their directions, a column
    each: float64 (channels,) and (channels, channels).
    """
    if isinstance(pictures, PictureSet):
        return views.colour_components(pictures.images)
    known = pictures.statistics
    # by columns in memory, as torch finds them, since the last bits of a product depend on it
    directions = torch.tensor(known.colour_eigenvectors).T.contiguous().T
    return torch.tensor(known.colour_eigenvalues), directions


def _in_memory(pictures: StoredPictures, chosen: slice) -> PictureSet:
    return PictureSet(
        images=pictures.images[chosen],
        labels=pictures.labels[chosen],
        names=pictures.names[chosen],
        classes=pictures.classes,
        rejected=(),
    )
