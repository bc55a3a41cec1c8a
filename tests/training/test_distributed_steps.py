"""Two and three processes, and batches in parts: the steps of one process but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.images import PictureSet, generator
from alexnet.network.catalog import get_network
from alexnet.network.edit import with_classes
from alexnet.network.layers import (
    Activation,
    FullyConnected,
    LogisticLoss,
    RandomPool,
    Softmax,
    Window,
)
from alexnet.network.picture_layers import RandomScale
from alexnet.network.spec import Network
from alexnet.training.batches import (
    Batch,
    Batches,
    measured_colours,
    measured_contract,
    padding_value,
)
from alexnet.training.distributed import ALONE, Group
from alexnet.training.learner import Learner, first_arrays
from alexnet.training.phases import Phase
from alexnet.training.progress import Progress
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import Exponential
from alexnet.training.update_rule import UpdateRule
from training.ranks import together
from training.small import HE, NETWORK, RECIPE, pictures

STEPS = 50
Arrays = dict[str, np.ndarray]


class Doubled(Batches):
    """Batches in float64."""

    def batch(self, order: torch.Tensor, epoch: int, step: int) -> Batch:
        found = super().batch(order, epoch, step)
        return replace(found, images=found.images.double())


def coloured(count: int) -> PictureSet:
    shown = pictures(count)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator(9), dtype=torch.uint8)
    images[:, 1] = shown.images[:, 0]
    return replace(shown, images=images)


def changed(**layers: object) -> Network:
    """The small network with other layers in place of those of the same names."""
    return Network("small", tuple(layers.get(x.name, x) for x in NETWORK))  # type: ignore[arg-type]


IN_COLOUR = changed(data=replace(NETWORK["data"], shape=(3, 8, 8)))

DRAWING = Network(
    "drawing",
    (
        replace(NETWORK["data"], shape=(1, 10, 10)),
        NETWORK["labels"],
        RandomScale(name="scale", reads=("data",), maximum=1.2, side=8),
        replace(NETWORK["conv1"], reads=("scale",)),
        Activation(name="relu1", reads=("conv1",), function="noisy-relu"),
        RandomPool(
            name="pool1", reads=("relu1",), window=Window(size=2, stride=1), rule="cuda-convnet"
        ),
        replace(NETWORK["drop1"], reads=("pool1",)),
        *NETWORK.layers[-3:],
    ),
)

TWO_HEADED = Network(
    "two-headed",
    (
        *NETWORK,
        FullyConnected(name="other", reads=("drop1",), outputs=3, initial=(HE,)),
        Softmax(name="others", reads=("other",)),
        LogisticLoss(name="unused", reads=("labels", "others"), coefficient=0.0),
        FullyConnected(name="last", reads=("drop1",), outputs=3, initial=(HE,)),
    ),
)
"""Its second head costs nothing, and its third is asked nothing."""

DECAYING = replace(RECIPE, weight_decay=0.01, schedule=Exponential(divisor=10.0))
TINY = replace(RECIPE, batch_size=8, lr=0.01)
CASES: dict[str, tuple[Network, Recipe]] = {
    "momentum": (NETWORK, DECAYING),
    "nesterov": (NETWORK, replace(RECIPE, rule="nesterov")),
    "muon": (NETWORK, replace(RECIPE, rule="muon", lr=0.01)),
    "updates of three batches": (NETWORK, replace(RECIPE, update_period=3)),
    "phases that freeze and thaw": (
        NETWORK,
        replace(
            RECIPE,
            phases=(
                Phase(at_epoch=1, layers=("conv1",), lr=0.0, bias_lr=0.0),
                Phase(at_epoch=2, layers=("conv1",), lr=0.02, bias_lr=0.02),
            ),
        ),
    ),
    "colour noise and crops in chunks": (
        IN_COLOUR,
        replace(RECIPE, colour_noise=0.1, crop_chunk=3),
    ),
    "batches smaller than the processes are many": (
        NETWORK,
        replace(RECIPE, data_batch_pictures=25, batch_size=8),
    ),
    "the network tiny, of two towers": (with_classes(get_network("tiny"), 3), TINY),
    "layers that draw": (DRAWING, RECIPE),
    "arrays that nothing depends on": (TWO_HEADED, RECIPE),
}


FEW = ("momentum", *list(CASES)[-4:])
"""Those in which it might matter how many the processes are."""


def learned(name: str, group: Group, *, parts: int = 1, double: bool = True) -> Arrays:
    """The weights after STEPS steps of a case, or a few more, and the loss of each; of networks
    other than the small one after half as many.
    """
    network, recipe = CASES[name]
    channels, side, _ = network.picture.shape
    shown = coloured(67) if channels == 3 else pictures(67, side)
    contract, image = measured_contract(recipe, shown)
    place = (group.ranks.rank, group.ranks.count)
    colours, padding = measured_colours(recipe, shown, contract), padding_value(recipe, shown)
    made: Callable[..., Batches] = Doubled if double else Batches
    cpu = torch.device("cpu")
    batches = made(shown, recipe, side, contract, image, padding, cpu, colours, *place)
    arrays, _ = first_arrays(network, recipe, None)
    learner = Learner(network, recipe, batches, arrays, "fp32", group, parts)
    if double:
        learner.module.double()
        parameters = dict(learner.module.named_parameters())
        learner.rule = UpdateRule(parameters, recipe.rates(network))
    progress, losses = Progress(pictures=""), list[float]()
    while progress.total_steps < (STEPS if network.name == "small" else STEPS // 2):
        order = batches.order(progress.epoch)
        while progress.step < batches.steps:
            step = learner.step(progress, order)
            progress = step.progress
            losses.append(step.loss)
        progress = progress.after_epoch(None)
    found = {name: x.detach().numpy() for name, x in learner.module.named_parameters()}
    return found | {"losses": np.array(losses)}


def all_learned(group: Group, names: Sequence[str]) -> dict[str, Arrays]:
    """Cases in float64, one with batches in parts, and one in fp32."""
    found = {name: learned(name, group) for name in names}
    found["in parts"] = learned("momentum", group, parts=3)
    found["in single precision"] = learned("momentum", group, double=False)
    return found


@pytest.fixture(scope="module")
def alone() -> dict[str, Arrays]:
    found = {name: learned(name, ALONE) for name in CASES}
    found["in parts"] = found["momentum"]
    found["in single precision"] = learned("momentum", ALONE, double=False)
    return found


@pytest.mark.parametrize(("count", "names"), [(2, list(CASES)), (3, FEW)])
def test_processes_together_learn_what_one_does(
    count: int, names: Sequence[str], alone: dict[str, Arrays]
) -> None:
    answers = together(count, all_learned, names)
    assert [type(answer) for answer in answers] == [dict] * count
    for name in [*names, "in parts", "in single precision"]:
        expected, tolerance = alone[name], 1e-4 if name == "in single precision" else 1e-10
        for found in (answer[name] for answer in answers):
            for array in expected:
                np.testing.assert_allclose(
                    *(found[array], expected[array]),
                    rtol=tolerance,
                    atol=tolerance / 10,
                    err_msg=f"{name}, {array}",
                )
        for array in expected:  # among themselves they are equal bit for bit
            assert all(np.array_equal(a[name][array], answers[0][name][array]) for a in answers)


@pytest.mark.parametrize("name", ["momentum", "layers that draw", "arrays that nothing depends on"])
@pytest.mark.parametrize("parts", [2, 5, 100])
def test_a_batch_in_parts_teaches_what_the_whole_does(
    name: str, parts: int, alone: dict[str, Arrays]
) -> None:
    found = learned(name, ALONE, parts=parts)
    for array, expected in alone[name].items():
        np.testing.assert_allclose(found[array], expected, rtol=1e-10, atol=1e-11)
