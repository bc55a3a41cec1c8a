"""The paper's experiment in miniature, from ILSVRC's files to its tables, by the command line.

    python benchmarks/miniature.py WORK [--seconds 0] [--record]

The files of ILSVRC-2010 and -2012 are made in their true layout (a tar of class tars, two flat
tars, the development kit), with six classes told apart by their colours and the oddities of the
real pictures. Then every step is what a person would type who has the true files; each outcome is
checked. WORK keeps what was done, so that a call may end after some seconds and another go on.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results import record

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from images.ilsvrc_files import WORDNET_IDS, Made, Miniature, jpeg, odd_pictures, write_tars

COLOURS = (
    (220, 40, 40),
    (40, 200, 60),
    (50, 60, 220),
    (220, 210, 50),
    (200, 60, 210),
    (60, 210, 210),
)
EACH, JUDGED = 24, 24
"""Training pictures of a class, and pictures of val and of test."""

BROKEN = 7
"""The number of the picture of val that is cut off."""

SHORTER = ("--set", "epochs=12", "--set", "batch_size=16")
"""What is changed of the recipes: 90 epochs of 128 pictures are for a million."""


@dataclass(frozen=True)
class Step:
    """A command, and what makes a line of what it printed, or fails."""

    name: str
    words: tuple[str, ...]
    outcome: Callable[[str], str]
    as_json: bool = True


def coloured(name: str, label: int, draw: np.random.Generator) -> Made:
    """A photograph's size, the class's colour in a patch of its own place on a grey of its own."""
    height, width = draw.integers(240, 420, 2)
    picture = np.full((height, width, 3), draw.integers(60, 190))
    top, left = draw.integers(0, height // 4), draw.integers(0, width // 4)
    picture[top : top + height * 3 // 4, left : left + width * 3 // 4] = COLOURS[label]
    noisy = (picture + draw.normal(0, 15, picture.shape)).clip(0, 255).astype(np.uint8)
    return Made(name, jpeg(noisy), COLOURS[label])


def year_of(year: int) -> Miniature:
    draw = np.random.default_rng(year)
    train = {
        id: [coloured(f"{id}_{n}.JPEG", label, draw) for n in range(EACH)]
        for label, id in enumerate(WORDNET_IDS)
    }
    train[WORDNET_IDS[2]] += odd_pictures(WORDNET_IDS[2])
    labels = {split: draw.integers(1, 7, JUDGED).tolist() for split in ("val", "test")}
    judged = {
        split: [
            coloured(f"ILSVRC{year}_{split}_{n:08}.JPEG", label - 1, draw)
            for n, label in enumerate(ids, start=1)
        ]
        for split, ids in labels.items()
    }
    whole = judged["val"][BROKEN - 1]
    judged["val"][BROKEN - 1] = Made(whole.name, whole.data[:500], None)
    own = {f"{split}_labels": tuple(ids) for split, ids in labels.items()}
    return Miniature(year, train, judged["val"], judged["test"], **own)


def prepared(store: Path, made: Miniature) -> Callable[[str], str]:
    def outcome(printed: str) -> str:
        tree = json.loads(printed)
        counts = {one["name"]: (one["pictures"], one["rejected"]) for one in tree["splits"]}
        odd = sum(one.colour is None for pictures in made.train.values() for one in pictures)
        whole = sum(map(len, made.train.values())) - odd
        assert counts == {"train": (whole, odd), "val": (JUDGED - 1, 1), "test": (JUDGED, 0)}
        assert tree["classes"] == len(WORDNET_IDS)
        lines = (store / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
        rejected = [json.loads(line) for line in lines]
        assert {(one["split"], one["name"]) for one in rejected} == made.rejected()
        reasons = Counter(one["reason"].partition(":")[0].partition(" (")[0] for one in rejected)
        labels = {one["name"]: "known" if one["labelled"] else "secret" for one in tree["splits"]}
        kept = ", ".join(f"{name} {pictures}" for name, (pictures, _) in counts.items())
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        return f"{kept} (labels {labels['test']}); rejected, as they ought to be: {why}"

    return outcome


def verified(printed: str) -> str:
    tree = json.loads(printed)
    assert tree["damage"] == [] and tree["pictures"]
    return f"{tree['pictures']} pictures, nothing damaged"


def trained(run: Path, network: str, made: Miniature) -> Callable[[str], str]:
    def outcome(printed: str) -> str:
        from alexnet.formats import read

        tree = json.loads(printed)
        assert tree["finished"] and tree["validation"]["seen"] == JUDGED - 1
        known = made.year == 2010  # the true labels of 2012's test pictures are secret
        assert tree["test"]["seen"] == JUDGED if known else tree["test"] is None
        checkpoint = read(Path(tree["checkpoint"]))
        assert checkpoint.network.name == network and len(checkpoint.classes) == len(WORDNET_IDS)
        assert checkpoint.network.picture.shape == (3, 224, 224)
        assert checkpoint.mean_image is not None and checkpoint.mean_image.shape == (3, 256, 256)
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        epochs = [row for row in rows if row["kind"] == "epoch"]
        losses = f"loss {epochs[0]['train_loss']:.2f} → {epochs[-1]['train_loss']:.2f}"
        said = [f"{tree['steps']} steps, {losses}", f"val {_wrong(tree['validation'])}"]
        return ", ".join(said + ([f"test {_wrong(tree['test'])}"] if known else []))

    return outcome


def judged(split: str, rows: int) -> Callable[[str], str]:
    def outcome(printed: str) -> str:
        trees = json.loads(printed)
        assert len(trees) == rows
        seen = JUDGED - 1 if split == "val" else JUDGED
        said: list[str] = []
        for tree in trees:
            assert (tree["seen"], tree["views"], tree["border_pixels"]) == (seen, "ten", 16)
            low, high = tree["interval_top1"]
            name = "ensemble" if tree["ensemble"] else tree["network"]
            said.append(f"{name} {_wrong(tree)} [{low:.0%}, {high:.0%}]")
        return f"{split}, ten views: {', '.join(said)}"

    return outcome


def tabled(printed: str) -> str:
    assert "beside the paper's Tables 1 and 2" in printed and "the paper" in printed
    ours = [line for line in printed.splitlines() if line.strip().startswith("ours ")]
    assert ours
    return f"{len(ours)} rows of ours below the paper's"


def _wrong(tally: dict[str, Any]) -> str:
    return f"{tally['seen'] - tally['right_top1']} of {tally['seen']} wrong"


def steps(year: int, work: Path) -> list[Step]:
    """The two commands, and what one asks afterwards."""
    tars, store = work / f"ILSVRC{year}", work / f"store{year}"
    made = year_of(year)
    if not tars.exists():
        write_tars(tars, made)
    paper, as_run = work / f"paper{year}", work / f"as_run{year}"
    split = "test" if year == 2010 else "val"
    begun = [
        Step("prepare", ("prepare", str(tars), str(store)), prepared(store, made)),
        Step("verify", ("prepare", "--verify", str(store)), verified),
        Step("train by recipe paper", ("train", str(store), "--run", str(paper), *SHORTER),
             trained(paper, "paper", made)),
    ]  # fmt: skip
    asked = ("evaluate", str(paper), "--data", str(store), "--views", "ten")
    if year == 2010:
        return [*begun, Step("evaluate", asked, judged(split, 1))]
    words = ("train", str(store), "--network", "as_run", "--recipe", "as-run")
    both = (*asked[:1], str(paper), str(as_run), *asked[2:], "--ensemble")
    return [
        *begun,
        Step("train as it was run", (*words, "--run", str(as_run), *SHORTER),
             trained(as_run, "as_run", made)),
        Step("evaluate both", both, judged(split, 3)),
        Step("beside the paper", (*both, "--table"), tabled, as_json=False),
    ]  # fmt: skip


def done(step: Step, work: Path) -> list[str]:
    """Runs a command as a shell does; its line, or the end of everything."""
    command = [sys.executable, "-m", "alexnet", *step.words, *(["--json"] * step.as_json)]
    began = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    shown = shlex.join(["alexnet", *step.words]).replace(f"{work}/", "")
    assert run.returncode == 0, f"{shown}: {run.returncode}\n{run.stdout}\n{run.stderr}"
    assert "Traceback" not in run.stderr, run.stderr
    return [step.name, f"`{shown}`", step.outcome(run.stdout), f"{seconds:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9, help="then no further step begins")
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    kept = given.work / "rows.json"
    rows: list[list[str]] = json.loads(kept.read_text()) if kept.exists() else []
    every = [(year, step) for year in (2010, 2012) for step in steps(year, given.work)]
    until = time.perf_counter() + given.seconds
    for year, step in every[len(rows) :]:
        if time.perf_counter() > until:
            break
        rows.append([str(year), *done(step, given.work)])
        kept.write_text(json.dumps(rows, ensure_ascii=False))
        print("  ".join(rows[-1]), flush=True)
    if given.record:
        assert len(rows) == len(every), f"{len(rows)} of {len(every)} steps are done; go on"
        record(
            "15-miniature",
            title="A miniature ILSVRC, from the tars to the paper's tables",
            command="python benchmarks/miniature.py WORK --record",
            wanted="prepare and train are all it takes; every outcome as it must be",
            columns=["files of", "step", "command", "what came out", "seconds"],
            rows=rows,
            remark=f"Six classes of {EACH} training pictures told apart by colour, the networks as "
            "they are, at 224 pixels. Among the pictures are grey, CMYK, turned, 16-bit, packed, "
            "tiny, profiled, truncated and empty ones, a PNG and a text called .JPEG.",
        )


if __name__ == "__main__":
    main()
