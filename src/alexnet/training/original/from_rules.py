"""A recipe that follows a parameter file: the rates, schedules and limits of every layer, in as few
entries as say them. It reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from os.path import commonprefix
from typing import Any, TypeVar, assert_never

from alexnet.formats.cuda_convnet.rules import Dialect, LayerRules, LearningRules, RateSchedule
from alexnet.network.arithmetic import network_parameters
from alexnet.network.layers import Conv, TreeConnected
from alexnet.network.spec import Network
from alexnet.training.rates import LayerRates, RecipeError
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    Exponential,
    Linear,
    Schedule,
    ScheduleError,
)

T = TypeVar("T", bound=Hashable)

Said = dict[str, Any]
"""Fields of LayerRates."""


def recipe_of(rules: LearningRules, network: Network, base: Recipe) -> Recipe:
    """The recipe `base` with the rates, momentum, decay, schedules, noise, limits and update
    periods that a parameter file gives to the layers of `network`.

    What most layers have becomes the recipe's own; the others get entries. A schedule without
    change (also `linear` with a factor of 1) is Constant. Biases have no decay (semantics file,
    section 5).

    Args:
        rules: what the file says; layers that `network` lacks are passed over, since one file of
            2012 serves several definitions.
        network: whose layers.
        base: everything else; its `layers` go.

    Raises:
        RecipeError: a layer with weights that the file does not name or that has another number of
            inputs there, or a schedule that nothing can follow.
    """
    layers = _of_network(rules, network)
    weights = {layer.layer: _weights(layer, rules.dialect, network) for layer in layers}
    biases = {layer.layer: _bias(layer) for layer in layers}
    every = [own for inputs in weights.values() for own in inputs]
    recipe = replace(
        base,
        lr=_usual(own["lr"] for own in every),
        momentum=_usual(own["momentum"] for own in every),
        weight_decay=_usual(own["weight_decay"] for own in every),
        schedule=_usual(own["schedule"] for own in every),
        bias_lr=_usual(own["bias_lr"] for own in biases.values()),
        bias_weight_decay=0.0,
        update_period=_usual(max(1, layer.update_period) for layer in layers),
        layers=(),
    )
    held = _held(recipe)
    common = {
        name: _usual(own[name] for own in group)
        for group in (every, list(biases.values()))
        for name in group[0]
    }
    entries = _entry("*", _beside(common, held))
    said = {
        layer.layer: _said(weights[layer.layer], biases[layer.layer], held | common)
        for layer in layers
    }
    for names, groups in _alike(said):
        for pattern in _patterns(names, list(said)):
            for index, own in groups:
                entries += _entry(pattern, own, index)
    return replace(recipe, layers=tuple(entries))


def schedule_of(schedule: RateSchedule) -> Schedule:
    """A file's schedule as a recipe's (semantics file, section 9); its noise stands apart.

    Raises:
        RecipeError: a factor or a number of stages that nothing can follow.
    """
    if schedule.factor == 1:
        return Constant()
    try:
        match schedule.kind:
            case "constant":
                return Constant()
            case "linear":
                return Linear(divisor=schedule.factor)
            case "exp":
                return Exponential(divisor=schedule.factor)
            case "dexp" | "jdexp":
                return DiscreteExponential(
                    divisor=schedule.factor, stages=schedule.stages, jumpy=schedule.kind == "jdexp"
                )
            case _:
                assert_never(schedule.kind)
    except ScheduleError as error:
        raise RecipeError(f"schedule {schedule.kind}: {error}") from None


def _of_network(rules: LearningRules, network: Network) -> list[LayerRules]:
    """The rules of the layers with weights, in the network's order."""
    by_name = {layer.layer: layer for layer in rules.layers}
    found: list[LayerRules] = []
    for name in dict.fromkeys(parameter.layer for parameter in network_parameters(network)):
        inputs = len(network[name].reads)
        if name not in by_name:
            raise RecipeError(
                f"the learning rules say nothing of layer '{name}' of network '{network.name}'; a"
                " parameter file needs a section for every layer with weights"
            )
        if len(by_name[name].weights) != inputs:
            raise RecipeError(
                f"the learning rules of layer '{name}' are for {len(by_name[name].weights)} inputs;"
                f" in network '{network.name}' it has {inputs}"
            )
        found.append(by_name[name])
    if not found:
        raise RecipeError(f"network '{network.name}' has no layer with weights; nothing learns")
    return found


