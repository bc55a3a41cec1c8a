"""Changes made by hand while a run goes on: rates set anew, layers frozen, colour noise turned off.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from alexnet.network.arithmetic import network_parameters
from alexnet.network.spec import Network
from alexnet.training.rates import Rates, RecipeError, check_patterns
from alexnet.training.schedule import Schedule, Unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What is changed at a moment of the run and holds from then on; None changes nothing.

    Attributes:
        at_epoch: the moment, in cycles through the training pictures.
        layers: shell patterns of the layers whose rates change; without any, all that still learn:
            what stands at a rate of 0 stays frozen when the rates of all are lowered, and only a
            phase that names it thaws it.
        lr, bias_lr: the new base rates, which schedules go on multiplying; 0 freezes.
        schedule: of the weights' rates.
        colour_noise: the recipe's, for all pictures from then on.
    """

    at_epoch: float
    layers: tuple[str, ...] = ()
    lr: float | None = None
    bias_lr: float | None = None
    schedule: Schedule | Unchanged = Unchanged()
    colour_noise: float | None = None

    def __post_init__(self) -> None:
        """Raises RecipeError where a value is out of its range."""
        for name in ("at_epoch", "lr", "bias_lr", "colour_noise"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise RecipeError(f"a phase's {name} is {value}; it must be 0 or more")


def after(
    phases: Sequence[Phase], rates: Mapping[str, Rates], network: Network
) -> dict[str, Rates]:
    """The rates of every learned array once `phases` have begun, each changing what was left it.

    Raises:
        RecipeError: a pattern matches no layer that has weights.
    """
    found = dict(rates)
    parameters = network_parameters(network) if phases else ()
    for phase in phases:
        check_patterns(network, parameters, phase.layers)
        for parameter in parameters:
            own = found[parameter.name]
            if touches(phase, parameter.layer, own):
                found[parameter.name] = changed(own, phase, is_bias=parameter.is_bias)
    return found


def touches(phase: Phase, layer: str, rates: Rates) -> bool:
    """Whether a phase changes an array of `layer` whose rates are `rates`."""
    if not phase.layers:
        return rates.lr != 0
    return any(fnmatchcase(layer, pattern) for pattern in phase.layers)


def changed(rates: Rates, phase: Phase, *, is_bias: bool) -> Rates:
    """The rates of an array that a phase touches."""
    lr = phase.bias_lr if is_bias else phase.lr
    if lr is not None:
        rates = replace(rates, lr=lr)
    if not is_bias and not isinstance(phase.schedule, Unchanged):
        rates = replace(rates, schedule=phase.schedule)
    return rates
