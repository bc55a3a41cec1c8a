"""What a model of ours says beside its graph: the network, the input contract, class names and
notes, as JSON in its metadata. By it the same checkpoint is read back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from alexnet.formats.checkpoint import Array, Checkpoint, Described, FormatError
from alexnet.formats.onnx.loading import load_each
from alexnet.formats.onnx.model import Model, Node
from alexnet.formats.onnx.tensors import Tensor
from alexnet.formats.onnx.write_pictures import MEAN_IMAGE
from alexnet.network.arithmetic import network_parameters
from alexnet.network.codec import CodecError, decode, encode, from_json, to_json
from alexnet.network.contract import ChannelOrder, ContractError, InputContract
from alexnet.network.spec import Network, NetworkError

MARK = "alexnet-onnx/1"
KEY = "alexnet."

LONGEST_NETWORK = 2**21
"""Characters of a network as JSON; that of 2012 takes some thousand."""


PIXEL_FORMAT, PIXEL_RANGE = "Image.BitmapPixelFormat", "Image.NominalPixelRange"
"""What ONNX itself calls the order of the channels and what a pixel may be (MetadataProps.md)."""

PIXEL_FORMATS: dict[str, ChannelOrder] = {"Gray8": "grey", "Rgb8": "RGB", "Bgr8": "BGR"}
PIXEL_RANGES = {"NominalRange_0_255": 255.0, "Normalized_0_1": 1.0}


CHANGED = "the graph is not the one that alexnet wrote with this metadata; its operators are read"


def metadata_of(checkpoint: Checkpoint, graph: str, *, prepared: bool) -> dict[str, str]:
    """What is written beside the graph of that digest; where it prepares its pictures, they are
    plain bytes.
    """
    order = checkpoint.contract.channel_order
    if prepared and order == "BGR":
        order = "RGB"
    said = next(name for name, each in PIXEL_FORMATS.items() if each == order)
    return {
        PIXEL_FORMAT: said,
        **({PIXEL_RANGE: "NominalRange_0_255"} if prepared else {}),
        f"{KEY}format": MARK,
        f"{KEY}graph": graph,
        f"{KEY}network": to_json(checkpoint.network),
        f"{KEY}contract": json.dumps(encode(checkpoint.contract)),
        f"{KEY}classes": json.dumps(checkpoint.classes, ensure_ascii=False),
        f"{KEY}notes": json.dumps(checkpoint.notes, ensure_ascii=False),
    }


def says_own(model: Model) -> bool:
    """Whether the model was written here, whatever was done to it since."""
    return model.metadata.get(f"{KEY}format") == MARK


def is_own(model: Model) -> bool:
    """Whether the model was written here and its graph is still the same; then its metadata holds.

    Weights may be others: they are read from where the graph has them.
    """
    if not says_own(model):
        return False
    return model.metadata.get(f"{KEY}graph") == digest(model.nodes, model.outputs, model.constants)


def digest(nodes: Iterable[Node], outputs: Iterable[str], constants: Mapping[str, Tensor]) -> str:
    """SHA-256 of what a graph computes but for what it has learned: operators, what they read, make
    and are set to, the graph's outputs, and its own constants.
    """
    found, known = hashlib.sha256(), dict[object, str]()
    for node in nodes:
        settings = [(name, _plain(each, known)) for name, each in sorted(node.attributes.items())]
        found.update(repr((node.operator, node.inputs, node.outputs, settings)).encode())
    found.update(repr(tuple(outputs)).encode())
    for name, tensor in sorted(constants.items()):
        if _is_fixed(name):
            found.update(repr((name, _plain(tensor, known))).encode())
    return found.hexdigest()


def _is_fixed(name: str) -> bool:
    """Whether a constant is the graph's own; names of what is learned have no colon."""
    return ":" in name and name != MEAN_IMAGE


def _plain(value: object, known: dict[object, str]) -> object:
    """A setting as a value that looks the same wherever it was read; `known` are the digests of
    numbers so far, by where they lie, so that none is read often.
    """
    if not isinstance(value, Tensor):
        return value
    place = (value.origin, value.dtype, value.shape)
    if place not in known:
        numbers = value.load()
        little = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
        known[place] = hashlib.sha256(little.reshape(-1).view(np.uint8).data).hexdigest()
    return str(value.dtype), value.shape, known[place]


def described(model: Model) -> Described:
    """The network and the notes.

    Raises:
        FormatError: the metadata is none of ours, or not whole.
    """
    return Described(network=_network(model), notes=_entry(model, "notes", tuple[str, ...]))


def checkpoint_of(model: Model) -> Checkpoint:
    """The checkpoint that was written, but for the state of its run.

    Raises:
        FormatError: the metadata and the initializers do not make one.
    """
    network = _network(model)
    wanted = {
        parameter.name: learned(model, parameter.name) for parameter in network_parameters(network)
    }
    arrays = load_each(wanted, model.path)
    notes = cast("tuple[str, ...]", _entry(model, "notes", tuple[str, ...]))
    try:
        contract = cast("InputContract", _entry(model, "contract", InputContract))
        return Checkpoint(
            network=network,
            arrays=arrays,
            contract=contract,
            classes=_entry(model, "classes", tuple[str, ...]),
            notes=(*notes, *(note for note in not_finite(arrays) if note not in notes)),
            mean_image=(
                cast("Array", learned(model, MEAN_IMAGE).load()) if contract.mean_image else None
            ),
        )
    except (FormatError, ContractError) as error:
        text = str(error)
        prefix = f"{model.path}: "
        raise FormatError(text if text.startswith(prefix) else prefix + text) from None


def learned(model: Model, name: str) -> Tensor:
    """An initializer that must be there."""
    tensor = model.constants.get(name)
    if tensor is None:
        raise FormatError(f"{model.path}: lacks the initializer '{name}' of its own network")
    return tensor


def not_finite(arrays: Mapping[str, Array]) -> list[str]:
    """A sentence for each array with numbers that are none."""
    counts = {
        name: _strange(array)
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating)
    }
    return [
        f"'{name}' holds {count:,} numbers that are not finite"
        for name, count in counts.items()
        if count
    ]


def _strange(array: Array) -> int:
    """How many numbers are none; of one that stands everywhere, without laying it out."""
    if not any(array.strides):
        return 0 if np.isfinite(array.reshape(-1)[:1]).all() else array.size
    return array.size - int(np.isfinite(array).sum())


def _network(model: Model) -> Network:
    said = _said(model, "network")
    if len(said) > LONGEST_NETWORK:
        raise FormatError(
            f"{model.path}: its network takes {len(said):,} characters; {LONGEST_NETWORK:,} are"
            " the most that are read"
        )
    try:
        return from_json(said, f"{model.path}: network")
    except NetworkError as error:
        raise FormatError(str(error)) from None


def _entry(model: Model, key: str, kind: Any) -> Any:
    where, said = f"{model.path}: {key}", _said(model, key)
    try:
        return decode(kind, json.loads(said), where)
    except CodecError as error:
        raise FormatError(str(error)) from None
    except (ValueError, RecursionError):
        raise FormatError(f"{where} in its metadata is not JSON") from None


def _said(model: Model, key: str) -> str:
    if KEY + key not in model.metadata:
        raise FormatError(f"{model.path}: its metadata lacks '{KEY}{key}'")
    return model.metadata[KEY + key]
