"""What is done to pictures before the first weights, against numbers written out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    Blur,
    ColourTransform,
    Input,
    Layer,
    Nailbed,
    RandomScale,
    Reflection,
    Resize,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import RunError, backward, forward
from alexnet.numpy_net.windows import Array
from numpy_net.by_hand import COUNT_TO_16, alone, gradients, maps, output
from numpy_net.differences import check_alone, one


def ramp(side: int, channels: int = 1) -> Array:
    """Pictures whose every pixel says how far to the right it stands."""
    return np.broadcast_to(np.arange(float(side)), (1, channels, side, side)).copy()


# --- blur -----------------------------------------------------------------------------------------

TAPS = np.array([math.exp(-0.5), 1, math.exp(-0.5)]) / (1 + 2 * math.exp(-0.5))
BLUR = Blur(name="blur", reads=("x",), size=3, deviation=1.0)


def test_an_impulse_blurs_into_the_outer_product_of_the_taps() -> None:
    impulse = np.zeros((1, 1, 5, 5))
    impulse[0, 0, 2, 2] = 1
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = np.outer(TAPS, TAPS)
    assert np.allclose(output(BLUR, impulse)[0, 0], expected)
    assert expected.sum() == pytest.approx(1)


def test_what_blurs_over_the_border_is_lost() -> None:
    corner = np.zeros((1, 1, 4, 4))
    corner[0, 0, 0, 0] = 1
    expected = np.zeros((4, 4))
    expected[:2, :2] = np.outer(TAPS[1:], TAPS[1:])
    assert np.allclose(output(BLUR, corner)[0, 0], expected)
    white = output(BLUR, np.ones((1, 2, 4, 4)))[0, 1]
    assert white[1, 1] == pytest.approx(1)
    assert white[0, 0] == pytest.approx((1 - TAPS[0]) ** 2)


def test_wide_taps_are_2012s() -> None:
    impulse = np.zeros((1, 1, 9, 9))
    impulse[0, 0, 4, 4] = 1
    blur = Blur(name="blur", reads=("x",), size=9, deviation=2.0)
    weights = [math.exp(-((4 - i) ** 2) / 8) for i in range(9)]
    expected = np.outer(weights, weights) / sum(weights) ** 2
    assert np.allclose(output(blur, impulse)[0, 0], expected)


# --- nailbed and reflection -----------------------------------------------------------------------


def test_every_fourth_pixel_of_224_is_56_of_them_from_the_third_on() -> None:
    nailbed = Nailbed(name="nailbed", reads=("x",), stride=4)
    kept = output(nailbed, ramp(224))
    assert kept.shape == (1, 1, 56, 56)
    assert kept[0, 0, 0].tolist() == list(range(2, 224, 4))
    rows = output(nailbed, ramp(224).swapaxes(2, 3))
    assert rows[0, 0, :, 0].tolist() == list(range(2, 224, 4))


def test_the_gradient_goes_back_to_the_kept_pixels() -> None:
    nailbed = Nailbed(name="nailbed", reads=("x",), stride=3)
    # 4 pixels: ceil(4 / 3) = 2 are kept, from (4 − 3 · 1) // 2 = 0 on
    assert output(nailbed, COUNT_TO_16)[0, 0].tolist() == [[1, 4], [13, 16]]
    expected = np.zeros((4, 4))
    expected[np.ix_([0, 3], [0, 3])] = [[1, 2], [3, 4]]
    seed = np.array([[1, 2], [3, 4]])
    assert np.array_equal(gradients(nailbed, seed, COUNT_TO_16)["x"][0, 0], expected)


def test_a_reflection_turns_pictures_and_gradients_left_to_right() -> None:
    reflection = Reflection(name="turned", reads=("x",))
    turned = output(reflection, COUNT_TO_16)
    assert turned[0, 0, 0].tolist() == [4, 3, 2, 1]
    assert np.array_equal(gradients(reflection, turned, COUNT_TO_16)["x"], COUNT_TO_16)


# --- resize ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "places"),
    [
        (2.0, [0, 2, 4]),  # (i − 3 / 2) · 2 + 6 / 2
        (1.0, [0, 1, 2, 3, 4, 4.99]),  # the last is kept 1.01 before the sixth
        (1.5, [0, 1.5, 3, 4.5]),  # (i − 4 / 2) · 1.5 + 3
        (1.25, [0.5, 1.75, 3, 4.25]),  # floor(6 / 1.25) = 4
        (0.5, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 4.99, 4.99]),
    ],
)
def test_a_resized_ramp_says_where_each_pixel_was_read(scale: float, places: list[float]) -> None:
    resize = Resize(name="resized", reads=("x",), scale=scale)
    across = output(resize, ramp(6))
    assert np.allclose(across[0, 0], np.broadcast_to(places, across.shape[2:]))
    down = output(resize, ramp(6).swapaxes(2, 3))
    assert np.allclose(down, across.swapaxes(2, 3))


def test_a_pixel_between_four_weighs_each_by_its_nearness() -> None:
    resize = Resize(name="resized", reads=("x",), scale=1.25)
    square = np.zeros((1, 1, 6, 6))
    square[0, 0, 1:3, 1:3] = [[1, 10], [100, 1000]]
    # the second pixel of the target stands at 1.75
    expected = 0.25 * (0.25 * 1 + 0.75 * 10) + 0.75 * (0.25 * 100 + 0.75 * 1000)
    assert output(resize, square)[0, 0, 1, 1] == pytest.approx(expected)


def test_pictures_need_not_be_square() -> None:
    resize = Resize(name="resized", reads=("x",), scale=2.0)
    picture = np.broadcast_to(np.arange(8.0), (1, 1, 4, 8)).copy()
    assert output(resize, picture)[0, 0].tolist() == [[0, 2, 4, 6]] * 2


# --- random scale ---------------------------------------------------------------------------------


def scaled(side: int, maximum: float, *draw: float, full: int = 4) -> list[float]:
    """Where the columns of one crop were read."""
    layer = RandomScale(name="scaled", reads=("x",), maximum=maximum, side=side)
    network, inputs = alone(layer, ramp(full))
    found = forward(network, {}, inputs, draws={"scaled": np.array(draw)})["scaled"]
    assert found.shape == (1, 1, side, side)
    return found[0, 0, 0].tolist()


def test_the_scales_have_the_chances_of_their_crops() -> None:
    """Of 4 pixels at most twice smaller: 2, 3 or 4 wide, with 1, 4 and 9 crops of 2 pixels."""
    two, three, four = [2 / 3, 2.0], [0.5, 1.5], [0.0, 1.0]
    for uniform, places in [
        (0.0, two),
        (1 / 14 - 1e-9, two),
        (1 / 14 + 1e-9, three),
        (5 / 14 - 1e-9, three),
        (5 / 14 + 1e-9, four),
        (0.999, four),
    ]:
        assert scaled(2, 2, uniform, 0, 0, 0) == pytest.approx(places), uniform


def test_the_pitch_lies_between_one_pixel_more_and_exactly_fitting() -> None:
    # two pixels: from 4 / 3 to 4 / 2; they stand at (i − 1) · pitch + 2
    for fine, pitch in [(0.0, 4 / 3), (0.5, 5 / 3), (0.75, 11 / 6)]:
        assert scaled(2, 2, 0, fine, 0, 0) == pytest.approx([2 - pitch, 2])


def test_the_crop_may_start_wherever_it_fits() -> None:
    for uniform, first in [(0.0, 0), (0.33, 0), (0.34, 1), (0.67, 2), (0.999, 2)]:
        assert scaled(2, 2, 0.9, 0, 0, uniform) == [first, first + 1]
    layer = RandomScale(name="scaled", reads=("x",), maximum=1.3, side=3)
    network, inputs = alone(layer, COUNT_TO_16)
    lower = forward(network, {}, inputs, draws={"scaled": np.array([0.5, 0.5, 0.6, 0.4])})
    assert lower["scaled"][0, 0].tolist() == [[5, 6, 7], [9, 10, 11], [13, 14, 15]]


def test_no_picture_grows() -> None:
    """Three scales that start from a side of 3 would reach 5 pixels; the picture has 4."""
    for scale in (2 / 14, 0.9):  # the second of them, 4 wide, and the third, which would be 5
        assert scaled(3, 2, scale, 0, 0, 0) == [0, 1, 2]
        assert scaled(3, 2, scale, 0, 0, 0.99) == [1, 2, 3]


def test_one_choice_holds_for_the_batch_and_the_centre_for_a_test() -> None:
    layer = RandomScale(name="scaled", reads=("x",), maximum=2, side=2)
    network, inputs = alone(layer, np.concatenate([COUNT_TO_16, 10 * COUNT_TO_16]))
    for draws in ({"scaled": np.array([0.2, 0.3, 0.4, 0.9])}, None):
        found = forward(network, {}, inputs, draws=draws)["scaled"]
        assert np.allclose(found[1], 10 * found[0])
    centre = output(layer, COUNT_TO_16)
    assert centre[0, 0].tolist() == [[6, 7], [10, 11]]
    odd = RandomScale(name="scaled", reads=("x",), maximum=2, side=3)
    assert output(odd, COUNT_TO_16)[0, 0].tolist() == [[1, 2, 3], [5, 6, 7], [9, 10, 11]]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (None, r"layer 'scaled': training needs its draw, uniform numbers of shape \(4,\)"),
        (np.zeros((2, 4)), r"draw 'scaled' has shape \(2, 4\); it must be \(4,\)"),
        (np.array([0, 0, 1, 0]), "draw 'scaled' leaves 0 … 1"),
        (np.array([-0.1, 0, 0, 0]), "draw 'scaled' leaves 0 … 1"),
    ],
)
def test_draws_that_do_not_fit_are_refused(draw: Any, message: str) -> None:
    layer = RandomScale(name="scaled", reads=("x",), maximum=2, side=2)
    network, inputs = alone(layer, COUNT_TO_16)
    with pytest.raises(RunError, match=message):
        forward(network, {}, inputs, draws={} if draw is None else {"scaled": draw})


# --- colours --------------------------------------------------------------------------------------


def colour(space: Any, *rgb: float, centred: bool = False) -> list[float]:
    layer = ColourTransform(name="colour", reads=("x",), space=space, centred=centred)
    return output(layer, maps(*rgb)).ravel().tolist()


def test_yuv() -> None:
    assert colour("yuv", 1, 1, 1) == pytest.approx([1, 0, 0], abs=1e-12)
    assert colour("yuv", 255, 0, 0) == pytest.approx([54.213, -25.47705, 156.825])
    assert colour("yuv", 0, 1, 0) == pytest.approx([0.7152, -0.33609, -0.55861])
    assert colour("yuv", 0, 0, 1) == pytest.approx([0.0722, 0.436, -0.05639])


def test_lab() -> None:
    assert colour("lab", 1, 1, 1) == pytest.approx([100, 0, 0], abs=1e-9)
    assert colour("lab", 1, 1, 1, centred=True) == pytest.approx([50, 0, 0], abs=1e-9)
    assert colour("lab", 0, 0, 0) == pytest.approx([0, 0, 0], abs=1e-5)  # 116 · 0.13793103 − 16
    grey = 116 * 0.5**0.3333 - 16
    assert colour("lab", 0.5, 0.5, 0.5) == pytest.approx([grey, 0, 0], abs=1e-9)
    x, y, z = 0.49**0.3333, 0.17697**0.3333, 0.13793103  # red has no Z
    red = [116 * y - 16, 500 * (x - y), 200 * (y - z)]
    assert colour("lab", 1, 0, 0) == pytest.approx(red)
    dark = 7.787037 * 0.008 + 0.13793103
    assert colour("lab", *[0.008] * 3) == pytest.approx([116 * dark - 16, 0, 0], abs=1e-9)


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        one("blur", Blur, (2, 5, 4), size=3, deviation=0.8),
        one("wide blur", Blur, (1, 9, 9), size=9, deviation=3.0),
        one("nailbed", Nailbed, (2, 7, 6), stride=3),
        one("reflection", Reflection, (3, 2, 5)),
    ],
    ids=lambda case: case.label,
)
def test_gradients_are_exact(case: Any) -> None:
    check_alone(case)


@pytest.mark.parametrize(
    "layer",
    [
        Resize(name="y", reads=("x",), scale=1.5),
        RandomScale(name="y", reads=("x",), maximum=2, side=3),
        ColourTransform(name="y", reads=("x",), space="yuv"),
        ColourTransform(name="y", reads=("x",), space="lab"),
    ],
    ids=lambda layer: f"{layer.kind} {getattr(layer, 'space', '')}",
)
def test_no_gradient_passes(layer: Layer) -> None:
    network = Network("blocked", (Input(name="x", shape=(3, 6, 6)), layer))
    picture = np.random.default_rng(0).random((2, 3, 6, 6))
    draws = {"y": np.full(4, 0.3)} if isinstance(layer, RandomScale) else {}
    outputs = forward(network, {}, {"x": picture}, draws=draws)
    seeds = {"y": np.ones_like(outputs["y"])}
    found = backward(network, {}, outputs, draws=draws, seeds=seeds)
    assert not found.layers["x"].any()
