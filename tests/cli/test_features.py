"""`alexnet features` and `alexnet neighbours`: what is written, left out and refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import alexnet
from alexnet.cli import run
from alexnet.cli.feature_files import About, writing
from alexnet.images import load, open_source
from cli.test_evaluate import CLASSES, SIDE, checkpoint
from images.stores import store_of

EACH = 3


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders, loose pictures, one of them broken, and a checkpoint."""
    folder = tmp_path_factory.mktemp("features")
    random = np.random.default_rng(3)
    for split in ("train", "test"):
        for name in CLASSES[:3]:
            (folder / "data" / split / name).mkdir(parents=True)
            for i in range(EACH):
                noise = random.integers(0, 256, (30, 30), np.uint8)
                Image.fromarray(noise).save(folder / "data" / split / name / f"{i}.png")
    (folder / "loose").mkdir()
    for i in range(4):
        noise = random.integers(0, 256, (24, 24), np.uint8)
        Image.fromarray(noise).save(folder / "loose" / f"{i}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    checkpoint(folder / "a.safetensors", 0, border=2, image=True)
    checkpoint(folder / "b.safetensors", 1)
    return folder


def status(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        run([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def direct(there: Path, layer: str, split: str = "test", name: str = "a") -> np.ndarray:
    """What the Python interface says of the class folders."""
    of = alexnet.read(there / f"{name}.safetensors")
    side = SIDE + 2 * of.contract.border_pixels
    part = getattr(open_source(str(there / "data")), split)
    pictures = load(part, channels=1, side=side)
    module = alexnet.build(of.network, arrays=of.arrays)
    return alexnet.features(module, pictures, of.contract, [layer], mean_image=of.mean_image)[layer]


def test_an_npz_has_names_labels_and_an_array_for_each_layer(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    words = ("--layer", "fc3", "--layer", "pool2", "--layer", "fc3:pre", "--out", out)
    assert status("features", there / "a.safetensors", there / "data", *words) == 0
    assert "18 pictures, fc3 of 128 numbers, pool2 of 1,728 numbers" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [out]
    with np.load(out, allow_pickle=False) as file:
        assert file["layers"].tolist() == ["fc3", "pool2", "fc3:pre"]
        assert file["classes"].tolist() == list(CLASSES[:3])
        assert file["network"] == "tiny" and file["checkpoint"] == str(there / "a.safetensors")
        assert file["labels"].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [0] * 3 + [1] * 3 + [2] * 3
        assert file["names"][9].endswith("test/ant/0.png")
        for layer in ("fc3", "pool2", "fc3:pre"):
            both = [direct(there, layer, split) for split in ("train", "test")]
            np.testing.assert_array_equal(file[layer], np.concatenate(both))


def test_a_parquet_has_a_row_for_each_picture(there: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.parquet"
    loose = there / "loose" / "1.png"
    words = ("--split", "test", "--layer", "fc3", "--half", "--out", out)
    assert status("features", there / "a.safetensors", there / "data", loose, *words) == 0
    table = pq.read_table(out)
    assert table.column_names == ["name", "label", "fc3"]
    assert str(table.schema.field("fc3").type).startswith("fixed_size_list<") and len(table) == 10
    assert table["label"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, None]
    assert table["name"][9].as_py() == str(loose)
    vectors = np.stack(table["fc3"].to_numpy()[:9])
    assert vectors.dtype == np.float16
    np.testing.assert_array_equal(vectors, direct(there, "fc3").astype(np.float16))
    said: Any = json.loads((table.schema.metadata or {})[b"alexnet"])
    assert said["network"] == "tiny" and said["classes"] == list(CLASSES[:3])


def test_a_broken_picture_is_reported_and_left_out(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    loose = [there / "loose" / "0.png", there / "broken.png", tmp_path / "gone.png"]
    words = ("--layer", "fc3", "--out", out)
    assert status("features", there / "b.safetensors", *loose, there / "loose", *words) == 1
    told = capsys.readouterr().err
    assert "broken.png: is not a picture" in told and "gone.png: cannot be read" in told
    with np.load(out) as file:
        assert len(file["names"]) == 5 and (file["labels"] == -1).all()
        assert file["names"][0] == file["names"][1] == str(loose[0])
        np.testing.assert_allclose(file["fc3"][0], file["fc3"][1], rtol=1e-4)
    assert status("features", there / "b.safetensors", there / "broken.png", *words) == 2
    assert "none of the files is a picture" in capsys.readouterr().err
    with np.load(out) as file:  # the old file stands
        assert len(file["names"]) == 5
    assert list(tmp_path.iterdir()) == [out]


def test_a_store_and_other_sources_stand_in_one_file(there: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    store = store_of(tmp_path, raw=True, train=6, test=7).folder
    words = ("--split", "test", "--layer", "fc3", "--out", out)
    assert status("features", there / "b.safetensors", store, there / "data", *words) == 0
    source = open_source(str(store))
    with np.load(out) as file:
        own = len(source.test)
        assert len(file["names"]) == own + 9
        classes = file["classes"].tolist()
        assert classes[: len(source.classes)] == list(source.classes)
        labels = [classes[label] for label in file["labels"]]
        assert labels[:own] == [source.classes[label] for label in source.test.labels]
        assert labels[own:] == [name for name in CLASSES[:3] for _ in range(EACH)]
        np.testing.assert_array_equal(file["fc3"][own:], direct(there, "fc3", name="b"))


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_neighbours_are_named_with_class_and_distance(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    out = tmp_path / f"f{suffix}"
    words = ("--split", "test", "--layer", "fc3", "--layer", "pool2", "--out", out)
    assert status("features", there / "a.safetensors", there / "data", *words) == 0
    capsys.readouterr()
    name = str(there / "data" / "test" / "bee" / "1.png")
    outside = str(there / "loose" / "2.png")
    asked = ("--query", name, "--query", outside, "-k", "3", "--layer", "fc3")
    by = ("--checkpoint", there / "a.safetensors")
    assert status("neighbours", out, *asked, *by, "--json") == 0
    tree: Any = json.loads(capsys.readouterr().out)
    assert (tree["layer"], tree["metric"]) == ("fc3", "euclidean")
    vectors = direct(there, "fc3").astype(np.float64)
    far = np.sqrt(((vectors - vectors[4]) ** 2).sum(axis=1))
    order = [row for row in np.argsort(far) if row != 4][:3]
    first, second = tree["queries"]
    assert first["query"] == name and second["query"] == outside
    assert [each["distance"] for each in first["neighbours"]] == pytest.approx(far[order].tolist())
    assert [each["class"] for each in first["neighbours"]] == [CLASSES[row // 3] for row in order]
    assert len(second["neighbours"]) == 3
    assert status("neighbours", out, *asked[:2], "--layer", "pool2", "--metric", "cosine") == 0
    assert "by the cosine distance of pool2" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--layer", "fc9"], "a.safetensors: network 'tiny' has no layer 'fc9'; did you mean"),
        (["--out", "f.csv"], "f.csv: features are written as one of .npz, .parquet"),
        (["--out", "nowhere/f.npz"], "its folder must exist"),
        (["--layer", "fc3", "--views", "tem"], "no scheme of views is called 'tem'; did you"),
        (["--layer", "fc3", "--views", "ten", "--border", "0"], "no border to cut ten views from"),
        (["--layer", "fc3", "--split", "tset"], "no split is called 'tset'; did you mean 'test'"),
        (["--layer", "fc3", "--precision", "fp8"], "no precision is called 'fp8'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    words: list[str],
    sentence: str,
    there: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = words if "--out" in words else [*words, "--out", "f.npz"]
    assert status("features", there / "a.safetensors", there / "data", *given) == 2
    told = capsys.readouterr()
    assert told.out == "" and sentence in " ".join(told.err.split())
    assert list(tmp_path.iterdir()) == []


def test_what_neighbours_cannot_answer_is_refused_in_one_sentence(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    words = ("--layer", "fc3", "--layer", "pool2", "--out", out)
    assert status("features", there / "b.safetensors", there / "loose", *words) == 0
    capsys.readouterr()
    name, outside = str(there / "loose" / "0.png"), str(there / "data" / "test" / "bee" / "1.png")
    (tmp_path / "g.npz").write_bytes(out.read_bytes()[:-40])
    with zipfile.ZipFile(tmp_path / "h.npz", "w") as archive:
        archive.writestr("layers.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'}")
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        huge, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    )
    with zipfile.ZipFile(tmp_path / "i.npz", "w") as archive:
        archive.writestr("layers.npy", huge.getvalue())
    for given, sentence in (
        ((out, "--query", name), "holds layers fc3, pool2; choose one with --layer"),
        ((out, "--query", name, "--layer", "fc4"), "has no layer 'fc4'; did you mean 'fc3'"),
        ((out, "--query", "x.png", "--layer", "fc3"), "has no picture 'x.png', and there is no"),
        ((out, "--query", outside, "--layer", "fc3"), "--checkpoint must name what is to look"),
        ((out, "--query", name, "--metric", "euclid"), "no metric is called 'euclid'; did you"),
        ((there / "a.safetensors", "--query", name), "no file of features; give one that"),
        ((tmp_path / "g.npz", "--query", name, "--layer", "fc3"), "is damaged, or no file of"),
        ((tmp_path / "h.npz", "--query", name, "--layer", "fc3"), "is damaged, or no file of"),
        ((tmp_path / "i.npz", "--query", name), "and is not so large"),
    ):
        assert status("neighbours", *given) == 2
        told = capsys.readouterr()
        assert told.out == "" and sentence in " ".join(told.err.split())


def test_half_precision_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    about = About(network="n", checkpoint="c", classes=(), layers={"fc": 2}, half=True)
    labels, large = np.zeros(1, np.int64), {"fc": np.array([[1.0, 70000.0]], np.float32)}
    for name in ("f.npz", "f.parquet"):
        with (
            pytest.raises(ValueError, match="says 70,000 of a picture, and half precision ends"),
            writing(tmp_path / name, about) as append,
        ):
            append(["a"], labels, large)
    with (
        pytest.raises(ValueError, match="something else under the name of layer 'names'"),
        writing(tmp_path / "f.npz", About(**{**vars(about), "layers": {"names": 2}})),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
