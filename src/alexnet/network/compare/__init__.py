"""Two networks held side by side, layer by layer: what differs, and what each difference does.

Stages with weights are laid against one another in order, whatever they are called; it prints
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alexnet.network.compare.alone import Alone, CountChange, alone, count_changes
from alexnet.network.compare.chain import chain_differences
from alexnet.network.compare.profile import Profile, WeightedStage, is_labels, profile
from alexnet.network.compare.stage import Difference, differ, stage_differences
from alexnet.network.compare.words import ending_text, joined, number, word
from alexnet.network.edit import with_input
from alexnet.network.layers import Dropout, Input, Layer
from alexnet.network.ledger import Total, ledger
from alexnet.network.shapes import elements, text
from alexnet.network.spec import Network, NetworkError

NO_TOTAL = Total(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Comparison:
    """What differs between two networks.

    Attributes:
        first, second: the networks.
        differences: in the order of the layers, what concerns the whole first.
        counts: every count that differs, per stage and in total.
    """

    first: Network
    second: Network
    differences: tuple[Difference, ...]
    counts: tuple[CountChange, ...]


def compare(first: Network, second: Network) -> Comparison:
    """Compares two networks; equal networks have no differences.

    Args:
        first, second: any networks; convolutional stages are paired from the front,
            fully-connected ones from the back.
    """
    a, b = profile(first), profile(second)
    pairs = _paired(a, b)
    found = [*_whole(a, b), *chain_differences(a, b, "input", a.front, b.front)]
    for one, other in pairs:
        if one is None or other is None:
            found.append(_lacking(a, one, other))
            continue
        found += stage_differences(a, b, one, other)
        found += chain_differences(a, b, one.name, one.body, other.body)
    return Comparison(first, second, (*found, *_last(a, b)), tuple(_counts(a, b, pairs)))


def differences(first: Network, second: Network) -> tuple[Difference, ...]:
    """Every difference between two networks, computed from their values."""
    return compare(first, second).differences


Pairs = list[tuple[WeightedStage | None, WeightedStage | None]]


def _paired(a: Profile, b: Profile) -> Pairs:
    """Convolutional stages from the front, fully-connected ones from the back."""
    front = _zipped(a.spatial, b.spatial)
    back = [*reversed(_zipped(a.dense[::-1], b.dense[::-1]))]
    return front + back


def _zipped(first: Sequence[WeightedStage], second: Sequence[WeightedStage]) -> Pairs:
    length = max(len(first), len(second))
    return [
        (first[i] if i < len(first) else None, second[i] if i < len(second) else None)
        for i in range(length)
    ]


def _lacking(a: Profile, one: WeightedStage | None, other: WeightedStage | None) -> Difference:
    """A stage that only one of the two has."""
    stage = one or other
    assert stage is not None, "a pair has at least one stage"
    said = f"{word(stage.layers[0])}, output {text(stage.shape)}"
    here, there = (said, "none") if one else ("none", said)
    sign = "fewer" if one else "more"
    effect = f"{stage.total.neurons:,} neurons and {stage.total.parameters:,} parameters {sign}"
    name = a.network.name if one else "the second"
    return Difference(stage.name, "stage", here, there, f"only {name} has it: {effect}")


def _whole(a: Profile, b: Profile) -> Iterator[Difference]:
    """The picture and the towers."""
    here, there = a.network.picture.shape, b.network.picture.shape
    if here != there:
        result = _with_picture(a, there)
        yield Difference("input", "picture", text(here), text(there), result.sentence, result)
    towers = [len(p.network.towers) for p in (a, b)]
    if towers[0] != towers[1]:
        said = [str(n) if n else "none" for n in towers]
        yield differ("network", "towers", said, _crossing_effect(a, b))
    elif any(c.floats for p in (a, b) for c in p.account.crossings) and _sums(a) != _sums(b):
        said = [f"{sum(c.floats for c in p.account.crossings):,} floats" for p in (a, b)]
        effect = "what one tower needs of another, per picture and way"
        yield differ("network", "crossings", said, effect)


def _sums(p: Profile) -> int:
    return sum(c.floats for c in p.account.crossings)


def _crossing_effect(a: Profile, b: Profile) -> str:
    return (
        f"{_sums(a):,} against {_sums(b):,} floats cross between towers for one picture, each way"
    )


def _with_picture(a: Profile, shape: tuple[int, int, int]) -> Alone:
    """The first network over the second's picture; squares go by their side alone."""
    if shape[0] == a.network.picture.shape[0] and shape[1] == shape[2]:
        try:
            resized = with_input(a.network, shape[1])
        except NetworkError as error:
            return Alone((), f"alone it does not fit ({str(error).split(': ', 1)[-1]})")
        found = count_changes("total", a.account.total, ledger(resized).total)
        said = ", ".join(c.sentence for c in found) or "it changes no count"
        return Alone(found, f"alone: {said}")
    picture = a.network.picture

    def how(layer: Layer) -> Layer:
        return Input(name=layer.name, shape=shape) if layer.name == picture.name else layer

    return alone(a, how)


