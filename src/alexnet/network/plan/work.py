"""The work of one training step per picture, layer by layer, from the ledger: operations forward
and backward, parameters, and the activations that cross when layers are dealt over devices.
"""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.network.layers import FullyConnected, TreeConnected, Weighted
from alexnet.network.ledger import ledger
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

OPERATIONS = 2
"""A multiply-add is two operations."""


@dataclass(frozen=True, slots=True)
class Part:
    """One layer with weights.

    Attributes:
        name, tower: of the layer.
        parameters: its weights and biases; shared ones at their owner, whose gradient is the last.
        forward: operations a picture.
        backward: the weights' gradient, as many as forward; and the input's, as many again, unless
            nothing below it learns.
        outputs: of a fully-connected layer, which can be dealt over devices by them; else 0.
    """

    name: str
    tower: int | None
    parameters: int
    forward: int
    backward: int
    outputs: int

    @property
    def operations(self) -> int:
        """Forward and backward."""
        return self.forward + self.backward


@dataclass(frozen=True, slots=True)
class Cross:
    """Numbers a picture that one tower's device sends another's; as many gradients come back."""

    from_tower: int
    to_tower: int
    floats: int
    layer: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a step asks for.

    Attributes:
        network: whose.
        parts: its layers with weights, in order.
        gathered: numbers a picture that each fully-connected stage reads, in order.
        said: numbers a picture that the last such stage gives.
        crosses: what crosses between towers; layers of no tower are run on the first one's device.
        activation_bytes: by tower, None for layers of none.
    """

    network: Network
    parts: tuple[Part, ...]
    gathered: tuple[int, ...]
    said: int
    crosses: tuple[Cross, ...]
    activation_bytes: dict[int | None, int]

    @property
    def dense(self) -> tuple[Part, ...]:
        """The fully-connected layers."""
        return tuple(part for part in self.parts if part.outputs)

    @property
    def spatial(self) -> tuple[Part, ...]:
        """All other layers with weights."""
        return tuple(part for part in self.parts if not part.outputs)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(part.parameters for part in self.parts)

    @property
    def forward(self) -> int:
        """Operations a picture, forward."""
        return sum(part.forward for part in self.parts)

    @property
    def backward(self) -> int:
        """Operations a picture, backward."""
        return sum(part.backward for part in self.parts)


def work_of(network: Network) -> Work:
    """Reads the ledger.

    Args:
        network: any network with weights.
    """
    account = ledger(network)
    learned = _learned(network)
    parts: list[Part] = []
    for row in account.rows:
        layer = network[row.name]
        if not isinstance(layer, Weighted):
            continue
        forward = OPERATIONS * row.multiply_adds
        backward = 2 * forward if learned.intersection(row.reads) else forward
        outputs = layer.outputs if isinstance(layer, FullyConnected | TreeConnected) else 0
        parts.append(Part(row.name, row.tower, row.parameters, forward, backward, outputs))
    gathered, said = _gathered(network)
    shares: dict[int | None, int] = {}
    for row in account.rows:
        shares[row.tower] = shares.get(row.tower, 0) + row.activation_bytes
    crosses = [Cross(c.from_tower, c.to_tower, c.floats, c.layer) for c in account.crossings]
    known = {(c.layer, c.from_tower, c.to_tower) for c in crosses}
    crosses += [
        cross
        for cross in _to_and_from_none(network, learned)
        if (cross.layer, cross.from_tower, cross.to_tower) not in known
    ]
    return Work(network, tuple(parts), gathered, said, tuple(crosses), shares)


def _learned(network: Network) -> set[str]:
    """The layers whose output hangs on weights."""
    found: set[str] = set()
    for layer in network:
        if isinstance(layer, Weighted) or found.intersection(layer.reads):
            found.add(layer.name)
    return found


def _gathered(network: Network) -> tuple[tuple[int, ...], int]:
    """What fully-connected stages read, each array once; and what the last of them give together:
    those whose output no other fully-connected layer reads, with or without layers between.
    """
    dense = [x for x in network if isinstance(x, FullyConnected | TreeConnected)]
    stages: dict[tuple[str, ...], int] = {}
    counted: set[str] = set()
    for layer in dense:
        new = [read for read in layer.reads if read not in counted]
        counted.update(new)
        size = sum(elements(network.shape(read)) for read in new)
        if size:
            stages[tuple(layer.reads)] = size
    last = [x for x in dense if not _leads_to_dense(x.name, network)]
    return tuple(stages.values()), sum(elements(network.shape(x.name)) for x in last)


def _leads_to_dense(name: str, network: Network) -> bool:
    """Whether a fully-connected layer reads what comes of `name`."""
    fed = {name}
    for layer in network:
        if fed.intersection(layer.reads):
            if isinstance(layer, FullyConnected | TreeConnected):
                return True
            fed.add(layer.name)
    return False


def _to_and_from_none(network: Network, learned: set[str]) -> list[Cross]:
    """What crosses because layers of no tower stand on the first tower's device."""
    if not network.towers:
        return []
    first, found = network.towers[0], dict[tuple[str, int, int], int]()
    for layer in network:
        for read in learned.intersection(layer.reads):
            source, target = network[read].tower, layer.tower
            if (source is None) == (target is None):
                continue
            ends = (first if source is None else source, first if target is None else target)
            if ends[0] != ends[1]:
                found[read, *ends] = elements(network.shape(read))
    return [Cross(a, b, floats, name) for (name, a, b), floats in sorted(found.items())]
