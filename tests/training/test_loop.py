"""train(): it learns, resumes bit-equal wherever it was stopped, and says where it blew up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.evaluation import EvaluationError
from alexnet.formats import read
from alexnet.images import mean_image, subset
from alexnet.network.layers import LogisticLoss, Softmax
from alexnet.network.spec import Network
from alexnet.training.divergence import DivergedError
from alexnet.training.events import EpochDone, Event, Notice, StepDone
from alexnet.training.loop import Intervals, train
from alexnet.training.rates import LayerRates, RecipeError
from alexnet.training.run_folder import RunError, RunFolder
from alexnet.training.schedule import Constant, Plateau
from alexnet.training.stopping import stop_on_signals
from training.runs import after, assert_same_run, go, names
from training.small import NETWORK, RECIPE, pictures


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    assert go(path).finished
    return path


def test_it_learns_and_writes_down_what_happened(tmp_path: Path) -> None:
    said: list[Event] = []
    outcome = go(tmp_path, replace(RECIPE, epochs=12), report=said.append)
    assert outcome.finished
    assert (outcome.epochs, outcome.steps) == (12, 12 * 5)  # 66 pictures: 4 batches of 16, one of 2
    assert outcome.test is not None
    assert outcome.validation is not None
    assert (outcome.test.seen, outcome.validation.seen) == (30, 24)
    assert outcome.test.error1 <= 0.1
    rows = RunFolder(tmp_path).rows()
    epochs = [row for row in rows if row["kind"] == "epoch"]
    assert [row["epoch"] for row in epochs] == list(range(1, 13))
    assert epochs[-1]["validation_error"] == outcome.validation.error1
    assert [row["step"] for row in rows if row["kind"] == "step"] == list(range(2, 61, 2))
    assert rows[-1]["test_error"] == outcome.test.error1
    assert sum(isinstance(event, StepDone) for event in said) == 60
    assert sum(isinstance(event, EpochDone) for event in said) == 12
    final = read(outcome.checkpoint)
    assert final.training is None
    assert final.classes == ("low", "middle", "high")
    assert (final.contract.channel_order, len(final.contract.deviation)) == ("grey", 1)


def test_the_same_run_twice_is_the_same(tmp_path: Path, whole: Path) -> None:
    go(tmp_path)
    assert_same_run(tmp_path, whole)


# asked after each of 5 steps, once while the 24 validation pictures are classified, and so on;
# 18 is the last validation, 19 the test
@pytest.mark.parametrize("asked", [1, 3, 5, 6, 8, 17, 18, 19])
def test_stopped_anywhere_and_resumed_it_is_the_same_run(
    tmp_path: Path, whole: Path, asked: int
) -> None:
    stopped = go(tmp_path, stop=after(asked))
    assert not stopped.finished
    assert "stopped" in stopped.message
    assert stopped.checkpoint.exists()
    assert go(tmp_path, resume=True).finished
    assert_same_run(tmp_path, whole)


def test_stopped_again_and_again_it_is_the_same_run(tmp_path: Path, whole: Path) -> None:
    go(tmp_path, stop=after(1))
    for _ in range(40):
        if go(tmp_path, resume=True, stop=after(3)).finished:
            break
    else:
        pytest.fail("never finished")
    assert_same_run(tmp_path, whole)


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, whole: Path) -> None:
    first = go(tmp_path)
    again = go(tmp_path, resume=True)
    assert (again.test, again.validation, again.finished) == (first.test, first.validation, True)
    assert_same_run(tmp_path, whole)


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    tmp_path: Path, whole: Path
) -> None:
    notices: list[Event] = []
    stopped = go(tmp_path, stop=after(8))
    stopped.checkpoint.write_bytes(stopped.checkpoint.read_bytes()[:200])
    go(tmp_path, resume=True, report=notices.append)
    assert any(isinstance(n, Notice) and "taking the one before" in n.text for n in notices)
    assert_same_run(tmp_path, whole)


def test_resumed_without_any_checkpoint_it_begins_again(tmp_path: Path, whole: Path) -> None:
    stopped = go(tmp_path, stop=after(3))
    stopped.checkpoint.unlink()
    notices: list[Event] = []
    go(tmp_path, resume=True, report=notices.append)
    assert any(isinstance(n, Notice) and "no checkpoint yet" in n.text for n in notices)
    assert_same_run(tmp_path, whole)


def test_sigterm_saves_and_the_run_goes_on_the_same(tmp_path: Path, whole: Path) -> None:
    code = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from training.small import NETWORK, RECIPE, pictures
from training.runs import ROWS
from alexnet.training.loop import train
from alexnet.training.stopping import stop_on_signals
def slowly(event):
    print(event, flush=True)
    time.sleep(0.1)
with stop_on_signals() as stop:
    outcome = train(NETWORK, pictures(), RECIPE, Path(sys.argv[1]), test=pictures(30),
                    stop=stop, report=slowly, intervals=ROWS)
print(outcome.finished, stop.name)
"""
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-c", code, str(tmp_path / "run"), str(tests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(7):  # into the second epoch
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "False SIGTERM"
    assert go(tmp_path / "run", resume=True).finished
    assert_same_run(tmp_path / "run", whole)