def _last(a: Profile, b: Profile) -> Iterator[Difference]:
    """Dropout, the ending and whatever stands on no chain."""
    yield from _dropouts(a, b)
    ends = [ending_text(p.stages[-1].ending) if p.stages else "nothing" for p in (a, b)]
    if ends[0] != ends[1]:
        effect = "no count changes; what is read off, and what is learnt from, differs"
        yield differ("output", "ending", ends, effect)
    others = [", ".join(f"{x.name} ({word(x)})" for x in p.others) or "none" for p in (a, b)]
    if others[0] == others[1]:  # alike but for what they read or how they are set
        others = ["; ".join(_forms(p)) for p in (a, b)]
    if _forms(a) != _forms(b):
        effect = "these stand on no plain chain and are compared as a list only"
        yield differ("network", "other layers", others, effect)


def _forms(p: Profile) -> list[str]:
    """The layers beside the chains with all their settings, but not their names."""
    forms: list[str] = []
    for layer in p.others:
        reads = [p.network[read] for read in layer.reads]
        kinds = ",".join("labels" if is_labels(x) else x.kind for x in reads)
        values = {k: v for k, v in vars(layer).items() if k not in ("name", "reads", "source")}
        forms.append(f"{layer.kind}({kinds}){sorted(values.items())}")
    return forms


# --- dropout --------------------------------------------------------------------------------------


SIDES = {"test": "at test time by keep", "train": "in training by 1 / keep"}


@dataclass(frozen=True)
class _Drop:
    """A dropout, how far from the output its stage is, and how many units it thins out."""

    after: str
    from_end: int
    layers: tuple[Dropout, ...]
    units: int

    @property
    def setting(self) -> str:
        """Its probability and the side on which it scales."""
        return joined(
            f"keep {number(x.keep)}, scaled {SIDES[x.scaling]}" + ("" if x.enabled else ", off")
            for x in self.layers
        )


def _drops(p: Profile) -> list[_Drop]:
    found: list[_Drop] = []
    chains = [("the input", len(p.stages) + 1, p.front)]
    chains += [(stage.name, len(p.stages) - i, stage.tail) for i, stage in enumerate(p.stages)]
    for name, from_end, chain in chains:
        for twins in chain:
            if isinstance(twins[0], Dropout):
                units = sum(elements(p.network.shape(x.name)) for x in twins)
                layers = tuple(x for x in twins if isinstance(x, Dropout))
                found.append(_Drop(name, from_end, layers, units))
    return found


def _dropouts(a: Profile, b: Profile) -> Iterator[Difference]:
    first, second = _drops(a), _drops(b)
    if [d.from_end for d in first] != [d.from_end for d in second]:
        said = [", ".join(f"after {d.after}" for d in drops) or "none" for drops in (first, second)]
        if said[0] == said[1]:  # names agree, but not how far from the output they are
            far = [", ".join(f"{d.from_end - 1}" for d in drops) for drops in (first, second)]
            said = [f"{text} (stages left: {n})" for text, n in zip(said, far, strict=True)]
        yield differ("network", "dropout place", said, _drop_effect(first, second))
    settings = ["; ".join(dict.fromkeys(d.setting for d in drops)) for drops in (first, second)]
    pairs = zip(first, second, strict=False)
    if any(one.setting != other.setting for one, other in pairs):
        yield differ("network", "dropout", settings, _scaling_effect(first, second))


def _drop_effect(first: list[_Drop], second: list[_Drop]) -> str:
    units = [[d.units for d in drops] for drops in (first, second)]
    said = [" and ".join(f"{n:,}" for n in row) or "no" for row in units]
    return f"the first thins out {said[0]} units, the second {said[1]}; no count changes"


def _scaling_effect(first: list[_Drop], second: list[_Drop]) -> str:
    one, other = first[0].layers[0], second[0].layers[0]
    if one.enabled != other.enabled:
        which = "second" if one.enabled else "first"
        return f"in the {which} no unit is silenced: what holds at test time holds in training too"
    if one.keep == other.keep and one.scaling != other.scaling:
        test, train = ("first", "second") if one.scaling == "test" else ("second", "first")
        times = number(round(1 / one.keep, 6))
        return (
            f"the same expectation, but in training the {train}'s units are {times} times as large "
            f"as the {test}'s, so that weights do not carry over without scaling"
        )
    return "other units are silenced with another probability"


# --- counts ---------------------------------------------------------------------------------------


def _counts(a: Profile, b: Profile, pairs: Pairs) -> Iterator[CountChange]:
    for one, other in pairs:
        name = one.name if one else other.name if other else ""
        yield from count_changes(
            name, one.total if one else NO_TOTAL, other.total if other else NO_TOTAL
        )
    yield from count_changes("total", a.account.total, b.account.total)


def as_tree(comparison: Comparison) -> dict[str, object]:
    """The comparison as a JSON tree with stable keys."""
    return {
        "first": comparison.first.name,
        "second": comparison.second.name,
        "differences": [difference_tree(d) for d in comparison.differences],
        "counts": [_count_tree(c) for c in comparison.counts],
    }


def difference_tree(difference: Difference) -> dict[str, object]:
    """One difference as a JSON tree."""
    return {
        "place": difference.place,
        "aspect": difference.aspect,
        "first": difference.first,
        "second": difference.second,
        "effect": difference.effect,
        "alone": [_count_tree(c) for c in difference.alone.changes],
    }


def _count_tree(change: CountChange) -> dict[str, object]:
    return {
        "place": change.place,
        "quantity": change.quantity,
        "first": change.first,
        "second": change.second,
        "change": change.second - change.first,
    }
