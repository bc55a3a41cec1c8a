"""Which layers of different towers are twins, what the folded network calls them, and what a folded
layer reads there. It folds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alexnet.network.layers import (
    Concat,
    Conv,
    FullyConnected,
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    Shared,
)
from alexnet.network.spec import NAME, Network
from alexnet.network.towers.assembly import letters, refuse


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer's output lies in the folded network: in which layer, and as the how-manieth
    twin (None: it is the whole layer).
    """

    name: str
    twin: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a folded layer, and which of each member's reads it stands for, in tower order.

    "own": each member reads its own tower's twin; "every": each reads all twins; "whole": each
    reads a layer that has none.
    """

    name: str
    kind: Literal["own", "every", "whole"]
    reads: tuple[tuple[int, ...], ...]


def find_twins(network: Network) -> dict[str, tuple[Layer, ...]]:
    """Every layer's twins, itself among them, in tower order; alone where it has none.

    Layers alike that read alike are paired first, in order, then those alike that are left.
    """
    found: dict[str, tuple[Layer, ...]] = {layer.name: (layer,) for layer in network}
    held = [x for x in network if x.tower is not None and not isinstance(x, Input)]
    structures = _structures(network)
    found |= _paired(network, [(structures[layer.name], layer) for layer in held])
    left = [layer for layer in held if len(found[layer.name]) == 1]
    return found | _paired(network, [(_likeness(layer), layer) for layer in left])


def _paired(
    network: Network, layers: Sequence[tuple[Hashable, Layer]]
) -> dict[str, tuple[Layer, ...]]:
    """The layers of one key in order, one of each tower together; what is left over has no twin."""
    found: dict[str, tuple[Layer, ...]] = {}
    by_key: defaultdict[Hashable, dict[int | None, list[Layer]]]
    by_key = defaultdict(lambda: defaultdict(list))
    for key, layer in layers:
        by_key[key][layer.tower].append(layer)
    for by_tower in by_key.values():
        if len(network.towers) > 1 and set(by_tower) == set(network.towers):
            for members in zip(*(by_tower[tower] for tower in network.towers), strict=False):
                found |= dict.fromkeys((member.name for member in members), members)
    return found


def _structures(network: Network) -> dict[str, int]:
    """A number for every layer, the same for layers that are alike and read what has the same; a
    layer in no tower has one of its own.
    """
    numbers: dict[Hashable, int] = {}
    found: dict[str, int] = {}
    for layer in network:
        key: Hashable = layer.name
        if layer.tower is not None and not isinstance(layer, Input):
            key = (_likeness(layer), tuple(sorted(found[read] for read in layer.reads)))
        found[layer.name] = numbers.setdefault(key, len(numbers))
    return found


def _likeness(layer: Layer) -> tuple[Layer, tuple[str, ...]]:
    """All but name, tower and reads; what there is one of per read, in any order."""
    bare = replace(layer, name="", tower=None, reads=())
    match bare:
        case Conv() | Local():
            return replace(bare, kernels=()), tuple(sorted(repr(alike(k)) for k in bare.kernels))
        case FullyConnected():
            return replace(bare, initial=()), tuple(
                sorted(repr(alike_start(i)) for i in bare.initial)
            )
        case _:
            return bare, (str(len(layer.reads)),)


def find_places(network: Network, twins: Mapping[str, tuple[Layer, ...]]) -> dict[str, Place]:
    """Where every layer lies in the folded network, which calls twins by what their names share."""
    taken = {layer.name for layer in network if len(twins[layer.name]) == 1}
    places = {name: Place(name, None) for name in taken}
    for layer in network:
        members = twins[layer.name]
        if layer.name not in places:
            joined = "+".join(member.name for member in members)
            name = _stem([member.name for member in members])
            name = joined if name is None or name in taken else name
            taken.add(name)
            places |= {member.name: Place(name, i) for i, member in enumerate(members)}
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


def alike(kernel: Kernel) -> Kernel:
    """What twins' kernels agree in: all but whose weights they share and which maps they see."""
    many = len(kernel.connections)
    return replace(kernel, initial=alike_start(kernel.initial), connections=(0,) * many)


def alike_start(initial: Initial) -> Initial:
    """How weights start, whoever may own them."""
    return Shared("") if isinstance(initial, Shared) else initial


def find_sources(
    members: Sequence[Layer], places: Mapping[str, Place], network: Network
) -> list[Source]:
    """What the folded layer reads, in the order of its first member."""
    if isinstance(members[0], Concat) and len(members) == 1:
        return []  # the order of its reads is its meaning: see joined_reads
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
) -> Source:
    if twins == [None]:
        return Source(name, "whole", tuple((found[None],) for found in reads))
    if all(set(found) == set(twins) for found in reads):
        in_order = tuple(
            tuple(found[twin] for twin in sorted(found, key=lambda twin: twin or 0))
            for found in reads
        )
        return Source(name, "every", in_order)
    if len(members) > 1 and all(set(found) == {i} for i, found in enumerate(reads)):
        return Source(name, "own", tuple((found[i],) for i, found in enumerate(reads)))
    why = f"of '{name}' it must read its own tower's part, as its twins do, or every tower's"
    return refuse(network, members[0], "folded", why)


def joined_reads(layer: Layer, places: Mapping[str, Place], network: Network) -> tuple[str, ...]:
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
