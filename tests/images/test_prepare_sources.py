"""What else can be prepared: class folders, tar shards, parquet files, named sources, a store."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from alexnet.images import SourceError, open_source
from alexnet.images.decode import decode, fit
from alexnet.images.preparing import Settings, prepare
from alexnet.images.preparing.gather import gather
from alexnet.images.preparing.plan import shuffled
from alexnet.images.preparing.record import square
from alexnet.images.store import Store, read_store
from images.ilsvrc_files import Made, jpeg, plain, tar_of, write_files

RAW = Settings(side=16, quality=None, shard_pictures=4)


def made(source: Path | str, out: Path, settings: Settings = RAW) -> Store:
    prepare(str(source), out, settings=settings, workers=1)
    return read_store(out)


def labels_by_name(store: Store, split: str) -> dict[str, int]:
    pictures = store.splits[split]
    return {pictures.name(i): int(pictures.labels[i]) for i in range(len(pictures))}


def assert_colours(store: Store, split: str, pictures: dict[str, Made]) -> None:
    found = store.splits[split]
    for index in range(len(found)):
        picture = pictures[found.name(index)]
        different = np.abs(found.read(index, 3).astype(int) - picture.colour).max()
        assert different <= picture.tolerance, picture.name


def test_class_folders(tmp_path: Path) -> None:
    pictures = {
        f"{split}/{name}/{n}.jpg": plain("", n + 9 * len(name))
        for split in ("train", "val")
        for name in ("ant", "n0bee")
        for n in range(3)
    }
    write_files(tmp_path / "set", {name: one.data for name, one in pictures.items()})
    (tmp_path / "set" / "train" / "ant" / "nowhere.jpg").symlink_to(tmp_path / "nowhere")
    store = made(tmp_path / "set", tmp_path / "store")
    assert store.manifest.layout == "class folders" and store.manifest.wordnet_ids == ()
    expected = {name: int("bee" in name) for name in pictures if name.startswith("train")}
    assert labels_by_name(store, "train") == expected
    assert_colours(store, "train", pictures)
    assert list(labels_by_name(store, "test")) == [name for name in pictures if "val" in name]
    rejected = (tmp_path / "store" / "rejected.jsonl").read_text()
    assert json.loads(rejected)["reason"] == "is no file that can be read"


def test_class_folders_named_by_wordnet_ids_keep_them(tmp_path: Path) -> None:
    write_files(tmp_path / "set", {f"n0000000{n}/{k}.jpg": plain("", n).data
                                   for n in range(2) for k in range(3)})  # fmt: skip
    store = made(tmp_path / "set", tmp_path / "store")
    assert store.manifest.wordnet_ids == store.classes == ("n00000000", "n00000001")
    assert {name: len(split) for name, split in store.splits.items()} == {"train": 4, "test": 2}


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path / "set", {f"a/{n}.jpg": plain("", n).data for n in range(5)})
    gathered = gather(str(tmp_path / "set")).splits[0]
    (tmp_path / "set" / "a" / "1.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match="1.jpg: ends before byte"):
        [gathered.pictures.read(row) for row in range(len(gathered))]


def samples(names: list[str], first: int, label: str) -> dict[str, bytes]:
    """Tar shard members for these keys, with the label of sample n written by `label`."""
    files: dict[str, bytes] = {}
    for n, name in enumerate(names, start=first):
        ending, text = ("cls", f"{n % 3}") if label == "cls" else ("json", f'{{"label": {n % 3}}}')
        files |= {f"{name}.jpg": plain("", n).data, f"{name}.{ending}": text.encode()}
    return files


@pytest.mark.parametrize("label", ["cls", "json"])
def test_tar_shards(label: str, tmp_path: Path) -> None:
    names = [f"dir/{n:04}" for n in range(9)]
    shards = {
        "set-train-00.tar": tar_of(samples(names[:4], 0, label)),
        "set-train-01.tar": tar_of(samples(names[4:7], 4, label)),
        "set-validation-00.tar": tar_of(samples(names[7:], 7, label)),
    }
    write_files(tmp_path / "shards", shards)
    store = made(tmp_path / "shards", tmp_path / "store")
    assert store.manifest.layout == "tar shards" and store.classes == ("0", "1", "2")
    expected = {f"{name}.jpg": n % 3 for n, name in enumerate(names)}
    train = labels_by_name(store, "train")
    assert train == {name: expected[name] for name in list(expected)[:7]}
    assert labels_by_name(store, "val") == {name: expected[name] for name in list(expected)[7:]}
    assert_colours(store, "train", {f"{name}.jpg": plain("", n) for n, name in enumerate(names)})
    assert len(store.source().test) == 2


def test_a_single_tar_shard_is_split_by_the_seed(tmp_path: Path) -> None:
    write_files(tmp_path, {"all.tar": tar_of(samples([f"{n}" for n in range(15)], 0, "cls"))})
    store = made(tmp_path / "all.tar", tmp_path / "store")
    assert {name: len(split) for name, split in store.splits.items()} == {"train": 12, "test": 3}
    assert set(store.splits["test"].labels.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.jpg": b"", "b.cls": b"1"}, "the sample 'a' has neither a.cls nor a.json"),
        ({"a.cls": b"1"}, "the sample 'a' has no picture"),
        ({"a.jpg": b"", "a.cls": b"cat"}, "'a.cls' is not a whole number from 0 on"),
        ({"a.jpg": b"", "a.json": b'{"label": -1}'}, "'a.json' is not an object with a whole"),
        ({}, "no pictures; looked for key.jpg with key.cls or key.json"),
    ],
)
def test_wrong_tar_shards_are_refused(
    files: dict[str, bytes], sentence: str, tmp_path: Path
) -> None:
    write_files(tmp_path / "shards", {"x.tar": tar_of(files)})
    with pytest.raises(SourceError) as caught:
        gather(str(tmp_path / "shards"))
    assert sentence in str(caught.value) and "x.tar" in str(caught.value)


def test_parquet_files_are_shuffled_by_row_groups(tmp_path: Path) -> None:
    pictures = [plain(f"{n}.jpg", n) for n in range(12)]
    images = [{"bytes": one.data, "path": one.name} for one in pictures]
    table = pyarrow.table({"image": images, "label": [n % 2 for n in range(12)]})
    (tmp_path / "set").mkdir()
    parquet.write_table(table, tmp_path / "set" / "train-0.parquet", row_group_size=3)
    parquet.write_table(table[:2], tmp_path / "set" / "test-0.parquet")
    store = made(tmp_path / "set", tmp_path / "store")
    train = labels_by_name(store, "train")
    rows = [int(name.partition("row ")[2].split(" ")[0]) for name in train]
    assert sorted(rows) == list(range(12)) != rows
    groups = [row // 3 for row in rows]
    assert [groups[n] for n in range(0, 12, 3)] == list(dict.fromkeys(groups))  # none is torn apart
    assert list(train.values()) == [row % 2 for row in rows]
    assert_colours(store, "train", dict(zip(train, [pictures[row] for row in rows], strict=True)))


def test_named_sources(tmp_path: Path) -> None:
    store = made("digits", tmp_path / "store", Settings(side=8, quality=None))
    assert (len(store.splits["train"]), len(store.splits["test"])) == (1437, 360)
    original = open_source("digits")
    train = store.splits["train"]
    for index in range(0, 1437, 200):
        row = int(train.name(index).partition("picture ")[2])
        assert (train.read(index, 1) == original.train.read(row, 1)).all()
        assert train.labels[index] == original.train.labels[row]


def test_a_store_can_be_prepared_again_at_another_side(tmp_path: Path) -> None:
    write_files(
        tmp_path / "set", {f"{c}/{n}.jpg": plain("", n).data for c in "ab" for n in range(5)}
    )
    first = made(tmp_path / "set", tmp_path / "first", Settings(side=32, shard_pictures=3))
    again = made(tmp_path / "first", tmp_path / "again")
    assert again.manifest.layout == "a store" and again.classes == first.classes == ("a", "b")
    for split in ("train", "test"):
        theirs = {first.splits[split].name(i): i for i in range(len(first.splits[split]))}
        for index in range(len(again.splits[split])):
            row = theirs.pop(again.splits[split].name(index))
            expected = fit(first.splits[split].read(row, 3), 16)
            assert (again.splits[split].read(index, 3) == expected).all()
            assert again.splits[split].labels[index] == first.splits[split].labels[row]
        assert not theirs


def test_the_order_is_the_seeds_alone() -> None:
    order = shuffled(1000, 7)
    assert (np.sort(order) == np.arange(1000)).all()
    assert order[:6].tolist() == shuffled(1000, 7)[:6].tolist() != shuffled(1000, 8)[:6].tolist()
    # Raw PCG64 is the same in every release of NumPy: these numbers must never change.
    assert shuffled(10, 0).tolist() == [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = (np.sin(9 * rows + 3 * columns), np.cos(11 * columns), np.sin(8 * rows * columns))
    return np.stack([128 + 100 * wave for wave in waves], axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(131, 201), (203, 128), (257, 255), (515, 700)])
def test_a_reduced_decoding_lies_where_the_full_one_does(size: tuple[int, int]) -> None:
    data = jpeg(smooth(*size))
    full = fit(decode(data, "full"), 32)
    reduced = square(data, "reduced", 32)
    error = np.square(reduced.astype(float) - full).mean()
    assert 0 < error < 2  # of 255^2: 45 dB; a shift of half a pixel would cost more than 100


def test_smaller_and_turned_pictures_are_decoded_in_full() -> None:
    small = jpeg(smooth(127, 300))
    assert (square(small, "small", 32) == fit(decode(small, "small"), 32)).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = jpeg(smooth(300, 400), exif=exif)
    assert (square(turned, "turned", 32) == fit(decode(turned, "turned"), 32)).all()
    exif[0x0112] = 1
    upright = jpeg(smooth(300, 400), exif=exif)
    assert (square(upright, "upright", 32) != fit(decode(upright, "upright"), 32)).any()


def test_a_grey_jpeg_is_reduced_too() -> None:
    file = io.BytesIO()
    Image.fromarray(smooth(300, 400)).convert("L").save(file, "JPEG", quality=95)
    record = square(file.getvalue(), "grey", 32)
    assert record.shape == (32, 32, 3) and (record[..., 0] == record[..., 2]).all()
