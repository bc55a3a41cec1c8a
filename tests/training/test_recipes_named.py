"""The named recipes that came after the first: what they say, against where they are taken from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.formats import Checkpoint, read
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.edit import with_classes
from alexnet.network.notebook import noise_at, rate_at
from alexnet.network.notebook.rows import Schedule
from alexnet.network.notebook.schedules import SCHEDULES
from alexnet.training.batches import measured_colours, measured_contract
from alexnet.training.loop import train
from alexnet.training.rates import RecipeError
from alexnet.training.recipes import FINE_TUNE, RECIPES, recipe
from alexnet.training.schedule import Constant, OneCycle
from training.runs import go
from training.small import NETWORK, RECIPE, pictures


def test_the_papers_colour_noise_is_its_eigenvalues_where_white_is_one() -> None:
    paper = recipe("paper")
    grey = pictures()
    shown = replace(grey, images=grey.images.expand(-1, 3, -1, -1).contiguous())
    levels = shown.images.double()
    variance = float(((levels - levels.mean()) ** 2).mean()) * 3  # along (1, 1, 1), all there is
    contract, _ = measured_contract(paper, shown)
    colours = measured_colours(paper, shown, contract)
    assert colours is not None
    strongest = float(colours.norm(dim=0).max()) * paper.colour_noise
    assert strongest / 255 == pytest.approx(0.1 * variance / 255**2)
    assert 1 < strongest < 30  # of 255 levels: it is seen, and drowns nothing
    assert contract.pixel_maximum == 255  # raw pixels, as section 2 says


def test_as_run_is_run_145_step_by_step() -> None:
    run = next(e for e in SCHEDULES if isinstance(e, Schedule) and e.run == "145 (2012)")
    as_run, network = recipe("as-run"), get_network("as_run")
    assert (as_run.epochs, as_run.batch_size, as_run.data_batch_pictures) == (91, 128, 1024)
    assert (as_run.crop_border_pixels, as_run.crop_chunk, as_run.mirror) == (16, 32, True)
    assert (as_run.shuffled, as_run.mean, as_run.schedule) == (False, "image", Constant())
    for epoch in (0, 24.9, 25, 51, 66.9, 67, 71.9, 72, 79, 90.9):
        rates = as_run.rates(network, epoch / 91)
        for layer in ("conv1a", "conv2b", "fc1000"):
            array = next(name for name in rates if name.startswith(f"{layer}.weight"))
            assert rates[array].lr == rate_at(run, epoch, layer)
            frozen = layer == "conv1a" and epoch >= 72
            assert rates[f"{layer}.bias"].lr == (0.0 if frozen else 0.02)
        assert as_run.colour_noise_at(epoch / 91) == noise_at(run, epoch)


@pytest.mark.parametrize("name", NETWORKS)
def test_fine_tuning_is_faster_in_the_last_layer_whatever_it_is_called(name: str) -> None:
    network = get_network(name)
    other = with_classes(network, 7)
    changed = {one.name for one, new in zip(network, other, strict=True) if one != new}
    rates = recipe("finetune", other).rates(other)
    for array, own in rates.items():
        layer, _, kind = array.partition(".")
        times = 10 if layer in changed else 1
        assert own.lr == times * (FINE_TUNE.bias_lr if kind == "bias" else FINE_TUNE.lr)
    assert {own.lr for own in rates.values()} == {
        *(FINE_TUNE.lr, FINE_TUNE.bias_lr, 10 * FINE_TUNE.lr, 10 * FINE_TUNE.bias_lr)
    }


def test_fine_tuning_begins_with_a_checkpoint_of_other_classes(tmp_path: Path) -> None:
    start: Checkpoint = read(go(tmp_path / "first").checkpoint)
    network = with_classes(NETWORK, 5)
    mine = replace(
        recipe("finetune", network), epochs=6, batch_size=16, crop_border_pixels=0, mirror=False
    )
    shown = pictures(120)
    shown = replace(
        shown, labels=torch.arange(120) % 5, classes=tuple("abcde")
    )  # the bands still tell three of them apart
    outcome = train(network, shown, mine, tmp_path / "second", start=start)
    learned = read(outcome.checkpoint)
    assert learned.arrays["fc2.weight"].shape[0] == 5
    moved = np.abs(learned.arrays["conv1.weight"] - start.arrays["conv1.weight"]).max()
    assert 0 < moved < 0.1 * np.abs(start.arrays["conv1.weight"]).max()
    assert learned.contract == replace(start.contract, border_pixels=0)


def test_fast_is_the_papers_network_in_fewer_and_larger_steps() -> None:
    fast, paper = recipe("fast"), recipe("paper")
    assert (fast.batch_size, fast.epochs) == (2 * paper.batch_size, paper.epochs // 3)
    assert isinstance(fast.schedule, OneCycle)
    assert fast.picture_side(get_network("paper")) == 256
    assert (fast.crop_border_pixels, fast.mirror) == (paper.crop_border_pixels, paper.mirror)
    rates = fast.rates(get_network("paper"))
    assert {own.rule for name, own in rates.items() if not name.startswith("conv")} == {"nesterov"}
    assert (rates["conv3a.weight_1"].rule, rates["conv3a.bias"].rule) == ("muon", "nesterov")


def test_names_are_told_apart() -> None:
    with pytest.raises(RecipeError, match="recipe 'finetune' is made for a network"):
        recipe("finetune")
    with pytest.raises(RecipeError, match="did you mean 'finetune'"):
        recipe("finetun")
    with pytest.raises(RecipeError, match="did you mean 'as-run'"):
        recipe("as_run")
    for name in RECIPES:
        assert recipe(name) == recipe(name, NETWORK) == RECIPES[name]
    assert RECIPE not in RECIPES.values()


@pytest.mark.parametrize(("name", "net"), [("quick", "80sec"), ("record", "18pct")])
def test_quick_recipes_learn_every_picture_and_all_matrices_but_the_last_by_muon(
    name: str, net: str
) -> None:
    own, network = recipe(name), get_network(net)
    assert own.validation_share == 0
    rules = {k: r.rule for k, r in own.rates(network).items()}
    by_muon = {k for k, rule in rules.items() if rule == "muon"}
    assert by_muon == {k for k in rules if k.endswith("weight") and not k.startswith("fc10")}
    assert set(rules.values()) == {"muon", "nesterov"}
