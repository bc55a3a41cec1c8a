"""Processes that learn together, for tests: started, waited for, and never left behind."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from alexnet.training.distributed import joined, ranks_of

IMPORTED = ["pytest", "hypothesis", "torch.nn.parallel", "alexnet.training.loop", "training.runs"]
"""What all processes have from the one that they are forked from, which has no threads."""

PATIENCE = 300
"""Seconds after which processes that have not answered count as hanging."""


def together(
    count: int, work: Callable[..., Any], *given: object, timeout: float = 20
) -> list[Any]:
    """What `work(group, *given)` gives in each of `count` processes, by rank; an exception is
    given as it is. A process that ended without an answer gives its exit code.
    """
    context, port = multiprocessing.get_context("forkserver"), free_port()
    context.set_forkserver_preload(IMPORTED)
    ready = context.Barrier(count)  # so that no timeout is spent on imports
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    processes = [
        context.Process(
            target=_rank, args=(rank, count, port, timeout, ready, pipe[1], work, given)
        )
        for rank, pipe in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    for _, theirs in pipes:
        theirs.close()
    try:
        return [_answer(pipe[0], process) for pipe, process in zip(pipes, processes, strict=True)]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _answer(pipe: Connection, process: Any) -> Any:
    assert pipe.poll(PATIENCE), "a process hangs"
    try:
        return pipe.recv()
    except EOFError:
        process.join(PATIENCE)
        return process.exitcode


def _rank(
    rank: int,
    count: int,
    port: int,
    timeout: float,
    ready: Any,
    answer: Connection,
    work: Callable[..., Any],
    given: tuple[object, ...],
) -> None:
    torch.set_num_threads(1)
    environment = environment_of(rank, count, port)
    os.environ.update(environment)
    try:
        ready.wait(PATIENCE)
        with joined(ranks_of(environment), timeout_seconds=timeout) as group:
            found = work(group, *given)
    except Exception as error:
        traceback.print_exc()
        found = error
    answer.send(found)


def environment_of(rank: int, count: int, port: int) -> dict[str, str]:
    """What torchrun would say."""
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
