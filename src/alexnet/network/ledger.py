"""The account of a network: a row per layer, totals, sums per tower, what crosses between towers.

It adds up what `arithmetic` says of each layer; it prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alexnet.network.arithmetic import (
    ReceptiveField,
    connections,
    multiply_adds,
    neurons,
    parameters,
    receptive_fields,
)
from alexnet.network.layers import Input, Layer, Shared, Weighted
from alexnet.network.placement.weighted import initials
from alexnet.network.shapes import Shape, elements
from alexnet.network.spec import Network

BYTES_PER_FLOAT = 4
"""Activations are counted in single precision, as in 2012."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one layer amounts to, for one picture.

    Attributes:
        name, kind, tower: of the layer.
        reads: what it reads.
        shape: its output, (channels, height, width).
        neurons: outputs of layers with weights; 0 for others.
        weights, biases: how many numbers are learned; shared weights count at their owner alone.
        connections: neurons times what each reads, bias included, as if no weight were shared.
        multiply_adds: multiplications with a weight.
        activation_bytes: its output in single precision.
        receptive_field: along a side, or None where the layer sees no picture.
        why: for `output_shape`, `neurons`, `weights`, `biases`, `connections`, `multiply_adds` and
            `receptive_field`, the sentence behind the number.
    """

    name: str
    kind: str
    tower: int | None
    reads: tuple[str, ...]
    shape: Shape
    neurons: int
    weights: int
    biases: int
    connections: int
    multiply_adds: int
    activation_bytes: int
    receptive_field: ReceptiveField | None
    why: dict[str, str]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of some rows."""

    neurons: int
    weights: int
    biases: int
    connections: int
    multiply_adds: int
    activation_bytes: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases


@dataclass(frozen=True, slots=True)
class Crossing:
    """One layer's output that another tower needs: `floats` numbers per picture, once each way.

    Forward the activations cross, backward as many gradients.
    """

    layer: str
    from_tower: int
    to_tower: int
    readers: tuple[str, ...]
    floats: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows that are one layer dealt over towers: conv1a and conv1b are the stage conv1."""

    name: str
    rows: tuple[Row, ...]

    @property
    def total(self) -> Total:
        """The stage's sums."""
        return total(self.rows)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The whole account of one network."""

    network: Network
    rows: tuple[Row, ...]
    stages: tuple[Stage, ...]
    crossings: tuple[Crossing, ...]

    @property
    def total(self) -> Total:
        """The sums over all layers."""
        return total(self.rows)

    @property
    def per_tower(self) -> dict[int, Total]:
        """The sums over each tower's layers; layers outside every tower are in none."""
        return {t: total(r for r in self.rows if r.tower == t) for t in self.network.towers}


def ledger(network: Network) -> Ledger:
    """Counts a network.

    Args:
        network: any network; one that was made has shapes that fit, so this cannot fail.
    """
    fields = receptive_fields(network)
    rows = tuple(_row(layer, network, fields[layer.name]) for layer in network)
    return Ledger(network, rows, _stages(rows), _crossings(network))


def total(rows: Iterable[Row]) -> Total:
    """Adds rows up."""
    items: Sequence[Row] = tuple(rows)
    return Total(
        sum(r.neurons for r in items),
        sum(r.weights for r in items),
        sum(r.biases for r in items),
        sum(r.connections for r in items),
        sum(r.multiply_adds for r in items),
        sum(r.activation_bytes for r in items),
    )


def _row(layer: Layer, network: Network, field: ReceptiveField | None) -> Row:
    placed = network.placed[layer.name]
    arrays = parameters(layer, network)
    weights = [p for p in arrays if not p.is_bias]
    biases = [p for p in arrays if p.is_bias]
    units, links, work = (
        neurons(layer, placed),
        connections(layer, network),
        multiply_adds(layer, network),
    )
    is_labels = isinstance(layer, Input) and layer.content == "labels"
    return Row(
        name=layer.name,
        kind=layer.kind,
        tower=layer.tower,
        reads=layer.reads,
        shape=placed.shape,
        neurons=units.value,
        weights=sum(p.count for p in weights),
        biases=sum(p.count for p in biases),
        connections=links.value,
        multiply_adds=work.value,
        activation_bytes=0 if is_labels else BYTES_PER_FLOAT * elements(placed.shape),
        receptive_field=field,
        why={
            "output_shape": placed.sentence,
            "neurons": units.sentence,
            "weights": " + ".join([*(p.sentence for p in weights), *_shared(layer, network)])
            or "none: it has no weights",
            "biases": " + ".join(p.sentence for p in biases) or "none",
            "connections": links.sentence,
            "multiply_adds": work.sentence,
            "receptive_field": field.sentence if field else "it sees no picture",
        },
    )


