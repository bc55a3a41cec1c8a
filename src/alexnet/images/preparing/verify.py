"""Every byte of a store read again: checksums, counts, and whether each record can be decoded."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.images.decode import PictureError, decode
from alexnet.images.manifest import (
    File,
    Index,
    Manifest,
    Shard,
    StoreError,
    read_index,
    read_manifest,
)

_PIECE = 2**20


@dataclass(frozen=True)
class Damage:
    """What is wrong with a file, or with one record of it (counted from 0, with its name)."""

    file: str
    record: int | None
    name: str
    reason: str


@dataclass(frozen=True)
class Verified:
    """How much was read, and what is wrong with it."""

    pictures: int
    bytes: int
    damage: tuple[Damage, ...]


def verify(
    path: Path, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> Verified:
    """Read all of a complete store; progress is called with (pictures read, pictures in all).

    Each shard is a thread's task, `workers` at a time. Raises StoreError where the store is
    incomplete or its manifest damaged; all else that is wrong is returned.
    """
    manifest = read_manifest(path)
    if not manifest.complete:
        message = f"{path}: the store is incomplete; the command that began it goes on with it"
        raise StoreError(f"{message}: alexnet prepare SOURCE {path}")
    damage: list[Damage] = []
    labels: dict[str, list[np.ndarray]] = {}
    total, done = sum(shard.pictures for shard in manifest.shards), 0
    pool = ThreadPoolExecutor(workers)
    try:
        results = pool.map(lambda shard: _shard(path, shard, manifest), manifest.shards)
        for shard, (found, index) in zip(manifest.shards, results, strict=True):
            damage += found
            if index is not None:
                labels.setdefault(shard.split, []).append(index.labels)
            done += shard.pictures
            if progress is not None:
                progress(done, total)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    damage += _others(path, manifest)
    damage += _counts(manifest, labels) if not damage else []
    size = sum(shard.records.bytes + shard.index.bytes for shard in manifest.shards)
    return Verified(total, size, tuple(damage))


def _shard(path: Path, shard: Shard, manifest: Manifest) -> tuple[list[Damage], Index | None]:
    found = list(_whole(path, shard.index))
    try:
        index = None if found else read_index(path / shard.index.name)
    except StoreError as error:
        found.append(Damage(shard.index.name, None, "", str(error)))
        index = None
    different = list(_whole(path, shard.records))
    if index is None or not (path / shard.records.name).is_file():
        return found + different, None
    records = list(_records(path / shard.records.name, index, manifest))
    # The records say where the difference lies, unless it is behind or between them.
    return found + (records or different), index


def _whole(path: Path, file: File) -> Iterator[Damage]:
    """What is wrong with a file as a whole: its length, or its checksum."""
    digest, length = hashlib.sha256(), 0
    try:
        with (path / file.name).open("rb") as opened:
            while piece := opened.read(_PIECE):
                digest.update(piece)
                length += len(piece)
    except OSError as error:
        yield Damage(file.name, None, "", f"cannot be read ({error.strerror or error})")
        return
    if length != file.bytes:
        yield Damage(file.name, None, "", f"has {length:,} bytes, not {file.bytes:,}")
    elif digest.hexdigest() != file.sha256:
        yield Damage(file.name, None, "", "its SHA-256 is another than the manifest's")


def _records(path: Path, index: Index, manifest: Manifest) -> Iterator[Damage]:
    with path.open("rb") as file:
        for record, checksum in enumerate(index.checksums.tolist()):
            begin, end = index.offsets[record : record + 2].tolist()
            data = file.read(end - begin)
            reason = _what_is_wrong(data, end - begin, checksum, manifest)
            if reason:
                yield Damage(path.name, record, index.names.shown(record), reason)


def _what_is_wrong(data: bytes, length: int, checksum: int, manifest: Manifest) -> str:
    if len(data) != length:
        return f"has {len(data):,} bytes, not {length:,}"
    if zlib.crc32(data) != checksum:
        return "its CRC-32 is another than the index's"
    side = manifest.side
    if manifest.encoding == "raw":
        return "" if length == side * side * 3 else f"has {length:,} bytes, not {side * side * 3:,}"
    try:
        shape = decode(data, "record").shape
    except PictureError as error:
        return error.reason
    return "" if shape == (side, side, 3) else f"has the shape {shape}, not {(side, side, 3)}"


def _others(path: Path, manifest: Manifest) -> list[Damage]:
    """What is wrong with the statistics and the list of rejected pictures."""
    files = [file for file in (manifest.statistics, manifest.rejected) if file is not None]
    return [damage for file in files for damage in _whole(path, file)] or _rejected(path, manifest)


def _rejected(path: Path, manifest: Manifest) -> list[Damage]:
    if manifest.rejected is None:
        return []
    lines = (path / manifest.rejected.name).read_text(encoding="utf-8").splitlines()
    counted = {one.name: 0 for one in manifest.splits}
    for line in lines:
        counted[json.loads(line)["split"]] += 1
    return [
        Damage(manifest.rejected.name, None, "", f"lists {counted[one.name]:,} of {one.name}")
        for one in manifest.splits
        if counted[one.name] != one.rejected
    ]


def _counts(manifest: Manifest, labels: Mapping[str, Sequence[np.ndarray]]) -> list[Damage]:
    """Whether the manifest counts the pictures and classes that the shards hold."""
    found: list[Damage] = []
    for split in manifest.splits:
        every = np.concatenate([np.empty(0, np.int32), *labels.get(split.name, [])])
        counts = np.bincount(every[every >= 0], minlength=len(manifest.classes))
        if len(every) != split.pictures or tuple(counts.tolist()) != split.class_counts:
            reason = f"counts other pictures or classes of {split.name} than its shards hold"
            found.append(Damage("manifest.json", None, "", reason))
    return found
