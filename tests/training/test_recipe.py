"""Recipes as values: JSON, settings typed by a person, rates by layer, and the named ones."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from alexnet.network.catalog import get_network as network
from alexnet.training.rates import LayerRates, Rates, RecipeError
from alexnet.training.recipe import (
    Recipe,
    differences,
    recipe_from_json,
    recipe_hash,
    recipe_to_json,
    with_settings,
)
from alexnet.training.recipes import RECIPES, recipe
from alexnet.training.schedule import Constant, OneCycle, Plateau, Steps
from training.small import NETWORK, RECIPE


@pytest.mark.parametrize("name", RECIPES)
def test_json_both_ways(name: str) -> None:
    assert recipe_from_json(recipe_to_json(RECIPES[name])) == RECIPES[name]


def test_the_hash_tells_every_field_apart() -> None:
    # no field has a default, so that no later change of one gives an old hash a new meaning
    assert all(
        field.default is not None and "MISSING" in repr(field.default) for field in fields(Recipe)
    )
    others = [
        replace(RECIPE, lr=0.06),
        replace(RECIPE, schedule=OneCycle(warm_up_share=0.3)),
        replace(RECIPE, layers=(LayerRates(layers="fc*", lr=0.0),)),
        replace(RECIPE, seed=4),
    ]
    hashes = {recipe_hash(r) for r in [RECIPE, *others]}
    assert len(hashes) == 5
    assert recipe_hash(replace(RECIPE, lr=0)) == recipe_hash(replace(RECIPE, lr=0.0))


def test_settings_as_typed() -> None:
    typed = ["lr=0.02", "epochs = 7", "mirror=false", "mean=none", "schedule.warm_up_share=0.5"]
    wanted = replace(
        RECIPE,
        lr=0.02,
        epochs=7,
        mirror=False,
        mean="none",
        schedule=OneCycle(warm_up_share=0.5),
    )
    assert with_settings(RECIPE, typed) == wanted
    assert with_settings(RECIPE, ["schedule=constant"]).schedule == Constant()
    steps = 'schedule={"kind": "steps", "at_epochs": [3], "factors": [0.1]}'
    assert with_settings(RECIPE, [steps]).schedule == Steps(at_epochs=(3.0,), factors=(0.1,))
    layers = 'layers=[{"layers": "conv*", "lr": 0, "bias_lr": 0}]'
    frozen = LayerRates(layers="conv*", lr=0.0, bias_lr=0.0)
    assert with_settings(RECIPE, [layers]).layers == (frozen,)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("lr", "write FIELD=VALUE"),
        ("bach_size=3", "did you mean 'batch_size'"),
        ("epochs=2.5", "must be a whole number"),
        ("epochs=0", "at least 1"),
        ("lr=fast", "must be a number"),
        ("lr=-1", "0 or more"),
        ("lr=1e999", "finite"),
        ("mirror=1", "true or false"),
        ("mean=median", "image, channel, none"),
        ("pixel_maximum=2", "1 or 255"),
        ("momentum=1", "less than 1"),
        ("schedule=one-cycel", "did you mean 'one-cycle'"),
        ("schedule=steps", "lacks at_epochs, factors"),
        ("schedule.warm_up=0.1", "did you mean 'warm_up_share'"),
        ("schedule.warm_up_share=2", "less than 1"),
        ("lr.x=2", "has no parts"),
        ("validation_share=1", "less than 1"),
    ],
)
def test_wrong_settings_are_said(setting: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        with_settings(RECIPE, [setting])


def test_files_that_are_no_recipe() -> None:
    for text in ("{", "[]", '{"format": "other"}', "[" * 100_000):
        with pytest.raises(RecipeError, match=r"^here: "):
            recipe_from_json(text, "here")


def test_differences_name_the_fields() -> None:
    other = replace(RECIPE, lr=0.1, schedule=Constant())
    assert differences(RECIPE, other) == [
        "lr is 0.05 here and 0.1 there",
        'schedule is {"kind": "one-cycle", "warm_up_share": 0.2} here'
        ' and {"kind": "constant"} there',
    ]


def test_rates_by_layer() -> None:
    overrides = (
        LayerRates(layers="*", weight_decay=0.5),
        LayerRates(layers="conv?", lr=0.0, bias_momentum=0.1),
    )
    rates = replace(RECIPE, layers=overrides).rates(NETWORK)
    assert rates == {
        "conv1.weight": Rates(lr=0.0, momentum=0.9, weight_decay=0.5),
        "conv1.bias": Rates(lr=0.1, momentum=0.1, weight_decay=0.0),
        "fc2.weight": Rates(lr=0.05, momentum=0.9, weight_decay=0.5),
        "fc2.bias": Rates(lr=0.1, momentum=0.9, weight_decay=0.0),
    }


def test_rates_that_fit_no_layer() -> None:
    with pytest.raises(RecipeError, match=r"'fc3', which matches no layer.*did you mean 'fc2'"):
        replace(RECIPE, layers=(LayerRates(layers="fc3", lr=0.1),)).rates(NETWORK)
    with pytest.raises(RecipeError, match="nothing learns"):
        replace(RECIPE, lr=0, bias_lr=0).rates(NETWORK)


@pytest.mark.parametrize(
    ("name", "net"),
    [("paper", "paper"), ("digits", "tiny"), ("cifar", "80sec"), ("cifar-18pct", "18pct")],
)
def test_named_recipes_fit_their_networks(name: str, net: str) -> None:
    assert recipe(name).rates(network(net))


def test_the_paper_is_as_written() -> None:
    paper = recipe("paper")
    assert paper.picture_side(network("paper")) == 256
    assert (paper.batch_size, paper.lr, paper.momentum, paper.weight_decay) == (
        128,
        0.01,
        0.9,
        5e-4,
    )
    assert isinstance(paper.schedule, Plateau)
    assert (paper.schedule.divisor, paper.schedule.times) == (10, 3)


def test_cifar_rates_keep_the_proportions_of_the_original_files() -> None:
    # layer-params-80sec.cfg: epsB twice epsW, no decay of biases, more decay in fc64 and fc10
    fast = recipe("cifar").rates(network("80sec"))
    weights, biases = fast["conv2.weight"], fast["conv2.bias"]
    assert biases.lr == 2 * weights.lr and biases.weight_decay == 0
    assert (fast["fc64.weight"].weight_decay, fast["fc10.weight"].weight_decay) == (0.03, 0.03)
    longer = recipe("cifar-18pct").rates(network("18pct"))
    assert longer["fc10.weight"].weight_decay > longer["conv3.weight"].weight_decay
    with pytest.raises(RecipeError, match="did you mean 'cifar'"):
        recipe("cifra")
