"""A network seen as its weighted stages in order, each with the chain of layers that follows it.

Towers are laid together and names play no part, so that networks of different traditions can be
held side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from alexnet.network.arithmetic import fan_in
from alexnet.network.layers import (
    Conv,
    Dropout,
    Input,
    Kernel,
    Layer,
    Local,
    Loss,
    Softmax,
    Weighted,
)
from alexnet.network.ledger import Ledger, Stage, Total, ledger
from alexnet.network.placement.weighted import seen_channels
from alexnet.network.shapes import Shape, elements
from alexnet.network.spec import Network

Twins = tuple[Layer, ...]
"""The same layer in each tower; one layer where there are no towers."""


@dataclass(frozen=True)
class WeightedStage:
    """One layer with weights, over all its towers, and what follows it up to the next one.

    Attributes:
        name: the stage's name in the ledger.
        layers: its layers, one per tower.
        total: its counts.
        shape: its output with the towers' channels added up.
        sources: the layers that any tower reads, without repetition.
        tail: the layers that follow it, in order, up to the next layer with weights.
        depths: how many maps (fully-connected: numbers) one unit reads, in each tower.
        width: how many maps (fully-connected: numbers) all its towers read together.
        fan_in: how many weights meet in one unit of the first tower.
    """

    name: str
    layers: tuple[Weighted, ...]
    total: Total
    shape: Shape
    sources: tuple[str, ...]
    tail: tuple[Twins, ...]
    depths: tuple[int, ...]
    width: int
    fan_in: int

    @property
    def is_spatial(self) -> bool:
        """Whether it has windows: a convolution, shared or local."""
        return isinstance(self.layers[0], Conv | Local)

    @property
    def outputs(self) -> int:
        """Filters or outputs, all towers together."""
        return self.shape[0]

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels of all towers; none for a fully-connected stage."""
        return tuple(k for x in self.layers if isinstance(x, Conv | Local) for k in x.kernels)

    @property
    def depth(self) -> int:
        """How many maps (fully-connected: numbers) one unit of the first tower reads."""
        return self.depths[0]

    @property
    def groups(self) -> tuple[Fraction, ...]:
        """Into how many separate sets the maps are dealt, by towers or by groups alike.

        One number where all towers agree, else one for each.
        """
        sets = tuple(Fraction(self.width, depth) for depth in self.depths)
        return sets if len(set(sets)) > 1 else sets[:1]

    @property
    def reads_all(self) -> bool:
        """Whether every unit reads every map."""
        return self.groups == (1,)

    @property
    def body(self) -> tuple[Twins, ...]:
        """The tail without dropout, softmax and losses: what shapes the values on their way."""
        return tuple(t for t in self.tail if not isinstance(t[0], Dropout | Softmax | Loss))

    @property
    def ending(self) -> tuple[Twins, ...]:
        """The softmax and the losses of the tail."""
        return tuple(t for t in self.tail if isinstance(t[0], Softmax | Loss))


@dataclass(frozen=True)
class Profile:
    """A network as `compare` reads it.

    Attributes:
        front: the layers between the picture and the first weighted stage.
        stages: the weighted stages in order.
        others: layers on no chain, in order (skip connections, side branches); labels are left
            out, the losses that read them speak for them.
    """

    network: Network
    account: Ledger
    front: tuple[Twins, ...]
    stages: tuple[WeightedStage, ...]
    others: tuple[Layer, ...]

    @property
    def spatial(self) -> tuple[WeightedStage, ...]:
        """The convolutional and local stages."""
        return tuple(stage for stage in self.stages if stage.is_spatial)

    @property
    def dense(self) -> tuple[WeightedStage, ...]:
        """The fully-connected stages."""
        return tuple(stage for stage in self.stages if not stage.is_spatial)


def profile(network: Network) -> Profile:
    """Reads a network into its stages and chains."""
    account = ledger(network)
    readers = _readers(network)
    front = _chain(network.picture.name, network, readers)
    stages = tuple(
        _stage(stage, network, readers)
        for stage in account.stages
        if isinstance(network[stage.rows[0].name], Weighted)
    )
    seen = {network.picture.name, *(layer.name for layer in front)}
    for stage in stages:
        seen |= {x.name for x in stage.layers} | {x.name for twins in stage.tail for x in twins}
    others = tuple(x for x in network if x.name not in seen and not is_labels(x))
    return Profile(network, account, tuple((layer,) for layer in front), stages, others)


def is_labels(layer: Layer) -> bool:
    """Whether the layer is where labels come in."""
    return isinstance(layer, Input) and layer.content == "labels"


def _readers(network: Network) -> dict[str, list[Layer]]:
    readers: dict[str, list[Layer]] = {layer.name: [] for layer in network}
    for layer in network:
        for read in dict.fromkeys(layer.reads):
            readers[read].append(layer)
    return readers


def _chain(name: str, network: Network, readers: Mapping[str, Sequence[Layer]]) -> list[Layer]:
    """The weightless layers that follow one another after `name`, as long as the way is plain."""
    chain: list[Layer] = []
    while True:
        following = [x for x in readers[name] if not isinstance(x, Weighted)]
        plain = [x for x in following if all(r == name or is_labels(network[r]) for r in x.reads)]
        if len(following) != 1 or not plain:
            return chain
        chain.append(plain[0])
        name = plain[0].name


def _stage(stage: Stage, network: Network, readers: Mapping[str, Sequence[Layer]]) -> WeightedStage:
    layers = tuple(x for row in stage.rows if isinstance(x := network[row.name], Weighted))
    first = layers[0]
    sources = tuple(dict.fromkeys(read for layer in layers for read in layer.reads))
    spatial = isinstance(first, Conv | Local)
    size: Callable[[Shape], int] = (lambda s: s[0]) if spatial else elements
    channels = sum(row.shape[0] for row in stage.rows)
    return WeightedStage(
        name=stage.name,
        layers=layers,
        total=stage.total,
        shape=(channels, *stage.rows[0].shape[1:]),
        sources=sources,
        tail=_twins([_chain(layer.name, network, readers) for layer in layers]),
        depths=tuple(_depth(layer, network.inputs_of(layer)) for layer in layers),
        width=sum(size(network.shape(read)) for read in sources),
        fan_in=fan_in(first, network.inputs_of(first)).value,
    )


def _depth(layer: Weighted, inputs: tuple[Shape, ...]) -> int:
    """How many maps, or numbers where there are no windows, one unit reads."""
    if not isinstance(layer, Conv | Local):
        return fan_in(layer, inputs).value
    return sum(seen_channels(k, s) for k, s in zip(layer.kernels, inputs, strict=True))


def _twins(chains: Sequence[Sequence[Layer]]) -> tuple[Twins, ...]:
    """The towers' chains laid together as far as their kinds agree."""
    twins: list[Twins] = []
    for layers in zip(*chains, strict=False):
        if len({layer.kind for layer in layers}) > 1:
            break
        twins.append(layers)
    return tuple(twins)
