"""Figures of what lies inside: what they are drawn from is checked as numbers, and with the real
kernels of Caffe's network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.evaluation import Examinee
from alexnet.evaluation.looking import (
    Field,
    Response,
    Unit,
    feature_maps,
    field,
    field_by_gradient,
    shown_pixels,
)
from alexnet.formats import Checkpoint
from alexnet.images import PictureSet, decode, fit
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes
from alexnet.numpy_net import initial_arrays
from alexnet.pictures.confusion import draw_confusion
from alexnet.pictures.curves import draw_race
from alexnet.pictures.feature_maps import draw_feature_maps, sheet
from alexnet.pictures.field import draw_field
from alexnet.pictures.filters import draw_filters, first_kernels
from alexnet.pictures.neighbours import Retrieved, draw_neighbours
from alexnet.pictures.responses import draw_responses
from alexnet.torch_net import build

PICTURE = np.arange(24 * 24, dtype=np.uint8).reshape(24, 24, 1)


def test_maps_lie_in_rows_with_a_gap_that_is_no_number() -> None:
    laid = sheet(np.arange(5 * 4, dtype=float).reshape(5, 2, 2), columns=3)
    assert laid.shape == (5, 8)
    assert np.isnan(laid[2]).all() and np.isnan(laid[:, 2]).all() and np.isnan(laid[3:, 6:]).all()
    assert laid[3:, 3:5].tolist() == [[16.0, 17.0], [18.0, 19.0]]


def test_titles_say_how_many_maps_there_are_and_how_many_are_drawn() -> None:
    maps = {"conv1": np.ones((70, 4, 4)), "fc7": np.ones((9, 1, 1))}
    drawn = draw_feature_maps(PICTURE, maps)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert titles == ["", "conv1: 70 maps of 4×4, the first 64 drawn", "fc7: 9 units"]
    with pytest.raises(ValueError, match="'x' has numbers that are not finite"):
        draw_feature_maps(PICTURE, {"x": np.full((1, 1, 1), np.nan)})


def test_a_field_beyond_the_edge_is_drawn_whole() -> None:
    seen = Field(-3, 10, 8, 30)
    drawn = draw_field(PICTURE, Unit("conv2a", 3, 1, 2), seen, np.zeros((24, 24)))
    counted, measured = drawn.axes
    assert counted.get_xlim()[1] > 29.5 and counted.get_ylim()[1] < -3.5
    assert counted.get_title(loc="left") == "may see: 11×20 pixels"
    assert "switched off" in measured.get_title(loc="left")
    with pytest.raises(ValueError, match=r"gradient is \(2, 2\) and the picture \(24, 24\)"):
        draw_field(PICTURE, Unit("x", 0), seen, np.zeros((2, 2)))


def test_strengths_and_distances_stand_at_their_pictures() -> None:
    found = {4: [Response(0, 1.5, 0, 0, PICTURE), Response(3, 0.25, 0, 0, PICTURE)]}
    drawn = draw_responses("conv2a", found)
    assert [axes.get_title() for axes in drawn.axes] == ["1.5", "0.25"]
    rows = [Retrieved(PICTURE, "cat", (PICTURE, PICTURE), ("cat", "dog"), (1.0, 2.5))]
    drawn = draw_neighbours(rows, "fc7")
    assert [axes.get_title() for axes in drawn.axes] == ["cat", "", "cat", "dog"]
    for empty in (lambda: draw_responses("x", {}), lambda: draw_neighbours([], "fc7")):
        with pytest.raises(ValueError, match="to draw"):
            empty()


def test_the_confusion_matrix_adds_up_in_its_title() -> None:
    counts = np.array([[8, 2], [1, 9]])
    panel = draw_confusion(counts, ("cat", "dog")).axes[0]
    assert panel.get_title(loc="left") == "3 of 20 wrong (15.00%)"
    assert {text.get_text() for text in panel.texts} == {"8", "2", "1", "9"}
    with pytest.raises(ValueError, match="must be a square"):
        draw_confusion(counts, ("cat",))


def test_figure_one_says_when_each_run_came_below_a_quarter() -> None:
    def run(*errors: float) -> list[dict[str, object]]:
        return [
            {"kind": "epoch", "epoch": i, "train_loss": 1.0, "train_error": error}
            for i, error in enumerate(errors, 1)
        ]

    panel = draw_race({"relu": run(0.5, 0.24), "tanh": run(0.6, 0.5)}).axes[0]
    assert [t.get_text() for t in panel.get_legend().get_texts()] == [
        "relu: below 25% in epoch 2",
        "tanh: never below 25%",
    ]
    assert [line.get_linestyle() for line in panel.lines] == ["-", "--", "-"]


@pytest.fixture(scope="module")
def real(shared: Path) -> Checkpoint:
    """Caffe's network with its trained convolutions; the rest as drawn, and few classes."""
    network = with_classes(get_network("caffe"), 5)
    arrays = dict(initial_arrays(network, 0))
    with np.load(shared / "data" / "bvlc_alexnet_conv.npz") as trained:
        for name in arrays:
            if name.startswith("conv"):
                arrays[name] = trained[name].astype(np.float32)
    mean = np.load(shared / "data" / "ilsvrc_2012_mean.npy").astype(np.float32)
    contract = InputContract(channel_order="BGR", pixel_maximum=255.0, mean_image=True)
    return Checkpoint(network=network, arrays=arrays, contract=contract, mean_image=mean)


def test_the_real_kernels_stand_in_two_groups_of_48(real: Checkpoint) -> None:
    groups = first_kernels(real.network, real.arrays)
    assert [name for name, _ in groups] == ["conv1, group 0 of conv2", "conv1, group 1 of conv2"]
    both = np.concatenate([kernels for _, kernels in groups])
    assert np.array_equal(both, real.arrays["conv1.weight"].astype(np.float64))
    # §6.1: one GPU's kernels are largely colour-agnostic, the other's largely colour-specific
    colour = [np.std(k, axis=1).mean() / np.abs(k).mean() for _, k in groups]
    assert max(colour) > 2 * min(colour)
    assert len(draw_filters(real.network, real.arrays, real.contract).axes) == 2


def test_a_real_unit_counts_the_middle_of_its_field_most(real: Checkpoint, shared: Path) -> None:
    path = next(iter(sorted((shared / "data" / "imagenet-sample").glob("*/*"))))
    pixels = fit(decode(path.read_bytes(), str(path), channels=3), 227).transpose(2, 0, 1)
    images = torch.from_numpy(pixels[None].copy())
    pictures = PictureSet(images, torch.zeros(1, dtype=torch.int64), ("x",), (), ())
    one = Examinee(
        build(real.network, arrays=real.arrays), pictures, real.contract, real.mean_image
    )
    maps = feature_maps(one, 0, ["conv4:pre"])["conv4:pre"]
    channel = int(maps[:, 6, 6].argmax())
    unit = Unit("conv4", channel, 6, 6)
    gradient, seen = field_by_gradient(one, 0, unit), field(real.network, unit)
    size = seen.bottom - seen.top
    inner = slice(seen.top + size // 4, seen.bottom - size // 4)
    assert gradient[inner, inner].sum() > gradient.sum() / 2  # of a quarter of the pixels
    assert draw_field(shown_pixels(one, 0), unit, seen, gradient).axes
