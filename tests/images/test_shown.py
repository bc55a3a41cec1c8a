"""The views of test time against explicit slices, in the order of the code of 2012."""

from __future__ import annotations

import pytest
import torch

from alexnet.images import centre_crop
from alexnet.images.shown import View, Views, cut, views_of


def pictures(count: int, channels: int, side: int) -> torch.Tensor:
    """No two pixels of a picture are alike."""
    pixels = torch.arange(count * channels * side * side, dtype=torch.int32)
    return pixels.reshape(count, channels, side, side)


def test_ten_views_of_256_are_the_papers() -> None:
    corners = [(0, 0), (0, 32), (16, 16), (32, 0), (32, 32)]
    expected = [View(top, left) for top, left in corners]
    expected += [View(top, left, mirrored=True) for top, left in corners]
    assert list(views_of("ten", 256, 224)) == expected


def test_ten_views_are_explicit_slices_and_then_the_same_mirrored() -> None:
    images = pictures(2, 3, 8)
    five = [
        images[:, :, :6, :6],
        images[:, :, :6, 2:],
        images[:, :, 1:7, 1:7],
        images[:, :, 2:, :6],
        images[:, :, 2:, 2:],
    ]
    expected = torch.cat([*five, *(view.flip(3) for view in five)])  # view by view
    assert torch.equal(cut(images, 6, views_of("ten", 8, 6)), expected)


def test_nine_views_are_the_grid_row_by_row_unmirrored() -> None:
    images = pictures(2, 1, 32)
    starts = (0, 4, 8)
    expected = [images[:, :, y : y + 24, x : x + 24] for y in starts for x in starts]
    assert torch.equal(cut(images, 24, views_of("nine", 32, 24)), torch.cat(expected))


@pytest.mark.parametrize("side", [5, 6, 9])
def test_the_centre_is_the_centre_crop_and_one_of_every_scheme(side: int) -> None:
    images = pictures(2, 3, side)
    (centre,) = views_of("centre", side, 5)
    assert torch.equal(cut(images, 5, (centre,)), centre_crop(images, 5))
    schemes: tuple[Views, ...] = ("ten", "nine")
    for scheme in schemes:
        assert centre in views_of(scheme, side, 5)


def test_views_keep_the_type_and_stay_within_the_picture() -> None:
    images = pictures(1, 1, 6).to(torch.uint8)
    assert cut(images, 4, views_of("ten", 6, 4)).dtype == torch.uint8
    with pytest.raises(AssertionError, match="leaves the picture"):
        cut(images, 4, (View(3, 0),))
    with pytest.raises(AssertionError, match="does not fit"):
        views_of("ten", 6, 7)
