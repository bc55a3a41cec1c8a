"""What lies inside a network that sees a picture: maps by layer, what one unit sees of the picture
(counted, and measured by its gradient), and which pictures a unit responds to most. It draws
nothing, and feature vectors by the thousand are `features`' matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.evaluation.features import feature
from alexnet.evaluation.showing import (
    CENTRE,
    Examinee,
    Progress,
    _testing,  # pyright: ignore[reportPrivateUsage]
    check_showing,
    prepare,
)
from alexnet.evaluation.tally import EvaluationError
from alexnet.images import centre_crop
from alexnet.images.learnable import reading
from alexnet.network.arithmetic import receptive_fields
from alexnet.network.spec import Network, nearest
from alexnet.torch_net import NetworkModule


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a layer: its map, and its place in it, all counted from 0."""

    layer: str
    channel: int
    row: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """The pixels of the picture that a unit may see, `top` ≤ row < `bottom`, `left` ≤ column <
    `right`; they may lie in the padding, outside the picture.
    """

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, eq=False)
class Response:
    """How strongly a unit responds to one picture.

    Attributes:
        picture: which one, counted from 0.
        strength: the unit's activation, the largest of its map.
        row, column: where in the map that is.
        patch: uint8 (height, width, 1 or 3), what the unit sees there of the picture, grey where
            its field leads beyond the edge.
    """

    picture: int
    strength: float
    row: int
    column: int
    patch: np.ndarray


OUTSIDE = 128
"""The byte that stands for pixels beyond the picture's edge."""


