"""How pictures are shown to a network at test time and what it then says of each: the views, what
is subtracted from them, and how their answers become one. It judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import torch
from torch import Tensor

from alexnet.evaluation.tally import EvaluationError
from alexnet.images import normalise
from alexnet.images.learnable import Pictures, reading
from alexnet.images.shown import Views, cut, views_of
from alexnet.network.contract import InputContract
from alexnet.network.layers import Softmax
from alexnet.network.shapes import elements
from alexnet.torch_net import NetworkModule
from alexnet.torch_net.precision import Precision

Average = Literal["probabilities", "logits"]
"""What of a picture's views is averaged: the network's probabilities, or its scores before them."""

MeanCrop = Literal["centre", "matching"]
"""Which part of a mean image is subtracted from a view."""

BATCH_SIZE = 256
"""Views in one forward pass, unless the caller says otherwise."""

CPU_BATCH_SIZE = 64
"""The same on a CPU: more do not fit its caches and are slower, at 32 pixels and at 224."""

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all)."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How a picture is shown at test time.

    Attributes:
        views: which parts of it are looked at.
        average: what of the views is averaged. In 2012 the probabilities, and neither their
            logarithms nor what they are made of (semantics file, section 13). No matter for one
            view.
        mean_crop: "centre": the mean image's centre is subtracted from every view, wherever it
            was cut and whether or not it is mirrored, as the code of 2012 does (section 12);
            "matching": the part of the mean image at the view's own place, as §2 may be read,
            each pixel less its own mean. No matter where no image is subtracted.
        precision: of the network's arithmetic; what the pictures become before it and the
            probabilities after it are computed in fp32 and more.
    """

    views: Views = "centre"
    average: Average = "probabilities"
    mean_crop: MeanCrop = "centre"
    precision: Precision = "fp32"


CENTRE = Showing()
"""The centre view alone, as §6 has 39.0% and 18.3% by."""

PAPER = Showing(views="ten")
"""§4.1: five positions and their mirror images, the probabilities averaged."""


@dataclass(frozen=True, eq=False)
class Examinee:
    """A network, and the pictures that it is asked about.

    Attributes:
        module: the network.
        pictures: as large as it takes them, or larger; those of a store are read batch by batch.
        contract, mean_image: what its weights expect; the image (channels, height, width).
    """

    module: NetworkModule
    pictures: Pictures
    contract: InputContract
    mean_image: np.ndarray | Tensor | None = None

    @property
    def classes(self) -> int:
        """How many outputs the network has."""
        network = self.module.network
        return elements(network.shape(network.outputs.name))


def log_probabilities(
    examinee: Examinee,
    showing: Showing = CENTRE,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """What the network says of every picture, batch by batch.

    Only the views of one batch are in memory at a time, and they go through the network together.

    Args:
        examinee: whom to ask about which pictures.
        showing: how they are shown.
        batch_size: views in one forward pass, as nearly as whole pictures allow; None is
            BATCH_SIZE, or on a CPU CPU_BATCH_SIZE.
        progress: told after each batch.

    Yields:
        The index of the batch's first picture, and the natural logarithm of each class's
        probability, float64 (pictures, classes), over all views.

    Raises:
        EvaluationError: as `check_showing`.
    """
    check_showing(examinee, showing)
    images = examinee.pictures.images
    views = views_of(showing.views, images.shape[-1], examinee.module.network.picture.shape[1])
    device = next(examinee.module.parameters()).device
    if batch_size is None:
        batch_size = CPU_BATCH_SIZE if device.type == "cpu" else BATCH_SIZE
    step = max(1, batch_size // len(views))
    with reading(examinee.pictures, torch.arange(len(images))):
        for start in range(0, len(images), step):
            batch = images[start : start + step].to(device)
            with _testing(examinee.module, showing.precision):
                shown = _shown(examinee, showing, batch)
                shown = shown.contiguous(memory_format=torch.channels_last)
                logits = _logits(examinee.module, shown)
                answer = averaged(logits.unflatten(0, (len(views), len(batch))), showing.average)
            yield start, answer
            if progress is not None:
                progress(start + len(batch), len(images))


def averaged(logits: Tensor, average: Average) -> Tensor:
    """The logarithms of one probability per class, float64 (N, classes), from several views'.

    Args:
        logits: (views, N, classes), what a softmax makes probabilities of.
        average: "probabilities": log of the mean of the views' probabilities; "logits": the
            probabilities of the views' mean score.
    """
    precise = logits.cpu().double() if logits.device.type == "mps" else logits.double()
    match average:
        case "probabilities":
            # in logarithms, so that none vanishes before it is added
            return precise.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(precise))
        case "logits":
            return precise.mean(dim=0).log_softmax(dim=1)
        case _:
            assert_never(average)


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
        mean = _tensor(mean_image)
    elif contract.mean:
        mean = torch.tensor(contract.mean).expand(images.shape[1])
    deviation = torch.tensor(contract.deviation) if contract.deviation else 1.0
    return normalise(images, mean=mean, std=deviation, scale=contract.pixel_maximum / 255)


def _tensor(array: np.ndarray | Tensor) -> Tensor:
    """Arrays are copied: one that was read from a file may not be writable, and torch warns."""
    return array if isinstance(array, Tensor) else torch.from_numpy(array.copy())


def check_pictures(module: NetworkModule, pictures: Pictures) -> None:
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


def check_showing(examinee: Examinee, showing: Showing) -> None:
    """Whether the pictures can be shown so.

    Raises:
        EvaluationError: as `check_pictures`; several views of pictures that are no larger than the
            network takes them; or the mean image has no part at every view's place.
    """
    check_pictures(examinee.module, examinee.pictures)
    network, side = examinee.module.network, examinee.pictures.images.shape[-1]
    if showing.views != "centre" and side == network.picture.shape[1]:
        raise EvaluationError(
            f"the pictures are {side}×{side}, no larger than network '{network.name}' takes them,"
            f" so {showing.views} views would all be one; load them with a border at every edge"
        )
    image = examinee.mean_image
    if showing.mean_crop == "matching" and image is not None and min(image.shape[1:]) < side:
        raise EvaluationError(
            f"the mean image is {image.shape[1]}×{image.shape[2]} and the pictures {side}×{side},"
            " so it has no part at every view's place; subtract its centre"
        )


def _shown(examinee: Examinee, showing: Showing, images: Tensor) -> Tensor:
    """A batch's views as the weights expect them, float32 (views · N, C, size, size)."""
    size = examinee.module.network.picture.shape[1]
    views = views_of(showing.views, images.shape[-1], size)
    match showing.mean_crop:
        case "centre":
            return prepare(cut(images, size, views), examinee.contract, examinee.mean_image)
        case "matching":
            return cut(prepare(images, examinee.contract, examinee.mean_image), size, views)
        case _:
            assert_never(showing.mean_crop)


def _logits(module: NetworkModule, shown: Tensor) -> Tensor:
    """What the network's probabilities are made of, (N, classes): its outputs, or where those are
    a softmax what that reads.
    """
    outputs = module.network.outputs
    name = outputs.reads[0] if isinstance(outputs, Softmax) else outputs.name
    return module(shown, layers=[name])[name].flatten(1)


@contextmanager
def _testing(module: NetworkModule, precision: Precision) -> Iterator[None]:
    """Dropout as at test time and no gradients; afterwards as before."""
    training, device = module.training, next(module.parameters()).device
    module.eval()
    try:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
        ):
            yield
    finally:
        module.train(training)
