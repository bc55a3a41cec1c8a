"""The pickled batches of cuda-convnet, 2012 and cuda-convnet2, put together by hand, are read; what
is written is what those programs read; hostile ones are not obeyed.
"""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.formats.cuda_convnet.model_meta import read_meta
from alexnet.images import PictureError, Source, SourceError, open_source
from alexnet.images.batch_writing import Form, write_batches
from formats import by_hand as hand

SIDE = 8
NAMES = ("ant", "bee", "cow")
Encode = Callable[..., bytes]


def pixels(count: int, seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Smooth pictures, which survive JPEG: uint8 (count, side, side, 3)."""
    random = np.random.default_rng(seed)
    corners = random.integers(0, 256, (count, 1, 1, 3)) + random.integers(-9, 9, (count, 1, 1, 3))
    slope = np.arange(side)[None, :, None, None] + np.arange(side)[None, None, :, None]
    return (corners + 2 * slope).clip(0, 255).astype(np.uint8)


def labels(count: int) -> list[int]:
    return [row % len(NAMES) for row in range(count)]


def columns(pictures: np.ndarray) -> np.ndarray:
    """Pixels x pictures, red plane first."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1).T)


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(hand.pickled(hand.value(content)))


def put_meta(folder: Path, **more: object) -> None:
    values = 3 * SIDE * SIDE
    mean = np.full((values, 1), 7, np.float32)
    meta = {"label_names": list(NAMES), "num_vis": values, "data_mean": mean}
    put(folder / "batches.meta", meta | more)


def pixel_batch(count: int, seed: int) -> dict[str, object]:
    return {"data": columns(pixels(count, seed)), "labels": labels(count)}


def failure(folder: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(folder))
    return str(caught.value)


def shown(source: Source, part: str = "train") -> np.ndarray:
    split = getattr(source, part)
    return np.stack([split.read(row, 3) for row in range(len(split))])


# --- the three forms ------------------------------------------------------------------------------


def test_cuda_convnets_columns_of_pixels(tmp_path: Path) -> None:
    put_meta(tmp_path)
    for number in range(1, 7):
        put(tmp_path / f"data_batch_{number}", pixel_batch(4, number))
    source = open_source(str(tmp_path))
    assert source.classes == NAMES
    np.testing.assert_array_equal(shown(source)[4:8], pixels(4, 2))
    np.testing.assert_array_equal(shown(source, "test"), pixels(4, 6))
    assert source.train.labels.tolist() == labels(4) * 5
    assert source.train.name(9) == "data_batch_3, picture 1"
    assert source.note == "training batches to learn from, test batches to be tested on"


def test_rows_and_columns_are_told_apart_by_the_labels(tmp_path: Path) -> None:
    batch = pixel_batch(5, 1)
    put(tmp_path / "columns" / "data_batch_1", batch)
    put(tmp_path / "rows" / "data_batch_1", batch | {"data": batch["data"].T.copy()})  # type: ignore[attr-defined]
    wanted = sorted(map(tuple, pixels(5, 1).reshape(5, -1).tolist()))
    for form in ("rows", "columns"):
        source = open_source(str(tmp_path / form))
        both = np.concatenate([shown(source), shown(source, "test")])
        assert sorted(map(tuple, both.reshape(5, -1).tolist())) == wanted
        assert source.classes == ("0", "1", "2")


def test_as_many_pictures_as_pixels_are_columns_where_a_mean_lies_beside_them(
    tmp_path: Path,
) -> None:
    square = np.arange(12 * 12).reshape(12, 12).astype(np.uint8)
    put(tmp_path / "data_batch_1", {"data": square, "labels": [0] * 12})
    by_rows = open_source(str(tmp_path)).train.read(0, 3)
    put(
        tmp_path / "batches.meta",
        {"label_names": ["a"], "num_vis": 12, "data_mean": np.zeros((12, 1), np.float32)},
    )
    by_columns = open_source(str(tmp_path)).train.read(0, 3)
    assert by_rows[0, 0].tolist() == [0, 4, 8]
    assert by_columns[0, 0].tolist() == [0, 48, 96]


def test_grey_pictures(tmp_path: Path) -> None:
    grey = np.arange(16 * 3).reshape(3, 16).astype(np.uint8)
    for number in (1, 2000):
        put(tmp_path / f"data_batch_{number}", {"data": grey.T.copy(), "labels": [0, 1, 0]})
    source = open_source(str(tmp_path))
    np.testing.assert_array_equal(source.train.read(1, 1)[:, :, 0], grey[1].reshape(4, 4))


def strings(pictures: np.ndarray, encode: Encode) -> list[bytes]:
    return [encode(picture, "JPEG", quality=95, subsampling=0) for picture in pictures]


LABEL_FORMS: dict[str, Callable[[list[bytes], list[int]], object]] = {
    "2012, ids and labels": lambda jpegs, numbers: (
        jpegs, [(500, 375)] * len(jpegs), [(f"n{n:08}", n) for n in numbers],
    ),
    "2012, labels and ids": lambda jpegs, numbers: (jpegs, numbers, [f"n{n:08}" for n in numbers]),
    "2012, labels": lambda jpegs, numbers: (jpegs, [(500, 375)] * len(jpegs), numbers),
    "2012, lists of labels": lambda jpegs, numbers: (jpegs, jpegs, [[n] for n in numbers]),
    "cuda-convnet2": lambda jpegs, numbers: {"data": jpegs, "labels": [[n] for n in numbers]},
    "cuda-convnet2, plain": lambda jpegs, numbers: {"data": jpegs, "labels": numbers},
}  # fmt: skip


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_jpeg_strings_with_every_form_of_labels(form: str, tmp_path: Path, encode: Encode) -> None:
    put_meta(tmp_path)
    for number in (1, 2, 2000):
        jpegs = strings(pixels(4, number), encode)
        put(tmp_path / f"data_batch_{number}", LABEL_FORMS[form](jpegs, labels(4)))
    source = open_source(str(tmp_path))
    assert (len(source.train), len(source.test)) == (8, 4)
    assert source.train.labels.tolist() == labels(4) * 2
    assert np.abs(shown(source, "test").astype(int) - pixels(4, 2000)).max() < 12
    assert source.note == "training batches to learn from, validation batches to be tested on"


def test_sub_batches_in_a_folder_and_beside_one_another(tmp_path: Path, encode: Encode) -> None:
    for part in range(12):  # cuda-convnet2 counts from 0; the tenth comes after the second
        content = {"data": strings(pixels(1, part), encode), "labels": [[part % 3]]}
        put(tmp_path / "two" / "data_batch_0" / f"data_batch_0.{part}", content)
    source = open_source(str(tmp_path / "two"))
    assert [source.train.records.name(row) for row in (2, 10)] == [
        "data_batch_0.2, picture 0",
        "data_batch_0.10, picture 0",
    ]
    for part in (1, 2):  # cuda-convnet from 1
        put(tmp_path / "one" / f"data_batch_1.{part}", pixel_batch(2, part))
    source = open_source(str(tmp_path / "one"))
    assert len(source.train) + len(source.test) == 4
    (tmp_path / "one" / "data_batch_1.1").unlink()
    assert "data_batch_1.1 is missing" in failure(tmp_path / "one")


def test_gzipped_batches(tmp_path: Path) -> None:
    data = hand.pickled(hand.value(pixel_batch(5, 1)))
    (tmp_path / "data_batch_1").write_bytes(gzip.compress(data))
    assert len(open_source(str(tmp_path)).train) == 3


# --- which batches are tested on ------------------------------------------------------------------


def numbered(folder: Path, *numbers: int) -> Source:
    put_meta(folder)
    for number in numbers:
        put(folder / f"data_batch_{number}", pixel_batch(3, number))
    return open_source(str(folder))


def test_validation_and_test_batches_begin_at_thousands(tmp_path: Path) -> None:
    source = numbered(tmp_path / "a", 999, 1000, 1001, 2000, 2001, 3000)
    assert (len(source.train), len(source.test)) == (9, 3)
    assert source.test.name(0) == "data_batch_3000, picture 0"
    assert source.note.endswith("test batches to be tested on; validation batches left aside")
    source = numbered(tmp_path / "b", 0, 1, 1000)
    assert source.test.name(0) == "data_batch_1000, picture 0"


def test_test_batches_without_labels_give_way_to_the_validation_batches(tmp_path: Path) -> None:
    numbered(tmp_path, 1, 2000)
    put(tmp_path / "data_batch_3000", pixel_batch(3, 1) | {"labels": [None, None, None]})
    source = open_source(str(tmp_path))
    assert source.test.name(0) == "data_batch_2000, picture 0"
    assert "test batches left aside" in source.note


def test_one_set_is_split_by_the_seed(tmp_path: Path) -> None:
    source = numbered(tmp_path, 1, 2, 3, 4)
    assert (len(source.train), len(source.test)) == (9, 3)
    assert source.note.startswith("batches (none with labels is to be tested on) split by seed 0")


def test_pictures_without_a_label_and_with_several(tmp_path: Path) -> None:
    put_meta(tmp_path)
    put(tmp_path / "data_batch_1", pixel_batch(4, 1) | {"labels": [[2], [], [1, 0], [0]]})
    put(tmp_path / "data_batch_2000", pixel_batch(3, 1))
    source = open_source(str(tmp_path))
    assert source.train.labels.tolist() == [2, 1, 0]
    assert source.train.name(1) == "data_batch_1, picture 2"
    assert "1 without a label left aside; 1 with several labels, of which the first" in source.note


def test_the_labels_offset_of_the_meta_file(tmp_path: Path) -> None:
    put_meta(tmp_path, label_offset=-1)
    put(tmp_path / "data_batch_1", pixel_batch(3, 1) | {"labels": [1, 2, 3]})
    put(tmp_path / "data_batch_2000", pixel_batch(3, 1) | {"labels": [1, 2, 3]})
    assert open_source(str(tmp_path)).train.labels.tolist() == [0, 1, 2]


# --- lazily ---------------------------------------------------------------------------------------


def test_no_picture_is_decoded_before_it_is_asked_for(tmp_path: Path, encode: Encode) -> None:
    jpegs = strings(pixels(4, 1), encode)
    jpegs[2] = b"\xff\xd8 no picture"
    put_meta(tmp_path)
    for number in (1, 2, 3, 2000):
        put(tmp_path / f"data_batch_{number}", {"data": jpegs, "labels": labels(4)})
    source = open_source(str(tmp_path))
    with pytest.raises(PictureError, match="data_batch_2, picture 2: "):
        source.train.read(6, 3)
    records: Any = source.train.records
    for row in (0, 3, 4, 7, 8, 11):
        source.train.read(row, 3)
        assert len(records._recent) <= 2


def test_a_file_that_changes_under_the_records_is_an_error(tmp_path: Path) -> None:
    source = numbered(tmp_path, 1, 2000)
    (tmp_path / "data_batch_1").write_bytes(b"")
    with pytest.raises(SourceError, match="data_batch_1: is not a whole pickle"):
        source.train.read(0, 3)


# --- what is refused ------------------------------------------------------------------------------


def test_a_hostile_batch_is_refused_and_not_executed(tmp_path: Path) -> None:
    numbered(tmp_path, 1, 2000)
    marker = tmp_path / "marker"
    command = hand.tuple_of(hand.text(f"touch {marker}"))
    hostile = hand.entries(labels=b"]", data=b"cos\nsystem\n" + command + b"R")
    for name in ("data_batch_1", "batches.meta"):
        (tmp_path / name).write_bytes(hand.pickled(hostile))
        message = failure(tmp_path)
        assert name in message and "os.system" in message and "not obeyed" in message
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (5, "holds 5; a batch is a dict"),
        ((1, 2), "holds a tuple of 2; a batch is"),
        ({"labels": [1]}, "'data' is None; it should be an array of pixels, or a list"),
        ({"data": [b"x", 3], "labels": [1, 1]}, "picture 1 is 3; it should be a JPEG string"),
        ({"data": [b"x"], "labels": [1, 1]}, "has 1 pictures but 2 labels"),
        ({"data": [b"x"], "labels": [True]}, "the label of picture 0 is True"),
        ({"data": [b"x"], "labels": ["cat"]}, "the label of picture 0 is 'cat'"),
        ({"data": [b"x"], "labels": [[[1]]]}, "the label of picture 0 is a list of 1"),
        ({"data": [b"x"], "labels": [1.5]}, "the label of picture 0 is 1.5"),
        ({"data": [b"x"], "labels": [2**30]}, "the label of picture 0 is 1073741824"),
        ({"data": [b"x"], "labels": [3]}, "picture 0 has the label 3; labels are 0 to 2"),
        ({"data": [b"x"], "labels": [None]}, "no picture of its training batches has a label"),
        ({"data": np.zeros((2, 2, 48), np.uint8), "labels": [1, 1]}, "an array 2x2x48 of uint8"),
        ({"data": np.zeros((1, 48), np.uint8), "labels": [1]}, "as many pictures, 192 pixels each"),
    ],
)
def test_other_batches_are_named(content: object, said: str, tmp_path: Path) -> None:
    numbered(tmp_path, 1, 2, 2000)
    for name in ("data_batch_1", "data_batch_2"):
        put(tmp_path / name, content)
    message = failure(tmp_path)
    assert said in message and str(tmp_path) in message


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ([1], "holds a list of 1"),
        ({"label_names": "abc"}, "'label_names' is 'abc'"),
        ({"label_names": [1]}, "'label_names' is a list of 1"),
        ({"num_vis": "many"}, "'num_vis' is 'many'"),
        ({"data_mean": [1]}, "'data_mean' is a list of 1"),
        ({"data_mean": np.zeros(5, np.float32)}, "'data_mean' is an array 5 of float32"),
        ({"data_mean": np.full(12, np.nan)}, "'data_mean' is an array 12 of float64"),
        ({"color_pca": (np.zeros(3),)}, "'color_pca' is a tuple of 1"),
        ({"color_pca": (np.zeros(3), np.zeros(3))}, "'color_pca' is a tuple of 2"),
    ],
)
def test_other_meta_files_are_named(meta: object, said: str, tmp_path: Path) -> None:
    numbered(tmp_path, 1, 2000)
    put(tmp_path / "batches.meta", meta)
    message = failure(tmp_path)
    assert said in message and "batches.meta" in message


