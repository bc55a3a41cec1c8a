"""Shards shared out to processes: one at a time to each, and none outlives the one that asked.

A worker that dies is an error, not a wait without end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from typing import Any

from alexnet.images.preparing.shards import Job, write_shard


class PrepareError(ValueError):
    """A store that cannot be prepared: where, why, and what would be right."""


def write_shards(jobs: Iterable[Job], workers: int) -> Generator[int]:
    """Write every shard; yield for each that is finished how many pictures it took in.

    One worker is this process itself; more are started anew (spawned), so that a program that
    calls this needs the usual `if __name__ == "__main__":`. Jobs are taken only as they are needed.
    When this is left, by whatever error, or this process dies, the workers stop at once.

    Raises PrepareError where a worker dies, and whatever `write_shard` raises.
    """
    assert workers > 0, f"{workers} workers; there must be one at least"
    if workers == 1:
        yield from map(write_shard, jobs)
        return
    crew: list[_Worker] = []
    try:
        yield from _shared_out(iter(jobs), workers, crew)
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            worker.process.join()
            worker.link.close()


class _Worker:
    """A process and the parent's end of the pipe to it, a multiprocessing Connection."""

    def __init__(self, context: Any) -> None:
        self.link, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other,), daemon=True)
        try:
            with _interrupts_held():
                self.process.start()
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"a worker cannot be started ({reason}); fewer --workers may do"
            raise PrepareError(message) from error
        finally:
            other.close()

    def send(self, job: Job) -> None:
        try:
            self.link.send(job)
        except OSError:
            raise _dead() from None

    def result(self) -> int:
        try:
            result = self.link.recv()
        except (EOFError, OSError):
            raise _dead() from None
        if isinstance(result, BaseException):
            raise result
        return result


def _shared_out(jobs: Iterator[Job], workers: int, crew: list[_Worker]) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    busy: dict[Any, _Worker] = {}
    for _, job in zip(range(workers), jobs, strict=False):
        worker = _Worker(context)
        crew.append(worker)
        worker.send(job)
        busy[worker.link] = worker
    while busy:
        for link in connection.wait(list(busy)):
            worker = busy[link]
            yield worker.result()
            job = next(jobs, None)
            if job is None:
                del busy[link]
            else:
                worker.send(job)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C comes afterwards; a process started here never gets it, from its first moment on."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would let Ctrl-C through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dead() -> PrepareError:
    return PrepareError(
        "a worker ended abruptly, perhaps for want of memory; the finished shards are kept, and the"
        " same command goes on from them (fewer --workers take less memory)"
    )


def _work(link: Any) -> None:
    """A worker's life: writes the shards that it is sent, and ends with the pipe or the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            job = link.recv()
        except EOFError:
            return
        try:
            result: int | Exception = write_shard(job)
        except Exception as error:
            error.add_note(traceback.format_exc())  # for --debug: a traceback does not travel
            result = error
        link.send(result)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is another process's child"
    connection.wait([parent.sentinel])
    os._exit(1)
