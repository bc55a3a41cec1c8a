"""Training, judging and drawing from the command line, on the embedded digits and small folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet.cli import run


def outcome(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        run(list(words))
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs on the digits."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert outcome("train", "digits", "--run", str(folder), "--set", "epochs=2") == 0
    return folder


def test_training_prints_epochs_ledger_and_test_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert outcome("train", "digits", "--run", str(folder), "--set", "epochs=1") == 0
    printed = capsys.readouterr().out
    assert "epoch   1/1" in printed
    assert "228,458" in printed  # the ledger's parameters of tiny
    assert "test error" in printed and "of 360)" in printed
    names = {path.name for path in folder.iterdir()}
    assert {"recipe.json", "network.json", "metrics.jsonl", "checkpoints"} <= names


def test_evaluation_agrees_with_the_run(
    digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("evaluate", str(digits_run), "--json") == 0
    judged: Any = json.loads(capsys.readouterr().out)[0]
    rows = [json.loads(line) for line in (digits_run / "metrics.jsonl").read_text().splitlines()]
    assert judged["seen"] == 360
    assert judged["error_top1"] == rows[-1]["test_error"]


def test_evaluation_shows_the_centre_of_pictures_fitted_as_in_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_words = ["train", "digits", "--run", str(tmp_path / "run"), "--json", "--set", "epochs=2"]
    run_words += ["--set", "crop_border_pixels=4", "--set", "crop_padding_pixels=0"]
    assert outcome(*run_words, "--set", "seed=3") == 0
    trained: Any = json.loads(capsys.readouterr().out)
    assert outcome("evaluate", str(tmp_path / "run"), "--json") == 0
    judged: Any = json.loads(capsys.readouterr().out)[0]
    assert judged["error_top1"] == trained["test"]["error_top1"]
    assert judged["right_top5"] == trained["test"]["right_top5"]


def test_the_test_pictures_of_a_split_folder_are_the_same_for_every_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(20):
            noise = np.random.default_rng([i, len(name)]).integers(0, 255, (24, 24), np.uint8)
            Image.fromarray(noise).save(tmp_path / "data" / name / f"{i}.png")
    words = ["train", str(tmp_path / "data"), "--network", "tiny", "--recipe", "digits"]
    words += ["--run", str(tmp_path / "run"), "--set", "epochs=1", "--set", "seed=5", "--json"]
    assert outcome(*words) == 0
    trained: Any = json.loads(capsys.readouterr().out)
    assert (
        outcome("evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "data"), "--json") == 0
    )
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["error_top1"] == trained["test"]["error_top1"]
    assert "split by seed 0" in captured.err


def test_predictions_name_classes_and_report_what_is_no_picture(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, broken = tmp_path / "seven.png", tmp_path / "broken.png"
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(picture)
    broken.write_bytes(b"no picture")
    words = ("predict", str(digits_run), str(picture), str(broken), "--json", "--top", "3")
    assert outcome(*words) == 1
    tree: Any = json.loads(capsys.readouterr().out)
    assert [entry["picture"] for entry in tree["predictions"]] == [str(picture)]
    classes = tree["predictions"][0]["classes"]
    assert len(classes) == 3 and {c["name"] for c in classes} <= set("0123456789")
    assert tree["failed"][0]["picture"] == str(broken)


@pytest.mark.parametrize("what", ["filters", "curves", "predictions"])
def test_figures_are_drawn_into_the_run_folder(what: str, digits_run: Path) -> None:
    assert outcome("draw", what, str(digits_run)) == 0
    with Image.open(digits_run / f"{what}.png") as drawn:
        assert drawn.width > 500


def test_a_folder_of_class_folders_teaches_a_net_with_as_many_outputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, shade in (("dark", 40), ("light", 220)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((30, 30), shade + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    (tmp_path / "data" / "light" / "torn.png").write_bytes(b"\x89PNG torn")
    words = ["train", str(tmp_path / "data"), "--network", "tiny", "--recipe", "digits"]
    words += ["--run", str(tmp_path / "run"), "--set", "epochs=2", "--json"]
    assert outcome(*words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["finished"] is True
    assert "its last fully-connected layer gets 2" in captured.err
    assert "left out: " in captured.err and "torn.png" in captured.err


def test_a_checkpoint_is_where_another_run_begins(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "digits", "--from", str(digits_run), "--run", str(tmp_path / "more")]
    assert outcome(*words, "--set", "epochs=1", "--json") == 0
    capsys.readouterr()
    assert outcome("explain", str(tmp_path / "more"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["parameters"] == 228_458


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "digts"], "digts"),
        (["train", "digits", "--recipe", "digit"], "did you mean 'digits'"),
        (["train", "digits", "--set", "momntum=0.9"], "did you mean 'momentum'"),
        (["train", "digits", "--set", "lr=fast"], "lr"),
        (["train", "digits", "--network", "tinny"], "did you mean 'tiny'"),
        (["train", "digits", "--run", "RUN"], "holds a run already"),
        (["train", "digits", "--precision", "fp8"], "no precision is called 'fp8'"),
        (["draw", "curves", "nowhere"], "nowhere: holds no run"),
        (["evaluate", ""], "no such checkpoint"),
        (["evaluate", "nowhere"], "nowhere: no such checkpoint"),
        (["evaluate", "RUN", "--data", "nowhere"], "nowhere"),
        (["predict", "RUN", "nowhere.png"], "none of the files is a picture"),
        (["draw", "filters", "RUN", "--out", "x.jpg"], "a figure is written as one of .png"),
        (["train", "digits", "--resume", "--run", "nowhere"], "holds no run to resume"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    words: list[str],
    sentence: str,
    digits_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert outcome(*(str(digits_run) if word == "RUN" else word for word in words)) == 2
    errors = [x for x in capsys.readouterr().err.splitlines() if not x.startswith("note:")]
    assert len(errors) == 2
    assert errors[0].startswith("error: ") and sentence in errors[0]
    assert errors[1].startswith("try: ")


def test_a_terminated_run_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "alexnet", "train", "digits", "--run", str(folder)]
    command += ["--set", "epochs=6"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        while not (folder / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "to go on: alexnet train digits" in said and "--resume" in said
    done = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, env=environment, check=True
    )
    assert "epoch   6/6" in done.stdout
