"""What the rounds of a bench came to: for each subject a line per contender, with rates, ratios,
shares of the measured peak and memory; as values, and as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alexnet.bench.jobs import Measurement
from alexnet.bench.pairing import Rounds, Spread, ratio, spread
from alexnet.bench.plan import SUBJECTS, TITLES, Contender, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contender's figures.

    Attributes:
        name, ours, network, batch_size: of the contender.
        value: images/s, or seconds where no pictures are counted; see `Outcome.unit`.
        times: how many times as fast as each peer, by the peer's name.
        share: of the measured peak of matrix products in its own precision; None where that is of
            no interest.
        peak_bytes: the most memory of its process, in any round.
        detail: as the last round's process told it.
    """

    name: str
    ours: bool
    network: str
    batch_size: int
    value: Spread
    times: dict[str, Spread]
    share: Spread | None
    peak_bytes: int
    detail: dict[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A subject's lines, and the peers that were skipped with the reason."""

    subject: Subject
    title: str
    unit: str
    lines: tuple[Line, ...]
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The machine's limits over the rounds, GFLOP/s and GB/s, and what the process said of it."""

    gemm_fp32: Spread
    gemm_bf16: Spread
    copy: Spread
    detail: dict[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that was measured in one run."""

    limits: Limits | None
    outcomes: tuple[Outcome, ...]


LIMITS = ("gemm_fp32", "gemm_bf16", "copy")
"""The figures of a measurement of limits."""


def summed_up(measured: Rounds) -> Bench:
    """Medians, ratios and shares of what was measured."""
    everybody = [*measured.found, *measured.skipped]
    limits = next((v for k, v in measured.found.items() if k.subject == "limits"), None)
    told = {one.subject for one in everybody} - {"limits"}
    subjects: list[Subject] = [subject for subject in SUBJECTS if subject in told]
    return Bench(
        limits=None if limits is None else _limits(limits),
        outcomes=tuple(_outcome(subject, measured, limits) for subject in subjects),
    )


def _limits(rounds: Sequence[Measurement]) -> Limits:
    figures = {name: spread([float(one.detail[name]) for one in rounds]) for name in LIMITS}
    rest = {k: v for k, v in rounds[-1].detail.items() if k not in LIMITS}
    return Limits(**figures, detail=rest)


def _outcome(subject: Subject, measured: Rounds, limits: Sequence[Measurement] | None) -> Outcome:
    own = {c: rounds for c, rounds in measured.found.items() if c.subject == subject}
    rates = {c: [_rate(subject, one) for one in rounds] for c, rounds in own.items()}
    peers = {c.name: rates[c] for c in own if c.peer}
    counts_images = subject in ("training", "inference", "loading")
    turned: Callable[[float], float] = (lambda x: x) if counts_images else (lambda x: 1 / x)
    lines = [
        Line(
            name=one.name,
            ours=one.ours,
            network=one.network.name,
            batch_size=one.batch_size,
            value=spread([turned(rate) for rate in rates[one]]),
            times={n: ratio(rates[one], peer) for n, peer in peers.items() if n != one.name},
            share=_share(one, rounds, limits),
            peak_bytes=max(x.peak_bytes for x in rounds),
            detail=rounds[-1].detail,
        )
        for one, rounds in own.items()
    ]
    return Outcome(
        subject=subject,
        title=TITLES[subject],
        unit="images/s" if counts_images else "seconds",
        lines=tuple(lines),
        skipped={c.name: why for c, why in measured.skipped.items() if c.subject == subject},
    )


def _rate(subject: Subject, one: Measurement) -> float:
    """Images a second; of norms steps a second; of counting processes a second, each from its
    start to its first count.
    """
    if subject == "ledger":
        return 1 / (one.wall_seconds - float(one.detail["afterwards"]))
    return (1 if subject == "norm" else one.images) / one.seconds


def _share(
    one: Contender, rounds: Sequence[Measurement], limits: Sequence[Measurement] | None
) -> Spread | None:
    """Floating-point operations a second over those of the same round's matrix products."""
    if not one.flops or limits is None:
        return None
    return spread(
        [
            one.flops * mine.images / mine.seconds / 1e9 / _peak(mine, limit)
            for mine, limit in zip(rounds, limits, strict=True)
        ]
    )


def _peak(mine: Measurement, limit: Measurement) -> float:
    """GFLOP/s of matrix products in the precision in which `mine` was taken."""
    precision = mine.detail.get("precision")
    assert precision in ("fp32", "bf16"), f"a measurement says which it is, not {precision}"
    return float(limit.detail[f"gemm_{precision}"])


def as_tree(bench: Bench) -> dict[str, Any]:
    """As JSON has it; the keys are those of the values."""
    tree = asdict(bench)
    tree["format"] = "alexnet-bench/1"
    return tree
