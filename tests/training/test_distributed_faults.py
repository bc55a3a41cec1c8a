"""Processes that are killed, stalled or left alone: no hang, one sentence, and a run that goes on
as if nothing had been. This file is also the program that torchrun starts.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from alexnet.training.distributed import Group, GroupError, joined, ranks_of
from alexnet.training.loop import Intervals, train
from alexnet.training.run_folder import begun_by
from training.ranks import together
from training.runs import assert_same_run
from training.small import NETWORK, RECIPE, pictures

OFTEN = Intervals(row_steps=2, save_steps=2)
STRUCK = 7
"""The step after which a process is struck."""

TIMEOUT, STALL = 4.0, 7.0
"""Seconds that others are waited for where one is silent for longer."""


def learn(group: Group, path: Path, blow: str = "", struck: Sequence[int] = (1,)) -> str:
    """A run in which a process meets a blow, and where it was begun anew for it perhaps another
    one, at a step that is drawn; how it ended.
    """
    asked, times = iter(range(1, 1000)), group.ranks.restarts
    step = random.Random(times).randrange(1, 6) if times else STRUCK

    def stop() -> bool:
        if next(asked) == step and list(struck[times : times + 1]) == [group.ranks.rank]:
            _meet(blow)
        return False

    try:
        outcome = train(
            *(NETWORK, pictures(), RECIPE, path),
            resume=group.ranks.restarts > 0 and begun_by(path, group.ranks.launch),
            stop=stop,
            intervals=OFTEN,
            group=group,
        )
    except GroupError as error:
        return str(error)
    return outcome.message


def _meet(blow: str) -> None:
    match blow:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "asleep":
            time.sleep(STALL)
        case "slow":
            time.sleep(1)
        case "stalled":
            subprocess.Popen(["sh", "-c", f"sleep {STALL + 5}; kill -CONT {os.getpid()}"])
            os.kill(os.getpid(), signal.SIGSTOP)
        case "full disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        case "launcher killed":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(30)  # the end comes before
        case _:
            pass


def all_blows(group: Group, path: Path) -> list[str]:
    """Ends of runs with blows that processes outlive, the last one's but for the group."""
    return [learn(group, path / blow, blow) for blow in ("whole", "slow", "asleep")]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of two processes' runs, each called by its blow, and how each ended."""
    path = tmp_path_factory.mktemp("two")
    return path, together(2, all_blows, path, timeout=TIMEOUT)


def test_a_stall_is_waited_for_up_to_the_timeout(two: tuple[Path, list[list[str]]]) -> None:
    path, answers = two
    assert [answer[:2] for answer in answers] == [["finished 3 epochs"] * 2] * 2
    assert_same_run(path / "slow", path / "whole")
    assert "rank 0 of 2: waited 4 seconds for another process" in answers[0][2]
    assert "--resume" in answers[0][2]
    assert "rank 1 of 2: another process is gone" in answers[1][2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blow", "struck"), [("killed", (0, 1, 1)), ("stalled", (1,)), ("full disk", (0,))]
)
def test_all_are_begun_anew_and_the_run_is_the_same(
    tmp_path: Path, two: tuple[Path, list[list[str]]], blow: str, struck: Sequence[int]
) -> None:
    ended = torchrun(tmp_path, blow, *struck)
    assert ended.returncode == 0, ended.stderr
    assert "finished 3 epochs" in ended.stdout
    assert_same_run(tmp_path, two[0] / "whole")
    told = {
        "killed": "another process is gone",
        "stalled": f"waited {TIMEOUT + 2:g} seconds for another process",
        "full disk": "cannot be written",
    }
    assert told[blow] in ended.stdout + ended.stderr


@pytest.mark.slow
def test_processes_end_when_what_started_them_is_killed(tmp_path: Path) -> None:
    ended = torchrun(tmp_path, "launcher killed", 1)
    assert ended.returncode == -signal.SIGKILL
    until = time.monotonic() + 60
    while any(str(tmp_path) in line for line in command_lines()):
        assert time.monotonic() < until, "a process lives on"
        time.sleep(0.05)
    assert "finished" not in (tmp_path / "said").read_text()


def torchrun(path: Path, blow: str, *struck: int) -> subprocess.CompletedProcess[str]:
    path.mkdir(exist_ok=True)
    engine = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = ["--max-restarts=5", __file__, str(path), blow, *map(str, struck)]
    places = [str(Path(__file__).parent.parent), *sys.path]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)}
    with (path / "said").open("w") as said:
        done = subprocess.run(
            [*engine, *words], stdout=said, stderr=subprocess.PIPE, text=True, env=environment,
            timeout=300, check=False,
        )  # fmt: skip
    done.stdout = (path / "said").read_text()
    return done


def command_lines() -> list[str]:
    """Of all processes, as far as the system tells."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text())
        except OSError:
            continue
    return found


def main() -> None:
    path, blow, struck = Path(sys.argv[1]), sys.argv[2], [int(word) for word in sys.argv[3:]]
    timeout = TIMEOUT + 2 if blow == "stalled" else 30
    with joined(ranks_of(os.environ), timeout_seconds=timeout) as group:
        said = learn(group, path, blow, struck)
    print(said, flush=True)
    sys.exit(0 if said.startswith("finished") else 2)


if __name__ == "__main__":
    main()
