"""The kit's meta.mat is read as scipy reads it, in both byte orders, and damage never crashes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from alexnet.images import SourceError
from alexnet.images.preparing.kit import read_synsets
from alexnet.images.preparing.matlab import Value, read_table
from images.ilsvrc_files import WORDNET_IDS, WORDS, meta_mat, miniature

META = meta_mat(miniature())


def unpacked(data: bytes) -> bytes:
    """The same file without compression."""
    file = io.BytesIO()
    savemat(file, {"synsets": loadmat(io.BytesIO(data))["synsets"]}, do_compression=False)
    return file.getvalue()


PLAIN = unpacked(META)


def refusal(data: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        read_synsets(data, "meta.mat")
    return str(caught.value)


@pytest.mark.parametrize("data", [META, PLAIN], ids=["compressed", "plain"])
def test_classes_come_in_the_order_of_their_ids(data: bytes) -> None:
    year, synsets = read_synsets(data, "meta.mat")
    assert year == 2012
    assert tuple(one.wordnet_id for one in synsets) == WORDNET_IDS
    assert tuple(one.words for one in synsets) == WORDS
    assert [one.id for one in synsets] == [1, 2, 3, 4, 5, 6]
    assert [one.training_pictures for one in synsets] == [4, 4, 15, 4, 4, 4]


def element(kind: int, data: bytes, order: str) -> bytes:
    if kind == 15:
        return struct.pack(f"{order}II", kind, len(data)) + data
    if 0 < len(data) <= 4:
        return struct.pack(f"{order}I", len(data) << 16 | kind) + data + bytes(4 - len(data))
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], name: str, content: bytes, order: str) -> bytes:
    flags = element(6, struct.pack(f"{order}II", kind, 0), order)
    sizes = element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, flags + sizes + element(1, name.encode(), order) + content, order)


def file_of(rows: list[tuple[Value, ...]], fields: list[str], order: str, packed: bool) -> bytes:
    """A MATLAB file with a struct array, written by hand."""
    content = element(5, struct.pack(f"{order}i", 32), order)
    content += element(1, b"".join(field.encode().ljust(32, b"\0") for field in fields), order)
    for cell in (cell for row in rows for cell in row):
        if isinstance(cell, str):
            text = element(4, cell.encode("utf-16-le" if order == "<" else "utf-16-be"), order)
            content += matrix(4, (1, len(cell)), "", text, order)
        else:
            numbers = element(9, struct.pack(f"{order}{len(cell)}d", *cell), order)
            content += matrix(6, (1, len(cell)), "", numbers, order)
    table = matrix(2, (len(rows), 1), "synsets", content, order)
    other = matrix(6, (1, 1), "cost_matrix", element(2, b"\1", order), order)
    body = other + (element(15, zlib.compress(table), order) if packed else table)
    mark = b"\0\1IM" if order == "<" else b"\1\0MI"
    return b"MATLAB 5.0 MAT-file, by hand".ljust(124) + mark + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_written_by_hand_in_either_byte_order(order: str, packed: bool) -> None:
    rows: list[tuple[Value, ...]] = [((1.0,), "café", (0.5, 2.0)), ((2.0,), "a" * 40, ())]
    data = file_of(rows, ["id", "words", "children"], order, packed)
    read = read_table(data, "synsets", "x.mat")
    assert [tuple(row.values()) for row in read] == rows
    assert list(read[0]) == ["id", "words", "children"]
    theirs = loadmat(io.BytesIO(data))["synsets"]  # scipy reads what we wrote by hand, too
    assert theirs[1, 0]["words"][0] == "a" * 40 and (theirs[0, 0]["children"] == [0.5, 2]).all()


@pytest.mark.parametrize("packed", [False, True])
@settings(max_examples=40)
@given(data=st.data())
def test_damage_is_refused_or_harmless(packed: bool, data: st.DataObject) -> None:
    whole = META if packed else PLAIN
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255, damaged[place] ^ 1]))
    try:
        read_synsets(bytes(damaged), "meta.mat")
    except SourceError as error:
        assert str(error).startswith("meta.mat: ")


def test_a_file_cut_short_anywhere_is_refused() -> None:
    for whole in (META, PLAIN):
        for length in range(0, len(whole) - 8, 7):
            assert "meta.mat: " in refusal(whole[:length])


def test_other_files_and_tables_are_refused() -> None:
    assert refusal(b"") == "meta.mat: is no MATLAB file of version 5"
    file = io.BytesIO()
    savemat(file, {"other": np.zeros(3)})
    assert refusal(file.getvalue()) == "meta.mat: has no table 'synsets'"
    fields = ["ILSVRC2012_ID", "WNID", "words", "num_children", "num_train_images"]
    row: tuple[Value, ...] = ((1.0,), "n00000001", "ant", (0.0,), (5.0,))
    assert "have no field ILSVRC2012_ID" in refusal(file_of([row], ["ID", *fields[1:]], "<", False))
    wrong: list[tuple[int, Value, str]] = [
        (0, (2.0,), "are not 1, 2, 3"),
        (0, "1", "its synsets cannot be read ('1' is no number)"),
        (0, (float("nan"),), "its synsets cannot be read"),
        (1, "ant", "'ant' is no WordNet id"),
        (2, (7.0,), "(7.0,) is no text"),
        (3, (), "its synsets cannot be read"),
    ]
    for place, value, sentence in wrong:
        cells = (*row[:place], value, *row[place + 1 :])
        assert sentence in refusal(file_of([cells], fields, "<", False)), sentence
