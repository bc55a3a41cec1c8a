"""What two hosts send each other in a step, counted at their network devices, against the ledger.

    python benchmarks/several_hosts.py [--epochs 3] [--record]

Needs root and iproute2: the hosts are two network namespaces on this machine with a cable between
them. Each runs torchrun as docs/cluster.md has it. Two runs, of one epoch and of more, are taken
from each other, so that what is said at the beginning and the end does not count. The longer one
must be, bit for bit, that of two processes on one machine.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from kills import runs_differ
from results import record

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from training.hosts import Host, two_hosts

PATIENCE = 600
ENGINE = (
    "torchrun --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-endpoint one:29400"
    " --rdzv-id {run} -m --"
)
VERB = "alexnet train digits --set epochs={epochs} --run {run}"


def sent(hosts: list[Host], epochs: int) -> list[int]:
    """Bytes that each host sends in a run."""
    before = [host.sent() for host in hosts]
    words = shlex.split(f"{ENGINE} {VERB}".format(run=f"run-{epochs}", epochs=epochs))
    with (hosts[0].folder / "said").open("a") as said:
        started = [host.start(words, said) for host in hosts]
        assert [each.wait(PATIENCE) for each in started] == [0, 0], f"see {said.name}"
    return [host.sent() - already for host, already in zip(hosts, before, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    from alexnet.network.catalog import get_network
    from alexnet.network.ledger import ledger
    from alexnet.training.run_folder import RunFolder

    parameters = sum(row.parameters for row in ledger(get_network("tiny")).rows)
    with tempfile.TemporaryDirectory() as place, two_hosts(Path(place)) as hosts:
        short, long = sent(hosts, 1), sent(hosts, given.epochs)
        words = shlex.split(VERB.format(epochs=given.epochs, run=f"{place}/alone"))
        alone = [sys.executable, "-m", *words, "--processes", "2"]
        subprocess.run(alone, check=True, stdout=subprocess.DEVNULL)
        different = runs_differ(Path(place) / f"run-{given.epochs}", Path(place) / "alone")
        folders = [RunFolder(Path(place) / f"run-{epochs}") for epochs in (1, given.epochs)]
        done = [
            max(int(str(row["step"])) for row in each.rows() if "step" in row) for each in folders
        ]
    steps = done[1] - done[0]
    each = [(more - less) / steps for more, less in zip(long, short, strict=True)]
    expected = 4 * parameters  # by a ring of N, 2·(N − 1)/N times; here once
    cells = {
        "network": "tiny",
        "ledger's parameters": f"{parameters:,}",
        "4 bytes of each": f"{expected:,}",
        "first host sends a step": f"{each[0]:,.0f}",
        "second host": f"{each[1]:,.0f}",
        "more than the ledger says": f"{max(each) / expected - 1:.1%}",
        "the run": different or "equal to one machine's",
    }
    print(cells)
    if given.record:
        record(
            "35-several-hosts",
            title="Bytes that two hosts send each other in a step, at their network devices",
            command="python benchmarks/several_hosts.py --record",
            wanted="the ledger's parameters, 4 bytes each; the same run as on one machine",
            columns=list(cells),
            rows=[list(cells.values())],
            remark=f"Two network namespaces with a cable stand for hosts; {steps} steps with their "
            "validations. What is more are headers, the loss, and whether to stop.",
        )


if __name__ == "__main__":
    main()