def test_missing_batches_are_named(tmp_path: Path) -> None:
    numbered(tmp_path / "a", 1, 2, 2000)
    put(tmp_path / "a" / "data_batch_4", pixel_batch(3, 4))
    assert "data_batch_3 is missing" in failure(tmp_path / "a")
    for number in range(4):
        put(tmp_path / "b" / f"data_batch_{number * 1000}", pixel_batch(3, 4))
    assert "batches begin at data_batch_0, data_batch_1000" in failure(tmp_path / "b")


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pixels", "2012", "cuda-convnet2"])
def test_what_is_written_is_read_back(form: Form, tmp_path: Path) -> None:
    train, test = pixels(7, 1), pixels(3, 2)
    paths = write_batches(tmp_path, list(train), labels(7), NAMES, form=form, per_batch=3)
    assert [path.name for path in paths] == ["data_batch_1", "data_batch_2", "data_batch_3"]
    write_batches(tmp_path, list(test), labels(3), NAMES, form=form, first=2000)
    source = open_source(str(tmp_path))
    assert source.classes == NAMES
    assert source.train.labels.tolist() == labels(7)
    assert source.test.labels.tolist() == labels(3)
    tolerance = 0 if form == "pixels" else 16
    assert np.abs(shown(source).astype(int) - train).max() <= tolerance
    assert np.abs(shown(source, "test").astype(int) - test).max() <= tolerance
    meta = read_meta(tmp_path / "batches.meta")
    assert meta.mean is not None
    np.testing.assert_allclose(meta.mean, train.mean(0).transpose(2, 0, 1), atol=1e-4)


