"""What one difference would do to every count if it were the only one.

The first network is made again with that one setting of the second, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from alexnet.network.compare.profile import Profile, WeightedStage
from alexnet.network.layers import (
    AveragePool,
    Conv,
    FullyConnected,
    Kernel,
    Layer,
    Local,
    MaxPool,
    RandomPool,
    TreeConnected,
    Weighted,
    Window,
)
from alexnet.network.ledger import Total, ledger
from alexnet.network.spec import Network, NetworkError

Pool = MaxPool | AveragePool | RandomPool

QUANTITIES = ("neurons", "parameters", "connections", "multiply_adds")
"""The counts that a difference is followed into."""

PLAIN = {"multiply_adds": "multiply-adds"}


@dataclass(frozen=True, slots=True)
class CountChange:
    """One count in both networks.

    Attributes:
        place: a stage's name, or "total".
        quantity: one of neurons, parameters, connections, multiply_adds.
        first, second: the count in each; 0 where a network lacks the stage.
    """

    place: str
    quantity: str
    first: int
    second: int

    @property
    def sentence(self) -> str:
        """'neurons 290,400 → 193,600 (−96,800)'."""
        step = self.second - self.first
        sign = "+" if step > 0 else "−"
        name = PLAIN.get(self.quantity, self.quantity)
        return f"{name} {self.first:,} → {self.second:,} ({sign}{abs(step):,})"


@dataclass(frozen=True, slots=True)
class Alone:
    """The first network with one setting of the second: how its totals change, in words too."""

    changes: tuple[CountChange, ...]
    sentence: str


UNCOUNTED = Alone((), "it changes no count")


def count_changes(place: str, first: Total, second: Total) -> tuple[CountChange, ...]:
    """The counts in which two sums differ."""
    pairs = ((name, getattr(first, name), getattr(second, name)) for name in QUANTITIES)
    return tuple(CountChange(place, name, a, b) for name, a, b in pairs if a != b)


def alone(profile: Profile, change: Callable[[Layer], Layer], place: str = "") -> Alone:
    """Counts `profile`'s network again with every layer passed through `change`.

    Args:
        profile: the first network.
        change: gives each layer back, or a changed one; a ValueError says why it cannot.
        place: a layer whose new map is told, or "".
    """
    try:
        layers = tuple(change(layer) for layer in profile.network)
        changed = Network(profile.network.name, layers)
    except NetworkError as error:
        reason = str(error).split(": ", 1)[-1]
        return Alone((), f"alone it does not fit ({reason})")
    except ValueError as error:
        return Alone((), f"alone it does not fit ({error})")
    found = count_changes("total", profile.account.total, ledger(changed).total)
    said = [c.sentence for c in found] or ["it changes no count"]
    if place and changed.shape(place)[1:] != profile.network.shape(place)[1:]:
        _, rows, columns = changed.shape(place)
        said.insert(0, f"the map becomes {rows}×{columns}")
    return Alone(found, "alone: " + ", ".join(said))


Setting = Callable[[Layer, Layer], Layer]


def of_stage(profile: Profile, first: WeightedStage, second: WeightedStage, how: Setting) -> Alone:
    """As `alone`, for one setting of a weighted stage: `how(layer, model)` copies it."""
    names = {layer.name for layer in first.layers}
    model = second.layers[0]
    return alone(
        profile,
        lambda layer: how(layer, model) if layer.name in names else layer,
        first.layers[0].name,
    )


def outputs(first: WeightedStage, second: WeightedStage) -> Setting:
    """Copies the number of filters or outputs, dealt evenly over the first network's towers."""
    towers = len(first.layers)

    def how(layer: Layer, _: Layer) -> Layer:
        share, rest = divmod(second.outputs, towers)
        if rest:
            raise ValueError(f"{second.outputs} do not deal over {towers} towers")
        if isinstance(layer, FullyConnected):
            return replace(layer, outputs=share)
        if isinstance(layer, Conv | Local):
            return replace(layer, filters=share)
        if isinstance(layer, TreeConnected):
            raise ValueError(f"its tree has {layer.outputs} leaves")
        return layer

    return how


