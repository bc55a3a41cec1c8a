"""The released networks' hand methods, against the comments that tell of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.network.catalog import get_network
from alexnet.network.edit import with_input
from alexnet.network.notebook.rows import Schedule
from alexnet.network.notebook.schedules import SCHEDULES
from alexnet.training.original import (
    imagenet_method,
    notebook_recipe,
    released_method,
)
from alexnet.training.rates import LayerRates
from alexnet.training.recipes import ORIGINAL
from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    Steps,
    factor,
)

DEXP = DiscreteExponential(divisor=250.0, stages=4, jumpy=False)


@pytest.mark.parametrize(
    ("name", "epochs", "lowered"),
    [
        ("80sec", 10, {7.9: 1, 8: 0.1, 9.9: 0.1}),
        ("18pct", 140, {119: 1, 120: 0.1, 129: 0.1, 130: 0.01}),
        ("cifar_relu", 140, {119: 1, 120: 0.1, 130: 0.01}),
        ("13pct", 520, {499: 1, 500: 0.1, 510: 0.01}),
        ("11pct", 520, {499: 1, 500: 0.1, 510: 0.01}),
    ],
)
def test_released_cifar_networks_have_their_method(
    name: str, epochs: int, lowered: dict[float, float]
) -> None:
    network = get_network(name)
    method = released_method(network)
    assert method is not None
    assert "layer-params-" in method.says
    recipe = method.applied(replace(ORIGINAL, crop_border_pixels=9, mirror=True))
    assert recipe.epochs == epochs
    found = {at: factor(recipe.schedule, progress=at / epochs, epochs=epochs) for at in lowered}
    assert found == pytest.approx(lowered)
    local = name in ("13pct", "11pct")
    assert recipe.picture_side(network) == 32
    assert (recipe.crop_border_pixels, recipe.mirror) == ((4, True) if local else (0, False))
    assert (recipe.data_batch_pictures, recipe.batch_size, recipe.shuffled) == (10000, 128, False)
    # their comment speaks of epsW only
    bias = recipe.rates(network)["conv1.bias"].schedule
    assert bias == (Constant() if local else None)


def test_crops_of_24_are_mirrored_and_other_networks_have_no_method() -> None:
    smaller = released_method(with_input(get_network("18pct"), 24))
    assert smaller is not None
    assert (smaller.crop_border_pixels, smaller.mirror, smaller.epochs) == (4, True, 140)
    for name in ("tiny", "paper", "cifar_tanh", "caffe"):
        assert released_method(get_network(name)) is None
    assert released_method(with_input(get_network("18pct"), 33)) is None
    assert released_method(with_input(get_network("18pct"), 27)) is None


def test_a_files_own_schedule_stays() -> None:
    method = released_method(get_network("80sec"))
    assert method is not None
    assert method.applied(replace(ORIGINAL, schedule=DEXP)).schedule == DEXP
    # layers-153.cfg is the network of #145; of its parameter files #170's has a schedule
    of_170, base = imagenet_method("170"), replace(ORIGINAL, schedule=DEXP, lr=0.01)
    shown = imagenet_method("145").applied(base)
    assert (shown.schedule, shown.phases, shown.crop_chunk) == (DEXP, (), 32)
    assert of_170.applied(base) == of_170.applied(ORIGINAL)
    assert [phase.colour_noise for phase in of_170.applied(base).phases] == [0.0, None]
    assert method.applied(ORIGINAL).schedule == Steps(at_epochs=(8.0,), factors=(0.1,))


def test_imagenet_networks_follow_their_run() -> None:
    method = released_method(get_network("as_run"))
    assert method is not None
    assert method == imagenet_method("145")
    # of a parameter file's recipe the rates give way: the released ones are those of a run's end
    layers = (LayerRates(layers="conv1*", lr=0.0), LayerRates(layers="fc*", momentum=0.8))
    recipe = method.applied(replace(ORIGINAL, lr=0.00001, layers=layers))
    assert (recipe.lr, recipe.layers) == (0.01, layers[1:])
    assert (recipe.epochs, recipe.batch_size, recipe.data_batch_pictures) == (91, 128, 1024)
    assert (recipe.crop_border_pixels, recipe.crop_chunk, recipe.colour_noise) == (16, 32, 0.1)
    assert (recipe.mirror, recipe.shuffled, recipe.schedule) == (True, False, Constant())
    assert recipe.phases == notebook_recipe(ORIGINAL, "145 (2012)", 91).phases
    assert recipe.rates(get_network("as_run"))["conv1a.weight"].weight_decay == 0.0005
    half = released_method(get_network("one_gpu"))
    assert half is not None
    assert (half.run, half.epochs) == ("145-half (2010)", 96)
    assert isinstance(next(e for e in SCHEDULES if e.run == half.run), Schedule)
    formula = imagenet_method("170").applied(ORIGINAL)
    assert (formula.schedule, formula.epochs) == (DEXP, 95)
