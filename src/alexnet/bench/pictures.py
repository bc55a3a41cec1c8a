"""Pictures that nobody took, for measurements in which it does not matter what is on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from alexnet.images import PictureSet

FULL_SIZE = 500, 375
"""Width and height, ImageNet's most frequent."""


def noise(count: int, channels: int, side: int, classes: int) -> PictureSet:
    """`count` pictures in memory, each pixel drawn, their labels counted round the classes."""
    draws = torch.Generator().manual_seed(0)
    shape = (count, channels, side, side)
    return PictureSet(
        images=torch.randint(256, shape, dtype=torch.uint8, generator=draws),
        labels=torch.arange(count) % classes,
        names=tuple(f"drawn {index}" for index in range(count)),
        classes=(),
        rejected=(),
    )


def write_files(folder: Path, count: int) -> None:
    """`count` full-size JPEGs in two class folders: soft shapes under grain, some 100 kB each, as
    photographs have.
    """
    draws = np.random.default_rng(0)
    for index in range(count):
        coarse = draws.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        soft = Image.fromarray(coarse).resize(FULL_SIZE, Image.Resampling.BICUBIC)
        grain = draws.normal(0, 9, (FULL_SIZE[1], FULL_SIZE[0], 1))
        pixels = (np.asarray(soft) + grain).clip(0, 255).astype(np.uint8)
        place = folder / f"class{index % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{index:04}.jpg", quality=90)
