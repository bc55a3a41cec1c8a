"""Where a judged network errs: by class, by pairs of classes, by picture. It runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.evaluation.judgement import Judgement


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """The errors on the pictures of one class.

    Attributes:
        label: the class, counted from 0.
        seen: its pictures.
        wrong1, wrong5: those whose class is not the first guess, or not among the first five.
        taken_for: the wrong first guess made most often, or None where there is none.
    """

    label: int
    seen: int
    wrong1: int
    wrong5: int
    taken_for: int | None

    @property
    def error1(self) -> float:
        """The share of its pictures whose class is not the first guess."""
        return self.wrong1 / self.seen


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often pictures of class `label` were taken for class `guess`."""

    label: int
    guess: int
    count: int


def per_class(judgement: Judgement) -> tuple[ClassErrors, ...]:
    """The errors of every class that has pictures, the largest share first, else by class."""
    top = judgement.tally.top
    seen = _count(judgement, torch.ones_like(judgement.ranks, dtype=torch.bool))
    wrong1 = _count(judgement, judgement.ranks >= 1)
    wrong5 = _count(judgement, judgement.ranks >= top)
    taken: dict[int, int] = {}
    for pair in confused(judgement):
        taken.setdefault(pair.label, pair.guess)  # the most frequent comes first
    found = [
        ClassErrors(label, pictures, wrong1[label], wrong5[label], taken.get(label))
        for label, pictures in enumerate(seen)
        if pictures
    ]
    return tuple(sorted(found, key=lambda each: (-each.error1, each.label)))


def confused(judgement: Judgement, count: int | None = None) -> tuple[Confusion, ...]:
    """The `count` pairs of classes confused most often, the most frequent first, else by class.

    A pair has a direction: cats taken for dogs are another pair than dogs taken for cats.
    """
    guesses = judgement.likeliest[:, 0]
    wrong = guesses != judgement.labels
    codes = judgement.labels[wrong] * judgement.outputs + guesses[wrong]
    pairs, counts = codes.unique(return_counts=True)
    found = [
        Confusion(code // judgement.outputs, code % judgement.outputs, number)
        for code, number in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
    found.sort(key=lambda pair: (-pair.count, pair.label, pair.guess))
    return tuple(found[:count])


def confusion_matrix(judgement: Judgement) -> Tensor:
    """How many pictures of each class were taken for each: int64 (classes, classes), a row for each
    true class. It adds up to the pictures seen, and its diagonal to the right ones.
    """
    codes = judgement.labels * judgement.outputs + judgement.likeliest[:, 0]
    counts = codes.bincount(minlength=judgement.outputs**2)
    return counts.view(judgement.outputs, judgement.outputs)


def worst(judgement: Judgement, count: int) -> tuple[int, ...]:
    """The `count` pictures whose right class got the least probability, the least first.

    Where the scores were no numbers there was no probability at all: those come first.
    """
    logs = judgement.logs.masked_fill(judgement.logs.isnan(), -torch.inf)
    return tuple(logs.argsort(stable=True)[:count].tolist())


def _count(judgement: Judgement, chosen: Tensor) -> list[int]:
    """How many of the chosen pictures each class has."""
    return judgement.labels[chosen].bincount(minlength=judgement.outputs).tolist()
