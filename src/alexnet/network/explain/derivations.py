"""Every count of a network as a product of named factors, so that a factor can be doubted.

The values are those of the ledger (a test holds them together); what is added is what each factor
is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from alexnet.network.explain.written import Quantity
from alexnet.network.layers import (
    AveragePool,
    Conv,
    CrossMapPool,
    FullyConnected,
    Input,
    Local,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Resize,
    Shared,
    TreeConnected,
    Weighted,
)
from alexnet.network.ledger import BYTES_PER_FLOAT, Stage
from alexnet.network.placement.weighted import initials, seen_channels
from alexnet.network.shapes import Shape, elements
from alexnet.network.spec import Network

Pool = MaxPool | AveragePool | RandomPool
Counted = Weighted | Pool | CrossMapPool | Nailbed | Resize | RandomScale | Input
"""The kinds of layer whose maps are counted; the others repeat their input's or make none."""


class Factor(NamedTuple):
    """A number of a layer and what it is there."""

    value: int
    label: str


ONE = Factor(1, "bias")


@dataclass(frozen=True, slots=True)
class Derivation:
    """`outer` · (Σ of the products in `inner`); without `inner` the product of `outer` alone."""

    outer: tuple[Factor, ...]
    inner: tuple[tuple[Factor, ...], ...] = ()

    @property
    def value(self) -> int:
        """The number."""
        value = sum(_product(term) for term in self.inner) if self.inner else 1
        return value * _product(self.outer)

    @property
    def text(self) -> str:
        """The arithmetic, as in 96·(11·11·3 + 1)."""
        outer = [f"{f.value}" for f in self.outer]
        inner = ["·".join(f"{f.value}" for f in term) for term in self.inner]
        if len(inner) > 1 and outer:
            inner = [f"({' + '.join(inner)})"]
        return "·".join([*outer, " + ".join(inner)]) if inner else "·".join(outer)

    def but(self, old: Factor, new: Factor | None) -> Derivation:
        """The derivation with one `old` replaced by `new`, or left out; of equals the last."""
        products = [self.outer, *self.inner]
        home = next(i for i, product in enumerate(products) if old in product)
        products[home] = _swapped(products[home], old, new)
        return Derivation(products[0], tuple(products[1:]))

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors, each value once for every product in which it stands; no ones."""
        found = {
            (place, f.value): f
            for place, product in enumerate((self.outer, *self.inner))
            for f in product
            if f.value > 1
        }
        return tuple(found.values())

    def times(self, value: int) -> int:
        """How often a factor of this value stands in it."""
        return sum(f.value == value for product in (self.outer, *self.inner) for f in product)


def _product(factors: tuple[Factor, ...]) -> int:
    return math.prod(f.value for f in factors)


def _swapped(factors: tuple[Factor, ...], old: Factor, new: Factor | None) -> tuple[Factor, ...]:
    index = factors.index(old)
    return (*factors[:index], *([new] if new else []), *factors[index + 1 :])


@dataclass(frozen=True, slots=True)
class Part:
    """A layer, or the twins of a stage taken together, with the factors of its counts.

    Attributes:
        name: of the stage.
        kind: of its layers.
        towers: over how many towers it is dealt.
        area: rows and columns of its map; empty for a vector.
        maps: its kernels, maps or outputs in all towers.
        links: what one neuron reads, a product for each separate input.
        own: those of them whose weights are counted here, not at another layer that owns them.
        nodes: how many vectors of weights a tree has for its outputs, or None without a tree.
        bias: "shared", "unshared" or "none".
        numbers: everything that has a number there, a factor or not.
        sentence: how its side comes about.
    """

    name: str
    kind: str
    towers: int
    area: tuple[Factor, ...]
    maps: Factor
    links: tuple[tuple[Factor, ...], ...]
    bias: str
    numbers: tuple[Factor, ...]
    sentence: str
    own: tuple[tuple[Factor, ...], ...] = ()
    nodes: Factor | None = None

    @property
    def weighted(self) -> bool:
        """Whether it has weights."""
        return bool(self.links)

    def one_tower(self) -> Part:
        """What one of its towers holds."""
        return replace(
            self,
            towers=1,
            maps=Factor(self.maps.value // self.towers, f"{self.maps.label} per tower"),
        )

    def derivations(self) -> dict[Quantity, Derivation]:
        """Every count of it."""
        units = (*self.area, self.maps)
        if not self.weighted:
            found: dict[Quantity, Derivation] = {"map side": Derivation(self.area[:1])}
            if self.kind == "input":
                found["input elements"] = Derivation(units)
            else:
                found["activation bytes"] = Derivation((_bytes(), *units))
            return found
        biased = () if self.bias == "none" else ((ONE,),)
        found = {
            "neurons": Derivation(units),
            **self._parameters(units),
            "connections": Derivation(units, (*self.links, *biased)),
            "multiply-adds": _flat(Derivation(units, self.links)),
            "operations": _flat(Derivation((_two(), *units), self.links)),
            "weights of one neuron": _flat(Derivation((), self.links)),
            "activation bytes": Derivation((_bytes(), *units)),
        }
        if self.area:
            found["positions"] = Derivation(self.area)
            found["map side"] = Derivation(self.area[:1])
        if biased:
            links = tuple((_two(), *link) for link in self.links)
            found["operations with bias additions"] = Derivation(units, (*links, *biased))
        return found

    def _parameters(self, units: tuple[Factor, ...]) -> dict[Quantity, Derivation]:
        sets = units if self.kind == "local" else (self.maps,)
        spread = self.bias == "unshared" and self.kind != "local"
        each = self.area if spread else (ONE,)
        found: dict[Quantity, Derivation] = {}
        if self.nodes:
            vectors = tuple((self.nodes, *link) for link in self.own)
            found["weights"] = _flat(Derivation((), vectors))
            found["parameters"] = Derivation((), (*vectors, (self.maps,)))
        elif self.own:
            found["weights"] = found["parameters"] = _flat(Derivation(sets, self.own))
            if self.bias != "none":
                found["parameters"] = Derivation(sets, (*self.own, each))
        if self.bias != "none":
            found["biases"] = Derivation(units if self.bias == "unshared" else (self.maps,))
            found.setdefault("parameters", found["biases"])
        if "parameters" in found:
            parameters = found["parameters"]
            found["parameter bytes"] = Derivation((_bytes(), *parameters.outer), parameters.inner)
        return found


def _flat(derivation: Derivation) -> Derivation:
    """A single inner product moved outside, where no bracket is needed."""
    if len(derivation.inner) != 1:
        return derivation
    return Derivation((*derivation.outer, *derivation.inner[0]))


def _two() -> Factor:
    return Factor(2, "operations per multiply-add")


def _bytes() -> Factor:
    return Factor(BYTES_PER_FLOAT, "bytes per number")


# --- from a network -------------------------------------------------------------------------------


def parts(network: Network, stages: Iterable[Stage]) -> tuple[Part, ...]:
    """The parts of `network`, one for each stage that is counted, in order.

    Args:
        network: a network with the layer names of `stages`, not necessarily their sizes.
        stages: which layers are twins.
    """
    layers = {layer.name: layer for layer in network}
    shared = _readers_groups(network)
    found: list[Part] = []
    for stage in stages:
        members = [x for row in stage.rows if isinstance(x := layers[row.name], Counted)]
        if members and not _labels(members[0]):
            found += _stage(stage.name, members, network, shared)
    return tuple(found)


def _labels(layer: Counted) -> bool:
    return isinstance(layer, Input) and layer.content == "labels"


def _stage(
    name: str, members: list[Counted], network: Network, shared: Mapping[str, Factor]
) -> list[Part]:
    """One part where the twins read alike, else a part for each."""
    each = [_part(layer.name, [layer], network, shared) for layer in members]
    if len({(part.area, part.maps, part.links, part.own, part.bias) for part in each}) > 1:
        return each
    return [_part(name, members, network, shared)]


def _part(
    name: str, members: list[Counted], network: Network, shared: Mapping[str, Factor]
) -> Part:
    first, towers = members[0], len(members)
    maps, rows, columns = network.shape(first.name)
    owned = _owned(first)
    links = _links(first, network, range(len(first.reads)))
    label = _map_label(first)
    area = (
        ()
        if isinstance(first, FullyConnected | TreeConnected)
        else (
            Factor(rows, "rows of its map"),
            Factor(columns, "columns of its map"),
        )
    )
    part = Part(
        name,
        first.kind,
        towers,
        area,
        Factor(maps * towers, label),
        links,
        _bias(first),
        (),
        network.placed[first.name].sentence,
        links if len(owned) == len(first.reads) else _links(first, network, owned),
        Factor(len(first.parents), "nodes of the tree")
        if isinstance(first, TreeConnected)
        else None,
    )
    numbers = [*area, part.maps, Factor(maps, f"{label} per tower")]
    numbers += [f for link in part.links for f in link]
    numbers += _numbers(first, network)
    numbers += [shared[layer.name] for layer in members if layer.name in shared]
    return replace(part, numbers=tuple(_distinct(numbers)))


def _distinct(numbers: Iterable[Factor]) -> list[Factor]:
    found: dict[int, Factor] = {}
    for factor in numbers:
        if factor.value > 1:
            found.setdefault(factor.value, factor)
    return list(found.values())


def _bias(layer: Counted) -> str:
    if isinstance(layer, TreeConnected):
        return "shared"
    return layer.bias if isinstance(layer, Conv | Local | FullyConnected) else "none"


def _map_label(layer: Counted) -> str:
    if isinstance(layer, Conv | Local):
        return "kernels"
    if isinstance(layer, Input):
        return "colour channels"
    return "outputs" if isinstance(layer, FullyConnected | TreeConnected) else "maps"


def _owned(layer: Counted) -> Sequence[int]:
    """The reads over which the weights are the layer's own."""
    if not isinstance(layer, Weighted):
        return range(len(layer.reads))
    return [i for i, start in enumerate(initials(layer)) if not isinstance(start, Shared)]


