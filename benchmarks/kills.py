"""Kills `alexnet prepare` and `alexnet train` again and again; what they end in must be the same.

    python benchmarks/kills.py prepare|digits|store WORK [--kills 100] [--seed 0] [--seconds 0]
    python benchmarks/kills.py record WORK

Each command is killed (SIGKILL) at drawn moments and begun again until it ends by itself; then what
it made is compared with what the undisturbed command made. Most commands run in a process forked
from this one, which has everything imported, so that few kills fall into the start; others are
begun afresh, as a shell begins them. WORK keeps the counts, so that many short calls add up.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # a process with threads of its own cannot be forked

import argparse
import dataclasses
import functools
import hashlib
import importlib
import json
import mmap
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results import record

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

PATIENCE = 120
"""Seconds after which a command that was left alone counts as hanging."""


@dataclass(frozen=True)
class Mark:
    """A function of the program, and what goes on from the moment when it is called."""

    owner: str
    name: str
    phase: str


PREPARE = (
    Mark("alexnet.images.preparing.prepare", "gather", "looking through the source"),
    Mark("alexnet.images.preparing.prepare", "write_manifest", "writing the first manifest"),
    Mark("alexnet.images.preparing.prepare", "write_shards", "writing shards"),
    Mark("alexnet.images.preparing.prepare", "finish", "statistics and last manifest"),
)
TRAIN = (
    Mark("alexnet.cli.learn", "_open_source", "opening the pictures"),
    Mark("alexnet.training.run_folder", "create", "making the run folder"),
    Mark("alexnet.training.run_folder", "reopen", "reading the run"),
    Mark("alexnet.training.run_folder:RunFolder", "truncate", "cutting the metrics"),
    Mark("alexnet.training.learner:Learner", "step", "a step"),
    Mark("alexnet.training.run_folder:RunFolder", "append", "a row of metrics"),
    Mark("alexnet.training.loop", "evaluate", "validating, testing"),
    Mark("alexnet.training.run_folder:RunFolder", "save", "saving a checkpoint"),
    Mark("alexnet.training.loop", "write", "the final checkpoint"),
)
START = "starting"


@dataclass(frozen=True)
class Target:
    """A command to be killed.

    Attributes:
        kind: what the row calls it.
        words: of the command that makes a folder, or goes on with it.
        differs: says what of two folders is not the same, or nothing.
        marks: what goes on in it.
        aimed: phases that are too short to be struck often by chance.
    """

    kind: str
    words: Callable[[Path], list[str]]
    differs: Callable[[Path, Path], str]
    marks: tuple[Mark, ...]
    aimed: tuple[str, ...]


@dataclass
class Counts:
    """What came of the kills so far: by phase; commands begun, and seconds that one takes afresh;
    kills of commands begun afresh and of workers; ends compared.
    """

    phases: dict[str, int] = field(default_factory=dict)
    begun: int = 0
    start: float = 0.0
    fresh: int = 0
    workers: int = 0
    compared: int = 0
    equal: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def struck(self) -> int:
        return sum(self.phases.values())


class Board:
    """What a forked command is at, and how often it has come to each phase: shared memory."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.phases = [START, *(mark.phase for mark in marks)]
        self.memory = mmap.mmap(-1, 1 + len(self.phases))

    def clear(self) -> None:
        self.memory[:] = bytes(len(self.memory))

    def enter(self, number: int) -> None:
        self.memory[0] = number
        self.memory[1 + number] = min(255, self.memory[1 + number] + 1)

    def phase(self) -> str:
        return self.phases[self.memory[0]]

    def times(self, phase: str) -> int:
        return self.memory[1 + self.phases.index(phase)]


def put_marks(marks: Sequence[Mark], board: Board) -> None:
    """Lets every marked function say on the board that it was called."""
    for number, mark in enumerate(marks, start=1):
        module, _, of = mark.owner.partition(":")
        owner: Any = importlib.import_module(module)
        owner = getattr(owner, of) if of else owner
        setattr(owner, mark.name, _telling(getattr(owner, mark.name), board, number))


def _telling(function: Callable[..., Any], board: Board, number: int) -> Callable[..., Any]:
    @functools.wraps(function)
    def told(*positional: object, **named: object) -> object:
        board.enter(number)
        return function(*positional, **named)

    return told


