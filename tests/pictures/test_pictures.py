"""Figures: what they are drawn from is checked as numbers, that they are drawn at all as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.numpy_net import initial_arrays
from alexnet.pictures.curves import draw_curves
from alexnet.pictures.filters import as_colours, draw_filters, first_kernels, grid
from alexnet.pictures.predictions import Guess, draw_predictions
from alexnet.pictures.style import save

COLOUR = InputContract(channel_order="RGB", pixel_maximum=255.0)
GREY = InputContract(channel_order="grey", pixel_maximum=255.0)


def test_a_kernels_zero_is_grey_and_its_largest_weight_black_or_white() -> None:
    kernels = np.zeros((2, 3, 2, 2))
    kernels[0, 0, 0, 0] = 4.0
    kernels[0, 1, 1, 1] = -4.0
    pictures = as_colours(kernels, COLOUR)
    assert pictures[0, 0, 0].tolist() == [1.0, 0.5, 0.5]
    assert pictures[0, 1, 1].tolist() == [0.5, 0.0, 0.5]
    assert (pictures[1] == 0.5).all()  # a kernel of zeros is no division by zero


def test_kernels_over_blue_green_red_are_turned_round() -> None:
    kernels = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    bgr = InputContract(channel_order="BGR", pixel_maximum=255.0)
    assert np.array_equal(as_colours(kernels[:, ::-1], bgr), as_colours(kernels, COLOUR))


def test_kernels_stand_in_rows_with_a_white_gap() -> None:
    sheet = grid(np.zeros((5, 2, 2, 3)), columns=3)
    assert sheet.shape == (5, 8, 3)  # two rows of 2 and a gap; three columns and two gaps
    assert (sheet[2] == 1).all() and (sheet[:, 2] == 1).all()
    assert (sheet[3:, 6:] == 1).all()  # the place of a sixth kernel


def test_both_towers_of_the_paper_are_found() -> None:
    network = get_network("paper")
    arrays = {f"conv1{t}.weight": np.zeros((48, 3, 11, 11)) for t in "ab"}
    assert [(n, k.shape) for n, k in first_kernels(network, arrays)] == [
        ("conv1a", (48, 3, 11, 11)),
        ("conv1b", (48, 3, 11, 11)),
    ]


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_figures_are_written(ending: str, tmp_path: Path) -> None:
    network = get_network("tiny")
    figures = {
        "filters": draw_filters(network, initial_arrays(network, 0), GREY),
        "predictions": draw_predictions(
            [
                Guess(np.zeros((8, 8, 1), np.uint8), ("3", "5"), (0.9, 0.1), "5"),
                Guess(np.zeros((80, 90, 3), np.uint8), ("cat",), (1.0,)),
            ]
        ),
        "curves": draw_curves(
            {
                "one": [
                    {"kind": "step", "loss": 2.0},
                    {"kind": "epoch", "epoch": 1, "train_loss": 1.0, "train_error": 0.5},
                    {
                        "kind": "epoch", "epoch": 2, "train_loss": 0.5, "train_error": 0.2,
                        "validation_error": 0.1,
                    },
                ]
            }
        ),
    }  # fmt: skip
    for name, drawn in figures.items():
        assert save(drawn, tmp_path / "new" / f"{name}{ending}").stat().st_size > 1000


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no whole epoch"):
        draw_curves({"runs/x": []})
    with pytest.raises(ValueError, match="no pictures to draw"):
        draw_predictions([])
    drawn = draw_curves({"a": [{"kind": "epoch", "epoch": 1, "train_loss": 1, "train_error": 1}]})
    with pytest.raises(ValueError, match=r"figure.jpg: a figure is written as one of .png"):
        save(drawn, tmp_path / "figure.jpg")
    with pytest.raises(ValueError, match="kernels over 4 channels are no pictures"):
        as_colours(np.zeros((1, 4, 3, 3)), COLOUR)
