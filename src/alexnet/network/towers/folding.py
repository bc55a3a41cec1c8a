"""Two towers (2012: two GPUs) folded into grouped layers: Network to Network, with what becomes of
the learned arrays. It computes no outputs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    WithinMapNorm,
)
from alexnet.network.spec import NAME, Network
from alexnet.network.towers.assembly import (
    Assembly,
    axes,
    letters,
    named_by_parameter,
    pieces_of,
    refuse,
    stack,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a layer's output lies in the folded network: in which layer, and as the how-manieth
    twin (None: it is the whole layer).
    """

    name: str
    twin: int | None


@dataclass(frozen=True, slots=True)
class _Source:
    """One input of a folded layer, and which of each member's reads it stands for, in tower order.

    "own": each member reads its own tower's twin; "every": each reads all twins; "whole": each
    reads a layer that has none.
    """

    name: str
    kind: Literal["own", "every", "whole"]
    reads: tuple[tuple[int, ...], ...]


def fold(network: Network) -> tuple[Network, dict[str, Assembly]]:
    """The same network with twin layers of different towers as one, grouped where they were apart.

    Twins are the layers of the towers that are alike in all but name, tower and reads, paired in
    order. A layer in a tower that has no twin loses its tower.

    Returns:
        The folded network, and for each of its arrays how it is made of the old ones.

    Raises:
        NetworkError: something cannot be folded; says which layer and why.
    """
    twins = _twins(network)
    places = _places(network, twins)
    made: list[tuple[Layer, Sequence[Assembly]]] = []
    seen: set[str] = set()
    for layer in network:
        seen.add(layer.name)
        members = twins[layer.name]
        if seen.issuperset(member.name for member in members):  # the last: all it reads is there
            made.append(_fold_members(members, places, network))
    return named_by_parameter(network, made)


def _twins(network: Network) -> dict[str, tuple[Layer, ...]]:
    """Every layer's twins, itself among them, in tower order; alone where it has none."""
    alike: defaultdict[tuple[Layer, tuple[str, ...]], dict[int, list[Layer]]]
    alike = defaultdict(lambda: defaultdict(list))
    for layer in network:
        if layer.tower is not None and not isinstance(layer, Input):
            alike[_likeness(layer)][layer.tower].append(layer)
    found: dict[str, tuple[Layer, ...]] = {layer.name: (layer,) for layer in network}
    for by_tower in alike.values():
        if len(network.towers) > 1 and set(by_tower) == set(network.towers):
            in_order = (by_tower[tower] for tower in network.towers)
            for members in zip(*in_order, strict=False):  # what is left over has no twin
                found |= dict.fromkeys((member.name for member in members), members)
    return found


def _likeness(layer: Layer) -> tuple[Layer, tuple[str, ...]]:
    """All but name, tower and reads; what there is one of per read, in any order."""
    bare = replace(layer, name="", tower=None, reads=())
    match bare:
        case Conv() | Local():
            return replace(bare, kernels=()), tuple(sorted(map(repr, bare.kernels)))
        case FullyConnected():
            return replace(bare, initial=()), tuple(sorted(map(repr, bare.initial)))
        case _:
            return bare, (str(len(layer.reads)),)


def _places(network: Network, twins: Mapping[str, tuple[Layer, ...]]) -> dict[str, _Place]:
    taken = {layer.name for layer in network if len(twins[layer.name]) == 1}
    places = {name: _Place(name, None) for name in taken}
    for layer in network:
        members = twins[layer.name]
        if layer.name not in places:
            joined = "+".join(member.name for member in members)
            name = _stem([member.name for member in members])
            name = joined if name is None or name in taken else name
            taken.add(name)
            places |= {member.name: _Place(name, i) for i, member in enumerate(members)}
    return places


def _stem(names: Sequence[str]) -> str | None:
    """The name without the letter that tells twins apart: conv1 of conv1a and conv1b, pool1_neuron
    of pool1a_neuron and pool1b_neuron.
    """
    if len({len(name) for name in names}) > 1:
        return None
    differ = [i for i, column in enumerate(zip(*names, strict=True)) if len(set(column)) > 1]
    if len(differ) != 1:
        return None
    (at,) = differ
    stem = names[0][:at] + names[0][at + 1 :]
    told_apart = "".join(name[at] for name in names) == letters(len(names))
    return stem if told_apart and NAME.fullmatch(stem) else None


