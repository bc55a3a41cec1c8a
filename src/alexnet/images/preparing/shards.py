"""One shard of a store: its pictures become records, an index, and a note of what was done.

The note (the sidecar) comes last: a shard that has one is finished, whatever happens afterwards.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as arrays_as_bytes

from alexnet.formats.atomic import replacing
from alexnet.images.decode import PictureError
from alexnet.images.manifest import INDEX, RECORDS, File, Index, Shard
from alexnet.images.names import GrowingNames
from alexnet.images.preparing.gathered import Pictures
from alexnet.images.preparing.record import encode, square
from alexnet.images.statistics import Sums
from alexnet.network.codec import CodecError
from alexnet.network.codec import decode as decode_tree
from alexnet.network.codec import encode as encode_tree

NOTE = ".finished"


@dataclass(frozen=True, eq=False)
class Job:
    """A shard to be written: where, of which pictures (with labels, int64 (N,)), and how.

    quality is that of the JPEGs, None for raw pixels; with_sums asks for the sums that the
    statistics are made of.
    """

    folder: Path
    name: str
    split: str
    pictures: Pictures
    labels: np.ndarray
    side: int
    quality: int | None
    with_sums: bool


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A picture of the source that is not in the store, and why."""

    split: str
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a finished shard is."""

    shard: Shard
    class_counts: tuple[int, ...]
    rejected: tuple[Rejection, ...]


def write_shard(job: Job) -> int:
    """Write a shard's records and index, then its note; return how many pictures it took in.

    Raises SourceError where the source cannot be read any more, OSError where the folder cannot be
    written to. Either leaves no file behind but whole ones under their names.
    """
    sums = Sums(job.side) if job.with_sums else None
    growing = _Growing()
    records = job.folder / f"{job.name}{RECORDS}"
    with replacing(records) as temporary, temporary.open("wb") as file:
        for data, label, name in _encoded(job, sums, growing.rejected):
            file.write(data)
            growing.add(data, label, name)
    index = write_whole(job.folder / f"{job.name}{INDEX}", arrays_as_bytes(growing.arrays()))
    note = Note(
        shard=Shard(
            split=job.split,
            pictures=len(growing.labels),
            records=File(
                name=records.name, bytes=growing.length, sha256=growing.digest.hexdigest()
            ),
            index=index,
        ),
        class_counts=tuple(np.bincount([n for n in growing.labels if n >= 0]).tolist()),
        rejected=tuple(growing.rejected),
    )
    arrays = sums.arrays() if sums else {}
    text = json.dumps(encode_tree(note), ensure_ascii=False)
    write_whole(job.folder / f"{job.name}{NOTE}", arrays_as_bytes(arrays, {"note": text}))
    return len(job.labels)


def write_whole(path: Path, data: bytes) -> File:
    """Write a file so that it is there whole or not at all; return what the manifest says of it."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return File(name=path.name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def read_note(folder: Path, name: str) -> Note | None:
    """What a shard's note says; None where the shard is not finished.

    Records and index must have the lengths that the note tells: they may have been deleted since.
    """
    path = folder / f"{name}{NOTE}"
    try:
        with safe_open(path, framework="numpy") as file:
            note = decode_tree(Note, json.loads(file.metadata()["note"]), str(path))
        files = (note.shard.records, note.shard.index)
        whole = all((folder / file.name).stat().st_size == file.bytes for file in files)
    except (OSError, SafetensorError, CodecError, KeyError, TypeError, ValueError):
        return None
    return note if whole else None


def read_sums(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of `Sums` in the note of a finished shard."""
    with safe_open(folder / f"{name}{NOTE}", framework="numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


@dataclass
class _Growing:
    """A shard's index while its records are written."""

    length: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    offsets: array[int] = field(default_factory=lambda: array("q", [0]))
    labels: array[int] = field(default_factory=lambda: array("i"))
    checksums: array[int] = field(default_factory=lambda: array("I"))
    names: GrowingNames = field(default_factory=GrowingNames)
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, data: bytes, label: int, name: bytes) -> None:
        self.length += len(data)
        self.digest.update(data)
        self.offsets.append(self.length)
        self.labels.append(label)
        self.checksums.append(zlib.crc32(data))
        self.names.append(name)

    def arrays(self) -> dict[str, np.ndarray]:
        offsets = np.array(self.offsets, np.int64)
        labels = np.array(self.labels, np.int32)
        checksums = np.array(self.checksums, np.uint32)
        return Index(offsets, labels, checksums, self.names.names()).arrays()


def _encoded(
    job: Job, sums: Sums | None, rejected: list[Rejection]
) -> Iterator[tuple[bytes, int, bytes]]:
    """Each record with its label and name; bad pictures go to `rejected`."""
    names = job.pictures.names
    for row, label in enumerate(job.labels.tolist()):
        try:
            pixels = square(job.pictures.read(row), names.shown(row), job.side)
        except PictureError as error:
            rejected.append(Rejection(split=job.split, name=names.shown(row), reason=error.reason))
            continue
        if sums is not None:
            sums.add(pixels)
        yield encode(pixels, job.quality), label, names[row]
