"""Processes that learn together: what they tell one another, whole runs, and going on with more or
fewer of them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.distributed import HashStore

from alexnet.evaluation import EvaluationError, Tally
from alexnet.evaluation.sharding import Counted, check_whole, shard, summed
from alexnet.formats import read
from alexnet.training.batches import share
from alexnet.training.distributed import (
    ALONE,
    Group,
    GroupError,
    LedError,
    Ranks,
    joined,
    ranks_of,
    room,
)
from alexnet.training.divergence import DivergedError
from alexnet.training.events import Event
from alexnet.training.loop import Intervals, Outcome, train
from alexnet.training.run_folder import RunError, RunFolder, begun_by
from alexnet.training.schedule import Constant
from training.ranks import environment_of, free_port, together
from training.runs import after, assert_same_run
from training.small import NETWORK, RECIPE, pictures
from training.test_loop_from_store import opened, store_of

OFTEN = Intervals(row_steps=2, save_steps=3)


def test_torchruns_environment_says_who_this_is() -> None:
    assert ranks_of({"HOME": "/"}) == Ranks()
    found = ranks_of(environment_of(1, 3, 2000) | {"TORCHELASTIC_RESTART_COUNT": "2"})
    known = Ranks(rank=1, count=3, local=1, local_count=3, restarts=2, launch="test", named=True)
    assert found == known
    unnamed = ranks_of(environment_of(1, 3, 2000) | {"TORCHELASTIC_RUN_ID": "none"})
    assert unnamed.launch.endswith(f":{os.getppid()}")  # by whoever launched it
    assert not unnamed.named
    gone = environment_of(0, 1, free_port()) | {"TORCHELASTIC_USE_AGENT_STORE": "True"}
    with (
        pytest.raises(GroupError, match="rank 0 of 1: what started it is gone"),
        joined(ranks_of(gone)),
    ):
        pytest.fail("joined nobody")
    with pytest.raises(GroupError, match="lacks WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"):
        ranks_of({"RANK": "0"})
    with pytest.raises(GroupError, match="RANK=x; it must be a whole number"):
        ranks_of(environment_of(0, 2, 2000) | {"RANK": "x"})
    with pytest.raises(GroupError, match="RANK=2 and WORLD_SIZE=2"):
        ranks_of(environment_of(2, 2, 2000))


def test_one_process_alone_tells_nobody_anything() -> None:
    with joined(Ranks()) as group:
        assert group == ALONE
        assert group.sum(1.5, 2) == (1.5, 2)
        assert group.any(False, True) == (False, True)
        assert group.gather("x") == ["x"]
        assert group.lead(lambda: 3) == 3
        with pytest.raises(ValueError, match="own"), group.agreed():
            raise ValueError("own")


def test_processes_find_one_another_and_nobody_who_is_gone() -> None:
    """One machine's were begun anew twice, the other's for the first time, in the same store."""
    store = HashStore()
    for _ in range(3):  # the store keeps what those of before have said
        groups = [Group(Ranks(rank=rank, count=3, restarts=2 * rank), 20) for rank in range(3)]
        with ThreadPoolExecutor(3) as pool:
            rooms = list(pool.map(lambda group: room(store, group), reversed(groups)))
        assert not any(each.check(["said"]) for each in rooms)
        rooms[0].set("said", "hello")
        assert [each.get("said") for each in rooms] == [b"hello"] * 3
    with pytest.raises(dist.DistError, match="timeout: rank 1 has not come"):
        room(store, Group(Ranks(count=2), 0.1))


def conversation(group: Group) -> list[Any]:
    """What a process hears."""
    rank = group.ranks.rank
    found: list[Any] = [
        group.sum(rank, 2**53 - 3 if rank == 0 else 1),
        group.any(rank == 1, False),
        group.gather("abc"[rank]),
        group.lead(lambda: {"rank": rank}),
    ]
    for wrong in (0, 2):
        try:
            with group.agreed():
                if rank >= wrong:
                    raise ValueError(f"mistake of {rank}")
        except ValueError as error:
            found.append(error)
    try:
        group.lead(lambda: read(Path("nowhere.safetensors")))
    except ValueError as error:
        found.append(type(error).__name__)
    return found


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Three processes, what they heard and how they ran, and the folder of their runs."""
    path = tmp_path_factory.mktemp("three")
    go(ALONE, path / "more", steps=7)
    return path, together(3, heard_and_run, path)


def heard_and_run(group: Group, path: Path) -> tuple[list[Any], list[Any], int]:
    return conversation(group), runs(group, path), stopped_and_gone_on(group, path)


def test_what_processes_tell_one_another(three: tuple[Path, list[Any]]) -> None:
    answers = [heard for heard, _, _ in three[1]]
    for rank, answer in enumerate(answers):
        assert answer[:4] == [(3, 2**53 - 1), (True, False), ["a", "b", "c"], {"rank": 0}]
        said = [type(error) for error in answer[4:6]]
        assert said == [ValueError if rank == wrong else LedError for wrong in (0, 2)]
        assert answer[6] == ("FormatError" if rank == 0 else "LedError")
    assert "rank 2 has met" in str(answers[0][5])


def test_a_count_is_given_only_where_each_picture_was_seen_once() -> None:
    def tally(count: int) -> Tally:
        return Tally(right1=count, right5=count, seen=count, expected=count)

    def counted(start: int, stop: int) -> Counted:
        return Counted(start=start, stop=stop, tally=tally(stop - start) if stop > start else None)

    whole = summed([counted(3, 7), counted(0, 0), counted(0, 3), counted(7, 7)], 7)
    assert whole == replace(tally(7), expected=7)
    with pytest.raises(EvaluationError, match="picture 3 of 7 was seen by none"):
        check_whole([(0, 3), (4, 7)], 7)
    with pytest.raises(EvaluationError, match="picture 2 of 7 was seen by more than one"):
        check_whole([(0, 3), (2, 7)], 7)
    with pytest.raises(EvaluationError, match="saw 3 pictures of 7"):
        summed([counted(0, 3), counted(0, 0)], 7)
    with pytest.raises(EvaluationError, match="there are no pictures"):
        summed([counted(0, 0)], 0)
    half = Counted(start=0, stop=7, tally=tally(6))
    with pytest.raises(EvaluationError, match="6 pictures were counted of 7"):
        summed([half], 7)