def _fold_members(
    members: Sequence[Layer], places: Mapping[str, _Place], network: Network
) -> tuple[Layer, Sequence[Assembly]]:
    """One layer in place of `members`, and what its arrays are made of."""
    layer, twins = members[0], len(members)
    alone = twins == 1
    if alone and all(places[read].twin is None for read in layer.reads):
        return replace(layer, tower=None), pieces_of(layer, network)
    sources = _sources(members, places, network)
    named = replace(
        layer, name=places[layer.name].name, tower=None, reads=tuple(s.name for s in sources)
    )
    match named:
        case Conv() | Local():
            kernels = tuple(_fold_kernel(source, members, network) for source in sources)
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
        case (
            MaxPool()
            | AveragePool()
            | WithinMapNorm()
            | ContrastNorm()
            | Activation()
            | Dropout()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            _keeps_apart(sources, members, network)
            return named, ()
        case Concat():
            if alone:
                return replace(named, reads=_joined(layer, places, network)), ()
            _require_one_read(sources, members, network)
            return named, ()
        case Input():
            return named, ()
        case (
            Softmax()
            | LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
        ):
            if not alone:
                refuse(
                    network,
                    layer,
                    "folded",
                    f"each tower has a {layer.kind} over its own units alone",
                )
            _keeps_apart(sources, members, network)
            return named, ()
        case _:
            assert_never(named)


def _sources(
    members: Sequence[Layer], places: Mapping[str, _Place], network: Network
) -> list[_Source]:
    """What the folded layer reads, in the order of its first member."""
    if isinstance(members[0], Concat) and len(members) == 1:
        return []  # the order of its reads is its meaning: see _joined
    reads: list[dict[str, dict[int | None, int]]] = []
    for member in members:
        found: defaultdict[str, dict[int | None, int]] = defaultdict(dict)
        for index, read in enumerate(member.reads):
            place = places[read]
            if place.twin in found[place.name]:
                refuse(network, member, "folded", f"it reads '{read}' twice")
            found[place.name][place.twin] = index
        if set(found) != set(reads[0] if reads else found):
            refuse(
                network,
                member,
                "folded",
                f"it does not read what its twin '{members[0].name}' reads",
            )
        reads.append(found)
    twins = {
        name: sorted((p.twin for p in places.values() if p.name == name), key=lambda t: t or 0)
        for name in reads[0]
    }
    return [
        _source(name, twins[name], [found[name] for found in reads], members, network)
        for name in reads[0]
    ]


def _source(
    name: str,
    twins: Sequence[int | None],
    reads: Sequence[Mapping[int | None, int]],
    members: Sequence[Layer],
    network: Network,
) -> _Source:
    if twins == [None]:
        return _Source(name, "whole", tuple((found[None],) for found in reads))
    if all(set(found) == set(twins) for found in reads):
        in_order = tuple(
            tuple(found[twin] for twin in sorted(found, key=lambda twin: twin or 0))
            for found in reads
        )
        return _Source(name, "every", in_order)
    if len(members) > 1 and all(set(found) == {i} for i, found in enumerate(reads)):
        return _Source(name, "own", tuple((found[i],) for i, found in enumerate(reads)))
    why = f"of '{name}' it must read its own tower's part, as its twins do, or every tower's"
    return refuse(network, members[0], "folded", why)


def _fold_kernel(source: _Source, members: Sequence[Layer], network: Network) -> Kernel:
    kernels: set[Kernel] = set()
    for member, reads in zip(members, source.reads, strict=True):
        assert isinstance(member, Conv | Local), "twins are of one kind"
        kernels |= {member.kernels[read] for read in reads}
    if len(kernels) > 1:
        refuse(network, members[0], "folded", f"its kernels over '{source.name}' differ")
    (kernel,) = kernels
    return replace(kernel, groups=_fold_groups(kernel.groups, [source], members, network))


def _fold_initial(source: _Source, members: Sequence[Layer], network: Network) -> Initial:
    initial: set[Initial] = set()
    for member, reads in zip(members, source.reads, strict=True):
        assert isinstance(member, FullyConnected), "twins are of one kind"
        initial |= {member.initial[read] for read in reads}
    if len(initial) > 1:
        refuse(network, members[0], "folded", f"its weights over '{source.name}' start differently")
    return initial.pop()


def _fold_groups(
    groups: int, sources: Sequence[_Source], members: Sequence[Layer], network: Network
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
    members: Sequence[Layer], sources: Sequence[_Source], network: Network
) -> list[Assembly]:
    """Weights stacked along the outputs by member, along the inputs by tower; then the bias."""
    layer = members[0]
    assert isinstance(layer, Conv | Local | FullyConnected), "only these have arrays"
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


def _keeps_apart(sources: Sequence[_Source], members: Sequence[Layer], network: Network) -> None:
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
    sources: Sequence[_Source], members: Sequence[Layer], network: Network
) -> None:
    _keeps_apart(sources, members, network)
    if len(sources) > 1:
        refuse(
            network,
            members[0],
            "folded",
            "each tower joins its own maps, so the channels would mix",
        )


def _joined(layer: Layer, places: Mapping[str, _Place], network: Network) -> tuple[str, ...]:
    """A concat's reads, with twins that follow one another in tower order as one."""
    reads: list[str] = []
    twins = Counter(place.name for place in places.values())
    waiting = 0
    for read in layer.reads:
        place = places[read]
        if (place.twin or 0) != waiting or (waiting and place.name != reads[-1]):
            refuse(network, layer, "folded", f"it does not join the towers in order at '{read}'")
        if not waiting:
            reads.append(place.name)
        waiting = (waiting + 1) % twins[place.name]
    if waiting:
        refuse(network, layer, "folded", f"it leaves out a tower of '{reads[-1]}'")
    return tuple(reads)
