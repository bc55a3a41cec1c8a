"""What ImageNet-trained convolutions see in pictures that they were never taught: pool5's numbers,
read out by one linear layer, against those of untrained convolutions.

    python benchmarks/features.py DATA [--pictures N] [--test M] [--cache FOLDER]

DATA holds cifar10 (parquet), Caffe's convolutions and its mean image (WEIGHTS, MEAN). With a cache
a run that was broken off goes on. `--filters FILE.png` draws the first layer and does no more.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from results import record

from alexnet.evaluation.showing import prepare
from alexnet.images import PictureSet, Split, load, open_source
from alexnet.images.splits import divide
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Constant,
    Conv,
    FanInGaussian,
    FullyConnected,
    Input,
    Layer,
)
from alexnet.network.spec import Network
from alexnet.pictures.filters import draw_filters
from alexnet.torch_net import build, initial_arrays

WEIGHTS, MEAN = "bvlc_alexnet_conv.npz", "ilsvrc_2012_mean.npy"
CONTRACT = InputContract(channel_order="BGR", pixel_maximum=255.0, mean_image=True)
"""What Caffe shows its networks: blue first, 0 to 255, less the mean image's centre."""

LAST = "pool5"
BATCH = 50
PENALTIES = tuple(10.0 ** (half / 2) for half in range(4, 12))
HELD_OUT = 0.2
FEW = 20
"""A read-out is also learned from the first of so many shares of the training pictures."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pictures of CIFAR-10: as many of each class, the first of the file."""

    train: Split
    test: Split


def trunk() -> Network:
    """Network `caffe` up to pool5."""
    whole = get_network("caffe")
    names = [layer.name for layer in whole]
    kept = [x for x in whole.layers[: names.index(LAST) + 1] if not _is_labels(x)]
    return Network("caffe-conv", tuple(kept))


def he(network: Network) -> Network:
    """The network whose first weights keep the variance of what passes through (He et al. 2015)."""

    def scaled(layer: Layer) -> Layer:
        if isinstance(layer, FullyConnected):
            drawn = tuple(FanInGaussian(math.sqrt(2)) for _ in layer.initial)
            return replace(layer, initial=drawn, initial_bias=Constant(0.0))
        if not isinstance(layer, Conv):
            return layer
        kernels = tuple(replace(k, initial=FanInGaussian(math.sqrt(2))) for k in layer.kernels)
        return replace(layer, kernels=kernels, initial_bias=Constant(0.0))

    return replace(network, layers=tuple(scaled(layer) for layer in network))


def trained(folder: Path) -> dict[str, np.ndarray]:
    """Caffe's convolutions as float32 arrays by our names, which are its own."""
    with np.load(folder / WEIGHTS) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def mean_image(folder: Path) -> np.ndarray:
    """Caffe's, float32 (3, 256, 256), blue first."""
    return np.load(folder / MEAN).astype(np.float32)


def cifar(folder: Path, pictures: int, test: int) -> Sample:
    source = open_source("cifar10", data_folder=folder)
    return Sample(first(source.train, pictures), first(source.test, test))


def first(split: Split, count: int) -> Split:
    """The first `count` pictures, as many of each class, in the file's order."""
    each = count // len(split.classes)
    chosen = [np.flatnonzero(split.labels == label)[:each] for label in np.unique(split.labels)]
    return split.part(np.sort(np.concatenate(chosen)))


