"""Writes a checkpoint as Caffe's model, its definition beside it and the mean image where there is
one; what Caffe cannot express is refused, and names the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import assert_never

import numpy as np

from alexnet.formats.arrays_in_order import check_float32
from alexnet.formats.atomic import replacing
from alexnet.formats.caffe.draft import Blob, Draft, message_of
from alexnet.formats.caffe.means import write_mean
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.prepared import Pictures, pictures, prepared
from alexnet.formats.caffe.text import format_text
from alexnet.formats.caffe.wire import encode, piece_bytes
from alexnet.formats.caffe.write_conv import write_conv
from alexnet.formats.caffe.write_local import write_local
from alexnet.formats.caffe.write_products import write_fully_connected
from alexnet.formats.caffe.write_units import (
    write_activation,
    write_dropout,
    write_joined,
    write_softmax,
)
from alexnet.formats.caffe.write_windows import write_average_pool, write_max_pool, write_norm
from alexnet.formats.checkpoint import Checkpoint, FormatError, Written
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.formats.variants.carrying import refuse
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

MOST_BYTES = (1 << 31) - 1
"""Protocol buffers go no further."""

HEAD = "# written by alexnet\n"
"""How a definition of ours begins; one that does not is a person's and stays."""


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """Writes a model, the definition of the same name with `.prototxt`, and where a mean image is
    subtracted `NAME_mean.binaryproto`; each whole or not at all.

    Returns:
        The files, and what they do not hold or hold in another form.

    Raises:
        FormatError: a layer that Caffe does not have, numbers beyond float32, more than 2 GiB, a
            file beside that was not written here, or one that cannot be written.
    """
    notes = Notes()
    check_float32(checkpoint.arrays, path)
    plain = prepared(checkpoint, notes)
    check_float32(plain.arrays, path)
    said = pictures(plain, notes)
    mean = path.with_name(f"{path.stem}_mean.binaryproto")
    net = _net(plain, said, mean.name, notes)
    pieces, size = encode(net)
    if size > MOST_BYTES:
        raise FormatError(f"{path}: would have {size:,} bytes; a model has up to {MOST_BYTES:,}")
    definition = path.with_suffix(".prototxt")
    _check_free(path, definition, mean if said.image is not None else None)
    try:
        with ExitStack() as stack:
            model = stack.enter_context(stack.enter_context(replacing(path)).open("wb"))
            for piece in pieces:
                model.write(piece_bytes(piece))
            text = HEAD + format_text(without_arrays(net))
            stack.enter_context(replacing(definition)).write_text(text, encoding="utf-8")
            if said.image is not None:
                write_mean(said.image, mean)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
    _note_left_out(checkpoint, notes)
    files = (path, definition, *([mean] if said.image is not None else []))
    return Written(files=files, notes=notes.sentences())


def _check_free(path: Path, definition: Path, mean: Path | None) -> None:
    """Refuses to write over files that no one has named and that were not written here."""
    try:
        old = definition.read_bytes() if definition.is_file() else None
    except OSError as error:
        raise FormatError(f"{definition}: cannot be read ({error.strerror or error})") from None
    other = None
    if old is not None and not old.startswith(HEAD.encode()):
        other = definition
    elif mean is not None and mean.is_file() and mean.name.encode() not in (old or b""):
        other = mean
    if other is not None:
        raise FormatError(
            f"{other}: would be written over with what belongs to {path.name}, and was not written"
            " by alexnet; move it, or give the model another name"
        )


def _net(checkpoint: Checkpoint, said: Pictures, mean: str, notes: Notes) -> Message:
    """The whole net, arrays included."""
    network = checkpoint.network
    draft = Draft(network, checkpoint.arrays, notes)
    picture = network.picture
    _write_picture(draft, picture, said, mean)
    left: list[str] = []
    for layer in network:
        if isinstance(layer, Loss):
            left.append(layer.name)
        elif all(read in draft.blobs for read in layer.reads) and not isinstance(layer, Input):
            write_layer(draft, layer)
    if network.outputs.name not in draft.blobs:
        refuse(network, network.outputs, f"it depends on more than the picture '{picture.name}'")
    if left:
        notes.add(f"losses are not in a definition for use: {', '.join(left)}")
    apart = [
        x.name for x in network if x.name not in draft.blobs and not isinstance(x, Loss | Input)
    ]
    if apart:
        notes.add(f"layers that read more than the picture are left out: {', '.join(apart)}")
    net = Message("NetParameter").add("name", network.name)
    for message in draft.layers:
        net.add("layer", message)
    return net


def _write_picture(draft: Draft, picture: Input, said: Pictures, mean: str) -> None:
    """The input, with what is done to pictures; Caffe's own program passes over that there."""
    draft.add(
        "Input",
        picture.name,
        (),
        "input_param",
        {"shape": message_of("BlobShape", {"dim": (1, *picture.shape)})},
    )
    settings: dict[str, float | str | list[float]] = {}
    if said.scale != 1:
        settings["scale"] = said.scale
    if said.image is not None:
        settings["mean_file"] = mean
    if said.mean:
        settings["mean_value"] = list(said.mean)
    draft.layers[-1].add("transform_param", message_of("TransformationParameter", settings))
    draft.blobs[picture.name] = Blob(picture.name)


def write_layer(draft: Draft, layer: Layer) -> None:
    """Caffe's layers of one of ours; the last of them is called as it.

    Raises:
        FormatError: Caffe has no such layer.
    """
    match layer:
        case Conv():
            write_conv(draft, layer)
        case FullyConnected():
            write_fully_connected(draft, layer)
        case MaxPool():
            write_max_pool(draft, layer)
        case AveragePool() | RandomPool():
            write_average_pool(draft, layer)
        case CrossMapNorm() | WithinMapNorm():
            write_norm(draft, layer)
        case Activation():
            write_activation(draft, layer)
        case Dropout():
            write_dropout(draft, layer)
        case Softmax():
            write_softmax(draft, layer)
        case Concat() | ElementwiseSum() | ElementwiseMax():
            write_joined(draft, layer)
        case Local():
            write_local(draft, layer)
        case (
            TreeConnected()
            | CrossMapPool()
            | ContrastNorm()
            | Blur()
            | Nailbed()
            | Resize()
            | RandomScale()
            | Reflection()
            | ColourTransform()
        ):
            refuse(draft.network, layer, f"Caffe has no layer of kind {layer.kind}")
        case Input():
            raise AssertionError("an input is written by itself")
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


def without_arrays(net: Message) -> Message:
    """A net without what it has learned."""
    bare = Message(net.kind)
    for name, entries in net.fields.items():
        for entry in entries:
            value = entry.value
            if name == "layer":
                assert isinstance(value, Message), "a layer is a message"
                layer = Message(value.kind)
                layer.fields = {k: v for k, v in value.fields.items() if k != "blobs"}
                value = layer
            bare.add(name, value)
    return bare


def _note_left_out(checkpoint: Checkpoint, notes: Notes) -> None:
    for sentence in _left_out(checkpoint):
        notes.add(sentence)


def _left_out(checkpoint: Checkpoint) -> Iterator[str]:
    yield "where layers and weights come from is left out"
    if checkpoint.classes:
        yield f"the names of {len(checkpoint.classes)} classes are left out"
    if checkpoint.notes:
        yield "the notes of the checkpoint are left out"
    if checkpoint.training is not None:
        yield "the run's state, velocities and progress, is left out"
    other = sorted({str(a.dtype) for a in checkpoint.arrays.values() if a.dtype != np.float32})
    if other:
        yield f"weights of {', '.join(other)} are written as float32"
