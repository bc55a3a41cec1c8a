"""Pictures judged by several who each see some of them: who sees which, and the counts of all. How
they hear of one another is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from alexnet.evaluation.judgement import Judgement
from alexnet.evaluation.tally import EvaluationError, Tally
from alexnet.images import PictureSet
from alexnet.images.learnable import Pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one of several has counted.

    Attributes:
        start, stop: the places of its pictures among all.
        tally: of them; None where there are none.
    """

    start: int
    stop: int
    tally: Tally | None


def shard(pictures: Pictures, own: slice) -> Pictures:
    """The pictures at the places `own`, one after the other; nothing is copied or decoded."""
    if isinstance(pictures, PictureSet):
        return replace(
            pictures,
            images=pictures.images[own],
            labels=pictures.labels[own],
            names=pictures.names[own],
        )
    return pictures.part(np.arange(len(pictures))[own])


def check_whole(spans: Sequence[tuple[int, int]], expected: int) -> None:
    """Raises EvaluationError unless every one of `expected` places is in exactly one of `spans`,
    each from its start up to its stop.
    """
    reached = 0
    for start, stop in sorted(spans):
        if start == stop:
            continue
        if start != reached:
            what = "none" if start > reached else "more than one"
            raise EvaluationError(
                f"picture {min(start, reached):,} of {expected:,} was seen by {what} of the"
                " processes; an error is given only where every one was seen exactly once"
            )
        reached = stop
    if reached != expected:
        raise EvaluationError(
            f"the processes saw {reached:,} pictures of {expected:,}; an error is given only where"
            " every one was seen exactly once"
        )


def summed(counted: Sequence[Counted], expected: int) -> Tally:
    """The counts of all.

    Args:
        counted: what each has counted.
        expected: pictures that there are.

    Raises:
        EvaluationError: not every picture was seen exactly once.
    """
    check_whole([(each.start, each.stop) for each in counted], expected)
    tallies = [each.tally for each in counted if each.tally is not None]
    if not tallies:
        raise EvaluationError("there are no pictures")
    found = replace(sum(tallies[1:], tallies[0]), expected=expected)
    _ = found.error1  # refuses a count that is not whole
    return found


def joined(
    judgements: Sequence[Judgement | None], spans: Sequence[tuple[int, int]], expected: int
) -> Judgement:
    """What was said of all pictures, in their order.

    Args:
        judgements: of the pictures in each span; None where there are none.
        spans: from each one's first place up to its last, rising.
        expected: pictures that there are.

    Raises:
        EvaluationError: not every picture was seen exactly once.
    """
    check_whole(spans, expected)
    found = [each for each in judgements if each is not None]
    columns = ("labels", "logs", "ranks", "likeliest", "likeliest_logs")
    together = {name: torch.cat([getattr(each, name) for each in found]) for name in columns}
    return replace(found[0], expected=expected, **together)
