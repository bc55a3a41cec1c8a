"""Processes that decode a store's records ahead of time, in the order in which they will be asked
for, into memory that they share with this one. What is learned from them is for `loader`.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import multiprocessing.connection  # its exit handler is to stand before ours, which then runs first
import os
import signal
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet.images.blocks import BLOCK, GONE, Wrong, decode_into, place, work
from alexnet.images.splits import SourceError
from alexnet.images.store import StoreRecords

AHEAD = 512
"""Pictures that are decoded ahead at most, unless there are so many processes that two blocks for
each are more: four batches of 128, which are 100 MB at 256 pixels."""


class ReadingError(SourceError):
    """Records that could not be decoded: which store, shard and record, why, and what helps."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The pictures that will be asked for: rows, int64 (N,), of `records[split]`."""

    split: int
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class _Worker:
    """A process, and the pipe that it takes blocks from, answering each in turn."""

    process: Any
    blocks: Any


class Readers:
    """`workers` processes, started when pictures are first to be read ahead, and the memory that
    they decode into: so many blocks of BLOCK pictures that AHEAD are in it.

    They are processes and not threads, though the decoder lets other threads run, since what
    surrounds it does not. Beside a learning thread that is busy in Python, a thread decoded some
    two thirds of what a process did; and one that copied records out of their memory map as fast as
    it could held the learning thread up for half of the time and more.

    One reading goes on at a time. With no workers nothing is read ahead.
    """

    def __init__(
        self, records: Sequence[StoreRecords], *, channels: int, side: int, workers: int
    ) -> None:
        """Starts nothing yet.

        Args:
            records: of the splits that will be read.
            channels, side: of the pictures, which are scaled where the records have another side.
            workers: processes.
        """
        assert workers >= 0, f"{workers} workers; there must be none, or some"
        self._records, self._shape, self._count = tuple(records), (side, side, channels), workers
        self._workers: list[_Worker] = []
        self._slots = np.empty((0, BLOCK, *self._shape), np.uint8)
        self._reading: Reading | None = None
        self._sent = self._answered = 0  # blocks of the reading
        self._taken = 0  # pictures of it
        self._wrong: Wrong | None = None  # with the block that is being taken
        self._stop: weakref.finalize[..., Readers] | None = None

    def begin(self, reading: Reading) -> None:
        """Read ahead from now on what will be asked for; what was to be read before is forgotten.

        Raises ReadingError where a process has died.
        """
        if not self._count:
            return
        self.end(self._reading)
        with self._whole_or_closed():
            self._reading = reading
            if not self._workers:
                self._start()
            self._send()

    def end(self, reading: Reading | None) -> None:
        """Read no further ahead for `reading`, if it still goes on. A process that died meanwhile
        is nobody's loss.
        """
        if reading is None or self._reading is not reading:
            return
        with suppress(ReadingError), self._whole_or_closed():
            while self._answered < self._sent:  # until nothing more is written for it
                self._answer()
        self._reading = None
        self._sent = self._answered = self._taken = 0

    def images(self, split: int, rows: np.ndarray) -> np.ndarray:
        """Return the pictures of `rows`, uint8 (N, side, side, channels), as `parts` gives them."""
        found = np.empty((len(rows), *self._shape), np.uint8)
        filled = 0
        for part in self.parts(split, rows):
            found[filled : filled + len(part)] = part
            filled += len(part)
        return found

    def parts(self, split: int, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the pictures of `rows`, uint8 (up to BLOCK, side, side, channels), until there are
        none left: those read ahead if they are the next ones, else decoded here and now.

        Each part is to be read only, and only until the next is asked for: its memory is then
        decoded into again. Who leaves off halfway ends the processes.

        Raises ReadingError, naming the store, the shard and the record, where one cannot be
        decoded or the process that was to do so is gone.
        """
        if not self._is_next(split, rows):
            yield from self._decoded(split, rows)
            return
        with self._whole_or_closed():
            yield from self._take(len(rows))

    def close(self) -> None:
        """Stop the processes at once and free the memory; another reading starts them anew."""
        if self._stop is not None:
            self._stop()
            atexit.unregister(self._stop)
        self._workers, self._reading, self._stop = [], None, None
        self._sent = self._answered = self._taken = 0
        self._slots = self._slots[:0].copy()

    def _start(self) -> None:
        blocks = max(AHEAD // BLOCK, 2 * self._count)
        context = multiprocessing.get_context("spawn")
        memory = context.RawArray(ctypes.c_uint8, blocks * BLOCK * int(np.prod(self._shape)))
        self._slots = np.ctypeslib.as_array(memory).reshape(blocks, BLOCK, *self._shape)
        # not left to weakref's own exit handler, which may come after multiprocessing's: that one
        # waits for every process
        self._stop = weakref.finalize(self, _stop, self._workers, os.getpid())
        self._stop.atexit = False
        atexit.register(self._stop)
        with _signals_kept():
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                what = (self._shape, memory, theirs)
                process = context.Process(target=work, args=what, daemon=True)
                self._workers.append(_Worker(process, ours))
                process.start()
                theirs.close()
        for number in range(self._count):  # 20 MB for each million, taken once a process is there
            self._tell(number, self._records)

    @contextmanager
    def _whole_or_closed(self) -> Iterator[None]:
        """An interruption may leave half an answer in a pipe: the processes then start anew."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _send(self) -> None:
        """Ask for as many blocks as there is room for."""
        assert self._reading is not None, "blocks are sent of a reading"
        rows, room = self._reading.rows, len(self._slots)
        while self._sent * BLOCK < len(rows) and self._sent - self._taken // BLOCK < room:
            begin = self._sent * BLOCK
            block = (self._sent % room, self._reading.split, rows[begin : begin + BLOCK])
            self._tell(self._sent, block)
            self._sent += 1

    def _tell(self, block: int, what: object) -> None:
        try:
            self._worker(block).blocks.send(what)
        except GONE:
            raise self._died(block) from None

    def _answer(self) -> Wrong | None:
        """Wait for the next block; return what is wrong with it."""
        block = self._answered
        try:
            wrong = self._worker(block).blocks.recv()
        except GONE:
            raise self._died(block) from None
        self._answered += 1
        return wrong

    def _take(self, count: int) -> Iterator[np.ndarray]:
        reading, filled = self._reading, 0
        while filled < count:
            block, begin = divmod(self._taken, BLOCK)
            if self._answered == block:
                self._wrong = self._answer()
            many = min(BLOCK - begin, count - filled)
            if self._wrong is not None and self._wrong.index < begin + many:
                raise ReadingError(self._wrong.sentence)
            yield self._slots[block % len(self._slots)][begin : begin + many]
            assert self._reading is reading, "a reading goes on while its pictures are being taken"
            filled += many
            self._taken += many
            if self._taken % BLOCK == 0:
                self._send()

    def _is_next(self, split: int, rows: np.ndarray) -> bool:
        if self._reading is None or self._reading.split != split:
            return False
        return np.array_equal(self._reading.rows[self._taken : self._taken + len(rows)], rows)

    def _decoded(self, split: int, rows: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            found = np.empty((len(some), *self._shape), np.uint8)
            wrong = decode_into(found, self._records[split], some)
            if wrong is not None:
                raise ReadingError(wrong.sentence)
            yield found

    def _worker(self, block: int) -> _Worker:
        return self._workers[block % len(self._workers)]

    def _died(self, block: int) -> ReadingError:
        assert self._reading is not None, "processes are waited for while a reading goes on"
        records, rows = self._records[self._reading.split], self._reading.rows[block * BLOCK :]
        where = place(records, int(rows[0])) if len(rows) else f"{records.shards[0]}*"
        return ReadingError(
            f"{where}: the process that was to decode this record, or one of the {BLOCK} from it"
            f" on, ended abruptly ({_ending(self._worker(block).process)}); resume the run, with"
            " fewer workers if memory was short"
        )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Processes started within it never see SIGINT and SIGTERM, which are this process's matter:
    Ctrl-C goes to all of them. They end when the pipe to them does.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else it is started within, and lets the signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(workers: list[_Worker], owner: int) -> None:
    """End the processes, which may be in the middle of a block; a forked copy leaves them alone."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.blocks.close()
        if worker.process.pid is not None:
            worker.process.kill()
    for worker in workers:
        if worker.process.pid is not None:
            worker.process.join()
            worker.process.close()


def _ending(process: Any) -> str:
    process.join(1.0)
    code = process.exitcode
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return "no reason known" if code is None else f"exit status {code}"
