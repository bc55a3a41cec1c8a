"""How a comparison words a layer's settings: values as short texts, and what a difference does.

Every sentence is computed from the two values that differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import assert_never

from alexnet.network.compare.profile import Twins, WeightedStage
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Constant,
    ContrastNorm,
    CrossMapNorm,
    Drawn,
    FanInGaussian,
    FanInUniform,
    Gaussian,
    Layer,
    LogisticLoss,
    MaxPool,
    Norm,
    RandomPool,
    Shared,
    SubsetSoftmaxLoss,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import initials as first_values

NAMES = {
    "cross-map-norm": "norm across maps",
    "within-map-norm": "norm within maps",
    "contrast-norm": "contrast norm",
    "fully-connected": "fully connected",
    "tree-connected": "fully connected over a tree",
    "cross-map-pool": "pool across maps",
    "random-pool": "pool at random",
    "random-scale": "random scale",
    "colour-transform": "colour transform",
}
"""Kinds whose plain name is not their `kind`."""

ACTIVATIONS = {"relu": "ReLU"}
"""Functions that people write otherwise than as the field does."""


def joined(texts: Iterable[str]) -> str:
    """One text where all agree, else all that differ, in order: 'a | b'."""
    return " | ".join(dict.fromkeys(texts))


def number(value: float) -> str:
    """A setting as people write it: 0.0001, 5, 0.00002."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.10f}".rstrip("0") if abs(value) >= 1e-6 else f"{value:g}"


def word(layer: Layer) -> str:
    """What a layer is, in a word or two."""
    if isinstance(layer, Activation):
        name = ACTIVATIONS.get(layer.function, layer.function)
        return f"{name}[{', '.join(map(number, layer.parameters))}]" if layer.parameters else name
    if isinstance(layer, MaxPool) and layer.by_magnitude:
        return "max-pool by magnitude"
    return NAMES.get(layer.kind, layer.kind)


def order(chain: Sequence[Twins]) -> str:
    """A chain of layers as 'ReLU, norm across maps, max-pool'; 'nothing' where it is empty."""
    return ", ".join(joined(word(layer) for layer in twins) for twins in chain) or "nothing"


def initial_text(initial: Drawn) -> str:
    """How an array starts, in a phrase."""
    match initial:
        case Constant():
            return number(initial.value)
        case Gaussian():
            return f"N(0, {number(initial.deviation)})"
        case FanInGaussian():
            return f"N(0, {initial.gain:.4g} / √fan-in)"
        case FanInUniform():
            return f"uniform ±{initial.gain:.4g} / √fan-in"
        case _:
            assert_never(initial)


def deviation(initial: Drawn, fan_in: int) -> float:
    """The standard deviation of an array's first values, under `fan_in` weights per unit."""
    match initial:
        case Constant():
            return 0.0
        case Gaussian():
            return initial.deviation
        case FanInGaussian():
            return initial.gain / math.sqrt(fan_in)
        case FanInUniform():
            return initial.gain / math.sqrt(3 * fan_in)
        case _:
            assert_never(initial)


def initials(stage: WeightedStage) -> tuple[Drawn, ...]:
    """How the stage's own weights start, an entry per input of every tower; shared ones have no
    start.
    """
    starts = (start for layer in stage.layers for start in first_values(layer))
    return tuple(start for start in starts if not isinstance(start, Shared))


def effective_alpha(norm: Norm) -> float:
    """What each square is multiplied by, the divisor made effective."""
    if not norm.alpha_divided:
        return norm.alpha
    return norm.alpha / (norm.size if isinstance(norm, CrossMapNorm) else norm.size**2)


def alpha_text(norm: Norm) -> str:
    """Alpha with its divisor: '0.0001 / 5 = 0.00002'."""
    if not norm.alpha_divided:
        return number(norm.alpha)
    square = "" if isinstance(norm, CrossMapNorm) else "²"
    return f"{number(norm.alpha)} / {norm.size}{square} = {number(effective_alpha(norm))}"


