"""torchvision's state dicts as checkpoints: AlexNet and VGG without batch normalisation, with as
many classes as their last layer has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alexnet.formats.archive import shown
from alexnet.formats.arrays_in_order import given_classes, not_finite, sizes
from alexnet.formats.checkpoint import Array, Beside, Checkpoint, FormatError
from alexnet.formats.torchvision.makes import CONTRACT, Make, makes
from alexnet.formats.torchvision.torch_file import read_state
from alexnet.formats.torchvision.unknown import read_as, unknown
from alexnet.network.arithmetic import network_parameters
from alexnet.network.edit import with_classes

NORMALISED = ("running_mean", "running_var")


def read(path: Path, beside: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """The checkpoint in a file of torch.save, whose arrays are views of the file.

    Raises:
        UnknownArrays, FormatError: as `checkpoint_of`; or the file is damaged, or asks to run
            something.
    """
    state = read_state(path)
    return checkpoint_of(path, state.arrays, state.notes, beside)


def checkpoint_of(
    path: Path, arrays: Mapping[str, Array], notes: tuple[str, ...], beside: Beside
) -> Checkpoint:
    """The checkpoint that the named arrays of a file are.

    torchvision's models pool their maps adaptively to 6×6 (AlexNet) or 7×7 (VGG) before the dense
    layers. At their own 224 pixels that changes nothing, and a Network holds no such layer.

    Args:
        path: the file.
        arrays: by its names, in its order.
        notes: what was done to find them.
        beside: the network that the arrays are of, in order; where it is missing, torchvision's.

    Raises:
        UnknownArrays: the names or shapes are not torchvision's and no network is given.
        FormatError: not the network that is given, or normalised by batches.
    """
    _refuse_norms(path, arrays)
    make = next((x for x in makes() if set(x.keys.values()) == set(arrays)), None)
    why = "" if make is None else _mismatch(make, arrays)
    if make is not None and not why:
        found = _checkpoint(make, arrays, notes)
        if beside.network is None:
            return found
        if given_classes(beside.network, _classes(make, arrays)) == found.network:
            return found
    if beside.network is not None:
        return read_as(path, beside.network, arrays, notes)
    raise unknown(path, arrays, why)


def _checkpoint(make: Make, arrays: Mapping[str, Array], notes: tuple[str, ...]) -> Checkpoint:
    network = make.network
    classes = _classes(make, arrays)
    if classes != 1000:
        network = with_classes(network, classes)
    learned = {name: arrays[key] for name, key in make.keys.items()}
    return Checkpoint(
        network=network,
        arrays=learned,
        contract=CONTRACT,
        notes=(*notes, *not_finite(learned)),
    )


def _classes(make: Make, arrays: Mapping[str, Array]) -> int:
    bias = arrays[list(make.keys.values())[-1]]
    return bias.shape[0] if bias.ndim == 1 else 0


def _mismatch(make: Make, arrays: Mapping[str, Array]) -> str:
    """Where arrays of torchvision's names have other shapes; nothing where none has."""
    classes = _classes(make, arrays)
    last = make.network.outputs.name
    for parameter in network_parameters(make.network):
        key, shape = make.keys[parameter.name], parameter.shape
        wanted = (classes, *shape[1:]) if parameter.layer == last else shape
        if arrays[key].shape != wanted:
            return (
                f", not torchvision's {make.name}, whose '{key}' is {sizes(wanted)} where this is"
                f" {sizes(arrays[key].shape)}"
            )
    return ""


def _refuse_norms(path: Path, arrays: Mapping[str, Array]) -> None:
    norm = next((name for name in arrays if name.endswith(NORMALISED)), None)
    if norm is None:
        return
    convolutions = sum(array.ndim == 4 for array in arrays.values())
    depths = {8: "vgg11_bn", 10: "vgg13_bn", 13: "vgg16_bn", 16: "vgg19_bn"}
    named = depths.get(convolutions) if any(x.startswith("classifier.") for x in arrays) else None
    which = f", as {named} has it," if named else ""
    raise FormatError(
        f"{path}: {shown(norm)} belongs to a batch normalisation{which} which no layer here is;"
        " a network without can be read"
    )
