"""Kills a process of a run of two, or what started them, again and again; the end must be the same.

    python benchmarks/rank_kills.py run WORK [--kills 50] [--seed 0] [--seconds 0]
    python benchmarks/rank_kills.py record WORK

`alexnet train digits --processes 2 --restarts …` is struck (SIGKILL) at drawn moments: rank 0, rank
1 or the launcher. A rank that is killed is begun anew by torchrun's engine, without anybody's help;
after the launcher's death the command is given again with --resume. The run that comes to its end
is compared with an undisturbed one. WORK keeps the counts, so that many short calls add up.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import dataclasses
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kills import Counts, ended, fresh, runs_differ
from results import record

WORDS = ["train", "digits", "--set", "epochs=5", "--save-steps", "20", "--processes", "2"]
PATIENCE = 600
"""Seconds after which a run that was left alone counts as hanging, however busy the machine."""

VICTIMS = ("rank 0", "rank 1", "launcher")
STARTS = 0.25
"""Share of the kills that are meant to strike while all is begun."""

STARTED, LEARNING = "while starting", "while learning"


def ranks_of(launcher: int) -> dict[str, int]:
    """The processes that learn, by rank: children of the launcher that torchrun's engine named."""
    found: dict[str, int] = {}
    try:
        children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
        for child in children:
            variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            names = [each[5:].decode() for each in variables if each.startswith(b"RANK=")]
            found |= {f"rank {name}": int(child) for name in names}
    except OSError:  # one of them has ended meanwhile
        return found
    return found


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(what: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it came true in time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if what():
            return True
        time.sleep(0.005)
    return False


def moved(out: Path, since: float) -> bool:
    """Whether a run has written of its steps since then."""
    files = [out / "metrics.jsonl", *out.glob("checkpoints/step-*")]
    try:
        return any(each.stat().st_mtime > since for each in files if each.exists())
    except OSError:  # it has just replaced one
        return True


class Hunt:
    """Kills drawn from the seed and their number; `kills.Hunt` for several processes."""

    def __init__(self, work: Path, seed: int) -> None:
        """Makes what all others are compared with, unless WORK has it."""
        self.work, self.seed = work, seed
        self.state, self.log = work / "ranks.json", work / "ranks.log"
        self.counts = Counts()
        if self.state.exists():
            self.counts = Counts(**json.loads(self.state.read_text()))
        self.whole, times = work / "whole", work / "undisturbed.json"
        if not times.exists():
            times.write_text(json.dumps(self._undisturbed()))
        self.start, self.learning = json.loads(times.read_text())

    def _undisturbed(self) -> tuple[float, float]:
        """Seconds until it learns, and from then on to the end."""
        shutil.rmtree(self.whole, ignore_errors=True)
        began, launcher = time.time(), self._begin(self.whole)
        assert until(lambda: moved(self.whole, began)), f"see {self.log}"
        start = time.time() - began
        assert ended(launcher, PATIENCE) == 0, f"see {self.log}"
        return start, time.time() - began - start

    def _begin(self, out: Path) -> int:
        resumed = ["--resume"] * (out / "recipe.json").exists()
        return fresh([*WORDS, "--restarts", "1000", "--run", str(out), *resumed], self.log)

    def one(self, most: int) -> None:
        """A run, or what is left of one, that is struck until it comes to its end, or there were
        kills enough: then it is left to end. It is compared.
        """
        out = self.work / "killed"
        launcher = self._begin(out)
        while self.counts.struck < most:
            self.counts.begun += 1
            draw = random.Random(f"{self.seed} {self.counts.begun}")
            status = self._left_alone(launcher, out, draw)
            if status is not None:
                break
            launcher = self._strike(launcher, draw, out)
        else:
            status = ended(launcher, PATIENCE)
        if status != 0:
            self._keep(f"ends with {status} after {self.counts.struck} kills")
            return
        self.counts.compared += 1
        different = runs_differ(self.whole, out)
        self.counts.equal += not different
        self._keep(different)
        shutil.rmtree(out)

    def _left_alone(self, launcher: int, out: Path, draw: random.Random) -> int | None:
        """Waits for a moment while it starts, or while it learns; the exit status of an end."""
        since = time.time()
        if draw.random() < STARTS:
            return ended(launcher, draw.uniform(0, self.start))
        while time.time() < since + PATIENCE and not moved(out, since):
            status = ended(launcher, 0.02)
            if status is not None:
                return status
        return ended(launcher, draw.uniform(0, self.learning / 3))  # so that most are struck again

    def _strike(self, launcher: int, draw: random.Random, out: Path) -> int:
        """Kills one of them; the launcher that goes on."""
        ranks, victim = ranks_of(launcher), draw.choice(VICTIMS)
        known = {"launcher": launcher, **ranks}
        if victim not in known or not alive(known[victim]):
            return launcher
        rows = out / "metrics.jsonl"
        learning = all(alive(each) for each in ranks.values()) and ranks and rows.exists()
        os.kill(known[victim], signal.SIGKILL)
        phase = f"{victim} {LEARNING if learning else STARTED}"
        self.counts.phases[phase] = self.counts.phases.get(phase, 0) + 1
        if victim == "launcher":
            os.waitpid(launcher, 0)
            if not until(lambda: not any(alive(each) for each in ranks.values())):
                self._keep("processes outlive their launcher")
            launcher = self._begin(out)
        self._keep("")
        return launcher

    def _keep(self, wrong: str) -> None:
        if wrong:
            self.counts.wrong.append(wrong)
            print(f"{wrong}: see {self.log}")
        self.state.write_text(json.dumps(dataclasses.asdict(self.counts)))


def write_rows(work: Path) -> None:
    counts = Counts(**json.loads((work / "ranks.json").read_text()))
    where = Counter(counts.phases)
    cells = {"kills": f"{counts.struck:,}"}
    for victim in VICTIMS:
        own = {phase: count for phase, count in where.items() if phase.startswith(victim)}
        cells[f"of {victim}"] = f"{sum(own.values()):,}"
    cells["of them while starting"] = f"{sum(v for k, v in where.items() if STARTED in k):,}"
    cells["ends compared"] = f"{counts.compared:,}"
    cells["equal"] = f"{counts.equal:,}"
    cells["anything else"] = f"{len(counts.wrong):,}"
    record(
        "32-rank-kills",
        title="Two processes that learn together, one of them or the launcher killed (SIGKILL)",
        command="python benchmarks/rank_kills.py run|record WORK",
        wanted="50 kills; every end equal to an undisturbed one's",
        columns=list(cells),
        rows=[list(cells.values())],
        remark=f"`alexnet {' '.join(WORDS)}` with restarts: killed ranks are begun anew by "
        "torchrun's engine, and after the launcher's death the command is given again. A run is "
        "compared by its final weights, its last velocities and its metrics but for the clock.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "record"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="then it stops; 0: when done")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.what == "record":
        write_rows(given.work)
        return
    began = time.perf_counter()
    hunt = Hunt(given.work, given.seed)
    print(f"undisturbed: {hunt.start:.1f} s until it learns, {hunt.learning:.1f} s of learning")
    while hunt.counts.struck < given.kills:
        hunt.one(given.kills)
        counts = hunt.counts
        print(f"{counts.struck} kills, {counts.equal} of {counts.compared} equal", flush=True)
        if given.seconds and time.perf_counter() - began > given.seconds:
            break
    print(hunt.counts)


if __name__ == "__main__":
    main()
