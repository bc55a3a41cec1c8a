"""Verbs run by several processes: the options, the processes started, and one of them speaking for
all. What the processes tell one another is in `training.distributed`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

if TYPE_CHECKING:
    from alexnet.network.spec import Network
    from alexnet.training.distributed import Group, Ranks
    from alexnet.training.splitting import Split

Processes = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Share the work among N processes.")
]
Restarts = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", show_default=False, help="Go on by itself after N failures (0)."
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        min=1, metavar="N", show_default=False, help="Seconds to wait for a process (300)."
    ),
]
Towers = Annotated[
    int | None, typer.Option(min=2, metavar="N", help="Its N towers apart, as in 2012.")
]
OneWeirdTrick = Annotated[
    bool, typer.Option("--one-weird-trick", help="Deal out fully-connected layers.")
]
Accumulate = Annotated[
    int,
    typer.Option(
        min=1, metavar="K", show_default=False, help="A batch in K parts, to save memory."
    ),
]
SaveSteps = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Steps between checkpoints.")
]

WAITING_SECONDS = 300.0
"""The default of --timeout, as `distributed` has it; it is not imported for a page of help."""

MISTAKE, INTERRUPTED = 2, 130
"""Exit statuses of processes that have said themselves why they end."""


def ranks_here(processes: int | None, restarts: int | None = None) -> Ranks:
    """Where this process stands. One that is to be many starts them, and leaves when they are done.

    Started by torchrun it is one of those already, and starts none.

    Args:
        processes: how many are asked for; None is this one.
        restarts: how often all are begun anew after one has failed; None where nothing goes on.

    Raises:
        ValueError: torchrun has started other than `processes`, or a process has failed.
    """
    from alexnet.training.distributed import ranks_of

    ranks = ranks_of(os.environ)
    if processes is None or (ranks.launch and processes == ranks.count):
        return ranks
    if ranks.launch:
        raise ValueError(
            f"--processes is {processes} and torchrun has started {ranks.count}; leave --processes"
            " out, as torchrun's own --nproc-per-node says it"
        )
    raise typer.Exit(_launched(processes, restarts))


def _launched(processes: int, restarts: int | None) -> int:
    """Runs this very command in so many processes by torchrun's engine; returns the exit status.

    Each takes its part of the machine's cores, as many threads, unless OMP_NUM_THREADS says so.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # the engine's log; what matters of it is said below
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=restarts or 0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "alexnet", *sys.argv[1:])
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        if failure.exitcode in (MISTAKE, INTERRUPTED):
            return failure.exitcode
        raise ValueError(_failure(rank, failure.exitcode, restarts)) from None
    except SignalException:  # the processes were told, and have saved and left
        return INTERRUPTED
    return 0


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _failure(rank: int, status: int, restarts: int | None) -> str:
    how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    ended = f"the process of rank {rank} ended {how}"
    if restarts is None:
        return ended
    again = f" once more after {restarts} restarts" if restarts else ""
    return (
        f"{ended}{again}; the run goes on from its newest checkpoint with --resume, or by itself"
        " with --restarts 3"
    )


def split_of(network: Network, towers: int | None, one_weird_trick: bool) -> Split:
    """What the processes divide among them.

    Raises:
        ValueError: both are asked for, or the network has another number of towers.
    """
    if towers is None:
        return "one-weird-trick" if one_weird_trick else "data"
    if one_weird_trick:
        raise ValueError("--towers and --one-weird-trick are two ways to split a network; give one")
    if len(network.towers) != towers:
        raise ValueError(
            f"--towers is {towers} and network '{network.name}' has {len(network.towers)}; leave it"
            " out, or name a network of as many: paper, as_run, soumith and tiny have 2"
        )
    return "towers"


@contextmanager
def speaking(group: Group) -> Generator[None]:
    """Within it the process that leads prints for all, and a mistake is said once: by that process
    where all met it, else by the one that did.

    Raises:
        ValueError: what this process alone has met, with its rank.
    """
    from alexnet.training.distributed import GroupError, LedError
    from alexnet.training.divergence import DivergedError

    if group.alone:
        yield
        return
    try:
        if group.leads:
            yield
        else:
            with (
                Path(os.devnull).open("w", encoding="utf-8") as nowhere,
                redirect_stdout(nowhere),
                redirect_stderr(nowhere),
            ):
                yield
    except LedError:
        raise typer.Exit(MISTAKE) from None
    except DivergedError:
        if group.leads:
            raise
        raise typer.Exit(MISTAKE) from None
    except GroupError:
        raise
    except (ValueError, OSError) as mistake:
        if group.leads:
            raise
        place = f"rank {group.ranks.rank} of {group.ranks.count}"
        raise ValueError(f"{place}: {mistake}") from mistake
