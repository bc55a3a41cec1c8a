"""The ledger's estimate of a training step's memory against the peak of a real step.

    python benchmarks/memory.py [NETWORK …] [--batch 128]

Each network is built and trained for two steps in a process of its own; its peak resident memory
during the second step, less what the process held before the network was built, is the measured
figure. It is taken twice: with every freed block given back to the system at once, which is what
lives, and with the C library's default, which keeps some freed blocks for later.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

from results import record

from alexnet.network.catalog import get_network
from alexnet.network.memory import Precision, training_memory
from alexnet.network.spec import Network
from alexnet.terminal import Table, show

NETWORKS = ("paper", "as_run", "one_weird_trick", "caffe")
PRECISIONS: dict[str, Precision] = {"fp32": "fp32", "bf16": "mixed"}


def resident(field: str) -> int:
    """A field of /proc/self/status in bytes: VmRSS now, VmHWM the peak since it was last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure(name: str, batch_size: int, precision: str) -> int:
    """Peak bytes of the second of two training steps, in this process."""
    import torch

    from alexnet.network.edit import with_loss
    from alexnet.torch_net import build
    from alexnet.training.update_rule import Rates, UpdateRule

    network: Network = with_loss(get_network(name))
    torch.nn.functional.conv2d(torch.zeros(1, 8, 8, 8), torch.zeros(8, 8, 3, 3))  # starts oneDNN
    before = resident("VmRSS")
    module = build(network).to(memory_format=torch.channels_last)
    parameters = dict(module.named_parameters())
    rates = Rates(lr=0.001, momentum=0.9, weight_decay=0.0005)
    rule = UpdateRule(parameters, dict.fromkeys(parameters, rates))
    shape = network.picture.shape
    pictures = torch.randn(batch_size, *shape).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch_size) % 10
    for _ in range(2):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            costs = module.costs(pictures, labels)
        costs.objective.backward()
        del costs
        rule.step(1.0)
        module.zero_grad(set_to_none=True)
    return resident("VmHWM") - before


GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""glibc gives blocks of this many bytes and more back as soon as they are freed."""


def measured(name: str, batch_size: int, precision: str, environment: dict[str, str]) -> int:
    """What `measure` finds in a process of its own."""
    command = [sys.executable, __file__, name, "--batch", str(batch_size), "--child", precision]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return int(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--child", choices=PRECISIONS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.networks[0], options.batch, options.child)))
        return
    rows: list[tuple[str, ...]] = []
    for name, precision in product(options.networks, PRECISIONS):
        live, default = (measured(name, options.batch, precision, e) for e in (GIVE_BACK, {}))
        estimate = training_memory(get_network(name), options.batch, PRECISIONS[precision]).peak
        sizes = [f"{number / 2**20:,.0f}" for number in (estimate, live, default)]
        errors = [f"{estimate / found - 1:+.1%}" for found in (live, default)]
        rows.append((name, precision, *sizes, *errors))
    columns = (
        "network",
        "in",
        "#estimate MiB",
        "#live MiB",
        "#default MiB",
        "#against live",
        "#against default",
    )
    title = f"Memory of a training step of {options.batch} pictures: estimate and measurement"
    show(Table(title=title, columns=columns, rows=rows))
    record(
        "4-memory",
        title=title,
        command=f"python benchmarks/memory.py --batch {options.batch}",
        wanted="within 15% of the peak of a real step",
        columns=[name.removeprefix("#") for name in columns],
        rows=[list(row) for row in rows],
        remark="Live: every freed block given back at once. Default: the C library keeps some.",
    )


if __name__ == "__main__":
    main()
