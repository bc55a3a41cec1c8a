"""One stage with weights against another: size, windows, groups, biases, first values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from alexnet.network.arithmetic import network_parameters, weight_names
from alexnet.network.compare.alone import (
    UNCOUNTED,
    Alone,
    all_maps,
    bias,
    dealt,
    kernel_setting,
    of_stage,
    outputs,
    rule,
)
from alexnet.network.compare.profile import Profile, WeightedStage
from alexnet.network.compare.words import (
    deviation,
    initial_text,
    joined,
    ratio,
    word,
)
from alexnet.network.layers import (
    Constant,
    Conv,
    Drawn,
    FullyConnected,
    Initial,
    Kernel,
    Local,
    Shared,
    TreeConnected,
    Weighted,
)
from alexnet.network.placement.weighted import initials
from alexnet.network.shapes import text


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two networks differ.

    Attributes:
        place: the first network's stage, with the layer behind it where there is one; "input",
            "network" or "output".
        aspect: what differs there.
        first, second: the values in words.
        effect: what the difference does, computed from the two values.
        alone: what it would do to the first network's totals if it were the only one.
    """

    place: str
    aspect: str
    first: str
    second: str
    effect: str
    alone: Alone = UNCOUNTED


def differ(
    place: str, aspect: str, values: Sequence[str], effect: str, result: Alone = UNCOUNTED
) -> Difference:
    """A difference from its two values in one sequence."""
    first, second = values
    return Difference(place, aspect, first, second, effect, result)


def stage_differences(
    a: Profile, b: Profile, one: WeightedStage, other: WeightedStage
) -> Iterator[Difference]:
    """Everything in which two paired stages differ, but not what follows them."""
    kinds = (word(one.layers[0]), word(other.layers[0]))
    if kinds[0] != kinds[1]:
        yield differ(one.name, "kind", kinds, _kind_effect(one, other))
    if one.shape != other.shape:
        effect = f"neurons {one.total.neurons:,} against {other.total.neurons:,}"
        yield Difference(one.name, "shape", text(one.shape), text(other.shape), effect)
    if one.outputs != other.outputs:
        name = "filters" if one.is_spatial else "outputs"
        result = of_stage(a, one, other, outputs(one, other))
        said = (str(one.outputs), str(other.outputs))
        yield differ(one.name, name, said, result.sentence, result)
    yield from _windows(a, one, other)
    yield from _connections(one, other)
    yield from _trees(one, other)
    yield from _groups(a, one, other)
    yield from _towers(a, b, one, other)
    yield from _biases(a, one, other)
    yield from _initials(a, b, one, other)


def _kind_effect(one: WeightedStage, other: WeightedStage) -> str:
    return f"{one.total.weights:,} weights against {other.total.weights:,}"


# --- windows --------------------------------------------------------------------------------------


def _size(kernel: Kernel, model: Kernel) -> Kernel:
    return replace(kernel, size=model.size)


def _stride(kernel: Kernel, model: Kernel) -> Kernel:
    return replace(kernel, stride=model.stride)


def _padding(kernel: Kernel, model: Kernel) -> Kernel:
    return replace(kernel, padding=model.padding)


def _outputs(kernel: Kernel, model: Kernel) -> Kernel:
    return replace(kernel, outputs=model.outputs)


WINDOW_SETTINGS = (
    ("kernel size", "size", _size),
    ("stride", "stride", _stride),
    ("padding", "padding", _padding),
    ("output side given", "outputs", _outputs),
)


def _windows(a: Profile, one: WeightedStage, other: WeightedStage) -> Iterator[Difference]:
    if not (one.is_spatial and other.is_spatial):
        return
    for aspect, field, copy in WINDOW_SETTINGS:
        said = [joined(str(getattr(k, field)) for k in stage.kernels) for stage in (one, other)]
        if said[0] != said[1]:
            result = of_stage(a, one, other, kernel_setting(copy))
            yield differ(one.name, aspect, said, result.sentence, result)
    rules = [
        joined(x.rule for x in stage.layers if isinstance(x, Conv | Local))
        for stage in (one, other)
    ]
    if rules[0] != rules[1]:
        result = of_stage(a, one, other, rule)
        yield differ(one.name, "size rule", rules, result.sentence, result)


# --- maps chosen one by one, and trees ------------------------------------------------------------


def _connections(one: WeightedStage, other: WeightedStage) -> Iterator[Difference]:
    chosen = [tuple(dict.fromkeys(k.connections for k in s.kernels)) for s in (one, other)]
    if chosen[0] == chosen[1] or not any(map(any, chosen)):
        return
    said = [joined(map(_chosen, row)) for row in chosen]
    effect = f"each unit reads {one.depth:,} against {other.depth:,} maps"
    if one.depth == other.depth:
        effect = f"each unit reads {one.depth:,} maps, but others; no count changes"
    yield differ(one.name, "connections", _told_apart(said, *map(_flat, chosen)), effect)


def _chosen(connections: Sequence[int]) -> str:
    return f"{len(connections)} maps chosen" if connections else "maps in order"


def _flat(rows: Sequence[Sequence[int]]) -> list[int]:
    return [number for row in rows for number in row]


def _trees(one: WeightedStage, other: WeightedStage) -> Iterator[Difference]:
    first, second = one.layers[0], other.layers[0]
    if not (isinstance(first, TreeConnected) and isinstance(second, TreeConnected)):
        return
    if first.parents != second.parents:
        said = [f"a tree of {len(x.parents)} nodes" for x in (first, second)]
        effect = f"{one.total.weights:,} weights against {other.total.weights:,}"
        yield differ(one.name, "tree", _told_apart(said, first.parents, second.parents), effect)


