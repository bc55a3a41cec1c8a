"""Records CIFAR-10 runs that followed the original files, by their finished run folders.

    python benchmarks/original_cifar.py DATA 80sec=RUN 18pct=RUN 13pct=RUN

The name says which command made the run (COMMANDS). A run with crops is also shown in nine views,
as its authors tested it, and its kept checkpoints give the curve of the test error.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from learning import alexnet, metrics
from results import record

COMMANDS = {
    "80sec": "alexnet train cifar10 --network layers-80sec.cfg",
    "18pct": "alexnet train cifar10 --network layers-18pct.cfg --set data_batch_pictures=0",
    "13pct": "alexnet train cifar10 --network layers-conv-local-13pct.cfg --input 24"
    " --set data_batch_pictures=0 --set epochs=100"
    """ --set 'schedule={"kind": "steps", "at_epochs": [80, 90], "factors": [0.1, 0.01]}'"""
    """ --set 'layers=[{"layers": "conv*", "weight_decay": 0}]' --keep-every 10""",
}
PUBLISHED = {"80sec": "26%", "18pct": "18%", "13pct": "13%"}
WANTED = {"80sec": "27% or less", "18pct": "20% or less", "13pct": "as far as two hours go"}
JPEG = (
    "The pictures are a JPEG copy (quality 75) of CIFAR-10, for training and for testing: their"
    " fine detail is lost on both sides, so that the published figures, of the original pixels, are"
    " expected to be a little lower, and a figure here neither proves nor disproves theirs to the"
    " point; that the files train to the neighbourhood of their figures is what is shown."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="the folder that holds cifar10")
    parser.add_argument("runs", nargs="+", help="NAME=RUN")
    given = parser.parse_args()
    rows: list[list[str]] = []
    for word in given.runs:
        name, _, run = word.partition("=")
        rows.append(row(name, Path(run), given.data))
        if json.loads((Path(run) / "recipe.json").read_text())["crop_border_pixels"]:
            curve(name, Path(run), given.data)
    record(
        "10-original-cifar",
        title="CIFAR-10 by the original files",
        command="; ".join(COMMANDS[row[0]] for row in rows),
        wanted="80sec 27% or less, 18pct 20% or less, 13pct as far as two hours go",
        columns=["network", "epochs", "minutes", "published", "centre view", "nine views"],
        rows=rows,
        remark=f"One thread each, on a shared machine. {JPEG}",
    )


def row(name: str, run: Path, data: str) -> list[str]:
    lines = [line for line in metrics(run) if line["kind"] == "epoch"]
    minutes = lines[-1]["clock"]["seconds"] / 60
    centre = error(run, data, "centre")
    border = json.loads((run / "recipe.json").read_text())["crop_border_pixels"]
    nine = error(run, data, "nine") if border else "no border"
    return [name, str(lines[-1]["epoch"]), f"{minutes:.0f}", PUBLISHED[name], centre, nine]


def curve(name: str, run: Path, data: str) -> None:
    """The test error of every kept checkpoint."""
    rows: list[list[str]] = []
    lines = {line["step"]: line for line in metrics(run) if line["kind"] == "epoch"}
    for path in sorted((run / "checkpoints").glob("step-*.safetensors")):
        line = lines.get(int(path.stem.split("-")[1]))
        if line is None or path.stem.endswith("latest"):
            continue
        rows.append(
            [
                str(line["epoch"]),
                f"{line['train_error']:.2%}",
                error(path, data, "centre"),
            ]
        )
    record(
        f"10-original-cifar-{name}-curve",
        title=f"CIFAR-10 by the original files: the {name} net, epoch by epoch",
        command=COMMANDS[name],
        wanted=f"the published {PUBLISHED[name]}, of 520 epochs and the original pixels",
        columns=["epoch", "training error, of crops", "test error, centre view"],
        rows=rows,
        remark=JPEG,
    )


def error(checkpoint: Path, data: str, views: str) -> str:
    words = ["evaluate", str(checkpoint), "--data", "cifar10", "--data-folder", data]
    found: Any = alexnet(*words, "--views", views)[0]
    wrong = found["seen"] - found["right_top1"]
    return f"{found['error_top1']:.2%} ({wrong:,} of {found['seen']:,})"


if __name__ == "__main__":
    main()
