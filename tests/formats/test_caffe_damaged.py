"""Files that are cut short, wrong or hostile: one sentence, in little time and little memory."""

from __future__ import annotations

import random
import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from alexnet import formats
from alexnet.formats import Beside, FormatError
from alexnet.formats.caffe import read_mean, write_mean
from formats.caffe_small import OLD_TEXT, TEXT, model

SECONDS = 1.0
ROOM = 60 * 2**20
"""Bytes that reading a file of a few may take."""


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number: int, data: bytes, claimed: int | None = None) -> bytes:
    """A field of bytes, which may claim to be longer than it is."""
    return varint(number << 3 | 2) + varint(len(data) if claimed is None else claimed) + data


def layer(*fields: bytes) -> bytes:
    return field(100, field(1, b"conv1") + field(2, b"Convolution") + b"".join(fields))


def blob(*fields: bytes) -> bytes:
    return layer(field(7, b"".join(fields)))


MODELS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; a model holds layers"),
    "no message": (b"<html>not found</html>", "byte 0: field 7 of wire kind 4 cannot be"),
    "zeros": (bytes(64), "byte 0: field 0 of wire kind 0 cannot be"),
    "a claim of terabytes": (field(100, b"abc", 1 << 43), "a value of 8796093022208 bytes"),
    "a claim beyond all numbers": (b"\xa2\x06" + b"\xff" * 11, "a number does not end"),
    "floats of half": (blob(field(5, b"\0" * 7)), "data has 7 bytes, no multiple of 4"),
    "a shape of terabytes": (
        field(3, b"data") + field(8, field(1, varint(1 << 40) * 4)) + blob(),
        "input 'data' has shape [1099511627776, 1099511627776,",
    ),
    "numbers that are none": (blob(b"\x28\x01"), "data is of wire kind 0; it must be 5"),
    "no layers": (field(1, b"net"), "does not say what its network takes"),
    "many fields": (b"\x38\x01" * 60_000, "holds more than 50,000 fields"),
    "many layers": (layer() * 2001, "has 2,001 layers; up to 2,000 are read"),
    "many sides": (
        blob(field(7, field(1, b"\x01" * 200_000))), "dim holds more numbers than can be"
    ),
    "both spellings": (
        field(2, field(4, b"a")) + layer(), "has both 'layer' and 'layers'; Caffe reads one"
    ),
}  # fmt: skip

INPUT = 'input: "data" input_dim: [1, 3, 8, 8]\n'

DEFINITIONS: dict[str, tuple[str, str]] = {
    "empty": ("", "no layer gives a picture; a deploy definition has an input"),
    "a solver": (
        'net: "train_val.prototxt"\nbase_lr: 0.01\nlr_policy: "step"\n',
        "is a solver, which says how a net learns; open the net that it names",
    ),
    "a picture alone": (INPUT, "has no layer that says anything of a picture"),
    "not closed": (INPUT + "layer {", "ends before '}'"),
    "closed twice": (INPUT + "layer { } }", "line 2: '}': a field's name was expected"),
    "no value": (INPUT + "layer { name: }", "line 2: 'name': has no value"),
    "a bare name": (INPUT + "layer { name: conv1 }", "line 2: name is conv1; it must be string"),
    "two values": (INPUT + 'layer { name: ["a", "b"] }', "'name': has 2 values; it takes one"),
    "a message for a value": (INPUT + "layer { name { } }", "'name': is a message; it takes a"),
    "nothing between": (INPUT + "layer name", "'layer': ':' or '{' was expected after it"),
    "no text": (INPUT + "layer { name: \x01 }", "line 2: '� }' is no text of Caffe's"),
    "a word for a number": (INPUT + "input_dim: many", "line 2: input_dim is many; it must be int"),
    "an underscore": (INPUT + "input_dim: 1_0", "line 2: input_dim is 1_0; it must be int"),
    "a long number": (INPUT + f"input_dim: {'9' * 5000}", "it must be int"),
    "deep": ("layer { a { " * 500, "line 1: 'a': messages lie more than 100 deep"),
    "deep and known": ("state { state: { " * 500, "messages lie more than 100 deep"),
    "many marks": ("a: 1 " * 150_000, "holds more than 150,000 words and marks"),
    "large": ("#" * (1 << 21), "has 2,097,152 bytes; a definition has up to 1,048,576"),
    "three sides": (
        'input: "data" input_dim: [1, 3, 8]', "input 'data' has shape [1, 3, 8]; pictures have 4"
    ),
    "no side": ('input: "data" input_dim: [1, 3, 0, 8]', "input 'data' has shape [1, 3, 0, 8]"),
    "huge sides": (
        'input: "data" input_dim: [1, 3, 8, 9999999999]', "input 'data' has shape [1, 3, 8, 9999"
    ),
    "an unknown enumeration": (
        INPUT + 'layer { name: "p" type: "Pooling" pooling_param { pool: MAXX } }',
        "line 2: pool is MAXX; it must be MAX",
    ),
    "not a number": (
        INPUT + 'layer { name: "l" type: "LRN" bottom: "data" top: "l" lrn_param { alpha: nan } }',
        "alpha is nan; it must be a finite number",
    ),
}  # fmt: skip


