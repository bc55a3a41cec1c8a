"""Two processes on two cores at twice the batch, against one on one: how many times the images.

    python benchmarks/weak_scaling.py [--rounds 5] [--steps 12] [--batch 128] [--record]

Network `80sec`, steps as a run makes them. Every process is bound to a core of its own, with all of
its threads; the processes are torchrun's. What they send in a step is counted, and held against the
ledger's count of parameters. Beside them two processes that share nothing are timed, each at one's
batch: what the machine itself gives. Nothing else should run on it; some two minutes.
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


def work(batch: int, steps: int, apart: bool) -> None:
    """What each process does, apart from the others or with them; that of rank 0 prints what came
    of it.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(os.environ["LOCAL_RANK"])]})  # before torch has threads
    import torch.distributed as dist
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    from alexnet.training.distributed import ALONE, joined, ranks_of
    from alexnet.training.progress import Progress

    sent: list[int] = []

    def counted(bucket: Any) -> Any:
        sent.append(bucket.buffer().nbytes)
        return allreduce_hook(dist.group.WORLD, bucket)  # what is done without a hook

    with joined(ranks_of(os.environ)) as group:
        learner = learner_of(batch, ALONE if apart else group)
        progress, order = Progress(pictures="noise"), learner.batches.order(0)
        if not learner.group.alone:
            learner.step(progress, order)  # its rates say which arrays are sent
            sending = learner.sharing.distributed()
            sending.register_comm_hook(None, lambda _, bucket: counted(bucket))
        seconds: list[float] = []
        for number in range(WARM_UP + steps):
            if number == WARM_UP:
                group.sum(0)  # all begin at once
            sent.clear()
            began = time.perf_counter()
            learner.step(replace(progress, step=number % learner.batches.steps), order)
            learner.group.any(False, False)  # whether to stop, as the loop asks
            seconds.append(time.perf_counter() - began)
        speed = batch / statistics.median(seconds[WARM_UP:])
        speed = sum(group.gather(speed)) if apart else speed
        bytes_, network = sum(sent), learner.module.network
    if group.leads:
        from alexnet.network.ledger import ledger

        held = sum(row.parameters for row in ledger(network).rows)
        print(json.dumps({"speed": speed, "bytes": bytes_, "parameters": held}))


def measured(processes: int, batch: int, steps: int, *, apart: bool = False) -> Any:
    engine = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = [f"--nproc-per-node={processes}", str(Path(__file__)), "work", str(batch), str(steps)]
    words += ["apart"] * apart
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
        work(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["apart"])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    rounds: list[tuple[Any, Any, Any]] = []
    for number in range(given.rounds):
        one = measured(1, given.batch, given.steps)
        two = measured(2, 2 * given.batch, given.steps)
        assert two["bytes"] == 4 * two["parameters"], f"{two} is not 4 bytes a parameter"
        most = measured(2, given.batch, given.steps, apart=True)
        rounds.append((one, two, most))
        speeds = ", ".join(f"{each['speed']:,.0f}" for each in rounds[-1])
        print(f"{number + 1}: one, two together, two apart: {speeds} images/s", flush=True)
    ones, twos, apart = ([each[place]["speed"] for each in rounds] for place in range(3))
    ratios = [two / one for one, two in zip(ones, twos, strict=True)]
    limits = [most / one for one, most in zip(ones, apart, strict=True)]
    cells = {
        f"one core, batch {given.batch}, images/s": spread(ones),
        f"two together, batch {2 * given.batch}": spread(twos),
        f"two apart, batch {given.batch} each": spread(apart),
        "bytes a process gives a step": f"{rounds[0][1]['bytes']:,}",
        "ledger's parameters": f"{rounds[0][1]['parameters']:,}",
        "apart, times the images": spread(limits, 2),
        "together, times the images": spread(ratios, 2),
    }
    print(cells)
    if given.record:
        record(
            "33-weak-scaling",
            title="Two processes on two cores at twice the batch, against one on one",
            command="python benchmarks/weak_scaling.py --record",
            wanted="at least 1.7 times the images",
            columns=list(cells),
            rows=[list(cells.values())],
            remark=f"Medians of {given.rounds} rounds, least to most in brackets, of {given.steps} "
            f"steps each; network `{NETWORK}`, fp32, gloo; every process bound to one core.",
        )


if __name__ == "__main__":
    main()
