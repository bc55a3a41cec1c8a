"""Models of every age, written by google.protobuf, against what OpenCV makes of the same files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alexnet import formats
from alexnet.formats import Beside, Checkpoint, FormatError, recognised
from alexnet.formats.caffe import MODEL
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.schema import ENUMERATIONS
from alexnet.formats.caffe.text import parse
from alexnet.formats.caffe.wire import decode
from alexnet.network.arithmetic import network_parameters
from alexnet.torch_net import build
from formats.caffe_definitions import (
    SPELLINGS,
    Definition,
    alexnet,
    cifar10,
    lenet,
    opencv,
    spelled_v1,
    spelled_v2,
    train_val,
    vgg16,
    zeiler_fergus,
)
from formats.caffe_protocol import decoded, new, parsed

NETS = {
    "caffe": alexnet(norm_first=True, width=16),
    "caffenet": alexnet(norm_first=False, width=16),
    "lenet": lenet(),
    "quick": cifar10(full=False),
    "full": cifar10(full=True),
    "vgg16": vgg16(width=32),
    "zf": zeiler_fergus(width=32),
}


def with_arrays(net: Any, definition: Definition) -> dict[str, np.ndarray]:
    """Gives every layer of a net that has been parsed its arrays, old layers in four sides, and
    returns them by our names.
    """
    random = np.random.default_rng(0)
    shapes = shapes_of(definition)
    made: dict[str, np.ndarray] = {}
    for layer in (*net.layer, *net.layers):
        own = layer.layer if hasattr(layer, "layer") and layer.HasField("layer") else layer
        for which, shape in zip(("weight", "bias"), shapes.get(own.name, ()), strict=False):
            fan = math.prod(shape[1:])
            array = random.normal(0, math.sqrt(2 / fan) if fan > 1 else 0.1, shape)
            made[f"{own.name}.{which}"] = array = array.astype(np.float32)
            blob = own.blobs.add()
            blob.data.extend(array.ravel().tolist())
            if blob.DESCRIPTOR.name == "OldBlobProto":
                padded = (1,) * (4 - len(shape)) + shape
                blob.num, blob.channels, blob.height, blob.width = padded
            else:
                blob.shape.dim.extend(shape)
    return made


def shapes_of(net: Definition) -> dict[str, tuple[tuple[int, ...], ...]]:
    """The shapes of every layer's arrays, by Caffe's rules."""
    channels, side = net.inputs[1], net.inputs[2]
    found: dict[str, tuple[tuple[int, ...], ...]] = {}
    for piece in net.pieces:
        said = piece.settings
        size, stride = said.get("kernel_size", 1), said.get("stride", 1)
        room = side + 2 * said.get("pad", 0) - size
        if piece.kind == "Convolution":
            filters = said["num_output"]
            seen = channels // said.get("group", 1)
            found[piece.name] = ((filters, seen, size, size), (filters,))
            channels, side = filters, room // stride + 1
        elif piece.kind == "Pooling":
            side = -(-room // stride) + 1
        elif piece.kind == "InnerProduct":
            found[piece.name] = (
                (said["num_output"], channels * side * side),
                (said["num_output"],),
            )
            channels, side = said["num_output"], 1
    return found


def outputs(checkpoint: Checkpoint, pictures: np.ndarray) -> np.ndarray:
    module = build(checkpoint.network, arrays=checkpoint.arrays).eval()
    with torch.no_grad():
        return module(torch.from_numpy(pictures)).numpy()


def pictures_for(definition: Definition) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, *definition.inputs[1:])).astype(np.float32)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference in units of the largest output."""
    assert ours.size == theirs.size
    return float(np.abs(ours.ravel() - theirs.ravel()).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("spelling", ["V1", "V2"])
def test_models_say_what_opencv_says_of_the_same_file(
    name: str, spelling: str, tmp_path: Path
) -> None:
    cv2 = opencv()
    text = SPELLINGS[spelling](NETS[name])
    net = parsed(text)
    with_arrays(net, NETS[name])
    model, definition = tmp_path / "net.caffemodel", tmp_path / "net.prototxt"
    model.write_bytes(net.SerializeToString())
    definition.write_text(text, encoding="utf-8")
    theirs = cv2.dnn.readNetFromCaffe(str(definition), str(model))
    pictures = pictures_for(NETS[name])
    theirs.setInput(pictures)
    wanted = theirs.forward()
    assert wanted.std() > 1e-3
    assert difference(outputs(formats.read(model), pictures), wanted) < 1e-4
    beside = formats.read(definition, beside=Beside(weights=model))
    assert difference(outputs(beside, pictures), wanted) < 1e-4


@pytest.mark.parametrize("name", ["caffe", "lenet", "quick"])
def test_all_ages_of_a_model_hold_the_same_arrays(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    for spell in SPELLINGS.values():
        net = parsed(spell(NETS[name]))
        wanted = with_arrays(net, NETS[name])
        path.write_bytes(net.SerializeToString())
        found = formats.read(path)
        assert found.arrays.keys() == wanted.keys()
        assert all(np.array_equal(found.arrays[key], wanted[key]) for key in wanted)


def test_a_definition_and_a_model_meet_by_their_layers_names(tmp_path: Path) -> None:
    """Whatever spelling each of them has, and whatever else the model holds."""
    definition, model = tmp_path / "deploy.prototxt", tmp_path / "trained.caffemodel"
    definition.write_text(spelled_v2(NETS["lenet"]), encoding="utf-8")
    net = parsed(spelled_v1(train_val(NETS["lenet"], {"scale": 0.5})))
    wanted = with_arrays(net, NETS["lenet"])
    model.write_bytes(net.SerializeToString())
    found = formats.read(definition, beside=Beside(weights=model))
    assert all(np.array_equal(found.arrays[key], wanted[key]) for key in wanted)


def test_doubles_and_transposed_weights_are_turned_to_ours(tmp_path: Path) -> None:
    net = parsed(spelled_v2(NETS["lenet"]))
    wanted = with_arrays(net, NETS["lenet"])
    last = next(layer for layer in net.layer if layer.name == "ip2")
    last.inner_product_param.transpose = True
    blob = last.blobs[0]
    blob.ClearField("data")
    blob.double_data.extend(wanted["ip2.weight"].T.astype(np.float64).ravel().tolist())
    blob.diff.extend([1.0] * 10)
    blob.ClearField("shape")
    blob.shape.dim.extend([500, 10])
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    found = formats.read(path).arrays["ip2.weight"]
    assert found.dtype == np.float64
    assert np.array_equal(found, wanted["ip2.weight"])


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("spelling", ["V1", "V2"])
def test_bytes_of_googles_are_the_message_that_the_text_is(name: str, spelling: str) -> None:
    text = SPELLINGS[spelling](NETS[name])
    from_text = parse(text, "NetParameter", "text")
    from_bytes = decode(parsed(text).SerializeToString(), "NetParameter", "bytes")
    assert plain(from_text) == plain(from_bytes)


def plain(message: Message) -> dict[str, list[object]]:
    assert not message.unknown
    return {
        name: [plain(e.value) if isinstance(e.value, Message) else e.value for e in entries]
        for name, entries in sorted(message.fields.items())
    }


def test_numbers_with_a_tag_each_are_read_as_a_run(tmp_path: Path) -> None:
    """Old programs did not pack them; a run ends where another field begins, and may go on."""
    values = np.arange(3000, dtype=np.float32)
    old = new("OldBlobProto")
    old.data.extend(values.tolist())
    old.num, old.channels, old.height, old.width = 1, 3, 10, 100
    packed = new("BlobProto")
    packed.data.extend(values.tolist())
    packed.shape.dim.extend([1, 3, 10, 100])
    more = new("OldBlobProto")
    more.data.extend([7.0])
    for data in (old.SerializeToString(), packed.SerializeToString()):
        runs = decode(data + more.SerializeToString(), "BlobProto", "blob").arrays("data")
        assert np.array_equal(np.concatenate(runs), [*values, 7.0])


def test_types_of_old_layers_have_their_numbers() -> None:
    """A model in V1 has its types as numbers alone."""
    assert len(set(ENUMERATIONS["LayerType"].values())) == len(ENUMERATIONS["LayerType"]) == 40
    net = decoded(parsed(spelled_v1(NETS["caffe"])).SerializeToString())
    numbers = {layer.type for layer in net.layers}
    assert numbers == {ENUMERATIONS["LayerType"][kind] for kind in
                       ("CONVOLUTION", "RELU", "LRN", "POOLING", "INNER_PRODUCT", "DROPOUT",
                        "SOFTMAX")}  # fmt: skip


def test_arrays_that_do_not_fit_are_named(tmp_path: Path) -> None:
    net = parsed(spelled_v2(NETS["lenet"]))
    with_arrays(net, NETS["lenet"])
    path = tmp_path / "net.caffemodel"
    conv2 = next(layer for layer in net.layer if layer.name == "conv2")
    conv2.blobs[0].shape.dim[:] = [50, 20, 25, 1]
    path.write_bytes(net.SerializeToString())
    with pytest.raises(
        FormatError,
        match=r"layer 'conv2', array 0 has shape \(50, 20, 25, 1\); it must be \(50, 20",
    ):
        formats.read(path)
    conv2.blobs[0].shape.dim[:] = [50, 20, 5, 6]
    path.write_bytes(net.SerializeToString())
    with pytest.raises(FormatError, match=r"array 0 says shape 50×20×5×6 and holds 25,000 numbers"):
        formats.read(path)
    del conv2.blobs[1]
    path.write_bytes(net.SerializeToString())
    with pytest.raises(FormatError, match=r"layer 'conv2' has 1 arrays; it must have 2"):
        formats.read(path)


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    net = parsed(spelled_v2(NETS["lenet"]))
    with_arrays(net, NETS["lenet"])
    net.layer[1].blobs[0].data[3] = math.nan
    net.layer[1].blobs[0].data[4] = math.inf
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    notes = formats.read(path).notes
    assert "'conv1.weight' holds 2 numbers that are not finite" in notes


# --- nets whose layers are no chain ---------------------------------------------------------------


def conv(name: str, bottom: str, filters: int, window: str) -> str:
    """A convolution and its relu in place, as every net of these has them."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"'
        f" convolution_param {{ num_output: {filters} {window} }} }}\n"
        f'layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    )


def pool(name: str, bottom: str, window: str) -> str:
    return (
        f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}"'
        f" pooling_param {{ {window} }} }}\n"
    )


def concat(name: str, *bottoms: str) -> str:
    read = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "Concat" {read} top: "{name}" }}\n'


INPUT = 'name: "net" input: "data" input_dim: [1, 3, 64, 64]\n'
END = 'layer { name: "prob" type: "Softmax" bottom: "last" top: "prob" }\n'

BRANCHES = {
    "squeezed": INPUT
    + conv("conv1", "data", 6, "kernel_size: 7 stride: 2")
    + pool("pool1", "conv1", "kernel_size: 3 stride: 2")
    + conv("fire2/squeeze1x1", "pool1", 4, "kernel_size: 1")
    + conv("fire2/expand1x1", "fire2/squeeze1x1", 6, "kernel_size: 1")
    + conv("fire2/expand3x3", "fire2/squeeze1x1", 6, "kernel_size: 3 pad: 1")
    + concat("fire2/concat", "fire2/expand1x1", "fire2/expand3x3")
    + conv("conv10", "fire2/concat", 5, "kernel_size: 1 pad: 1")
    + pool("last", "conv10", "pool: AVE global_pooling: true")
    + END,
    "inception": INPUT
    + conv("conv1", "data", 8, "kernel_size: 7 stride: 2 pad: 3 bias_term: false")
    + pool("pool1", "conv1", "pool: MAX kernel_size: 3 stride: 2")
    + conv("3a/1x1", "pool1", 4, "kernel_size: 1")
    + conv("3a/5x5_reduce", "pool1", 3, "kernel_size: 1")
    + conv("3a/5x5", "3a/5x5_reduce", 4, "kernel_size: 5 pad: 2")
    + pool("3a/pool", "pool1", "pool: MAX kernel_size: 3 stride: 1 pad: 1")
    + conv("3a/pool_proj", "3a/pool", 4, "kernel_size: 1")
    + concat("3a/output", "3a/1x1", "3a/5x5", "3a/pool_proj")
    + pool("pool2", "3a/output", "pool: AVE kernel_size: 5 stride: 3 pad: 1")
    + 'layer { name: "last" type: "InnerProduct" bottom: "pool2" top: "last"'
    + " inner_product_param { num_output: 5 bias_term: false } }\n"
    + END,
    "summed": INPUT
    + conv("a", "data", 4, "kernel_size: 3 pad: 1 stride: 2")
    + conv("b", "a", 4, "kernel_size: 3 pad: 1 group: 2")
    + 'layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum"'
    + " eltwise_param { operation: SUM coeff: 1 coeff: 0.5 } }\n"
    + 'layer { name: "max" type: "Eltwise" bottom: "sum" bottom: "a" top: "max"'
    + " eltwise_param { operation: MAX } }\n"
    + 'layer { name: "flat" type: "Flatten" bottom: "max" top: "flat" }\n'
    + 'layer { name: "last" type: "InnerProduct" bottom: "flat" top: "last"'
    + " inner_product_param { num_output: 5 } }\n"
    + END,
}


@pytest.mark.parametrize("name", BRANCHES)
def test_branches_say_what_opencv_says(name: str, tmp_path: Path) -> None:
    cv2 = opencv()
    model, definition = tmp_path / "net.caffemodel", tmp_path / "net.prototxt"
    definition.write_text(BRANCHES[name], encoding="utf-8")
    parts: dict[str, list[tuple[int, ...]]] = {}
    for parameter in network_parameters(formats.describe(definition).network):
        parts.setdefault(parameter.layer, []).append(parameter.shape)
    net, random = parsed(BRANCHES[name]), np.random.default_rng(0)
    for layer in net.layer:
        for shape in parts.get(layer.name, ()):
            blob = layer.blobs.add()
            blob.shape.dim.extend(shape)
            spread = math.sqrt(2 / max(math.prod(shape[1:]), 8))
            blob.data.extend(random.normal(0, spread, math.prod(shape)).tolist())
    model.write_bytes(net.SerializeToString())
    theirs = cv2.dnn.readNetFromCaffe(str(definition), str(model))
    pictures = random.normal(size=(2, 3, 64, 64)).astype(np.float32)
    theirs.setInput(pictures)
    wanted = theirs.forward("prob")
    assert wanted.std() > 1e-2
    assert difference(outputs(formats.read(model), pictures), wanted) < 1e-4


def test_models_are_known_by_their_bytes(tmp_path: Path) -> None:
    """Whatever they are called; and nothing else is taken for one."""
    path = tmp_path / "snapshot"
    bare = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 64 input_dim: 64 input_shape { }\n'
    texts = [*(spell(NETS["lenet"]) for spell in SPELLINGS.values())]
    for text in (*texts, bare + texts[-1]):
        net = parsed(text)
        for named in (True, False):
            if not named:
                net.ClearField("name")
            path.write_bytes(net.SerializeToString())
            assert recognised(path) is MODEL
    for other in (b"\x08\x08\x12\x07alexnet", b"PK\x03\x04", b"\x93NUMPY", b"\x0a\x03net", b"name"):
        path.write_bytes(other)
        assert recognised(path) is not MODEL
