"""Counting a network: our ledger, which needs no torch, and torchinfo over the stock modules."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from alexnet.bench.jobs import Job, Measurement
from alexnet.bench.timing import measurement, timed
from alexnet.network.codec import from_json
from alexnet.network.ledger import ledger


def measure_ours(job: Job) -> Measurement:
    """Every row and sum of the ledger."""
    network = from_json(job.network)
    return _measured(lambda: ledger(network).total.parameters, job)


def measure_torchinfo(job: Job) -> Measurement:
    """torchinfo.summary of one picture. No weight of its module is drawn."""
    torchinfo: Any = import_module("torchinfo")
    from alexnet.bench.stock import stock_unfilled

    network = from_json(job.network)
    module, shape = stock_unfilled(network), (1, *network.picture.shape)
    return _measured(
        lambda: int(torchinfo.summary(module, input_size=shape, verbose=0).total_params), job
    )


def _measured(count: Callable[[], int], job: Job) -> Measurement:
    """The parameters counted once, which ends the cold start; then again and again, `again` seconds
    each, for `afterwards` seconds, which are none of it.
    """
    parameters, began = count(), time.perf_counter()
    times = timed(count, job.effort)
    again, afterwards = statistics.median(times), time.perf_counter() - began
    return measurement(times, 0, parameters=parameters, again=again, afterwards=afterwards)
