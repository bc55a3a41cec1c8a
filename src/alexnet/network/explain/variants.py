"""Networks one change away from a network: other rules, pictures, paddings, strides, no groups.

Every variant is a Network of its own whose shapes the real rules compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from alexnet.network.arithmetic import network_parameters, weight_names
from alexnet.network.catalog import NETWORKS
from alexnet.network.edit import with_input, with_rule
from alexnet.network.explain.changes import Change
from alexnet.network.layers import (
    AveragePool,
    Conv,
    CrossMapPool,
    Drawn,
    ElementwiseSum,
    FullyConnected,
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    RandomPool,
    Shared,
    Window,
)
from alexnet.network.ledger import Stage, ledger
from alexnet.network.placement.weighted import initials
from alexnet.network.sizes import RULES
from alexnet.network.spec import Network, NetworkError

V = TypeVar("V")

Pool = MaxPool | AveragePool | RandomPool
Windowed = Conv | Local | Pool

KNOWN_INPUTS = {
    227: "Caffe and the CS231n notes: the crop that gives 55 without rounding",
    224: "the paper, torchvision",
    256: "the stored pictures of ILSVRC",
    128: "half of 256",
    32: "CIFAR-10",
}
"""Picture sides that are in use, in pixels, and by whom."""

NEAR_INPUTS = 4
"""How many pixels more or less are tried: no stride of the family is longer."""


@dataclass(frozen=True)
class Variant:
    """A network and the changes that made it of the one that is asked about."""

    network: Network
    stages: tuple[Stage, ...]
    changes: tuple[Change, ...] = ()


def variants(base: Variant) -> Iterator[Variant]:
    """Every network one change away, and the pairs that people do make.

    Pairs are another rule over another picture, and either of them without groups.
    """
    yield from _ruled(base)
    yield from _resized(base)
    yield from _windows(base)
    for ruled in _ruled(base):
        yield from _resized(ruled)
    joined = without_groups(base)
    if joined:
        yield joined
        yield from _ruled(joined)
        yield from _resized(joined)


def windows_alone(network: Network, stage: Stage) -> Iterator[Variant]:
    """A convolutional layer by itself, over inputs of the shapes it has, under one or two changes.

    What is changed is its rule, padding, stride and, where it reads it, the picture.
    """
    layer = network[stage.rows[0].name]
    if not isinstance(layer, Conv | Local):
        return
    inputs = (Input(name=read, shape=network.shape(read)) for read in dict.fromkeys(layer.reads))
    base = Variant(
        Network(f"{layer.name} alone", (*inputs, _own_weights(layer, network))), (stage,)
    )
    steps = [_ruled, _windows]
    if any(isinstance(network[read], Input) for read in layer.reads):
        steps.append(_resized)
    for index, step in enumerate(steps):
        for first in step(base):
            yield first
            for other in steps[index + 1 :]:
                yield from other(first)
        if step is _windows:
            yield from _padded_and_strided(base)


def _own_weights(layer: Conv | Local, network: Network) -> Conv | Local:
    """The layer with weights of its own where it shares another's, for it to stand by itself."""
    if not any(isinstance(initial, Shared) for initial in initials(layer)):
        return layer
    drawn: dict[str, Drawn] = {p.name: p.initial for p in network_parameters(network)}
    pairs = zip(layer.kernels, weight_names(layer, network), strict=True)
    return replace(layer, kernels=tuple(replace(k, initial=drawn[name]) for k, name in pairs))


def _attempt(base: Variant, change: Change, make: Callable[[], Network]) -> Iterator[Variant]:
    """The variant, unless a window no longer fits."""
    try:
        yield Variant(make(), base.stages, (*base.changes, change))
    except NetworkError:
        return


def picture_side(network: Network) -> int | None:
    """How many rows the picture has, in pixels; None where the network takes no picture."""
    try:
        return network.picture.shape[1]
    except NetworkError:
        return None


def others(network: Network) -> Iterator[Variant]:
    """The other networks of the catalog."""
    for name, make in NETWORKS.items():
        other = make()
        if other != network:
            change = Change("another network", "in the network ", (name,))
            yield Variant(other, ledger(other).stages, (change,))


