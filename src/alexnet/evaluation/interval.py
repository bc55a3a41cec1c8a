"""How far a counted share may lie from the one behind it: Wilson's interval. Counts nothing."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
"""How often such intervals hold the share behind the count, nearly."""

DEVIATIONS = 1.959963984540054
"""Standard deviations either side of a normal distribution's mean that hold CONFIDENCE of it."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95% score interval of a binomial share, `count` of `of`, as two fractions.

    (c + z²/2 ± z·√(c·(n − c)/n + z²/4)) / (n + z²), E. B. Wilson, Probable inference, the law of
    succession, and statistical inference, JASA 22 (1927). Unlike p ± z·√(p·(1 − p)/n) it is no
    point at no errors and never leaves 0 … 1. It speaks of the choice of test pictures only, not of
    the other weights that other seeds would have given.
    """
    assert 0 <= count <= of and of > 0, f"{count} of {of} is no share"
    square = DEVIATIONS**2
    centre = (count + square / 2) / (of + square)
    reach = DEVIATIONS * math.sqrt(count * (of - count) / of + square / 4) / (of + square)
    # at the ends the two terms are equal, and a last digit must not lie outside
    low = 0.0 if count == 0 else centre - reach
    high = 1.0 if count == of else centre + reach
    return low, high
