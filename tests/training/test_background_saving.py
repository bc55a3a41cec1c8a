"""Checkpoints beside the steps: what is written is what was when it was asked for, and what goes
wrong is told.
"""

from __future__ import annotations

import resource
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from alexnet.formats import Checkpoint, FormatError
from alexnet.training.background_saving import BackgroundSaving
from alexnet.training.events import Event, StepDone
from alexnet.training.loop import Intervals
from alexnet.training.run_folder import CLOCK, RunError, RunFolder, create
from training.runs import after, assert_same_run, go
from training.small import NETWORK, RECIPE
from training.test_run_folder import checkpoint, names


def test_what_is_written_is_what_was_when_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, going = create(tmp_path, RECIPE, NETWORK), threading.Event()
    write = RunFolder.save

    def slow(self: RunFolder, *given: Checkpoint | int, **more: bool) -> Path:
        assert going.wait(10)
        return write(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(RunFolder, "save", slow)
    shown = checkpoint(5)
    before = {name: array.copy() for name, array in shown.arrays.items()}
    with BackgroundSaving(folder, {}) as saving:
        path = saving.save(shown, 5, keep=False)
        for array in shown.arrays.values():
            array += 1.0  # as the next step does, while the disk is slow
        assert not path.exists()
        assert not saving.failed
        going.set()
    found = folder.newest(print)
    assert found is not None
    assert all(np.array_equal(found.arrays[name], before[name]) for name in before)


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_one_before_is_whole(
    tmp_path: Path,
) -> None:
    folder = create(tmp_path, RECIPE, NETWORK)
    refused = pytest.raises(FormatError, match="cannot be written")
    with refused, BackgroundSaving(folder, {}) as saving:
        saving.save(checkpoint(5), 5, keep=False)
        saving.flush()
        with no_file_larger_than(100):
            saving.save(checkpoint(10), 10, keep=False)
            while not saving.failed:
                pass
        saving.save(checkpoint(15), 15, keep=False)
    assert names(folder.checkpoints) == ["step-00000005-latest.safetensors"]
    found = folder.newest(pytest.fail)
    assert found is not None
    assert found.training is not None
    assert found.training.progress == {"total_steps": 5}


def test_a_full_disk_ends_a_run_at_the_next_step_and_it_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    often = Intervals(save_steps=2, row_steps=2)
    go(tmp_path / "whole", intervals=often)
    full, said = no_file_larger_than(2000), list[int]()
    first = RunFolder(tmp_path / "run").checkpoint_path(2, keep=False)

    def fill(event: Event) -> None:
        if isinstance(event, StepDone):
            said.append(event.step)
            if len(said) == 4:  # the second checkpoint is to follow
                while not first.exists():
                    pass
                full.__enter__()

    try:
        with pytest.raises(FormatError, match=r"step-00000004-latest.* cannot be written"):
            go(tmp_path / "run", intervals=often, report=fill)
    finally:
        full.__exit__()
    assert len(said) in (4, 5)  # at the next step, or the next checkpoint at the latest
    assert names(tmp_path / "run" / "checkpoints") == [first.name]
    assert go(tmp_path / "run", intervals=often, resume=True).finished
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs root, to mount a small disk ({error})")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_run_on_a_full_disk_keeps_its_last_checkpoint(tmp_path: Path, small_disk: Path) -> None:
    often, filler = Intervals(save_steps=2, row_steps=2), small_disk / "filler"
    first = RunFolder(small_disk / "run").checkpoint_path(2, keep=False)
    go(tmp_path / "whole", intervals=often)

    def fill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3 and not filler.exists():
            while not first.exists():
                pass
            with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    with pytest.raises((FormatError, RunError), match=r"cannot be written .*[Nn]o space"):
        go(small_disk / "run", intervals=often, report=fill)
    assert names(first.parent) == [first.name]
    filler.unlink()
    assert go(small_disk / "run", intervals=often, resume=True).finished
    assert_same_run(small_disk / "run", tmp_path / "whole")


class no_file_larger_than:  # noqa: N801  # used as a context
    """Within it files cannot grow beyond so many bytes, as on a full disk."""

    def __init__(self, size: int) -> None:
        self.size, self.before = size, resource.getrlimit(resource.RLIMIT_FSIZE)

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def test_a_turned_bit_costs_only_the_steps_since_the_checkpoint_before(tmp_path: Path) -> None:
    go(tmp_path / "whole")
    stopped = go(tmp_path / "run", stop=after(8))
    content = bytearray(stopped.checkpoint.read_bytes())
    content[-30] ^= 1
    stopped.checkpoint.write_bytes(content)
    said: list[str] = []
    RunFolder(tmp_path / "run").newest(said.append)
    assert "is damaged: its checksum is crc32:" in said[0]
    assert said[0].endswith("taking the one before")
    assert go(tmp_path / "run", resume=True).finished
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_checkpoint_of_before_there_were_checksums_is_taken(tmp_path: Path) -> None:
    from alexnet.formats import write

    folder = create(tmp_path, RECIPE, NETWORK)
    write(checkpoint(5), folder.checkpoint_path(5, keep=False))
    found = folder.newest(pytest.fail)
    assert found is not None
    assert found.training is not None
    assert found.training.progress == {"total_steps": 5}


def test_metrics_say_how_long_steps_waited_for_checkpoints(tmp_path: Path) -> None:
    go(tmp_path, intervals=Intervals(save_steps=1, row_steps=5))
    clocks = [row[CLOCK] for row in RunFolder(tmp_path).rows()]
    waited = [clock["saving_seconds"] for clock in clocks]  # type: ignore[index]
    assert waited == sorted(waited)
    assert 0 < waited[-1] < clocks[-1]["seconds"]  # type: ignore[index]
