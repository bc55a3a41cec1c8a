"""Recipes that follow a parameter file, against what it says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from alexnet.formats.cuda_convnet.rules import (
    Dialect,
    LayerRules,
    LearningRules,
    RateSchedule,
    WeightRules,
)
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.layers import Conv, FullyConnected, Gaussian, Input, Kernel
from alexnet.network.spec import Network
from alexnet.training.original import (
    recipe_of,
)
from alexnet.training.original.from_rules import schedule_of
from alexnet.training.rates import LayerRates, Limits, RecipeError
from alexnet.training.recipes import ORIGINAL
from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    Exponential,
    Linear,
    factor,
)

DEXP = DiscreteExponential(divisor=250.0, stages=4, jumpy=False)


def cifar_rules(
    names: dict[str, float], *, lr: float = 0.001, schedule: RateSchedule = RateSchedule()
) -> LearningRules:
    """As layer-params-80sec.cfg and its kin are written: a decay for each layer."""
    layers = tuple(
        LayerRules(
            layer=name,
            weights=(WeightRules(lr=lr, momentum=0.9, weight_decay=decay, schedule=schedule),),
            bias_lr=0.002,
            bias_momentum=0.9,
        )
        for name, decay in names.items()
    )
    return LearningRules(dialect="2012", layers=layers)


def test_the_file_of_80sec_takes_one_entry() -> None:
    decays = {"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc64": 0.03, "fc10": 0.03}
    recipe = recipe_of(cifar_rules(decays), get_network("80sec"), ORIGINAL)
    assert recipe == replace(
        ORIGINAL,
        lr=0.001,
        bias_lr=0.002,
        weight_decay=0.004,
        layers=(LayerRates(layers="fc*", weight_decay=0.03),),
    )


def test_noise_that_all_layers_have_takes_one_entry() -> None:
    # layer-params-18pct-noisylr.cfg: schedW=linear[1,1] stands, and only makes noise
    decays = {"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc10": 1.0}
    rules = cifar_rules(decays, schedule=RateSchedule(kind="linear", factor=1.0, noise=1.0))
    recipe = recipe_of(rules, get_network("18pct"), ORIGINAL)
    assert recipe.schedule == Constant()
    assert recipe.layers == (
        LayerRates(layers="*", noise=1.0),
        LayerRates(layers="fc10", weight_decay=1.0),
    )


def imagenet_rules(frozen: tuple[str, ...] = ()) -> LearningRules:
    """As layer-params-170.cfg, over the layers of #145."""
    network = get_network("as_run")
    names = dict.fromkeys(parameter.layer for parameter in network_parameters(network))
    layers = tuple(
        LayerRules(
            layer=name,
            weights=(
                WeightRules(
                    lr=0.0 if name in frozen else 0.01,
                    momentum=0.9,
                    weight_decay=0.0005,
                    schedule=RateSchedule(kind="dexp", factor=250.0, stages=4),
                ),
            )
            * len(network[name].reads),
            bias_lr=0.0 if name in frozen else 0.02,
            bias_momentum=0.9,
            bias_schedule=RateSchedule(kind="dexp", factor=10.0, stages=2),
        )
        for name in names
    )
    return LearningRules(dialect="2012", layers=layers)


def test_the_schedules_of_170() -> None:
    bias_schedule = DiscreteExponential(divisor=10.0, stages=2, jumpy=False)
    recipe = recipe_of(imagenet_rules(("conv1a", "conv1b")), get_network("as_run"), ORIGINAL)
    assert (recipe.lr, recipe.bias_lr, recipe.schedule) == (0.01, 0.02, DEXP)
    assert recipe.layers == (
        LayerRates(layers="*", bias_schedule=bias_schedule),
        LayerRates(layers="conv1*", lr=0.0, bias_lr=0.0),
    )
    rates = [0.01 * factor(recipe.schedule, progress=p, epochs=95) for p in (0.2, 0.4, 0.6, 0.9)]
    assert rates == pytest.approx([0.01, 0.0015874011, 0.00025198421, 0.00004], rel=1e-7)


def two_inputs() -> Network:
    small = Gaussian(0.01)
    conv = Conv(
        name="conv1",
        reads=("data", "data", "data"),
        filters=8,
        kernels=(Kernel(size=3, initial=small),) * 3,
        rule="cuda-convnet",
    )
    full = FullyConnected(name="fc2", reads=("conv1", "conv1"), outputs=3, initial=(small, small))
    last = FullyConnected(name="fc3", reads=("fc2",), outputs=3, initial=(small,))
    return Network("two", (Input(name="data", shape=(4, 8, 8)), conv, full, last))