def _weights(layer: LayerRules, dialect: Dialect, network: Network) -> list[Said]:
    """Fields of LayerRates for every input."""
    # wcNormMin and wcNormMax are read in convolutions only, and heeded where there is a maximum; no
    # limit at all is heeded in a tree (layer.cu)
    convolution = isinstance(network[layer.layer], Conv)
    tree = isinstance(network[layer.layer], TreeConnected)
    return [
        {
            "lr": own.lr,
            "momentum": own.momentum,
            "weight_decay": own.weight_decay,
            "schedule": schedule_of(own.schedule),
            "noise": own.schedule.noise,
            "ball": 0.0 if tree else own.ball,
            "ball_rule": "cuda-convnet2" if own.ball and dialect == "cuda-convnet2" else "2012",
            "norm_minimum": own.norm_minimum if convolution and own.norm_maximum else 0.0,
            "norm_maximum": own.norm_maximum if convolution else 0.0,
        }
        for own in layer.weights
    ]


def _bias(layer: LayerRules) -> Said:
    return {
        "bias_lr": layer.bias_lr,
        "bias_momentum": layer.bias_momentum,
        "bias_schedule": schedule_of(layer.bias_schedule),
        "bias_noise": layer.bias_schedule.noise,
        "update_period": max(1, layer.update_period),
    }


def _held(recipe: Recipe) -> Said:
    """What holds of every layer where no entry says otherwise."""
    return {
        "lr": recipe.lr,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "schedule": recipe.schedule,
        "noise": 0.0,
        "ball": 0.0,
        "ball_rule": "2012",
        "norm_minimum": 0.0,
        "norm_maximum": 0.0,
        "bias_lr": recipe.bias_lr,
        "bias_momentum": recipe.momentum,
        "bias_schedule": recipe.schedule,
        "bias_noise": 0.0,
        "update_period": recipe.update_period,
    }


def _said(inputs: Sequence[Said], bias: Said, held: Said) -> list[tuple[int | None, Said]]:
    """What a layer's entries must say: of the whole layer, and of single inputs."""
    shared = {name: inputs[0][name] for name in inputs[0] if len({x[name] for x in inputs}) == 1}
    whole = _beside(shared | bias, held)
    single = [
        _beside({name: value for name, value in own.items() if name not in shared}, held)
        for own in inputs
    ]
    found: list[tuple[int | None, Said]] = [(None, whole), *enumerate(single)]
    return [(index, own) for index, own in found if own]


def _beside(said: Said, held: Said) -> Said:
    """What differs from what holds anyway."""
    return {name: value for name, value in said.items() if value != held[name]}


def _entry(pattern: str, said: Said, index: int | None = None) -> list[LayerRates]:
    return [LayerRates(layers=pattern, input=index, **said)] if said else []


def _alike(
    said: Mapping[str, list[tuple[int | None, Said]]],
) -> list[tuple[list[str], list[tuple[int | None, Said]]]]:
    """Layers of which the same is to be said, together; those of which nothing is, left out."""
    found: list[tuple[list[str], list[tuple[int | None, Said]]]] = []
    for name, groups in said.items():
        names = next((names for names, own in found if own == groups), None)
        if names is not None:
            names.append(name)
        elif groups:
            found.append(([name], groups))
    return found


def _patterns(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """One pattern that matches just these names, where there is one; else the names."""
    pattern = commonprefix(list(names)) + "*"
    matched = [name for name in every if fnmatchcase(name, pattern)]
    return [pattern] if len(names) > 1 and matched == list(names) else list(names)


def _usual(values: Iterable[T]) -> T:
    """The value that occurs most often; of several the first."""
    return Counter(values).most_common(1)[0][0]
