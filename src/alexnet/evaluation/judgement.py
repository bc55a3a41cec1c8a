"""What networks said of a set of pictures, held against the labels: one network alone, or several
whose probabilities are averaged. It runs them and keeps a few numbers per picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.evaluation.showing import (
    CENTRE,
    Examinee,
    Progress,
    Showing,
    check_showing,
    log_probabilities,
)
from alexnet.evaluation.tally import EvaluationError, Tally, label_ranks
from alexnet.images.learnable import Pictures
from alexnet.network.contract import InputContract
from alexnet.torch_net import NetworkModule

TOP = 5
"""Guesses per picture that count, and that are kept."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was said of every picture of a set, and what would have been right.

    Attributes:
        showing: how the pictures were shown.
        outputs: how many classes there are to guess.
        expected: pictures that there are.
        labels: int64 (N,), of the pictures that were seen.
        logs: float64 (N,), the natural logarithm of the right class's probability.
        ranks: int64 (N,), how many classes came before the right one (`label_ranks`).
        likeliest: int64 (N, 5 or fewer), the likeliest classes, the likeliest first.
        likeliest_logs: float64, of the same shape, the logarithms of their probabilities.
    """

    showing: Showing
    outputs: int
    expected: int
    labels: Tensor
    logs: Tensor
    ranks: Tensor
    likeliest: Tensor
    likeliest_logs: Tensor

    @property
    def tally(self) -> Tally:
        """The counts of right answers."""
        top = min(TOP, self.outputs)
        return Tally(
            right1=int((self.ranks < 1).sum()),
            right5=int((self.ranks < top).sum()),
            seen=len(self.ranks),
            expected=self.expected,
            top=top,
        )

    @property
    def logprob(self) -> float:
        """The mean of −log of the right class's probability, in nats, as the notes of 2012 print
        it (semantics file, section 10: with no floor under the logarithm).
        """
        return float(-self.logs.mean())


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the classes a picture may be of, counted from 0, and its probability."""

    index: int
    probability: float


