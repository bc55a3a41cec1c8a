"""Networks split over two and three processes, and over devices: the steps of one process but for
rounding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.images import PictureSet
from alexnet.network.catalog import get_network
from alexnet.network.edit import with_classes, with_loss
from alexnet.network.spec import Network
from alexnet.torch_net.parallel import own_rates
from alexnet.training.batches import measured_contract, padding_value
from alexnet.training.distributed import ALONE, Group
from alexnet.training.learner import Learner, first_arrays
from alexnet.training.phases import Phase
from alexnet.training.progress import Progress
from alexnet.training.rates import LayerRates
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import Constant
from alexnet.training.splitting import Split
from alexnet.training.update_rule import UpdateRule
from reduced import reduced
from training.ranks import together
from training.small import NETWORK, RECIPE, pictures
from training.test_distributed_steps import DRAWING, TWO_HEADED, Doubled

STEPS = 8
Arrays = dict[str, np.ndarray]

WITHOUT_A_MASK = Network(
    "drawing",
    tuple(
        replace(layer, reads=("pool1",)) if layer.name == "fc2" else layer
        for layer in DRAWING
        if layer.name != "drop1"
    ),
)
"""A random pool lays its maps out as no other layer does, and masks are drawn in that order."""

SOUMITH, TORCHVISION = (
    with_classes(with_loss(reduced(name)), 3) for name in ("soumith", "one_weird_trick")
)
"""Masks on maps."""

TINY = with_classes(get_network("tiny"), 3)
GENTLE = replace(RECIPE, batch_size=8, lr=0.01, weight_decay=0.01, schedule=Constant())
FROZEN = Phase(at_epoch=1, layers=("conv1*",), lr=0.0, bias_lr=0.0)
THAWED = Phase(at_epoch=2, layers=("conv1*",), lr=0.02, bias_lr=0.02)

CASES: dict[str, tuple[Split, Network, Recipe, int]] = {
    "towers": ("towers", TINY, GENTLE, 1),
    "towers in parts": ("towers", TINY, replace(GENTLE, rule="nesterov"), 3),
    "towers, frozen": ("towers", TINY, replace(GENTLE, phases=(FROZEN, THAWED)), 1),
    "trick": ("one-weird-trick", TINY, GENTLE, 1),
    "trick in parts": ("one-weird-trick", TINY, GENTLE, 3),
    "trick, frozen": ("one-weird-trick", NETWORK, replace(RECIPE, phases=(FROZEN, THAWED)), 1),
    "trick, few pictures": (
        "one-weird-trick",
        NETWORK,
        replace(RECIPE, data_batch_pictures=25, batch_size=8),
        2,
    ),
    "trick, layers that draw": ("one-weird-trick", WITHOUT_A_MASK, RECIPE, 1),
    "towers, masks on maps": ("towers", SOUMITH, replace(GENTLE, batch_size=16), 1),
    "trick, masks on maps": ("one-weird-trick", TORCHVISION, replace(GENTLE, batch_size=16), 1),
    "trick, two heads": ("one-weird-trick", TWO_HEADED, RECIPE, 1),
    "trick, convolutions by muon": (
        "one-weird-trick",
        NETWORK,
        replace(RECIPE, layers=(LayerRates(layers="conv*", rule="muon", lr=0.01),)),
        1,
    ),
}
"""How a network is split, which one, by which recipe it learns, and in how many parts."""

OF_THREE = ["trick", "trick in parts", "trick, few pictures"]


def coloured(count: int, side: int) -> PictureSet:
    shown = pictures(count, side)
    return replace(shown, images=shown.images.repeat(1, 3, 1, 1))


def learned(name: str, group: Group, split: Split, parts: int) -> Arrays | None:
    """Weights, velocities and losses after STEPS steps in float64, in the process that leads."""
    _, network, recipe, _ = CASES[name]
    channels, side, _ = network.picture.shape
    shown = coloured(67, side) if channels == 3 else pictures(67, side)
    contract, image = measured_contract(recipe, shown)
    place = (0, 1) if split == "towers" else (group.ranks.rank, group.ranks.count)
    given = (contract, image, padding_value(recipe, shown), torch.device("cpu"), None)
    batches = Doubled(shown, recipe, side, *given, *place)
    arrays, _ = first_arrays(network, recipe, None)
    learner = Learner(network, recipe, batches, arrays, "fp32", group, parts, split)
    learner.module.double()
    rates = own_rates(learner.module, recipe.rates(network))
    learner.rule = UpdateRule(dict(learner.module.named_parameters()), rates)
    progress, losses, right = Progress(pictures=""), list[float](), 0
    while progress.total_steps < STEPS:
        order = batches.order(progress.epoch)
        while progress.step < batches.steps:
            step = learner.step(progress, order)
            progress = step.progress
            losses.append(step.loss)
        right += progress.right1
        progress = progress.after_epoch(None)
    held = learner.held()
    assert (held is None) == (not group.leads)
    if held is None:
        return None
    found = dict(held.weights)
    found |= {f"velocity of {array}": x for array, x in held.velocities.items()}
    return found | {"losses": np.array(losses), "right": np.array(right)}


def all_learned(group: Group, names: list[str]) -> dict[str, Arrays | None]:
    return {name: learned(name, group, CASES[name][0], CASES[name][3]) for name in names}


@pytest.fixture(scope="module")
def alone() -> dict[str, Arrays]:
    found = {name: learned(name, ALONE, "data", 1) for name in CASES}
    return {name: each for name, each in found.items() if each is not None}


def assert_learned(found: Arrays | None, expected: Arrays, name: str) -> None:
    assert found is not None
    assert list(found) == list(expected)
    for array, values in expected.items():
        np.testing.assert_allclose(
            found[array], values, rtol=1e-9, atol=1e-11, err_msg=f"{name}, {array}"
        )


@pytest.mark.parametrize(("count", "names"), [(2, list(CASES)), (3, OF_THREE)])
def test_a_split_network_learns_what_the_whole_one_does(
    count: int, names: list[str], alone: dict[str, Arrays]
) -> None:
    answers = together(count, all_learned, names, timeout=120)
    assert [type(answer) for answer in answers] == [dict] * count
    for name in names:
        assert_learned(answers[0][name], alone[name], name)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("towers")])
def test_one_process_has_both_towers(name: str, alone: dict[str, Arrays]) -> None:
    split, _, _, parts = CASES[name]
    assert_learned(learned(name, ALONE, split, parts), alone[name], name)