def _told_apart(said: list[str], first: Sequence[int], second: Sequence[int]) -> list[str]:
    """The texts as they are where they differ, else with the first number that does."""
    if said[0] != said[1]:
        return said
    place = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    return [
        f"{text}, number {place} is {row[place]}"
        for text, row in zip(said, (first, second), strict=True)
    ]


# --- groups and towers ----------------------------------------------------------------------------


def _groups(a: Profile, one: WeightedStage, other: WeightedStage) -> Iterator[Difference]:
    """Into how many sets the maps are dealt, by towers and groups alike, and then how."""
    if one.groups != other.groups:
        said = [
            f"each unit reads {joined(f'{n:,}' for n in s.depths)} of {s.width:,}"
            for s in (one, other)
        ]
        result = _dealt(a, one, other)
        yield differ(one.name, "groups", said, result.sentence, result)
        return
    means = [_dealing(stage) for stage in (one, other)]
    if not one.reads_all and means[0] != means[1]:
        effect = "the same units read the same maps, so no count changes"
        yield differ(one.name, "groups", means, effect)


def _dealt(a: Profile, one: WeightedStage, other: WeightedStage) -> Alone:
    if other.reads_all:
        return all_maps(a, one)
    sets = other.groups[0]
    if one.reads_all and len(other.groups) == 1 and sets.denominator == 1:
        return dealt(a, one, sets.numerator)
    return Alone((), "both deal their maps, but not into as many sets")


def _dealing(stage: WeightedStage) -> str:
    """By what a stage's maps are dealt: '2 towers' or '2 groups'."""
    if stage.kernels:
        groups = joined(str(kernel.groups) for kernel in stage.kernels)
    else:
        groups = joined(str(x.groups) for x in stage.layers if isinstance(x, FullyConnected))
    return f"{groups} groups" if len(stage.layers) == 1 else f"{len(stage.layers)} towers"


def _towers(
    a: Profile, b: Profile, one: WeightedStage, other: WeightedStage
) -> Iterator[Difference]:
    """Which towers hold the stage, where both networks have as many."""
    if len(a.network.towers) != len(b.network.towers):
        return
    said = [joined(str(x.tower) for x in stage.layers) for stage in (one, other)]
    if said[0] != said[1]:
        floats = [
            sum(c.floats for c in p.account.crossings if set(c.readers) & _names(stage))
            for p, stage in ((a, one), (b, other))
        ]
        effect = f"{floats[0]:,} against {floats[1]:,} floats reach it across towers per picture"
        texts = [text.replace("None", "outside every tower") for text in said]
        yield differ(one.name, "tower", texts, effect)


def _names(stage: WeightedStage) -> set[str]:
    return {layer.name for layer in stage.layers}


# --- biases and first values ----------------------------------------------------------------------


def _biases(a: Profile, one: WeightedStage, other: WeightedStage) -> Iterator[Difference]:
    kinds = [joined(map(_bias_kind, stage.layers)) for stage in (one, other)]
    if kinds[0] != kinds[1]:
        result = of_stage(a, one, other, bias)
        yield differ(one.name, "biases", kinds, result.sentence, result)
    if "none" in kinds:
        return
    starts = [tuple(layer.initial_bias for layer in stage.layers) for stage in (one, other)]
    said = [joined(map(initial_text, row)) for row in starts]
    if said[0] != said[1]:
        effect = _bias_effect(starts[0][0], starts[1][0], one.fan_in, other.fan_in)
        yield differ(one.name, "initial biases", said, effect)


def _bias_kind(layer: Weighted) -> str:
    """A tree's leaves have one each."""
    return "shared" if isinstance(layer, TreeConnected) else layer.bias


def _bias_effect(first: Drawn, second: Drawn, here: int, there: int) -> str:
    means = [i.value if isinstance(i, Constant) else 0.0 for i in (first, second)]
    spreads = [deviation(first, here), deviation(second, there)]
    said = [
        f"{mean:g}" + (f" ± {spread:.3g}" if spread else "")
        for mean, spread in zip(means, spreads, strict=True)
    ]
    return f"units start from {said[0]} against {said[1]} before any input; no count changes"


def _initials(
    a: Profile, b: Profile, one: WeightedStage, other: WeightedStage
) -> Iterator[Difference]:
    pairs = ((a, one), (b, other))
    said = [joined(_start_text(i, p) for x in s.layers for i in initials(x)) for p, s in pairs]
    if said[0] == said[1]:
        return
    spreads = [_spread(stage, p) for p, stage in pairs]
    effect = f"weights start with a deviation of {spreads[0]:.3g} against {spreads[1]:.3g}"
    if spreads[0] != spreads[1]:
        effect += f", {ratio(*spreads)}"
    yield differ(one.name, "initial weights", said, effect)


def _start_text(initial: Initial, p: Profile) -> str:
    """How weights start, or which stage's they are; names of layers are no difference."""
    if not isinstance(initial, Shared):
        return initial_text(initial)
    number = next(
        i for i, stage in enumerate(p.stages, 1) if initial.layer in {x.name for x in stage.layers}
    )
    several = len(p.network[initial.layer].reads) > 1
    return f"those of stage {number}" + (f", input {initial.index}" if several else "")


def _spread(stage: WeightedStage, p: Profile) -> float:
    """The deviation of the first weights that the stage reads, whoever owns them."""
    name = weight_names(stage.layers[0], p.network)[0]
    array = next(x for x in network_parameters(p.network) if x.name == name)
    return deviation(array.initial, array.fan_in)
