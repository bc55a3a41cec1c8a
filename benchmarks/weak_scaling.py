"""Two processes on two cores at twice the batch, against one on one: how many times the images.

    python benchmarks/weak_scaling.py [--pairs 5] [--steps 12] [--batch 128] [--record]

Network `80sec`, steps as a run makes them. Every process is bound to a core of its own, with all of
its threads; the processes are torchrun's. What they send in a step is counted, and held against the
ledger's count of parameters. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from results import record

NETWORK, RECIPE = "80sec", "cifar"
WARM_UP = 2


def learner_of(batch: int, group: Any) -> Any:
    """As a run has it, over pictures like CIFAR-10's that are noise."""
    import torch

    from alexnet.images import PictureSet
    from alexnet.network.catalog import get_network
    from alexnet.network.edit import with_loss
    from alexnet.training.beginning import make_learner
    from alexnet.training.events import silent
    from alexnet.training.recipes import recipe

    network, own = with_loss(get_network(NETWORK)), replace(recipe(RECIPE), batch_size=batch)
    side, count, classes = own.picture_side(network), 4 * batch, 10
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, side, side), generator=draws, dtype=torch.uint8)
    names = tuple(map(str, range(count)))
    kinds = tuple(map(str, range(classes)))
    pictures = PictureSet(images, torch.arange(count) % classes, names, kinds, ())
    cpu = torch.device("cpu")
    return make_learner(network, pictures, own, None, cpu, "fp32", silent, group, 1)


def work(batch: int, steps: int) -> None:
    """What each process does; that of rank 0 prints what came of it."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(os.environ["LOCAL_RANK"])]})  # before torch has threads
    import torch.distributed as dist
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    from alexnet.training.distributed import joined, ranks_of
    from alexnet.training.progress import Progress

    sent: list[int] = []

    def counted(bucket: Any) -> Any:
        sent.append(bucket.buffer().nbytes)
        return allreduce_hook(dist.group.WORLD, bucket)  # what is done without a hook

    with joined(ranks_of(os.environ)) as group:
        learner = learner_of(batch, group)
        progress, order = Progress(pictures="noise"), learner.batches.order(0)
        if not group.alone:
            learner.step(progress, order)  # its rates say which arrays are sent
            sending = learner.sharing.distributed()
            sending.register_comm_hook(None, lambda _, bucket: counted(bucket))
        seconds: list[float] = []
        for number in range(WARM_UP + steps):
            sent.clear()
            began = time.perf_counter()
            learner.step(replace(progress, step=number % learner.batches.steps), order)
            seconds.append(time.perf_counter() - began)
        speed = batch / statistics.median(seconds[WARM_UP:])
        bytes_, network = sum(sent), learner.module.network
    if group.leads:
        from alexnet.network.ledger import ledger

        held = sum(row.parameters for row in ledger(network).rows)
        print(json.dumps({"speed": speed, "bytes": bytes_, "parameters": held}))


def measured(processes: int, batch: int, steps: int) -> Any:
    engine = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = [f"--nproc-per-node={processes}", str(Path(__file__)), "work", str(batch), str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*engine, *words], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def spread(values: Sequence[float], digits: int = 0) -> str:
    low, high = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    return f"{statistics.median(values):,.{digits}f} ({low}–{high})"


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        work(int(sys.argv[2]), int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    pairs: list[tuple[Any, Any]] = []
    for number in range(given.pairs):
        one = measured(1, given.batch, given.steps)
        two = measured(2, 2 * given.batch, given.steps)
        assert two["bytes"] == 4 * two["parameters"], f"{two} is not 4 bytes a parameter"
        pairs.append((one, two))
        print(f"{number + 1}: {one['speed']:.0f} and {two['speed']:.0f} images/s", flush=True)
    ones, twos = ([pair[place]["speed"] for pair in pairs] for place in (0, 1))
    ratios = [two / one for one, two in zip(ones, twos, strict=True)]
    cells = {
        f"one core, batch {given.batch}, images/s": spread(ones),
        f"two, batch {2 * given.batch}": spread(twos),
        "bytes a process gives a step": f"{pairs[0][1]['bytes']:,}",
        "ledger's parameters": f"{pairs[0][1]['parameters']:,}",
        "times the images": spread(ratios, 2),
    }
    print(cells)
    if given.record:
        record(
            "29-weak-scaling",
            title="Two processes on two cores at twice the batch, against one on one",
            command="python benchmarks/weak_scaling.py --record",
            wanted="at least 1.7 times the images",
            columns=list(cells),
            rows=[list(cells.values())],
            remark=f"Medians of {given.pairs} pairs, least to most in brackets, of {given.steps} "
            f"steps each; network `{NETWORK}`, fp32, gloo; every process bound to one core.",
        )


if __name__ == "__main__":
    main()