@pytest.mark.parametrize("raw", [True, False])
def test_a_share_of_a_stores_pictures_is_read_alone(tmp_path: Path, raw: bool) -> None:
    pictures_of_store = opened(store_of(tmp_path, raw=raw), 0).pictures("train")
    every = pictures_of_store.images[:]
    own = [share(len(every), rank, 3) for rank in range(3)]
    shares = [shard(pictures_of_store, each) for each in own]
    assert torch.equal(torch.cat([each.images[:] for each in shares]), every)
    assert torch.equal(torch.cat([each.labels for each in shares]), pictures_of_store.labels)
    assert [each.images.shape[0] for each in shares] == [each.stop - each.start for each in own]


def go(group: Group, path: Path, *, steps: int = 0, resume: bool = False) -> Outcome:
    """A run, stopped after so many steps by the wish of the last process alone."""
    last = steps and group.ranks.rank == group.ranks.count - 1
    stop = after(steps) if last else lambda: False
    shown = {"validation": pictures(23), "test": pictures(2)}
    return train(
        *(NETWORK, pictures(), RECIPE, path),
        **shown,  # type: ignore[arg-type]
        stop=stop,
        resume=resume,
        intervals=OFTEN,
        group=group,
    )


def runs(group: Group, path: Path) -> list[Any]:
    """Runs of several processes, whole and going on, and what they are refused."""
    said: list[Event] = []
    found: list[Any] = [go(group, path / "whole")]
    found += [go(group, path / "more", resume=True), go(group, path / "fewer", steps=7)]
    wild = replace(RECIPE, lr=1e30, schedule=Constant())
    other = pictures(60 + group.ranks.rank)
    for shown, recipe, folder in (
        (pictures(), wild, "wild"),
        (pictures(), RECIPE, "whole"),
        (other, RECIPE, "other"),
    ):
        try:
            train(NETWORK, shown, recipe, path / folder, group=group, report=said.append)
        except ValueError as error:
            found.append((type(error), str(error)))
    return [*found, len(said) > 0]


def assert_near(one: Path, other: Path) -> None:
    """The same run but for rounding; validations, which are counted, are the same exactly."""
    rows = [RunFolder(path).rows(clock=False) for path in (one, other)]
    assert len(rows[0]) == len(rows[1])
    for mine, others in zip(*rows, strict=True):
        assert mine.keys() == others.keys()
        for key in mine:
            expected = pytest.approx(others[key], rel=1e-4) if "loss" in key else others[key]
            assert mine[key] == expected, key
    first, second = (read(RunFolder(path).final).arrays for path in (one, other))
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-4, atol=1e-5)


def test_runs_of_several_processes_are_those_of_one(three: tuple[Path, list[Any]]) -> None:
    tmp_path, answers = three[0], [run for _, run, _ in three[1]]
    go(ALONE, tmp_path / "alone")
    first = answers[0]
    assert [outcome.finished for outcome in first[:3]] == [True, True, False]
    assert first[0].test == replace(first[0].test, seen=2, expected=2)  # one process saw none
    for rank, answer in enumerate(answers):
        assert answer[:3] == first[:3]
        (diverged, said), (taken, _), (unlike, told) = answer[3:6]
        assert diverged is DivergedError
        assert "is the first layer" in said
        assert taken is (RunError if rank == 0 else LedError)
        assert unlike is GroupError
        assert "rank 1 has other pictures" in told
        assert answer[6] == (rank == 0)  # who reports
    assert_near(tmp_path / "whole", tmp_path / "alone")
    assert_near(tmp_path / "more", tmp_path / "alone")
    assert begun_by(tmp_path / "whole", "test")
    assert not begun_by(tmp_path / "whole", "another launch")
    assert not begun_by(tmp_path / "alone", "test")
    assert go(ALONE, tmp_path / "fewer", resume=True).finished
    assert_near(tmp_path / "fewer", tmp_path / "alone")
    assert not (tmp_path / "other").exists()


def test_the_same_processes_learn_the_same_bit_for_bit(three: tuple[Path, list[Any]]) -> None:
    path, answers = three
    assert [stops for _, _, stops in answers] == [answers[0][2]] * 3
    assert answers[0][2] > 3
    assert_same_run(path / "whole", path / "parts")


def stopped_and_gone_on(group: Group, path: Path) -> int:
    """A run that is stopped again and again; how often that is."""
    go(group, path / "parts", steps=4)
    stops = 1
    while not go(group, path / "parts", resume=True, steps=4).finished:
        stops += 1
    return stops


@pytest.mark.slow
def test_what_four_processes_began_two_go_on_with(tmp_path: Path) -> None:
    go(ALONE, tmp_path / "alone")
    begun = together(4, some_steps, tmp_path / "run")
    assert [outcome.finished for outcome in begun] == [False] * 4
    ended = together(2, the_rest, tmp_path / "run")
    assert [outcome.finished for outcome in ended] == [True] * 2
    assert_near(tmp_path / "run", tmp_path / "alone")


def some_steps(group: Group, path: Path) -> Outcome:
    return go(group, path, steps=7)


def the_rest(group: Group, path: Path) -> Outcome:
    return go(group, path, resume=True)
