"""Which learning rate, decay and momentum each learned array gets: the recipe's or its layer's.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alexnet.network.arithmetic import network_parameters
from alexnet.network.spec import Network, nearest


class RecipeError(ValueError):
    """A recipe that cannot be followed: says what it says and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the update rule needs to know of one array; lr is the base, before the schedule."""

    lr: float
    momentum: float
    weight_decay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRates:
    """Rates of the layers whose names match a pattern; what is None stays as the recipe has it.

    All are absolute, as in cuda-convnet's layer-params files (epsW, epsB, momW, momB, wc). A rate
    of 0 freezes: no learning and no decay.

    Attributes:
        layers: a shell pattern such as `conv*`.
    """

    layers: str
    lr: float | None = None
    bias_lr: float | None = None
    momentum: float | None = None
    bias_momentum: float | None = None
    weight_decay: float | None = None
    bias_weight_decay: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """The rates of one layer once every pattern has spoken."""

    weights: Rates
    biases: Rates


def resolve(
    network: Network, weights: Rates, biases: Rates, overrides: Sequence[LayerRates]
) -> dict[str, Rates]:
    """The rates of every learned array by name; where several patterns match, the last one wins.

    Raises:
        RecipeError: a pattern matches no layer that has weights, or nothing at all would learn.
    """
    parameters = network_parameters(network)
    names = list(dict.fromkeys(parameter.layer for parameter in parameters))
    for entry in overrides:
        if not any(fnmatchcase(name, entry.layers) for name in names):
            raise RecipeError(
                f"layers is '{entry.layers}', which matches no layer with weights of network"
                f" '{network.name}'{nearest(entry.layers, names)}"
            )
    layers = {name: _resolved(name, weights, biases, overrides) for name in names}
    found = {
        parameter.name: layers[parameter.layer].biases
        if parameter.is_bias
        else layers[parameter.layer].weights
        for parameter in parameters
    }
    if not any(rates.lr for rates in found.values()):
        raise RecipeError(f"every learning rate of network '{network.name}' is 0; nothing learns")
    return found


def _resolved(name: str, weights: Rates, biases: Rates, overrides: Sequence[LayerRates]) -> _Layer:
    for entry in overrides:
        if fnmatchcase(name, entry.layers):
            weights = _overridden(weights, entry.lr, entry.momentum, entry.weight_decay)
            biases = _overridden(
                biases, entry.bias_lr, entry.bias_momentum, entry.bias_weight_decay
            )
    return _Layer(weights=weights, biases=biases)


def _overridden(
    rates: Rates, lr: float | None, momentum: float | None, weight_decay: float | None
) -> Rates:
    return Rates(
        lr=rates.lr if lr is None else lr,
        momentum=rates.momentum if momentum is None else momentum,
        weight_decay=rates.weight_decay if weight_decay is None else weight_decay,
    )
