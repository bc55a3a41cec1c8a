"""`alexnet train` and `alexnet evaluate` by several processes, as a shell begins them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alexnet.training.run_folder import RunFolder

pytestmark = pytest.mark.slow


def alexnet(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "alexnet", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=60, check=False
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
    judged = [told("evaluate", run, "--processes", count) for count in ("1", "3")]
    assert judged[0] == judged[1] == told("evaluate", run)


def test_a_mistake_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    done = alexnet("train", "digits", "--processes", "2", "--run", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert f"error: {tmp_path}: holds a run already" in done.stderr
