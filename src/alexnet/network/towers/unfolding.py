"""Grouped layers unfolded into towers: Network to Network, with what becomes of the learned arrays.
It computes no outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, assert_never

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
    Kernel,
    Layer,
    Local,
    LogisticLoss,
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
    Weighted,
    WithinMapNorm,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.network.towers.assembly import (
    Assembly,
    Divisible,
    axes,
    is_tiled,
    letters,
    named_by_parameter,
    part_of,
    pieces_of,
    refuse,
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The network that is being split, between how many towers, and which layers already are."""

    network: Network
    towers: int
    parts: dict[str, tuple[str, ...]]

    def refuse(self, layer: Layer, why: str) -> NoReturn:
        refuse(self.network, layer, "split", why)


def unfold(network: Network, towers: int = 2) -> tuple[Network, dict[str, Assembly]]:
    """The same network with every layer up to the last one with weights split between towers.

    Groups become what a tower reads of its own; a kernel without groups reads every tower. Names
    get a, b, … before a final `_neuron`, else at their end; a name joined by '+' falls apart.

    Returns:
        The unfolded network, and for each of its arrays how it is made of the old ones.

    Raises:
        NetworkError: something cannot be split; says which layer and why.
        ValueError: fewer than two towers.
    """
    if towers < 2:
        raise ValueError(f"towers is {towers}; there must be at least 2")
    last = max((i for i, x in enumerate(network) if isinstance(x, Weighted)), default=0)
    cut = _Cut(network, towers, {})
    made: list[tuple[Layer, Sequence[Assembly]]] = []
    for index, layer in enumerate(network):
        if index >= last:
            made.append(_reading_all(layer, cut))
        elif isinstance(layer, Weighted) or any(read in cut.parts for read in layer.reads):
            cut.parts[layer.name] = _names(layer.name, towers)
            made += [_tower_of(layer, tower, cut) for tower in range(towers)]
        else:
            made.append((layer, ()))
    return named_by_parameter(network, made, "split")


def _names(name: str, towers: int) -> tuple[str, ...]:
    if name.count("+") == towers - 1:
        return tuple(name.split("+"))
    stem = name.removesuffix("_neuron")
    return tuple(f"{stem}{letter}{name[len(stem) :]}" for letter in letters(towers))


