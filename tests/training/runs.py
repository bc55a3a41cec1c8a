"""Short runs for tests: begun, stopped, resumed and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from alexnet.formats import Checkpoint, read
from alexnet.images import PictureSet
from alexnet.network.spec import Network
from alexnet.training.events import Event
from alexnet.training.loop import Intervals, Outcome, train
from alexnet.training.recipe import Recipe
from alexnet.training.run_folder import RunFolder
from training.small import NETWORK, RECIPE, pictures

ROWS = Intervals(row_steps=2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def go(
    path: Path,
    recipe: Recipe = RECIPE,
    *,
    shown: PictureSet | None = None,
    network: Network = NETWORK,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Event], None] = lambda _: None,
    resume: bool = False,
    intervals: Intervals = ROWS,
    start: Checkpoint | None = None,
) -> Outcome:
    return train(
        network,
        shown or pictures(),
        recipe,
        path,
        test=pictures(30),
        stop=stop,
        report=report,
        resume=resume,
        intervals=intervals,
        start=start,
    )


def after(steps: int) -> Callable[[], bool]:
    """Asks to stop when it is asked for the `steps`-th time."""
    asked = iter(range(1, 10**9))
    return lambda: next(asked) >= steps


def assert_same_run(one: Path, other: Path) -> None:
    a, b = RunFolder(one), RunFolder(other)
    assert a.rows(clock=False) == b.rows(clock=False)
    first, second = read(a.final), read(b.final)
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)
    last, newest = a.newest(print), b.newest(print)
    assert last is not None
    assert newest is not None
    assert last.training is not None
    assert newest.training is not None
    assert last.training.progress == newest.training.progress
    for name, velocity in last.training.velocities.items():
        assert np.array_equal(velocity, newest.training.velocities[name])