def input_sides(old: int) -> list[int]:
    """The picture sides to try: the known ones, then the neighbours, the nearest first."""
    near = sorted(
        (old + d for d in range(-NEAR_INPUTS, NEAR_INPUTS + 1)), key=lambda s: (abs(s - old), s)
    )
    return [s for s in dict.fromkeys((*KNOWN_INPUTS, *near)) if s != old and s > 0]


def paddings(window: Kernel | Window, *, pooling: bool) -> list[int]:
    """The paddings to try: one more, one less; for a kernel also none and the size-keeping one."""
    now = window.padding
    tried = [now + 1, now - 1]
    if not pooling:
        tried += [0, (window.size - 1) // 2, now + 2]
    return [p for p in dict.fromkeys(tried) if p != now and 0 <= p < window.size]


def strides(window: Kernel | Window) -> list[int]:
    """The strides to try: one more and one less."""
    return [s for s in (window.stride + 1, window.stride - 1) if s > 0]


def _ruled(base: Variant) -> Iterator[Variant]:
    """Another tradition's size rule; one that all the layers follow already is left out."""
    used = {x.rule for x in base.network if isinstance(x, Windowed)}
    for rule in RULES if used else ():
        if used != {rule}:
            change = Change("rule", "with sizes rounded as ", (rule,), " does")
            yield from _attempt(base, change, lambda r=rule: with_rule(base.network, r))


def _resized(base: Variant) -> Iterator[Variant]:
    """Another picture."""
    old = picture_side(base.network)
    for side in input_sides(old) if old else ():
        kind = "known input" if side in KNOWN_INPUTS else "near input"
        change = Change(kind, "over a picture of ", (str(side),), f" instead of {old} pixels")
        yield from _attempt(base, change, lambda s=side: with_input(base.network, s))


def _windows(base: Variant) -> Iterator[Variant]:
    """Another padding or stride in one stage, both twins alike."""
    for stage in base.stages:
        yield from _padded(base, stage)
        yield from _strided(base, stage)


def _padded_and_strided(base: Variant) -> Iterator[Variant]:
    for stage in base.stages:
        for padded in _padded(base, stage):
            yield from _strided(padded, stage)


def _padded(base: Variant, stage: Stage) -> Iterator[Variant]:
    layer = base.network[stage.rows[0].name]
    if not isinstance(layer, Windowed) or layer.rule in ("same", "valid"):
        return
    window = _window(layer)
    for padding in paddings(window, pooling=isinstance(layer, Pool)):
        words = f"with {stage.name}'s padding ", (str(padding),), f" instead of {window.padding}"
        change = Change("padding", *words)
        yield from _attempt(base, change, _edit(base.network, stage, padding=padding))


def _strided(base: Variant, stage: Stage) -> Iterator[Variant]:
    layer = base.network[stage.rows[0].name]
    if not isinstance(layer, Windowed):
        return
    window = _window(layer)
    for stride in strides(window):
        words = f"with {stage.name}'s stride ", (str(stride),), f" instead of {window.stride}"
        change = Change("stride", *words)
        yield from _attempt(base, change, _edit(base.network, stage, stride=stride))


def _window(layer: Windowed) -> Kernel | Window:
    return layer.kernels[0] if isinstance(layer, Conv | Local) else layer.window


def _edit(network: Network, stage: Stage, **values: int) -> Callable[[], Network]:
    def make() -> Network:
        names = {row.name for row in stage.rows}
        layers = (_rewindowed(x, **values) if x.name in names else x for x in network)
        return replace(network, layers=tuple(layers))

    return make


def _rewindowed(layer: Layer, **values: int) -> Layer:
    """A layer with other values in its window or in all of its kernels."""
    if isinstance(layer, Conv | Local):
        kernels = tuple(replace(k, outputs=None, **values) for k in layer.kernels)
        return replace(layer, kernels=kernels)
    if isinstance(layer, Pool):
        return replace(layer, window=replace(layer.window, outputs=None, **values))
    return layer


# --- without groups -------------------------------------------------------------------------------


def without_groups(base: Variant) -> Variant | None:
    """The network with its towers joined and its groups dissolved; None where there are none.

    Twins become one layer of their joint width that reads all that either stage's twins made.
    """
    grouped = any(
        k.groups > 1 for x in base.network if isinstance(x, Conv | Local) for k in x.kernels
    ) or any(x.groups > 1 for x in base.network if isinstance(x, FullyConnected))
    twins = any(len(stage.rows) > 1 for stage in base.stages)
    if not (grouped or twins):
        return None
    words = "both towers" if len(base.network.towers) == 2 else "all towers"
    whose = f"the maps of {words}" if twins else "all maps"
    change = Change("no groups", f"with every kernel reading {whose}")
    try:
        network = joined(base.network, base.stages)
    except NetworkError:
        return None
    return Variant(network, ledger(network).stages, (change,))


def joined(network: Network, stages: Iterable[Stage]) -> Network:
    """One column: twins merged to one layer, every group dissolved.

    Raises:
        NetworkError: twins that read one another in a circle, or that do not read alike.
    """
    names = {row.name: stage.name for stage in stages for row in stage.rows}
    twins = {stage.name: [network[row.name] for row in stage.rows] for stage in stages}
    waiting = {name: _merged(name, layers, names, network) for name, layers in twins.items()}
    done: dict[str, Layer] = {}
    while waiting:
        ready = [name for name, layer in waiting.items() if done.keys() >= set(layer.reads)]
        if not ready:
            raise NetworkError(f"network '{network.name}': its towers read one another in a circle")
        for name in ready:
            done[name] = waiting.pop(name)
    return Network(f"{network.name}, joined", tuple(done.values()))


def _merged(name: str, twins: list[Layer], names: dict[str, str], network: Network) -> Layer:
    first, count = twins[0], len(twins)
    reads = _merged_reads(twins, names)
    plain = replace(first, name=name, reads=reads, tower=None)
    if isinstance(plain, Conv | Local):
        kernels = _by_read(plain.kernels, first.reads, reads, names)
        kernels = tuple(
            replace(k, groups=1, connections=(), initial=_renamed(k.initial, names, network))
            for k in kernels
        )
        return replace(plain, filters=plain.filters * count, kernels=kernels)
    if isinstance(plain, FullyConnected):
        starts = _by_read(plain.initial, first.reads, reads, names)
        initial = tuple(_renamed(start, names, network) for start in starts)
        return replace(plain, outputs=plain.outputs * count, initial=initial, groups=1)
    if isinstance(plain, ElementwiseSum):
        return replace(plain, coefficients=_by_read(plain.coefficients, first.reads, reads, names))
    if isinstance(plain, CrossMapPool):
        return replace(plain, outputs=plain.outputs * count)
    return plain


def _renamed(initial: Initial, names: dict[str, str], network: Network) -> Initial:
    """Shared weights under their owner's merged name and read."""
    if not isinstance(initial, Shared):
        return initial
    reads = network[initial.layer].reads
    merged = list(dict.fromkeys(names[read] for read in reads))
    return Shared(names[initial.layer], merged.index(names[reads[initial.index]]))


def _merged_reads(twins: list[Layer], names: dict[str, str]) -> tuple[str, ...]:
    """What the merged layer reads.

    Raises:
        NetworkError: the twins read different stages, or one stage through different windows.
    """
    reads = [tuple(dict.fromkeys(names[read] for read in twin.reads)) for twin in twins]
    windows = {
        (names[read], kernel.size, kernel.stride, kernel.padding)
        for twin in twins
        if isinstance(twin, Conv | Local)
        for read, kernel in zip(twin.reads, twin.kernels, strict=True)
    }
    through = [name for name, *_ in windows]
    if len({frozenset(r) for r in reads}) > 1 or len(through) > len(set(through)):
        raise NetworkError(f"layer '{twins[0].name}' and its twin read unlike inputs")
    return reads[0]


def _by_read(
    values: tuple[V, ...], old: tuple[str, ...], new: tuple[str, ...], names: dict[str, str]
) -> tuple[V, ...]:
    """For each merged read the value that its first twin had."""
    known = dict(zip((names[read] for read in reversed(old)), reversed(values), strict=True))
    return tuple(known[read] for read in new)
