"""Checkpoint: a network with its learned arrays and what they expect of a picture, checked when
made; it knows no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import CHANNELS, InputContract
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, nearest

Array = NDArray[np.floating]
Arrays = Mapping[str, Array]


class FormatError(ValueError):
    """A file or a checkpoint that is not what it should be: names the place, what it says, what
    would be right.
    """


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a run needs, beside the weights, to go on as if it had never stopped.

    Attributes:
        velocities: one array per learned array, by the same names and of the same shapes.
        progress: where the run stands, plain JSON values.
    """

    velocities: Arrays
    progress: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network that has learned something.

    Attributes:
        network: the description.
        arrays: every learned array by name, as `arithmetic.network_parameters` lists them.
        contract: what the arrays expect of a picture.
        classes: names of the outputs, from the first; there may be fewer than outputs.
        notes: what the file said that the other fields cannot hold; printed, never dropped.
        mean_image: (channels, height, width), at least the network's picture, in the channel
            order and the units of the contract; where the contract says that there is one.
        training: present where a run can go on from here.

    Raises:
        FormatError: arrays are missing, superfluous or of the wrong shape; each is named. Or the
            mean image, the channels or the class names do not fit.
    """

    network: Network
    arrays: Arrays = field(repr=False)
    contract: InputContract
    classes: tuple[str, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    mean_image: Array | None = field(default=None, repr=False)
    training: TrainingState | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks all that can be checked without running the network."""
        _check_arrays(self.network, self.arrays, "array")
        if self.training is not None:
            _check_arrays(self.network, self.training.velocities, "velocity")
        _check_contract(self.network, self.contract, self.mean_image)
        outputs = elements(self.network.shape(self.network.outputs.name))
        if len(self.classes) > outputs:
            raise FormatError(
                f"network '{self.network.name}' has {outputs} outputs and there are "
                f"{len(self.classes)} class names; there must not be more"
            )

    def class_name(self, index: int) -> str:
        """The name of output `index`, counted from 0; its number where it has no name."""
        return self.classes[index] if index < len(self.classes) else str(index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a person says of a file that does not say it itself.

    Attributes:
        network: whose arrays a file of bare arrays holds.
        weights: the file with the arrays of a file that only describes a network.
    """

    network: Network | None = None
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The network that a file describes.

    Attributes:
        network: the description.
        notes: what the file said that a network cannot hold; printed, never dropped.
    """

    network: Network
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of writing a checkpoint down.

    Attributes:
        files: every file written, the one that was asked for first.
        notes: what of the checkpoint the files cannot hold, or hold in another form.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """A way of writing checkpoints down.

    Attributes:
        name: what people call it.
        suffixes: what its files' names end with, dot included; the first is preferred.
        recognise: whether a file may be one, from its first bytes and its name.
        read: a checkpoint from a file and what is said of it; raises FormatError.
        takes: the fields of `Beside` that its files leave open; others are refused.
        describe: the network of a file, its weights left where they are; None where reading all
            of it is as quick. Raises FormatError.
        is_folder: whether a folder may be one; None where a checkpoint is never a folder.
        write: a checkpoint into a file; raises FormatError. None where it is only read.
    """

    name: str
    suffixes: tuple[str, ...]
    recognise: Callable[[bytes, str], bool]
    read: Callable[[Path, Beside], Checkpoint]
    takes: frozenset[str] = frozenset()
    describe: Callable[[Path, Beside], Described] | None = None
    is_folder: Callable[[Path], bool] | None = None
    write: Callable[[Checkpoint, Path], Written] | None


def _check_arrays(network: Network, arrays: Arrays, what: str) -> None:
    wanted = {parameter.name: parameter.shape for parameter in network_parameters(network)}
    wrong = [f"'{name}' {shape} is missing" for name, shape in wanted.items() if name not in arrays]
    for name, array in arrays.items():
        if name not in wanted:
            wrong.append(f"'{name}' belongs to no layer{nearest(name, list(wanted))}")
        elif array.shape != wanted[name]:
            wrong.append(f"'{name}' has shape {array.shape}; it must be {wanted[name]}")
        elif not np.issubdtype(array.dtype, np.floating):
            wrong.append(f"'{name}' holds {array.dtype}; it must hold floating-point numbers")
    if wrong:
        shown = "; ".join(wrong[:4]) + (f"; and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        raise FormatError(f"network '{network.name}', {what} {shown}")


def _check_contract(network: Network, contract: InputContract, image: Array | None) -> None:
    channels, height, width = network.picture.shape
    if CHANNELS[contract.channel_order] != channels:
        raise FormatError(
            f"network '{network.name}' takes {channels} channels and its input contract says"
            f" '{contract.channel_order}', which has {CHANNELS[contract.channel_order]}"
        )
    if contract.mean_image != (image is not None):
        there = "is there" if image is not None else "is missing"
        raise FormatError(
            f"the mean image {there} and the input contract says mean_image"
            f" {str(contract.mean_image).lower()}; they must agree"
        )
    if image is not None and not (
        image.ndim == 3
        and image.shape[0] == channels
        and image.shape[1] >= height
        and image.shape[2] >= width
    ):
        raise FormatError(
            f"the mean image has shape {image.shape}; it must be at least"
            f" {(channels, height, width)}, with as many channels"
        )
