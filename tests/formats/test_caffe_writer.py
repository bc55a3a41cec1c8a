"""What is written for Caffe says, in OpenCV's hands and when it is read back, what the checkpoint
says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet import formats
from alexnet.formats import Checkpoint, FormatError, TrainingState
from alexnet.formats.caffe import read_mean
from alexnet.formats.caffe.blobs import blob_array
from alexnet.formats.caffe.wire import decode
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.contract import InputContract
from alexnet.network.layers import FullyConnected
from alexnet.network.spec import Network
from alexnet.network.towers import fold
from formats.caffe_definitions import opencv
from formats.caffe_protocol import decoded, parsed
from formats.caffe_shown import (
    CLOSE,
    READERS,
    Reader,
    by_opencv,
    check,
    checkpoint,
    difference,
    drawn,
    pictures_for,
    run,
)
from reduced import reduced


def whole_pictures(name: str) -> Network:
    """The catalog network with few filters and its own picture, on which its windows fit."""
    return reduced(name, side=get_network(name).picture.shape[1])


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    """Who reads what was written: we, and OpenCV where it can."""
    if request.param == "OpenCV":
        opencv()
    return READERS[request.param]


@pytest.mark.parametrize("name", NETWORKS)
def test_opencv_says_what_every_catalog_network_says(
    reader: Reader, name: str, tmp_path: Path
) -> None:
    network = whole_pictures(name)
    scores = [layer.name for layer in network if isinstance(layer, FullyConnected)][-1]
    found = checkpoint(network)
    check(reader, found, tmp_path, scores)
    check(reader, found, tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_pools_that_round_down_are_caffes_without_its_last_windows(
    reader: Reader, name: str, tmp_path: Path
) -> None:
    """On the smallest pictures, where Caffe rounds up to more windows than other rules."""
    check(reader, checkpoint(reduced(name)), tmp_path)


@pytest.mark.parametrize("name", ["paper", "as_run", "tiny"])
def test_groups_whose_norms_stay_apart_are_written_as_towers(
    reader: Reader, name: str, tmp_path: Path
) -> None:
    network, _ = fold(whole_pictures(name))
    written = check(reader, checkpoint(network), tmp_path)
    assert any("groups are towers that stand side by side" in note for note in written.notes)


def test_towers_without_norms_become_groups(reader: Reader, tmp_path: Path) -> None:
    written = check(reader, checkpoint(whole_pictures("soumith")), tmp_path)
    assert "the towers are groups" in written.notes
    assert not formats.read(tmp_path / "net.caffemodel").network.towers


def test_the_whole_alexnet_goes_out_and_comes_back(tmp_path: Path) -> None:
    """61 million weights. What comes back is the same arrays, and the same layers but the loss."""
    network, path = get_network("caffe"), tmp_path / "net.caffemodel"
    random = np.random.default_rng(0)
    arrays = {name: shape_filled(random, array) for name, array in empty(network).items()}
    found = checkpoint(network, arrays=arrays)
    formats.write(found, path)
    back = formats.read(path)
    kept = tuple(x for x in network if x.name not in ("labels", "logprob"))
    assert back.network.layers == kept
    assert all(np.array_equal(back.arrays[name], array) for name, array in arrays.items())
    pictures = pictures_for(network, 1)
    assert difference(by_opencv(path, pictures, "fc8"), run(found, pictures, "fc8")) < CLOSE


def empty(network: Network) -> dict[str, np.ndarray]:
    return {p.name: np.empty(p.shape, np.float32) for p in network_parameters(network)}


def shape_filled(random: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Uniform numbers of the size that keeps outputs at the size of inputs; quicker than normal."""
    fan = max(int(np.prod(array.shape[1:])), 100)
    return (random.random(array.shape, np.float32) - np.float32(0.5)) * np.float32(
        (24 / fan) ** 0.5
    )


