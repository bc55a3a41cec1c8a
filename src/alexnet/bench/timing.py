"""Steps timed, and the memory of the process that took them."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from alexnet.bench.jobs import Effort, Measurement


def timed(
    step: Callable[[], object], effort: Effort, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Seconds of each step after the warm-up."""
    for _ in range(effort.warm_up):
        step()
    found: list[float] = []
    while len(found) < effort.steps or sum(found) < effort.seconds:
        began = clock()
        step()
        found.append(clock() - began)
    return found


def measurement(times: list[float], images: int, **detail: float | int | str) -> Measurement:
    """The median of `times`, of `images` pictures each, and this process's memory so far."""
    return Measurement(
        seconds=statistics.median(times),
        images=images,
        steps=len(times),
        peak_bytes=peak_bytes(),
        detail=detail,
    )


def peak_bytes() -> int:
    """The most memory that was resident in this process.

    Linux's `ru_maxrss` begins with that of the process that started this one, so that where the
    system tells the high-water mark of this process alone, that is taken.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
