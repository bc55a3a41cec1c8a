"""Pictures from disk to crops that a network takes: ours from a store of JPEGs, and a plain torch
DataLoader over the files with Pillow. One process decodes for each, and each has one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from alexnet.bench.jobs import Effort, Job, Measurement
from alexnet.bench.pictures import write_files
from alexnet.bench.timing import peak_bytes
from alexnet.images.loader import Loader
from alexnet.images.preparing import Settings, prepare
from alexnet.images.store import read_store
from alexnet.training.batches import Batches, measured_colours, measured_contract
from alexnet.training.recipes import recipe

SIDE, CROP, FILES = 256, 224, 96
AHEAD = 3
"""Batches that are read ahead, and so come before the clock starts."""


def measure_ours(job: Job) -> Measurement:
    """A store of 256 × 256 JPEGs, shown as recipe `paper` shows it."""
    with tempfile.TemporaryDirectory() as made:
        write_files(Path(made) / "files", FILES)
        place = Path(made) / "store"
        prepare(str(Path(made) / "files"), place, settings=Settings(side=SIDE), workers=1)
        loader = Loader(read_store(place), channels=3, side=SIDE, workers=1)
        try:
            torch.set_num_threads(1)
            return _measured(_from_store(loader, job), job)
        finally:
            loader.close()


def measure_stock(job: Job) -> Measurement:
    """The files themselves: opened, scaled to 256, cropped, mirrored and normalised one by one."""
    with tempfile.TemporaryDirectory() as made:
        write_files(Path(made), FILES)
        torch.set_num_threads(1)
        files = _Files(Path(made), job.batch_size * _batches(job.effort))
        loader = DataLoader(files, job.batch_size, shuffle=True, num_workers=1, drop_last=True)
        return _measured((images for images, _ in loader), job)


class _Files(Dataset[tuple[Tensor, int]]):
    """What many a first training script has."""

    def __init__(self, folder: Path, count: int) -> None:
        self.files, self.count = sorted(folder.rglob("*.jpg")), count
        self.mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self.deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.files[index % len(self.files)]) as file:
            image = file.convert("RGB")
        scale = SIDE / min(image.size)
        size = (max(SIDE, round(image.width * scale)), max(SIDE, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = random.randint(0, size[0] - CROP), random.randint(0, size[1] - CROP)
        image = image.crop((left, top, left + CROP, top + CROP))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return (pixels.float() / 255 - self.mean) / self.deviation, index % 2


def _from_store(loader: Loader, job: Job) -> Iterator[Tensor]:
    """As a run is shown them, each picture as often as it takes."""
    whole = loader.pictures("train")
    count = job.batch_size * _batches(job.effort)
    pictures = whole.part(np.arange(count) % len(whole))
    own = replace(recipe("paper"), validation_share=0.0, batch_size=job.batch_size)
    contract, image = measured_contract(own, pictures)
    colours = measured_colours(own, pictures, contract)
    batches = Batches(pictures, own, CROP, contract, image, None, torch.device("cpu"), colours)
    order = batches.order(0)
    with batches.reading(order, 0):
        for step in range(batches.steps):
            yield batches.batch(order, 0, step).images


def _batches(effort: Effort) -> int:
    """So many are timed, the ones ahead of the clock and those that are read in vain besides."""
    return 2 * AHEAD + effort.steps


def _measured(batches: Iterator[Tensor], job: Job) -> Measurement:
    """Seconds that all processes have computed for a batch, which no other program lengthens much;
    and by the clock.
    """
    for _ in range(AHEAD):
        next(batches)
    began, worked = time.perf_counter(), work()
    for _ in range(job.effort.steps):
        assert next(batches).shape == (job.batch_size, 3, CROP, CROP)
    clock, worked = time.perf_counter() - began, work() - worked
    steps, images = job.effort.steps, job.batch_size
    return Measurement(
        seconds=worked / steps,
        images=images,
        steps=steps,
        peak_bytes=peak_bytes(),
        detail={"by_the_clock": steps * images / clock},
    )


def work() -> float:
    """Seconds that this process and those that it started have computed (Linux)."""
    tick = os.sysconf("SC_CLK_TCK")
    seconds = time.process_time()
    for process in multiprocessing.active_children():
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / tick
    return seconds