def random_rules(dice: random.Random, network: Network) -> LearningRules:
    def schedule() -> RateSchedule:
        noise = dice.choice([0.0, 0.0, 0.5])
        kinds = [
            RateSchedule(noise=noise),
            RateSchedule(kind="linear", factor=4.0, noise=noise),
            RateSchedule(kind="exp", factor=9.0, noise=noise),
            RateSchedule(kind="jdexp", factor=9.0, stages=3, noise=noise),
        ]
        return dice.choice(kinds)

    def weights() -> WeightRules:
        most = dice.choice([0.0, 0.2])
        return WeightRules(
            lr=dice.choice([0.0, 0.01, 0.02]),
            momentum=dice.choice([0.9, 0.5]),
            weight_decay=dice.choice([0.0, 0.1]),
            schedule=schedule(),
            ball=dice.choice([0.0, 0.3]),
            norm_minimum=dice.choice([0.0, 0.1]),
            norm_maximum=most,
        )

    layers = [
        LayerRules(
            layer=name,
            weights=tuple(weights() for _ in network[name].reads),
            bias_lr=dice.choice([0.1, 0.2]),
            bias_momentum=dice.choice([0.9, 0.5]),
            bias_schedule=schedule(),
            update_period=dice.choice([0, 1, 3]),
        )
        for name in dict.fromkeys(parameter.layer for parameter in network_parameters(network))
    ]
    dialects: list[Dialect] = ["2012", "cuda-convnet2"]
    return LearningRules(dialect=dice.choice(dialects), layers=tuple(layers))


def test_every_rule_reaches_its_array() -> None:
    network, dice = two_inputs(), random.Random(0)
    for _ in range(200):
        rules = random_rules(dice, network)
        recipe = recipe_of(rules, network, ORIGINAL)
        rates = recipe.rates(network)
        for layer in rules.layers:
            bias = rates[f"{layer.layer}.bias"]
            assert (bias.lr, bias.momentum, bias.weight_decay) == (
                layer.bias_lr,
                layer.bias_momentum,
                0.0,
            )
            assert (bias.schedule or recipe.schedule) == schedule_of(layer.bias_schedule)
            assert bias.noise == layer.bias_schedule.noise
            assert bias.limits is None
            for index, own in enumerate(layer.weights):
                suffix = f"_{index}" if len(layer.weights) > 1 else ""
                name = f"{layer.layer}.weight{suffix}"
                found = rates[name]
                assert (found.lr, found.momentum, found.weight_decay, found.noise) == (
                    own.lr,
                    own.momentum,
                    own.weight_decay,
                    own.schedule.noise,
                )
                assert (found.schedule or recipe.schedule) == schedule_of(own.schedule)
                assert found.update_period == bias.update_period == max(1, layer.update_period)
                assert found.limits == expected_limits(rules.dialect, own, name, network)


def expected_limits(
    dialect: Dialect, own: WeightRules, name: str, network: Network
) -> Limits | None:
    (shape,) = (p.shape for p in network_parameters(network) if p.name == name)
    per_filter = 1
    for size in shape[1:]:
        per_filter *= size
    convolution = isinstance(network[name.partition(".")[0]], Conv)
    deviation = convolution and own.norm_maximum > 0
    if not own.ball and not deviation:
        return None
    exactly = dialect == "cuda-convnet2" and own.ball > 0
    return Limits(
        norm=own.ball if exactly else own.ball * per_filter,
        exactly=exactly,
        minimum=own.norm_minimum if deviation else 0.0,
        maximum=own.norm_maximum if deviation else 0.0,
    )


def test_rules_that_do_not_fit_the_network() -> None:
    network = get_network("80sec")
    rules = cifar_rules({"conv1": 0.0, "conv2": 0.0, "conv3": 0.0, "fc64": 0.0})
    with pytest.raises(RecipeError, match="say nothing of layer 'fc10' of network '80sec'"):
        recipe_of(rules, network, ORIGINAL)
    doubled = tuple(
        replace(x, weights=x.weights * 2) if x.layer == "conv2" else x for x in rules.layers
    )
    with pytest.raises(RecipeError, match="'conv2' are for 2 inputs; .* it has 1"):
        recipe_of(LearningRules(dialect="2012", layers=doubled), network, ORIGINAL)
    flat = RateSchedule(kind="dexp", factor=10.0, stages=1)
    names: dict[str, float] = dict.fromkeys(("conv1", "conv2", "conv3", "fc64", "fc10"), 0.0)
    with pytest.raises(RecipeError, match="schedule dexp: stages is 1; it must be at least 2"):
        recipe_of(cifar_rules(names, schedule=flat), network, ORIGINAL)
    more = recipe_of(cifar_rules(names | {"fc99": 0.5}), network, ORIGINAL)  # of another net
    assert more.layers == ()


def test_schedules_of_files_are_those_of_recipes() -> None:
    assert schedule_of(RateSchedule()) == Constant()
    assert schedule_of(RateSchedule(kind="linear", factor=4.0)) == Linear(divisor=4.0)
    assert schedule_of(RateSchedule(kind="exp", factor=4.0)) == Exponential(divisor=4.0)
    assert schedule_of(RateSchedule(kind="dexp", factor=250.0, stages=4)) == DEXP
    jumpy = RateSchedule(kind="jdexp", factor=250.0, stages=4)
    assert schedule_of(jumpy) == replace(DEXP, jumpy=True)
