"""Runs `alexnet train` for the learning results and records what comes out.

    python benchmarks/learning.py digits                        five seeds of `make run`
    python benchmarks/learning.py cifar DATA [--network 18pct]  CIFAR-10, no test-time views
    python benchmarks/learning.py overfit PICTURES              the paper's net on a few pictures

A run folder that holds a finished run (`--run`) is recorded as it is.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from results import record

RECIPES = {"80sec": "cifar", "18pct": "cifar-18pct"}
WANTED = {"80sec": "26% test error or less", "18pct": "20% or less, in at most an hour"}


def alexnet(*words: str) -> Any:
    """What an `alexnet … --json` command prints."""
    command = [sys.executable, "-m", "alexnet", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def metrics(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def digits(seeds: int) -> None:
    rows: list[list[str]] = []
    errors: list[float] = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            words = ["train", "digits", "--run", f"{folder}/run", "--set", f"seed={seed}"]
            outcome = alexnet(*words)
            seconds = time.perf_counter() - began
        errors.append(outcome["test"]["error_top1"])
        wrong = outcome["test"]["seen"] - outcome["test"]["right_top1"]
        rows.append([str(seed), f"{errors[-1]:.2%}", f"{wrong} of 360", f"{seconds:.0f}"])
    mean, spread = statistics.mean(errors), statistics.stdev(errors)
    rows.append(["mean", f"{mean:.2%} ± {spread:.2%}", "", ""])
    record(
        "1-digits",
        title="Digits: test error after `make run`",
        command="python benchmarks/learning.py digits",
        wanted="3% or less",
        columns=["seed", "test error", "wrong", "seconds, start to end"],
        rows=rows,
        remark="`make run` is seed 0. The recipe was chosen by cross-validation inside the "
        "training pictures.",
    )


def cifar(data: str, network: str, run: Path | None) -> None:
    recipe = RECIPES[network]
    with tempfile.TemporaryDirectory() as folder:
        place = run or Path(folder) / "run"
        if run is None:
            alexnet("train", data, "--network", network, "--recipe", recipe, "--run", str(place))
        rows = metrics(place)
    test = rows[-1]["test"]
    epochs = [row for row in rows if row["kind"] == "epoch"]
    seconds = epochs[-1]["clock"]["seconds"]
    wrong = test["seen"] - test["right1"]
    record(
        f"2-cifar-{network}",
        title=f"CIFAR-10: the {network} net, no test-time views",
        command=f"alexnet train cifar10 --network {network} --recipe {recipe}",
        wanted=WANTED[network],
        columns=["epochs", "test error", "wrong", "minutes of training"],
        rows=[
            [
                str(len(epochs)),
                f"{wrong / test['seen']:.2%}",
                f"{wrong:,} of {test['seen']:,}",
                f"{seconds / 60:.0f}",
            ]
        ],
        remark="The pictures are a JPEG copy (quality 75) of CIFAR-10, both for training and for "
        "testing. Rates were chosen on a tenth of the training pictures held out.",
    )


def overfit(pictures: str, epochs: int, lr: float) -> None:
    settings = {
        "epochs": epochs,
        "lr": lr,
        "bias_lr": lr,
        "bias_weight_decay": 0,
        "schedule": "constant",
        "crop_border_pixels": 0,
        "mirror": "false",
        "validation_share": 0,
    }
    words = [x for key, value in settings.items() for x in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", pictures, "--network", "paper", "--recipe", "paper"]
        command += ["--precision", "bf16", "--save-every", str(epochs)]
        alexnet(*command, *words, "--run", f"{folder}/run")
        rows = [row for row in metrics(Path(folder) / "run") if row["kind"] == "epoch"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    shown = [rows[i] for i in sorted({0, *range(len(rows) // 8, len(rows), len(rows) // 8)})]
    shown.append(rows[-1])
    record(
        "3-overfit",
        title="`paper` at 224, batch 128, learns 176 pictures by heart",
        command=f"python benchmarks/learning.py overfit PICTURES --epochs {epochs} --lr {lr}",
        wanted="loss falling to near zero, under 12 GiB",
        columns=["epoch", "loss (nats, with dropout)", "training error (with dropout)"],
        rows=[
            [str(r["epoch"]), f"{r['train_loss']:.4f}", f"{r['train_error']:.1%}"] for r in shown
        ],
        remark=f"Peak memory of the whole process {peak / 2**30:.1f} GiB. One picture for each of "
        "176 classes, without crops and mirrors; dropout as the paper has it.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("digits").add_argument("--seeds", type=int, default=5)
    learn = verbs.add_parser("cifar")
    learn.add_argument("data")
    learn.add_argument("--network", choices=RECIPES, default="80sec")
    learn.add_argument("--run", type=Path)
    few = verbs.add_parser("overfit")
    few.add_argument("pictures")
    few.add_argument("--epochs", type=int, default=150)
    few.add_argument("--lr", type=float, default=0.01)
    options = parser.parse_args()
    match options.verb:
        case "digits":
            digits(options.seeds)
        case "cifar":
            cifar(options.data, options.network, options.run)
        case _:
            overfit(options.pictures, options.epochs, options.lr)


if __name__ == "__main__":
    main()
