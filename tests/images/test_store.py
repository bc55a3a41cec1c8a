"""A store is read at random, refused where it is not whole, and checked down to the byte."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from alexnet.cli import prepare as verb
from alexnet.images import load
from alexnet.images.preparing import Settings, prepare, verify
from alexnet.images.store import (
    StoreError,
    distinct,
    is_store,
    open_store,
    read_store,
)
from images.ilsvrc_files import SIDE, VALIDATION_LABELS, Miniature, miniature, write_tars


@pytest.fixture(scope="module")
def year() -> Miniature:
    return miniature()


@pytest.fixture(scope="module")
def tars(year: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tars(tmp_path_factory.mktemp("source") / "ILSVRC", year)


@pytest.fixture(scope="module", params=["jpeg", "raw"])
def whole(
    request: pytest.FixtureRequest, tars: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("whole") / "store"
    quality = 95 if request.param == "jpeg" else None
    settings = Settings(side=SIDE, quality=quality, shard_pictures=8)
    prepare(str(tars), out, settings=settings, workers=1)
    return out


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(whole, tmp_path / "store")


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        read_store(path)
    return str(caught.value)


def manifest_with(store: Path, **changes: object) -> None:
    path = store / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_it_is_a_source_with_every_split_in_reach(whole: Path, year: Miniature) -> None:
    assert is_store(whole) and not is_store(whole.parent)
    source = open_store(whole)
    assert source.name == "ILSVRC2012" and len(source.classes) == 6
    assert source.note == "32 pictures to learn from, 6 of val to be tested on"
    labels = [id - 1 for id, one in zip(VALIDATION_LABELS, year.val, strict=True) if one.colour]
    assert source.test.labels.tolist() == labels
    assert list(read_store(whole).splits) == ["train", "val", "test"]
    pictures = load(source.test, channels=3, side=SIDE)
    assert pictures.names[0] == "ILSVRC2012_val_00000001.JPEG" and not pictures.rejected
    different = pictures.images[0].permute(1, 2, 0).numpy().astype(int) - year.val[0].colour
    assert np.abs(different).max() <= 6  # of the JPEG, and of its record


def test_records_are_read_in_any_order_and_channel(whole: Path) -> None:
    train = open_store(whole).train
    forward = [train.read(index, 3) for index in range(len(train))]
    for index in np.random.default_rng(0).permutation(len(train)).tolist():
        assert (train.read(index, 3) == forward[index]).all()
    grey = train.read(3, 1)
    assert grey.shape == (SIDE, SIDE, 1)
    assert train.read(3, 3).flags.writeable and train.part(np.array([5])).name(0) == train.name(5)


def test_it_can_be_handed_to_another_process(whole: Path) -> None:
    train = open_store(whole).train
    first = train.read(0, 3)
    again: Any = pickle.loads(pickle.dumps(train))
    assert (again.read(0, 3) == first).all() and again.name(9) == train.name(9)


def test_few_shards_are_mapped_at_a_time(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.images.store.MAPS_KEPT", 2)
    monkeypatch.setattr("alexnet.images.store.INDICES_KEPT", 1)
    train = open_store(whole).train
    records: Any = train.records
    assert len(records.shards) == 5
    for index in (*range(len(train)), *range(len(train))):
        expected = open_store(whole).train
        assert train.name(index) == expected.name(index)
        assert (train.read(index, 3) == expected.read(index, 3)).all()
        assert len(records._maps) <= 2 and len(records._names) == 1


def test_an_incomplete_store_says_how_to_finish_it(store: Path) -> None:
    manifest_with(store, complete=False)
    assert refusal(store) == (
        f"{store}: the store is incomplete; the command that began it goes on with it:"
        f" alexnet prepare SOURCE {store}"
    )
    with pytest.raises(StoreError, match="the store is incomplete"):
        verify(store)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda s: (s / "train-00001.records").unlink(), "train-00001.records: cannot be read (No"),
        (lambda s: (s / "train-00001.records").write_bytes(b"x"), "has 1 bytes; the manifest says"),
        (lambda s: (s / "val-00000.index").unlink(), "val-00000.index: cannot be read"),
        (lambda s: (s / "manifest.json").write_text("{"), "manifest.json: is not JSON"),
        (lambda s: (s / "manifest.json").write_text("{}"), '"format": "alexnet-store/1"'),
        (lambda s: (s / "manifest.json").unlink(), "manifest.json: cannot be read"),
        (lambda s: manifest_with(s, side="large"), 'side is "large"; it must be a whole number'),
        (lambda s: manifest_with(s, colour="red"), "unknown key 'colour'"),
        (lambda s: (s / "statistics.safetensors").write_bytes(b""), "has 0 bytes; the manifest"),
    ],
)
def test_a_damaged_store_is_refused(
    damage: Callable[[Path], None], sentence: str, store: Path
) -> None:
    damage(store)
    assert sentence in refusal(store)


def test_a_damaged_index_is_refused(store: Path) -> None:
    path = store / "train-00000.index"
    data = bytearray(path.read_bytes())
    data[:8] = b"\xff" * 8
    path.write_bytes(data)
    assert "train-00000.index: is no whole index of a shard" in refusal(store)


def test_classes_of_the_same_words_are_told_apart() -> None:
    assert distinct(("crane", "ant", "crane"), ("n1", "n2", "n3")) == (
        "crane (n1)",
        "ant",
        "crane (n3)",
    )
    assert distinct(("a", "a"), ()) == ("a (0)", "a (1)")


def test_a_whole_store_is_verified(whole: Path) -> None:
    steps: list[tuple[int, int]] = []
    found = verify(whole, workers=2, progress=lambda done, total: steps.append((done, total)))
    assert found.damage == () and found.pictures == 41 and steps[-1] == (41, 41)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_a_flipped_byte_is_found_with_its_shard_and_record(store: Path) -> None:
    train = read_store(store).splits["train"]
    records: Any = train.records
    row = int(records.begins[1]) + 5
    flip(store / "train-00001.records", int(records.offsets[row] + records.lengths[row] // 2))
    (damage,) = verify(store).damage
    assert (damage.file, damage.record, damage.name) == ("train-00001.records", 5, train.name(row))
    assert damage.reason == "its CRC-32 is another than the index's"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("train-00002.index", "its SHA-256 is another than the manifest's"),
        ("statistics.safetensors", "its SHA-256 is another than the manifest's"),
        ("rejected.jsonl", "its SHA-256 is another than the manifest's"),
    ],
)
def test_a_flipped_byte_of_any_other_file_is_found(name: str, reason: str, store: Path) -> None:
    flip(store / name, -1)
    (damage,) = verify(store).damage
    assert (damage.file, damage.record, damage.reason) == (name, None, reason)


def test_missing_and_short_shards_and_wrong_counts_are_found(store: Path) -> None:
    records = store / "val-00000.records"
    records.write_bytes(records.read_bytes()[:-1])
    (damage,) = verify(store).damage
    assert damage.file == "val-00000.records" and damage.record == 5
    records.unlink()
    (damage,) = verify(store).damage
    assert "cannot be read" in damage.reason


def test_wrong_counts_in_the_manifest_are_found(store: Path) -> None:
    tree = json.loads((store / "manifest.json").read_text())
    tree["splits"][1]["class_counts"][0] += 1
    manifest_with(store, splits=tree["splits"])
    (damage,) = verify(store).damage
    assert damage.reason == "counts other pictures or classes of val than its shards hold"
    tree["splits"][1]["class_counts"][0] -= 1
    tree["splits"][0]["rejected"] += 1
    manifest_with(store, splits=tree["splits"])
    (damage,) = verify(store).damage
    assert damage.file == "rejected.jsonl" and damage.reason == "lists 3 of train"


def called(*words: object) -> int:
    app = typer.Typer()
    verb.add(app)
    app.command("other")(lambda: None)
    status = app([str(word) for word in words], standalone_mode=False)
    return status if isinstance(status, int) else 0


def test_the_command_prepares_and_verifies(
    tars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "store"
    assert called("prepare", tars, out, "--side", SIDE, "--workers", 1) == 0
    printed = capsys.readouterr()
    assert "16 × 16 RGB, JPEG 95, 4:4:4" in " ".join(printed.out.split())
    assert "4 pictures rejected, each with the reason in" in printed.out
    assert "the labels of the 3 test pictures are not known" in printed.err
    assert called("prepare", "--verify", out, "--workers", 1) == 0
    assert "every checksum and count is right, every record decodes" in capsys.readouterr().out
    flip(out / "train-00000.records", 100)
    assert called("prepare", "--verify", out, "--workers", 1) == 1
    assert "train-00000.records" in capsys.readouterr().out
    assert called("prepare", "--verify", out, "--workers", 1, "--json") == 1
    assert json.loads(capsys.readouterr().out)["damage"][0]["record"] == 0
    with pytest.raises(ValueError, match="prepare needs SOURCE and OUT, or --verify OUT"):
        called("prepare", tars)