def outcome(path: Path, beside: Beside | None = None) -> str:
    """What comes of reading a file; nothing but FormatError, in one line and little time."""
    began = time.process_time()
    try:
        found = formats.read(path, beside=beside) if beside else formats.describe(path)
        said = f"read {found.network.name}"
    except FormatError as error:
        said = str(error)
    assert time.process_time() - began < SECONDS
    assert said
    assert "\n" not in said
    assert len(said) < 1000
    return said


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    data, sentence = MODELS[name]
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    assert sentence in outcome(path)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions(name: str, tmp_path: Path) -> None:
    text, sentence = DEFINITIONS[name]
    path = tmp_path / "net.prototxt"
    path.write_text(text, encoding="utf-8")
    said = outcome(path)
    assert said.startswith(str(path))
    assert sentence in said


@pytest.mark.parametrize("name", ["a claim of terabytes", "a shape of terabytes"])
def test_memory_is_that_of_the_file_and_not_of_its_claims(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(MODELS[name][0])
    tracemalloc.start()
    try:
        outcome(path)
        assert tracemalloc.get_traced_memory()[1] < ROOM
    finally:
        tracemalloc.stop()


def test_a_layer_with_claims_of_terabytes_reserves_nothing(tmp_path: Path) -> None:
    path, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    path.write_text(TEXT.replace("num_output: 4", "num_output: 2000000000"), encoding="utf-8")
    weights.write_bytes(model(TEXT))
    tracemalloc.start()
    try:
        said = outcome(path, Beside(weights=weights))
        assert tracemalloc.get_traced_memory()[1] < ROOM
    finally:
        tracemalloc.stop()
    assert "layer 'conv1', array 0 has shape (4, 3, 3, 3); it must be (2000000000, 3, 3, 3)" in said


def test_a_sparse_file_of_gigabytes_is_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        assert "byte 0: field 0" in outcome(path)
        assert tracemalloc.get_traced_memory()[1] < ROOM
    finally:
        tracemalloc.stop()
    with path.open("wb") as file:
        file.truncate(1 << 31)
    assert "has 2,147,483,648 bytes; a model has up to 2,147,483,647" in outcome(path)


def test_a_model_that_is_cut_short_anywhere_is_told(tmp_path: Path) -> None:
    path, whole = tmp_path / "net.caffemodel", model(TEXT)
    path.write_bytes(whole)
    assert outcome(path) == "read small"
    for length in range(1, len(whole), 7):
        path.write_bytes(whole[:length])
        assert outcome(path).startswith(str(path)), f"{length} of {len(whole)} bytes"


def mutations(data: bytes, seed: int) -> bytes:
    """A file with a few bytes changed, dropped, doubled, moved or cut."""
    chance, found = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found))
        length = chance.choice((1, 1, 2, 5, 40))
        match chance.randrange(5):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = found[at : at + length] * chance.choice((1, 2, 50))
            case 3:
                other = chance.randrange(len(found))
                found[at:at] = found[other : other + length]
            case _:
                found[at] ^= 1 << chance.randrange(8)
        if not found:
            found = bytearray(b"\0")
    return bytes(found)