def _links(
    layer: Counted, network: Network, among: Sequence[int]
) -> tuple[tuple[Factor, ...], ...]:
    """What one neuron reads among its reads of those indices; inputs that are read alike are one
    product, their channels added.
    """
    if not isinstance(layer, Weighted):
        return ()
    inputs = network.inputs_of(layer)
    shapes = tuple(inputs[index] for index in among)
    if not isinstance(layer, Conv | Local):
        return _dense(shapes, 1 if isinstance(layer, TreeConnected) else layer.groups)
    kernels = [layer.kernels[index] for index in among]
    channels: dict[int, int] = {}
    for kernel, shape in zip(kernels, shapes, strict=True):
        channels[kernel.size] = channels.get(kernel.size, 0) + seen_channels(kernel, shape)
    return tuple(
        (
            Factor(s, "kernel's rows"),
            Factor(s, "kernel's columns"),
            Factor(c, "maps that a kernel reads"),
        )
        for s, c in channels.items()
    )


def _dense(shapes: tuple[Shape, ...], groups: int) -> tuple[tuple[Factor, ...], ...]:
    if any(shape[0] % groups for shape in shapes):
        return ((Factor(sum(map(elements, shapes)) // groups, "inputs"),),)
    channels: dict[tuple[int, int], int] = {}
    for maps, rows, columns in shapes:
        channels[rows, columns] = channels.get((rows, columns), 0) + maps // groups
    return tuple(
        (Factor(c, "inputs"),)
        if area == (1, 1)
        else (
            Factor(area[0], "input rows"),
            Factor(area[1], "input columns"),
            Factor(c, "input maps"),
        )
        for area, c in channels.items()
    )


def _numbers(layer: Counted, network: Network) -> list[Factor]:
    """The numbers of a layer that are no factor of its counts."""
    found: list[Factor] = []
    if isinstance(layer, Conv | Local):
        for kernel, shape in zip(layer.kernels, network.inputs_of(layer), strict=True):
            found += [
                Factor(kernel.stride, "stride"),
                Factor(kernel.padding, "padding"),
                Factor(shape[1], "side of its input"),
                Factor(shape[0], "maps of its input"),
                Factor(layer.filters // kernel.groups, "kernels per group"),
            ]
    elif isinstance(layer, Pool):
        window = layer.window
        found += [Factor(window.size, "window"), Factor(window.stride, "stride")]
        found += [Factor(shape[1], "side of its input") for shape in network.inputs_of(layer)]
    return found


def _readers_groups(network: Network) -> dict[str, Factor]:
    """For each layer with weights that a grouped one reads: how many of its maps one group sees."""
    above: dict[str, frozenset[str]] = {}
    found: dict[str, Factor] = {}
    for layer in network:
        sources = frozenset[str]().union(*(above[read] for read in layer.reads))
        above[layer.name] = sources
        if not isinstance(layer, Weighted):
            continue
        above[layer.name] = frozenset({layer.name})
        groups = layer.kernels[0].groups if isinstance(layer, Conv | Local) else 1
        if groups > 1:
            label = f"kernels that one group of {layer.name} reads"
            for source in sources:
                found[source] = Factor(network.shape(source)[0] // groups, label)
    return found
