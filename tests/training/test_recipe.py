"""Recipes as values: JSON, settings typed by a person, rates by layer, and the named ones."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from alexnet.network.catalog import get_network as network
from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    TreeConnected,
)
from alexnet.network.spec import Network
from alexnet.training.phases import Phase
from alexnet.training.rates import LayerRates, Limits, Rates, RecipeError
from alexnet.training.recipe import (
    FORMAT,
    SINCE_FIRST,
    SINCE_SECOND,
    Recipe,
    differences,
    recipe_from_json,
    recipe_hash,
    recipe_to_json,
    with_settings,
)
from alexnet.training.recipes import RECIPES, recipe
from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    Exponential,
    OneCycle,
    Plateau,
    Steps,
)
from training.small import NETWORK, RECIPE


@pytest.mark.parametrize("name", RECIPES)
def test_json_both_ways(name: str) -> None:
    assert recipe_from_json(recipe_to_json(RECIPES[name])) == RECIPES[name]


FIRST = """{
  "format": "alexnet-recipe/1",
  "batch_size": 16,
  "epochs": 3,
  "lr": 0.05,
  "bias_lr": 0.1,
  "momentum": 0.9,
  "weight_decay": 0.001,
  "bias_weight_decay": 0.0,
  "schedule": {"kind": "one-cycle", "warm_up_share": 0.2},
  "layers": [{"layers": "conv*", "lr": 0.0}],
  "crop_border_pixels": 0,
  "crop_padding_pixels": 1,
  "padding_value": "mean",
  "mirror": true,
  "mean": "channel",
  "deviation": true,
  "pixel_maximum": 255.0,
  "shuffled": true,
  "validation_share": 0.25,
  "seed": 3
}"""
"""As written before there were data batches, chunks, colour noise, periods and phases."""


def test_a_recipe_of_the_first_format_is_what_was_done_then() -> None:
    recipe = recipe_from_json(FIRST)
    assert recipe == replace(RECIPE, layers=(LayerRates(layers="conv*", lr=0.0),))
    missing = {field.name for field in fields(Recipe)} - json.loads(FIRST).keys()
    assert missing == set(SINCE_FIRST | SINCE_SECOND)
    again = recipe_to_json(recipe)
    assert json.loads(again)["format"] == FORMAT
    assert recipe_from_json(again) == recipe
    with pytest.raises(RecipeError, match="lacks phases, update_period, data_batch_pictures"):
        recipe_from_json(FIRST.replace("recipe/1", "recipe/2"))


def test_a_recipe_of_the_second_format_is_what_was_done_then() -> None:
    tree = json.loads(recipe_to_json(RECIPE))
    second = {name: value for name, value in tree.items() if name not in SINCE_SECOND}
    found = recipe_from_json(json.dumps(second | {"format": "alexnet-recipe/2"}))
    assert found == RECIPE
    assert (found.rule, found.first_weights) == ("momentum", "network")
    assert recipe_hash(found) == "0ee4198bb06b303d"
    with pytest.raises(RecipeError, match="lacks rule, first_weights"):
        recipe_from_json(json.dumps(second))


def test_recipes_of_the_first_format_keep_their_hashes() -> None:
    # checkpoints name them
    first = RECIPES | {
        "paper": replace(RECIPES["paper"], colour_noise=0.0, colour_deviations="square-root")
    }
    assert {name: recipe_hash(first[name]) for name in ("paper", "digits", "cifar")} == {
        "paper": "14bdabe52ac47278",
        "digits": "6b6cdbb4b91c6747",
        "cifar": "0da0664fb26a2811",
    }
    assert recipe_hash(replace(RECIPE, crop_chunk=32)) != recipe_hash(RECIPE)


def test_layers_and_phases_go_to_json_and_back() -> None:
    dexp = DiscreteExponential(divisor=250.0, stages=4, jumpy=True)
    layers = (
        LayerRates(layers="*", bias_schedule=Constant(), noise=0.5, bias_noise=0.1),
        LayerRates(layers="fc2", input=0, schedule=dexp, ball=0.1, ball_rule="cuda-convnet2"),
        LayerRates(layers="conv1", norm_minimum=0.1, norm_maximum=0.2, update_period=3),
    )
    phases = (
        Phase(at_epoch=1.5, layers=("conv*",), lr=0.0, bias_lr=0.0),
        Phase(at_epoch=2, schedule=Exponential(divisor=4.0), colour_noise=0.0),
    )
    full = replace(RECIPE, layers=layers, phases=phases)
    assert recipe_from_json(recipe_to_json(full)) == full
    assert full.schedules() == (RECIPE.schedule, dexp, Exponential(divisor=4.0), Constant())
    typed = 'phases=[{"at_epoch": 2, "lr": 0.001}]'
    assert with_settings(RECIPE, [typed]).phases == (Phase(at_epoch=2.0, lr=0.001),)


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
        ("crop_chunk=0", "at least 1"),
        ("rule=adam", "momentum, nesterov, muon"),
        ("first_weights=zero", "network, he"),
        ("colour_noise=-0.1", "0 or more"),
        ("colour_deviations=variance", "square-root, eigenvalues"),
        ('phases=[{"at_epoch": -1}]', "at_epoch is -1.0; it must be 0 or more"),
        ('layers=[{"layers": "*", "update_period": 0}]', "must be at least 1"),
        ('layers=[{"layers": "fc2", "input": 0, "bias_lr": 1}]', "biases belong to no input"),
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


def several() -> Network:
    """A convolution and a fully-connected layer of two inputs each, a local layer and a tree."""
    still = Gaussian(0.1)
    layers: list[Layer] = [
        Input(name="data", shape=(4, 6, 6)),
        Conv(
            name="conv1",
            reads=("data", "data"),
            filters=8,
            kernels=(Kernel(size=3, initial=still), Kernel(size=3, groups=2, initial=still)),
            rule="cuda-convnet",
        ),
        Local(
            name="local2",
            reads=("conv1",),
            filters=2,
            kernels=(Kernel(size=3, initial=still),),
            rule="cuda-convnet",
        ),
        FullyConnected(name="fc3", reads=("local2", "conv1"), outputs=5, initial=(still, still)),
        TreeConnected(
            name="tree4", reads=("fc3",), outputs=3, parents=(3, 3, 4, 4, 4), initial=still
        ),
    ]
    return Network("several", tuple(layers))


def test_rates_of_single_inputs() -> None:
    overrides = (
        LayerRates(layers="conv1", lr=0.3, bias_lr=0.4),
        LayerRates(layers="conv1", input=1, lr=0.5, schedule=Constant(), noise=0.1),
        LayerRates(layers="*", bias_schedule=Constant(), bias_noise=0.2, update_period=2),
    )
    rates = replace(RECIPE, layers=overrides, update_period=4).rates(several())
    first, second = rates["conv1.weight_0"], rates["conv1.weight_1"]
    assert (first.lr, first.schedule, first.noise, first.update_period) == (0.3, None, 0.0, 2)
    assert (second.lr, second.schedule, second.noise) == (0.5, Constant(), 0.1)
    bias = rates["conv1.bias"]
    assert (bias.lr, bias.schedule, bias.noise, bias.update_period) == (0.4, Constant(), 0.2, 2)
    assert rates["fc3.weight_1"] == Rates(
        lr=0.05, momentum=0.9, weight_decay=0.001, update_period=2
    )
    with pytest.raises(RecipeError, match="input is 2; it must be less than 2"):
        replace(RECIPE, layers=(LayerRates(layers="conv1", input=2),)).rates(several())


def test_limits_are_by_the_weights_of_a_filter() -> None:
    def limits(**fields: object) -> dict[str, Limits | None]:
        own = (LayerRates(layers="*", **fields),)  # type: ignore[arg-type]
        found = replace(RECIPE, layers=own).rates(several())
        assert all(rates.limits is None for name, rates in found.items() if "bias" in name)
        return {name: rates.limits for name, rates in found.items()}

    # semantics file, section 5, #99: wball times the weights per filter
    ball = limits(ball=0.01)
    assert ball["conv1.weight_0"] == Limits(norm=0.01 * 4 * 9)
    assert ball["conv1.weight_1"] == Limits(norm=0.01 * 2 * 9)
    assert ball["fc3.weight_0"] == Limits(norm=0.01 * 2 * 2 * 2)
    assert ball["local2.weight"] == Limits(norm=0.01 * 8 * 9, leading=3)
    exactly = limits(ball=0.01, ball_rule="cuda-convnet2")
    assert exactly["fc3.weight_0"] == Limits(norm=0.01, exactly=True)
    assert exactly["local2.weight"] == Limits(norm=0.01, leading=3)
    assert limits(norm_minimum=0.1, norm_maximum=0.2)["conv1.weight_0"] == Limits(
        minimum=0.1, maximum=0.2
    )
    assert not any(limits(ball=0.0).values())
    with pytest.raises(RecipeError, match="must be at most norm_maximum, 0.1"):
        limits(norm_minimum=0.2, norm_maximum=0.1)
    as_run = network("as_run")
    ninety_nine = replace(RECIPE, layers=(LayerRates(layers="conv1*", ball=0.005),)).rates(as_run)
    found = ninety_nine["conv1a.weight"].limits
    assert found is not None
    assert found.norm == pytest.approx(1.815)  # as the semantics file has it


def test_inner_nodes_of_a_tree_know_their_leaves() -> None:
    rates = RECIPE.rates(several())
    assert rates["tree4.inner"].leaves == (2, 3)  # node 3 above two leaves, node 4 above all
    assert rates["tree4.weight"].leaves == ()


def test_rates_that_fit_no_layer() -> None:
    with pytest.raises(RecipeError, match=r"'fc3', which matches no layer.*did you mean 'fc2'"):
        replace(RECIPE, layers=(LayerRates(layers="fc3", lr=0.1),)).rates(NETWORK)
    with pytest.raises(RecipeError, match="nothing learns"):
        replace(RECIPE, lr=0, bias_lr=0).rates(NETWORK)
    with pytest.raises(RecipeError, match=r"'conv9\*', which matches no layer"):
        replace(RECIPE, phases=(Phase(at_epoch=2, layers=("conv9*",), lr=0.1),)).rates(NETWORK)


@pytest.mark.parametrize(
    ("name", "net"),
    [
        ("paper", "paper"),
        ("digits", "tiny"),
        ("cifar", "80sec"),
        ("cifar-18pct", "18pct"),
        ("original", "as_run"),
    ],
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


def test_phases_change_what_still_learns() -> None:
    phases = (
        Phase(at_epoch=1, lr=0.01),
        Phase(at_epoch=2, layers=("conv*",), lr=0.0, bias_lr=0.0, colour_noise=0.0),
        Phase(at_epoch=2.5, lr=0.001, schedule=Constant()),
        Phase(at_epoch=3, layers=("conv1",), lr=0.002),
    )
    recipe = replace(RECIPE, epochs=4, phases=phases, colour_noise=0.1)

    def at(epoch: float) -> tuple[float, float, float, float, float]:
        rates = recipe.rates(NETWORK, epoch / 4)
        lrs = [rates[f"{x}.{y}"].lr for x in ("conv1", "fc2") for y in ("weight", "bias")]
        return *lrs, recipe.colour_noise_at(epoch / 4)  # type: ignore[return-value]

    assert at(0.99) == (0.05, 0.1, 0.05, 0.1, 0.1)
    assert at(1) == (0.01, 0.1, 0.01, 0.1, 0.1)
    assert at(2) == (0.0, 0.0, 0.01, 0.1, 0.0)
    assert at(2.5) == (0.0, 0.0, 0.001, 0.1, 0.0)  # what is frozen stays frozen
    assert at(3) == (0.002, 0.0, 0.001, 0.1, 0.0)  # until a phase names it
    assert recipe.rates(NETWORK, 1)["fc2.weight"].schedule == Constant()
    assert recipe.rates(NETWORK, 1)["fc2.bias"].schedule is None
    usual = recipe.usual_rates(1)
    assert (usual.lr, usual.schedule) == (0.001, Constant())
    frozen = Phase(at_epoch=1, lr=0.0, bias_lr=0.0)
    with pytest.raises(RecipeError, match="nothing learns"):
        replace(recipe, phases=(frozen,)).rates(NETWORK, 0.25)


def test_phases_count_in_the_order_in_which_they_stand() -> None:
    # run 110 of the notes: at 67 conv1 to 1e-5, and after it, at 66, conv1 to 0
    phases = (
        Phase(at_epoch=67, layers=("conv1",), lr=1e-5),
        Phase(at_epoch=66, layers=("conv1",), lr=0.0),
    )
    recipe = replace(RECIPE, epochs=100, phases=phases)
    lrs = [recipe.rates(NETWORK, p)["conv1.weight"].lr for p in (0.65, 0.66, 0.67, 0.8)]
    assert lrs == [0.05, 0.0, 0.0, 0.0]
