"""`alexnet train` and `alexnet evaluate` by several processes, as a shell begins them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from alexnet.training.run_folder import RunFolder
from images.stores import store_of

pytestmark = pytest.mark.slow


PATIENCE = 300
"""Seconds after which a command counts as hanging."""


def begun(*words: str, said: IO[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "alexnet", *words]
    return subprocess.Popen(command, stdout=said, stderr=said, text=True, env=environment)


def alexnet(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "alexnet", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
    )


def told(*words: str) -> Any:
    done = alexnet(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_verbs_by_several_processes_say_what_one_says(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    words = ["train", "digits", "--set", "epochs=1", "--run", run, "--accumulate", "2"]
    outcome = told(*words, "--processes", "2", "--save-steps", "7")
    assert outcome["finished"]
    assert outcome["test"]["seen"] == 360
    rows = RunFolder(tmp_path / "run").rows()
    assert [row["kind"] for row in rows] == ["epoch", "test"]
    assert told("evaluate", run, "--processes", "3") == told("evaluate", run)


def test_a_mistake_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    done = alexnet("train", "digits", "--processes", "2", "--run", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert f"error: {tmp_path}: holds a run already" in done.stderr


def test_without_restarts_a_killed_process_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    words = ["train", "digits", "--set", "epochs=100000", "--run", str(run.path)]
    words += ["--processes", "2", "--save-steps", "5"]
    with (tmp_path / "said").open("w") as said:
        launcher = begun(*words, said=said)
        until(lambda: len(list(run.checkpoints.glob("step-*"))) == 2)
        (rank,) = (each for each in children(launcher.pid) if b"\0RANK=1\0" in variables(each))
        os.kill(rank, signal.SIGKILL)
        assert launcher.wait(PATIENCE) == 2
    text = (tmp_path / "said").read_text()
    assert "error: " in text
    assert "--resume" in text
    assert "another process is gone" in text or "rank 1 ended by SIGKILL" in text
    assert "Traceback" not in text
    found = run.newest(pytest.fail)
    assert found is not None
    assert len(list(run.checkpoints.glob("step-*"))) <= 3  # two, and one that was being written


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split()]


def variables(process: int) -> bytes:
    return b"\0" + Path(f"/proc/{process}/environ").read_bytes()


def until(what: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < limit, "it does not come true"
        time.sleep(0.05)


def test_a_store_is_shared_out_and_read_ahead_by_each_process(tmp_path: Path) -> None:
    store_of(tmp_path, raw=False)
    words = ["train", str(tmp_path), "--network", "tiny", "--recipe", "digits", "--input", "8"]
    words += ["--set", "epochs=1", "--set", "crop_padding_pixels=0"]
    said = [
        told(*words, "--run", str(tmp_path / count), "--processes", count) for count in ("1", "2")
    ]
    assert [each["test"]["seen"] for each in said] == [said[0]["test"]["seen"]] * 2
    rows = [RunFolder(tmp_path / count).rows(clock=False) for count in ("1", "2")]
    losses = [[row["train_loss"] for row in each if row["kind"] == "epoch"] for each in rows]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
