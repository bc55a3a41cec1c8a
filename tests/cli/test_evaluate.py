"""`alexnet evaluate`: rows, views, ensembles, mistakes listed and drawn, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet.cli import run
from alexnet.evaluation import wilson
from alexnet.formats import Checkpoint, write
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes
from alexnet.torch_net import initial_arrays

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox")
SIDE = 24
TESTED = 5
"""Test pictures of each class."""


def checkpoint(
    path: Path, seed: int, classes: tuple[str, ...] = CLASSES, border: int = 0, image: bool = False
) -> str:
    """The tiny network as it starts, in a file."""
    network = with_classes(get_network("tiny"), len(classes))
    arrays = {name: array.numpy() for name, array in initial_arrays(network, seed=seed).items()}
    contract = InputContract(
        channel_order="grey", pixel_maximum=255.0, border_pixels=border, mean_image=image
    )
    random = np.random.default_rng(seed)
    whole = SIDE + 2 * border
    mean = random.uniform(0, 255, (1, whole, whole)).astype(np.float32) if image else None
    write(Checkpoint(network, arrays, contract, classes, mean_image=mean), path)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checkpoints, and a folder of noise in as many classes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    random = np.random.default_rng(7)
    for split, count in (("train", 1), ("test", TESTED)):
        for name in CLASSES:
            (folder / "data" / split / name).mkdir(parents=True)
            for i in range(count):
                noise = random.integers(0, 256, (30, 30), np.uint8)
                Image.fromarray(noise).save(folder / "data" / split / name / f"{i}.png")
    return {
        "DATA": str(folder / "data"),
        "A": checkpoint(folder / "a.safetensors", 0),
        "B": checkpoint(folder / "b.safetensors", 1),
        "BORDER": checkpoint(folder / "border.safetensors", 2, border=2, image=True),
        "FIVE": checkpoint(folder / "five.safetensors", 3, CLASSES[:5]),
        "TURNED": checkpoint(folder / "turned.safetensors", 4, CLASSES[::-1]),
    }


def outcome(files: dict[str, str], *words: str) -> int:
    """The exit status of `alexnet evaluate words… --data DATA`, with files for their names."""
    with pytest.raises(SystemExit) as left:
        run(["evaluate", *(files.get(word, word) for word in words), "--data", files["DATA"]])
    assert isinstance(left.value.code, int)
    return left.value.code


Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def rows(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Rows:
    """`rows(words…)`: what the same prints with --json."""

    def printed(*words: str) -> list[dict[str, Any]]:
        assert outcome(files, *words, "--json") == 0
        return json.loads(capsys.readouterr().out)

    return printed


def test_a_row_says_what_was_measured_on_what_and_how(files: dict[str, str], rows: Rows) -> None:
    (row,) = rows("A")
    assert row["checkpoint"] == files["A"] and row["ensemble"] is None
    assert (row["network"], row["data"], row["views"]) == ("tiny", files["DATA"], "centre")
    assert row["average"] is None and row["mean_crop"] is None and row["border_pixels"] == 0
    assert row["seen"] == 30 and row["left_out"] == 0
    assert row["interval_top1"] == list(wilson(30 - row["right_top1"], 30))
    assert row["interval_top5"] == list(wilson(30 - row["right_top5"], 30))
    assert row["logprob"] == pytest.approx(np.log(6), abs=0.5)  # it has learned nothing yet


def test_ten_views_are_cut_from_the_checkpoints_border_or_a_given_one(rows: Rows) -> None:
    (own,) = rows("BORDER", "--views", "ten")
    assert (own["views"], own["average"], own["mean_crop"]) == ("ten", "probabilities", "centre")
    assert own["border_pixels"] == 2
    (matching,) = rows("BORDER", "--views", "ten", "--mean-crop", "matching")
    assert matching["mean_crop"] == "matching" and matching["logprob"] != own["logprob"]
    (logits,) = rows("BORDER", "--views", "nine", "--average", "logits")
    assert (logits["views"], logits["average"]) == ("nine", "logits")
    (given,) = rows("A", "--views", "ten", "--border", "4")
    assert given["border_pixels"] == 4
    assert rows("A", "--views", "center") == rows("A")


def test_several_checkpoints_have_a_row_each_and_an_ensemble_its_own(
    files: dict[str, str], rows: Rows
) -> None:
    alone = rows("A", "B")
    assert [row["checkpoint"] for row in alone] == [files["A"], files["B"]]
    assert alone == [*rows("A"), *rows("B")]
    *members, together = rows("A", "B", "--ensemble")
    for row, member in zip(alone, members, strict=True):
        assert row == {**member, "logprob": pytest.approx(member["logprob"])}
    assert together["checkpoint"] is None
    assert together["ensemble"] == [files["A"], files["B"]]
    *_, twice = rows("A", "A", "--ensemble")
    own = {"checkpoint", "ensemble", "logprob"}
    assert {k: v for k, v in twice.items() if k not in own} == {
        k: v for k, v in alone[0].items() if k not in own
    }


def test_mistakes_are_counted_by_class_and_pair_and_the_worst_are_named(rows: Rows) -> None:
    (row,) = rows("A", "--per-class", "--confused", "30", "--worst", "3")
    wrong = row["seen"] - row["right_top1"]
    assert {each["seen"] for each in row["per_class"]} == {TESTED}
    assert {each["class"] for each in row["per_class"]} == set(CLASSES)
    assert sum(each["wrong_top1"] for each in row["per_class"]) == wrong
    assert sum(pair["count"] for pair in row["confused"]) == wrong
    assert all(pair["class"] != pair["taken_for"] for pair in row["confused"])
    shares = [each["probability"] for each in row["worst"]]
    assert len(shares) == 3 and shares == sorted(shares)
    assert row["worst"][0]["class"] in row["worst"][0]["picture"]


def test_the_worst_are_drawn_and_rows_are_appended(
    files: dict[str, str], rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, kept = tmp_path / "worst.png", tmp_path / "rows.jsonl"
    words = ("A", "B", "--ensemble", "--append", str(kept))
    assert outcome(files, *words, "--worst", "2", "--out", str(out)) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    with Image.open(out) as drawn:
        assert drawn.width > 300
    again = rows(*words)
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert lines == [*again, *again]


def test_our_rows_stand_below_the_papers_and_say_on_what_they_were_measured(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(files, "A", "--table") == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert sum(words[:2] == ["the", "paper"] for words in lines) == 10
    assert sum(words[:3] == ["ours", "measured", "here"] for words in lines) == 1
    assert "36.7%" in printed and "30 pictures of" in printed
    assert "only errors on the same pictures can be held against each other" in printed


def test_what_a_person_reads_has_counts_intervals_and_nats(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--views", "ten", "--per-class", "--confused", "1", "--worst", "1")
    assert outcome(files, "BORDER", *words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "30 test pictures, ten views" in printed
    for text in ("top-1 error", "95%", "nats", "2 pixels larger", "as the code of 2012 does"):
        assert text in printed
    assert "errors by class" in printed and "most confused" in printed
    assert "least probability of the right class" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["A", "--views", "tem"], "no scheme of views is called 'tem'; did you mean 'ten'"),
        (["A", "--views", "ten"], "no border to cut ten views from; give one in pixels"),
        (["BORDER", "--views", "nine", "--border", "0"], "no border to cut nine views from"),
        (["A", "--average", "logits"], "--average is of several views"),
        (["BORDER", "--mean-crop", "matching"], "matches the centre view is its centre"),
        (
            ["A", "--views", "ten", "--border", "2", "--mean-crop", "matching"],
            "subtracts no mean image",
        ),
        (["A", "--ensemble"], "an ensemble needs two checkpoints or more"),
        (["A", "FIVE", "--ensemble"], "has 5 classes and"),
        (["A", "TURNED", "--ensemble"], "has class 'fox' where"),
        (["A", "--out", "worst.png"], "say how many, --worst 12"),
        (["A", "B", "--worst", "2", "--out", "worst.png"], "name one, or --ensemble"),
        (["A", "--worst", "2", "--out", "worst.jpg"], "a figure is written as one of .png"),
        (["A", "--append", "nowhere/rows.jsonl"], "its folder must exist"),
        (["A", "--table", "--json"], "leave one of them out"),
        (["FIVE"], "class 'fox' is none of the checkpoint's 5"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    words: list[str],
    sentence: str,
    files: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert outcome(files, *words) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if not line.startswith("note:")]
    assert captured.out == "" and len(errors) == 2
    assert errors[0].startswith("error: ") and sentence in errors[0]
    assert list(tmp_path.iterdir()) == []