def test_signals_are_noted_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert (stop(), stop.name) == (True, "SIGINT")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loss_that_is_not_finite_names_step_rate_and_layer(tmp_path: Path) -> None:
    wild = replace(RECIPE, lr=1e30, schedule=Constant())
    once = Intervals(save_steps=1)
    with pytest.raises(
        DivergedError, match=r"at step \d+ \(epoch 1\), at a learning rate of 1e\+30"
    ):
        go(tmp_path, wild, intervals=once)
    # what was saved before is finite
    newest = RunFolder(tmp_path).newest(print)
    assert newest is not None
    assert all(np.isfinite(array).all() for array in newest.arrays.values())
    with pytest.raises(DivergedError, match="'conv1' is the first layer|'fc2' is the first layer"):
        go(tmp_path, wild, intervals=once, resume=True)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    start = read(go(tmp_path / "first", replace(RECIPE, epochs=1)).checkpoint)
    start.arrays["conv1.bias"][0] = np.inf
    with pytest.raises(DivergedError, match=r"'conv1' is the first layer .* as conv1.bias is not"):
        go(tmp_path / "run", start=start)
    assert not (tmp_path / "run").exists()


def test_a_taken_folder_is_left_alone(tmp_path: Path) -> None:
    go(tmp_path)
    with pytest.raises(RunError, match="holds a run already"):
        go(tmp_path)
    with pytest.raises(RunError, match="epochs is 4 here and 3 there"):
        go(tmp_path, replace(RECIPE, epochs=4), resume=True)
    with pytest.raises(RunError, match="learned from other pictures"):
        go(tmp_path, shown=pictures(93), resume=True)


def test_nothing_is_written_where_recipe_network_and_pictures_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(RecipeError, match="validation_share"):
        plateau = Plateau(divisor=10.0, patience_epochs=1, times=3)
        go(path, replace(RECIPE, schedule=plateau, validation_share=0.0))
    with pytest.raises(RecipeError, match="matches no layer"):
        go(path, replace(RECIPE, layers=(LayerRates(layers="fc9"),)))
    with pytest.raises(EvaluationError, match="load them"):
        go(path, shown=pictures(side=7))
    with pytest.raises(EvaluationError, match="there are no pictures"):
        train(NETWORK, pictures(), RECIPE, path, test=pictures(0))
    with pytest.raises(EvaluationError, match="4 classes"):
        go(path, shown=replace(pictures(), classes=("a", "b", "c", "d")))
    assert not path.exists()


