"""Where the layers of a network run under one weird trick, and what must be brought together when.
It is arithmetic on a Network and runs nothing.

Every layer is in one of three regions. "rows": each rank has all of the layer for its own pictures,
as convolutions run. "columns": each has its own outputs for all pictures, as fully-connected layers
run. "whole": every rank has all of it for all pictures, as costs are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from alexnet.network.layers import Activation, Dropout, FullyConnected, Input, Layer, Loss, Shared
from alexnet.network.placement.weighted import initials
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, nearest
from alexnet.torch_net.order import handed

Region = Literal["rows", "columns", "whole"]

How = Literal["parted", "alike"]
"""For what an activation is brought together: for layers of which each rank runs a part, so that
its gradient is the sum of what the ranks find; or for layers that all run alike, so that each rank
finds the whole gradient by itself.
"""

Piece = tuple[int, Region]
"""A level, which is how many bringings lie before it, and a region."""


@dataclass(frozen=True, slots=True)
class Bringing:
    """A layer's output that all ranks are to have for all pictures."""

    layer: str
    how: How


@dataclass(frozen=True, slots=True)
class Course:
    """One pass: what each piece is to give, and what is brought together before each level; after
    all levels what was asked for.
    """

    given: dict[Piece, tuple[str, ...]]
    brought: tuple[tuple[Bringing, ...], ...]
    runs: tuple[Layer, ...]


class Regions:
    """Where the layers of a network run on so many ranks.

    Attributes:
        network: any.
        dealt: the fully-connected layers whose outputs are dealt out: those without groups that
            have an output for each rank at least.
        regions, levels: of every layer; an input's are "rows" and 0.
        depth: how many levels there are.
    """

    def __init__(self, network: Network, ranks: int) -> None:
        """Walks the layers once."""
        self.network, self.dealt = network, _dealt(network, ranks)
        self.regions: dict[str, Region] = {}
        self.levels: dict[str, int] = {}
        for layer in network:
            self.regions[layer.name] = self._region(layer)
            self.levels[layer.name] = max(
                (self.levels[x] + bool(self.how(x, layer.name)) for x in layer.reads), default=0
            )
        self.depth = 1 + max(self.levels.values())

    def pieces(self) -> dict[Piece, tuple[str, ...]]:
        """The layers of each piece, by level."""
        found: dict[Piece, list[str]] = {}
        for layer in self.network:
            if not isinstance(layer, Input):
                found.setdefault(self._piece(layer.name), []).append(layer.name)
        return {piece: tuple(found[piece]) for piece in sorted(found)}

    def how(self, read: str, reader: str) -> How | None:
        """How a layer's output is brought together for another that reads it; None if it is not."""
        if reader in self.dealt:
            return "parted"
        if self.regions[reader] == "whole" and self.regions[read] != "whole":
            return "alike"
        return None

    def course(self, wanted: Iterable[str]) -> Course:
        """What must be run and brought together for the activations of `wanted`.

        Raises:
            ValueError: the network has no layer of that name; the nearest is named.
        """
        wanted = tuple(wanted)
        for name in wanted:
            if name not in self.regions:
                known = nearest(name, list(self.regions))
                raise ValueError(f"network '{self.network.name}' has no layer '{name}'{known}")
        runs = self._needed(wanted)
        given: dict[Piece, dict[str, None]] = {}
        levels: dict[Bringing, int] = {}

        def give(name: str) -> None:
            if not isinstance(self.network[name], Input):
                given.setdefault(self._piece(name), {})[name] = None

        for layer in runs:
            for read in self._reads(layer):
                how = self.how(read, layer.name)
                if how is not None:
                    levels.setdefault(Bringing(read, how), self.levels[read] + 1)
                if self._piece(read) != self._piece(layer.name):
                    give(read)
        for name in wanted:
            give(name)
            if self.regions[name] != "whole":
                levels.setdefault(Bringing(name, "alike"), self.depth)
        brought: list[list[Bringing]] = [[] for _ in range(self.depth + 1)]
        for bringing, level in levels.items():
            brought[level].append(bringing)
        return Course(
            {piece: tuple(names) for piece, names in given.items()},
            tuple(map(tuple, brought)),
            tuple(runs),
        )

    def _region(self, layer: Layer) -> Region:
        if layer.name in self.dealt:
            return "columns"
        read = {self.regions[name] for name in layer.reads}
        if isinstance(layer, Activation | Dropout) and read == {"columns"}:
            return "columns"
        return "rows" if read <= {"rows"} and not isinstance(layer, Loss) else "whole"

    def _piece(self, name: str) -> Piece:
        return self.levels[name], self.regions[name]

    def _reads(self, layer: Layer) -> tuple[str, ...]:
        """What its module is handed: a loss reads past its softmax only within a piece."""
        past = handed(layer, self.network)
        below = [read for read in layer.reads if read not in past]
        alike = all(self._piece(read) == self._piece(layer.name) for read in below)
        return past if alike else layer.reads

    def _needed(self, wanted: Iterable[str]) -> list[Layer]:
        needed = set(wanted)
        for layer in reversed(self.network.layers):
            if layer.name in needed:
                needed.update(self._reads(layer))
        return [layer for layer in self.network if layer.name in needed]


def _dealt(network: Network, ranks: int) -> frozenset[str]:
    """Layers that share weights are dealt together or not at all."""
    dealt = {
        x.name
        for x in network
        if isinstance(x, FullyConnected)
        and x.groups == 1
        and elements(network.shape(x.name)) >= ranks
    }
    while True:
        left = set(dealt)
        for layer in network:
            for start in initials(layer) if isinstance(layer, FullyConnected) else ():
                if isinstance(start, Shared) and not {layer.name, start.layer} <= left:
                    left -= {layer.name, start.layer}
        if left == dealt:
            return frozenset(dealt)
        dealt = left
