"""Blocks of a store's records, decoded into memory: what a process of `readers` does all its life,
and what is done where there is none.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet.images.decode import PictureError, fit
from alexnet.images.manifest import RECORDS
from alexnet.images.store import StoreRecords

BLOCK = 16
"""Pictures that a process decodes at a time."""

GONE = (EOFError, BrokenPipeError, ConnectionResetError)
"""What a pipe raises whose other end is closed."""


@dataclass(frozen=True)
class Wrong:
    """The first picture of a block that could not be decoded, counted from 0, and why."""

    index: int
    sentence: str


def work(shape: tuple[int, ...], memory: Any, blocks: Any) -> None:
    """Decode blocks until nobody asks any more, or the process that asked is gone.

    Args:
        shape: of a picture, (side, side, channels).
        memory: shared, for so many blocks of BLOCK pictures as it has room for.
        blocks: a pipe that gives the records of each split, and then of each block its place in the
            memory, its split and its rows; it takes what is wrong with the block, or None.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where signals could not be blocked beforehand
    slots = np.frombuffer(memory, np.uint8).reshape(-1, BLOCK, *shape)
    with suppress(*GONE):
        records: Sequence[StoreRecords] = blocks.recv()
        while True:
            slot, split, rows = blocks.recv()
            blocks.send(decode_into(slots[slot], records[split], rows))


def decode_into(found: np.ndarray, records: StoreRecords, rows: np.ndarray) -> Wrong | None:
    """Fill uint8 (N or more, side, side, channels) with N records, up to one that is damaged."""
    side, channels = found.shape[2:]
    for index, row in enumerate(rows.tolist()):
        try:
            if side == records.side:
                records.read_into(row, found[index])
                continue
            picture = records.read(row, channels)
            if picture.shape[:2] != (records.side, records.side):
                raise PictureError("", f"is {picture.shape[1]} x {picture.shape[0]} pixels")
            found[index] = fit(picture, side)
        except ValueError as error:
            reason = error.reason if isinstance(error, PictureError) else str(error)
            where = place(records, row)
            return Wrong(index, f"{where}: {reason}; 'alexnet prepare --verify' lists all damage")
    return None


def place(records: StoreRecords, row: int) -> str:
    """Return where a record is: the file of its shard, and its number there, counted from 0."""
    shard = int(np.searchsorted(records.begins, row, side="right")) - 1
    return f"{records.shards[shard]}{RECORDS}, record {row - int(records.begins[shard])}"
