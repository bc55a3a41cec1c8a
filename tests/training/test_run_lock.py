"""The lock of a run folder: one process at a time, and none is kept out by one that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.training.events import Event, Notice, StepDone
from alexnet.training.run_folder import RunError
from alexnet.training.run_lock import RunLock
from training.runs import after, assert_same_run, go, names

HOLD = """
import sys, time
from pathlib import Path
from alexnet.training.run_lock import RunLock
with RunLock(Path(sys.argv[1])) as lock:
    lock.take(make=True)
    print("taken", flush=True)
    time.sleep(60)
"""


def test_a_run_that_goes_on_is_not_resumed_beside_itself(tmp_path: Path) -> None:
    go(tmp_path / "whole")
    go(tmp_path / "run", stop=after(3))
    left = tmp_path / "run" / ".metrics.jsonl.77.partial"
    refused: list[str] = []

    def resume_too(event: Event) -> None:
        if isinstance(event, StepDone):
            left.write_bytes(b"half")  # as the one that has the lock writes
            with pytest.raises(RunError) as found:
                go(tmp_path / "run", resume=True)
            refused.append(str(found.value))
            assert left.exists()

    assert go(tmp_path / "run", resume=True, report=resume_too).finished
    assert len(refused) == 12
    assert refused[0] == (
        f"{tmp_path / 'run'}: another process is at this run; wait until it ends or end it, or"
        " name another folder"
    )
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_two_begin_in_one_folder_and_one_of_them_learns(tmp_path: Path) -> None:
    with RunLock(tmp_path / "run") as lock:
        lock.take(make=True)
        with pytest.raises(RunError, match="another process is at this run"):
            go(tmp_path / "run")
        assert names(tmp_path / "run") == ["lock"]
    assert go(tmp_path / "run").finished


def test_a_run_that_failed_leaves_its_folder_free(tmp_path: Path) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, StepDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, report=fail)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, resume=True, report=fail)
    assert go(tmp_path, resume=True).finished


def test_a_killed_process_leaves_its_folder_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        with RunLock(tmp_path / "run") as lock, pytest.raises(RunError, match="another process"):
            lock.take()
        process.kill()
        process.wait()
        with RunLock(tmp_path / "run") as lock:
            lock.take()


def test_where_nothing_can_be_locked_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    said: list[Event] = []
    assert go(tmp_path, report=said.append).finished
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "cannot be locked here" in notices[0]
