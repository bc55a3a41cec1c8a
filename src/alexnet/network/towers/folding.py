"""Two towers (2012: two GPUs) folded into grouped layers: Network to Network, with what becomes of
the learned arrays. It computes no outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

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
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    PictureTransform,
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
from alexnet.network.spec import Network
from alexnet.network.towers.assembly import (
    Assembly,
    Divisible,
    axes,
    is_tiled,
    named_by_parameter,
    pieces_of,
    refuse,
    stack,
)
from alexnet.network.towers.twins import (
    Place,
    Source,
    alike,
    alike_start,
    find_places,
    find_sources,
    find_twins,
    joined_reads,
)


def fold(network: Network) -> tuple[Network, dict[str, Assembly]]:
    """The same network with twin layers of different towers as one, grouped where they were apart.

    Twins are the layers of the towers that are alike in all but name, tower and reads, paired in
    order, first those that read alike too. A layer in a tower that has no twin loses its tower.

    Returns:
        The folded network, and for each of its arrays how it is made of the old ones.

    Raises:
        NetworkError: something cannot be folded; says which layer and why.
    """
    twins = find_twins(network)
    places = find_places(network, twins)
    made: list[tuple[Layer, Sequence[Assembly]]] = []
    seen: set[str] = set()
    for layer in network:
        seen.add(layer.name)
        members = twins[layer.name]
        if seen.issuperset(member.name for member in members):  # the last: all it reads is there
            made.append(_fold_members(members, places, network))
    return named_by_parameter(network, made, "folded")


def _fold_members(
    members: Sequence[Layer], places: Mapping[str, Place], network: Network
) -> tuple[Layer, Sequence[Assembly]]:
    """One layer in place of `members`, and what its arrays are made of."""
    layer, twins = members[0], len(members)
    alone = twins == 1
    if alone and all(places[read].twin is None for read in layer.reads):
        return replace(layer, tower=None), pieces_of(layer, network)
    sources = find_sources(members, places, network)
    named = replace(
        layer, name=places[layer.name].name, tower=None, reads=tuple(s.name for s in sources)
    )
    match named:
        case Conv() | Local():
            kernels = tuple(_fold_kernel(source, members, places, network) for source in sources)
            folded = replace(named, filters=named.filters * twins, kernels=kernels)
            return folded, _fold_arrays(members, sources, network)
        case FullyConnected():
            groups = _fold_groups(named.groups, sources, members, network)
            initial = tuple(_fold_initial(source, members, network) for source in sources)
            folded = replace(named, outputs=named.outputs * twins, initial=initial, groups=groups)
            return folded, _fold_arrays(members, sources, network)
        case CrossMapNorm():
            _keeps_apart(sources, members, network)
            return replace(named, groups=named.groups * twins), ()
        case CrossMapPool():
            _keeps_apart(sources, members, network)
            if not is_tiled(named, network.inputs_of(layer)[0][0]):
                refuse(
                    network, layer, "folded", "its windows would reach across the towers' border"
                )
            return replace(named, outputs=named.outputs * twins), ()
        case (
            MaxPool()
            | AveragePool()
            | RandomPool()
            | WithinMapNorm()
            | ContrastNorm()
            | Blur()
            | Nailbed()
            | Resize()
            | Activation()
            | Dropout()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            _keeps_apart(sources, members, network)
            return named, ()
        case Concat():
            if alone:
                return replace(named, reads=joined_reads(layer, places, network)), ()
            _require_one_read(sources, members, network)
            return named, ()
        case Input():
            return named, ()
        case Softmax() | TreeConnected() | RandomScale() | Reflection() | ColourTransform():
            return _fold_lone(named, members, sources, network)
        case LogisticLoss() | CrossEntropyLoss() | BinaryCrossEntropyLoss() | SubsetSoftmaxLoss():
            return _fold_lone(named, members, sources, network)
        case SumOfSquaresLoss() | GatedSumOfSquaresLoss() | RobustLoss():
            return _fold_lone(named, members, sources, network)
        case _:
            assert_never(named)


def _fold_lone(
    named: Layer, members: Sequence[Layer], sources: Sequence[Source], network: Network
) -> tuple[Layer, Sequence[Assembly]]:
    """A layer of one tower's that stays as it is; towers that have one each cannot be joined."""
    if len(members) > 1:
        whose = "over its own units alone"
        if isinstance(named, PictureTransform):
            whose = "for a picture of its own"
        refuse(network, members[0], "folded", f"each tower has a {named.kind} layer {whose}")
    _keeps_apart(sources, members, network)
    return named, ()


