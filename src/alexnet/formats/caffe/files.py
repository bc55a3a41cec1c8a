"""Caffe's files as formats: models, which hold arrays and mostly the net, and definitions, which
take the arrays of a model.
"""

from __future__ import annotations

from dataclasses import replace
from mmap import ACCESS_READ, mmap
from pathlib import Path

from alexnet.formats.caffe.inputs import contract, model_pictures
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.reader import Net, read_net
from alexnet.formats.caffe.recognise import is_definition, is_model
from alexnet.formats.caffe.text import MOST_BYTES, parse
from alexnet.formats.caffe.upgrade import layers_of
from alexnet.formats.caffe.weights import note_not_finite, take_arrays
from alexnet.formats.caffe.wire import decode
from alexnet.formats.caffe.writer import write
from alexnet.formats.checkpoint import Beside, Checkpoint, Described, Format, FormatError

MOST_MODEL_BYTES = (1 << 31) - 1
"""Protocol buffers go no further."""


def read_model(path: Path, _: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """A model file with the net that lies in it.

    Raises:
        FormatError: no model, a damaged one, or one that does not say its pictures' size.
    """
    message = _load_model(path)
    try:
        net = read_net(message, str(path), path.stem, path.parent)
    except FormatError as error:
        raise _without_net(path, message, error) from None
    return _checkpoint(path, net, net.layers, str(path))


def describe_model(path: Path, _: Beside = Beside()) -> Described:  # noqa: B008  # frozen
    """The network in a model file."""
    found = read_model(path)
    return Described(network=found.network, notes=found.notes)


def read_definition(path: Path, beside: Beside) -> Checkpoint:
    """A definition with the weights of a model beside it.

    Raises:
        FormatError: no weights are named, or one of the files is damaged or does not fit.
    """
    if beside.weights is None:
        raise FormatError(
            f"{path}: describes a network and holds no weights; name the model file that does"
            " (--weights)"
        )
    net = _defined(path)
    layers = tuple(layers_of(_load_model(beside.weights)))
    if net.pictures.message is None:
        net = replace(net, pictures=model_pictures(layers, net.build))
    return _checkpoint(path, net, layers, str(beside.weights))


def describe_definition(path: Path, beside: Beside) -> Described:
    """The network that a definition describes; weights are not looked at."""
    del beside
    net = _defined(path)
    contract(net.pictures, net.network.picture.shape, net.build)
    return Described(network=net.network, notes=net.build.notes.sentences())


def _defined(path: Path) -> Net:
    return read_net(
        parse(_text(path), "NetParameter", str(path)), str(path), path.stem, path.parent
    )


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise FormatError(f"{path}: has {size:,} bytes; a definition has up to {MOST_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
    if b"\0" in data:
        raise FormatError(f"{path}: is no text (byte {data.index(0)} is 0)")
    return data.decode("utf-8-sig", "replace")  # people comment in encodings of their own


def _load_model(path: Path) -> Message:
    try:
        size = path.stat().st_size
        if size > MOST_MODEL_BYTES:
            raise FormatError(
                f"{path}: has {size:,} bytes; a model has up to {MOST_MODEL_BYTES:,}, for protocol"
                " buffers go no further"
            )
        if not size:
            raise FormatError(f"{path}: is empty; a model holds layers")
        with path.open("rb") as file:
            data = mmap(file.fileno(), size, access=ACCESS_READ)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
    return decode(memoryview(data), "NetParameter", str(path))


def _without_net(path: Path, message: Message, error: FormatError) -> FormatError:
    """A model may hold arrays alone, under layers that say next to nothing."""
    typed = [x for x in [*message.messages("layer"), *message.messages("layers")] if x.fields]
    if typed and "no layer gives a picture" not in str(error):
        return error
    return FormatError(
        f"{path}: does not say what its network takes; open the definition (.prototxt) and name"
        " this file as its weights (--weights)"
    )


def _checkpoint(path: Path, net: Net, model: tuple[Message, ...], where: str) -> Checkpoint:
    arrays = take_arrays(net, model, where)
    expected, image = contract(net.pictures, net.network.picture.shape, net.build)
    note_not_finite(arrays, net.build.notes)
    try:
        return Checkpoint(
            network=net.network,
            arrays=arrays,
            contract=expected,
            notes=net.build.notes.sentences(),
            mean_image=image,
        )
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


MODEL = Format(
    name="Caffe model",
    suffixes=(".caffemodel",),
    recognise=is_model,
    read=read_model,
    describe=describe_model,
    write=write,
)

DEFINITION = Format(
    name="Caffe definition",
    suffixes=(".prototxt", ".pbtxt"),
    recognise=is_definition,
    read=read_definition,
    takes=frozenset({"weights"}),
    describe=describe_definition,
    write=None,
)