def norm_text(norm: Norm) -> str:
    """A norm with all its constants."""
    return (
        f"{word(norm)}, size {norm.size}, alpha {alpha_text(norm)}, beta {number(norm.beta)}, "
        f"k {number(norm.k)}"
    )


def ratio(first: float, second: float) -> str:
    """'5 times as much in the first', for two positive numbers that differ."""
    if not first or not second:
        return "none at all in one of them"
    larger, which = max(first, second), "first" if first > second else "second"
    return f"{number(float(f'{larger / min(first, second):.3g}'))} times as much in the {which}"


def ending_text(chain: Sequence[Twins]) -> str:
    """How a network ends: 'softmax, logistic-loss (top 5)', or 'scores'."""
    return ", ".join(_ending_word(twins[0]) for twins in chain) or "scores"


def _ending_word(layer: Layer) -> str:
    coefficient = getattr(layer, "coefficient", 1.0)
    weighed = "" if coefficient == 1.0 else f", gradient × {number(coefficient)}"
    if isinstance(layer, LogisticLoss):
        return f"{layer.kind} (top {layer.top}{weighed})"
    if isinstance(layer, SubsetSoftmaxLoss):
        return f"{layer.kind} (sets of {layer.set_size}{weighed})"
    if isinstance(layer, BinaryCrossEntropyLoss) and layer.positive_weight != 1.0:
        weighed += f", positives × {number(layer.positive_weight)}"
    return f"{layer.kind}{weighed}"


def order_effect(first: Sequence[Twins], second: Sequence[Twins]) -> str:
    """What it does that two chains come in a different order or lack a layer."""
    said = [
        *_norm_against_relu(first, second),
        *_pool_against_norm(first, second),
        *_missing(first, second, "first"),
        *_missing(second, first, "second"),
    ]
    if not said and _commute(first, second):
        return "no value changes: taking the maximum and ReLU may change places"
    return "; ".join(said) or "the values pass the same layers in another order"


def _place(chain: Sequence[Twins], kind: type | tuple[type, ...]) -> int | None:
    return next((i for i, twins in enumerate(chain) if isinstance(twins[0], kind)), None)


NORMS = (CrossMapNorm, WithinMapNorm, ContrastNorm)
POOLS = (MaxPool, AveragePool, RandomPool)


def _norm_against_relu(first: Sequence[Twins], second: Sequence[Twins]) -> list[str]:
    places = [(_place(chain, NORMS), _place(chain, Activation)) for chain in (first, second)]
    early = [n is not None and a is not None and n < a for n, a in places]
    if early[0] == early[1] or any(None in pair for pair in places):
        return []
    which = ("first", "second") if early[0] else ("second", "first")
    return [
        f"the {which[0]} sums the squares of negative responses too, the {which[1]} only of what "
        "its ReLU lets through"
    ]


def _pool_against_norm(first: Sequence[Twins], second: Sequence[Twins]) -> list[str]:
    places = [(_place(chain, NORMS), _place(chain, POOLS)) for chain in (first, second)]
    late = [n is not None and p is not None and p < n for n, p in places]
    if late[0] == late[1] or any(None in pair for pair in places):
        return []
    which = "first" if late[0] else "second"
    return [f"the {which} pools before it norms, so its norm sees only what is pooled"]


def _missing(chain: Sequence[Twins], other: Sequence[Twins], which: str) -> list[str]:
    """Layers of `chain` that `other` has no counterpart for."""
    left = [word(twins[0]) for twins in other]
    lost: list[str] = []
    for twins in chain:
        if word(twins[0]) in left:
            left.remove(word(twins[0]))
        else:
            lost.append(word(twins[0]))
    return [f"only the {which} has {' and '.join(lost)}"] if lost else []


def _commute(first: Sequence[Twins], second: Sequence[Twins]) -> bool:
    """Whether the chains are ReLU and max-pool alone, which may change places."""
    words = {word(twins[0]) for twins in (*first, *second)}
    return words == {"ReLU", "max-pool"}