def kernel_setting(copy: Callable[[Kernel, Kernel], Kernel]) -> Setting:
    """Copies something of the model's first kernel into every kernel."""

    def how(layer: Layer, model: Layer) -> Layer:
        if isinstance(layer, Conv | Local) and isinstance(model, Conv | Local):
            kernels = tuple(copy(kernel, model.kernels[0]) for kernel in layer.kernels)
            return replace(layer, kernels=kernels)
        return layer

    return how


def rule(layer: Layer, model: Layer) -> Layer:
    """Copies the size rule."""
    if isinstance(layer, Conv | Local) and isinstance(model, Conv | Local):
        return replace(layer, rule=model.rule)
    if isinstance(layer, Pool) and isinstance(model, Pool):
        return replace(layer, rule=model.rule)
    return layer


def bias(layer: Layer, model: Layer) -> Layer:
    """Copies whether biases are shared, unshared or absent."""
    if isinstance(layer, Conv | Local) and isinstance(model, Conv | Local):
        return replace(layer, bias=model.bias)
    if isinstance(layer, FullyConnected) and isinstance(model, FullyConnected):
        return replace(layer, bias=model.bias)
    if isinstance(layer, TreeConnected):
        raise ValueError("a tree has a bias for every leaf")
    return layer


def window_setting(copy: Callable[[Window, Window], Window]) -> Setting:
    """Copies something of the model's pooling window."""

    def how(layer: Layer, model: Layer) -> Layer:
        if isinstance(layer, Pool) and isinstance(model, Pool):
            return replace(layer, window=copy(layer.window, model.window))
        return layer

    return how


def all_maps(profile: Profile, stage: WeightedStage) -> Alone:
    """The stage with every unit reading every map that the stage reads anywhere."""
    names = {layer.name for layer in stage.layers}
    return alone(
        profile,
        lambda x: _reading_all(x, stage) if x.name in names and isinstance(x, Weighted) else x,
    )


def _reading_all(layer: Weighted, stage: WeightedStage) -> Layer:
    count = len(stage.sources)
    if isinstance(layer, TreeConnected):
        raise ValueError("a tree reads one layer")
    if isinstance(layer, FullyConnected):
        initial = layer.initial[:1] * count
        return replace(layer, reads=stage.sources, initial=initial, groups=1)
    kernels = (replace(layer.kernels[0], groups=1, connections=()),) * count
    return replace(layer, reads=stage.sources, kernels=kernels)


def dealt(profile: Profile, stage: WeightedStage, groups: int) -> Alone:
    """A stage without towers with its maps dealt into `groups` sets."""
    if len(stage.layers) > 1:
        return _own_tower(profile, stage, groups)
    names = {layer.name for layer in stage.layers}

    def how(layer: Layer) -> Layer:
        if layer.name not in names:
            return layer
        if isinstance(layer, FullyConnected):
            return replace(layer, groups=groups)
        if isinstance(layer, TreeConnected):
            raise ValueError("a tree reads every number")
        if isinstance(layer, Conv | Local):
            kernels = (replace(k, groups=groups, connections=()) for k in layer.kernels)
            return replace(layer, kernels=tuple(kernels))
        return layer

    return alone(profile, how)


def _own_tower(profile: Profile, stage: WeightedStage, groups: int) -> Alone:
    """A stage in towers with each tower reading its own maps only."""
    names: Mapping[str, int | None] = {layer.name: layer.tower for layer in stage.layers}

    def how(layer: Layer) -> Layer:
        if layer.name not in names or not isinstance(layer, Weighted):
            return layer
        if groups != len(stage.layers):
            raise ValueError(f"{groups} groups do not deal over {len(stage.layers)} towers")
        kept = [i for i, r in enumerate(layer.reads) if profile.network[r].tower == layer.tower]
        reads = tuple(layer.reads[i] for i in kept)
        if isinstance(layer, TreeConnected):
            raise ValueError("a tree reads one layer")
        if isinstance(layer, FullyConnected):
            return replace(layer, reads=reads, initial=tuple(layer.initial[i] for i in kept))
        return replace(layer, reads=reads, kernels=tuple(layer.kernels[i] for i in kept))

    return alone(profile, how)
