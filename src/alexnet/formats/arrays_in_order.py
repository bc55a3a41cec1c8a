"""Arrays of a file that names no network fitted to one that a person names: by order and shape, by
name, and with the towers of the network folded where the file holds groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import numpy as np

from alexnet.formats.checkpoint import Array, FormatError
from alexnet.network.arithmetic import network_parameters
from alexnet.network.edit import with_classes
from alexnet.network.layers import FullyConnected, Weighted
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import Assembly, Piece, Slice, Stack, fold


@dataclass(frozen=True, slots=True)
class Form:
    """A network as a file may hold its arrays.

    Attributes:
        network: whose arrays lie in the file.
        assemblies: how these are made of those that are wanted; None where they are the same.
        wanted: the network that was asked for.
    """

    network: Network
    wanted: Network
    assemblies: Mapping[str, Assembly] | None = None

    def arrays(self, found: Mapping[str, Array]) -> dict[str, Array]:
        """The wanted network's arrays from those of `network`: parts of them, not copied."""
        if self.assemblies is None:
            return dict(found)
        shapes = {p.name: p.shape for p in network_parameters(self.wanted)}
        made: dict[str, Array] = {}
        for name, assembly in self.assemblies.items():
            _take_apart(assembly, found[name], shapes, made)
        return made


def forms(network: Network) -> list[Form]:
    """The network itself, and with its towers folded into groups if it has any."""
    found = [Form(network, network)]
    if network.towers:
        try:
            folded, assemblies = fold(network)
        except NetworkError:
            return found
        found.append(Form(folded, network, assemblies))
    return found


def in_order(form: Form, rows: Sequence[tuple[str, Array]]) -> dict[str, Array] | str:
    """The arrays of a form by its own names, from those of a file in the file's order.

    Returns:
        The arrays, or a sentence that says where the two part.
    """
    wanted = network_parameters(form.network)
    for (name, array), parameter in zip(rows, wanted, strict=False):
        if array.shape != parameter.shape:
            return (
                f"'{name}' is {sizes(array.shape)} where '{parameter.name}' of network"
                f" '{form.network.name}' is {sizes(parameter.shape)}"
            )
    if len(rows) != len(wanted):
        return f"it holds {len(rows):,} arrays and network '{form.network.name}' has {len(wanted)}"
    return {parameter.name: array for parameter, (_, array) in zip(wanted, rows, strict=True)}


def naturally(names: Iterable[str]) -> list[str]:
    """Names in the order in which people count: conv2 before conv10, biases after their weights."""
    return sorted(names, key=_natural)


def _natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    layer, _, last = name.rpartition(".")
    last = f"~{last}" if last == "bias" else last
    parts = re.split(r"([0-9]{1,9})", f"{layer}.{last}")
    return tuple((i % 2 == 0, int(part) if i % 2 else 0, part) for i, part in enumerate(parts))


def given_classes(network: Network, classes: int | None) -> Network:
    """The network with another number of classes, where it ends in a layer of classes at all."""
    weighted = [layer for layer in network if isinstance(layer, Weighted)]
    if not classes or not weighted or not isinstance(weighted[-1], FullyConnected):
        return network
    try:
        return with_classes(network, classes)
    except (NetworkError, ValueError):
        return network


def not_finite(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """A note for every array with numbers that are not finite."""
    counts = {name: array.size - int(np.isfinite(array).sum()) for name, array in arrays.items()}
    return tuple(
        f"'{name}' holds {count:,} numbers that are not finite"
        for name, count in counts.items()
        if count
    )


def native(array: Array) -> Array:
    """The array in this machine's order of bytes; torch takes no other."""
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def check_float32(arrays: Mapping[str, Array], path: Path) -> None:
    """Refuses arrays that a file of single precision would hold as infinite.

    Raises:
        FormatError: one has a finite number that float32 does not reach; names both.
    """
    for name, array in arrays.items():
        if array.dtype.itemsize <= 4:
            continue
        with np.errstate(over="ignore"):
            lost = np.isinf(array.astype(np.float32)) & np.isfinite(array)
        if lost.any():
            raise FormatError(
                f"{path}: array '{name}' holds {float(array[lost][0]):g}, and the file's numbers"
                " are float32, which end at 3.4e38; write it as .safetensors, which keeps float64"
            )


def sizes(shape: Sequence[int]) -> str:
    """A shape in words: 64x3x11x11."""
    return "x".join(str(side) for side in shape) or "one number"


def _take_apart(
    assembly: Assembly,
    whole: Array,
    shapes: Mapping[str, tuple[int, ...]],
    made: dict[str, Array],
) -> None:
    """The pieces that an array was put together of; `fold` only joins."""
    match assembly:
        case Piece(name):
            made[name] = whole
        case Stack(axis, parts):
            start = 0
            for part in parts:
                stop = start + _length(part, axis, shapes)
                _take_apart(
                    part, whole[(slice(None),) * axis + (slice(start, stop),)], shapes, made
                )
                start = stop
        case Slice():
            raise FormatError("a fold cuts no array; this one did")  # pragma: no cover
        case _:
            assert_never(assembly)


def _length(assembly: Assembly, axis: int, shapes: Mapping[str, tuple[int, ...]]) -> int:
    match assembly:
        case Piece(name):
            return shapes[name][axis]
        case Stack(along, parts):
            lengths = [_length(part, axis, shapes) for part in parts]
            return sum(lengths) if along == axis else lengths[0]
        case Slice(along, start, stop, part):
            return stop - start if along == axis else _length(part, axis, shapes)
        case _:
            assert_never(assembly)