def forked(words: list[str], log: Path) -> int:
    """Begins a command in a process forked from this one; returns its number."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        from alexnet.cli import run

        sys.argv = ["alexnet", *words]
        run(words)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def fresh(words: list[str], log: Path) -> int:
    """Begins a command as a shell does."""
    with log.open("ab") as file:
        command = [sys.executable, "-m", "alexnet", *words]
        return subprocess.Popen(command, stdout=file, stderr=file).pid


def ended(process: int, seconds: float) -> int | None:
    """The exit status of a child, negative for a signal; None where it lives on so long."""
    until = time.perf_counter() + seconds
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.perf_counter() > until:
            return None
        time.sleep(0.0005)


def workers_of(process: int) -> list[int]:
    """The processes that a command has started to work for it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    lines = ((int(pid), Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in children)
    return [pid for pid, line in lines if b"spawn_main" in line]


class Hunt:
    """Kills of one target: each drawn from the seed and its number."""

    def __init__(self, target: Target, work: Path, seed: int) -> None:
        """Makes what all others are compared with, by the command as a shell begins it."""
        self.target, self.work, self.seed = target, work, seed
        self.state, self.log = work / f"{target.kind}.json", work / f"{target.kind}.log"
        self.counts = Counts()
        if self.state.exists():
            self.counts = Counts(**json.loads(self.state.read_text()))
        self.whole = work / f"{target.kind}-whole"
        self.board = Board(target.marks)
        put_marks(target.marks, self.board)
        if not self.counts.start:
            self.counts.start = self._undisturbed(self.whole, fresh)
        unhurried = work / f"{target.kind}-unhurried"
        self.seconds = self._undisturbed(unhurried, forked)
        assert not target.differs(self.whole, unhurried), f"see {self.log}"
        self.often = {mark.phase: self.board.times(mark.phase) for mark in target.marks}

    def _undisturbed(self, out: Path, begin: Callable[[list[str], Path], int]) -> float:
        """Seconds that the command takes."""
        shutil.rmtree(out, ignore_errors=True)
        self.board.clear()
        began = time.perf_counter()
        status = ended(begin(self.target.words(out), self.log), PATIENCE)
        assert status == 0, f"see {self.log}"
        return time.perf_counter() - began

    def one(self) -> None:
        """A folder, begun and killed until it is whole, and compared."""
        out = self.work / f"{self.target.kind}-killed"
        shutil.rmtree(out, ignore_errors=True)
        while True:
            self.counts.begun += 1
            status = self._strike(out, random.Random(f"{self.seed} {self.counts.begun}"))
            if status is None:
                return self._wrong(f"hangs after {self.counts.struck} kills")
            if status == 0:
                break
            if status > 0:
                return self._wrong(f"leaves with {status} after {self.counts.struck} kills")
        self.counts.compared += 1
        different = self.target.differs(self.whole, out)
        if different:
            return self._wrong(different)
        self.counts.equal += 1
        return self._keep()

    def _wrong(self, what: str) -> None:
        self.counts.wrong.append(what)
        print(f"{what}: see {self.log}")
        self._keep()

    def _keep(self) -> None:
        self.state.write_text(json.dumps(dataclasses.asdict(self.counts)))

    def _strike(self, out: Path, draw: random.Random) -> int | None:
        """Begins the command and kills it; its status is 0 where it was done before that."""
        self.board.clear()
        how = draw.choice(["afresh", "aimed", "anywhere", "anywhere"])
        begin = fresh if how == "afresh" else forked
        process = begin(self.target.words(out), self.log)
        if how == "aimed":
            phase, wait = draw.choice(self.target.aimed), draw.uniform(0, 0.004)
            times = draw.randint(1, max(1, min(3, self.often[phase])))
            done = self._await(process, phase, times, wait)
        else:
            start = max(0.0, self.counts.start - self.seconds) if how == "afresh" else 0.0
            done = ended(process, draw.uniform(0, start + self.seconds * 0.75))
        if done is not None:
            return done
        return self._kill(process, how, draw)

    def _await(self, process: int, phase: str, times: int, wait: float) -> int | None:
        while self.board.times(phase) < times:
            done = ended(process, 0.0002)
            if done is not None:
                return done
        return ended(process, wait)

    def _kill(self, process: int, how: str, draw: random.Random) -> int | None:
        """Negative where the kill struck a living process."""
        phase = "not told: a process begun afresh" if how == "afresh" else self.board.phase()
        workers = workers_of(process) if draw.random() < 0.25 else []
        if workers:
            os.kill(draw.choice(workers), signal.SIGKILL)
            status = ended(process, PATIENCE)
            if status is None:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                return None
            if status == 0:  # the worker had nothing more to do
                return 0
            phase, self.counts.workers = f"{phase}, of a worker", self.counts.workers + 1
        else:
            os.kill(process, signal.SIGKILL)
            status = ended(process, PATIENCE)
            if status != -signal.SIGKILL:
                return status
        self.counts.fresh += how == "afresh"
        self.counts.phases[phase] = self.counts.phases.get(phase, 0) + 1
        self._keep()
        return -signal.SIGKILL


def stores_differ(one: Path, other: Path) -> str:
    """Which files of two stores, hidden ones included, have other bytes."""
    sums = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (one, other)
    ]
    return ", ".join(sorted({name for name, _ in sums[0].items() ^ sums[1].items()}))


