"""Weight files as checkpoints: Caffe's network, whose weights most of them hold, unless a person
says another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alexnet.formats.archive import shown
from alexnet.formats.arrays_in_order import Form, forms, given_classes, not_finite, sizes
from alexnet.formats.checkpoint import Array, Beside, Checkpoint, FormatError
from alexnet.formats.weight_files.entries import Entries, read_entries
from alexnet.formats.weight_files.layout import (
    from_tensorflow,
    inexpressible,
    read_by,
    tensorflow_shape,
)
from alexnet.network.arithmetic import Parameter, network_parameters
from alexnet.network.catalog.frameworks import caffe
from alexnet.network.contract import ChannelOrder, InputContract
from alexnet.network.layers import FullyConnected
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

RESIZED = 256
"""The side to which Caffe's pictures are resized before their centre is cut out."""

MEAN_UNKNOWN = (
    "the file says no mean and nothing is subtracted; Caffe's network was trained minus a mean"
    " image (about 104, 117 and 123 in B, G and R), and the TensorFlow port shows pictures minus"
    " the mean of their own pixels"
)
HINT = "; is it another network's, name it with --network NAME"
ORDER_ASSUMED = "pictures are taken as B, G, R of 0 to 255, as Caffe's networks see them"


def read(path: Path, beside: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """The checkpoint in an .npy or .npz; see `read_entries` for their names and `layout` for axes.

    Args:
        path: the file.
        beside: whose arrays these are; where it is missing, those of the catalog's `caffe`.

    Raises:
        FormatError: damaged, asking to run something, or not all arrays of the network, each of
            its shape.
    """
    entries = read_entries(path)
    network = beside.network or caffe()
    last = next((x for x in reversed(network.layers) if isinstance(x, FullyConnected)), None)
    bias = entries.arrays.get(f"{last.name}.bias") if last else None
    if last and bias is not None and bias.ndim == 1 and bias.shape[0] != last.outputs:
        network = given_classes(network, bias.shape[0])
    form = _form(network, entries, path)
    learned = form.arrays(_fitted(form.network, entries, path, beside.network is not None))
    return Checkpoint(
        network=network,
        arrays=learned,
        contract=_contract(network, path),
        notes=(*_notes(form, entries, beside.network is None), *not_finite(learned)),
    )


def _form(network: Network, entries: Entries, path: Path) -> Form:
    """The form of the network that has all the file's layers, and the file all of its."""
    said: list[tuple[int, str]] = []
    for form in forms(network):
        wanted = [p.name for p in network_parameters(form.network)]
        missing = [name for name in wanted if name not in entries.arrays]
        spare = [name for name in entries.arrays if name not in wanted]
        if not missing and not spare:
            return form
        layers = dict.fromkeys(name.rpartition(".")[0] for name in missing or spare)
        few = ", ".join(list(layers)[:8]) if missing else ", ".join(map(shown, list(layers)[:8]))
        more = f" and {len(layers) - 8} more" if len(layers) > 8 else ""
        lacks = (
            f"lacks arrays of {few}{more}, which network '{network.name}' has; a checkpoint holds"
            " every array"
            if missing
            else f"holds arrays of {few}{more}, which network '{network.name}' has not"
        )
        said.append((len(missing) + len(spare), lacks))
    raise FormatError(f"{path}: {min(said)[1]}{HINT}")


def _fitted(network: Network, entries: Entries, path: Path, named: bool) -> dict[str, Array]:
    theirs = entries.layout == "tensorflow"
    why = inexpressible(network) if theirs else None
    if why is not None:
        raise FormatError(f"{path}: cannot be read as network '{network.name}': {why}")
    found: dict[str, Array] = {}
    for parameter in network_parameters(network):
        array = entries.arrays[parameter.name]
        wanted = tensorflow_shape(parameter) if theirs else parameter.shape
        if array.shape != wanted:
            said = _misfit(parameter, array, wanted, network, theirs, path)
            raise FormatError(f"{said}{'' if named else HINT}")
        found[parameter.name] = from_tensorflow(array, parameter, network) if theirs else array
    return found


def _misfit(
    parameter: Parameter,
    array: Array,
    wanted: tuple[int, ...],
    network: Network,
    theirs: bool,
    path: Path,
) -> str:
    if not theirs:
        how = ""
    elif len(wanted) == 4:
        how = " (rows, columns, channels, filters)"
    else:
        rows = elements(read_by(parameter, network))
        how = f" ({rows:,} inputs, then outputs)" if len(wanted) == 2 else ""
    return (
        f"{path}: '{parameter.name}' is {sizes(array.shape)}; network '{network.name}' takes"
        f" {sizes(wanted)}{how}"
    )


def _contract(network: Network, path: Path) -> InputContract:
    channels, side, _ = network.picture.shape
    orders: Mapping[int, ChannelOrder] = {3: "BGR", 1: "grey"}
    if channels not in orders:
        raise FormatError(f"{path}: network '{network.name}' takes {channels} channels, not 3 or 1")
    border = max(0, (RESIZED - side) // 2) if 2 * side > RESIZED else 0
    return InputContract(channel_order=orders[channels], pixel_maximum=255.0, border_pixels=border)


def _notes(form: Form, entries: Entries, assumed: bool) -> list[str]:
    notes: list[str] = []
    if assumed:
        notes.append("the file names no network; it is taken for Caffe's bvlc_alexnet")
    if entries.layout == "tensorflow":
        notes.append(
            "the inputs of the first dense layer are taken in TensorFlow's order: row, column,"
            " channel"
        )
    if form.assemblies:
        notes.append("the groups of the file are dealt out to the network's towers")
    return [*notes, ORDER_ASSUMED, MEAN_UNKNOWN]
