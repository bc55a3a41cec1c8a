"""Two hosts on one machine, for tests: network namespaces with a cable between them, each with a
name that the other knows. They share the disk, as hosts of a cluster do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ENTER = 'hostname "$1" && mount --bind "$2" /etc/hosts && cd "$3" && shift 3 && exec "$@"'


@dataclass(frozen=True)
class Host:
    """A namespace that stands for a host.

    Attributes:
        space: its name among namespaces.
        name: the host's, under which both find it.
        names: the file that says where each is.
        folder: where its commands run.
    """

    space: str
    name: str
    names: Path
    folder: Path

    def words(self, *command: str) -> list[str]:
        """A command that runs another one there."""
        enter = ["ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", ENTER, "sh"]
        return [*enter, self.name, str(self.names), str(self.folder), *command]

    def start(
        self, command: Sequence[str], output: IO[str], more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Begins a command there, with the tested package and its commands in reach."""
        path = f"{self.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        places = [str(Path(__file__).parent.parent), *sys.path]
        environment = {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": os.pathsep.join(places),
            "OMP_NUM_THREADS": "1",
            **(more or {}),
        }
        return subprocess.Popen(
            self.words(*command), stdout=output, stderr=output, text=True, env=environment
        )

    def lose(self) -> None:
        """Kills all that runs there at once."""
        words = ["ip", "netns", "pids", self.space]
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        for process in told.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)

    def sent(self) -> int:
        """Bytes that went out by the cable."""
        words = ["ip", "netns", "exec", self.space, "cat", "/proc/net/dev"]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        (line,) = (each for each in told.splitlines() if "cable" in each)
        return int(line.partition(":")[2].split()[8])


@contextmanager
def two_hosts(folder: Path) -> Generator[list[Host]]:
    """Two hosts that work in `folder`, for as long as it lasts; all that runs there ends with them.

    Raises:
        CalledProcessError, OSError: namespaces cannot be made here.
    """
    places = ["10.117.0.1", "10.117.0.2"]
    names, own = folder / "hosts", [("one", "alexnet-0.alexnet"), ("two", "alexnet-1.alexnet")]
    lines = [" ".join([place, *each]) for place, each in zip(places, own, strict=True)]
    names.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    hosts = [Host(f"alexnet-{os.getpid()}-{each[0]}", each[0], names, folder) for each in own]
    one, two = (host.space for host in hosts)
    try:
        for host in hosts:
            _ip("netns", "add", host.space)
        _ip(
            "-n", one, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", two
        )
        for host, place in zip(hosts, places, strict=True):
            _ip("-n", host.space, "address", "add", f"{place}/24", "dev", "cable")
            for link in ("lo", "cable"):
                _ip("-n", host.space, "link", "set", link, "up")
        yield hosts
    finally:
        for host in hosts:
            host.lose()
            subprocess.run(["ip", "netns", "del", host.space], capture_output=True, check=False)


def can_have_hosts() -> str:
    """Nothing, or why there can be no hosts here."""
    probe = f"alexnet-{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _ip("netns", "del", probe)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"needs root and iproute2, to make network namespaces ({error})"
    return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True)
