"""What is to be done: the settings, which pictures go into which shard, and the manifest so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import simplejpeg

from alexnet.images.manifest import FORMAT, Manifest
from alexnet.images.preparing.gathered import Gathered, Gathering
from alexnet.images.preparing.shards import Job

SHARD_PICTURES = 1024
"""Pictures of a shard: what 2012's data batches held (semantics file, section 12)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures become records.

    Attributes:
        side: pixels of a record's side (section 2 of the paper).
        quality: of the JPEGs, 1 to 100; None for raw pixels. At 95 a record of 256 x 256 has some
            32 kB, a sixth of the pixels', and differs from them by 43 dB (benchmarks/preparing.py).
        seed: of the order of the training pictures, and of the held-out ones where the source has
            no test split.
        shard_pictures: pictures of the source that one shard is made of.
    """

    side: int = 256
    quality: int | None = 95
    seed: int = 0
    shard_pictures: int = SHARD_PICTURES


@dataclass(frozen=True, eq=False)
class Planned:
    """A shard that there is to be: which rows, int64 (N,), of which split."""

    name: str
    split: Gathered
    rows: np.ndarray

    def job(self, out: Path, settings: Settings) -> Job:
        """What a worker needs to write it."""
        return Job(
            folder=out,
            name=self.name,
            split=self.split.name,
            pictures=self.split.pictures.part(self.rows),
            labels=self.split.labels[self.rows],
            side=settings.side,
            quality=settings.quality,
            with_sums=self.split.name == "train",
        )


def plan_shards(gathering: Gathering, settings: Settings) -> list[Planned]:
    """Every shard, in order: training pictures shuffled by the seed, the others as they come."""
    plan: list[Planned] = []
    for split in gathering.splits:
        rows = np.arange(len(split))
        if split.name == "train":
            rows = shuffled(len(split), settings.seed, split.blocks)
        for number, first in enumerate(range(0, len(rows), settings.shard_pictures)):
            some = rows[first : first + settings.shard_pictures]
            plan.append(Planned(f"{split.name}-{number:05}", split, some))
    return plan


def shuffled(count: int, seed: int, blocks: np.ndarray | None = None) -> np.ndarray:
    """Return 0 .. count - 1, int64, in an order that the seed alone decides.

    With blocks, int64 (count,), those of a block stay together: the blocks are shuffled, and the
    numbers in each. The sorting keys are raw PCG64, whose stream no release of NumPy changes.
    """
    bits = np.random.PCG64(seed)
    keys = bits.random_raw(count)
    if blocks is None or not count:
        return np.argsort(keys, kind="stable")
    of_block = bits.random_raw(int(blocks.max()) + 1)
    return np.lexsort((keys, blocks, of_block[blocks]))


def begun_manifest(gathering: Gathering, settings: Settings) -> Manifest:
    """The manifest of a store of which nothing is there yet."""
    by_blocks = any(split.blocks is not None for split in gathering.splits)
    how = "row groups shuffled, and the pictures in each," if by_blocks else "shuffled"
    return Manifest(
        format=FORMAT,
        complete=False,
        name=gathering.name,
        layout=gathering.layout,
        fingerprint=gathering.fingerprint(),
        notes=gathering.notes,
        side=settings.side,
        encoding="raw" if settings.quality is None else "jpeg",
        quality=settings.quality,
        seed=settings.seed,
        order=f"training pictures {how} by the seed, the others as in the source",
        shard_pictures=settings.shard_pictures,
        statistics_of="the training records' pixels before they are encoded",
        made_with=f"Pillow {PIL.__version__}, simplejpeg {simplejpeg.__version__}",
        classes=gathering.classes,
        wordnet_ids=gathering.wordnet_ids,
        splits=(),
        shards=(),
        statistics=None,
        rejected=None,
    )
