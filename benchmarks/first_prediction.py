"""From a shell to the first prediction of one picture by the paper's network, and how much of that
is the import of torch.

    python benchmarks/first_prediction.py [--pairs 7]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from results import record

from alexnet.formats import Checkpoint, write
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.torch_net import initial_arrays

WAYS = {
    "alexnet predict": ["-m", "alexnet", "predict", "{folder}/paper.safetensors", "{folder}/a.jpg"],
    "import torch": ["-c", "import torch"],
}


def put(folder: Path) -> None:
    """A checkpoint of `paper` and a picture."""
    network = get_network("paper")
    arrays = {name: array.numpy() for name, array in initial_arrays(network).items()}
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0)
    checkpoint = Checkpoint(network=network, arrays=arrays, contract=contract, classes=(), notes=())
    write(checkpoint, folder / "paper.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (375, 500, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "a.jpg", quality=90)


def seconds(words: list[str], folder: Path) -> float:
    command = [sys.executable, *(word.replace("{folder}", str(folder)) for word in words)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        put(Path(name))
        turns = [
            {way: seconds(words, Path(name)) for way, words in WAYS.items()}
            for _ in range(options.pairs + 1)
        ][1:]  # the first reads everything from disk
    found = {way: statistics.median(turn[way] for turn in turns) for way in WAYS}
    for way, median in found.items():
        print(f"{way}: {median:.2f} s")
    record(
        "25-first-prediction",
        title="The first prediction of one picture, from a cold start",
        command=f"python benchmarks/first_prediction.py --pairs {options.pairs}",
        wanted="under 2.5 s",
        columns=[*WAYS, "pairs"],
        rows=[[*(f"{median:.2f} s" for median in found.values()), str(options.pairs)]],
        remark="Whole processes in turns, medians; the checkpoint's 244 MB are in the system's"
        " cache. The picture has 500×375 pixels.",
    )


if __name__ == "__main__":
    main()
