"""Runs a chain of small operations over large tensors a cache-full at a time, on as many threads as
torch has; it computes nothing itself.

torch would share each small operation among its threads and wait for the slowest, hundreds of
times over: on a machine with other work on it that is up to eighty times slower. So every operation
here stays below the size from which torch shares it, and whole shares of the batch go to threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

CHUNK = 30_000
"""Elements of a line at a time on a CPU: torch shares operations from 32,768 elements on."""

SHARE = 1 << 18
"""Elements for which a thread of its own pays."""

MOST_THREADS = 8
"""Beyond this, threads mostly wait for Python."""

Chunks = Iterator[tuple[Tensor, ...]]


def in_chunks(work: Callable[[Chunks], None], tensors: tuple[Tensor, ...], line: int) -> None:
    """Calls `work` with chunks of `tensors`, once per thread; elsewhere than on a CPU, all at once.

    Args:
        work: what to do with the chunks of one share; it makes its own scratch space.
        tensors: all alike in their first axis, over which they are shared out, and in their last,
            along which they too may be cut.
        line: how many elements of scratch space one index of the first and last axis takes.
    """
    first = tensors[0]
    if first.device.type != "cpu":
        work(iter([tensors]))
        return
    sets = first.shape[0]
    shares = min(torch.get_num_threads(), MOST_THREADS, sets, first.numel() // SHARE)
    if shares <= 1:
        work(_chunks(tensors, line))
        return

    inference = torch.is_inference_mode_enabled()

    def run(share: tuple[Tensor, ...]) -> None:
        # both modes are each thread's own affair, and tensors made in one stay of its kind
        with torch.inference_mode(inference), torch.no_grad():
            work(_chunks(share, line))

    with ThreadPoolExecutor(shares) as threads:
        list(threads.map(run, zip(*(t.tensor_split(shares) for t in tensors), strict=True)))


def _chunks(tensors: tuple[Tensor, ...], line: int) -> Chunks:
    units = tensors[0].shape[-1]
    pieces = -(-units * line // CHUNK)
    width = -(-units // min(units, max(1, pieces)))
    sets = max(1, CHUNK // (width * line))
    for some in zip(*(t.split(sets) for t in tensors), strict=True):
        yield from zip(*(t.split(width, dim=-1) for t in some), strict=True)
