"""Converts networks of 61 million parameters from every format into every other that can carry
them, each in a process of its own: seconds from start to end, and the process's largest memory.

    python benchmarks/converting.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from results import record

from alexnet.formats import Checkpoint, write
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.spec import Network

ENDINGS = {
    "safetensors": "net.safetensors",
    "hub folder": "net-hub",
    "Caffe": "net.caffemodel",
    "torchvision": "net.pth",
    "ONNX": "net.onnx",
    "npy": "net.npy",
    "npz": "net.npz",
    "cuda-convnet": "net.convnet",
}

CARRIED = {
    "one_weird_trick": [name for name in ENDINGS if name != "cuda-convnet"],
    "as_run": ["safetensors", "hub folder", "ONNX", "cuda-convnet"],
}
"""The network of torchvision, and that of 2012, in the formats that carry each."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds on the wall and of a processor, and its largest resident memory
    in bytes.
    """

    seconds: float
    processor: float
    memory: int

    @property
    def gibibytes(self) -> str:
        """The memory, as it is told."""
        return f"{self.memory / 2**30:.2f}"


Pair = tuple[str, str, str]
"""A network, and the formats from and to."""


def put(network: Network, path: Path) -> None:
    """The checkpoint that all begin with."""
    draw = np.random.default_rng(2012)
    arrays = {
        parameter.name: draw.standard_normal(parameter.shape, dtype=np.float32) * np.float32(0.01)
        for parameter in network_parameters(network)
    }
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0, border_pixels=16)
    write(Checkpoint(network=network, arrays=arrays, contract=contract), path)


def convert(network: str, source: Path, target: Path) -> Cost:
    """One `alexnet convert`, from the start of its process to its end."""
    where = ["--hub", str(target)] if target.suffix == "" else [str(target)]
    whose = ["--network", network] if source.suffix in (".npy", ".npz") else []
    command = [sys.executable, "-m", "alexnet", "convert", str(source), *where, *whose]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read().decode() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {said}")
    seconds = time.perf_counter() - began
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def measured(network: str, folder: Path, rounds: int) -> dict[Pair, Cost]:
    """Medians of the seconds, and the largest memory, of every pair of the network's formats."""
    formats, first = CARRIED[network], folder / ENDINGS["safetensors"]
    put(get_network(network), first)
    for name in formats[1:]:
        convert(network, first, folder / ENDINGS[name])
    found: dict[Pair, Cost] = {}
    for source, target in itertools.permutations(formats, 2):
        costs: list[Cost] = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                costs.append(
                    convert(network, folder / ENDINGS[source], Path(place) / ENDINGS[target])
                )
        cost = Cost(
            statistics.median(c.seconds for c in costs),
            statistics.median(c.processor for c in costs),
            max(c.memory for c in costs),
        )
        found[network, source, target] = cost
        told = f"{cost.seconds:.2f} s ({cost.processor:.2f} of a processor), {cost.gibibytes} GiB"
        print(f"{network}, {source} → {target}: {told}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[Pair, Cost] = {}
    for network in CARRIED:
        with tempfile.TemporaryDirectory() as name:
            found |= measured(network, Path(name), options.rounds)
    rows = [
        _row(
            f"`{network}` from {source}",
            {p: c for p, c in found.items() if p[:2] == (network, source)},
        )
        for network, formats in CARRIED.items()
        for source in formats
    ]
    record(
        "30-converting",
        title="Converting the network of 61 million parameters between formats",
        command=f"python benchmarks/converting.py --rounds {options.rounds}",
        wanted="each under 3 s and under 1.5 GiB",
        columns=["pairs", "slowest to", "seconds", "processor's seconds", "largest to", "GiB"],
        rows=[*rows, _row(f"all {len(found)}", found)],
        remark="`alexnet convert` as a whole process, the start of Python included:"
        f" medians of {options.rounds}, and the largest resident memory. Sources lie in the"
        " system's cache; targets are written through to the disk.",
    )


def _row(name: str, found: dict[Pair, Cost]) -> list[str]:
    """The slowest and the largest of some pairs."""
    slowest = max(found, key=lambda pair: found[pair].seconds)
    largest = max(found, key=lambda pair: found[pair].memory)
    return [
        name, slowest[2], f"{found[slowest].seconds:.2f}", f"{found[slowest].processor:.2f}",
        largest[2], found[largest].gibibytes,
    ]  # fmt: skip


if __name__ == "__main__":
    main()