def features(
    network: Network, arrays: Mapping[str, np.ndarray | torch.Tensor], pictures: PictureSet,
    image: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """What `network` makes of each picture, float32 (N, numbers); in bf16, for speed."""
    module = build(network, arrays=arrays).eval()
    found: list[np.ndarray] = []
    for start in range(0, len(pictures), BATCH):
        shown = prepare(pictures.images[start : start + BATCH], CONTRACT, image)
        shown = shown.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            given = module(shown, layers=[LAST])[LAST]
        found.append(given.float().flatten(1).numpy())
    return np.concatenate(found)


def read_out(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, answers: np.ndarray
) -> tuple[float, int]:
    """The penalty that a fifth of the training pictures liked best, and the errors on the test of
    a linear layer by it: ridge regression on the classes, every number scaled to a deviation of 1.
    """
    kept, held = divide(labels, HELD_OUT, 0)
    wrong = errors(train[kept], labels[kept], train[held], labels[held], PENALTIES)
    best = PENALTIES[wrong.index(min(wrong))]
    return best, errors(train, labels, test, answers, (best,))[0]


def errors(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, answers: np.ndarray,
    penalties: Sequence[float],
) -> list[int]:  # fmt: skip
    """Wrong answers under each penalty; solved for a weight per picture, which are fewer than the
    numbers, with the mean of every class taken off the answers.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1.0
    seen, asked = (train - mean) / deviation, (test - mean) / deviation
    alike, asked_alike = (seen @ seen.T).astype(np.float64), asked @ seen.T
    right = np.eye(labels.max() + 1)[labels]
    base = right.mean(axis=0)
    wrong: list[int] = []
    for penalty in penalties:
        weights = np.linalg.solve(alike + penalty * np.eye(len(alike)), right - base)
        guesses = (asked_alike @ weights + base).argmax(axis=1)
        wrong.append(int(np.count_nonzero(guesses != answers)))
    return wrong


def cached(
    place: Path | None, name: str, network: Network,
    arrays: Mapping[str, np.ndarray | torch.Tensor], split: Split, image: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """`features`, read from `place` where they were written there by an earlier run."""
    digest = hashlib.sha256(split.rows.tobytes()).hexdigest()[:12]
    file = None if place is None else place / f"{name}-{digest}.npy"
    if file is not None and file.exists():
        return np.load(file)
    began = time.perf_counter()
    pictures = load(split, channels=3, side=network.picture.shape[1])
    found = features(network, arrays, pictures, image)
    seconds = time.perf_counter() - began
    print(f"{name}: {len(found):,} pictures in {seconds:.0f} s", flush=True)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=4000, help="to learn the read-out from")
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--filters", type=Path)
    options = parser.parse_args()
    network, drawn = trunk(), he(trunk())
    if options.filters:
        draw_filters(network, trained(options.data), CONTRACT).savefig(options.filters)
        return
    sample = cifar(options.data, options.pictures, options.test)
    image, rows = mean_image(options.data), list[list[str]]()
    for name, of, arrays in (
        ("drawn as the catalog has it", network, initial_arrays(network, seed=0)),
        ("drawn by He et al. 2015", drawn, initial_arrays(drawn, seed=0)),
        ("trained on ImageNet", network, trained(options.data)),
    ):
        train, test = (
            cached(options.cache, name.replace(" ", "-"), of, arrays, split, image)
            for split in (sample.train, sample.test)
        )
        rows.append([name, *row(sample, train, test)])
        print(*rows[-1], sep="; ", flush=True)
    write(rows, len(sample.train), train.shape[1])


def row(sample: Sample, train: np.ndarray, test: np.ndarray) -> list[str]:
    """The error where there are few pictures, then penalty and errors with all of them."""
    labels, answers = sample.train.labels, sample.test.labels
    few = np.flatnonzero(np.isin(sample.train.rows, first(sample.train, len(train) // FEW).rows))
    _, less = read_out(train[few], labels[few], test, answers)
    best, wrong = read_out(train, labels, test, answers)
    return [
        f"{less / len(test):.2%}",
        f"{best:,.0f}",
        f"{wrong / len(test):.2%}",
        f"{wrong:,} of {len(test):,}",
    ]


def write(rows: list[list[str]], pictures: int, numbers: int) -> None:
    record(
        "16-features",
        title="Features: CIFAR-10 read out linearly from pool5 of network `caffe`",
        command=f"python benchmarks/features.py DATA --pictures {pictures}",
        wanted="trained convolutions far ahead of drawn ones",
        columns=[
            "network",
            f"error, {pictures // FEW:,} pictures",
            "penalty",
            f"error, {pictures:,} pictures",
            "wrong",
        ],
        rows=rows,
        remark="CIFAR-10's first pictures, as many of each class, enlarged from 32 pixels to 227"
        f" and shown as Caffe shows its networks theirs; {numbers:,} numbers each, in bf16, scaled"
        " to a deviation of 1; ridge regression on the ten classes, its penalty chosen on a fifth"
        " of the training pictures. The trained weights are those of Caffe's bvlc_alexnet, rebuilt"
        " from codebooks of seven bits.",
    )


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, Input) and layer.content == "labels"


if __name__ == "__main__":
    main()
