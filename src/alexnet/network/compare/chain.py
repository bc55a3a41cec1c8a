"""What follows a stage in two networks: the order of the layers, and the settings of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace

from alexnet.network.compare.alone import UNCOUNTED, Alone, Pool, alone, rule, window_setting
from alexnet.network.compare.profile import Profile, Twins
from alexnet.network.compare.stage import Difference, differ
from alexnet.network.compare.words import (
    alpha_text,
    effective_alpha,
    joined,
    norm_text,
    number,
    order,
    order_effect,
    ratio,
    word,
)
from alexnet.network.layers import (
    CrossMapNorm,
    CrossMapPool,
    Layer,
    Norm,
    PictureTransform,
    Window,
)


def chain_differences(
    a: Profile, b: Profile, place: str, first: Sequence[Twins], second: Sequence[Twins]
) -> Iterator[Difference]:
    """In what the layers behind `place` differ; dropout and endings are left to the whole."""
    here, there = order(first), order(second)
    if here != there:
        yield Difference(place, "order", here, there, order_effect(first, second))
    pairs, single = _matched(first, second)
    for twins, which in single:
        if isinstance(twins[0], Norm):
            said = (norm_text(twins[0]), "none") if which == 0 else ("none", norm_text(twins[0]))
            yield differ(place, word(twins[0]), said, _lone_norm_effect(twins[0]))
    for one, other in pairs:
        yield from _layer(a, b, f"{place}, {_name(one)}", one, other)


def _name(twins: Twins) -> str:
    return word(twins[0])


Matches = tuple[list[tuple[Twins, Twins]], list[tuple[Twins, int]]]


def _matched(first: Sequence[Twins], second: Sequence[Twins]) -> Matches:
    """Layers of one kind in order (pools of either kind together); then those left alone."""
    left = list(second)
    pairs: list[tuple[Twins, Twins]] = []
    single: list[tuple[Twins, int]] = []
    for twins in first:
        found = next((x for x in left if _family(x) == _family(twins)), None)
        if found is None:
            single.append((twins, 0))
        else:
            left.remove(found)
            pairs.append((twins, found))
    return pairs, single + [(twins, 1) for twins in left]


def _family(twins: Twins) -> str:
    return "pool" if isinstance(twins[0], Pool) else twins[0].kind


def _lone_norm_effect(norm: Norm) -> str:
    quiet = norm.k**-norm.beta
    return (
        f"a lone response x becomes x · ({number(norm.k)} + {number(effective_alpha(norm))}·x²)"
        f"^−{number(norm.beta)}, {quiet:.3g} · x where x is small; no count changes"
    )


def _layer(a: Profile, b: Profile, place: str, one: Twins, other: Twins) -> Iterator[Difference]:
    first, second = one[0], other[0]
    if isinstance(first, Pool) and isinstance(second, Pool):
        yield from _pools(a, place, one, other)
    elif isinstance(first, Norm) and isinstance(second, Norm):
        yield from _norms(a, b, place, first, second)
    yield from _rest(a, place, one, other)


# --- pools ----------------------------------------------------------------------------------------


def _size(window: Window, model: Window) -> Window:
    return replace(window, size=model.size)


def _stride(window: Window, model: Window) -> Window:
    return replace(window, stride=model.stride)


def _padding(window: Window, model: Window) -> Window:
    return replace(window, padding=model.padding)


def _outputs(window: Window, model: Window) -> Window:
    return replace(window, outputs=model.outputs)


POOL_SETTINGS = (
    ("window size", "size", _size),
    ("stride", "stride", _stride),
    ("padding", "padding", _padding),
    ("output side given", "outputs", _outputs),
)


def _pools(a: Profile, place: str, one: Twins, other: Twins) -> Iterator[Difference]:
    first, second = _windows(one), _windows(other)
    for aspect, field, copy in POOL_SETTINGS:
        said = [joined(str(getattr(w, field)) for w in windows) for windows in (first, second)]
        if said[0] != said[1]:
            result = _again(a, one, other, window_setting(copy))
            yield differ(place, aspect, said, result.sentence, result)
    rules = [joined(x.rule for x in twins if isinstance(x, Pool)) for twins in (one, other)]
    if rules[0] != rules[1]:
        result = _again(a, one, other, rule)
        yield differ(place, "size rule", rules, result.sentence, result)


def _windows(twins: Twins) -> tuple[Window, ...]:
    return tuple(x.window for x in twins if isinstance(x, Pool))


def _again(a: Profile, one: Twins, other: Twins, how: Callable[[Layer, Layer], Layer]) -> Alone:
    names = {layer.name for layer in one}
    model = other[0]
    return alone(a, lambda x: how(x, model) if x.name in names else x, one[0].name)


# --- norms ----------------------------------------------------------------------------------------


def _norms(a: Profile, b: Profile, place: str, one: Norm, other: Norm) -> Iterator[Difference]:
    if (one.alpha, one.alpha_divided, one.size) != (other.alpha, other.alpha_divided, other.size):
        values = (effective_alpha(one), effective_alpha(other))
        if alpha_text(one) != alpha_text(other):
            effect = "a square weighs the same"
            if values[0] != values[1]:
                effect = f"a square weighs {ratio(*values)}"
            yield Difference(place, "alpha", alpha_text(one), alpha_text(other), effect)
    if one.k != other.k or one.beta != other.beta:
        quiet = [norm.k**-norm.beta for norm in (one, other)]
        effect = f"small responses are multiplied by {quiet[0]:.3g} against {quiet[1]:.3g}"
        for aspect in ("k", "beta"):
            said = [number(getattr(norm, aspect)) for norm in (one, other)]
            if said[0] != said[1]:
                yield differ(place, aspect, said, effect)
    if one.size != other.size:
        said = (str(one.size), str(other.size))
        unit = "maps" if isinstance(one, CrossMapNorm) else "pixels along a side"
        yield differ(place, "size", said, f"the sum runs over {said[0]} against {said[1]} {unit}")
    if isinstance(one, CrossMapNorm) and isinstance(other, CrossMapNorm):
        yield from _reach(a, b, place, one, other)


def _reach(
    a: Profile, b: Profile, place: str, one: CrossMapNorm, other: CrossMapNorm
) -> Iterator[Difference]:
    """How many maps the sliding window can reach, and whether it slides at all."""
    maps = [p.network.shape(x.name)[0] // x.groups for p, x in ((a, one), (b, other))]
    sets = [_sets(p, x) for p, x in ((a, one), (b, other))]
    if sets[0] != sets[1]:
        said = [
            f"{n} sets of {m} maps" if n > 1 else f"one set of {m} maps"
            for n, m in zip(sets, maps, strict=True)
        ]
        effect = f"near a border up to {max(one.size, other.size) // 2} neighbours are cut off"
        yield differ(place, "border", said, f"{effect} in the one with more sets")
    if one.blocked != other.blocked:
        said = ["fixed blocks" if x.blocked else "a sliding window" for x in (one, other)]
        yield differ(place, "neighbourhood", said, "each map has other neighbours")


def _sets(p: Profile, norm: CrossMapNorm) -> int:
    """Sets of maps that no window leaves: groups, times the towers if it stands in one."""
    return norm.groups * (1 if norm.tower is None else len(p.network.towers))


# --- what is left ---------------------------------------------------------------------------------

TOLD = ("name", "reads", "source", "tower", "window", "rule", "by_magnitude")
TOLD_OF_NORMS = ("size", "alpha", "alpha_divided", "beta", "k", "groups", "blocked")


def _rest(a: Profile, place: str, one: Twins, other: Twins) -> Iterator[Difference]:
    """Any other setting of two layers of one kind, by the name of its field; magnitudes are in a
    pool's name.
    """
    if one[0].kind != other[0].kind:
        return
    alike = _alike(one) and _alike(other)
    told = TOLD + (TOLD_OF_NORMS if isinstance(one[0], Norm) and alike else ())
    for entry in fields(one[0]):
        if entry.name in told:
            continue
        said = [joined(_plain(getattr(x, entry.name)) for x in twins) for twins in (one, other)]
        if said[0] != said[1]:
            result, counted = UNCOUNTED, "no count changes"
            if isinstance(one[0], PictureTransform | CrossMapPool):  # these set the shape
                result = _again(a, one, other, _setting(entry.name))
                counted = result.sentence
            effect = f"other values come out; {counted}"
            yield differ(place, entry.name.replace("_", " "), said, effect, result)


def _setting(field: str) -> Callable[[Layer, Layer], Layer]:
    """Copies one field of a layer's model of the same kind."""
    return lambda layer, model: replace(layer, **{field: getattr(model, field)})


def _alike(twins: Twins) -> bool:
    """Whether every tower has the same settings."""
    own = ("name", "reads", "source", "tower")
    forms = [{k: v for k, v in vars(x).items() if k not in own} for x in twins]
    return all(form == forms[0] for form in forms)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
