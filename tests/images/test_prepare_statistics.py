"""The mean image and the colours' statistics: closed forms, and the arrays of the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alexnet.images.preparing import Settings, prepare
from alexnet.images.statistics import Statistics, Sums, channel_products, statistics
from alexnet.images.store import read_store
from images.ilsvrc_files import SIDE, miniature, write_tars


def test_two_flat_pictures_in_closed_form() -> None:
    sums = Sums(4)
    sums.add(np.full((4, 4, 3), (10, 100, 7), np.uint8))
    sums.add(np.full((4, 4, 3), (30, 50, 7), np.uint8))
    found = statistics(sums)
    assert found.mean_image.shape == (3, 4, 4) and found.mean_image.dtype == np.float32
    assert (found.mean_image[:, 2, 3] == [20, 75, 7]).all()
    assert (found.channel_mean == [20, 75, 7]).all()
    assert (found.channel_deviation == [10, 25, 0]).all()
    covariance = [[100, -250, 0], [-250, 625, 0], [0, 0, 0]]
    assert (found.colour_covariance == covariance).all()
    # All colours lie on one line: its variance is 100 + 625, its direction (-10, 25, 0).
    assert found.colour_eigenvalues == pytest.approx([0, 0, 725], abs=1e-9)
    assert found.colour_deviations[2] == pytest.approx(725**0.5)
    assert found.colour_eigenvectors[:, 2] == pytest.approx(np.array([-10, 25, 0]) / 725**0.5)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16), (33, 70)])
def test_products_of_channels_are_exact(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    picture[: size[0] // 2] = 255  # the largest sums
    pixels = picture.reshape(-1, 3).astype(np.int64)
    assert (channel_products(picture) == pixels.T @ pixels).all()
    white = np.full((256, 256, 3), 255, np.uint8)
    assert (channel_products(white) == 255 * 255 * 256 * 256).all()


def test_sums_of_parts_are_the_sums_of_the_whole() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
    whole, first, second = Sums(6), Sums(6), Sums(6)
    for number, picture in enumerate(pictures):
        whole.add(picture)
        (first if number < 3 else second).add(picture)
    joined = Sums(6)
    joined.merge(first.arrays())
    joined.merge(second.arrays())
    ours, theirs = statistics(joined).arrays(), statistics(whole).arrays()
    for name, array in theirs.items():
        assert (ours[name] == array).all(), name


def test_a_stores_statistics_are_those_of_its_pixels(tmp_path: Path) -> None:
    tars = write_tars(tmp_path / "ILSVRC", miniature())
    settings = Settings(side=SIDE, quality=None, shard_pictures=10)
    prepare(str(tars), tmp_path / "store", settings=settings, workers=1)
    store = read_store(tmp_path / "store")
    train = store.splits["train"]
    pixels = np.stack([train.read(index, 3) for index in range(len(train))]).astype(np.float64)
    found = store.statistics
    assert isinstance(found, Statistics)
    assert (found.mean_image == pixels.mean(0).astype(np.float32).transpose(2, 0, 1)).all()
    flat = pixels.reshape(-1, 3)
    assert found.channel_mean == pytest.approx(flat.mean(0), rel=1e-12)
    assert found.channel_deviation == pytest.approx(flat.std(0), rel=1e-12)
    covariance = np.cov(flat.T, bias=True)
    assert found.colour_covariance == pytest.approx(covariance, rel=1e-9)
    vectors, values = found.colour_eigenvectors, found.colour_eigenvalues
    assert vectors @ np.diag(values) @ vectors.T == pytest.approx(covariance, rel=1e-9)
    assert (np.diff(values) > 0).all()
    assert (vectors[np.abs(vectors).argmax(0), range(3)] > 0).all()
