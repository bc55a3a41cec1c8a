"""Output sizes under every tradition, against closed forms and brute force."""

from __future__ import annotations

import itertools

import pytest

from alexnet.network.sizes import RULES, Rule, side


@pytest.mark.parametrize(
    ("rule", "outputs"),
    [("torch", 54), ("caffe", 54), ("cuda-convnet", 55), ("same", 56), ("valid", 54)],
)
def test_first_layer_of_the_paper_has_a_different_side_in_each_tradition(
    rule: Rule, outputs: int
) -> None:
    assert side(rule, "conv", 224, 11, 4, 0).outputs == outputs


def test_the_sentence_carries_the_numbers() -> None:
    assert side("cuda-convnet", "conv", 224, 11, 4, 0).sentence == "1 + ceil((224 + 2·0 − 11) / 4)"


def test_ceil_rounding_overhangs_right_and_bottom_by_three_pixels() -> None:
    laid = side("cuda-convnet", "conv", 224, 11, 4, 0)
    assert (laid.before, laid.after) == (0, 3)


def test_floor_rounding_leaves_the_last_pixel_unread() -> None:
    assert side("torch", "conv", 224, 11, 4, 0).after == -1


def test_same_splits_its_padding_with_the_odd_pixel_after() -> None:
    laid = side("same", "conv", 224, 11, 4, 0)  # 55·4 + 11 − 224 = 7 pixels in all
    assert (laid.before, laid.after) == (3, 4)


def test_caffe_rounds_pooling_up_and_convolution_down() -> None:
    assert side("caffe", "pool", 32, 3, 2, 0).outputs == 16
    assert side("caffe", "conv", 32, 3, 2, 0).outputs == 15


def test_caffe_drops_a_pooling_window_that_would_start_in_the_far_padding() -> None:
    # ceil((5 + 2 − 2) / 2) + 1 = 4 windows would start at −1, 1, 3, 5; pixel 5 is padding
    laid = side("caffe", "pool", 5, 2, 2, 1)
    assert laid.outputs == 3
    assert laid.sentence.endswith("the last window would start in the far padding")


def test_cuda_convnet_pooling_counts_padding_on_the_near_side_only() -> None:
    # 1 + ceil((8 + 1 − 3) / 2), from layer.py: start = −1
    assert side("cuda-convnet", "pool", 8, 3, 2, 1).outputs == 4


def test_an_explicit_count_is_taken() -> None:
    assert side("cuda-convnet", "pool", 8, 3, 2, 0, outputs=3).outputs == 3


@pytest.mark.parametrize("rule", RULES)
def test_every_pooling_window_touches_the_map_or_the_layout_is_refused(rule: Rule) -> None:
    cases = itertools.product(range(3, 20), range(1, 4), range(1, 4), range(3))
    laid_out = 0
    for pixels, size, stride, padding in cases:
        if padding and rule in ("same", "valid"):
            continue
        try:
            laid = side(rule, "pool", pixels, size, stride, padding)
        except ValueError:
            continue
        starts = [i * stride - laid.before for i in range(laid.outputs)]
        assert all(start < pixels and start + size > 0 for start in starts)
        assert starts[-1] + size == pixels + laid.after
        laid_out += 1
    assert laid_out > 100


@pytest.mark.parametrize("operation", ["conv", "pool"])
def test_ceil_covers_every_pixel(operation: str) -> None:
    for pixels in range(3, 30):
        for size in range(2, 4):
            for stride in range(1, size + 1):
                laid = side("cuda-convnet", operation, pixels, size, stride, 0)  # type: ignore[arg-type]
                assert laid.after >= 0


def test_a_window_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a window of 11 does not fit into 8 pixels"):
        side("torch", "conv", 8, 11, 4, 0)


def test_a_pooling_window_wholly_in_the_padding_is_refused_and_a_convolutions_is_not() -> None:
    with pytest.raises(ValueError, match="wholly outside the 8 pixels"):
        side("torch", "pool", 8, 2, 1, 2)
    assert side("torch", "conv", 8, 2, 1, 2).outputs == 11