def _tower_of(layer: Layer, tower: int, cut: _Cut) -> tuple[Layer, Sequence[Assembly]]:
    """One tower's part of `layer`, and what its arrays are made of."""
    name = cut.parts[layer.name][tower]
    match layer:
        case Conv() | Local() | FullyConnected():
            reads = [_reads_of(layer, index, tower, cut) for index in range(len(layer.reads))]
            own = _own_connections(layer, tower, cut)
            part = replace(_widened(own, reads), name=name, tower=tower)
            return _narrowed(part, layer, cut), _tower_arrays(layer, tower, cut)
        case TreeConnected():
            cut.refuse(layer, "a tree's outputs hang together")
        case CrossMapNorm():
            if layer.groups % cut.towers:
                cut.refuse(layer, "its window crosses the towers' border")
            part = replace(layer, groups=layer.groups // cut.towers)
        case CrossMapPool():
            tiled = is_tiled(layer, cut.network.inputs_of(layer)[0][0])
            if layer.outputs % cut.towers or not tiled:
                cut.refuse(layer, "its window crosses the towers' border")
            part = replace(layer, outputs=layer.outputs // cut.towers)
        case RandomScale() | ColourTransform():
            cut.refuse(layer, f"a {layer.kind} is over a whole picture, not one tower's part")
        case (
            MaxPool()
            | AveragePool()
            | RandomPool()
            | Blur()
            | Nailbed()
            | Resize()
            | Reflection()
            | WithinMapNorm()
            | ContrastNorm()
            | Activation()
            | Dropout()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            part = layer
        case Concat():
            if len(layer.reads) > 1:
                cut.refuse(layer, "the channels that it joins would mix")
            part = layer
        case (
            Softmax()
            | LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            cut.refuse(layer, f"a {layer.kind} is over all units, not one tower's")
        case Input():
            raise AssertionError("an input reads nothing that is split")
        case _:
            assert_never(layer)
    return replace(part, name=name, tower=tower, reads=_own_reads(layer, tower, cut)), ()


def _own_reads(layer: Layer, tower: int, cut: _Cut) -> tuple[str, ...]:
    for read in layer.reads:
        if read not in cut.parts:
            cut.refuse(layer, f"it reads '{read}', which is in no tower")
    return tuple(cut.parts[read][tower] for read in layer.reads)


def _own_connections(layer: Divisible, tower: int, cut: _Cut) -> Divisible:
    """The layer with those connections alone that a tower's filters have, counted in what it
    reads.
    """
    if isinstance(layer, FullyConnected):
        return layer
    pairs = zip(layer.reads, layer.kernels, strict=True)
    return replace(
        layer,
        kernels=tuple(
            _own_channels(kernel, layer, read, tower, cut) if kernel.connections else kernel
            for read, kernel in pairs
        ),
    )


def _own_channels(kernel: Kernel, layer: Layer, read: str, tower: int, cut: _Cut) -> Kernel:
    """One of its kernels as a tower has it."""
    if kernel.groups == 1 and read not in cut.parts:  # every filter sees the same channels
        return kernel
    many = len(kernel.connections) // cut.towers
    own = kernel.connections[tower * many : (tower + 1) * many]
    channels = cut.network.shape(read)[0]
    if read in cut.parts:
        channels //= cut.towers
        own = tuple(channel - tower * channels for channel in own)
    if kernel.groups % cut.towers or not all(0 <= channel < channels for channel in own):
        cut.refuse(layer, f"its connections to '{read}' are not the towers' own")
    return replace(kernel, connections=own)


def _groups(layer: Divisible, index: int) -> int:
    """Of the weights over the layer's read of that index."""
    match layer:
        case Conv() | Local():
            return layer.kernels[index].groups
        case FullyConnected():
            return layer.groups
        case _:
            assert_never(layer)


def _reads_of(layer: Divisible, index: int, tower: int, cut: _Cut) -> tuple[str, ...]:
    """What one tower reads in place of the layer's read of that index."""
    read, groups = layer.reads[index], _groups(layer, index)
    if groups == 1 or (_connected(layer, index) and read not in cut.parts):
        return cut.parts.get(read, (read,))
    if read not in cut.parts or groups % cut.towers:
        cut.refuse(layer, f"its {groups} groups over '{read}' are not the towers' own")
    return (cut.parts[read][tower],)


def _connected(layer: Divisible, index: int) -> bool:
    """Whether the kernel over its read of that index chooses its channels."""
    return not isinstance(layer, FullyConnected) and bool(layer.kernels[index].connections)


def _widened(layer: Divisible, reads: Sequence[tuple[str, ...]]) -> Divisible:
    """The layer with each of its reads replaced by one or more."""
    flat = tuple(name for names in reads for name in names)
    match layer:
        case Conv() | Local():
            kernels = zip(layer.kernels, reads, strict=True)
            return replace(
                layer, reads=flat, kernels=tuple(k for k, names in kernels for _ in names)
            )
        case FullyConnected():
            starts = zip(layer.initial, reads, strict=True)
            return replace(
                layer, reads=flat, initial=tuple(s for s, names in starts for _ in names)
            )
        case _:
            assert_never(layer)


def _narrowed(part: Divisible, layer: Divisible, cut: _Cut) -> Divisible:
    """A tower's share of the outputs and of the groups."""
    towers = cut.towers
    if _outputs(part) % towers:
        cut.refuse(layer, f"its {_outputs(part)} outputs do not divide by {towers}")
    match part:
        case Conv() | Local():
            kernels = tuple(
                k if k.groups == 1 else replace(k, groups=k.groups // towers) for k in part.kernels
            )
            return replace(part, filters=part.filters // towers, kernels=kernels)
        case FullyConnected():
            groups = part.groups if part.groups == 1 else part.groups // towers
            return replace(part, outputs=part.outputs // towers, groups=groups)
        case _:
            assert_never(part)


def _outputs(layer: Divisible) -> int:
    return layer.outputs if isinstance(layer, FullyConnected) else layer.filters


def _tower_arrays(layer: Divisible, tower: int, cut: _Cut) -> list[Assembly]:
    """Of every array the tower's outputs; of those, each tower's inputs apart."""
    pieces, count = pieces_of(layer, cut.network), _outputs(layer)
    axis = axes(layer)[0]
    own = [part_of(axis, tower, cut.towers, count, piece) for piece in pieces[: len(layer.reads)]]
    arrays = _by_input(layer, own, cut)
    if layer.bias != "none":
        arrays.append(part_of(0, tower, cut.towers, count, pieces[-1]))
    return arrays


def _by_input(layer: Divisible, weights: Sequence[Assembly], cut: _Cut) -> list[Assembly]:
    """The weights over each read: whole, or each tower's inputs apart where all are read."""
    arrays: list[Assembly] = []
    for index, weight in enumerate(weights):
        read = layer.reads[index]
        if read not in cut.parts or _groups(layer, index) > 1:
            arrays.append(weight)
            continue
        shape = cut.network.shape(read)
        length = elements(shape) if isinstance(layer, FullyConnected) else shape[0]
        arrays += [
            part_of(axes(layer)[1], tower, cut.towers, length, weight)
            for tower in range(cut.towers)
        ]
    return arrays


def _reading_all(layer: Layer, cut: _Cut) -> tuple[Layer, Sequence[Assembly]]:
    """The last layer with weights and what follows: in no tower; only weights read every tower."""
    pieces = pieces_of(layer, cut.network)
    parted = [index for index, read in enumerate(layer.reads) if read in cut.parts]
    if not parted:
        return layer, pieces
    if isinstance(layer, TreeConnected):
        cut.refuse(layer, f"a tree reads one layer, but '{layer.reads[0]}' is one in each tower")
    if not isinstance(layer, Weighted):
        cut.refuse(layer, f"it has no weights to read all of '{layer.reads[parted[0]]}'")
    for index in parted:
        if _groups(layer, index) > 1:
            cut.refuse(layer, f"it is in no tower, but has {_groups(layer, index)} groups")
        if _connected(layer, index):
            cut.refuse(layer, f"its connections to '{layer.reads[index]}' are not the towers' own")
    weights, bias = pieces[: len(layer.reads)], pieces[len(layer.reads) :]
    reads = [cut.parts.get(read, (read,)) for read in layer.reads]
    return _widened(layer, reads), [*_by_input(layer, weights, cut), *bias]
