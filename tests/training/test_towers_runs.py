"""Whole runs of split networks: what they write is what one process writes, they go on after a
stop, and whoever goes on need not be split as they were.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.formats import read
from alexnet.network.catalog import get_network
from alexnet.network.edit import with_classes
from alexnet.network.spec import Network
from alexnet.training.distributed import ALONE, Group
from alexnet.training.events import Event
from alexnet.training.loop import Intervals, Outcome, train
from alexnet.training.run_folder import RunFolder
from alexnet.training.schedule import Constant
from alexnet.training.splitting import Split
from training.ranks import together
from training.runs import after, assert_same_run
from training.small import NETWORK, RECIPE, pictures
from training.test_distributed import assert_near

TINY = with_classes(get_network("tiny"), 3)
GENTLE = replace(RECIPE, epochs=2, lr=0.01, schedule=Constant())
SPLITS: tuple[Split, ...] = ("towers", "one-weird-trick")
WRITTEN = Intervals(row_steps=2, save_steps=3)


def go(
    group: Group,
    path: Path,
    split: Split,
    *,
    steps: int = 0,
    resume: bool = False,
    network: Network = TINY,
    **changes: Any,
) -> Outcome:
    """A run, stopped after so many steps by the wish of the last process alone."""
    last = steps and group.ranks.rank == group.ranks.count - 1
    return train(
        *(network, pictures(90, 24), replace(GENTLE, **changes), path),
        validation=pictures(23, 24),
        test=pictures(30, 24),
        stop=after(steps) if last else lambda: False,
        resume=resume,
        intervals=WRITTEN,
        group=group,
        split=split,
    )


def refused(group: Group, path: Path, split: Split, **changes: Any) -> tuple[str, str]:
    said: list[Event] = []
    try:
        go(group, path, split, **changes)
    except ValueError as error:
        return type(error).__name__, str(error)
    return "nothing", str(said)


def runs(group: Group, path: Path) -> list[Any]:
    """Runs of two processes, whole and going on, and what they are refused."""
    found: list[Any] = []
    for split in SPLITS:
        found += [go(group, path / f"{split} whole", split)]
        for number, steps in enumerate((3, 7), start=1):  # 6 steps and a validation an epoch
            parted = path / f"{split} {number}"
            found += [go(group, parted, split, steps=steps), go(group, parted, split, resume=True)]
        found += [go(group, path / f"begun as {split}", split, steps=4)]
        found += [go(group, path / f"ended as {split}", split, resume=True)]
    found += [refused(group, path / f"wild {split}", split, lr=1e30) for split in SPLITS]
    found += [refused(group, path / "no towers", "towers", network=NETWORK)]
    found += [refused(group, path / "by muon", "one-weird-trick", rule="muon")]
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Any]]]:
    path = tmp_path_factory.mktemp("two")
    go(ALONE, path / "alone", "data")
    for split in SPLITS:
        go(ALONE, path / f"ended as {split}", "data", steps=4)
    return path, together(2, runs, path, timeout=120)


def test_processes_agree_on_what_came_of_it(two: tuple[Path, list[list[Any]]]) -> None:
    first, second = two[1]
    assert isinstance(first, list), first
    assert first[:12] == second[:12]
    finished = [outcome.finished for outcome in first[:14]]
    assert finished == [True, False, True, False, True, False, True] * 2
    assert first[0].test.seen == first[0].test.expected == 30


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_run_is_that_of_one_process(
    split: Split, two: tuple[Path, list[list[Any]]]
) -> None:
    path, _ = two
    assert_near(path / f"{split} whole", path / "alone")
    for number in (1, 2):
        assert_same_run(path / f"{split} {number}", path / f"{split} whole")
    checkpoint = read(RunFolder(path / f"{split} whole").final)
    assert checkpoint.network == TINY
    assert list(checkpoint.arrays) == list(read(RunFolder(path / "alone").final).arrays)


@pytest.mark.parametrize("split", SPLITS)
def test_a_run_goes_on_split_otherwise(split: Split, two: tuple[Path, list[list[Any]]]) -> None:
    path, _ = two
    go(ALONE, path / f"begun as {split}", "data", resume=True)
    assert_near(path / f"begun as {split}", path / "alone")
    assert_near(path / f"ended as {split}", path / "alone")


def test_one_process_runs_both_towers(tmp_path: Path) -> None:
    go(ALONE, tmp_path / "one piece", "data")
    outcome = go(ALONE, tmp_path / "towers", "towers")
    assert outcome.finished
    assert_near(tmp_path / "towers", tmp_path / "one piece")


def test_mistakes_are_said(two: tuple[Path, list[list[Any]]], tmp_path: Path) -> None:
    first, second = (answer[-4:] for answer in two[1])
    for kind, text in (*first[:2], *second[:2]):
        assert kind == "DivergedError"
        assert "no longer finite at step" in text
    assert "network 'small' has 0 towers" in first[2][1]
    assert "rule 'muon' moves 'fc3a.weight_0' as one matrix" in first[3][1]
    alone = refused(ALONE, tmp_path, "one-weird-trick")
    assert "deals layers out over processes and there is one" in alone[1]