def _fold_kernel(
    source: Source, members: Sequence[Layer], places: Mapping[str, Place], network: Network
) -> Kernel:
    kernels: list[list[Kernel]] = []
    for member, reads in zip(members, source.reads, strict=True):
        assert isinstance(member, Conv | Local), "twins are of one kind"
        kernels.append([member.kernels[read] for read in reads])
    if len({alike(kernel) for own in kernels for kernel in own}) > 1:
        refuse(network, members[0], "folded", f"its kernels over '{source.name}' differ")
    kernel = kernels[0][0]
    if not kernel.connections:
        return replace(kernel, groups=_fold_groups(kernel.groups, [source], members, network))
    connections = tuple(
        channel
        for member, reads, own in zip(members, source.reads, kernels, strict=True)
        for group in range(kernel.groups)
        for read, each in zip(reads, own, strict=True)
        for channel in _seen(each, group, member.reads[read], places, network)
    )
    return replace(kernel, groups=kernel.groups * len(members), connections=connections)


def _seen(
    kernel: Kernel, group: int, read: str, places: Mapping[str, Place], network: Network
) -> list[int]:
    """Which channels of the folded layer in place of `read` one group of a kernel is connected to;
    twins have as many channels.
    """
    many = len(kernel.connections) // kernel.groups
    first = (places[read].twin or 0) * network.shape(read)[0]
    return [first + c for c in kernel.connections[group * many : (group + 1) * many]]


def _fold_initial(source: Source, members: Sequence[Layer], network: Network) -> Initial:
    initial: list[Initial] = []
    for member, reads in zip(members, source.reads, strict=True):
        assert isinstance(member, FullyConnected), "twins are of one kind"
        initial += [member.initial[read] for read in reads]
    if len(set(map(alike_start, initial))) > 1:
        refuse(network, members[0], "folded", f"its weights over '{source.name}' start differently")
    return initial[0]


def _fold_groups(
    groups: int, sources: Sequence[Source], members: Sequence[Layer], network: Network
) -> int:
    """Towers that stay apart become groups; filters that read everything can have none."""
    kinds = {source.kind for source in sources}
    if kinds == {"own"}:
        return groups * len(members)
    if "own" in kinds:
        refuse(
            network, members[0], "folded", "one read is its own tower's alone and another is not"
        )
    if groups > 1 and ("every" in kinds or len(members) > 1):
        refuse(
            network, members[0], "folded", f"it has {groups} groups across what the towers share"
        )
    return groups


def _fold_arrays(
    members: Sequence[Layer], sources: Sequence[Source], network: Network
) -> list[Assembly]:
    """Weights stacked along the outputs by member, along the inputs by tower; then the bias."""
    layer = members[0]
    assert isinstance(layer, Divisible), "only these have arrays"
    outputs, inputs = axes(layer)
    pieces = [pieces_of(member, network) for member in members]
    arrays = [
        stack(
            outputs,
            (
                stack(inputs, (own[read] for read in reads))
                for own, reads in zip(pieces, source.reads, strict=True)
            ),
        )
        for source in sources
    ]
    if layer.bias != "none":
        arrays.append(stack(0, (own[-1] for own in pieces)))
    return arrays


def _keeps_apart(sources: Sequence[Source], members: Sequence[Layer], network: Network) -> None:
    """Layers without weights go channel by channel: twins read twins, and others no twin."""
    wanted = "own" if len(members) > 1 else "whole"
    for source in sources:
        if source.kind == "every":
            refuse(
                network, members[0], "folded", f"it reads every tower's '{source.name}' one by one"
            )
        if source.kind != wanted:
            refuse(network, members[0], "folded", f"its twins share '{source.name}'")
    for number, source in enumerate(sources):
        if set(source.reads) != {(number,)}:
            refuse(network, members[0], "folded", "its twins read in another order")


def _require_one_read(
    sources: Sequence[Source], members: Sequence[Layer], network: Network
) -> None:
    _keeps_apart(sources, members, network)
    if len(sources) > 1:
        refuse(
            network,
            members[0],
            "folded",
            "each tower joins its own maps, so the channels would mix",
        )
