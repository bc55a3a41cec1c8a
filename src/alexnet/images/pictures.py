"""A split decoded once, up front, into one array: what training and evaluation draw batches from.

Nothing is decoded later, so that no bad file can stop an epoch half-way; nothing is augmented here.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch

from alexnet.images.decode import PictureError, fit, quiet_pillow
from alexnet.images.splits import SourceError, Split, divide

MEMORY_BOUND = 4 * 2**30
"""Bytes of pixels above which they lie in a temporary file instead of in memory."""

_CHUNK = 64


@dataclass(frozen=True)
class Rejected:
    """A picture that could not be decoded: which, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Decoded pictures of one size.

    images is uint8 (N, channels, side, side), in memory or mapped from a temporary file; labels is
    int64 (N,), indices into classes; names says where each picture came from. The pictures in
    rejected are not among the N.
    """

    images: torch.Tensor = field(repr=False)
    labels: torch.Tensor = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]

    def __len__(self) -> int:
        """Return N, the number of decoded pictures."""
        return len(self.labels)


def load(
    split: Split,
    *,
    channels: int,
    side: int,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
    memory_bound: int = MEMORY_BOUND,
) -> PictureSet:
    """Decode every picture of a split, scaled and cropped to side x side, in order.

    channels is 1 or 3. progress is called with (pictures done, pictures in all), on the thread
    that called. Pictures that cannot be decoded are listed in `rejected` and left out. An empty
    split gives an empty set.

    Raises SourceError where no picture of a split could be decoded, or where the pixels fit
    neither the memory bound nor the temporary folder.
    """
    total = len(split)
    images = _allocate((total, channels, side, side), memory_bound)
    refused: dict[int, Rejected] = {}

    def decode_chunk(start: int) -> dict[int, Rejected]:
        return _decode_into(images, split, range(start, min(start + _CHUNK, total)))

    with quiet_pillow():
        executor = ThreadPoolExecutor(workers)
        try:
            for start, bad in zip(
                range(0, total, _CHUNK),
                executor.map(decode_chunk, range(0, total, _CHUNK)),
                strict=True,
            ):
                refused.update(bad)
                if progress is not None:
                    progress(min(start + _CHUNK, total), total)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    return _gather(images, split, refused)


def subset(pictures: PictureSet, indices: torch.Tensor | np.ndarray | Sequence[int]) -> PictureSet:
    """Return a copy of the pictures at `indices`, in that order, without the rejected ones."""
    chosen = torch.as_tensor(indices, dtype=torch.int64)
    images = torch.from_numpy(_allocate((len(chosen), *pictures.images.shape[1:]), MEMORY_BOUND))
    for start in range(0, len(chosen), 1024):
        images[start : start + 1024] = pictures.images[chosen[start : start + 1024]]
    names = tuple(pictures.names[index] for index in chosen.tolist())
    return PictureSet(images, pictures.labels[chosen], names, pictures.classes, ())


def hold_out(pictures: PictureSet, share: float, seed: int) -> tuple[PictureSet, PictureSet]:
    """Divide pictures into (train, validation): `share` of each class is held out by the seed.

    A class of more than one picture gives at least one, and never all; the order is kept.
    """
    kept, held = divide(pictures.labels.numpy(), share, seed)
    return subset(pictures, kept), subset(pictures, held)


def _decode_into(images: np.ndarray, split: Split, indices: range) -> dict[int, Rejected]:
    channels, side = images.shape[1:3]
    refused = {}
    for index in indices:
        try:
            picture = split.read(index, channels)
        except PictureError as error:
            refused[index] = Rejected(error.name, error.reason)
        else:
            images[index] = fit(picture, side).transpose(2, 0, 1)
    return refused


def _gather(images: np.ndarray, split: Split, refused: dict[int, Rejected]) -> PictureSet:
    """Close the gaps that refused pictures left, in place, since there may be no room for two."""
    total = len(split)
    if total and len(refused) == total:
        first = refused[0]
        message = f"none of the {total:,} pictures could be decoded"
        raise SourceError(f"{message}; the first, {first.name}, {first.reason}")
    kept = [index for index in range(total) if index not in refused]
    if refused:
        for place, index in enumerate(kept):
            images[place] = images[index]
    return PictureSet(
        images=torch.from_numpy(images[: len(kept)]),
        labels=torch.from_numpy(split.labels[kept]),
        names=tuple(split.name(index) for index in kept),
        classes=split.classes,
        rejected=tuple(refused[index] for index in sorted(refused)),
    )


def _allocate(shape: tuple[int, ...], memory_bound: int) -> np.ndarray:
    """A uint8 array: in memory, or above the bound in a file that is gone when the array is."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= memory_bound:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile(prefix="alexnet-pictures-") as file:
        try:
            # Claimed now: a disk that fills up under a mapping kills the process with a signal.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            message = f"{tempfile.gettempdir()}: no room for {size / 2**30:.1f} GiB of pictures"
            reason = error.strerror or str(error)
            raise SourceError(f"{message} ({reason}); TMPDIR can name another folder") from error
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)