def runs_differ(one: Path, other: Path) -> str:
    """What of two runs is not the same: rows but for the clock, final and last arrays."""
    import numpy as np

    from alexnet.formats import read
    from alexnet.training.run_folder import RunFolder

    folders = RunFolder(one), RunFolder(other)
    if folders[0].rows(clock=False) != folders[1].rows(clock=False):
        return "metrics.jsonl"
    left = sorted(path.name for path in other.glob("**/.*"))
    if left:
        return f"left behind: {', '.join(left)}"
    pairs = [tuple(read(folder.final).arrays for folder in folders)]
    newest = [folder.newest(print) for folder in folders]
    states = [found.training for found in newest if found is not None and found.training]
    if len(states) != 2 or states[0].progress != states[1].progress:
        return "the last checkpoint's progress"
    pairs.append((states[0].velocities, states[1].velocities))
    for mine, others in pairs:
        same = mine.keys() == others.keys()
        if not same or not all(np.array_equal(mine[key], others[key]) for key in mine):
            return "arrays"
    return ""


def target_of(kind: str, work: Path) -> Target:
    if kind == "prepare":
        source = _tars(work / "ILSVRC2012", 300)
        words = ["prepare", str(source), "OUT", "--workers", "2", "--shard-pictures", "128"]
        aimed = ("writing the first manifest", "statistics and last manifest")
        return Target(kind, lambda out: _named(words, out), stores_differ, PREPARE, aimed)
    words = ["train", "digits", "--set", "epochs=6"]
    if kind == "store":
        words = ["train", str(_small_store(work)), "--network", str(_network(work))]
        words += ["--recipe", "as-run", "--set", "epochs=6", "--set", "batch_size=32"]

    def going_on(out: Path) -> list[str]:
        return [*words, "--run", str(out), *(["--resume"] * (out / "recipe.json").exists())]

    aimed = ("saving a checkpoint", "a row of metrics", "the final checkpoint", "reading the run")
    return Target(kind, going_on, runs_differ, TRAIN, aimed)


def _named(words: Sequence[str], out: Path) -> list[str]:
    return [str(out) if word == "OUT" else word for word in words]


def _tars(folder: Path, more: int) -> Path:
    """A miniature ILSVRC with so many more training pictures of each class."""
    from images.ilsvrc_files import Miniature, miniature, plain, write_tars

    if not folder.exists():
        small = miniature()
        train = {
            id: [*known, *(plain(f"{id}_{n}.JPEG", n) for n in range(1000, 1000 + more))]
            for id, known in small.train.items()
        }
        write_tars(folder, Miniature(2012, train, small.val, small.test))
    return folder


def _small_store(work: Path) -> Path:
    """Records of the side that the small network's crops are cut from."""
    source, store = _tars(work / "ILSVRC2012-small", 40), work / "store"
    words = ["prepare", str(source), str(store), "--side", "99", "--workers", "2"]
    assert ended(fresh(words, work / "store.log"), PATIENCE) == 0, f"see {work}/store.log"
    return store


def _network(work: Path) -> Path:
    from alexnet.network.codec import to_json
    from reduced import reduced

    path = work / "network.json"
    path.write_text(to_json(reduced("as_run")), encoding="utf-8")
    return path


KINDS = {
    "prepare": "prepare, ILSVRC's tars, two workers",
    "digits": "train digits, the network tiny",
    "store": "train from a store, as_run made small",
}


def write_rows(work: Path) -> None:
    rows: list[list[str]] = []
    for kind, name in KINDS.items():
        counts = Counts(**json.loads((work / f"{kind}.json").read_text()))
        where = Counter(counts.phases).most_common()
        rows.append(
            [
                name,
                f"{counts.struck:,}",
                f"{counts.fresh:,}",
                f"{counts.workers:,}" if kind != "digits" else "–",
                ", ".join(f"{phase} {count}" for phase, count in where),
                f"{counts.compared:,}",
                f"{counts.equal:,}",
                f"{len(counts.wrong):,}",
            ]
        )
    record(
        "13-kills",
        title="Killed (SIGKILL) at any moment and begun again",
        command="python benchmarks/kills.py prepare|digits|store|record WORK",
        wanted="100 kills of each; every end equal to an undisturbed one's",
        columns=["command", "kills", "of them begun afresh", "of a worker alone", "in the midst of",
                 "ends compared", "equal", "anything else"],
        rows=rows,
        remark="Only kills that struck a living process count. A store is compared by the SHA-256 "
        "of every file, a run by its final weights, its last velocities and its metrics but for "
        "the clock. A quarter of the kills is aimed at short phases; a phase lasts until the next.",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=[*KINDS, "record"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="then it stops; 0: when done")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.kind == "record":
        write_rows(given.work)
        return
    began = time.perf_counter()
    hunt = Hunt(target_of(given.kind, given.work), given.work, given.seed)
    print(f"undisturbed: {hunt.seconds:.1f} s")
    while hunt.counts.struck < given.kills:
        hunt.one()
        counts = hunt.counts
        print(f"{counts.struck} kills, {counts.equal} of {counts.compared} equal", flush=True)
        if given.seconds and time.perf_counter() - began > given.seconds:
            break
    print(hunt.counts)


if __name__ == "__main__":
    main()
