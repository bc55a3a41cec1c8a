"""What is made of a picture's bytes before a network sees them, bit for bit as `evaluation.prepare`
and then `views.colour_noise` have it, but in one go: while they are in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.images.views import centre_crop

GROUP = 2**15
"""Numbers that are worked on at a time: fewer than torch shares out to several threads, which on a
busy machine takes longer than the work. They are some rows of a large picture, or several small
pictures, one by one of which would take longer."""


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """((x * scale - mean) / deviation + noise) / shrink, each operation rounded to float32.

    Attributes:
        scale: of the bytes; 1 does nothing.
        mean, deviation: float32, (channels,) or an image (channels, side, side) no smaller than
            the pictures, of which the centre is taken as in 2012; None does nothing.
        shrink: 1 does nothing. It goes with noise, and is left out where there is none.
    """

    scale: float
    mean: Tensor | None
    deviation: Tensor | None
    shrink: float

    def on(self, side: int, device: torch.device) -> Arithmetic:
        """The same with mean and deviation laid out as pictures of `side` pixels are there."""
        mean, deviation = (_laid_out(x, side, device) for x in (self.mean, self.deviation))
        return Arithmetic(self.scale, mean, deviation, self.shrink)

    def rows(self, some: slice) -> Arithmetic:
        """The same for some of the rows of `on`'s pictures."""
        mean, deviation = (
            x if x is None or x.shape[1] == 1 else x[:, some] for x in (self.mean, self.deviation)
        )
        return Arithmetic(self.scale, mean, deviation, self.shrink)

    def finish(self, shown: Tensor, noise: Tensor | None) -> None:
        """Do it in place, to float32 (N, channels, side, side) and `on`'s values.

        Args:
            shown: the bytes as numbers.
            noise: float32 (N, channels, 1, side), or None.
        """
        if self.scale != 1.0:
            shown *= self.scale
        if self.mean is not None:
            shown -= self.mean
        if self.deviation is not None:
            shown /= self.deviation
        if noise is not None:
            shown += noise
            if self.shrink != 1.0:
                shown /= self.shrink


def finished(
    pictures: Iterator[Tensor],
    shape: tuple[int, int, int, int],
    arithmetic: Arithmetic,
    noise: Tensor | None,
    device: torch.device,
) -> Tensor:
    """Return the pictures as float32 `shape`, channels last where there are several, on `device`.

    Args:
        pictures: uint8 (channels, side, side), as many as `shape` says, each asked for when its
            turn has come. Another device than the CPU is sent their bytes.
        shape: (N, channels, side, side).
        arithmetic: what becomes of them.
        noise: float32 (N, channels, 1, 1) on `device`, or None.
        device: where they go.
    """
    own, rows = arithmetic.on(shape[-1], device), _rows(noise, shape[-1])
    if device.type != "cpu":
        numbers = blank(shape, np.dtype(np.uint8))
        for into, picture in zip(numbers, pictures, strict=True):
            into.copy_(picture)
        moved = numbers.to(device)
        shown = torch.empty_like(moved, dtype=torch.float32).copy_(moved)
        own.finish(shown, rows)
        return shown
    shown = blank(shape, np.dtype(np.float32))
    strips = _strips(shape)
    of_strips = [own.rows(strip) for strip in strips]
    many = max(1, GROUP // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], many):
        some = slice(start, start + many)
        for into, picture in zip(shown[some], pictures, strict=False):  # others have their turn
            for strip in strips:
                into[:, strip].copy_(picture[:, strip])
        for strip, of_strip in zip(strips, of_strips, strict=True):
            of_strip.finish(shown[some, :, strip], None if rows is None else rows[some])
    # to its end, since whoever gives them goes on only once the last one has been taken
    assert next(pictures, None) is None, f"there are more than {shape[0]} pictures"
    return shown


def blank(shape: tuple[int, int, int, int], kind: np.dtype) -> Tensor:
    """Return memory for (N, channels, height, width), channels last where there are several.

    It is NumPy's, which asks Linux for it in pages of 2 MiB: to touch a batch's memory for the
    first time takes half as long as in torch's pages of 4 KiB.
    """
    count, channels, height, width = shape
    return torch.from_numpy(np.empty((count, height, width, channels), kind)).permute(0, 3, 1, 2)


def _strips(shape: tuple[int, int, int, int]) -> list[slice]:
    """The rows of a picture, so many at a time that they are GROUP numbers at most."""
    _, channels, height, width = shape
    many = max(1, GROUP // max(1, channels * width))
    return [slice(top, top + many) for top in range(0, height, many)]


def _rows(noise: Tensor | None, side: int) -> Tensor | None:
    """Noise as wide as the pictures, which is then added without a jump at every pixel."""
    if noise is None:
        return None
    wide = noise.expand(-1, -1, -1, side)
    return wide.contiguous(memory_format=torch.channels_last)


def _laid_out(values: Tensor | None, side: int, device: torch.device) -> Tensor | None:
    """(channels,) as (channels, 1, side), or the centre of an image, in the pictures' layout."""
    if values is None:
        return None
    if values.ndim == 1:
        image = values[:, None, None].expand(-1, 1, side)
    else:
        image = centre_crop(values, side)
    placed = image.to(device, torch.float32)[None]
    return placed.contiguous(memory_format=torch.channels_last)[0]
