"""Processes that are killed, stalled or left alone: no hang, one sentence, and a run that goes on
as if nothing had been. This file is also the program that torchrun starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


def learn(group: Group, path: Path, blow: str = "", struck: int = 1) -> str:
    """A run in which the process `struck` meets a blow; how it ended."""
    asked = iter(range(1, 1000))

    def stop() -> bool:
        if next(asked) == STRUCK and group.ranks.rank == struck and not group.ranks.restarts:
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
        case "stalled":
            time.sleep(4)
        case "slow":
            time.sleep(1)
        case "launcher killed":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(30)  # the end comes before
        case _:
            pass


def all_blows(group: Group, path: Path) -> list[str]:
    """Ends of runs with blows that processes outlive, the last one's but for the group."""
    return [learn(group, path / blow, blow) for blow in ("whole", "slow", "stalled")]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of two processes' runs, each called by its blow, and how each ended."""
    path = tmp_path_factory.mktemp("two")
    return path, together(2, all_blows, path, timeout=2)


def test_a_stall_is_waited_for_up_to_the_timeout(two: tuple[Path, list[list[str]]]) -> None:
    path, answers = two
    assert [answer[:2] for answer in answers] == [["finished 3 epochs"] * 2] * 2
    assert_same_run(path / "slow", path / "whole")
    assert "rank 0 of 2: waited 2 seconds for another process" in answers[0][2]
    assert "--resume" in answers[0][2]
    assert "rank 1 of 2: another process is gone" in answers[1][2]


@pytest.mark.slow
def test_a_killed_process_is_begun_anew_with_the_others_and_the_run_is_the_same(
    tmp_path: Path, two: tuple[Path, list[list[str]]]
) -> None:
    ended = torchrun(tmp_path, "killed", struck=0)
    assert ended.returncode == 0, ended.stderr
    assert "finished 3 epochs" in ended.stdout
    assert_same_run(tmp_path, two[0] / "whole")


@pytest.mark.slow
def test_processes_end_when_what_started_them_is_killed(tmp_path: Path) -> None:
    ended = torchrun(tmp_path, "launcher killed")
    assert ended.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while any(str(tmp_path) in line for line in command_lines()):
        assert time.monotonic() < until, "a process lives on"
        time.sleep(0.05)
    assert "finished" not in (tmp_path / "said").read_text()


def torchrun(path: Path, blow: str, struck: int = 1) -> subprocess.CompletedProcess[str]:
    path.mkdir(exist_ok=True)
    engine = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = ["--max-restarts=1", __file__, str(path), blow, str(struck)]
    places = [str(Path(__file__).parent.parent), *sys.path]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)}
    with (path / "said").open("w") as said:
        done = subprocess.run(
            [*engine, *words], stdout=said, stderr=subprocess.PIPE, text=True, env=environment,
            timeout=60, check=False,
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
    path, blow, struck = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with joined(ranks_of(os.environ), timeout_seconds=20) as group:
        said = learn(group, path, blow, struck)
    print(said, flush=True)
    sys.exit(0 if said.startswith("finished") else 2)


if __name__ == "__main__":
    main()
