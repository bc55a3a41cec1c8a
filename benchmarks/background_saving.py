"""What a step waits for a checkpoint: written in place, or by a thread beside the steps.

    python benchmarks/background_saving.py [--saves 5] [--steps 4] [--batch 8] [--record]

Network `paper`: 61 million weights and as many velocities. Every save is followed by steps as a run
makes them, which are timed too, since a thread beside them takes some of the machine. Both ways
write the same file through the same function, down to the disk.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from results import record

NETWORK, RECIPE = "paper", "paper"


def learner_of(batch: int) -> Any:
    """As a run has it, over pictures that are noise."""
    import torch

    from alexnet.images import PictureSet
    from alexnet.network.catalog import get_network
    from alexnet.network.edit import with_loss
    from alexnet.training.beginning import make_learner
    from alexnet.training.distributed import ALONE
    from alexnet.training.events import silent
    from alexnet.training.recipes import recipe

    network, own = with_loss(get_network(NETWORK)), replace(recipe(RECIPE), batch_size=batch)
    side, draws = own.picture_side(network), torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, side, side), generator=draws, dtype=torch.uint8)
    names = tuple(map(str, range(batch)))
    pictures = PictureSet(images, torch.arange(batch), names, tuple(map(str, range(1000))), ())
    cpu = torch.device("cpu")
    return make_learner(network, pictures, own, None, cpu, "fp32", silent, ALONE, 1)


class Timed:
    """Steps of a learner, and checkpoints between them."""

    def __init__(self, learner: Any) -> None:
        from alexnet.training.progress import Progress

        self.learner, self.progress = learner, Progress(pictures="noise")
        self.order = learner.batches.order(0)

    def steps(self, count: int) -> list[float]:
        """Seconds of each."""
        found: list[float] = []
        for _ in range(count):
            began = time.perf_counter()
            self.learner.step(self.progress, self.order)
            found.append(time.perf_counter() - began)
        return found

    def saves(self, save: Callable[[Any, int], object], count: int, between: int) -> list[Any]:
        """Seconds that each save keeps the next step waiting, and those of the steps after it."""
        found: list[Any] = []
        for number in range(count):
            began = time.perf_counter()
            held = self.learner.held()
            save(self.learner.checkpoint(held, self.progress), number + 1)
            found.append((time.perf_counter() - began, self.steps(between)))
        return found


def measured(given: argparse.Namespace) -> dict[str, Any]:
    from alexnet.torch_net.allocation import keep_memory
    from alexnet.training.background_saving import BackgroundSaving
    from alexnet.training.run_folder import create

    keep_memory()
    timed = Timed(learner_of(given.batch))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder = create(Path(place), timed.learner.recipe, timed.learner.module.network)
        timed.steps(3)
        plain = timed.steps(given.steps * given.saves)

        def in_place(checkpoint: Any, step: int) -> None:
            folder.save(checkpoint, step, keep=False)

        inline = timed.saves(in_place, given.saves, given.steps)
        with BackgroundSaving(folder, timed.learner.rule.parameters) as saving:
            timed.steps(1)
            beside = timed.saves(
                lambda checkpoint, step: saving.save(checkpoint, step, keep=False),
                given.saves,
                given.steps,
            )
        size = max(path.stat().st_size for path in folder.checkpoints.iterdir())
    return {"plain": plain, "in place": inline, "beside": beside, "bytes": size}


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    found = measured(given)
    waits = {way: [waited for waited, _ in found[way]] for way in ("in place", "beside")}
    after = {way: [sum(steps) for _, steps in found[way]] for way in waits}
    times = statistics.median(waits["in place"]) / statistics.median(waits["beside"])
    cells = {
        "checkpoint, MB": f"{found['bytes'] / 1e6:,.0f}",
        "a step without, s": spread(found["plain"]),
        f"{given.steps} steps after one in place, s": spread(after["in place"]),
        f"{given.steps} steps beside one, s": spread(after["beside"]),
        "waits, in place, s": spread(waits["in place"]),
        "waits, beside, s": spread(waits["beside"]),
        "less": f"{times:.1f} times",
    }
    print(cells)
    if given.record:
        record(
            "34-background-saving",
            title="A checkpoint written beside the steps",
            command="python benchmarks/background_saving.py --record",
            wanted="steps wait for a copy in memory, not for the disk",
            columns=list(cells),
            rows=[list(cells.values())],
            remark=f"Network `{NETWORK}`, batches of {given.batch}; medians of {given.saves} saves,"
            f" least to most in brackets, with {given.steps} steps after each.",
        )


if __name__ == "__main__":
    main()
