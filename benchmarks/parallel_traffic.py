"""What two processes send in a training step, counted where it is sent and on the loopback device,
against what the ledger and the plan say: by data, towers apart, one weird trick.

    python benchmarks/parallel_traffic.py [--batch 2] [--record]

Networks `paper` and `as_run` at full size, a step as a run makes it. Bytes of activations grow with
the batch, those of gradients do not. Each pair of processes has a loopback device to itself (a
network namespace, by unshare), whose counters also count TCP's headers and what the processes agree
on. Some two minutes and 6 GB of memory; other work on the machine changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import record

RANKS = 2
RECIPES = {"paper": "paper", "as_run": "as-run"}
SPLITS = ("data", "towers", "one-weird-trick")
OF_2012 = 128


def learner_of(network: str, split: str, batch: int, group: Any) -> Any:
    """As a run has it, over pictures that are noise."""
    from dataclasses import replace

    import torch

    from alexnet.images import PictureSet
    from alexnet.network.catalog import get_network
    from alexnet.training.beginning import make_learner
    from alexnet.training.events import silent
    from alexnet.training.recipes import recipe

    described = get_network(network)
    own = replace(recipe(RECIPES[network]), batch_size=batch)
    side = own.picture_side(described)
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, side, side), generator=draws, dtype=torch.uint8)
    names = tuple(map(str, range(batch)))
    kinds = tuple(map(str, range(1000)))
    pictures = PictureSet(images, torch.arange(batch), names, kinds, ())
    cpu: Any = torch.device("cpu")
    return make_learner(
        *(described, pictures, own, None, cpu, "fp32", silent, group, 1), split=split
    )


def over_the_loopback() -> int:
    """Bytes that went through it so far, as the system counts them."""
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[8])
    raise RuntimeError("/proc/net/dev lists no loopback device")


def work(network: str, split: str, batch: int) -> None:
    """What each process does; that of rank 0 prints what all have sent."""
    from alexnet.training.distributed import joined, ranks_of
    from alexnet.training.progress import Progress

    with joined(ranks_of(os.environ)) as group:
        learner = learner_of(network, split, batch, group)
        progress, order = Progress(pictures="noise"), learner.batches.order(0)
        if split == "data":
            sent = counted_buckets(learner, progress, order)
        else:
            sent = counted_ways(learner)
        sent(clear=True)
        group.gather(None)
        before = over_the_loopback()
        learner.step(progress, order)
        found = group.gather(sent())
        passed = over_the_loopback() - before
    if group.leads:
        print(json.dumps({"ranks": found, "loopback": passed}))


def counted_buckets(learner: Any, progress: Any, order: Any) -> Callable[..., dict[str, int]]:
    """Counts what is handed to DistributedDataParallel's all-reduces."""
    import torch.distributed as dist
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    handed: list[int] = []
    everybody: Any = dist.group.WORLD

    def counted(bucket: Any) -> Any:
        handed.append(bucket.buffer().nbytes)
        return allreduce_hook(everybody, bucket)  # what is done without a hook

    learner.step(progress, order)  # its rates say which arrays are sent
    learner.sharing.distributed().register_comm_hook(None, lambda _, bucket: counted(bucket))

    def sent(clear: bool = False) -> dict[str, int]:
        if clear:
            handed.clear()
        return {"gradients": sum(handed)}

    return sent


def counted_ways(learner: Any) -> Callable[..., dict[str, int]]:
    """Counts what the module's own exchanges send."""
    traffic = learner.module.traffic

    def sent(clear: bool = False) -> dict[str, int]:
        if clear:
            traffic.clear()
        found: Counter[str] = Counter()
        for way, size in traffic.sent.items():
            found[way.purpose] += size
        return dict(found)

    return sent


def planned(network: str, split: str, batch: int) -> tuple[float, float]:
    """Bytes of activations with their gradients, and of weights' gradients, that all ranks send, as
    the ledger and the plan have it. In an all-reduce each of two ranks sends as many as it gives.
    """
    from alexnet.network.catalog import get_network
    from alexnet.network.plan.cluster import Cluster, Link
    from alexnet.network.plan.schemes import step
    from alexnet.network.plan.work import work_of

    scheme: Any = f"{split}-a" if split == "one-weird-trick" else split
    cluster = Cluster(devices=RANKS, link=Link(1.0), peak=1.0)
    found = step(work_of(get_network(network)), cluster, scheme, batch / RANKS)
    return RANKS * found.activations.sent, RANKS * found.gradients.sent


def measured(network: str, split: str, batch: int) -> Any:
    engine = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(RANKS)]
    place = ["--master-addr", "127.0.0.1", "--master-port", "29400"]
    words = [str(Path(__file__)), "work", network, split, str(batch)]
    apart = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*apart, *engine, *place, *words],
        env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def row_of(network: str, split: str, batch: int) -> list[str]:
    """One step, and whether it sent what it should."""
    activations, gradients = planned(network, split, batch)
    found = measured(network, split, batch)
    sums: Counter[str] = Counter()
    for rank in found["ranks"]:
        sums.update(rank)
    crossed = sums["forward"] + sums["backward"]
    assert (crossed, sums["gradients"]) == (activations, gradients), (network, split, found)
    at_2012 = sum(planned(network, split, OF_2012))
    return [
        network, split, f"{activations + gradients:,.0f}", f"{sums['gradients']:,}",
        f"{crossed:,}", f"{sums['told']:,}", f"{found['loopback']:,}", f"{at_2012:,.0f}",
    ]  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    rows: list[list[str]] = []
    for network in RECIPES:
        for split in SPLITS:
            rows.append(row_of(network, split, given.batch))
            print(rows[-1], flush=True)
    if given.record:
        record(
            "36-parallel-traffic",
            title="Bytes that two processes send in a training step, against the ledger",
            command="python benchmarks/parallel_traffic.py --record",
            wanted="measured bytes of gradients and activations equal to the ledger's",
            columns=[
                "network", "split", f"ledger, {given.batch} pictures", "gradients measured",
                "activations measured", "told beside", "on the loopback",
                f"ledger, {OF_2012} pictures",
            ],
            rows=rows,
            remark="Both processes together, fp32, one step at full size. Gradients by data: what "
            "is handed to the all-reduces, in which each of two ranks sends as many bytes as it "
            "gives. Activations: maps and units forward, their gradients backward. Told beside: "
            "costs and outputs (towers), labels (one weird trick). On the loopback: all that the "
            "system counted meanwhile, with TCP's headers and what the processes agree on.",
        )  # fmt: skip


if __name__ == "__main__":
    main()
