"""A checkpoint as an ONNX model, from the network itself: each layer's nodes under its name, the
learned arrays as they are. Nothing is traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, assert_never

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import Array, Checkpoint, FormatError, Written
from alexnet.formats.onnx import write_pictures, write_units, write_weighted, write_windows
from alexnet.formats.onnx.graph import Graph
from alexnet.formats.onnx.model import nodes_of
from alexnet.formats.onnx.own import digest, metadata_of
from alexnet.formats.onnx.tensors import given
from alexnet.formats.onnx.wire import LARGEST_FILE, Numbers, write_message
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Input,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

OPSET, IR_VERSION = 17, 8
"""Old enough for every runtime of the last years."""

PAGE = 4096
"""Where numbers in a file of their own begin, so that a runtime may map them."""

ROOM = 64 * 2**20
"""Bytes that a file of numbers leaves to the rest."""

TYPES: dict[np.dtype, int] = {
    np.dtype(np.float32): 1,
    np.dtype(np.int64): 7,
    np.dtype(np.float16): 10,
    np.dtype(np.float64): 11,
}


def write_model(
    checkpoint: Checkpoint,
    path: Path,
    *,
    preprocessing: bool = False,
    external_data: bool = False,
) -> Written:
    """Writes `path` atomically, a file of weights beside it first where there is one.

    Args:
        checkpoint: what to write; its notes, classes, contract and network ride along.
        path: the model's file.
        preprocessing: the graph takes bytes, uint8 (N, height, width, channels) with red first and
            the network's own side, and does what the contract says; else what the weights expect,
            float32 (N, channels, height, width).
        external_data: the numbers lie in `path` with ".data" after it. They always do where one
            file would have more than 2 GiB.

    Returns:
        The files, and what the graph itself does not hold.

    Raises:
        FormatError: arrays of a type that no operator takes, or a file that cannot be written.
    """
    made = _made(checkpoint, preprocessing)
    bytes_of_all = sum(array.nbytes for array in made.numbers.values())
    too_large = bytes_of_all > LARGEST_FILE - ROOM
    beside = path.with_name(f"{path.name}.data") if external_data or too_large else None
    try:
        with ExitStack() as stack:
            model = stack.enter_context(stack.enter_context(replacing(path)).open("wb"))
            data = None
            if beside is not None:
                data = stack.enter_context(stack.enter_context(replacing(beside)).open("wb"))
            _write(made, model, data, "" if beside is None else beside.name)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
    files = (path,) if beside is None else (path, beside)
    notes = list(_notes(checkpoint, preprocessing))
    if beside is not None and not external_data:
        notes.append(f"the weights are in {beside.name}, for one file may not have 2 GiB")
    return Written(files=files, notes=tuple(notes))


def write_to(checkpoint: Checkpoint, file: BinaryIO) -> None:
    """The same model into a file that is open, weights included."""
    _write(_made(checkpoint, preprocessing=False), file, None, "")


@dataclass(frozen=True, slots=True)
class _Made:
    """A model without its initializers, and those."""

    model: ModelProto
    numbers: dict[str, NDArray[np.generic]]


def _made(checkpoint: Checkpoint, preprocessing: bool) -> _Made:
    from onnx import TensorProto, helper

    network = checkpoint.network
    graph = Graph(checkpoint.arrays)
    picture = network.picture
    inputs = list(_inputs(network))
    if preprocessing:
        write_pictures.write_preparation(graph, checkpoint, f"{picture.name}:bytes", picture.name)
    for layer in network:
        graph.shapes[layer.name] = network.shape(layer.name)
        if not isinstance(layer, Loss | Input) and _inputs_of(network, layer) <= set(inputs):
            write_layer(graph, layer, network)
    entries = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *network.shape(name)])
        for name in inputs
    ]
    if preprocessing:
        channels, height, width = picture.shape
        entries[inputs.index(picture.name)] = helper.make_tensor_value_info(
            f"{picture.name}:bytes", TensorProto.UINT8, ["N", height, width, channels]
        )
    output = network.outputs.name
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *_sides(graph, name)])
        for name in (node.output[0] for node in graph.nodes)
        if name in graph.shapes
    ]
    proto = helper.make_graph(
        graph.nodes,
        network.name or "network",
        entries,
        [value for value in values if value.name == output],
        doc_string=network.source,
        value_info=[value for value in values if value.name != output],
    )
    model = helper.make_model(
        proto,
        producer_name="alexnet",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    constants = {name: given(name, numbers) for name, numbers in graph.constants.items()}
    said = digest(nodes_of(graph.nodes), [output], constants)
    helper.set_model_props(model, metadata_of(checkpoint, said, prepared=preprocessing))
    learned: dict[str, Array] = dict(checkpoint.arrays)
    if checkpoint.mean_image is not None:
        learned[write_pictures.MEAN_IMAGE] = checkpoint.mean_image
    return _Made(model, {**learned, **graph.constants})


def _sides(graph: Graph, name: str) -> tuple[int, ...]:
    shape = graph.shapes[name]
    return shape[:1] if name in graph.flat else shape


def _inputs(network: Network) -> Iterator[str]:
    """The inputs that the network's output depends on, the picture first."""
    needed = _inputs_of(network, network.outputs) | {network.picture.name}
    yield network.picture.name
    for layer in network:
        if layer.name in needed and layer is not network.picture:
            yield layer.name


