"""Which learning rate, decay, momentum and limits each learned array gets: the recipe's or its
layer's. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from alexnet.network.arithmetic import Parameter, network_parameters
from alexnet.network.layers import Conv, FullyConnected, Layer, Local, TreeConnected
from alexnet.network.spec import Network, nearest
from alexnet.training.schedule import Schedule, Unchanged

BallRule = Literal["2012", "cuda-convnet2"]

Rule = Literal["momentum", "nesterov", "muon"]
"""How an array moves: by §5's rule; by the same with Nesterov's look ahead; or by `muon`, what is
no matrix of a convolution or fully-connected layer by "nesterov" then.
"""


class RecipeError(ValueError):
    """A recipe that cannot be followed: says what it says and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the filters of one array are held to after every update (semantics file, section 5).

    A filter is all that feeds one output of the array: one row of a fully-connected layer, one
    kernel of a convolution over all of its channels, of a local layer one kernel at one position
    (2012 and cuda-convnet2 norm local weights position by position: kNormalizeLCWeights).

    Attributes:
        leading: how many leading dimensions tell filters apart: 1, or 3 in a local layer.
        norm: the L2 norm that filters are scaled down to, 0 for none.
        exactly: they are scaled up to it too.
        minimum, maximum: of sqrt(Σ (w − mean)²) / n, n being the weights of a filter; 0 for none.
    """

    leading: int = 1
    norm: float = 0.0
    exactly: bool = False
    minimum: float = 0.0
    maximum: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the update rule needs to know of one array.

    Attributes:
        lr: the base, before the schedule; 0 freezes.
        momentum, weight_decay: the latter is multiplied by the rate.
        rule: how they move the array.
        matrices: as how many matrices of equal height `muon` takes the array: its groups.
        schedule: of the rate; None is the recipe's.
        noise: every use multiplies the rate by 1 + |N(0, 1)| · noise.
        update_period: gradients of so many batches make one update.
        limits: what its filters are held to.
        leaves: of the inner nodes of a tree, row by row, how many leaves lie below each; () is one
            for every row.
    """

    lr: float
    momentum: float
    weight_decay: float
    rule: Rule = "momentum"
    matrices: int = 1
    schedule: Schedule | None = None
    noise: float = 0.0
    update_period: int = 1
    limits: Limits | None = None
    leaves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRates:
    """Rates of the layers whose names match a pattern; what is None stays as the recipe has it.

    All are absolute, as in cuda-convnet's layer-params files (epsW, epsB, momW, momB, wc). A rate
    of 0 freezes: no learning, no decay, no limits.

    Attributes:
        layers: a shell pattern such as `conv*`.
        input: which input's weights are meant, counted from 0; None is every one's.
        rule: how the rates move weights and biases.
        schedule, bias_schedule: `schedW` and `schedB` of 2012.
        noise, bias_noise: `noiseStdev` of these.
        update_period: 2012's `--wupdate-freq`, cuda-convnet2's `updatePeriod`.
        ball: `wball` as it is written.
        ball_rule: what that means: "2012" scales filters down to a norm of ball · weights per
            filter, "cuda-convnet2" scales them up or down to a norm of ball (local layers' only
            down).
        norm_minimum, norm_maximum: `wcNormMin`, `wcNormMax`, which the code of 2012 knows of in
            convolutions only: filters are scaled to where sqrt(Σ (w − mean)²) / n lies between.
    """

    layers: str
    input: int | None = None
    lr: float | None = None
    bias_lr: float | None = None
    momentum: float | None = None
    bias_momentum: float | None = None
    weight_decay: float | None = None
    bias_weight_decay: float | None = None
    rule: Rule | None = None
    schedule: Schedule | Unchanged = Unchanged()
    bias_schedule: Schedule | Unchanged = Unchanged()
    noise: float | None = None
    bias_noise: float | None = None
    update_period: int | None = None
    ball: float | None = None
    ball_rule: BallRule | None = None
    norm_minimum: float | None = None
    norm_maximum: float | None = None

    def __post_init__(self) -> None:
        """Raises RecipeError where a value is out of its range."""
        for name, least in (
            ("input", 0),
            ("lr", 0),
            ("bias_lr", 0),
            ("weight_decay", 0),
            ("bias_weight_decay", 0),
            ("noise", 0),
            ("bias_noise", 0),
            ("update_period", 1),
            ("ball", 0),
            ("norm_minimum", 0),
            ("norm_maximum", 0),
        ):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise RecipeError(
                    f"layers '{self.layers}': {name} is {value}; it must be at least {least}"
                )
        of_biases = [name for name in self.said() if name.startswith("bias_")]
        if self.input is not None and of_biases:
            raise RecipeError(
                f"layers '{self.layers}': {of_biases[0]} is given for input {self.input}; biases"
                " belong to no input, so that it must stand in an entry without one"
            )

    def said(self) -> dict[str, Any]:
        """The fields that differ from None, and so say something."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {k: v for k, v in values.items() if v is not None and not isinstance(v, Unchanged)}


def resolve(
    network: Network, weights: Rates, biases: Rates, overrides: Sequence[LayerRates]
) -> dict[str, Rates]:
    """The rates of every learned array by name; where several patterns match, the last one wins.

    Raises:
        RecipeError: a pattern matches no layer that has weights, or none with so many inputs.
    """
    parameters = network_parameters(network)
    check_patterns(network, parameters, [entry.layers for entry in overrides])
    _check_inputs(network, parameters, overrides)
    return {
        parameter.name: _own_rates(
            biases if parameter.is_bias else weights,
            _merged(parameter, overrides),
            parameter,
            network,
        )
        for parameter in parameters
    }


def check_patterns(
    network: Network, parameters: Sequence[Parameter], patterns: Sequence[str]
) -> None:
    """Raises RecipeError for the first pattern that matches no layer of `parameters`."""
    names = list(dict.fromkeys(parameter.layer for parameter in parameters))
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise RecipeError(
                f"layers is '{pattern}', which matches no layer with weights of network"
                f" '{network.name}'{nearest(pattern, names)}"
            )


def _check_inputs(
    network: Network, parameters: Sequence[Parameter], overrides: Sequence[LayerRates]
) -> None:
    inputs = {x.layer: len(network[x.layer].reads) for x in parameters}
    for entry in overrides:
        most = max(count for name, count in inputs.items() if fnmatchcase(name, entry.layers))
        if entry.input is not None and entry.input >= most:
            raise RecipeError(
                f"layers '{entry.layers}' of network '{network.name}': input is {entry.input}; it"
                f" must be less than {most}, the number of inputs"
            )


def _merged(parameter: Parameter, overrides: Sequence[LayerRates]) -> LayerRates:
    """All that the patterns say of one array, the last word of each kind."""
    index = None if parameter.is_bias else input_index(parameter)
    said = dict[str, Any]()
    for entry in overrides:
        if fnmatchcase(parameter.layer, entry.layers) and entry.input in (None, index):
            said |= entry.said()
    return LayerRates(**(said | {"layers": parameter.layer, "input": None}))


def input_index(parameter: Parameter) -> int:
    """Which input's weights an array holds: `conv1.weight_2` the third's; 0 where there is one."""
    _, several, index = parameter.name.rpartition(".weight_")
    return int(index) if several else 0


def _own_rates(base: Rates, own: LayerRates, parameter: Parameter, network: Network) -> Rates:
    if parameter.is_bias:
        rates = _overridden(
            base, own.bias_lr, own.bias_momentum, own.bias_weight_decay, own.bias_noise
        )
        schedule = own.bias_schedule
    else:
        rates = _overridden(base, own.lr, own.momentum, own.weight_decay, own.noise)
        rates = replace(rates, limits=_limits(own, parameter, network))
        schedule = own.schedule
    layer = network[parameter.layer]
    if isinstance(layer, TreeConnected) and parameter.name.endswith(".inner"):
        rates = replace(rates, leaves=_leaves(layer))
    if not isinstance(schedule, Unchanged):
        rates = replace(rates, schedule=schedule)
    if own.update_period is not None:
        rates = replace(rates, update_period=own.update_period)
    return _ruled(rates, own.rule or base.rule, parameter, layer)


def _ruled(rates: Rates, rule: Rule, parameter: Parameter, layer: Layer) -> Rates:
    if rule != "momentum" and rates.update_period > 1:
        raise RecipeError(
            f"layers '{parameter.layer}': rule is {rule} and update_period {rates.update_period};"
            " gradients add up by rule momentum only, so that the period must be 1"
        )
    if rule != "muon":
        return replace(rates, rule=rule)
    if parameter.is_bias or not isinstance(layer, Conv | FullyConnected):
        return replace(rates, rule="nesterov")
    matrices = layer.kernels[input_index(parameter)].groups if isinstance(layer, Conv) else 1
    return replace(rates, rule=rule, matrices=matrices)


def _leaves(tree: TreeConnected) -> tuple[int, ...]:
    """How many leaves lie below each inner node."""
    below = [0] * len(tree.parents)
    for leaf in range(tree.outputs):
        node = leaf
        while tree.parents[node] != node:
            node = tree.parents[node]
            below[node] += 1
    return tuple(below[tree.outputs :])


def _overridden(
    rates: Rates,
    lr: float | None,
    momentum: float | None,
    weight_decay: float | None,
    noise: float | None,
) -> Rates:
    return replace(
        rates,
        lr=rates.lr if lr is None else lr,
        momentum=rates.momentum if momentum is None else momentum,
        weight_decay=rates.weight_decay if weight_decay is None else weight_decay,
        noise=rates.noise if noise is None else noise,
    )


def _limits(own: LayerRates, parameter: Parameter, network: Network) -> Limits | None:
    ball, least, most = own.ball or 0.0, own.norm_minimum or 0.0, own.norm_maximum or 0.0
    if not (ball or least or most):
        return None
    if most and least > most:
        raise RecipeError(
            f"layers '{parameter.layer}': norm_minimum is {least}; it must be at most norm_maximum,"
            f" {most}"
        )
    local = isinstance(network[parameter.layer], Local)
    leading = 3 if local else 1
    exactly = own.ball_rule == "cuda-convnet2"
    if not exactly:
        ball *= parameter.count // math.prod(parameter.shape[:leading])
    return Limits(
        leading=leading, norm=ball, exactly=exactly and not local, minimum=least, maximum=most
    )
