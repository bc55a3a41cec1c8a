"""The commands of docs/cluster.md, read from the page and run as they stand: on one machine, and on
two network namespaces with a cable between them that stand for two.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from alexnet.formats import read
from alexnet.training.run_folder import RunFolder
from training.hosts import Host, can_have_hosts, two_hosts
from training.runs import assert_same_run

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent.parent / "docs" / "cluster.md"
PATIENCE = 300
"""Seconds after which a command counts as hanging."""

SHORT = " --set epochs=1"
"""What is added to the page's commands, which learn for longer."""


def blocks(heading: str) -> list[str]:
    """The code below a heading of the page."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    return re.findall(
        r"^```\w+\n(.*?)^```", section.partition("\n## ")[0], re.DOTALL | re.MULTILINE
    )


def shortened(block: str, more: str = SHORT) -> str:
    """A block whose commands learn for a moment."""
    assert "--save-steps 20" in block
    return block.replace("--save-steps 20", f"--save-steps 20{more}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all commands are given."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    """The run of two processes on one machine."""
    return run_here(folder, blocks("One machine")[0], "by verb")


@pytest.fixture(scope="module")
def hosts(folder: Path) -> Generator[list[Host]]:
    if why_not := can_have_hosts():
        pytest.skip(why_not)
    with two_hosts(folder) as hosts:
        yield hosts


def run_here(folder: Path, block: str, name: str) -> Path:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    places = os.pathsep.join(sys.path)
    environment = {**os.environ, "PATH": path, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", shortened(block.replace("runs/one", f"'runs/{name}'"))],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test error") == 1  # one process prints
    return folder / "runs" / name


def test_the_verb_and_torchrun_are_the_same(folder: Path, one: Path) -> None:
    assert_same_run(run_here(folder, blocks("One machine")[1], "by torchrun"), one)


def on_both(hosts: list[Host], script: str, **more: str) -> list[subprocess.Popen[str]]:
    """Gives a command on both hosts; what they say goes to files of their names."""
    started: list[subprocess.Popen[str]] = []
    for index, host in enumerate(hosts):
        own = more | {"JOB_COMPLETION_INDEX": str(index)}
        with (host.folder / host.name).open("w") as said:
            started.append(host.start(["bash", "-c", script], said, own))
    return started


def by_hand(hosts: list[Host]) -> str:
    end(on_both(hosts, shortened(blocks("Several machines by hand")[0])), hosts)
    return "by-hand"


def by_slurm(hosts: list[Host]) -> str:
    """`srun` and `scontrol` are stood in for, everything else is the page's."""
    folder = hosts[0].folder
    each = "\n".join(f'{shlex.join(host.words())} "$@" & {host.name}=$!' for host in hosts)
    stands_for(
        folder / "srun", f"[ $1 = --kill-on-bad-exit=1 ] && shift\n{each}\nwait $one && wait $two"
    )
    stands_for(folder / "scontrol", '[ "$*" = "show hostnames one,two" ] && printf "one\\ntwo\\n"')
    told = {"SLURM_JOB_NODELIST": "one,two", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "4711"}
    with (folder / "one").open("w") as said:
        started = hosts[0].start(["bash", "-c", shortened(blocks("Slurm")[0])], said, told)
    end([started], hosts[:1])
    return "4711"


def by_kubernetes(hosts: list[Host]) -> str:
    """What the container of each pod runs."""
    manifest = blocks("Kubernetes")[0]
    assert "command: [bash, -c]" in manifest
    script = textwrap.dedent(manifest.partition("- |\n")[2].partition("volumeMounts:")[0])
    end(on_both(hosts, shortened(script)), hosts)
    return "alexnet"


def stands_for(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


def end(started: list[subprocess.Popen[str]], hosts: list[Host]) -> None:
    for process, host in zip(started, hosts, strict=True):
        assert process.wait(PATIENCE) == 0, (host.folder / host.name).read_text()


@pytest.mark.parametrize("way", [by_hand, by_slurm, by_kubernetes])
def test_two_hosts_learn_what_one_does(
    hosts: list[Host], one: Path, way: Callable[[list[Host]], str]
) -> None:
    before = [host.sent() for host in hosts]
    run = one.parent / way(hosts)
    assert_same_run(run, one)
    numbers = sum(array.size for array in read(RunFolder(run).final).arrays.values())
    steps = 41  # of 1,294 pictures, 32 at a time
    for host, sent in zip(hosts, before, strict=True):  # and it did go by the cable
        assert host.sent() - sent > 4 * numbers * steps
    assert way is not by_hand or goes_on_by_its_name(hosts)


def goes_on_by_its_name(hosts: list[Host]) -> bool:
    """Whether a command that is given again under the same name has nothing more to do."""
    by_hand(hosts)
    return "going on after step 41" in (hosts[0].folder / "one").read_text()


def test_a_run_goes_on_without_a_host_that_is_lost_and_with_it_when_it_comes_back(
    hosts: list[Host],
) -> None:
    folder = hosts[0].folder
    run = RunFolder(folder / "runs" / "elastic")
    endless = shortened(blocks("Several machines by hand")[1], " --set epochs=100000")
    endless = endless.replace("last_call_timeout=1", "last_call_timeout=1,keep_alive_interval=3")
    first, second = on_both(hosts, endless)

    def begun() -> list[str]:
        """How many were said to learn, whenever any began."""
        said = "".join((folder / host.name).read_text() for host in hosts)
        return re.findall(r"held out(?: by (\d) processes)?; run in", said)

    def goes_on() -> bool:
        kept = steps()
        until(lambda: steps() > kept + 20)
        return True

    def steps() -> int:
        return max((number(path) for path in run.checkpoints.glob("step-*")), default=0)

    until(lambda: begun() == ["2"])
    assert goes_on()
    hosts[1].lose()
    second.wait(PATIENCE)
    until(lambda: begun() == ["2", ""])  # alone
    assert goes_on()
    with (folder / "two").open("a") as said:
        second = hosts[1].start(["bash", "-c", endless], said)
    until(lambda: sorted(begun()) == ["", "2", "2"])
    assert goes_on()
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
    for process in (first, second):
        process.wait(PATIENCE)
    rows: list[Any] = [row["step"] for row in run.rows() if row["kind"] == "step"]
    assert rows == list(range(50, rows[-1] + 1, 50))  # none lost, none twice
    found = run.newest(pytest.fail)
    assert found is not None


def number(path: Path) -> int:
    return int(path.name.split("-")[1])


def until(what: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < limit, "it does not come true"
        time.sleep(0.1)
