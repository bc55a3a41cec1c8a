"""The arrays of a model file given to the layers of a network, by Caffe's names of the layers."""

from __future__ import annotations

import numpy as np

from alexnet.formats.caffe.blobs import blob_array
from alexnet.formats.caffe.build import Learned
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.reader import Net
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.cuda_convnet.notes import Notes, listed, shown
from alexnet.network.arithmetic import Parameter, network_parameters


def take_arrays(net: Net, model: tuple[Message, ...], where: str) -> dict[str, Array]:
    """Every learned array of a network from the layers of a model (net.cpp, CopyTrainedLayersFrom).

    Args:
        net: whose layers want arrays.
        model: the layers that hold them.
        where: the model's file, for errors.

    Raises:
        FormatError: arrays are missing or of another shape; up to four are named.
    """
    held: dict[str, Message] = {}
    for layer in model:
        if layer.messages("blobs"):
            held.setdefault(layer.text("name"), layer)
    wanted: dict[str, list[Parameter]] = {}
    for parameter in network_parameters(net.network):
        wanted.setdefault(parameter.layer, []).append(parameter)
    arrays: dict[str, Array] = {}
    wrong: list[str] = []
    for learned in net.build.learned:
        source = held.pop(learned.name, None)
        if source is None:
            wrong.append(f"layer '{shown(learned.name)}' is missing")
            continue
        arrays |= _of_layer(learned, source, wanted[learned.layer], where, wrong)
    if wrong:
        raise FormatError(f"{where}: {listed(wrong)}")
    _note_rest(held, net.build.notes)
    return arrays


def _of_layer(
    learned: Learned, source: Message, wanted: list[Parameter], where: str, wrong: list[str]
) -> dict[str, Array]:
    name, blobs = shown(learned.name), source.messages("blobs")
    if len(blobs) != len(wanted):
        wrong.append(f"layer '{name}' has {len(blobs)} arrays; it must have {len(wanted)}")
        return {}
    transposed = learned.message.message("inner_product_param").flag("transpose", False)
    found: dict[str, Array] = {}
    for index, (blob, parameter) in enumerate(zip(blobs, wanted, strict=True)):
        array = blob_array(blob, f"{where}: layer '{name}', array {index}")
        shape = parameter.shape
        if transposed and not parameter.is_bias:
            shape = shape[::-1]
        if not _same(array.shape, shape):
            wrong.append(
                f"layer '{name}', array {index} has shape {array.shape}; it must be {shape}"
            )
            continue
        array = array.reshape(shape)
        if transposed and not parameter.is_bias:
            array = np.ascontiguousarray(array.T)
        found[parameter.name] = array
    return found


def _same(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Sides of 1 aside, which old files put before the others."""
    if shape == wanted:
        return True
    padded = (1,) * (len(shape) - len(wanted)) + wanted
    return shape == padded or (len(wanted) == 1 and sorted(shape) == sorted(padded))


def _note_rest(held: dict[str, Message], notes: Notes) -> None:
    for name, layer in held.items():
        layer.look_over("blobs")
        notes.group("arrays of layers that the network does not have are left", shown(name))


def note_not_finite(arrays: dict[str, Array], notes: Notes) -> None:
    """Weights that are no numbers are read, and told."""
    for name, array in arrays.items():
        count = array.size - int(np.isfinite(array).sum())
        if count:
            notes.add(f"'{name}' holds {count:,} numbers that are not finite")
