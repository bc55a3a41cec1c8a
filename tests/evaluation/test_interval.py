"""Wilson's interval against published values and scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest, norm

from alexnet.evaluation import Tally, wilson
from alexnet.evaluation.interval import CONFIDENCE, DEVIATIONS


def test_the_deviations_hold_the_confidence() -> None:
    assert norm.cdf(DEVIATIONS) - norm.cdf(-DEVIATIONS) == pytest.approx(CONFIDENCE, abs=1e-15)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 0.277533), (5, 0.236593, 0.763407), (10, 0.722467, 1.0)]
)
def test_known_values_of_ten(count: int, low: float, high: float) -> None:
    assert wilson(count, 10) == pytest.approx((low, high), abs=5e-7)


@pytest.mark.parametrize(
    ("count", "of"), [(0, 1), (1, 1), (1, 3), (4, 360), (20_332, 50_000), (149_999, 150_000)]
)
def test_intervals_are_scipys(count: int, of: int) -> None:
    peer = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    assert wilson(count, of) == pytest.approx((peer.low, peer.high), rel=1e-12, abs=1e-15)


def test_a_tally_gives_the_intervals_of_its_errors() -> None:
    tally = Tally(right1=5, right5=10, seen=10, expected=10)
    assert tally.interval1 == wilson(5, 10)
    assert tally.interval5 == wilson(0, 10)
