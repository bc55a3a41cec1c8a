"""Counts of right answers, and when an answer counts as right. It runs no network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.evaluation.interval import wilson


class EvaluationError(ValueError):
    """Pictures and network that do not fit, or a count that is not whole."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many pictures were classified rightly; tallies of disjoint pictures add up.

    A picture is right at top-k where fewer than k classes come before its label; a class comes
    before where it scores higher, or equally and has the lower index. Scores that are not numbers
    make a picture wrong. (cuda-convnet shares the credit of a tie out in fractions; that is no
    count, and ties of float scores are rare.)

    Attributes:
        right1: right at top-1.
        right5: right at top-k, k being `top`.
        seen: pictures counted.
        expected: pictures that there are.
        top: 5, or the number of classes where there are fewer.
    """

    right1: int
    right5: int
    seen: int
    expected: int
    top: int = 5

    def __add__(self, other: Tally) -> Tally:
        """The counts of both."""
        assert self.top == other.top, f"top-{self.top} and top-{other.top} do not add up"
        return Tally(
            right1=self.right1 + other.right1,
            right5=self.right5 + other.right5,
            seen=self.seen + other.seen,
            expected=self.expected + other.expected,
            top=self.top,
        )

    @property
    def wrong1(self) -> int:
        """Pictures whose label is not the first guess; raises as `error1`."""
        return self._whole() - self.right1

    @property
    def wrong5(self) -> int:
        """Pictures whose label is not among the first `top` guesses; raises as `error1`."""
        return self._whole() - self.right5

    @property
    def error1(self) -> float:
        """The share of pictures whose label is not the first guess.

        Raises:
            EvaluationError: not every picture was seen exactly once.
        """
        return self.wrong1 / self.seen

    @property
    def error5(self) -> float:
        """The share of pictures whose label is not among the first `top` guesses; raises as
        `error1`.
        """
        return self.wrong5 / self.seen

    @property
    def interval1(self) -> tuple[float, float]:
        """The 95% interval of `error1` (see `wilson`); raises as it."""
        return wilson(self.wrong1, self.seen)

    @property
    def interval5(self) -> tuple[float, float]:
        """The 95% interval of `error5`; raises as it."""
        return wilson(self.wrong5, self.seen)

    def _whole(self) -> int:
        if self.seen != self.expected or not self.seen:
            raise EvaluationError(
                f"{self.seen:,} pictures were counted of {self.expected:,}; an error is given only"
                " where every one was seen exactly once"
            )
        return self.seen


def label_ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before each label, int64 (N,).

    Args:
        scores: (N, classes), of any floating type.
        labels: int64 (N,).
    """
    labels = labels.to(scores.device)
    own = scores.gather(1, labels[:, None])
    lower = torch.arange(scores.shape[1], device=scores.device) < labels[:, None]
    before = (scores > own) | ((scores == own) & lower)
    broken = scores.isnan().any(dim=1)
    return before.sum(dim=1).masked_fill(broken, scores.shape[1])
