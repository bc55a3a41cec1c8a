"""Measurements in turn: a process for each, A B A B, so that a machine that slows down slows all;
and what their figures come to, as medians and spreads of rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from alexnet.bench.jobs import BenchError, Effort, Job, Measurement
from alexnet.bench.plan import Contender

Measure = Callable[[Job], Measurement]

SINGLE_THREADED = ("loading-ours", "loading-stock")
"""Measured with one thread a process, those that the process starts included."""


def in_a_process(job: Job) -> Measurement:
    """Takes a measurement in a fresh process, with this one's environment.

    Raises:
        BenchError: the process failed; the last line that it wrote on standard error is told.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "alexnet.bench.child"],
        input=job.to_json(),
        capture_output=True,
        text=True,
        env=_environment(job),
        check=False,
    )
    wall = time.perf_counter() - began
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BenchError(f"measuring {job.what} ended with status {done.returncode}: {last}")
    found = Measurement.from_json(lines[-1])
    return Measurement(
        seconds=found.seconds,
        images=found.images,
        steps=found.steps,
        peak_bytes=found.peak_bytes,
        wall_seconds=wall,
        detail=found.detail,
    )


def _environment(job: Job) -> dict[str, str] | None:
    """This process's own (None), or with one thread a library."""
    return os.environ | {"OMP_NUM_THREADS": "1"} if job.what in SINGLE_THREADED else None


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the least and the most of them."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of one value per round."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(own: Sequence[float], peer: Sequence[float]) -> Spread:
    """How many times `peer` each round's `own` is: round by round, so that what slows a whole
    round cancels out.
    """
    return spread([a / b for a, b in zip(own, peer, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What was measured.

    Attributes:
        found: for each contender that was measured in every round, a measurement per round.
        skipped: the peers that were not, and why.
    """

    found: dict[Contender, list[Measurement]]
    skipped: dict[Contender, str]


def rounds(
    contenders: Sequence[Contender],
    count: int,
    effort: Effort,
    *,
    measure: Measure = in_a_process,
    installed: Callable[[str], bool] = lambda package: find_spec(package) is not None,
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> Rounds:
    """Measures everybody in turn, `count` times over.

    A peer that is not installed, or that fails, is skipped and says why; what fails of ours is an
    error, after which nothing is measured.

    Args:
        contenders: in the order of a round.
        count: rounds.
        effort: of each measurement.
        measure: takes one.
        installed: whether a package is there.
        progress: told before each measurement: how many are done, of how many, and what comes.

    Raises:
        BenchError: a measurement of ours failed.
    """
    skipped = {
        one: f"{one.needs} is not installed; pip install 'alexnet[bench]' brings it"
        for one in contenders
        if one.needs and not installed(one.needs)
    }
    found: dict[Contender, list[Measurement]] = {x: [] for x in contenders if x not in skipped}
    for done in range(count * len(contenders)):
        one = contenders[done % len(contenders)]
        progress(done, count * len(contenders), f"{one.subject}: {one.name}")
        if one in skipped:
            continue
        try:
            found[one].append(measure(one.job(effort)))
        except BenchError as error:
            if one.ours:
                raise
            skipped[one] = str(error)
            del found[one]
    return Rounds(found=found, skipped=skipped)