WORDS = ("{", "}", "layer {", '"', ":", "pad: 9", "group: 3", "shape {", "global_pooling: true")
NUMBERS = ("0", "-1", "1", "2", "7", "1e30", "nan", "4294967296", "9223372036854775807", "0.5")
NAMES = ("Concat", "Eltwise", "Split", "Flatten", "Softmax", "SoftmaxWithLoss", "Data", "Accuracy")
PAIR = re.compile(r'(\w+): ("[^"]*"|[\w.-]+)')


def reworded(text: str, seed: int) -> str:
    """A text with a few words dropped, doubled or exchanged for others."""
    chance, words = random.Random(seed), text.split(" ")
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(words))
        match chance.randrange(3):
            case 0:
                del words[at]
            case 1:
                words[at] = chance.choice((*WORDS, *words))
            case _:
                words.insert(at, chance.choice((*WORDS, *words)))
    return " ".join(words)


def revalued(text: str, seed: int) -> str:
    """A text with the values of some settings exchanged for others of their kind."""
    chance, values = random.Random(seed), {pair[2] for pair in PAIR.finditer(text)}
    strings = sorted(value for value in values if value[0] == '"')
    for _ in range(chance.randint(1, 3)):
        pair = chance.choice(list(PAIR.finditer(text)))
        value = chance.choice((*strings, *(f'"{name}"' for name in NAMES)))
        if pair[2][0] != '"':
            value = chance.choice(NUMBERS if pair[2][0].isdigit() else sorted(values))
        text = f"{text[: pair.start(2)]}{value}{text[pair.end(2) :]}"
    return text


@pytest.mark.parametrize("text", [TEXT, OLD_TEXT], ids=["V2", "V1"])
def test_mutated_models_are_read_or_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "net.caffemodel", model(text)
    outcomes: list[bool] = []
    for seed in range(250):
        path.write_bytes(mutations(whole, seed))
        outcomes.append(outcome(path).startswith("read "))
    assert 10 < sum(outcomes) < 200, "most must be refused, and some be as good as whole"


@pytest.mark.parametrize("text", [TEXT, OLD_TEXT], ids=["V2", "V1"])
def test_mutated_definitions_are_read_or_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    path, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    weights.write_bytes(model(text))
    outcomes: list[bool] = []
    for seed in range(300):
        changed = (reworded(text, seed) if seed % 3 == 1 else revalued(text, seed)).encode()
        path.write_bytes(changed if seed % 3 else mutations(text.encode(), seed))
        outcomes.append(outcome(path, Beside(weights=weights)).startswith("read "))
    assert 10 < sum(outcomes) < 200, "most must be refused, and some be as good as whole"


def test_mutated_mean_files_are_images_or_refused(tmp_path: Path) -> None:
    image = np.arange(48, dtype=np.float32).reshape(3, 4, 4)
    for name in ("mean.binaryproto", "mean.npy"):
        path = tmp_path / name
        write_mean(image, path)
        whole, images = path.read_bytes(), 0
        for seed in range(200):
            path.write_bytes(mutations(whole, seed))
            try:
                found = read_mean(path)
                images += 1
                assert found.ndim == 3
                assert np.isfinite(found).all()
            except FormatError as error:
                assert str(error).startswith(str(path))
                assert "\n" not in str(error)
        assert 0 < images < 200
