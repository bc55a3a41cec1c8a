"""What a network says of pictures, and how often it is right: integer counts over the centre view.
It learns nothing and reads no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.images import PictureSet, centre_crop, normalise
from alexnet.network.contract import InputContract
from alexnet.network.layers import Softmax
from alexnet.torch_net import NetworkModule

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all)."""


class EvaluationError(ValueError):
    """Pictures and network that do not fit, or a count that is not whole."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many pictures were classified rightly; tallies of disjoint pictures add up.

    A picture is right at top-k where fewer than k classes come before its label; a class comes
    before where it scores higher, or equally and has the lower index. Scores that are not numbers
    make a picture wrong. (cuda-convnet shares the credit of a tie out in fractions; that is no
    count, and ties of float scores are rare.)

    Attributes:
        right1: right at top-1.
        right5: right at top-k, k being `top`.
        seen: pictures counted.
        expected: pictures that there are.
        top: 5, or the number of classes where there are fewer.
    """

    right1: int
    right5: int
    seen: int
    expected: int
    top: int = 5

    def __add__(self, other: Tally) -> Tally:
        """The counts of both."""
        assert self.top == other.top, f"top-{self.top} and top-{other.top} do not add up"
        return Tally(
            right1=self.right1 + other.right1,
            right5=self.right5 + other.right5,
            seen=self.seen + other.seen,
            expected=self.expected + other.expected,
            top=self.top,
        )

    @property
    def error1(self) -> float:
        """The share of pictures whose label is not the first guess.

        Raises:
            EvaluationError: not every picture was seen exactly once.
        """
        return (self._whole() - self.right1) / self.seen

    @property
    def error5(self) -> float:
        """The share of pictures whose label is not among the first `top` guesses; raises as
        `error1`.
        """
        return (self._whole() - self.right5) / self.seen

    def _whole(self) -> int:
        if self.seen != self.expected or not self.seen:
            raise EvaluationError(
                f"{self.seen:,} pictures were counted of {self.expected:,}; an error is given only"
                " where every one was seen exactly once"
            )
        return self.seen


def evaluate(
    module: NetworkModule,
    pictures: PictureSet,
    contract: InputContract,
    *,
    mean_image: np.ndarray | Tensor | None = None,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> Tally:
    """Counts how often `module` is right about the centre crops of `pictures`.

    Raises:
        EvaluationError: no pictures, or of the wrong channels, too small, or with labels that the
            network has no output for.
    """
    classes = _classes(module)
    if len(pictures) and int(pictures.labels.max()) >= classes:
        raise EvaluationError(
            f"a label is {int(pictures.labels.max())} and network '{module.network.name}' has"
            f" {classes} outputs; labels must be less"
        )
    top = min(5, classes)
    tally = Tally(right1=0, right5=0, seen=0, expected=len(pictures), top=top)
    for start, scores in _scored(module, pictures, contract, mean_image, batch_size, progress):
        ranks = label_ranks(scores, pictures.labels[start : start + len(scores)])
        tally += Tally(
            right1=int((ranks < 1).sum()),
            right5=int((ranks < top).sum()),
            seen=len(scores),
            expected=0,
            top=top,
        )
    tally._whole()
    return tally


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the classes a picture may be of, counted from 0, and its probability."""

    index: int
    probability: float


def predictions(
    module: NetworkModule,
    pictures: PictureSet,
    contract: InputContract,
    *,
    mean_image: np.ndarray | Tensor | None = None,
    top: int = 5,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> tuple[tuple[Guess, ...], ...]:
    """The `top` likeliest classes of every picture, the likeliest first (fewer where the network
    has fewer outputs).

    Raises:
        EvaluationError: as `evaluate`.
    """
    found: list[tuple[Guess, ...]] = []
    for _, scores in _scored(module, pictures, contract, mean_image, batch_size, progress):
        likely = probabilities(module, scores)
        order = likely.sort(dim=1, descending=True, stable=True)  # ties: the lower index first
        for values, indices in zip(order.values[:, :top], order.indices[:, :top], strict=True):
            pairs = zip(indices.tolist(), values.tolist(), strict=True)
            found.append(tuple(Guess(index, probability) for index, probability in pairs))
    return tuple(found)


def label_ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before each label, int64 (N,).

    Args:
        scores: (N, classes), of any floating type.
        labels: int64 (N,).
    """
    labels = labels.to(scores.device)
    own = scores.gather(1, labels[:, None])
    lower = torch.arange(scores.shape[1], device=scores.device) < labels[:, None]
    before = (scores > own) | ((scores == own) & lower)
    broken = scores.isnan().any(dim=1)
    return before.sum(dim=1).masked_fill(broken, scores.shape[1])


def probabilities(module: NetworkModule, scores: Tensor) -> Tensor:
    """The network's outputs (N, classes) as probabilities: through a softmax where it has none."""
    return scores if isinstance(module.network.outputs, Softmax) else scores.softmax(dim=1)


def prepare(
    images: Tensor, contract: InputContract, mean_image: np.ndarray | Tensor | None = None
) -> Tensor:
    """Bytes as the weights expect them: float32 of the same shape and memory format.

    Args:
        images: uint8 (N, channels, height, width), RGB or grey.
        contract: what the weights expect.
        mean_image: (channels, height, width) where the contract has one; of a larger one the
            centre is subtracted.
    """
    assert contract.mean_image == (mean_image is not None), "the contract names a mean image"
    if contract.channel_order == "BGR":
        images = images.flip(1)
    mean: Tensor | float = 0.0
    if mean_image is not None:
        mean = torch.as_tensor(mean_image)
    elif contract.mean:
        mean = torch.tensor(contract.mean).expand(images.shape[1])
    deviation = torch.tensor(contract.deviation) if contract.deviation else 1.0
    return normalise(images, mean=mean, std=deviation, scale=contract.pixel_maximum / 255)


def check_pictures(module: NetworkModule, pictures: PictureSet) -> None:
    """Raises EvaluationError where `pictures` cannot be shown to `module`, or there are none."""
    channels, side, _ = module.network.picture.shape
    shape = tuple(pictures.images.shape[1:])
    if not len(pictures):
        raise EvaluationError("there are no pictures")
    if shape[0] != channels or shape[1] < side or shape[2] < side:
        raise EvaluationError(
            f"the pictures are {shape} and network '{module.network.name}' takes"
            f" {(channels, side, side)}; load them with as many channels, at that side or larger"
        )


def _scored(
    module: NetworkModule,
    pictures: PictureSet,
    contract: InputContract,
    mean_image: np.ndarray | Tensor | None,
    batch_size: int,
    progress: Progress | None,
) -> Iterator[tuple[int, Tensor]]:
    """Batch by batch: the index of its first picture, and the network's outputs (N, classes)."""
    check_pictures(module, pictures)
    side = module.network.picture.shape[1]
    device = next(module.parameters()).device
    for start in range(0, len(pictures), batch_size):
        images = pictures.images[start : start + batch_size]
        view = prepare(centre_crop(images, side).to(device), contract, mean_image)
        with _testing(module):
            scores = module(view.contiguous(memory_format=torch.channels_last))
        yield start, scores.flatten(1)
        if progress is not None:
            progress(start + len(images), len(pictures))


@contextmanager
def _testing(module: NetworkModule) -> Iterator[None]:
    """Dropout as at test time and no gradients; afterwards as before."""
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        module.train(training)


def _classes(module: NetworkModule) -> int:
    channels, height, width = module.network.shape(module.network.outputs.name)
    return channels * height * width
