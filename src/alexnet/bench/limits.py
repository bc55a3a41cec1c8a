"""What the machine can do at most: matrix products in both precisions, and copies of memory."""

from __future__ import annotations

import os
import statistics

import torch
from torch import Tensor

from alexnet.bench.jobs import Effort, Job, Measurement
from alexnet.bench.timing import measurement, timed

SIDES = (2048, 4096)
"""Of the square matrices; the faster size is the limit."""

COPIED = 2**28
"""Bytes of a copy: more than any cache holds."""


def measure(job: Job) -> Measurement:
    """Sustained rates: GFLOP/s of products in fp32 and bf16, GB/s of copies, read and written."""
    effort = Effort(
        warm_up=job.effort.warm_up, steps=job.effort.steps, seconds=job.effort.seconds / 6
    )
    source = torch.ones(COPIED // 4)
    target = torch.empty_like(source)
    copies = timed(lambda: target.copy_(source), effort)
    fp32, bf16 = (max(_gemm(side, d, effort) for side in SIDES) for d in DTYPES)
    return measurement(
        copies,
        0,
        gemm_fp32=fp32,
        gemm_bf16=bf16,
        copy=2 * COPIED / statistics.median(copies) / 1e9,
        threads=torch.get_num_threads(),
        cores=os.cpu_count() or 1,
        torch=torch.__version__,
        instructions=torch.backends.cpu.get_cpu_capability(),
    )


DTYPES = (torch.float32, torch.bfloat16)


def _gemm(side: int, dtype: torch.dtype, effort: Effort) -> float:
    """GFLOP/s of the product of two matrices of `side` × `side`."""
    one, other = (_matrix(side, dtype, seed) for seed in (0, 1))
    result = torch.empty_like(one)
    times = timed(lambda: torch.mm(one, other, out=result), effort)
    return 2 * side**3 / statistics.median(times) / 1e9


def _matrix(side: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Drawn: processors may be faster with zeros."""
    return torch.randn(side, side, generator=torch.Generator().manual_seed(seed)).to(dtype)
