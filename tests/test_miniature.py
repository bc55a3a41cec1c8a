"""ILSVRC's files to the paper's experiment, by two commands: in miniature, with narrow networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.cli import run
from alexnet.formats import read
from alexnet.network.codec import to_json
from images.ilsvrc_files import WORDNET_IDS, miniature, write_tars
from reduced import reduced

STORE_SIDE = 67 + 2 * 16
"""Of the reduced networks' pictures, and the paper's border around them."""


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        run([*words, "--json"])
    assert left.value.code == 0
    return json.loads(capsys.readouterr().out)


def narrow(folder: Path, name: str) -> str:
    path = folder / f"{name}.json"
    path.write_text(to_json(reduced(name)), encoding="utf-8")
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize(("year", "recipe", "name"), [(2010, "paper", "paper"),
                                                      (2012, "as-run", "as_run")])  # fmt: skip
def test_two_commands_make_the_experiment(
    year: int, recipe: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = miniature(year)
    tars, store, place = write_tars(tmp_path / "tars", made), tmp_path / "store", tmp_path / "run"
    side = ("--side", str(STORE_SIDE), "--workers", "1")
    told = outcome(capsys, "prepare", str(tars), str(store), *side)
    counts = {one["name"]: (one["pictures"], one["rejected"]) for one in told["splits"]}
    assert counts == {"train": (32, 3), "val": (6, 1), "test": (3, 0)}
    lines = (store / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = [json.loads(line) for line in lines]
    assert {(one["split"], one["name"]) for one in rejected} == made.rejected()
    assert outcome(capsys, "prepare", "--verify", str(store))["damage"] == []

    words = ("--network", narrow(tmp_path, name), "--recipe", recipe, "--run", str(place))
    settings = ("--set", "epochs=2", "--set", "batch_size=16")
    learned = outcome(capsys, "train", str(store), *words, *settings)
    assert learned["finished"]
    assert learned["validation"]["seen"] == 6
    known = year == 2010  # the true labels of 2012's test pictures are secret
    assert (learned["test"] or {"seen": None})["seen"] == (3 if known else None)
    checkpoint = read(Path(learned["checkpoint"]))
    assert len(checkpoint.classes) == len(WORDNET_IDS)
    assert checkpoint.mean_image is not None
    assert checkpoint.mean_image.shape == (3, STORE_SIDE, STORE_SIDE)
    assert np.isfinite(checkpoint.mean_image).all()

    asked = ("evaluate", str(place), "--data", str(store), "--views", "ten")
    (judged,) = outcome(capsys, *asked)
    assert (judged["seen"], judged["border_pixels"]) == (3 if known else 6, 16)
    each = outcome(capsys, *asked[:2], str(place), *asked[2:], "--ensemble")
    assert [row["ensemble"] is not None for row in each] == [False, False, True]