def judge(
    examinee: Examinee,
    showing: Showing = CENTRE,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Judgement:
    """Asks a network about every one of its pictures.

    Args:
        examinee: the network and the pictures.
        showing: how they are shown.
        batch_size: as `log_probabilities`.
        progress: told after each batch.

    Raises:
        EvaluationError: as `check_showing`, or labels that the network has no output for.
    """
    _check_labels(examinee)
    answers = log_probabilities(examinee, showing, batch_size=batch_size, progress=progress)
    records = [_record(logs, examinee.pictures.labels[start:]) for start, logs in answers]
    return _judgement(examinee, showing, records)


def judge_together(
    examinees: Sequence[Examinee],
    showing: Showing = CENTRE,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[Judgement, ...], Judgement]:
    """Asks several networks about the same pictures: each alone, and all as one.

    As one, each picture's probabilities are the mean of theirs, all with the same weight (Table 2;
    avg-valid.py of 2012, whose weights were given by hand). Whatever `showing.average` makes one
    of the views of each, the networks' probabilities are averaged.

    Args:
        examinees: at least one; their pictures are the same, each as large as its network takes
            them.
        showing, batch_size, progress: as `judge`.

    Raises:
        EvaluationError: as `judge`, or the networks differ in their classes, or the pictures in
            their names or labels.
    """
    _check_together(examinees)
    for examinee in examinees:
        _check_labels(examinee)
        check_showing(examinee, showing)
    labels = examinees[0].pictures.labels
    records: list[list[_Record]] = [[] for _ in range(len(examinees) + 1)]
    for start, answers in _in_step(examinees, showing, batch_size, progress):
        mean = torch.stack(answers).logsumexp(dim=0) - math.log(len(answers))
        for kept, logs in zip(records, [*answers, mean], strict=True):
            kept.append(_record(logs, labels[start:]))
    found = [
        _judgement(examinee, showing, kept)
        for examinee, kept in zip([*examinees, examinees[0]], records, strict=True)
    ]
    return tuple(found[:-1]), found[-1]


def evaluate(
    module: NetworkModule,
    pictures: Pictures,
    contract: InputContract,
    *,
    mean_image: np.ndarray | Tensor | None = None,
    showing: Showing = CENTRE,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Counts how often `module` is right about `pictures`; by default about their centre views.

    Raises:
        EvaluationError: no pictures, or of the wrong channels, too small, or with labels that the
            network has no output for.
    """
    examinee = Examinee(module, pictures, contract, mean_image)
    tally = judge(examinee, showing, batch_size=batch_size, progress=progress).tally
    _ = tally.error1  # refuses a count that is not whole
    return tally


def predictions(
    module: NetworkModule,
    pictures: Pictures,
    contract: InputContract,
    *,
    mean_image: np.ndarray | Tensor | None = None,
    top: int = TOP,
    showing: Showing = CENTRE,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[Guess, ...], ...]:
    """The `top` likeliest classes of every picture, the likeliest first (fewer where the network
    has fewer outputs); the pictures' labels are not looked at.

    Raises:
        EvaluationError: as `check_showing`.
    """
    examinee = Examinee(module, pictures, contract, mean_image)
    found: list[tuple[Guess, ...]] = []
    for _, logs in log_probabilities(examinee, showing, batch_size=batch_size, progress=progress):
        values, indices = _likeliest(logs, top)
        for row, places in zip(values.exp().tolist(), indices.tolist(), strict=True):
            found.append(tuple(map(Guess, places, row)))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Record:
    """What is kept of one batch: the columns of a Judgement, on the CPU."""

    labels: Tensor
    logs: Tensor
    ranks: Tensor
    likeliest: Tensor
    likeliest_logs: Tensor


def _record(logs: Tensor, labels: Tensor) -> _Record:
    """What is kept of a batch's answers, (N, classes); the first N of `labels` are its own."""
    own = labels[: len(logs)].to(logs.device)
    values, indices = _likeliest(logs, TOP)
    ranks, right = label_ranks(logs, own), logs.gather(1, own[:, None])[:, 0]
    return _Record(own.cpu(), right.cpu(), ranks.cpu(), indices.cpu(), values.cpu())


def _likeliest(logs: Tensor, top: int) -> tuple[Tensor, Tensor]:
    order = logs.sort(dim=1, descending=True, stable=True)  # ties: the lower index first
    return order.values[:, :top], order.indices[:, :top]


def _judgement(examinee: Examinee, showing: Showing, records: Sequence[_Record]) -> Judgement:
    return Judgement(
        showing=showing,
        outputs=examinee.classes,
        expected=len(examinee.pictures),
        labels=torch.cat([r.labels for r in records]),
        logs=torch.cat([r.logs for r in records]),
        ranks=torch.cat([r.ranks for r in records]),
        likeliest=torch.cat([r.likeliest for r in records]),
        likeliest_logs=torch.cat([r.likeliest_logs for r in records]),
    )


def _in_step(
    examinees: Sequence[Examinee],
    showing: Showing,
    batch_size: int | None,
    progress: Progress | None,
) -> Iterator[tuple[int, list[Tensor]]]:
    """All networks' answers to the same batch, so that only one batch of them is in memory."""
    last = len(examinees) - 1
    running = [
        log_probabilities(
            examinee,
            showing,
            batch_size=batch_size,
            progress=progress if place == last else None,
        )
        for place, examinee in enumerate(examinees)
    ]
    for answers in zip(*running, strict=True):
        assert len({start for start, _ in answers}) == 1, "the networks are asked in step"
        yield answers[0][0], [logs for _, logs in answers]


def _check_labels(examinee: Examinee) -> None:
    """Raises EvaluationError where a picture has no label, or one that the network cannot give."""
    labels, classes = examinee.pictures.labels, examinee.classes
    if len(labels) != len(examinee.pictures.images):
        raise EvaluationError(
            f"there are {len(examinee.pictures.images):,} pictures and {len(labels):,} labels; each"
            " picture has one"
        )
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise EvaluationError(
            f"a label is {int(wrong[0])} and network '{examinee.module.network.name}' has"
            f" {classes} outputs; labels must be 0 or more and less than that"
        )


def _check_together(examinees: Sequence[Examinee]) -> None:
    assert examinees, "an ensemble has members"
    first = examinees[0]
    for other in examinees[1:]:
        if other.classes != first.classes or other.pictures.classes != first.pictures.classes:
            names = f"'{first.module.network.name}' and '{other.module.network.name}'"
            raise EvaluationError(
                f"networks {names} have {first.classes} and {other.classes} classes, or other"
                " ones; only answers about the same classes can be averaged"
            )
        same = torch.equal(other.pictures.labels, first.pictures.labels)
        if not same or other.pictures.names != first.pictures.names:
            raise EvaluationError(
                "the networks are shown other pictures, or the same in another order; only answers"
                " about the same pictures can be averaged"
            )
