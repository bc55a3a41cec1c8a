"""The run folder: what it refuses, what it keeps, and what it makes of damage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet.formats import Checkpoint, TrainingState
from alexnet.network.contract import InputContract
from alexnet.network.layers import CrossMapNorm
from alexnet.network.spec import Network
from alexnet.torch_net import initial_arrays
from alexnet.training import run_folder
from alexnet.training.run_folder import RunError, create, reopen, stored_precision
from alexnet.training.schedule import Constant
from training.small import NETWORK, RECIPE


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def checkpoint(step: int) -> Checkpoint:
    arrays = {name: x.numpy() for name, x in initial_arrays(NETWORK, seed=step).items()}
    contract = InputContract(channel_order="grey", pixel_maximum=255.0)
    still = {name: np.zeros_like(x) for name, x in arrays.items()}
    return Checkpoint(
        network=NETWORK,
        arrays=arrays,
        contract=contract,
        training=TrainingState(still, {"total_steps": step}),
    )


def test_a_new_folder_says_what_is_run(tmp_path: Path) -> None:
    folder = create(tmp_path / "runs" / "one", RECIPE, NETWORK)
    assert json.loads((folder.path / "recipe.json").read_text())["batch_size"] == 16
    assert json.loads((folder.path / "network.json").read_text())["name"] == "small"
    with pytest.raises(RunError, match="holds a run already"):
        create(folder.path, RECIPE, NETWORK)
    assert reopen(folder.path, RECIPE, NETWORK) == folder


def test_a_folder_without_a_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run to resume"):
        reopen(tmp_path, RECIPE, NETWORK)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        create(tmp_path / "file" / "run", RECIPE, NETWORK)


def test_another_recipe_or_network_is_named_at_resuming(tmp_path: Path) -> None:
    create(tmp_path, RECIPE, NETWORK)
    with pytest.raises(RunError, match=r"lr is 0.5 here and 0.05 there; schedule is"):
        reopen(tmp_path, replace(RECIPE, lr=0.5, schedule=Constant()), NETWORK)
    wider = tuple(replace(x, filters=8) if x.name == "conv1" else x for x in NETWORK)
    with pytest.raises(RunError, match="1 layers, first in 'conv1': filters is 8 here and 4 there"):
        reopen(tmp_path, RECIPE, Network("small", wider))
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(RunError, match="recipe.json: not JSON"):
        reopen(tmp_path, RECIPE, NETWORK)


def test_the_newest_checkpoints_stay_and_those_to_keep(tmp_path: Path) -> None:
    folder = create(tmp_path, RECIPE, NETWORK)
    for step in (5, 10, 15, 20):
        folder.save(checkpoint(step), step, keep=step == 10)
    assert names(folder.checkpoints) == [
        "step-00000010.safetensors",
        "step-00000015-latest.safetensors",
        "step-00000020-latest.safetensors",
    ]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    folder, said = create(tmp_path, RECIPE, NETWORK), list[str]()
    assert folder.newest(said.append) is None
    paths = [folder.save(checkpoint(step), step, keep=False) for step in (5, 10)]
    whole = folder.newest(said.append)
    assert whole is not None
    assert whole.training is not None
    assert whole.training.progress == {"total_steps": 10}
    assert said == []
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    before = folder.newest(said.append)
    assert before is not None
    assert before.training is not None
    assert before.training.progress == {"total_steps": 5}
    assert len(said) == 1
    assert "00000010" in said[0]
    assert said[0].endswith("taking the one before")
    paths[0].write_bytes(b"")
    with pytest.raises(RunError, match="none of its 2 checkpoints"):
        folder.newest(said.append)


def test_damaged_checkpoints_of_later_steps_crowd_out_none(tmp_path: Path) -> None:
    folder = create(tmp_path, RECIPE, NETWORK)
    folder.save(checkpoint(10), 10, keep=True)
    for step in (19, 20):
        path = folder.save(checkpoint(step), step, keep=False)
        path.write_bytes(path.read_bytes()[:-1])
    assert all(folder.save(checkpoint(step), step, keep=False).exists() for step in (11, 12))
    assert names(folder.checkpoints) == [
        "step-00000010.safetensors",
        "step-00000011-latest.safetensors",
        "step-00000012-latest.safetensors",
    ]
    newest = folder.newest(pytest.fail)
    assert newest is not None
    assert newest.training is not None
    assert newest.training.progress == {"total_steps": 12}


def test_whole_numbers_in_the_place_of_real_ones_are_no_damage(tmp_path: Path) -> None:
    norm = CrossMapNorm(
        name="drop1", reads=("relu1",), size=3, alpha=1, alpha_divided=False, beta=1, k=2
    )
    network = Network("normed", tuple(norm if x.name == "drop1" else x for x in NETWORK))
    shown = checkpoint(5)
    contract = replace(shown.contract, pixel_maximum=1, mean=(1,))
    folder = create(tmp_path, RECIPE, network)
    folder.save(replace(shown, network=network, contract=contract), 5, keep=False)
    newest = folder.newest(pytest.fail)
    assert newest is not None
    assert newest.network == network
    assert newest.contract == contract


def test_metrics_are_cut_to_what_a_checkpoint_knows_of(tmp_path: Path) -> None:
    folder = create(tmp_path, RECIPE, NETWORK)
    assert folder.rows() == []
    for step in range(4):
        folder.append({"step": step, "clock": {"seconds": step}})
    with folder.metrics_path.open("a") as file:
        file.write('{"step": 4, "clo')  # the process was killed here
    folder.truncate(2)
    assert folder.rows(clock=False) == [{"step": 0}, {"step": 1}]
    with pytest.raises(RunError, match="holds 2 rows"):
        folder.truncate(3)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = create(tmp_path, RECIPE, NETWORK)
    left = [
        tmp_path / ".metrics.jsonl.77.partial",
        folder.checkpoints / ".step-00000001.safetensors.77.partial",
        folder.checkpoints / ".tmpGbq99l",  # the safetensors library's own
    ]
    for path in left:
        path.write_bytes(b"half")
    reopen(tmp_path, RECIPE, NETWORK)
    assert not any(path.exists() for path in left)


def test_what_was_left_half_written_before_a_run_had_a_recipe_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".recipe.json.77.partial"
    left.write_bytes(b"half")
    create(tmp_path, RECIPE, NETWORK)
    assert not left.exists()


def test_what_another_run_was_to_begin_with_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as within, pytest.raises(KeyboardInterrupt):
        within.setattr(run_folder, "recipe_to_json", killed)
        create(tmp_path, RECIPE, NETWORK, first=checkpoint(0))
    assert names(tmp_path / "checkpoints") == ["step-00000000-latest.safetensors"]
    assert create(tmp_path, RECIPE, NETWORK).newest(pytest.fail) is None


def test_a_run_goes_on_in_the_precision_that_it_was_begun_in(tmp_path: Path) -> None:
    create(tmp_path / "run", RECIPE, NETWORK, "bf16")
    assert stored_precision(tmp_path / "run") == "bf16"
    reopen(tmp_path / "run", RECIPE, NETWORK, "bf16")
    with pytest.raises(RunError, match="precision is fp32 here and bf16 there"):
        reopen(tmp_path / "run", RECIPE, NETWORK, "fp32")
    (tmp_path / "run" / "precision").unlink()  # as runs of before are
    assert stored_precision(tmp_path / "run") == "fp32"
