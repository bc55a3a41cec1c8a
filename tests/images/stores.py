"""Small stores for tests, of pictures that a small network can learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.images.preparing import Settings, prepare
from alexnet.images.store import Store, read_store

SIDE = 12
CLASSES = ("low", "middle", "high")


def drawn(count: int, seed: int) -> np.ndarray:
    """Noise in colours of its own with a bright band at the height that the label says, uint8
    (count, SIDE, SIDE, 3); the labels go round.
    """
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 60, (count, SIDE, SIDE, 3)) + random.integers(
        0, 70, (count, 1, 1, 3)
    )
    for number, picture in enumerate(pictures):
        begin = 1 + 4 * (number % 3)
        picture[begin : begin + 3] += np.array([120, 90, 60])
    return pictures.astype(np.uint8)


def store_of(folder: Path, *, raw: bool, train: int = 90, test: int = 31) -> Store:
    """A store with both splits, in shards of 20."""
    source = folder / "source"
    for split, count, seed in (("train", train, 0), ("test", test, 1)):
        for number, picture in enumerate(drawn(count, seed)):
            place = source / split / CLASSES[number % 3] / f"{number:03}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(place)
    settings = Settings(side=SIDE, quality=None if raw else 95, shard_pictures=20)
    prepare(str(source), folder / "store", settings=settings, workers=1)
    return read_store(folder / "store")
