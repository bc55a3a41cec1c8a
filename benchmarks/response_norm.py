"""Times the response norm across maps, forward and backward, against torch's own, taking turns.

    python benchmarks/response_norm.py [--record]

Every round times each way once, so that whatever slows the machine slows all; medians are shown.
Memory is kept between calls, for torch's own as for ours, as it is in training.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from results import record
from torch import Tensor, nn

from alexnet.network.layers import CrossMapNorm
from alexnet.torch_net import response_norm_plain as plain
from alexnet.torch_net.allocation import keep_memory
from alexnet.torch_net.kernels.library import Processor, library
from alexnet.torch_net.response_norm import CrossMapNormModule
from alexnet.torch_net.response_norm_formula import formula_of

BATCH = 128
SHAPES = {"96 maps of 55×55": (96, 55), "256 maps of 27×27": (256, 27)}
LAYER = CrossMapNorm(
    name="norm", reads=("x",), size=5, alpha=1e-4, alpha_divided=True, beta=0.75, k=2.0
)
PEER = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
SIDE_BY_SIDE = torch.channels_last

Way = Callable[[], object]


def both_passes(norm: nn.Module, x: Tensor, gradient: Tensor) -> Way:
    """A forward and a backward pass of `norm`."""
    x = x.detach().requires_grad_()
    return lambda: torch.autograd.grad(norm(x), x, gradient)


def in_torch_operations(x: Tensor, gradient: Tensor) -> Way:
    """What is used where no kernel applies."""
    formula = formula_of(LAYER)

    def run() -> None:
        plain.normalise(x, formula)
        plain.gradient_of(x, gradient, formula)

    return run


def ways(channels: int, side: int) -> dict[str, Way]:
    """Each row of the table: what is timed, after the peer itself."""
    generator = torch.Generator().manual_seed(1)
    shape = (BATCH, channels, side, side)
    x, gradient = (torch.randn(shape, generator=generator) for _ in range(2))
    beside = [t.contiguous(memory_format=SIDE_BY_SIDE) for t in (x, gradient)]
    halves = [t.bfloat16() for t in beside]
    ours = CrossMapNormModule(LAYER)
    return {
        "nn.LocalResponseNorm, fp32": both_passes(PEER, x, gradient),
        "nn.LocalResponseNorm, fp32, channels-last": both_passes(PEER, *beside),
        "torch operations, fp32": in_torch_operations(x, gradient),
        "ours, fp32": both_passes(ours, x, gradient),
        "ours, fp32, channels-last": both_passes(ours, *beside),
        "ours, bf16": both_passes(ours, x.bfloat16(), gradient.bfloat16()),
        "ours, bf16, channels-last": both_passes(ours, *halves),
    }


def medians(timed: dict[str, Way], rounds: int) -> dict[str, float]:
    """Milliseconds of each, one after another in every round, the first round not counted."""
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(rounds + 1):
        for name, way in timed.items():
            began = time.perf_counter()
            way()
            if turn:
                taken[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(some) for name, some in taken.items()}


def measure(rounds: int) -> list[list[str]]:
    """The rows of all shapes; prints them too."""
    rows: list[list[str]] = []
    for title, (channels, side) in SHAPES.items():
        found = medians(ways(channels, side), rounds)
        peer = next(iter(found.values()))
        for name, taken in found.items():
            rows.append([title, name, f"{taken:.1f}", f"{peer / taken:.1f}"])
            print(*rows[-1], sep="  ", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    options = parser.parse_args()
    found = library()
    kept = keep_memory()
    built = Processor(found.processor).name if found else "no library"
    rows = measure(options.rounds)
    if options.record:
        record(
            "12-response-norm",
            title=f"Response norm, batch {BATCH}, forward and backward",
            command="python benchmarks/response_norm.py --record",
            wanted="25 times as fast as nn.LocalResponseNorm, 96 maps of 55×55",
            columns=["input", "way", "milliseconds", "times as fast"],
            rows=rows,
            remark=f"Medians of {options.rounds} rounds in which the ways take turns, "
            f"{torch.get_num_threads()} threads; kernels in C for {built}. nn.LocalResponseNorm "
            "refuses bf16, so all are held against its fp32, channels not last. "
            + ("Memory is kept between calls." if kept else "Memory is not kept between calls."),
        )


if __name__ == "__main__":
    main()
