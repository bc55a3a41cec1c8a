"""Weight files of numpy: TensorFlow's axes both ways, real files, and damage told in a sentence."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.formats import Beside, Checkpoint, FormatError
from alexnet.formats.weight_files import NPY, NPZ, read, write
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes
from alexnet.network.layers import (
    Activation,
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    MaxPool,
    Window,
)
from alexnet.network.spec import Network
from alexnet.torch_net import build
from every_kind import every_kind
from formats.small import NETWORK, checkpoint
from formats.small import arrays as small_arrays
from reduced import reduced

INITIAL = Gaussian(0.1)
GROUPED = Network(
    "grouped",
    (
        Input(name="data", shape=(3, 9, 9)),
        Conv(name="conv1", reads=("data",), filters=4, rule="torch",
             kernels=(Kernel(size=3, stride=2, initial=INITIAL),)),
        Activation(name="relu1", reads=("conv1",), function="relu"),
        Conv(name="conv2", reads=("relu1",), filters=6, rule="torch",
             kernels=(Kernel(size=3, padding=1, groups=2, initial=INITIAL),)),
        MaxPool(name="pool2", reads=("conv2",), window=Window(size=2, stride=2), rule="torch"),
        FullyConnected(name="fc3", reads=("pool2",), outputs=5, initial=(INITIAL,)),
        FullyConnected(name="fc4", reads=("fc3",), outputs=5, initial=(INITIAL,)),
    ),
)  # fmt: skip
CONTRACT = InputContract(channel_order="BGR", pixel_maximum=255.0)


def drawn(network: Network, seed: int = 2) -> Checkpoint:
    random = np.random.default_rng(seed)
    arrays = {p.name: random.normal(size=p.shape) for p in network_parameters(network)}
    order = "BGR" if network.picture.shape[0] == 3 else "grey"
    contract = replace(CONTRACT, channel_order=order)
    return Checkpoint(network=network, arrays=arrays, contract=contract)


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return one.network == other.network and all(
        np.array_equal(one.arrays[name], array) for name, array in other.arrays.items()
    )


def convolved(x: np.ndarray, weights: np.ndarray, stride: int = 1) -> np.ndarray:
    """[rows, columns, channels] by [rows, columns, channels, filters], without padding."""
    size = weights.shape[0]
    side = (x.shape[0] - size) // stride + 1
    out = np.empty((side, side, weights.shape[3]))
    for row in range(side):
        for column in range(side):
            patch = x[row * stride :, column * stride :][:size, :size]
            out[row, column] = np.einsum("hwc,hwcf->f", patch, weights)
    return out


def test_the_dict_does_what_tensorflows_script_does_with_it(tmp_path: Path) -> None:
    """Row, column, channel throughout; groups split and joined along the last axis; flattened as
    it lies (kratzert/finetune_alexnet_with_tensorflow, alexnet.py)."""
    given = drawn(GROUPED)
    write(given, tmp_path / "w.npy")
    data = np.load(tmp_path / "w.npy", allow_pickle=True, encoding="latin1").item()
    assert {name: [a.shape for a in pair] for name, pair in data.items()} == {
        "conv1": [(3, 3, 3, 4), (4,)],
        "conv2": [(3, 3, 2, 6), (6,)],
        "fc3": [(24, 5), (5,)],
        "fc4": [(5, 5), (5,)],
    }
    picture = np.random.default_rng(7).normal(size=(3, 9, 9))
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = (
        data[f"{x}"] for x in ("conv1", "conv2", "fc3", "fc4")
    )
    x = np.maximum(convolved(picture.transpose(1, 2, 0), w1, 2) + b1, 0)
    x = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    halves = zip(np.split(x, 2, axis=2), np.split(w2, 2, axis=3), strict=True)
    x = np.concatenate([convolved(i, k) for i, k in halves], axis=2) + b2
    x = x.reshape(2, 2, 2, 2, 6).max(axis=(1, 3))
    scores = (x.reshape(-1) @ w3 + b3) @ w4 + b4
    with torch.no_grad():
        module = build(GROUPED, arrays=given.arrays, dtype=torch.float64).eval()
        ours = module(torch.from_numpy(picture[None])).reshape(-1).numpy()
    np.testing.assert_allclose(ours, scores, rtol=1e-12)
    assert same(read(tmp_path / "w.npy", Beside(network=GROUPED)), given)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("name", ["paper", "as_run", "soumith", "caffe", "one_weird_trick", "tiny"])
def test_what_is_written_is_read_back(name: str, ending: str, tmp_path: Path) -> None:
    given = drawn(reduced(name))
    path = tmp_path / f"w{ending}"
    written = write(given, path)
    found = read(path, Beside(network=given.network))
    assert same(found, given)
    folded = ending == ".npy" and bool(given.network.towers)
    assert ("the towers are folded into groups, which changes no output" in written.notes) == folded
    assert any("dealt out to the network's towers" in note for note in found.notes) == folded
    assert written.files == (path,)


def test_an_npz_holds_arrays_of_every_kind_of_layer(tmp_path: Path) -> None:
    given = drawn(every_kind())
    write(given, tmp_path / "w.npz")
    assert same(read(tmp_path / "w.npz", Beside(network=given.network)), given)


def test_what_the_file_does_not_carry_is_said(tmp_path: Path) -> None:
    written = write(checkpoint(), tmp_path / "w.npz")
    assert written.notes == (
        "the file does not say that the arrays are those of network 'small', nor what they expect"
        " of a picture",
        "the mean image is left out",
        "the names of the classes are left out",
        "the state of the run is left out; a run cannot go on from it",
        "the checkpoint's notes are left out (1)",
    )
    assert set(np.load(tmp_path / "w.npz").files) == set(small_arrays())


def test_a_file_is_taken_for_caffes_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = reduced("caffe", side=227)
    monkeypatch.setattr("alexnet.formats.weight_files.reading.caffe", lambda: narrow)
    given = drawn(with_classes(narrow, 7))
    write(given, tmp_path / "bvlc_alexnet.npy")
    found = read(tmp_path / "bvlc_alexnet.npy")
    assert same(found, given)
    assert found.contract == replace(CONTRACT, border_pixels=14)
    assert found.notes[:3] == (
        "the file names no network; it is taken for Caffe's bvlc_alexnet",
        "the inputs of the first dense layer are taken in TensorFlow's order: row, column, channel",
        "pictures are taken as B, G, R of 0 to 255, as Caffe's networks see them",
    )
    assert "says no mean and nothing is subtracted" in found.notes[3]


def test_convolutions_alone_are_refused_by_what_is_missing(shared: Path) -> None:
    with pytest.raises(FormatError, match="lacks arrays of fc6, fc7, fc8, which network 'caffe'"):
        read(shared / "data" / "bvlc_alexnet_conv.npz")
    with pytest.raises(FormatError, match="holds one array; a file of weights holds a dict"):
        read(shared / "data" / "ilsvrc_2012_mean.npy")


def test_the_real_convolutions_are_read_with_a_network_of_convolutions(shared: Path) -> None:
    layers = [layer for layer in get_network("caffe") if not layer.reads]
    layers += [x for x in get_network("caffe") if x.name[-1] in "12345" and x.reads]
    path = shared / "data" / "bvlc_alexnet_conv.npz"
    found = read(path, Beside(network=Network("convolutions", tuple(layers))))
    with np.load(path) as numpys:
        assert all(np.array_equal(found.arrays[name], numpys[name]) for name in numpys.files)
    assert found.arrays["conv2.weight"].dtype == np.float16


# --- the forms that others write ------------------------------------------------------------------


def tensorflow(given: Checkpoint, tmp_path: Path) -> dict[str, list[np.ndarray]]:
    write(given, tmp_path / "_.npy")
    return np.load(tmp_path / "_.npy", allow_pickle=True, encoding="latin1").item()


@pytest.mark.parametrize("named", ["{}/weights {}/biases", "{}/kernel:0 {}/bias:0", "{}_W {}_b"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_variables_are_known(named: str, save: Callable[..., None], tmp_path: Path) -> None:
    given = drawn(GROUPED)
    names = {
        layer: named.format(layer, layer).split() for layer in ("conv1", "conv2", "fc3", "fc4")
    }
    arrays = {
        name: array
        for layer, pair in tensorflow(given, tmp_path).items()
        for name, array in zip(names[layer], pair, strict=True)
    }
    save(tmp_path / "w.npz", **arrays)
    assert same(read(tmp_path / "w.npz", Beside(network=GROUPED)), given)


def test_dicts_that_numpy_saves_are_read(tmp_path: Path) -> None:
    given = drawn(GROUPED)
    pairs = tensorflow(given, tmp_path)
    forms: list[object] = [
        pairs,
        {name.encode(): tuple(pair) for name, pair in pairs.items()},
        {name: dict(zip(("weights", "biases"), pair, strict=True)) for name, pair in pairs.items()},
        {name: [np.asfortranarray(pair[0]), pair[1].astype(">f8")] for name, pair in pairs.items()},
    ]
    for form in forms:
        np.save(tmp_path / "w.npy", np.array(form, object), allow_pickle=True)
        found = read(tmp_path / "w.npy", Beside(network=GROUPED))
        assert same(found, given)
        assert all(array.dtype.isnative for array in found.arrays.values())


def test_columns_first_and_big_endian_arrays_are_read(tmp_path: Path) -> None:
    turned = {
        name: np.asfortranarray(array).astype(">f4") for name, array in small_arrays().items()
    }
    np.savez(tmp_path / "w.npz", **turned)
    found = read(tmp_path / "w.npz", Beside(network=NETWORK))
    for name, array in small_arrays().items():
        assert np.array_equal(found.arrays[name], array) and found.arrays[name].dtype.isnative


def test_only_numpys_files_are_recognised() -> None:
    assert NPY.recognise(b"\x93NUMPY\x01\x00", "a")
    assert not NPY.recognise(b"\x80\x02}q\x01", "a.npy")
    for name, known in (("conv1.weight.npy", True), ("a/data.pkl", False), ("data", False)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, b"")
        assert NPZ.recognise(file.getvalue(), "a") == known
        assert not NPY.recognise(file.getvalue(), "a")
    assert NPY.takes == NPZ.takes == {"network"}


# --- what is refused ------------------------------------------------------------------------------


def refused(path: Path, network: Network | None = GROUPED) -> str:
    with pytest.raises(FormatError) as raised:
        read(path, Beside(network=network))
    said = str(raised.value)
    assert said.startswith(str(path)) and "\n" not in said and len(said) < 700
    return said.removeprefix(str(path))


class Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hit",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (Attack(), "asks at byte"),
        ({"conv1": Attack()}, "asks at byte"),
        ({"conv1": [np.zeros(2), np.zeros(2), np.zeros(2)]}, "'conv1' is a list of 3"),
        ({"conv1": np.zeros(2)}, "'conv1' is an array 2 of float64; it must be its weights and"),
        ({"conv1": {"weights": np.zeros(2), "gamma": np.zeros(2)}}, "'conv1' is a dict of 2"),
        ({"conv1": [np.zeros(2, int)]}, "'conv1', weight is an array 2 of int64"),
        ({"conv1": [["a"]]}, "'conv1', weight is a list of 1; it must be an array"),
        ({3: []}, "holds a layer called 3"),
        ([], "holds a list of 0"),
        ({}, "holds a dict of 0"),
        ({"conv1": [np.zeros((3, 3, 3, 4))]}, "lacks arrays of conv1, conv2, fc3, fc4"),
    ],
)
def test_what_is_no_dict_of_layers_is_refused(
    content: object, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    box = np.empty((), object)
    box[()] = content
    np.save(tmp_path / "w.npy", box, allow_pickle=True)
    assert what in refused(tmp_path / "w.npy")
    assert not (tmp_path / "hit").exists()


def test_arrays_that_fit_no_layer_are_named(tmp_path: Path) -> None:
    pairs = tensorflow(drawn(GROUPED), tmp_path)
    turned = pairs | {"conv1": [pairs["conv1"][0].transpose(3, 2, 0, 1), pairs["conv1"][1]]}
    np.save(tmp_path / "w.npy", np.array(turned, object), allow_pickle=True)
    said = refused(tmp_path / "w.npy")
    assert "'conv1.weight' is 4x3x3x3; network 'grouped' takes 3x3x3x4 (rows, columns, chan" in said
    more = pairs | {"fc9": pairs["fc4"]}
    np.save(tmp_path / "w.npy", np.array(more, object), allow_pickle=True)
    assert "holds arrays of 'fc9', which network 'grouped' has not" in refused(tmp_path / "w.npy")
    assert "which network 'caffe' has; a checkpoint" in refused(tmp_path / "w.npy", None)
    np.savez(tmp_path / "w.npz", conv1=np.zeros(2))
    assert "holds an array called 'conv1'; names of weights" in refused(tmp_path / "w.npz")


def test_networks_without_a_place_in_the_dict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="layer 'local3' is local; write it as .npz"):
        write(drawn(reduced("13pct")), tmp_path / "w.npy")
    write(drawn(reduced("13pct")), tmp_path / "w.npz")
    assert same(read(tmp_path / "w.npz", Beside(network=reduced("13pct"))), drawn(reduced("13pct")))
    with pytest.raises(FormatError, match="cannot be written"):
        write(drawn(GROUPED), tmp_path / "nowhere" / "w.npy")


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_every_truncated_file_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{ending}"
    write(drawn(GROUPED), path)
    whole = path.read_bytes()
    for fiftieth in range(50):
        path.write_bytes(whole[: len(whole) * fiftieth // 50])
        refused(path)
    path.write_bytes(whole + b"\0")
    refused(path)


def npy(shape: str, code: str = "<f4", data: bytes = bytes(8)) -> bytes:
    head = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (npy("(1099511627776, 1048576)"), "says that it is 1099511627776x1048576 of float32 and"),
        (npy("(3,)"), "says that it is 3 of float32 and has 8 bytes"),
        (npy("(0, 4611686018427)"), "has 8 bytes"),
        (npy("(99999999999999999999,)"), "has a shape that is none"),
        (npy("(" + "1, " * 40 + ")"), "has a shape that is none"),
        (npy("(2, L)"), "has a shape that is none"),
        (npy("(2,)", "|O"), "holds '|O'; weights are floating-point"),
        (npy("(2,)", "<i4"), "holds '<i4'; weights are floating-point"),
        (npy("(2,)", "<f4', 'x': __import__('os"), "has a header that numpy does not write"),
        (b"\x93NUMPY\x07\x00" + bytes(20), "is no .npy of version 1, 2 or 3"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 20, "has a header that numpy does not write"),
    ],
)
def test_headers_that_lie_are_refused(content: bytes, what: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("conv1.weight.npy", content)
    assert what in refused(tmp_path / "w.npz")


def test_zip_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conv1.weight.npy", npy("(16777216,)", data=bytes(2**26)))
    assert path.stat().st_size < 2**17
    assert "would unpack to more than 100 times its size" in refused(path)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)  # the directory lies about the size
    path.write_bytes(content)
    assert "has another size or checksum than the directory says" in refused(path)


def test_a_changed_number_in_an_npz_is_found(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "w.npz", **small_arrays())
    content = bytearray((tmp_path / "w.npz").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "w.npz").write_bytes(content)
    said = refused(tmp_path / "w.npz", NETWORK)
    assert "checksum" in said or "is not what was packed" in said or "contradicts" in said