def test_colour_components_are_written_as_deviations_and_columns(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    write_batches(tmp_path, list(pictures), [0] * 5, NAMES, form="cuda-convnet2")
    meta = read_meta(tmp_path / "batches.meta")
    assert meta.colour_vectors is not None and meta.colour_deviations is not None
    vectors, variances = (
        meta.colour_vectors.astype(float),
        meta.colour_deviations.astype(float) ** 2,
    )
    covariance = np.cov(pictures.reshape(-1, 3).astype(float), rowvar=False, bias=True)
    np.testing.assert_allclose(vectors * variances @ vectors.T, covariance, rtol=1e-4, atol=1e-2)


def test_what_is_written_is_what_the_programs_unpickled(tmp_path: Path, encode: Encode) -> None:
    """Read by Python's own unpickler, in the words of convdata_jpeg.py and of cuda-convnet2."""
    jpegs = strings(pixels(3), encode)
    write_batches(tmp_path / "a", jpegs, labels(3), NAMES, form="2012")
    written = pickle.loads((tmp_path / "a" / "data_batch_1").read_bytes(), encoding="latin-1")
    strings_, sizes, pairs = written
    assert [s.encode("latin-1") for s in strings_] == jpegs
    assert sizes == [(SIDE, SIDE)] * 3
    assert [pair[1] for pair in pairs] == labels(3) and pairs[1][0] == "bee"
    write_batches(tmp_path / "b", jpegs, labels(3), NAMES, form="cuda-convnet2", first=0)
    path = tmp_path / "b" / "data_batch_0" / "data_batch_0.0"
    written = pickle.loads(path.read_bytes(), encoding="latin-1")
    assert written["labels"] == [[0], [1], [2]] and set(written) == {"data", "labels"}
    write_batches(tmp_path / "c", list(pixels(3)), labels(3), NAMES, form="pixels")
    written = pickle.loads((tmp_path / "c" / "data_batch_1").read_bytes(), encoding="latin-1")
    np.testing.assert_array_equal(written["data"], columns(pixels(3)))
    meta = pickle.loads((tmp_path / "c" / "batches.meta").read_bytes(), encoding="latin-1")
    assert meta["num_vis"] == 3 * SIDE**2 and meta["data_mean"].shape == (3 * SIDE**2, 1)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    def refused(
        pictures: Any, numbers: list[int], names: tuple[str, ...] = NAMES, **more: Any
    ) -> str:
        with pytest.raises(SourceError) as caught:
            write_batches(tmp_path, pictures, numbers, names, form="pixels", **more)
        return str(caught.value)

    assert "2 pictures and 1 labels" in refused(list(pixels(2)), [0])
    assert "picture 1 has the label 3; labels are 0 to 2" in refused(list(pixels(2)), [0, 3])
    mixed = [pixels(1)[0], pixels(1, side=6)[0]]
    assert "picture 1 is 6x6x3 and the first one has 8 pixels" in refused(mixed, [0, 1])
    assert "picture 0: is not a picture" in refused([b"abc"], [0])
    assert "the training batches are written first" in refused(list(pixels(1)), [0], first=2000)
    write_batches(tmp_path, list(pixels(1)), [0], NAMES, form="pixels")
    assert "names 3 classes" in refused(list(pixels(1)), [0], ("x",), first=2000)