def test_bvlcs_own_convolutions_and_mean(shared: Path, tmp_path: Path) -> None:
    """Its weights and its mean image, written, read and run up to pool5 on a picture of noise."""
    weights = np.load(shared / "data" / "bvlc_alexnet_conv.npz")
    mean = np.load(shared / "data" / "ilsvrc_2012_mean.npy").astype(np.float32)
    full = get_network("caffe")
    end = [layer.name for layer in full].index("pool5") + 1
    layers = tuple(x for x in full.layers[:end] if x.name != "labels")
    network = Network("caffe", layers)
    wanted = {name: array.shape for name, array in empty(network).items()}
    arrays = {name: weights[name].astype(np.float32) for name in wanted}
    assert {name: array.shape for name, array in arrays.items()} == wanted
    contract = InputContract(
        channel_order="BGR", pixel_maximum=255.0, mean_image=True, border_pixels=14
    )
    found = Checkpoint(network=network, arrays=arrays, contract=contract, mean_image=mean)
    path = tmp_path / "bvlc.caffemodel"
    written = formats.write(found, path)
    assert [file.name for file in written.files] == [
        "bvlc.caffemodel", "bvlc.prototxt", "bvlc_mean.binaryproto"
    ]  # fmt: skip
    back = formats.read(path)
    assert np.array_equal(read_mean(written.files[2]), mean)
    assert back.contract == contract
    assert back.mean_image is not None
    assert np.array_equal(back.mean_image, mean)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 256, 256)).astype(np.float32)
    prepared = (pixels - mean)[:, :, 14:241, 14:241].copy()
    ours = run(back, prepared, "pool5")
    assert difference(ours, run(found, prepared, "pool5")) < 1e-6
    assert difference(by_opencv(path, prepared, "pool5"), ours) < CLOSE


# --- the files themselves -------------------------------------------------------------------------


def test_googles_own_parser_reads_both_files(tmp_path: Path) -> None:
    """Every name and number is one of caffe.proto's; the definition is the model without arrays."""
    path = tmp_path / "net.caffemodel"
    found = checkpoint(
        whole_pictures("paper"),
        contract=InputContract(channel_order="BGR", pixel_maximum=1.0, mean=(0.5, 0.25, 0.125)),
    )
    formats.write(found, path)
    model = decoded(path.read_bytes())
    definition = parsed(path.with_suffix(".prototxt").read_text(encoding="utf-8"))
    assert not unknown(model)
    held = {
        (layer.name, index): np.array(blob.data, np.float32).reshape(blob.shape.dim)
        for layer in model.layer
        for index, blob in enumerate(layer.blobs)
    }
    assert np.array_equal(held["conv2b", 0], found.arrays["conv2b.weight"])
    assert np.array_equal(held["fc8", 1], found.arrays["fc8.bias"])
    assert held["conv3a", 0].shape == (8, 16, 3, 3)
    for layer in model.layer:
        layer.ClearField("blobs")
    assert definition == model


