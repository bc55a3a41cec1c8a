"""Where the layers of a network with towers run, and what must cross between the towers when. It is
arithmetic on a Network and runs nothing.

A tower's layers fall into levels: a layer's level is how many crossings lie before it. What a tower
runs at one level is a piece; between two levels all that crosses does so in one round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from alexnet.network.layers import Input, Layer, Loss, SumOfSquaresLoss, Weighted
from alexnet.network.spec import Network, nearest
from alexnet.torch_net.order import handed

Piece = tuple[int, int]
"""A tower and a level."""


@dataclass(frozen=True, slots=True)
class Message:
    """A layer's output that another tower reads; `returns`: its gradient is sent back."""

    layer: str
    source: int
    target: int
    returns: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One pass: what each piece is to give, and what crosses before each level."""

    given: dict[Piece, tuple[str, ...]]
    rounds: tuple[tuple[Message, ...], ...]
    runs: tuple[Layer, ...]


def settle(network: Network) -> Network:
    """The network with a tower for every layer that computes something of its own.

    Layers of no tower go to the first one, as 2012's fc1000, probs and logprob ran on GPU 0
    (layers-145.cfg), but for those without weights that see inputs alone: these stay, and every
    tower that reads them runs them for itself. The ledger of what is returned counts all that
    crosses.

    Raises:
        ValueError: the network has fewer than two towers, or weights are shared between towers.
    """
    if len(network.towers) < 2:
        raise ValueError(
            f"network '{network.name}' has {len(network.towers)} towers; there must be at least 2"
            " to run them apart: unfold it first"
        )
    common = {layer.name for layer in network if isinstance(layer, Input)}
    layers: list[Layer] = []
    for layer in network:
        if layer.tower is None and layer.name not in common:
            if not isinstance(layer, Weighted) and common.issuperset(layer.reads):
                common.add(layer.name)
            else:
                layer = replace(layer, tower=network.towers[0])
        layers.append(replace(layer, tower=None) if isinstance(layer, Input) else layer)
    return replace(network, layers=tuple(layers))


class Places:
    """Where the layers of a settled network run.

    Attributes:
        network: the settled one.
        levels: of every layer; an input's is 0.
        depth: how many levels there are.
    """

    def __init__(self, network: Network) -> None:
        """Takes what `settle` returned."""
        self.network = network
        self.levels: dict[str, int] = {}
        self.by_name = {layer.name: layer for layer in network}
        for layer in network:
            self.levels[layer.name] = max(
                (self.levels[read] + self._crosses(read, layer.tower) for read in layer.reads),
                default=0,
            )
        self.depth = 1 + max(self.levels.values())

    def pieces(self, tower: int) -> dict[int, tuple[str, ...]]:
        """The layers that a tower runs, by level; levels at which it runs none are not there."""
        found: dict[int, list[str]] = {}
        for layer in self.network:
            if not isinstance(layer, Input) and layer.tower in (tower, None):
                found.setdefault(self.levels[layer.name], []).append(layer.name)
        return {level: tuple(names) for level, names in sorted(found.items())}

    def home(self, name: str) -> int:
        """The tower whose output of a layer counts: its own, or for one that all run the first."""
        tower = self.by_name[name].tower
        return self.network.towers[0] if tower is None else tower

    def plan(self, wanted: Iterable[str]) -> Plan:
        """What must be run and sent for the activations of `wanted`.

        Raises:
            ValueError: the network has no layer of that name; the nearest is named.
        """
        wanted = tuple(wanted)
        for name in wanted:
            if name not in self.by_name:
                known = nearest(name, list(self.by_name))
                raise ValueError(f"network '{self.network.name}' has no layer '{name}'{known}")
        runs = [x for x in self.network if x.name in self._needed(wanted)]
        learning = self._learning()
        given: dict[Piece, dict[str, None]] = {}
        crossing: dict[tuple[str, int], bool] = {}
        for layer in runs:
            reads = self._reads(layer)
            for read in reads:
                if isinstance(self.by_name[read], Input):
                    continue
                tower = layer.tower
                if self._crosses(read, tower):
                    assert tower is not None, "what every tower runs reads nothing of one tower"
                    returns = layer.name in learning and read in _taught(layer, reads)
                    crossing[read, tower] = crossing.get((read, tower), False) or returns
                if self._crosses(read, tower) or self.levels[read] != self.levels[layer.name]:
                    for source in self._towers_of(read):
                        given.setdefault((source, self.levels[read]), {})[read] = None
        for name in wanted:
            if not isinstance(self.by_name[name], Input):
                given.setdefault((self.home(name), self.levels[name]), {})[name] = None
        rounds: list[list[Message]] = [[] for _ in range(self.depth)]
        for (read, target), returns in crossing.items():
            message = Message(read, self.home(read), target, returns)
            rounds[self.levels[read] + 1].append(message)
        return Plan(
            {piece: tuple(names) for piece, names in given.items()},
            tuple(map(tuple, rounds)),
            tuple(runs),
        )

    def _crosses(self, read: str, reader: int | None) -> bool:
        tower = self.by_name[read].tower
        return tower is not None and tower != reader

    def _towers_of(self, name: str) -> tuple[int, ...]:
        tower = self.by_name[name].tower
        return self.network.towers if tower is None else (tower,)

    def _reads(self, layer: Layer) -> tuple[str, ...]:
        """What its module is handed: a loss reads past its softmax only within a piece (2012: on
        the same GPU; semantics section 10).
        """
        below = [
            self.by_name[read] for read in layer.reads if read not in handed(layer, self.network)
        ]
        here = layer.tower, self.levels[layer.name]
        if all((x.tower, self.levels[x.name]) == here for x in below):
            return handed(layer, self.network)
        return layer.reads

    def _needed(self, wanted: Iterable[str]) -> set[str]:
        needed = set(wanted)
        for layer in reversed(self.network.layers):
            if layer.name in needed:
                needed.update(self._reads(layer))
        return needed

    def _learning(self) -> set[str]:
        """The layers that a cost teaches anything."""
        found = {x.name for x in self.network if isinstance(x, Loss) and x.coefficient}
        for layer in reversed(self.network.layers):
            if layer.name in found:
                found.update(_taught(layer, self._reads(layer)))
        return found


def _taught(layer: Layer, reads: tuple[str, ...]) -> tuple[str, ...]:
    """Those of what a layer is handed that it gives a gradient: no targets and no gates."""
    targeted = isinstance(layer, Loss) and not isinstance(layer, SumOfSquaresLoss)
    return reads[1:] if targeted else reads
