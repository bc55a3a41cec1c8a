"""Pooling and norms, what reads a neighbourhood, against numbers written out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alexnet.network.layers import (
    AveragePool,
    ContrastNorm,
    CrossMapNorm,
    MaxPool,
    Window,
    WithinMapNorm,
)
from numpy_net.by_hand import COUNT_TO_16, gradients, maps, output, row

# --- pooling --------------------------------------------------------------------------------------


def test_max_pool_clips_its_windows_to_the_map() -> None:
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=3, stride=2), rule="cuda-convnet")
    # 1 + ceil((4 - 3) / 2) = 2 windows: columns 0 … 2, then 2 … 3
    assert output(pool, COUNT_TO_16)[0, 0].tolist() == [[11, 12], [15, 16]]


def test_max_pool_padding_never_wins_over_a_dark_map() -> None:
    pool = MaxPool(
        name="pool", reads=("x",), window=Window(size=3, stride=2, padding=1), rule="torch"
    )
    assert output(pool, -COUNT_TO_16)[0, 0].tolist() == [[-1, -2], [-5, -6]]


def test_pool_may_start_inside_the_map() -> None:
    pool = MaxPool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=2, padding=-1),  # cuda-convnet's start=1
        rule="cuda-convnet",
    )
    # 1 + ceil((4 - 1 - 2) / 2) = 2 windows: 1 … 2, then 3
    assert output(pool, COUNT_TO_16)[0, 0].tolist() == [[11, 12], [15, 16]]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("cuda-convnet", [0, 5, 5, 5]),
        ("torch", [0, 5, 0, 0]),
        ("caffe", [0, 5, 0, 0]),
        ("same", [0, 5, 0, 0]),
        ("valid", [0, 5, 0, 0]),
    ],
)
def test_tied_maxima_all_receive_the_gradient_in_2012_and_only_the_first_elsewhere(
    rule: Any, expected: list[float]
) -> None:
    picture = np.array([1.0, 3, 3, 3]).reshape(1, 1, 2, 2)
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=2, stride=2), rule=rule)
    assert gradients(pool, 5, picture)["x"].ravel().tolist() == expected


def test_overlapping_max_windows_add_their_gradients() -> None:
    pool = MaxPool(name="pool", reads=("x",), window=Window(size=2, stride=1), rule="torch")
    picture = np.array([0.0, 0, 0, 0, 9, 0, 0, 0, 0]).reshape(1, 1, 3, 3)
    assert gradients(pool, [[1, 10], [100, 1000]], picture)["x"][0, 0, 1, 1] == 1111


@pytest.mark.parametrize(
    ("divisor", "rule", "expected"),
    [
        # ones, windows of 3 from pixels -1, 1 and 3: on the map 2, 3 and 1 pixels long
        ("inside", "caffe", [1, 1, 1]),
        # clipped to 4 pixels and one of padding, they are 3, 3 and 2 long
        ("padded", "caffe", [2 / 3, 1, 1 / 2]),
        ("window", "caffe", [2 / 3, 1, 1 / 3]),
        ("one", "caffe", [2, 3, 1]),
        ("inside", "cuda-convnet", [1, 1, 1]),
    ],
)
def test_average_pool_divides_as_each_tradition_does(
    divisor: Any, rule: Any, expected: list[float]
) -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=3, stride=2, padding=1),
        rule=rule,
        divisor=divisor,
    )
    result = output(pool, np.ones((1, 1, 4, 4)))[0, 0]
    sides = np.outer(expected, expected)
    assert np.allclose(result, sides[: len(result), : len(result)])


def test_average_at_the_border_divides_by_the_two_pixels_that_exist() -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=2),
        rule="cuda-convnet",
        divisor="inside",
    )
    picture = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    assert output(pool, picture)[0, 0].tolist() == [
        [(1 + 2 + 4 + 5) / 4, (3 + 6) / 2],
        [(7 + 8) / 2, 9],
    ]
    shares = [[1 / 4, 1 / 4, 1 / 2], [1 / 4, 1 / 4, 1 / 2], [1 / 2, 1 / 2, 1]]
    assert gradients(pool, 1, picture)["x"][0, 0].tolist() == shares


def test_same_padding_counts_its_own_far_pixel() -> None:
    pool = AveragePool(
        name="pool",
        reads=("x",),
        window=Window(size=2, stride=1),
        rule="same",
        divisor="padded",
    )
    # TensorFlow pads 0 before and 1 after: the last window is half padding, yet divides by 4
    assert output(pool, np.ones((1, 1, 2, 2)))[0, 0].tolist() == [[1, 1 / 2], [1 / 2, 1 / 4]]


# --- norms ----------------------------------------------------------------------------------------


def cross_map(size: int, **changes: Any) -> CrossMapNorm:
    """alpha 1 undivided, beta 1, k 1 unless changed."""
    values: dict[str, Any] = {"alpha": 1.0, "alpha_divided": False, "beta": 1.0, "k": 1.0}
    return CrossMapNorm(name="norm", reads=("x",), size=size, **(values | changes))


def test_cross_map_norm_of_a_single_map() -> None:
    norm = cross_map(5, alpha=0.5, alpha_divided=True, beta=0.75, k=2.0)
    # a = 0.5 / 5
    assert output(norm, maps(3)).item() == pytest.approx(3 * (2 + 0.1 * 9) ** -0.75)


def test_cross_map_windows_are_clipped_to_the_maps_that_exist() -> None:
    # sums of squares over each map and its neighbours: 1 + 4, 1 + 4 + 9, 4 + 9
    assert np.allclose(
        output(cross_map(3), maps(1, 2, 3)).ravel(), [1 / (1 + 5), 2 / (1 + 14), 3 / (1 + 13)]
    )


def test_even_cross_map_windows_lean_to_lower_maps() -> None:
    # map i with map i - 1: 1, 1 + 4, 4 + 9
    assert np.allclose(
        output(cross_map(2), maps(1, 2, 3)).ravel(), [1 / (1 + 1), 2 / (1 + 5), 3 / (1 + 13)]
    )


def test_cross_map_windows_never_leave_their_group() -> None:
    result = output(cross_map(3, groups=2), maps(1, 2, 3, 4)).ravel()
    assert np.allclose(result, [1 / (1 + 5), 2 / (1 + 5), 3 / (1 + 25), 4 / (1 + 25)])


def test_blocked_cross_map_neighbourhoods_are_fixed_blocks() -> None:
    result = output(cross_map(2, blocked=True), maps(1, 2, 3)).ravel()
    assert np.allclose(result, [1 / (1 + 5), 2 / (1 + 5), 3 / (1 + 9)])


def test_blocks_start_anew_in_every_group() -> None:
    result = output(cross_map(2, blocked=True, groups=2), maps(1, 2, 3, 4, 5, 6)).ravel()
    # groups 1 2 3 and 4 5 6, blocks 1 2, 3, 4 5 and 6
    sums = np.array([5, 5, 9, 41, 41, 36])
    assert np.allclose(result, np.arange(1, 7) / (1 + sums))


def test_within_map_norm_divides_by_the_whole_window_even_where_it_is_clipped() -> None:
    norm = WithinMapNorm(
        name="norm", reads=("x",), size=3, alpha=9.0, alpha_divided=True, beta=1.0, k=1.0
    )
    # a = 9 / 9 = 1; ones, so each sum is its window's count of pixels
    counts = np.outer([2, 3, 2], [2, 3, 2])
    assert np.allclose(output(norm, np.ones((1, 1, 3, 3)))[0, 0], 1 / (1 + counts))


def test_contrast_norm_and_its_gradient_with_the_local_means_held() -> None:
    norm = ContrastNorm(
        name="norm", reads=("x",), size=3, alpha=9.0, alpha_divided=True, beta=1.0, k=1.0
    )
    # local means 1.5, 3, 4.5 over 2, 3, 2 pixels; differences m = -1.5, 0, 1.5
    # D = 1 + 2.25, 1 + 4.5, 1 + 2.25; the numerator stays x
    assert np.allclose(output(norm, row(0, 3, 6)).ravel(), [0, 3 / 5.5, 6 / 3.25])
    # only the last output has a gradient: g / D there, and −2 · m_i · g · y / D for each i in its
    # window, of which the middle one has m = 0; with the means free the middle would not be 0
    last = 1 / 3.25 - 2 * 1.5 * (6 / 3.25) / 3.25
    assert np.allclose(gradients(norm, row(0, 0, 1), row(0, 3, 6))["x"].ravel(), [0, 0, last])
