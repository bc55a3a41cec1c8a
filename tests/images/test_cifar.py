"""CIFAR-10's own batches, written by hand here, read back equal; hostile ones are not obeyed."""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.images import Source, SourceError, open_source
from alexnet.images.cifar import CLASSES

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
PER_BATCH = 7


def pixels_and_labels(batch: int) -> tuple[np.ndarray, list[int]]:
    random = np.random.default_rng(batch)
    flat = random.integers(0, 256, (PER_BATCH, 3072)).astype(np.uint8)
    return flat, random.integers(0, 10, PER_BATCH).tolist()


def python2_pickle(flat: np.ndarray, labels: list[int]) -> bytes:
    """Protocol 2 as Python 2 and the numpy of 2009 wrote it: byte strings, no bytes type."""

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    def whole(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    kind = b"cnumpy\ndtype\n" + short(b"u1") + whole(0) + whole(1) + b"\x87R"
    kind += b"(" + whole(3) + short(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + whole(0)
    kind += b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + whole(0) + b"\x85"
    array += short(b"b") + b"\x87R"
    raw = flat.tobytes()
    array += b"(" + whole(1) + whole(flat.shape[0]) + whole(flat.shape[1]) + b"\x86" + kind
    array += b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    numbers = b"](" + b"".join(whole(label) for label in labels) + b"e"
    files = b"](" + b"".join(short(b"a_%d.png" % row) for row in range(len(labels))) + b"e"
    pairs = short(b"data") + array + short(b"labels") + numbers + short(b"filenames") + files
    return b"\x80\x02}(" + pairs + b"u."


def write_batches(folder: Path, layout: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for batch, name in enumerate(NAMES):
        flat, labels = pixels_and_labels(batch)
        if layout == "binary":
            rows = np.concatenate([np.array(labels, np.uint8)[:, None], flat], axis=1)
            (folder / f"{name}.bin").write_bytes(rows.tobytes())
        elif layout == "python 2":
            (folder / name).write_bytes(python2_pickle(flat, labels))
        else:
            content = {b"data": flat, b"labels": labels}
            (folder / name).write_bytes(pickle.dumps(content, protocol=int(layout[-1])))
    if layout == "binary":
        (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    else:
        meta = {"label_names": list(CLASSES), "num_vis": 3072}
        (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))


def assert_as_written(source: Source) -> None:
    assert source.classes == CLASSES
    for split, batches in ((source.train, range(5)), (source.test, [5])):
        written = [pixels_and_labels(batch) for batch in batches]
        assert split.labels.tolist() == [label for _, labels in written for label in labels]
        assert split.labels.dtype == np.int64
        rows = np.concatenate([flat for flat, _ in written])
        for index, row in enumerate(rows):
            expected = row.reshape(3, 32, 32).transpose(1, 2, 0)
            np.testing.assert_array_equal(split.read(index, 3), expected)
    assert source.train.name(PER_BATCH + 2).startswith("data_batch_2")


LAYOUTS = ["binary", "python 2", "protocol 2", "protocol 4", "protocol 5"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_batches_read_back_equal(layout: str, tmp_path: Path) -> None:
    write_batches(tmp_path, layout)
    assert_as_written(open_source(str(tmp_path)))


def test_python2_names_its_files(tmp_path: Path) -> None:
    write_batches(tmp_path, "python 2")
    assert open_source(str(tmp_path)).test.name(3) == "test_batch, picture 3 (a_3.png)"


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        ("binary", "data/cifar10/cifar-10-batches-bin"),
        ("python 2", "data/cifar10"),
        ("python 2", "data/cifar-10-batches-py"),
        ("protocol 4", "user/alexnet/cifar10"),
    ],
)
def test_the_name_finds_the_batches(
    layout: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    write_batches(tmp_path / place, layout)
    source = open_source("cifar10", data_folder=tmp_path / "data")
    assert source.name == "cifar10"
    assert_as_written(source)


class Hostile:
    """Unpickled by an obliging reader, this creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return (open, (str(self.victim), "w"))


def failure(folder: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(folder))
    return str(caught.value)


def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    write_batches(tmp_path / "set", "protocol 2")
    hostile = pickle.dumps({b"data": Hostile(victim), b"labels": []})
    (tmp_path / "set" / "data_batch_3").write_bytes(hostile)
    message = failure(tmp_path / "set")
    assert "data_batch_3" in message and "io.open" in message and "not obeyed" in message
    assert not victim.exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80\x02cos\nsystem\nU\x04trueq\x85R.",
        b"\x80\x02cnumpy\nload\nU\x04/etc\x85R.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aU\x04zlib\x86R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
    ],
)
def test_other_callables_are_refused(payload: bytes, tmp_path: Path) -> None:
    write_batches(tmp_path, "protocol 2")
    (tmp_path / "data_batch_1").write_bytes(payload)
    assert "data_batch_1" in failure(tmp_path)


def test_truncated_pickles_are_named(tmp_path: Path) -> None:
    write_batches(tmp_path, "python 2")
    data = (tmp_path / "data_batch_2").read_bytes()
    for length in [*range(0, 300, 7), len(data) // 2, len(data) - 1]:
        (tmp_path / "data_batch_2").write_bytes(data[:length])
        assert "data_batch_2: is not a whole pickle" in failure(tmp_path)


def test_mutated_pickles_are_read_or_refused(tmp_path: Path) -> None:
    write_batches(tmp_path, "python 2")
    data = (tmp_path / "data_batch_2").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        mutant = bytearray(data)
        mutant[random.integers(0, 150)] = random.integers(0, 256)
        (tmp_path / "data_batch_2").write_bytes(mutant)
        try:
            open_source(str(tmp_path))
        except SourceError as error:
            assert "data_batch_2" in str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds a list of 2"),
        ({b"labels": [1]}, "'data' is None"),
        ({b"data": np.zeros((1, 5), np.uint8), b"labels": [1]}, "an array 1x5 of uint8"),
        ({b"data": np.zeros((1, 3072), np.int16), b"labels": [1]}, "an array 1x3072 of int16"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}, "and there are 1 labels"),
        (
            {b"data": np.zeros((1, 3072), np.uint8), b"labels": ["a"]},
            "picture 0 is 'a'; labels are",
        ),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": 1}, "'labels' is 1; it should be"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, "picture 0 has the label 10"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [-1]}, "picture 0 has the label -1"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [-(2**70)]}, "picture 0 is a number"),
    ],
)
def test_a_batch_of_another_shape_is_named(content: object, said: str, tmp_path: Path) -> None:
    write_batches(tmp_path, "protocol 2")
    (tmp_path / "data_batch_4").write_bytes(pickle.dumps(content, protocol=2))
    message = failure(tmp_path)
    assert "data_batch_4" in message and said in message


def test_a_binary_batch_of_the_wrong_size_is_named(tmp_path: Path) -> None:
    write_batches(tmp_path, "binary")
    for size in (0, 3072, 3074):
        (tmp_path / "test_batch.bin").write_bytes(bytes(size))
        message = failure(tmp_path)
        assert "test_batch.bin" in message and "whole number of pictures" in message


def test_a_binary_label_out_of_range_is_named(tmp_path: Path) -> None:
    write_batches(tmp_path, "binary")
    (tmp_path / "data_batch_5.bin").write_bytes(bytes(3073) + b"\x0b" + bytes(3072))
    assert "data_batch_5.bin: picture 1 has the label 11; labels are 0 to 9" in failure(tmp_path)


def test_missing_batches_are_named(tmp_path: Path) -> None:
    write_batches(tmp_path, "binary")
    (tmp_path / "data_batch_2.bin").unlink()
    (tmp_path / "test_batch.bin").unlink()
    assert "data_batch_2.bin, test_batch.bin" in failure(tmp_path)


def test_class_names_of_another_number_are_an_error(tmp_path: Path) -> None:
    write_batches(tmp_path, "binary")
    (tmp_path / "batches.meta.txt").write_text("one\ntwo\n")
    assert "names 2 classes" in failure(tmp_path)