def test_a_network_without_a_loss_is_given_one_and_that_is_said(tmp_path: Path) -> None:
    said: list[Event] = []
    bare = Network(
        "bare", tuple(x for x in NETWORK if x.name not in ("labels", "probs", "logprob"))
    )
    outcome = go(tmp_path, network=bare, report=said.append)
    assert any(isinstance(n, Notice) and "'bare' has no loss" in n.text for n in said)
    learned = read(outcome.checkpoint).network
    assert isinstance(learned.layers[-2], Softmax)
    assert isinstance(learned.layers[-1], LogisticLoss)
    assert go(tmp_path, network=bare, resume=True).finished


def test_frozen_layers_stay_and_a_start_is_gone_on_from(tmp_path: Path) -> None:
    start = read(go(tmp_path / "first").checkpoint)
    wider = replace(NETWORK["fc2"], outputs=5)
    network = Network("other", tuple(wider if x.name == "fc2" else x for x in NETWORK))
    frozen = replace(RECIPE, layers=(LayerRates(layers="conv*", lr=0.0, bias_lr=0.0),), mean="none")
    said: list[Event] = []
    outcome = go(tmp_path / "second", frozen, network=network, start=start, report=said.append)
    learned = read(outcome.checkpoint)
    assert learned.contract == start.contract  # it travels with the weights
    assert np.array_equal(learned.arrays["conv1.weight"], start.arrays["conv1.weight"])
    assert go(tmp_path / "second", frozen, network=network, resume=True).finished  # without it
    assert read(outcome.checkpoint).contract == start.contract
    assert said[0] == Notice(
        "drawn anew, since the checkpoint has none that fit: fc2.weight, fc2.bias"
    )


def test_killed_before_its_start_is_in_the_folder_a_run_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = read(go(tmp_path / "first", replace(RECIPE, epochs=1)).checkpoint)
    go(tmp_path / "whole", start=start)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as within, pytest.raises(KeyboardInterrupt):
        within.setattr(RunFolder, "save", killed)
        go(tmp_path / "run", start=start)
    with pytest.raises(RunError, match="holds no run to resume"):
        go(tmp_path / "run", resume=True)
    with monkeypatch.context() as within, pytest.raises(KeyboardInterrupt):
        within.setattr(RunFolder, "append", killed)  # before any checkpoint of a step
        go(tmp_path / "run", start=start)
    assert go(tmp_path / "run", resume=True).finished  # without it
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_larger_pictures_are_cropped_and_the_mean_image_is_kept_whole(tmp_path: Path) -> None:
    recipe = replace(RECIPE, mean="image", deviation=False, crop_padding_pixels=0, seed=0)
    larger = pictures(side=12)
    outcome = train(NETWORK, larger, replace(recipe, validation_share=0.0), tmp_path)
    assert outcome.validation is None
    image = read(outcome.checkpoint).mean_image
    assert image is not None
    assert np.array_equal(image, mean_image(larger.images).numpy())


def test_checkpoints_are_kept_at_intervals(tmp_path: Path) -> None:
    go(tmp_path, intervals=Intervals(keep_epochs=2, save_steps=2))
    assert names(tmp_path / "checkpoints") == [
        "final.safetensors",
        "step-00000010.safetensors",
        "step-00000014-latest.safetensors",
        "step-00000015-latest.safetensors",
    ]


def test_bf16_learns_as_fp32_does_at_first(tmp_path: Path) -> None:
    losses: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        train(NETWORK, pictures(), RECIPE, tmp_path / precision, precision=precision)
        rows = RunFolder(tmp_path / precision).rows()
        losses[precision] = [row["train_loss"] for row in rows if row["kind"] == "epoch"]  # type: ignore[misc]
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


def test_pictures_of_classes_of_one_are_all_learned_from(tmp_path: Path) -> None:
    few = subset(pictures(60), torch.tensor([0, 1, 2]))
    assert sorted(few.labels.tolist()) == [0, 1, 2], "a picture of each class"
    said: list[Event] = []
    outcome = train(
        NETWORK, few, replace(RECIPE, validation_share=0.2), tmp_path / "run", report=said.append
    )
    assert outcome.validation is None
    assert any(isinstance(n, Notice) and "none is held out" in n.text for n in said)
