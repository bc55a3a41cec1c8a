"""Errors by class, by pair and by picture, on a judgement written down by hand."""

from __future__ import annotations

import math

import torch

from alexnet.evaluation import (
    CENTRE,
    ClassErrors,
    Confusion,
    Judgement,
    confused,
    per_class,
    worst,
)

LABELS = [0, 0, 0, 1, 1, 2, 2, 2, 2]
GUESSES = [0, 1, 1, 0, 2, 2, 2, 0, 2]
RANKS = [0, 1, 6, 2, 1, 0, 0, 5, 0]
SHARES = [0.9, 0.1, 0.001, 0.2, 0.3, 0.8, 0.8, 0.002, 0.9]


def judgement(shares: list[float] = SHARES) -> Judgement:
    """Of seven classes three have pictures."""
    return Judgement(
        showing=CENTRE,
        outputs=7,
        expected=9,
        labels=torch.tensor(LABELS),
        logs=torch.tensor(shares).double().log(),
        ranks=torch.tensor(RANKS),
        likeliest=torch.tensor(GUESSES)[:, None],
        likeliest_logs=torch.zeros(9, 1),
    )


def test_classes_stand_by_their_share_of_errors() -> None:
    found = per_class(judgement())
    assert found == (
        ClassErrors(1, seen=2, wrong1=2, wrong5=0, taken_for=0),
        ClassErrors(0, seen=3, wrong1=2, wrong5=1, taken_for=1),
        ClassErrors(2, seen=4, wrong1=1, wrong5=1, taken_for=0),
    )
    tally = judgement().tally
    assert sum(each.seen for each in found) == tally.seen
    assert sum(each.wrong1 for each in found) == tally.wrong1
    assert sum(each.wrong5 for each in found) == tally.wrong5


def test_pairs_stand_by_how_often_and_have_a_direction() -> None:
    pairs = confused(judgement())
    assert pairs[0] == Confusion(0, 1, 2)
    assert pairs[1:] == (Confusion(1, 0, 1), Confusion(1, 2, 1), Confusion(2, 0, 1))
    assert sum(pair.count for pair in pairs) == judgement().tally.wrong1
    assert confused(judgement(), 1) == pairs[:1]


def test_the_worst_pictures_come_first_those_without_numbers_before_all() -> None:
    assert worst(judgement(), 4) == (2, 7, 1, 3)
    assert worst(judgement([*SHARES[:-1], math.nan]), 2) == (8, 2)
    assert len(worst(judgement(), 100)) == 9
