"""train() by the original's rules: resumed bit-equal with all of them on, phases, several costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet.formats import read
from alexnet.images import generator
from alexnet.network.layers import FullyConnected, LogisticLoss, Softmax, SumOfSquaresLoss
from alexnet.network.spec import Network
from alexnet.training.loop import Intervals
from alexnet.training.phases import Phase
from alexnet.training.rates import LayerRates
from alexnet.training.run_folder import RunFolder
from alexnet.training.schedule import Constant, DiscreteExponential, Exponential
from training.runs import after, assert_same_run, go
from training.small import NETWORK, RECIPE

EVERYTHING = replace(
    RECIPE,
    epochs=4,
    layers=(
        LayerRates(layers="*", noise=0.5, bias_noise=0.3, bias_schedule=Exponential(divisor=4.0)),
        LayerRates(layers="fc2", update_period=3, ball=0.02),
        LayerRates(layers="conv1", update_period=2, norm_minimum=0.01, norm_maximum=0.2),
    ),
    phases=(
        Phase(at_epoch=1.5, layers=("conv*",), lr=0.01),
        Phase(at_epoch=2, colour_noise=0.05),
        Phase(at_epoch=3, layers=("conv*",), lr=0.0, bias_lr=0.0),
    ),
    data_batch_pictures=40,
    crop_chunk=4,
    colour_noise=0.1,
    schedule=DiscreteExponential(divisor=20.0, stages=3, jumpy=True),
)
"""66 pictures in data batches of 40 are five steps an epoch, of 16, 16, 8, 16 and 10 pictures: the
periods of 2 and 3 run on from one epoch into the next."""


def test_with_all_the_originals_rules_a_resumed_run_is_the_same(tmp_path: Path) -> None:
    assert go(tmp_path / "whole", EVERYTHING).finished
    go(tmp_path / "run", EVERYTHING, stop=after(1))
    for _ in range(40):  # in the middle of periods, data batches and phases
        if go(tmp_path / "run", EVERYTHING, resume=True, stop=after(3)).finished:
            break
    else:
        pytest.fail("never finished")
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    assert go(tmp_path / "seed", replace(EVERYTHING, seed=4)).finished
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "seed", tmp_path / "whole")


@pytest.mark.parametrize(
    "change",
    [
        {"data_batch_pictures": 0},
        {"crop_chunk": 1},
        {"colour_noise": 0.0},
        {"update_period": 5, "layers": EVERYTHING.layers[:1]},
        {"phases": ()},
        {"layers": (replace(EVERYTHING.layers[0], noise=None), *EVERYTHING.layers[1:])},
        {"layers": (*EVERYTHING.layers[:1], replace(EVERYTHING.layers[1], ball=0.0))},
    ],
    ids=lambda change: "-".join(change),
)
def test_each_of_them_makes_another_run(tmp_path: Path, change: dict[str, object]) -> None:
    whole = read(go(tmp_path / "whole", EVERYTHING).checkpoint)
    other = read(go(tmp_path / "other", replace(EVERYTHING, **change)).checkpoint)  # type: ignore[arg-type]
    assert not np.array_equal(whole.arrays["fc2.weight"], other.arrays["fc2.weight"])


def test_a_phase_freezes_a_layer_and_the_row_says_the_new_rate(tmp_path: Path) -> None:
    recipe = replace(
        RECIPE,
        schedule=Constant(),
        phases=(
            Phase(at_epoch=1, layers=("conv*",), lr=0.0, bias_lr=0.0),
            Phase(at_epoch=2, lr=0.01),
        ),
    )
    go(tmp_path, recipe, intervals=Intervals(keep_epochs=1, row_steps=1))
    kept = sorted((tmp_path / "checkpoints").glob("step-*.safetensors"))
    first, second, third = (read(path) for path in kept)
    for name in ("conv1.weight", "conv1.bias"):
        assert np.array_equal(first.arrays[name], third.arrays[name])
        assert first.training is not None
        assert third.training is not None
        assert np.array_equal(first.training.velocities[name], third.training.velocities[name])
    assert not np.array_equal(first.arrays["fc2.weight"], second.arrays["fc2.weight"])
    lrs = [row["lr"] for row in RunFolder(tmp_path).rows() if row["kind"] == "step"]
    assert lrs == [0.05] * 10 + [0.01] * 5


def test_the_noise_of_rates_is_drawn_from_a_stream_of_its_own() -> None:
    own = generator(3, 0, 2, 1).initial_seed()
    assert own not in {generator(3, 0, 2).initial_seed(), generator(3, 0, 1).initial_seed()}


def test_several_costs_add_up_by_their_coefficients(tmp_path: Path) -> None:
    def with_costs(*coefficients: float) -> Network:
        last = [x for x in NETWORK if not isinstance(x, LogisticLoss)]
        one, two, three = coefficients
        more = [
            FullyConnected(
                name="fc3",
                reads=("drop1",),
                outputs=3,
                initial=NETWORK["fc2"].initial,  # type: ignore[union-attr]
            ),
            Softmax(name="probs3", reads=("fc3",)),
            LogisticLoss(name="cost3", reads=("labels", "probs3"), coefficient=two),
            SumOfSquaresLoss(name="small", reads=("fc2",), coefficient=three),
            LogisticLoss(name="logprob", reads=("labels", "probs"), coefficient=one),
        ]
        return Network("several costs", (*last, *more))

    learned = {
        costs: read(go(tmp_path / str(costs), network=with_costs(*costs)).checkpoint).arrays
        for costs in ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.5, 0.1), (0.0, 1.0, 0.0))
    }
    alone = read(go(tmp_path / "alone").checkpoint).arrays
    single = learned[1.0, 0.0, 0.0]
    assert np.array_equal(single["fc2.weight"], alone["fc2.weight"])  # a cost of 0 is switched off
    both, weighed, other = (learned[x] for x in learned if x != (1.0, 0.0, 0.0))
    assert not np.array_equal(single["conv1.weight"], both["conv1.weight"])
    assert not np.array_equal(both["fc3.weight"], weighed["fc3.weight"])
    squares = {name: float(np.square(x["fc2.weight"]).sum()) for name, x in learned.items()}
    assert squares[1.0, 0.5, 0.1] < squares[1.0, 0.0, 0.0]  # its outputs were held small
    # without its cost fc2 has no gradient, and is left alone
    first = go(tmp_path / "first", replace(RECIPE, epochs=1), network=with_costs(0.0, 1.0, 0.0))
    assert np.array_equal(read(first.checkpoint).arrays["fc2.weight"], other["fc2.weight"])
