"""What views, averages and mean crops make of a picture, against sums done by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.evaluation import (
    CENTRE,
    PAPER,
    EvaluationError,
    Examinee,
    Showing,
    check_showing,
    log_probabilities,
)
from alexnet.evaluation.showing import averaged
from alexnet.images import PictureSet
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.torch_net import build
from evaluation.linear import CONTRACT, linear, matrix, pictures, softmax, ten_slices

MEAN = np.random.default_rng(3).uniform(0, 255, (1, 8, 8)).astype(np.float32)
WITH_MEAN = replace(CONTRACT, mean_image=True)


def said(examinee: Examinee, showing: Showing, batch_size: int | None = None) -> np.ndarray:
    """The probabilities of all pictures, (N, classes)."""
    answers = log_probabilities(examinee, showing, batch_size=batch_size)
    return torch.cat([logs for _, logs in answers]).exp().numpy()


def test_ten_views_average_probabilities_as_worked_out_by_hand() -> None:
    weights, given = matrix(6), pictures(4, 8)
    for module in (linear(weights), linear(weights, softmax=False)):
        found = said(Examinee(module, given, CONTRACT), PAPER)
        for image, row in zip(given.images[:, 0].numpy(), found, strict=True):
            each = [softmax(weights @ view.reshape(-1)) for view in ten_slices(image, 6)]
            np.testing.assert_allclose(row, np.mean(each, axis=0), rtol=1e-5)


def test_logits_are_averaged_where_asked_for() -> None:
    weights, given = matrix(6), pictures(4, 8)
    found = said(Examinee(linear(weights), given, CONTRACT), Showing(views="ten", average="logits"))
    for image, row in zip(given.images[:, 0].numpy(), found, strict=True):
        each = [weights @ view.reshape(-1) for view in ten_slices(image, 6)]
        np.testing.assert_allclose(row, softmax(np.mean(each, axis=0)), rtol=1e-5)


def test_the_two_averages_in_closed_form() -> None:
    # probabilities (1/4, 3/4) and (1/2, 1/2); scores (0, ln 3) and (0, 0)
    logits = torch.tensor([[[0.0, math.log(3)]], [[0.0, 0.0]]])
    means = averaged(logits, "probabilities").exp()
    torch.testing.assert_close(means, torch.tensor([[3 / 8, 5 / 8]]).double())
    scores = averaged(logits, "logits").exp()
    root = math.sqrt(3)
    torch.testing.assert_close(scores, torch.tensor([[1 / (1 + root), root / (1 + root)]]).double())


def test_a_probability_too_small_for_floats_still_has_a_logarithm() -> None:
    logits = torch.tensor([[[0.0, 1000.0]], [[0.0, 2000.0]]])
    found = averaged(logits, "probabilities")
    assert found[0, 0].item() == pytest.approx(-1000 - math.log(2))
    assert found[0, 1].item() == pytest.approx(0.0)


def test_the_mean_images_centre_or_the_matching_part_is_subtracted() -> None:
    weights, given = matrix(6), pictures(3, 8)
    examinee = Examinee(linear(weights), given, WITH_MEAN, MEAN)
    as_run, as_read = (
        said(examinee, PAPER),
        said(examinee, replace(PAPER, mean_crop="matching")),
    )
    centre = MEAN[0, 1:7, 1:7]
    for index, image in enumerate(given.images[:, 0].numpy().astype(np.float32)):
        # the centre lies as it is under mirrored views too; the matching part is mirrored with them
        run = [softmax(weights @ (v - centre).reshape(-1)) for v in ten_slices(image, 6)]
        read = [softmax(weights @ v.reshape(-1)) for v in ten_slices(image - MEAN[0], 6)]
        np.testing.assert_allclose(as_run[index], np.mean(run, axis=0), rtol=1e-5)
        np.testing.assert_allclose(as_read[index], np.mean(read, axis=0), rtol=1e-5)
    assert np.abs(as_run - as_read).max() > 1e-3


def test_for_the_centre_view_the_mean_crops_are_one() -> None:
    examinee = Examinee(linear(matrix(6)), pictures(3, 8), WITH_MEAN, MEAN)
    matching = said(examinee, Showing(mean_crop="matching"))
    np.testing.assert_allclose(matching, said(examinee, CENTRE), rtol=1e-6)


def test_batches_hold_whole_pictures_and_change_nothing() -> None:
    module = linear(matrix(6))
    examinee = Examinee(module, pictures(7, 8), CONTRACT)
    sizes: list[int] = []
    module.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    whole = said(examinee, PAPER, 1000)
    assert sizes == [70]
    for batch_size, expected in [(25, [20, 20, 20, 10]), (3, [10] * 7)]:
        sizes.clear()
        np.testing.assert_allclose(said(examinee, PAPER, batch_size), whole, rtol=1e-6)
        assert sizes == expected


def test_progress_is_told_in_pictures() -> None:
    told: list[tuple[int, int]] = []
    examinee = Examinee(linear(matrix(6)), pictures(5, 8), CONTRACT)
    list(
        log_probabilities(examinee, PAPER, batch_size=20, progress=lambda *done: told.append(done))
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_views_without_a_border_and_too_small_a_mean_image_are_refused() -> None:
    with pytest.raises(EvaluationError, match="6×6, no larger than network 'linear' takes them"):
        check_showing(Examinee(linear(matrix(6)), pictures(2, 6), CONTRACT), PAPER)
    small = Examinee(linear(matrix(6)), pictures(2, 8), WITH_MEAN, MEAN[:, 1:7, 1:7])
    assert said(small, PAPER).shape == (2, 3)  # its centre can be subtracted
    with pytest.raises(EvaluationError, match="the mean image is 6×6 and the pictures 8×8"):
        check_showing(small, replace(PAPER, mean_crop="matching"))


def test_low_precision_is_asked_for_and_changes_the_answers_little() -> None:
    network = get_network("tiny")
    module = build(network)
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, 1, 24, 24), generator=draws, dtype=torch.uint8)
    labels = torch.zeros(8, dtype=torch.int64)
    pictures = PictureSet(images, labels, tuple("abcdefgh"), (), ())
    examinee = Examinee(module, pictures, InputContract(channel_order="grey", pixel_maximum=1.0))
    wide, half = (
        next(iter(log_probabilities(examinee, Showing(precision=each))))[1]
        for each in ("fp32", "bf16")
    )
    assert not torch.equal(wide, half)
    torch.testing.assert_close(half, wide, rtol=0.05, atol=0.05)