def unknown(message: Any) -> list[int]:
    from google.protobuf.unknown_fields import UnknownFieldSet

    found = [field.field_number for field in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is not None:
            below = value if field.is_repeated else [value]
            found += [number for one in below for number in unknown(one)]
    return found


def test_what_the_files_do_not_hold_is_said(tmp_path: Path) -> None:
    network = whole_pictures("tiny")
    arrays = {name: array.astype(np.float64) for name, array in drawn(network).items()}
    found = checkpoint(
        network,
        arrays=arrays,
        classes=("nought", "one"),
        notes=("trained on digits",),
        training=TrainingState({k: v * 0 for k, v in arrays.items()}, {"epoch": 1}),
        contract=InputContract(channel_order="grey", pixel_maximum=255.0, border_pixels=2),
    )
    notes = " | ".join(formats.write(found, tmp_path / "net.caffemodel").notes)
    for said in (
        "losses are not in a definition for use: logprob",
        "the names of 2 classes are left out",
        "the notes of the checkpoint are left out",
        "the run's state, velocities and progress, is left out",
        "weights of float64 are written as float32",
        "pictures are fitted 2 pixels larger at every edge",
    ):
        assert said in notes


def test_a_file_that_cannot_be_written_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").mkdir()
    with pytest.raises(FormatError, match=r"net\.caffemodel: cannot be written"):
        formats.write(checkpoint(whole_pictures("tiny")), tmp_path / "net.caffemodel")
    assert [path.name for path in tmp_path.iterdir()] == ["net.prototxt"]


# --- what pictures are ----------------------------------------------------------------------------


CONTRACTS = {
    "torchvision": InputContract(
        channel_order="RGB", pixel_maximum=1.0,
        mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225),
    ),
    "plain": InputContract(channel_order="RGB", pixel_maximum=255.0),
    "one mean": InputContract(channel_order="BGR", pixel_maximum=1.0, mean=(0.5,)),
    "one deviation": InputContract(
        channel_order="BGR", pixel_maximum=255.0, mean=(10.0, 20.0, 30.0), deviation=(4.0,) * 3
    ),
    "image": InputContract(channel_order="RGB", pixel_maximum=1.0, mean_image=True),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
def test_pictures_of_any_contract_get_the_same_answer(name: str, tmp_path: Path) -> None:
    """Bytes in R, G, B, prepared by hand as each side's contract has it."""
    network = whole_pictures("one_weird_trick")
    image = np.random.default_rng(3).uniform(0, 1, (3, 240, 240)).astype(np.float32)
    found = checkpoint(
        network,
        contract=CONTRACTS[name],
        mean_image=image if CONTRACTS[name].mean_image else None,
    )
    formats.write(found, tmp_path / "net.caffemodel")
    back = formats.read(tmp_path / "net.caffemodel")
    assert back.contract.channel_order == "BGR"
    pixels = np.random.default_rng(2).integers(0, 256, (2, 3, 224, 224)).astype(np.float32)
    before = run(found, prepared_by_hand(pixels, found), "fc8")
    after = run(back, prepared_by_hand(pixels, back), "fc8")
    assert difference(after, before) < 1e-4


def prepared_by_hand(pixels: np.ndarray, found: Checkpoint) -> np.ndarray:
    contract, image = found.contract, found.mean_image
    value = pixels[:, ::-1] if contract.channel_order == "BGR" else pixels
    value = value * np.float32(contract.pixel_maximum / 255)
    if image is not None:
        margin = (image.shape[1] - 224) // 2
        value = value - image[:, margin : margin + 224, margin : margin + 224]
    value = value - np.array(contract.mean or (0,), np.float32).reshape(-1, 1, 1)
    return value / np.array(contract.deviation or (1,), np.float32).reshape(-1, 1, 1)


def test_a_mean_image_keeps_its_name_beside_the_model(tmp_path: Path) -> None:
    found = checkpoint(
        get_network("tiny"),
        contract=InputContract(channel_order="grey", pixel_maximum=255.0, mean_image=True),
        mean_image=np.arange(30 * 30, dtype=np.float32).reshape(1, 30, 30),
    )
    formats.write(found, tmp_path / "a.caffemodel")
    blob = decode((tmp_path / "a_mean.binaryproto").read_bytes(), "BlobProto", "mean")
    assert found.mean_image is not None
    # no picture of 30 pixels is fitted, so that the centre is all that is ever subtracted
    assert np.array_equal(blob_array(blob, "mean"), found.mean_image[None, :, 3:27, 3:27])
    back = formats.read(tmp_path / "a.caffemodel")
    assert back.contract == found.contract
    (tmp_path / "a_mean.binaryproto").unlink()
    notes = formats.read(tmp_path / "a.caffemodel").notes
    assert any("a_mean.binaryproto does not lie beside" in note for note in notes)


def test_files_of_a_person_beside_the_model_are_not_written_over(tmp_path: Path) -> None:
    path, mean = tmp_path / "net.caffemodel", tmp_path / "net_mean.binaryproto"
    definition = tmp_path / "net.prototxt"
    network = whole_pictures("tiny")
    image = np.zeros(network.picture.shape, np.float32)
    contract = InputContract(channel_order="grey", pixel_maximum=255.0, mean_image=True)
    found = checkpoint(network, contract=contract, mean_image=image)
    for other in (definition, mean):
        other.write_text("name: 'mine'")
        with pytest.raises(FormatError) as raised:
            formats.write(found, path)
        assert str(raised.value).startswith(f"{other}: would be written over with what belongs to ")
        assert other.read_text() == "name: 'mine'" and not path.exists()
        other.unlink()
    for _ in range(2):  # those of before are ours
        formats.write(found, path)
    mean.unlink()
    formats.write(checkpoint(network), path)
    mean.write_text("mine")
    with pytest.raises(FormatError, match=r"net_mean.binaryproto: would be written over"):
        formats.write(found, path)
    assert mean.read_text() == "mine"


def test_numbers_that_float32_does_not_reach_are_refused(tmp_path: Path) -> None:
    network = whole_pictures("tiny")
    arrays = {name: array.astype(np.float64) for name, array in drawn(network).items()}
    name = list(arrays)[-1]
    arrays[name].reshape(-1)[1] = -1e39
    with pytest.raises(FormatError) as raised:
        formats.write(checkpoint(network, arrays=arrays), tmp_path / "net.caffemodel")
    assert f"array '{name}' holds -1e+39, and the file's numbers are float32" in str(raised.value)
    assert not list(tmp_path.iterdir())
