"""Pictures a second from a record store, against a plain torch DataLoader over the files.

    python benchmarks/loading.py PICTURES [--pairs 5] [--record]

PICTURES is a folder of class folders of full-size pictures. They are made into a store of 256 x 256
JPEGs and one of raw pixels, in a temporary folder, and read from each as a run on the paper's
network reads them: crops of 224, mirror images, the mean image and colour noise. The peer is a
DataLoader that opens the files with Pillow, scales the shorter side to 256, crops, mirrors,
normalises and adds the same noise; a second one is spared the scaling, since its folders hold the
very JPEGs of the store. All decode in as many processes as there are cores, with one thread each,
and take turns; each line is the median of the turns, after a turn of each that is not counted.
Pictures are repeated where there are few, and come from memory, not from the disk.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started, too

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from results import record
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from alexnet.bench.loading import work
from alexnet.images.learnable import channel_statistics, colour_components
from alexnet.images.loader import Loader, StoredPictures
from alexnet.images.preparing import Settings, prepare
from alexnet.images.store import Store, StoreRecords, read_store
from alexnet.terminal import Table, show
from alexnet.training.batches import Batches, measured_colours, measured_contract
from alexnet.training.recipes import recipe

SIDE, CROP, BATCH, NOISE = 256, 224, 128, 0.1
CORES = len(os.sched_getaffinity(0))
WARM_UP, ASKED = 3, 100
"""Batches before the clock starts, and batches that there are: more than are ever measured."""

QUICKER = 3
"""How many times the peer's speed is wanted."""


class Files(Dataset[tuple[Tensor, int]]):
    """What many a first training script has, with the figures of the store for mean and noise."""

    def __init__(self, folder: Path, pictures: StoredPictures) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        classes = sorted({path.parent for path in files})
        self.files = [(path, classes.index(path.parent)) for path in files]
        self.mean, self.deviation = (x[:, None, None] / 255 for x in channel_statistics(pictures))
        variances, directions = colour_components(pictures)
        self.spread = (NOISE * directions * variances.sqrt() / 255).float()

    def __len__(self) -> int:
        return BATCH * ASKED

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index % len(self.files)]
        with Image.open(path) as file:
            image = file.convert("RGB")
        scale = SIDE / min(image.size)
        size = (max(SIDE, round(image.width * scale)), max(SIDE, round(image.height * scale)))
        if image.size != size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = random.randint(0, size[0] - CROP), random.randint(0, size[1] - CROP)
        image = image.crop((left, top, left + CROP, top + CROP))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        noise = (self.spread @ torch.randn(3))[:, None, None]
        return (pixels.float() / 255 + noise - self.mean) / self.deviation, label


@dataclass(frozen=True)
class Speed:
    """Pictures for each second of all processes' work, and by the clock."""

    per_core: float
    clock: float


def measured(batches: Iterator[Tensor], count: int) -> Speed:
    """The speed at which `count` batches come, once the first are there."""
    for _ in range(WARM_UP):
        next(batches)
    began, worked = time.perf_counter(), work()
    for _ in range(count):
        assert next(batches).shape == (BATCH, 3, CROP, CROP)
    seconds, worked = time.perf_counter() - began, work() - worked
    return Speed(count * BATCH / worked, count * BATCH / seconds)


def from_files(files: Files) -> Iterator[Tensor]:
    loader = DataLoader(files, batch_size=BATCH, shuffle=True, num_workers=CORES, drop_last=True)
    for images, _ in loader:
        yield images


def written_as_files(store: Store, folder: Path) -> Path:
    """The store's own JPEGs in class folders."""
    split = store.splits["train"]
    assert isinstance(split.records, StoreRecords), "a store has records of its own"
    for label, row in zip(split.labels.tolist(), split.rows.tolist(), strict=True):
        place = folder / f"{label:04}" / f"{row}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(split.records.encoded(row))
    return folder


def from_store(loader: Loader) -> Iterator[Tensor]:
    """As a run of recipe `paper` is shown them, each picture as often as it takes."""
    whole = loader.pictures("train")
    pictures = whole.part(np.arange(BATCH * ASKED) % len(whole))
    own = replace(recipe("paper"), validation_share=0.0)
    contract, image = measured_contract(own, pictures)
    colours = measured_colours(own, pictures, contract)
    batches = Batches(pictures, own, CROP, contract, image, None, torch.device("cpu"), colours)
    order = batches.order(0)
    with batches.reading(order, 0):
        for step in range(batches.steps):
            yield batches.batch(order, 0, step).images


def turns(folder: Path, count: int, batches: int) -> dict[str, list[Speed]]:
    """Every kind's speeds, turn by turn."""
    found: dict[str, list[Speed]] = {kind: [] for kind in NAMES}
    with tempfile.TemporaryDirectory() as made:
        stores = {}
        for kind, quality in (("jpeg", 95), ("raw", None)):
            settings = Settings(side=SIDE, quality=quality)
            prepare(str(folder), Path(made) / kind, settings=settings, workers=1)
            stores[kind] = read_store(Path(made) / kind)
        loaders = {k: Loader(s, channels=3, side=SIDE, workers=CORES) for k, s in stores.items()}
        figures = loaders["jpeg"].pictures("train")
        small = written_as_files(stores["jpeg"], Path(made) / "small")
        files = {"files": Files(folder, figures), "small": Files(small, figures)}
        for turn in range(count + 1):
            for kind in NAMES:
                many = batches if kind in files else 3 * batches
                own = kind in files
                reading = from_files(files[kind]) if own else from_store(loaders[kind])
                speed = measured(reading, many)
                reading.close()  # type: ignore[attr-defined]
                if kind in loaders:
                    loaders[kind].close()
                if turn:
                    found[kind].append(speed)
    return found


NAMES = {
    "files": "DataLoader, Pillow, full-size files",
    "small": "DataLoader, Pillow, the store's JPEGs as files",
    "raw": "store of raw pixels",
    "jpeg": "store of JPEGs, quality 95",
}
COLUMNS = ("read from", "#images/s per core", "#times the files", "#images/s by the clock")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batches", type=int, default=8, help="of 128, read from files in a turn")
    parser.add_argument("--record", action="store_true", help="write docs/results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = turns(options.pictures, options.pairs, options.batches)
    rows: list[tuple[str, ...]] = []
    for kind, speeds in found.items():
        times = statistics.median(
            own.per_core / peer.per_core for own, peer in zip(speeds, found["files"], strict=True)
        )
        per_core = statistics.median(speed.per_core for speed in speeds)
        clock = statistics.median(speed.clock for speed in speeds)
        rows.append((NAMES[kind], f"{per_core:,.0f}", f"{times:.1f}", f"{clock:,.0f}"))
    title = f"Loading {CROP} × {CROP} crops with mirror images and colour noise, batches of {BATCH}"
    show(Table(title=title, columns=COLUMNS, rows=rows))
    if options.record:
        record(
            "11-loading",
            title=title,
            command="python benchmarks/loading.py PICTURES --record",
            wanted=f"at least {QUICKER} times the images/s per core of the files",
            columns=[name.removeprefix("#") for name in COLUMNS],
            rows=[list(row) for row in rows],
            remark=f"Per core: pictures for each second that the {CORES} processes that decode and"
            " the one that learns have computed together, all with one thread. Stores: 256 × 256,"
            f" mean image subtracted. Medians of {options.pairs} turns; files in memory.",
        )


if __name__ == "__main__":
    main()