def _inputs_of(network: Network, layer: Layer) -> set[str]:
    """The inputs that a layer depends on, at whatever distance."""
    waiting, seen = [layer.name], {layer.name}
    while waiting:
        for read in network[waiting.pop()].reads:
            if read not in seen:
                seen.add(read)
                waiting.append(read)
    return {name for name in seen if isinstance(network[name], Input)}


def write_layer(graph: Graph, layer: Layer, network: Network) -> None:
    """The nodes of one layer at test time; the last of them is called as the layer."""
    sides = network.placed[layer.name].sides
    match layer:
        case Input():
            raise AssertionError("an input is no node")
        case Conv():
            write_weighted.write_conv(graph, layer, network)
        case Local():
            write_weighted.write_local(graph, layer, network)
        case FullyConnected():
            write_weighted.write_fully_connected(graph, layer, network)
        case TreeConnected():
            write_weighted.write_tree(graph, layer)
        case MaxPool():
            write_windows.write_max_pool(graph, layer, sides[0])
        case AveragePool() | RandomPool():
            write_windows.write_average_pool(graph, layer, sides[0])
        case CrossMapPool():
            write_windows.write_cross_map_pool(graph, layer)
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            write_pictures.write_transform(graph, layer)
        case CrossMapNorm():
            write_units.write_norm_across(graph, layer)
        case WithinMapNorm() | ContrastNorm():
            write_windows.write_norm_within(graph, layer)
        case Activation():
            write_units.write_activation(graph, layer)
        case Dropout():
            write_units.write_dropout(graph, layer)
        case Softmax():
            write_units.write_softmax(graph, layer)
        case Concat() | ElementwiseSum() | ElementwiseMax():
            write_units.write_joined(graph, layer)
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            raise AssertionError("a loss is left out")
        case _:
            assert_never(layer)


def _write(made: _Made, model: BinaryIO, data: BinaryIO | None, location: str) -> None:
    graph = made.model.graph.SerializeToString()
    made.model.ClearField("graph")
    initializers = (
        _initializer(name, array, data, location) for name, array in made.numbers.items()
    )
    write_message(model, made.model.SerializeToString(), graph, initializers)


def _initializer(
    name: str, array: NDArray[np.generic], data: BinaryIO | None, location: str
) -> Numbers:
    """One tensor, its numbers written beside the model where there is a file for them."""
    from onnx import TensorProto

    if array.dtype.newbyteorder("=") not in TYPES:
        raise FormatError(f"array '{name}' holds {array.dtype}, which ONNX's operators do not take")
    whole = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    tensor = TensorProto(
        name=name, dims=array.shape, data_type=TYPES[array.dtype.newbyteorder("=")]
    )
    if data is None or array.nbytes < PAGE:
        return Numbers(tensor.SerializeToString(), whole)
    data.write(bytes(-data.tell() % PAGE))
    _say_where(tensor, location, data.tell(), array.nbytes)
    data.write(whole.reshape(-1).view(np.uint8).data)
    return Numbers(tensor.SerializeToString(), None)


def _say_where(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    tensor.data_location = tensor.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def _notes(checkpoint: Checkpoint, preprocessing: bool) -> Iterator[str]:
    network = checkpoint.network
    yield (
        "where layers and weights come from, how weights start, towers, what holds only while"
        " training, class names and notes are in the model's metadata, which only alexnet reads"
    )
    losses = [layer.name for layer in network if isinstance(layer, Loss)]
    if losses:
        yield f"losses are not in the graph: {', '.join(losses)}"
    known = set(_inputs(network))
    apart = [
        layer.name
        for layer in network
        if not isinstance(layer, Loss | Input) and not _inputs_of(network, layer) <= known
    ]
    if apart:
        yield f"layers that read what the output does not need are not in the graph: {apart}"
    if checkpoint.training is not None:
        yield "the run's state, velocities and progress, is left out"
    kinds = {array.dtype.newbyteorder("=") for array in checkpoint.arrays.values()}
    other = sorted(str(kind) for kind in kinds if kind != np.float32)
    if other:
        yield f"weights of {', '.join(other)} are kept so, and computed with as float32"
    if preprocessing:
        height, width = network.picture.shape[1:]
        yield (
            f"the graph takes bytes of {height}×{width} pixels; a picture is cut to that before"
            + (
                f", from {height + 2 * checkpoint.contract.border_pixels}"
                if checkpoint.contract.border_pixels
                else ""
            )
        )
    else:
        yield (
            "the graph takes pictures as the weights expect them; what that is, mean and channel"
            " order, only the metadata says"
        )
