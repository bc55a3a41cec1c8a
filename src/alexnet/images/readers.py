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

from alexnet.images.decode import PictureError, fit
from alexnet.images.manifest import RECORDS
from alexnet.images.splits import SourceError
from alexnet.images.store import StoreRecords

BLOCK = 16
"""Pictures that a process decodes at a time."""

AHEAD = 512
"""Pictures that are decoded ahead at most, unless there are so many processes that two blocks for
each are more: four batches of 128, which are 100 MB at 256 pixels."""

_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


class ReadingError(SourceError):
    """Records that could not be decoded: which store, shard and record, why, and what helps."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The pictures that will be asked for: rows, int64 (N,), of `records[split]`."""

    split: int
    rows: np.ndarray


@dataclass(frozen=True)
class _Wrong:
    """The first picture of a block that could not be decoded, counted from 0, and why."""

    index: int
    sentence: str


@dataclass(frozen=True, eq=False)
class _Worker:
    """A process, and the pipe that it takes blocks from, answering each in turn."""

    process: Any
    blocks: Any


class Readers:
    """`workers` processes, started when pictures are first to be read ahead, and the memory that
    they decode into: so many blocks of BLOCK pictures that AHEAD are in it.

    They are processes and not threads, though the decoder lets other threads run. What surrounds it
    does not: a thread waits for Python's lock wherever the learning thread holds it, and a memory
    map's page that has to come from the disk stops them all.

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
        self._wrong: _Wrong | None = None  # with the block that is being taken
        self._stop: weakref.finalize[..., Readers] | None = None

    def begin(self, reading: Reading) -> None:
        """Read ahead from now on what will be asked for; what was to be read before is forgotten.

        Raises ReadingError where a process has died.
        """
        if not self._count:
            return
        with self._whole_or_closed():
            if not self._workers:
                self._start()
            self._drop()
            self._reading = reading
            self._send()

    def end(self, reading: Reading) -> None:
        """Read no further ahead for `reading`, if it still goes on."""
        if self._reading is reading:
            with self._whole_or_closed():
                self._drop()

    def images(self, split: int, rows: np.ndarray) -> np.ndarray:
        """Return the pictures of `rows`, uint8 (N, side, side, channels): those read ahead if they
        are the next ones, else decoded here and now.

        Raises ReadingError, naming the store, the shard and the record, where one cannot be
        decoded or the process that was to do so is gone.
        """
        if not self._is_next(split, rows):
            return self._decoded(split, rows)
        with self._whole_or_closed():
            return self._take(len(rows))

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
                what = (self._records, self._shape, memory, theirs)
                process = context.Process(target=_work, args=what, daemon=True)
                self._workers.append(_Worker(process, ours))
                process.start()
                theirs.close()

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
            try:
                self._worker(self._sent).blocks.send(block)
            except _GONE:
                raise self._died(self._sent) from None
            self._sent += 1

    def _answer(self) -> _Wrong | None:
        """Wait for the next block; return what is wrong with it."""
        block = self._answered
        try:
            wrong = self._worker(block).blocks.recv()
        except _GONE:
            raise self._died(block) from None
        self._answered += 1
        return wrong

    def _take(self, count: int) -> np.ndarray:
        found = np.empty((count, *self._shape), np.uint8)
        filled = 0
        while filled < count:
            block, begin = divmod(self._taken, BLOCK)
            if self._answered == block:
                self._wrong = self._answer()
            many = min(BLOCK - begin, count - filled)
            if self._wrong is not None and self._wrong.index < begin + many:
                raise ReadingError(self._wrong.sentence)
            found[filled : filled + many] = self._slots[block % len(self._slots)][
                begin : begin + many
            ]
            filled += many
            self._taken += many
            if self._taken % BLOCK == 0:
                self._send()
        return found

    def _drop(self) -> None:
        """Wait until nothing more is written for the reading that goes on, and forget it."""
        while self._answered < self._sent:
            self._answer()
        self._reading = None
        self._sent = self._answered = self._taken = 0

    def _is_next(self, split: int, rows: np.ndarray) -> bool:
        if self._reading is None or self._reading.split != split:
            return False
        return np.array_equal(self._reading.rows[self._taken : self._taken + len(rows)], rows)

    def _decoded(self, split: int, rows: np.ndarray) -> np.ndarray:
        found = np.empty((len(rows), *self._shape), np.uint8)
        wrong = _decode_into(found, self._records[split], rows)
        if wrong is not None:
            raise ReadingError(wrong.sentence)
        return found

    def _worker(self, block: int) -> _Worker:
        return self._workers[block % len(self._workers)]

    def _died(self, block: int) -> ReadingError:
        where = "the store"
        if self._reading is not None:
            row = int(self._reading.rows[block * BLOCK])
            where = place(self._records[self._reading.split], row)
        return ReadingError(
            f"{where}: the process that was to decode this record, or one of the {BLOCK} from it"
            f" on, ended abruptly ({_ending(self._worker(block).process)}); resume the run, with"
            " fewer workers if memory was short"
        )


def place(records: StoreRecords, row: int) -> str:
    """Return where a record is: the file of its shard, and its number there, counted from 0."""
    shard = int(np.searchsorted(records.begins, row, side="right")) - 1
    return f"{records.shards[shard]}{RECORDS}, record {row - int(records.begins[shard])}"


def _work(
    records: Sequence[StoreRecords], shape: tuple[int, ...], memory: Any, blocks: Any
) -> None:
    """Decode blocks until nobody asks any more, or the process that asked is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `_signals_kept` can do nothing
    slots = np.frombuffer(memory, np.uint8).reshape(-1, BLOCK, *shape)
    with suppress(*_GONE):
        while True:
            slot, split, rows = blocks.recv()
            blocks.send(_decode_into(slots[slot], records[split], rows))


def _decode_into(found: np.ndarray, records: StoreRecords, rows: np.ndarray) -> _Wrong | None:
    """Fill uint8 (N or more, side, side, channels) with the records, up to one that is damaged."""
    side, channels = found.shape[2:]
    for index, row in enumerate(rows.tolist()):
        try:
            picture = records.read(row, channels)
            if picture.shape[:2] != (records.side, records.side):
                raise PictureError("", f"is {picture.shape[1]} x {picture.shape[0]} pixels")
            found[index] = fit(picture, side)
        except ValueError as error:
            reason = error.reason if isinstance(error, PictureError) else str(error)
            where = place(records, row)
            return _Wrong(index, f"{where}: {reason}; 'alexnet prepare --verify' lists all damage")
    return None


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
