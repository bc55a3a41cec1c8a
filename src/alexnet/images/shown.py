"""Which parts of a picture a network is shown at test time, cut from whole batches. The random
views of training are in `views`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from torch import Tensor

Views = Literal["centre", "ten", "nine"]
"""The schemes of test time: one view, five positions with their mirror images, a 3 × 3 grid."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture: the offset of its first pixel, and whether it is mirrored."""

    top: int
    left: int
    mirrored: bool = False


def views_of(scheme: Views, side: int, size: int) -> tuple[View, ...]:
    """The views of a scheme, in the order in which the code of 2012 lays them.

    With a border b at every edge, side = size + 2·b, the offsets are 0, b and 2·b; an odd rest
    goes right and below. "ten" is top left, top right, centre, bottom left, bottom right, then the
    mirror images of the same five (§4.1; convdata.py; semantics file, section 13). "nine" is the
    3 × 3 grid of offsets row by row, without mirror images (convdata_cifar.py and cuda-convnet2's
    convdata.py).

    Args:
        scheme: which views.
        side: of the square pictures, in pixels.
        size: of the square views, in pixels, at most `side`.
    """
    assert 0 < size <= side, f"a view of {size} does not fit a picture of {side}"
    last = side - size
    centre = last // 2
    match scheme:
        case "centre":
            return (View(centre, centre),)
        case "ten":
            places = ((0, 0), (0, last), (centre, centre), (last, 0), (last, last))
            return tuple(View(*place, mirrored) for mirrored in (False, True) for place in places)
        case "nine":
            offsets = (0, centre, last)
            return tuple(View(top, left) for top in offsets for left in offsets)
        case _:
            assert_never(scheme)


def cut(images: Tensor, size: int, views: tuple[View, ...]) -> Tensor:
    """The views of every picture: (views · N, C, size, size), view by view and not picture by
    picture, of the same type.

    Args:
        images: (N, C, side, side), bytes or anything else.
        size: of the views, in pixels.
        views: at least one.
    """
    assert views, "a picture is shown by at least one view"
    parts = [_part(images, size, view) for view in views]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _part(images: Tensor, size: int, view: View) -> Tensor:
    bottom, right = view.top + size, view.left + size
    assert bottom <= images.shape[-2] and right <= images.shape[-1], f"{view} leaves the picture"
    part = images[..., view.top : bottom, view.left : right]
    return part.flip(-1) if view.mirrored else part
