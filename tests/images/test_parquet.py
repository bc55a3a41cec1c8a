"""Hugging Face's parquet layout: columns and splits are found, and damage is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alexnet.images import PictureError, SourceError, load, open_source

Encode = Callable[..., bytes]
Write = Callable[..., None]


@pytest.fixture
def write(encode: Encode) -> Write:
    """Write a table whose pictures are grey squares of the row number."""

    def write(
        path: Path,
        labels: list[int | None],
        *,
        image: str = "image",
        label: str = "label",
        names: list[str] | None = None,
        extra: dict[str, Any] | None = None,
        first: int = 0,
        rows_per_group: int = 3,
    ) -> None:
        pictures = [
            {"bytes": encode(np.full((6, 6), first + row, np.uint8), "PNG"), "path": f"{row}.png"}
            for row in range(len(labels))
        ]
        table = pa.table({image: pictures, label: pa.array(labels, pa.int64()), **(extra or {})})
        if names:
            feature = {"_type": "ClassLabel", "names": names}
            info = json.dumps({"info": {"features": {label: feature}}})
            table = table.replace_schema_metadata({"huggingface": info})
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=rows_per_group)

    return write


def failure(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(path))
    return str(caught.value)


def test_several_shards_per_split_are_read_in_order(tmp_path: Path, write: Write) -> None:
    names = ["cat", "dog"]
    write(tmp_path / "train-00000-of-00002.parquet", [0, 1, 0, 1, 0, 1, 1], names=names)
    write(tmp_path / "train-00001-of-00002.parquet", [1, 0], names=names, first=7)
    write(tmp_path / "test-00000-of-00001.parquet", [1, 1, 0], names=names, first=100)
    source = open_source(str(tmp_path))
    assert source.classes == ("cat", "dog")
    assert source.train.labels.tolist() == [0, 1, 0, 1, 0, 1, 1, 1, 0]
    pictures = load(source.train, channels=1, side=6)
    assert pictures.images[:, 0, 0, 0].tolist() == list(range(9))
    assert source.train.name(8) == "train-00001-of-00002.parquet, row 1 (1.png)"
    assert source.train.name(4) == "train-00000-of-00002.parquet, row 4 (4.png)"
    assert [int(source.test.read(i, 3)[0, 0, 0]) for i in range(3)] == [100, 101, 102]


def test_splits_may_be_called_validation_and_lie_in_data(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "data" / "train-00000-of-00001.parquet", [0, 1, 2])
    write(tmp_path / "data" / "validation-00000-of-00001.parquet", [2])
    source = open_source(str(tmp_path))
    assert source.classes == ("0", "1", "2")
    assert source.test.labels.tolist() == [2]


def test_splits_may_be_folders(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "train" / "0000.parquet", [0, 1])
    write(tmp_path / "test" / "0000.parquet", [1])
    assert len(open_source(str(tmp_path)).test) == 1


def test_a_test_split_with_secret_labels_gives_way_to_validation(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path / "train-00000-of-00001.parquet", [0, 1])
    write(tmp_path / "test-00000-of-00001.parquet", [-1, -1, -1])
    write(tmp_path / "val-00000-of-00001.parquet", [1])
    source = open_source(str(tmp_path))
    assert source.test.labels.tolist() == [1]
    assert "left aside: test-00000-of-00001.parquet" in source.note


def test_a_single_file_and_unnamed_files_are_split_by_the_seed(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path / "train-00000-of-00001.parquet", [0] * 10)
    source = open_source(str(tmp_path / "train-00000-of-00001.parquet"), seed=4)
    assert (len(source.train), len(source.test)) == (8, 2)
    assert "split by seed 4" in source.note
    (tmp_path / "train-00000-of-00001.parquet").rename(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", [0] * 10)
    assert len(open_source(str(tmp_path)).train) == 16


def test_the_only_struct_with_bytes_and_the_only_integer_will_do(
    tmp_path: Path, write: Write
) -> None:
    other = {"caption": ["x"] * 3, "box": [{"left": 1.0}] * 3}
    write(tmp_path / "a.parquet", [0, 0, 1], image="picture", label="kind", extra=other)
    assert len(open_source(str(tmp_path)).classes) == 2


def test_the_class_label_is_preferred_to_other_integers(tmp_path: Path, write: Write) -> None:
    extra = {"width": [32] * 3}
    write(tmp_path / "a.parquet", [0, 0, 1], label="kind", names=["x", "y"], extra=extra)
    assert open_source(str(tmp_path)).classes == ("x", "y")


def test_fine_labels_are_preferred_to_coarse_ones(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.parquet", [0, 5, 1], label="fine_label", extra={"coarse_label": [0, 1, 0]})
    assert len(open_source(str(tmp_path)).classes) == 6


def test_ambiguous_and_missing_columns_are_named(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.parquet", [0], label="kind", extra={"size": [3]})
    assert "several (kind, size)" in failure(tmp_path)
    pq.write_table(pa.table({"label": [0], "image": ["a.png"]}), tmp_path / "a.parquet")
    assert "needs one struct with a binary field 'bytes'" in failure(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "train-00000-of-00003.parquet", [0])
    write(tmp_path / "train-00002-of-00003.parquet", [0])
    assert "train-00001-of-00003.parquet is missing; 2 of 3" in failure(tmp_path)


def test_test_shards_alone_are_an_error(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "test-00000-of-00002.parquet", [0])
    write(tmp_path / "test-00001-of-00002.parquet", [0])
    assert "has test shards but none named train-*" in failure(tmp_path)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named_with_its_row(
    label: int, tmp_path: Path, write: Write
) -> None:
    write(tmp_path / "a.parquet", [0, 1, 0, 0, label], names=["x", "y"])
    assert f"a.parquet, row 4 (4.png): has the label {label}; labels are 0 to 1" in failure(
        tmp_path
    )


def test_a_test_label_that_is_never_learnt_is_an_error(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "train.parquet", [0, 1])
    write(tmp_path / "test.parquet", [0, 2])
    assert "test.parquet, row 1 (1.png): has the label 2" in failure(tmp_path)


def test_a_missing_label_is_named_with_its_row(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.parquet", [0, 1, None])
    assert "a.parquet: row 2 has no 'label'" in failure(tmp_path)


def test_splits_with_other_class_names_are_an_error(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "train.parquet", [0, 1], names=["cat", "dog"])
    write(tmp_path / "test.parquet", [0, 1], names=["dog", "cat"])
    assert "names other classes" in failure(tmp_path)


def test_a_row_without_bytes_is_rejected_by_name(tmp_path: Path, encode: Encode) -> None:
    good = encode(np.zeros((4, 4), np.uint8), "PNG")
    rows = [{"bytes": good, "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    pq.write_table(pa.table({"img": rows, "label": [0, 1, 1]}), tmp_path / "a.parquet")
    source = open_source(str(tmp_path / "a.parquet"))
    every = [(split, i) for split in (source.train, source.test) for i in range(len(split))]
    refused = []
    for split, index in every:
        try:
            split.read(index, 3)
        except PictureError as error:
            refused.append(error.name)
    assert sorted(refused) == ["a.parquet, row 1 (b.png)", "a.parquet, row 2"]


def test_damaged_files_are_named(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "a.parquet"
    write(path, [0, 1] * 50)
    data = path.read_bytes()
    for damaged in (b"", b"PAR1", b"hello" * 100, data[:-1], data[: len(data) // 2], data[100:]):
        path.write_bytes(damaged)
        assert "a.parquet: is not a whole parquet file" in failure(path)


def test_a_damaged_row_group_is_named_when_it_is_read(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "a.parquet"
    write(path, [0] * 9)
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    for offset in range(group.data_page_offset, group.data_page_offset + 20):
        data[offset] = 0xFF
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.parquet.* in row group 1"):
        load(open_source(str(path)).train, channels=3, side=6)


def test_broken_metadata_is_an_error(tmp_path: Path, encode: Encode) -> None:
    table = pa.table({"img": [{"bytes": b"x"}], "label": [0]})
    for broken in ("{", "[1]", '{"info": 3}'):
        path = tmp_path / "a.parquet"
        pq.write_table(table.replace_schema_metadata({"huggingface": broken}), path)
        assert "'huggingface' metadata" in failure(path)


def test_an_empty_table_is_an_error(tmp_path: Path, write: Write) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"img": pa.array([], kind), "label": pa.array([], pa.int64())})
    pq.write_table(table, tmp_path / "a.parquet")
    assert "no pictures" in failure(tmp_path)


def test_cifar10_opens_with_its_pictures_and_names(shared_data: Path) -> None:
    source = open_source("cifar10", data_folder=shared_data)
    assert (len(source.train), len(source.test)) == (50_000, 10_000)
    assert source.classes[0] == "airplane" and source.classes[9] == "truck"
    assert np.bincount(source.train.labels).tolist() == [5000] * 10
    assert source.train.read(49_999, 3).shape == (32, 32, 3)
    # The paths in the file repeat the class: labels and pictures belong together.
    assert source.classes[source.train.labels[777]] in source.train.name(777)
