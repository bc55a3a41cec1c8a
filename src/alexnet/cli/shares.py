"""The pictures of `alexnet evaluate` shared out among processes, and the verdicts put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.cli.examine import Pictures, judged
from alexnet.cli.verdicts import Verdict

if TYPE_CHECKING:
    from alexnet.evaluation import Showing
    from alexnet.formats import Checkpoint
    from alexnet.images.learnable import Pictures as Shown
    from alexnet.training.distributed import Group


def judged_together(
    asked: Sequence[tuple[str, Checkpoint]],
    data: tuple[str, Path | None],
    showing: Showing,
    border: int | None,
    ensemble: bool,
    group: Group,
) -> list[Verdict]:
    """The rows of `judged`, where every process of `group` asks about its share of the pictures.
    Those of the process that leads are of all pictures; the others' are not to be used.
    """
    if group.alone:
        return judged(asked, Pictures(*data), showing, border, ensemble)
    from alexnet.evaluation.sharding import joined

    with group.agreed():
        share = _Share(*data, group)
        expected = share.count(asked[0][1], border)
        start, stop = share.span(expected)
        found = judged(asked, share, showing, border, ensemble) if start < stop else []
    spans = group.gather((start, stop))
    judgements = group.gather([verdict.judgement for verdict in found])
    if not group.leads:
        return found
    whole = [*share.whole, share.whole[0]]  # an ensemble's row is of its first member's
    return [
        replace(
            verdict,
            pictures=whole[row],
            judgement=joined([each[row] if each else None for each in judgements], spans, expected),
        )
        for row, verdict in enumerate(found)
    ]


class _Share(Pictures):
    """Of the test pictures one process's share, none of which another has.

    Attributes:
        whole: all of them, of each set that was asked for.
    """

    def __init__(self, data: str, data_folder: Path | None, group: Group) -> None:
        super().__init__(data, data_folder)
        self.group = group
        self.whole: list[Shown] = []

    def of(self, checkpoint: Checkpoint, border: int | None = None) -> Shown:
        """This process's share of the pictures."""
        from alexnet.evaluation.sharding import shard

        found = super().of(checkpoint, border)
        self.whole.append(found)
        return shard(found, slice(*self.span(len(found))))

    def count(self, checkpoint: Checkpoint, border: int | None) -> int:
        """How many pictures there are."""
        return len(super().of(checkpoint, border))

    def span(self, count: int) -> tuple[int, int]:
        """From the first place up to the last; the process that leads has some where there are
        any.
        """
        from alexnet.training.batches import share

        sharing = min(count, self.group.ranks.count)
        if self.group.ranks.rank >= sharing:
            return count, count
        own = share(count, self.group.ranks.rank, sharing)
        return own.start, own.stop
