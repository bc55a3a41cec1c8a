"""Trains the four-layer CIFAR net of Figure 1 with ReLUs and with tanh units, without
regularisation, and records in which epoch each first has a training error below 25% (§3.1).

    python benchmarks/relu_and_tanh.py DATA [--epochs 30] [--keep RUNS]

DATA is the folder that holds `cifar10`. As the paper chose "the learning rates for each network
independently to make training as fast as possible", each net first learns two epochs at every rate
of a list, and goes on at the one with the lowest training error. The figure is drawn by
`alexnet draw curves RUN RUN --race`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results import record

LINE = 0.25
RATES = {
    "cifar_relu": (0.001, 0.003, 0.01, 0.03),
    "cifar_tanh": (0.001, 0.003, 0.01, 0.03),
}
PLAIN = {
    "weight_decay": 0,
    "bias_weight_decay": 0,
    "schedule": "constant",
    "layers": "[]",
    "crop_padding_pixels": 0,
    "mirror": "false",
    "first_weights": "he",
}
"""No regularisation of any kind; first weights scaled to their inputs, for both alike."""


def trained(data: str, network: str, lr: float, epochs: int, folder: Path) -> list[Any]:
    """The epochs of a run in `folder`."""
    settings = PLAIN | {"lr": lr, "bias_lr": lr, "epochs": epochs}
    command = [
        *(sys.executable, "-m", "alexnet", "train", "cifar10", "--data-folder", data),
        *("--network", network, "--recipe", "cifar", "--precision", "bf16", "--json"),
        *("--save-every", str(epochs), "--run", str(folder)),
        *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == "epoch"]


def best_rate(data: str, network: str, folder: Path) -> tuple[float, dict[float, float]]:
    """The rate with the lowest training error after two epochs, and the errors of all."""
    errors: dict[float, float] = {}
    for lr in RATES[network]:
        rows = trained(data, network, lr, 2, folder / f"{network}-{lr}")
        errors[lr] = rows[-1]["train_error"]
    return min(errors, key=lambda lr: errors[lr]), errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        for network in RATES:
            lr, tried = best_rate(options.data, network, Path(temporary))
            run = trained(options.data, network, lr, options.epochs, folder / network)
            errors = [row["train_error"] for row in run]
            below = next((row["epoch"] for row in run if row["train_error"] < LINE), None)
            rows.append(
                [
                    network,
                    f"{lr:g}",
                    ", ".join(f"{rate:g}: {error:.1%}" for rate, error in tried.items()),
                    str(below) if below else f"none of {len(run)}",
                    f"{min(errors):.1%}",
                    f"{run[-1]['clock']['seconds'] / len(run):.0f}",
                ]
            )
    record(
        "37-relu-and-tanh",
        title="Figure 1: epochs to 25% training error, ReLU and tanh",
        command=f"python benchmarks/relu_and_tanh.py DATA --epochs {options.epochs}",
        wanted="ReLUs several times faster (the paper: six times)",
        columns=[
            "network", "rate", "training error after 2 epochs, by rate", "epoch below 25%",
            "lowest training error", "seconds an epoch",
        ],
        rows=rows,
        remark="The net is our reading of Figure 1: cuda-convnet's four-layer CIFAR net without "
        "its norms. bf16, batches of 128, seed 0, one run each; the pictures are a JPEG copy "
        "(quality 75) of CIFAR-10. Training errors are of pictures as they are learned from.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