def feature_maps(examinee: Examinee, picture: int, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """What layers make of one picture: float32 (channels, height, width) by the names asked for.

    Args:
        examinee: a network and its pictures.
        picture: which of them.
        layers: as `features.feature` takes them; twins' maps stand one tower after the other.

    Raises:
        EvaluationError: no such layer, or pictures that the network cannot see.
    """
    check_showing(examinee, CENTRE)
    asked = [feature(examinee.module.network, name) for name in layers]
    wanted = list(dict.fromkeys(layer for each in asked for layer in each.layers))
    with _testing(examinee.module, CENTRE.precision):
        found = examinee.module(_seen(examinee, slice(picture, picture + 1)), layers=wanted)
    maps: dict[str, np.ndarray] = {}
    for each in asked:
        stacked = torch.cat([_as_maps(found[name]) for name in each.layers], dim=1)
        maps[each.name] = stacked[0].float().cpu().numpy()
    return maps


def field(network: Network, unit: Unit) -> Field:
    """The pixels that a unit may see, by the recurrence of `arithmetic.receptive_fields`.

    Raises:
        EvaluationError: no such unit, or one that sees no picture.
    """
    rows, columns = check_unit(network, unit)
    seen = receptive_fields(network)[unit.layer]
    if seen is None:
        raise EvaluationError(f"layer '{unit.layer}' sees no picture")
    place = (unit.row if rows > 1 else 0, unit.column if columns > 1 else 0)
    top, left = (seen.start + seen.jump * where for where in place)
    return Field(top, left, top + seen.size, left + seen.size)


def check_unit(network: Network, unit: Unit) -> tuple[int, int]:
    """The rows and columns of the unit's map.

    Raises:
        EvaluationError: no such layer, or no such place in it.
    """
    if unit.layer not in network:
        hint = nearest(unit.layer, [layer.name for layer in network])
        raise EvaluationError(f"network '{network.name}' has no layer '{unit.layer}'{hint}")
    channels, rows, columns = network.shape(unit.layer)
    for what, at, there in (
        ("channel", unit.channel, channels),
        ("row", unit.row, rows),
        ("column", unit.column, columns),
    ):
        if not 0 <= at < there:
            raise EvaluationError(
                f"layer '{unit.layer}' has {there} {what}s, from 0 to {there - 1}; there is no"
                f" {what} {at}"
            )
    return rows, columns


def field_by_gradient(examinee: Examinee, picture: int, unit: Unit) -> np.ndarray:
    """How much a unit's activation changes with each pixel of one picture: float32 (height,
    width), |∂ unit / ∂ pixel| summed over the channels.

    Pixels outside `field` have exactly 0; inside, those in the middle count most (Luo et al.
    2016). A unit that is switched off by its relu has a gradient of 0 everywhere.

    Raises:
        EvaluationError: no such unit, one that no picture reaches, or pictures that the network
            cannot see.
    """
    check_showing(examinee, CENTRE)
    check_unit(examinee.module.network, unit)
    seen = _seen(examinee, slice(picture, picture + 1)).requires_grad_()
    with _at_rest(examinee.module):
        activation = _as_maps(examinee.module(seen, layers=[unit.layer])[unit.layer])
    if not activation.requires_grad:
        raise EvaluationError(f"layer '{unit.layer}' sees no picture; it has no gradient")
    (gradient,) = torch.autograd.grad(
        activation[0, unit.channel, unit.row, unit.column], seen, allow_unused=True
    )
    if gradient is None:
        raise EvaluationError(f"layer '{unit.layer}' sees no picture; it has no gradient")
    return gradient[0].abs().sum(dim=0).float().cpu().numpy()


def strongest(
    examinee: Examinee,
    layer: str,
    channels: Sequence[int],
    count: int = 9,
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[int, list[Response]]:
    """The pictures to which the units of some maps respond most, strongest first: one place in each
    picture, the first where several are equal (after Zeiler & Fergus 2014, Figure 2).

    Args:
        examinee: a network and its pictures.
        layer: of the network, by its own name.
        channels: which of its maps.
        count: how many pictures for each; all where there are fewer.
        batch_size: pictures in one forward pass.
        progress: told after each batch.

    Raises:
        EvaluationError: as `field`, or pictures that the network cannot see.
    """
    network = examinee.module.network
    for channel in channels:
        field(network, Unit(layer, channel))
    check_showing(examinee, CENTRE)
    chosen, columns = torch.tensor(list(channels)), network.shape(layer)[2]
    values, places = list[Tensor](), list[Tensor]()
    total = len(examinee.pictures)
    with reading(examinee.pictures, torch.arange(total)):
        for start in range(0, total, batch_size):
            stop = min(total, start + batch_size)
            with _testing(examinee.module, CENTRE.precision):
                seen = _seen(examinee, slice(start, stop))
                maps = _as_maps(examinee.module(seen, layers=[layer])[layer])
            best, place = maps[:, chosen].flatten(2).max(dim=2)
            values.append(best.float().cpu())
            places.append(place.cpu())
            if progress is not None:
                progress(stop, total)
    strengths, where = torch.cat(values), torch.cat(places)
    order = strengths.sort(dim=0, descending=True, stable=True).indices[:count]
    found: dict[int, list[Response]] = {}
    for index, channel in enumerate(channels):
        found[channel] = []
        for picture in order[:, index].tolist():
            row, column = divmod(int(where[picture, index]), columns)
            pixels = shown_pixels(examinee, picture)
            cut = patch(pixels, field(network, Unit(layer, channel, row, column)))
            strength = float(strengths[picture, index])
            found[channel].append(Response(picture, strength, row, column, cut))
    return found


def shown_pixels(examinee: Examinee, picture: int) -> np.ndarray:
    """The bytes of a picture's centre view: uint8 (height, width, channels)."""
    side = examinee.module.network.picture.shape[1]
    images = examinee.pictures.images[picture : picture + 1]
    return centre_crop(images, side)[0].permute(1, 2, 0).cpu().numpy()


def patch(picture: np.ndarray, seen: Field) -> np.ndarray:
    """A field cut out of a picture (height, width, channels), grey beyond the edge."""
    height, width, channels = picture.shape
    cut = np.full((seen.bottom - seen.top, seen.right - seen.left, channels), OUTSIDE, np.uint8)
    top, left = max(0, seen.top), max(0, seen.left)
    bottom, right = min(height, seen.bottom), min(width, seen.right)
    if top < bottom and left < right:
        cut[top - seen.top : bottom - seen.top, left - seen.left : right - seen.left] = picture[
            top:bottom, left:right
        ]
    return cut


@contextmanager
def _at_rest(module: NetworkModule) -> Iterator[None]:
    """Dropout as at test time, gradients as the caller has them; afterwards as before."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


def _seen(examinee: Examinee, pictures: slice) -> Tensor:
    """The centre views of pictures as the weights expect them."""
    device = next(examinee.module.parameters()).device
    side = examinee.module.network.picture.shape[1]
    images = examinee.pictures.images[pictures]
    return prepare(centre_crop(images.to(device), side), examinee.contract, examinee.mean_image)


def _as_maps(found: Tensor) -> Tensor:
    """An activation as (N, channels, height, width)."""
    return found if found.dim() == 4 else found[:, :, None, None]