def _shared(layer: Layer, network: Network) -> list[str]:
    """Whose weights it has that are not its own, once each."""
    found: dict[str, None] = {}
    for initial in initials(layer) if isinstance(layer, Weighted) else ():
        if isinstance(initial, Shared) and initial.layer == layer.name:
            found[f"those of its input {initial.index}, counted once"] = None
        elif isinstance(initial, Shared):
            found[f"those of {_owner(network[initial.layer], layer, network)}, counted there"] = (
                None
            )
    return list(found)


def _owner(owner: Layer, layer: Layer, network: Network) -> str:
    """The owner's name, as twins call it alike that share each with their own tower's."""
    name = stem(owner.name, owner.tower)
    twins = [x for x in network if x.kind == owner.kind and stem(x.name, x.tower) == name]
    return name if owner.tower == layer.tower and len(twins) > 1 else owner.name


def stem(name: str, tower: int | None) -> str:
    """A tower layer's name without its tower's letter: conv1a and conv1b → conv1."""
    if tower is None:
        return name
    letter = chr(ord("a") + tower)
    return re.sub(rf"^(.+){letter}(_neuron)?$", r"\1\2", name)


def _stages(rows: tuple[Row, ...]) -> tuple[Stage, ...]:
    """Groups twins, alike in every number and sentence; any other layer is a stage of its own."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        alike = (row.kind, row.shape, row.parameters, row.receptive_field, *row.why.values())
        groups.setdefault((stem(row.name, row.tower), *alike), []).append(row)
    stages: list[Stage] = []
    for members in groups.values():
        name = stem(members[0].name, members[0].tower)
        twins = len(members) > 1 and len({row.tower for row in members}) == len(members)
        if twins:
            stages.append(Stage(name, tuple(members)))
        else:
            stages += [Stage(row.name, (row,)) for row in members]
    return tuple(stages)


def _crossings(network: Network) -> tuple[Crossing, ...]:
    """A map crosses to another tower once, however many layers there read it (as in layer.cu)."""
    readers: dict[tuple[str, int, int], list[str]] = {}
    for layer in network:
        for read in layer.reads:
            source = network[read].tower
            if source is not None and layer.tower is not None and source != layer.tower:
                readers.setdefault((read, source, layer.tower), []).append(layer.name)
    return tuple(
        Crossing(read, source, target, tuple(names), elements(network.shape(read)))
        for (read, source, target), names in readers.items()
    )


def as_tree(account: Ledger) -> dict[str, object]:
    """The ledger as a JSON tree with stable keys, the same for every network."""
    return {
        "network": account.network.name,
        "source": account.network.source,
        "layers": [_row_tree(row) for row in account.rows],
        "towers": {str(t): _total_tree(sums) for t, sums in account.per_tower.items()},
        "crossings": [
            {
                "layer": c.layer,
                "from_tower": c.from_tower,
                "to_tower": c.to_tower,
                "readers": list(c.readers),
                "floats_forward": c.floats,
                "floats_backward": c.floats,
            }
            for c in account.crossings
        ],
        "total": _total_tree(account.total),
    }


def _row_tree(row: Row) -> dict[str, object]:
    field = row.receptive_field
    return {
        "name": row.name,
        "kind": row.kind,
        "tower": row.tower,
        "reads": list(row.reads),
        "output_shape": list(row.shape),
        **_total_tree(total([row])),
        "receptive_field": field and {"size": field.size, "jump": field.jump, "start": field.start},
        "why": row.why,
    }


def _total_tree(sums: Total) -> dict[str, int]:
    return {
        "neurons": sums.neurons,
        "parameters": sums.parameters,
        "weights": sums.weights,
        "biases": sums.biases,
        "connections": sums.connections,
        "multiply_adds": sums.multiply_adds,
        "activation_bytes": sums.activation_bytes,
    }
