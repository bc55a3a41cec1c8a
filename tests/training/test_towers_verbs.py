"""`alexnet train --towers 2` and `--one-weird-trick`, as a shell begins them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alexnet.cli.processes import split_of
from alexnet.formats import read
from alexnet.network.catalog import get_network
from alexnet.training.run_folder import RunFolder
from training.test_distributed_verbs import told

WORDS = ("train", "digits", "--set", "epochs=1", "--save-steps", "4")
PATIENCE = 240
"""Seconds that a busy machine may take to begin."""


def process_of(rank: int, path: Path) -> int:
    """The process of a rank that runs a command with that path, as the system lists them."""
    for entry in Path("/proc").iterdir():
        try:
            own = str(path).encode() in (entry / "cmdline").read_bytes()
            if own and f"RANK={rank}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                return int(entry.name)
        except OSError:  # no process, or one that has just ended
            continue
    raise AssertionError(f"no process of rank {rank} runs in {path}")


def kill_after_a_checkpoint(words: tuple[str, ...], path: Path) -> int:
    """Runs a command, one of whose processes is killed; the exit status."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "alexnet", *words, "--run", str(path)]
    until = time.monotonic() + PATIENCE
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as begun:
        try:
            while not list(path.glob("checkpoints/*.safetensors")):
                assert begun.poll() is None and time.monotonic() < until, "no checkpoint"
                time.sleep(0.01)
            os.kill(process_of(1, path), signal.SIGKILL)
            begun.communicate(timeout=PATIENCE)
        finally:
            begun.kill()
    return begun.returncode


@pytest.mark.slow
def test_a_run_of_towers_survives_a_killed_process(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = (*WORDS, "--processes", "2", "--towers", "2")
    outcome = told(*words, "--run", str(whole))
    assert outcome["finished"]
    assert kill_after_a_checkpoint((*words, "--restarts", "2"), killed) == 0
    first, second = (read(RunFolder(path).final) for path in (whole, killed))
    assert first.network == get_network("tiny")
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)
    assert RunFolder(whole).rows(clock=False) == RunFolder(killed).rows(clock=False)
    (judged,) = told("evaluate", str(whole))
    assert outcome["test"].items() <= judged.items()


@pytest.mark.slow
def test_a_run_by_one_weird_trick_is_judged_as_any(tmp_path: Path) -> None:
    outcome = told(*WORDS, "--processes", "2", "--one-weird-trick", "--run", str(tmp_path))
    assert outcome["test"]["seen"] == 360
    (judged,) = told("evaluate", str(tmp_path))
    assert outcome["test"].items() <= judged.items()


def test_mistakes_are_said() -> None:
    assert split_of(get_network("caffe"), None, False) == "data"
    assert split_of(get_network("paper"), 2, False) == "towers"
    assert split_of(get_network("caffe"), None, True) == "one-weird-trick"
    with pytest.raises(ValueError, match="--towers is 3 and network 'tiny' has 2"):
        split_of(get_network("tiny"), 3, False)
    with pytest.raises(ValueError, match="two ways to split a network"):
        split_of(get_network("tiny"), 2, True)
