"""`alexnet train STORE` reads a store's own pictures while it learns, and is judged by its val."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet.cli import run
from alexnet.images.loader import Loader
from alexnet.images.manifest import MANIFEST
from alexnet.images.store import read_store
from alexnet.network.codec import to_json
from alexnet.network.spec import Network
from images.stores import SIDE, store_of
from training.small import NETWORK

READ_AHEAD = "read while the network learns"


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the splits train and test."""
    return store_of(tmp_path_factory.mktemp("stores"), raw=False).folder


@pytest.fixture
def judged(tested: Path, tmp_path: Path) -> Path:
    """The same whose test split is called val."""
    folder = tmp_path / "judged"
    shutil.copytree(tested, folder)
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    for place in ("split", "name"):
        text = text.replace(f'"{place}": "test"', f'"{place}": "val"')
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("os.cpu_count", lambda: 0)  # `or 1`: one process reads ahead
    layers = (replace(x, shape=(3, 8, 8)) if x.name == "data" else x for x in NETWORK)
    network = Network("in colour", tuple(layers))  # type: ignore[arg-type]
    (tmp_path / "network.json").write_text(to_json(network), encoding="utf-8")
    words = ["--network", str(tmp_path / "network.json"), "--recipe", "digits", "--json"]
    return [*words, "--set", "epochs=1", "--run", str(tmp_path / "run")]


def outcome(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(list(words))
    return int(ended.value.code or 0)


def border(pixels: int) -> list[str]:
    return ["--set", f"crop_border_pixels={pixels}", "--set", "crop_padding_pixels=0"]


def test_val_judges_every_epoch_and_nothing_is_held_out(
    judged: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("train", str(judged), *words, *border((SIDE - 8) // 2)) == 0
    captured = capsys.readouterr()
    tree = json.loads(captured.out)
    assert READ_AHEAD in captured.err
    assert "90 pictures, 31 of val to be judged by" in captured.err
    assert tree["validation"]["seen"] == 31 and tree["test"] is None


def test_without_val_the_share_is_held_out_and_test_is_for_the_end(
    tested: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("train", str(tested), *words, *border((SIDE - 8) // 2)) == 0
    captured = capsys.readouterr()
    tree = json.loads(captured.out)
    assert READ_AHEAD in captured.err and "10% held out" in captured.err
    assert tree["validation"]["seen"] == 9 and tree["test"]["seen"] == 31


def test_pictures_of_another_side_are_decoded_first(
    tested: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("train", str(tested), *words, *border(0)) == 0
    assert READ_AHEAD not in capsys.readouterr().err


def test_pictures_whose_labels_are_secret_judge_nobody(judged: Path) -> None:
    text = (judged / MANIFEST).read_text(encoding="utf-8")
    start = text.index('"name": "val"')
    hidden = text[start:].replace('"labelled": true', '"labelled": false', 1)
    (judged / MANIFEST).write_text(text[:start] + hidden, encoding="utf-8")
    opened = Loader(read_store(judged), channels=3, side=SIDE, workers=0)
    assert opened.labelled("val") is None and len(opened.pictures("val")) == 31
    assert opened.labelled("train") is not None and opened.labelled("test") is None


def test_a_store_is_judged_while_it_is_read_as_it_would_be_decoded(
    tested: Path,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert outcome("train", str(tested), *words, *border((SIDE - 8) // 2)) == 0
    capsys.readouterr()
    ask = ["evaluate", str(tmp_path / "run"), str(tmp_path / "run"), "--data", str(tested)]
    ask += ["--views", "ten", "--ensemble", "--per-class", "--json"]
    assert outcome(*ask) == 0
    read = json.loads(capsys.readouterr().out)
    assert read[0]["seen"] == 31
    monkeypatch.setattr("alexnet.cli.examine.stored", lambda _: None)
    assert outcome(*ask) == 0
    decoded = json.loads(capsys.readouterr().out)
    assert read == decoded
