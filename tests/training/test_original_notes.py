"""Recipes that follow the run notes, against the notes replayed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet.network.catalog import get_network
from alexnet.network.notebook import NotebookError, ladder, noise_at, rate_at
from alexnet.network.notebook.schedules import FORMULAS, SCHEDULES
from alexnet.training.original import (
    left_out,
    notebook_recipe,
    run_epochs,
    run_name,
)
from alexnet.training.phases import Phase
from alexnet.training.rates import LayerRates, RecipeError
from alexnet.training.recipes import ORIGINAL
from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    factor,
)

DEXP = DiscreteExponential(divisor=250.0, stages=4, jumpy=False)


def test_hand_lowered_runs_replay_the_notes_step_by_step() -> None:
    network = get_network("as_run")
    others: list[str] = []
    for entry in SCHEDULES:
        recipe = notebook_recipe(ORIGINAL, entry.run, 1000)
        end = run_epochs(entry.run)
        beginnings = {beginning for step in entry.steps for beginning in step.on}
        names = ("conv1a", "conv2b", "conv5a", "fc2048a", "fc1000")
        if any(not any(n.startswith(b) for n in [*names, "conv3", "conv4"]) for b in beginnings):
            others.append(entry.run)
            with pytest.raises(RecipeError, match="matches no layer"):
                recipe.rates(network)
            continue
        times = {step.epoch for step in entry.steps} | {0.0, end}
        for epoch in sorted(times | {max(0.0, time - 0.1) for time in times}):
            rates = recipe.rates(network, epoch / end)
            for name in names:
                array = next(x for x in rates if x.startswith(f"{name}.weight"))
                assert rates[array].lr == rate_at(entry, epoch, name), (entry.run, epoch, name)
                bias = rates[f"{name}.bias"].lr
                assert bias == (0.02 if rates[array].lr else 0.0), (entry.run, epoch, name)
            assert recipe.colour_noise_at(epoch / end) == noise_at(entry, epoch), entry.run
    assert others == ["146-2009 (init 145; start .001 conv1-5, .01 fc and conv6)"]


def test_a_run_is_scaled_to_the_epochs_asked_for() -> None:
    recipe = notebook_recipe(ORIGINAL, "145", 182)
    assert recipe.epochs == 182  # the run ended at 91
    assert (recipe.lr, recipe.bias_lr, recipe.colour_noise) == (0.01, 0.02, 0.1)
    assert recipe.phases == (
        Phase(at_epoch=50.0, lr=0.001),
        Phase(at_epoch=102.0, lr=0.0001),
        Phase(at_epoch=134.0, layers=("conv1*",), lr=1e-5, colour_noise=0.0),
        Phase(at_epoch=144.0, layers=("conv1*",), lr=0.0, bias_lr=0.0),
        Phase(at_epoch=158.0, lr=1e-5),
    )


def test_a_files_rates_give_way_to_the_notes_and_its_decay_stays() -> None:
    layers = (
        LayerRates(layers="*", bias_schedule=Constant()),
        LayerRates(layers="conv1*", lr=0.0, bias_lr=0.0, ball=0.005),
        LayerRates(layers="fc*", weight_decay=0.001, schedule=DEXP),
    )
    base = replace(ORIGINAL, layers=layers, schedule=DEXP, weight_decay=0.0004)
    recipe = notebook_recipe(base, "145", 91)
    assert recipe.schedule == Constant()
    assert recipe.weight_decay == 0.0004
    assert recipe.layers == (
        LayerRates(layers="conv1*", ball=0.005),
        LayerRates(layers="fc*", weight_decay=0.001),
    )


def test_formula_runs_have_the_ladders_of_the_notes() -> None:
    network = get_network("as_run")
    for entry in FORMULAS:
        recipe = notebook_recipe(ORIGINAL, entry.run, 95)
        assert (recipe.lr, recipe.bias_lr) == (entry.base, 2 * entry.base)
        rates = recipe.rates(network)
        for level, (exact, printed) in enumerate(zip(ladder(entry), entry.ladder, strict=True)):
            middle = (level + 0.25) / len(entry.ladder)  # before the half step of jdexp
            found = entry.base * factor(recipe.schedule, progress=middle, epochs=95)
            assert found == pytest.approx(exact)
            assert found == pytest.approx(printed, rel=1e-3)
        off, frozen = entry.noise_off, entry.conv1_frozen
        end = run_epochs(entry.run)
        noise = [recipe.colour_noise_at(p) for p in (0, 0.999)]
        assert noise == [0.1, 0.1 if off is None else 0.0]
        last = recipe.rates(network, 0.999)
        lrs = [last[f"conv1a.{kind}"].lr for kind in ("weight", "bias")]
        assert lrs == ([entry.base, 2 * entry.base] if frozen is None else [0.0, 0.0])
        if frozen is not None:
            assert recipe.rates(network, (frozen - 0.1) / end)["conv1a.weight"].lr == entry.base
        assert rates["conv2a.weight"].schedule is None
    # from #165 on biases have their own: twice the rate, by 10 in two stages
    own = DiscreteExponential(divisor=10.0, stages=2, jumpy=False)
    for run, bias in (("163", Constant()), ("165", own), ("170", own)):
        rates = notebook_recipe(ORIGINAL, run, 95).rates(network)
        assert rates["conv2a.bias"].schedule == bias
    other = notebook_recipe(ORIGINAL, "175", 95)
    assert other.schedule == replace(DEXP, divisor=125.0)
    assert other.rates(network, 92 / 95)["conv2a.weight"].schedule == DEXP


def test_the_last_word_of_formula_runs_on_their_end() -> None:
    assert run_epochs("169") == 95
    assert run_epochs("169, 80 epochs") == 80
    assert run_epochs("170") == 95
    assert run_epochs("121") == 90  # no end is noted: its last step


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("145", "145 (2012)"),
        ("145 second anneal", "145 second anneal"),
        ("135", "135 (2012)"),
        ("120", "120"),
        ("170", "170"),
        ("184", "184-4gpu, 184-26epc (base .02), 183 likewise"),
        ("96", "96-16k"),
    ],
)
def test_runs_are_found_by_number(run: str, name: str) -> None:
    assert run_name(run) == name


def test_runs_that_are_several_or_none_are_said() -> None:
    with pytest.raises(
        NotebookError, match=r"several runs '137': 137 on 2010; 137 on 2012; .*tree"
    ):
        notebook_recipe(ORIGINAL, "137", 90)
    with pytest.raises(NotebookError, match=r"no schedule of a run '14'; "):
        notebook_recipe(ORIGINAL, "14", 90)
    with pytest.raises(NotebookError, match=r"did you mean '170-quant'"):
        run_name("170-quand")


def test_what_is_not_replayed_is_told() -> None:
    assert left_out("145") == ()
    assert left_out("170-4gpu") == ("35 to 55 was redone once", "epoch 5: minibatch 256")
    assert left_out("flickr-105") == ("epoch 15: weight decay .0005 from .00005",)
    every = [entry.run for entry in (*SCHEDULES, *FORMULAS)]
    assert len(set(every)) == len(every)


def test_in_released_files_the_biases_of_a_frozen_layer_are_frozen_too(shared: Path) -> None:
    """What `notebook_recipe` freezes with epsW, although the notes name epsW alone."""
    frozen: list[str] = []
    for path in sorted((shared / "configs" / "chm" / "layers").glob("layer-params-*.cfg")):
        for section in re.split(r"^\[", path.read_text(), flags=re.MULTILINE)[1:]:
            rates = re.search(r"^epsW *= *([0-9.,]+)", section, re.MULTILINE)
            biases = re.search(r"^epsB *= *([0-9.]+)", section, re.MULTILINE)
            if rates and biases and not any(float(x) for x in rates.group(1).split(",")):
                frozen.append(path.name)
                assert float(biases.group(1)) == 0, (path.name, section[:20])
    assert len(set(frozen)) >= 10
