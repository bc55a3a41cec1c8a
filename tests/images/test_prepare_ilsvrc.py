"""A miniature ILSVRC in its true layout becomes a store: labels, pixels, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from alexnet.images import SourceError
from alexnet.images.preparing import PrepareError, Settings, prepare
from alexnet.images.preparing.gather import gather
from alexnet.images.splits import Split
from alexnet.images.store import Store, read_store
from images.ilsvrc_files import (
    SIDE,
    TEST_LABELS,
    VALIDATION_LABELS,
    WORDNET_IDS,
    Made,
    Miniature,
    kit_files,
    miniature,
    plain,
    tar_of,
    write_files,
    write_tars,
    write_unpacked,
)

RAW = Settings(side=SIDE, quality=None, shard_pictures=10)


def made(source: Path, out: Path, settings: Settings = RAW) -> Store:
    prepare(str(source), out, settings=settings, workers=1)
    return read_store(out)


def pictures_of(split: Split) -> dict[str, tuple[int, np.ndarray]]:
    """Label and pixels by name."""
    return {
        split.name(index): (int(split.labels[index]), split.read(index, 3))
        for index in range(len(split))
    }


def check(found: tuple[int, np.ndarray], label: int, picture: Made) -> None:
    assert found[0] == label, picture.name
    assert picture.colour is not None
    assert found[1].shape == (SIDE, SIDE, 3)
    different = np.abs(found[1].astype(int) - picture.colour).max()
    assert different <= picture.tolerance, f"{picture.name}: {different}"


def refusal(source: Path, kind: type[ValueError] = SourceError) -> str:
    with pytest.raises(kind) as caught:
        gather(str(source))
    return str(caught.value)


@pytest.fixture(scope="module")
def year() -> Miniature:
    return miniature()


@pytest.fixture
def tars(tmp_path: Path, year: Miniature) -> Path:
    return write_tars(tmp_path / "ILSVRC", year)


def test_every_picture_is_there_with_its_label_and_colour(
    tars: Path, year: Miniature, tmp_path: Path
) -> None:
    store = made(tars, tmp_path / "store")
    train = pictures_of(store.splits["train"])
    good = {f"{id}/{one.name}": (place, one) for place, id in enumerate(WORDNET_IDS)
            for one in year.train[id] if one.colour}  # fmt: skip
    assert train.keys() == good.keys() and len(train) == 32
    for name, (label, picture) in good.items():
        check(train[name], label, picture)
    val = pictures_of(store.splits["val"])
    expected = [(one, id - 1) for one, id in zip(year.val, VALIDATION_LABELS, strict=True)]
    assert list(val) == [one.name for one, _ in expected if one.colour]
    for picture, label in expected:
        if picture.colour:
            check(val[picture.name], label, picture)
    test = pictures_of(store.splits["test"])
    assert list(test) == [one.name for one in year.test]
    for picture in year.test:
        check(test[picture.name], -1, picture)


def test_every_rejected_picture_is_listed_with_a_reason(
    tars: Path, year: Miniature, tmp_path: Path
) -> None:
    store = made(tars, tmp_path / "store")
    lines = (tmp_path / "store" / "rejected.jsonl").read_text().splitlines()
    listed = [json.loads(line) for line in lines]
    assert {(one["split"], one["name"]) for one in listed} == year.rejected()
    reasons = {one["name"].rpartition("_")[2]: one["reason"] for one in listed}
    assert reasons["empty.JPEG"] == "is empty (0 bytes)"
    assert "is not a picture" in reasons["text.JPEG"]
    assert "truncated" in reasons["truncated.JPEG"].lower()
    counts = {one.name: (one.pictures, one.rejected) for one in store.manifest.splits}
    assert counts == {"train": (32, 3), "val": (6, 1), "test": (3, 0)}
    assert store.manifest.splits[0].class_counts == (4, 4, 12, 4, 4, 4)


def test_classes_are_in_the_order_of_ilsvrc_ids_and_told_apart(tars: Path, tmp_path: Path) -> None:
    store = made(tars, tmp_path / "store")
    assert store.manifest.wordnet_ids == WORDNET_IDS
    assert store.manifest.classes[:2] == ("crane", "tench, Tinca tinca")
    assert store.classes[0] == "crane (n02000006)" and store.classes[2] == "crane (n01000005)"
    assert store.classes[5] == "café"
    assert store.manifest.name == "ILSVRC2012"
    source = store.source()
    assert len(source.train) == 32 and len(source.test) == 6  # the labels of the test are secret
    assert "the labels of the 3 test pictures are not known" in store.manifest.notes


def test_2010_has_test_labels_and_repaired_pictures(tmp_path: Path) -> None:
    year = miniature(2010)
    folder = write_tars(tmp_path / "ILSVRC", year)
    repaired = plain(year.val[3].name, 90)
    write_files(folder, {"patch_images.tar": tar_of({f"patch/val/{repaired.name}": repaired.data})})
    store = made(folder, tmp_path / "store")
    source = store.source()
    assert source.test.labels.tolist() == [id - 1 for id in TEST_LABELS]
    val = pictures_of(store.splits["val"])
    assert len(val) == 7
    check(val[repaired.name], VALIDATION_LABELS[3] - 1, repaired)


def test_unpacked_files_give_the_same_store_as_the_tars(
    tars: Path, year: Miniature, tmp_path: Path
) -> None:
    made(tars, tmp_path / "a")
    made(write_unpacked(tmp_path / "unpacked", year), tmp_path / "b")
    once = write_tars(tmp_path / "once", year)
    with tarfile.open(once / "ILSVRC2012_img_train.tar") as archive:
        archive.extractall(once / "ILSVRC2012_img_train", filter="data")
    (once / "ILSVRC2012_img_train.tar").unlink()
    made(once, tmp_path / "c")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    for other in (tmp_path / "b", tmp_path / "c"):
        assert sorted(path.name for path in other.iterdir()) == names
        for name in names:
            assert (other / name).read_bytes() == (tmp_path / "a" / name).read_bytes(), name


def test_validation_pictures_in_class_folders_need_no_ground_truth(
    year: Miniature, tmp_path: Path
) -> None:
    folder = write_unpacked(tmp_path / "unpacked", year)
    labels = [id - 1 for id in VALIDATION_LABELS]
    for one, label in zip(year.val, labels, strict=True):
        place = folder / "val" / WORDNET_IDS[label]
        place.mkdir(exist_ok=True)
        (folder / "val" / one.name).rename(place / one.name)
    val = pictures_of(made(folder, tmp_path / "store").splits["val"])
    for one, label in zip(year.val, labels, strict=True):
        if one.colour:
            check(val[f"{WORDNET_IDS[label]}/{one.name}"], label, one)


def test_a_train_tar_of_class_folders_is_read_too(
    tars: Path, year: Miniature, tmp_path: Path
) -> None:
    made(tars, tmp_path / "a")
    flat = {f"train/{id}/{one.name}": one.data for id in year.train for one in year.train[id]}
    write_files(tars, {"ILSVRC2012_img_train.tar": tar_of(flat, tarfile.PAX_FORMAT)})
    made(tars, tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes()


def test_training_pictures_are_shuffled_by_the_seed_alone(tars: Path, tmp_path: Path) -> None:
    stores = [
        made(tars, tmp_path / name, Settings(side=SIDE, quality=None, seed=seed, shard_pictures=40))
        for name, seed in (("a", 0), ("b", 1))
    ]
    orders = [list(pictures_of(store.splits["train"])) for store in stores]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != sorted(orders[0]) and orders[0] != orders[1]
    labels = stores[0].splits["train"].labels
    assert len(set(labels[:10].tolist())) > 2  # a shard mixes the classes, as 2012's batches did


def test_a_compressed_tar_of_pictures_is_refused(tars: Path) -> None:
    train = tars / "ILSVRC2012_img_train.tar"
    (tars / "ILSVRC2012_img_train.tar.gz").write_bytes(gzip.compress(train.read_bytes()))
    train.unlink()
    sentence = refusal(tars)
    assert "ILSVRC2012_img_train.tar.gz: is compressed (gzip)" in sentence
    assert "plain .tar" in sentence


def test_a_truncated_train_tar_is_refused_with_the_place(tars: Path) -> None:
    train = tars / "ILSVRC2012_img_train.tar"
    train.write_bytes(train.read_bytes()[:20_000])
    sentence = refusal(tars)
    assert sentence.startswith(f"{train}, at byte ") and "cut short" in sentence
    assert re.search(r"n0\d{7}\.tar should have [\d,]+ bytes, of which [\d,]+ are there", sentence)


def test_a_damaged_class_tar_is_named(tars: Path) -> None:
    train = tars / "ILSVRC2012_img_train.tar"
    data = bytearray(train.read_bytes())
    place = data.index(b"n02000006_28.JPEG")
    data[place] ^= 1
    train.write_bytes(data)
    sentence = refusal(tars)
    assert f"n02000006.tar, at byte {place:,} of the file: there is no tar header" in sentence


def test_without_the_kit_the_tars_are_refused(tars: Path) -> None:
    (tars / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    assert "the development kit is missing (ILSVRC2012_devkit_t12.tar.gz" in refusal(tars)


def test_flat_validation_pictures_without_the_kit_are_not_passed_over(
    year: Miniature, tmp_path: Path
) -> None:
    folder = write_unpacked(tmp_path / "unpacked", year)
    for path in sorted((folder / "ILSVRC2012_devkit_t12").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert "the labels of the numbered pictures in val/" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("ground", b"3\n1\n6\n6\n2\n5\n", "has 7 pictures for 6 labels"),
        ("ground", b"3\n1\n6\n6\n2\n5\n4\n4\n", "number 8 is missing"),
        (
            "ground",
            b"3\n1\n6\n6\n2\n5\n7\n",
            "line 7 says '7'; it must be an ILSVRC id from 1 to 6",
        ),
        ("ground", b"3\n1\nx\n", "line 3 says 'x'"),
        ("meta", b"MATLAB 5.0 MAT-file, cut off", "meta.mat: is no MATLAB file of version 5"),
    ],
)
def test_a_wrong_kit_is_refused(
    tars: Path, year: Miniature, name: str, text: bytes, sentence: str
) -> None:
    files = {f"kit/{key}": text if name in key else data for key, data in kit_files(year).items()}
    kit = tars / "ILSVRC2012_devkit_t12.tar.gz"
    kit.write_bytes(gzip.compress(tar_of(files)))
    assert sentence in refusal(tars)
    kit.write_bytes(kit.read_bytes()[:200])
    assert "ILSVRC2012_devkit_t12.tar.gz: is " in refusal(tars)


def test_another_years_kit_and_an_unknown_class_are_refused(
    tars: Path, year: Miniature, tmp_path: Path
) -> None:
    write_files(tars, {"ILSVRC2010_images_val.tar": tar_of({"a": b""})})
    assert "is of ILSVRC2010, the development kit of ILSVRC2012" in refusal(tars)
    folder = write_unpacked(tmp_path / "unpacked", year)
    write_files(folder, {"train/n09999999/n09999999_1.JPEG": b""})
    assert "'n09999999' is none of ILSVRC2012's 6 WordNet ids" in refusal(folder)


def test_fewer_training_pictures_than_counted_are_noted(year: Miniature, tmp_path: Path) -> None:
    folder = write_unpacked(tmp_path / "unpacked", year)
    next(iter((folder / "train" / "n02000006").iterdir())).unlink()
    assert any("n02000006 has 3 of 4" in note for note in gather(str(folder)).notes)


def test_a_source_of_nothing_but_bad_pictures_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "set", {"train/a/x.jpg": b"x", "val/a/y.jpg": b""})
    with pytest.raises(PrepareError, match="none of the 2 pictures is one; the first, train/a/x"):
        made(tmp_path / "set", tmp_path / "store")
