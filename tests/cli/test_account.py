"""What the account prints: golden texts, columns added up again, JSON keys, mistakes told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alexnet.cli import run
from alexnet.cli.draw import FIGURES
from alexnet.network.catalog import NETWORKS

VERBS = [
    *("list", "explain", "audit", "compare", "convert"),
    *("prepare", "train", "evaluate", "predict", "features", "neighbours"),
    *("draw", "bench", "plan", "explore"),
]

Golden = Callable[[str, str], None]


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    """What `alexnet words…` prints on standard output; its exit status must be `status`."""
    with pytest.raises(SystemExit) as left:
        run(list(words))
    captured = capsys.readouterr()
    assert left.value.code == status, captured.err
    return captured.out


def mistake(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """The `error:` and the `try:` line of a mistaken command."""
    with pytest.raises(SystemExit) as left:
        run(list(words))
    captured = capsys.readouterr()
    assert left.value.code == 2
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("try:   ")
    return first.removeprefix("error: "), second.removeprefix("try:   ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list.txt", ["list"]),
        ("explain-paper.txt", ["explain", "paper"]),
        ("explain-paper.md", ["explain", "paper", "--markdown"]),
        ("explain-as_run.txt", ["explain", "as_run"]),
        ("explain-paper-conv1.txt", ["explain", "paper", "conv1"]),
        ("explain-one_weird_trick-conv1.txt", ["explain", "one_weird_trick", "conv1"]),
        ("explain-paper-rules.txt", ["explain", "paper", "--rule", "all"]),
        ("explain-253440.txt", ["explain", "253440"]),
        ("explain-650000.txt", ["explain", "650000"]),
        (
            "explain-list.txt",
            ["explain", "253440,186624,64896,64896,43264,4096,4096,1000", "--total", "650000"],
        ),
        ("audit.txt", ["audit"]),
        ("audit-notebook.txt", ["audit", "--notebook"]),
        ("compare-paper-as_run.txt", ["compare", "paper", "as_run"]),
        ("compare-paper-one_weird_trick.txt", ["compare", "paper", "one_weird_trick"]),
    ],
)
def test_printed_texts(
    capsys: pytest.CaptureFixture[str], golden: Golden, name: str, words: list[str]
) -> None:
    golden(name, told(capsys, *words))


@pytest.mark.parametrize("verb", ["", *VERBS, *(f"draw {figure}" for figure in FIGURES)])
def test_the_surface_of_every_verb_is_frozen_and_fits_a_screen(
    capsys: pytest.CaptureFixture[str],
    golden: Golden,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = told(capsys, *verb.split(), "--help")
    assert "Example" in text
    assert len(text.splitlines()) <= 42
    golden(f"help{'-' if verb else ''}{verb.replace(' ', '-')}.txt", text)


@pytest.mark.parametrize("name", NETWORKS)
def test_printed_columns_add_up_to_the_printed_totals(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    lines = told(capsys, "explain", name, "--markdown").splitlines()
    rows = [[cell.strip(" *") for cell in x.strip("|").split("|")] for x in lines if "|" in x]
    header, body, total = rows[0], rows[2:-1], rows[-1]
    assert total[0] == "total"
    for column in ("neurons", "parameters", "unshared", "multiply-adds"):
        place = header.index(column)
        numbers = [int(row[place].replace(",", "")) for row in body if row[place]]
        assert sum(numbers) == int(total[place].replace(",", "")), column


def test_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    tree: Any = json.loads(told(capsys, "explain", "paper", "--json"))
    keys = {"neurons", "parameters", "weights", "biases", "connections", "multiply_adds"}
    assert keys <= set(tree["total"])
    for layer in tree["layers"]:
        assert keys | {"receptive_field", "output_shape"} <= set(layer)
    assert tree["total"]["parameters"] == 60_965_224


def test_another_rule_and_another_picture(capsys: pytest.CaptureFixture[str]) -> None:
    def first(*words: str) -> list[int]:
        tree: Any = json.loads(told(capsys, "explain", "paper", "conv1", "--json", *words))
        return tree[0]["output_shape"]

    assert first() == [48, 55, 55]
    assert first("--rule", "torch") == [48, 54, 54]
    assert first("--rule", "same") == [48, 56, 56]
    assert first("--input", "227") == [48, 55, 55]
    assert first("--input", "231") == [48, 56, 56]


def test_a_description_is_edited_and_read_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        told(capsys, "explain", "80sec", "--spec").replace('"filters": 64', '"filters": 48')
    )
    tree: Any = json.loads(told(capsys, "explain", str(path), "--json"))
    conv3 = next(layer for layer in tree["layers"] if layer["name"] == "conv3")
    assert conv3["weights"] == 5 * 5 * 32 * 48


def test_mistakes_are_one_sentence_and_one_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert mistake(capsys, "explain", "papre") == (
        "no network is called 'papre'; did you mean 'paper'?",
        "alexnet explain --help",
    )
    assert "did you mean 'explain'" in mistake(capsys, "explian", "paper")[0]
    assert "did you mean 'conv1'" in mistake(capsys, "explain", "paper", "conv1x")[0]
    assert (
        "no size rule is called 'theano'"
        in mistake(capsys, "explain", "paper", "--rule", "theano")[0]
    )
    assert "a window of 11 does not fit" in mistake(capsys, "explain", "paper", "--input", "8")[0]
    assert mistake(capsys, "explain", "no/such/net.json")[0] == "no/such/net.json: no such file"
    broken = tmp_path / "net.json"
    broken.write_text('{"format": "alexnet-network/1", "layers": 3}')
    assert "net.json: layers must be a list" in mistake(capsys, "explain", str(broken))[0]
    broken.write_bytes(b"\xff\xfe\x00")
    assert "not text" in mistake(capsys, "explain", str(broken))[0]
    assert "12monkeys" in mistake(capsys, "explain", "12monkeys")[0]


def test_numbers_of_thousands_and_lists_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert "55·48·96" in told(capsys, "explain", "253,440")
    assert "adds up to" in told(capsys, "explain", "253440,186624")
    assert "No reading of paper" in told(capsys, "explain", "2640")


def test_an_unexplained_claim_of_ones_own_ends_in_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    claim = {
        "id": "A",
        "place": "p. 1",
        "says": "Layer 1 has as many neurons.",
        "quantity": "neurons",
        "layer": "conv1",
        "printed": 290400,
        "unit": "neurons",
    }
    path = tmp_path / "claims.json"
    tree: Any = {"format": "alexnet-claims/1", "network": "paper", "source": "", "claims": [claim]}
    path.write_text(json.dumps(tree))
    assert "EXACT" in told(capsys, "audit", str(path))
    claim["printed"] = 7777
    path.write_text(json.dumps(tree))
    assert "UNEXPLAINED" in told(capsys, "audit", str(path), status=1)
    claim["unit"] = "apples"
    path.write_text(json.dumps(tree))
    assert "claims.json:1" in mistake(capsys, "audit", str(path))[0]


def test_explain_answers_without_numpy_or_torch() -> None:
    code = (
        "import sys\n"
        "from alexnet.cli import run\n"
        "try: run(['explain', 'paper'])\n"
        "except SystemExit: print(sorted({'numpy', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert re.search(r"659,272\s+60,965,224", done.stdout)


def test_other_tools_numbers_are_told_with_their_rules(capsys: pytest.CaptureFixture[str]) -> None:
    printed = told(capsys, "explain", "one_weird_trick", "--tools")
    assert re.search(r"torchinfo.*Total mult-adds\s+714,682,664", printed)
    tree: Any = json.loads(told(capsys, "explain", "one_weird_trick", "--tools", "--json"))
    assert "714188480" in json.dumps(tree)


def test_memory_of_a_training_step(capsys: pytest.CaptureFixture[str]) -> None:
    rows: Any = json.loads(told(capsys, "explain", "paper", "--batch", "128", "--json"))
    figures = {row["precision"]: row for row in rows}
    assert figures["fp32"]["weights"] == 4 * 60_965_224
    assert figures["mixed"]["activations"] * 2 == figures["fp32"]["activations"]
    assert "give 1 or more" in mistake(capsys, "explain", "paper", "--batch", "0")[0]


def test_rules_as_json_keep_every_layer_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    tree: Any = json.loads(told(capsys, "explain", "paper", "--rule", "all", "--json"))
    sides = {rule: found["output_shape"]["conv1a"][1] for rule, found in tree["rules"].items()}
    assert sides == {"torch": 54, "caffe": 54, "cuda-convnet": 55, "same": 56, "valid": 54}


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "253440", "--rule", "torch"],
        ["explain", "253440", "--batch", "8"],
        ["explain", "253440", "--total", "650000"],
        ["explain", "253440,186624", "--layer", "conv1"],
        ["explain", "paper", "--total", "5"],
        ["explain", "paper", "conv1", "--rule", "all"],
        ["explain", "paper", "conv1", "--batch", "8"],
        ["explain", "paper", "--batch", "8", "--tools"],
        ["explain", "paper", "--network", "caffe"],
    ],
)
def test_an_option_without_a_say_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sentence, _ = mistake(capsys, *words)
    assert "go with" in sentence or "goes with" in sentence


def test_a_narrow_terminal_loses_columns_in_order_and_never_digits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.terminal.PLAIN_WIDTH", 80)
    printed = told(capsys, "explain", "paper")
    assert "…" not in printed
    assert re.search(r"total\s+659,272\s+60,965,224\s+724,406,816", printed)
    assert "left out for want of width: unshared, kind" in printed
    assert "cuda-convnet" in told(capsys, "explain", "paper", "--rule", "all")


def test_unlike_layers_of_two_towers_are_no_twins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tree: Any = json.loads(told(capsys, "explain", "tiny", "--spec"))
    for layer in tree["layers"]:
        if layer["name"] == "conv1a":
            layer["kernels"][0] |= {"size": 3, "padding": 1}
    path = tmp_path / "uneven.json"
    path.write_text(json.dumps(tree))
    figures: Any = json.loads(told(capsys, "explain", str(path), "--json"))
    weights = {x["name"]: x["weights"] for x in figures["layers"]}
    assert (weights["conv1a"], weights["conv1b"]) == (12 * 9, 12 * 25)
    assert re.search(r"weights\s+108 ", told(capsys, "explain", str(path), "conv1a"))
    assert "has no layer 'conv1'" in mistake(capsys, "explain", str(path), "conv1")[0]
    told(capsys, "explain", str(path), "--rule", "all")


def test_odd_files_are_refused_without_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.json"
    path.write_text("[" * 100_000)
    assert "net.json" in mistake(capsys, "audit", str(path))[0]
    tree: Any = json.loads(told(capsys, "explain", "80sec", "--spec"))
    path.write_text(json.dumps(tree | {"layers": tree["layers"][:1]}))
    assert "no layer with weights to audit" in mistake(capsys, "audit", str(path))[0]
    for tower in (-57, 26, 10**30):
        tree["layers"][2]["tower"] = tower
        path.write_text(json.dumps(tree))
        assert "towers are counted from 0 to 25" in mistake(capsys, "explain", str(path))[0]


def test_without_a_verb_the_help_is_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Commands" in told(capsys)
    assert told(capsys, "--version").strip()
