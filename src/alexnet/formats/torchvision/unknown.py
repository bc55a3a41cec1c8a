"""State dicts that are not torchvision's: the error that says what is inside and which network is
nearest, and the reading of one as the network that a person names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet.formats.archive import shown
from alexnet.formats.arrays_in_order import forms, given_classes, in_order, not_finite, sizes
from alexnet.formats.checkpoint import Array, Checkpoint, FormatError
from alexnet.formats.torchvision.makes import CONTRACT
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import NETWORKS
from alexnet.network.contract import InputContract
from alexnet.network.spec import Network

UNSAID = "the file does not say what it expects of a picture; "
ASSUMED = f"{UNSAID}torchvision's RGB of 0 to 1, mean and deviation are assumed"
ASSUMED_GREY = f"{UNSAID}grey of 0 to 1 and no mean are assumed"


@dataclass(frozen=True, slots=True)
class Row:
    """One array of a file: its name, shape and type of numbers."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The catalog network that most shapes agree with: how many of how many."""

    name: str
    agree: int
    of: int


class UnknownArrays(FormatError):
    """A file of bare arrays that belong to no network that its names tell.

    Attributes:
        rows: every array, in the file's order.
        nearest: the catalog network whose arrays have most of the same shapes.
        remedy: the command to try, where a verb knows one.
    """

    remedy = ""

    def __init__(self, message: str, rows: tuple[Row, ...], nearest: Nearest) -> None:
        """Takes the sentence and what it is about."""
        super().__init__(message)
        self.rows = rows
        self.nearest = nearest


def unknown(path: Path, arrays: Mapping[str, Array], why: str = "") -> UnknownArrays:
    """The error for arrays of unknown make.

    Args:
        path: the file.
        arrays: what it holds.
        why: it is not what its names promise, where they promise anything.
    """
    rows = tuple(Row(name, array.shape, str(array.dtype)) for name, array in arrays.items())
    near = nearest_network(arrays)
    inside = ", ".join(f"{shown(row.name)[1:-1]} {sizes(row.shape)}" for row in rows[:3])
    rest = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
    return UnknownArrays(
        f"{path}: holds {len(rows):,} arrays of unknown make ({inside}{rest}){why}; nearest is"
        f" network '{near.name}', {near.agree} of whose {near.of} shapes agree: name it, or"
        " another, with --network NAME and it is read so if all shapes agree in order",
        rows,
        near,
    )


def nearest_network(arrays: Mapping[str, Array]) -> Nearest:
    """The catalog network with most shapes in common, whatever the order; the earlier of equals."""
    there = Counter(array.shape for array in arrays.values())
    found: list[Nearest] = []
    for name, make in NETWORKS.items():
        for form in forms(make()):
            wanted = Counter(parameter.shape for parameter in network_parameters(form.network))
            found.append(Nearest(name, (wanted & there).total(), wanted.total()))
    return max(found, key=lambda near: (near.agree / max(near.of, len(arrays)), near.agree))


def read_as(
    path: Path, network: Network, arrays: Mapping[str, Array], notes: tuple[str, ...]
) -> Checkpoint:
    """The arrays as those of a network that a person names: in its order, of its shapes.

    The last layer may have another number of classes. Where the network has towers the file may
    hold them as such or as groups.

    Raises:
        FormatError: the shapes do not agree in order; says where they part.
    """
    rows = list(arrays.items())
    classes = rows[-1][1].shape[0] if rows and rows[-1][1].shape else None
    network = given_classes(network, classes)
    said: list[str] = []
    for form in forms(network):
        found = in_order(form, rows)
        if isinstance(found, str):
            said.append(found)
            continue
        learned = form.arrays(found)
        contract, assumed = _assumed(network, path)
        folded = ("the groups of the file are dealt out to the network's towers",)
        return Checkpoint(
            network=network,
            arrays=learned,
            contract=contract,
            notes=(
                *notes,
                f"the arrays are taken as those of network '{network.name}', in order",
                *(folded if form.assemblies else ()),
                assumed,
                *not_finite(learned),
            ),
        )
    raise FormatError(f"{path}: cannot be read as network '{network.name}': {said[-1]}")


def _assumed(network: Network, path: Path) -> tuple[InputContract, str]:
    match network.picture.shape[0]:
        case 3:
            return CONTRACT, ASSUMED
        case 1:
            return InputContract(channel_order="grey", pixel_maximum=1.0), ASSUMED_GREY
        case channels:
            raise FormatError(
                f"{path}: network '{network.name}' takes {channels} channels; pictures of 3 or 1"
                " are read"
            )
