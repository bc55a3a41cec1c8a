"""A record store, opened: pictures of one size in shards, read at random through memory maps.

`manifest` says how a store is written down, `preparing` writes one.
"""

from __future__ import annotations

import mmap
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from alexnet.images.decode import PictureError, decode, with_channels
from alexnet.images.manifest import (
    FORMAT,
    INDEX,
    MANIFEST,
    RECORDS,
    File,
    Index,
    Manifest,
    Shard,
    SplitCounts,
    StoreError,
    read_index,
    read_manifest,
)
from alexnet.images.names import Names
from alexnet.images.splits import Source, Split
from alexnet.images.statistics import Statistics

MAPS_KEPT = 64
"""Shards mapped at a time: each takes a file handle, of which some systems allow 256."""

INDICES_KEPT = 4
"""Shards whose names are kept in memory."""


@dataclass(frozen=True, eq=False)
class StoreRecords:
    """The records of one split. It can be handed to another process, which then maps them itself.

    begins is int64 (shards + 1,): the first row of each; offsets and lengths are int64 (N,).
    """

    shards: tuple[str, ...]
    begins: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    side: int
    raw: bool
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _maps: OrderedDict[int, mmap.mmap] = field(default_factory=OrderedDict, repr=False)
    _names: OrderedDict[int, Names] = field(default_factory=OrderedDict, repr=False)

    def name(self, row: int) -> str:
        """Return what the picture is called in the source."""
        shard = self._shard_of(row)
        with self._lock:
            if shard not in self._names:
                self._names[shard] = read_index(Path(self.shards[shard] + INDEX)).names
                _forget_oldest(self._names, INDICES_KEPT)
            return self._names[shard].shown(row - int(self.begins[shard]))

    def encoded(self, row: int) -> bytes:
        """Return the record's bytes: a JPEG, or raw pixels."""
        offset = int(self.offsets[row])
        return self._map(self._shard_of(row))[offset : offset + int(self.lengths[row])]

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (side, side, channels), or raise PictureError."""
        data = self.encoded(row)
        if self.raw:
            return with_channels(self._raw_pixels(data).copy(), channels)
        return decode(data, self._place(row), channels=channels)

    def read_into(self, row: int, found: np.ndarray) -> None:
        """Decode into uint8 (side, side, channels), contiguous, what `read` returns: without a
        further copy where the record is one that `preparing` writes.

        Raises PictureError also for a picture of another size.
        """
        size, channels = found.shape[:2], found.shape[2]
        data = self.encoded(row)
        if channels == 3 and self.raw and size == (self.side, self.side):
            found[:] = self._raw_pixels(data)
        elif channels != 3 or self.raw or not _is_decoded_into(found, data):
            picture = self.read(row, channels)
            if picture.shape[:2] != size:
                wrong = f"is {picture.shape[1]} x {picture.shape[0]} pixels"
                raise PictureError(self._place(row), wrong)
            found[:] = picture

    def _raw_pixels(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.uint8).reshape(self.side, self.side, 3)

    def _place(self, row: int) -> str:
        shard = self._shard_of(row)
        return f"{self.shards[shard]}{RECORDS}, record {row - int(self.begins[shard])}"

    def __reduce__(self) -> tuple[type[StoreRecords], tuple[object, ...]]:
        """Leave maps and lock behind."""
        kept = (entry.name for entry in fields(self) if not entry.name.startswith("_"))
        return StoreRecords, tuple(getattr(self, name) for name in kept)

    def _shard_of(self, row: int) -> int:
        return int(np.searchsorted(self.begins, row, side="right")) - 1

    def _map(self, shard: int) -> mmap.mmap:
        with self._lock:
            if shard in self._maps:
                self._maps.move_to_end(shard)
            else:
                self._maps[shard] = _mapped(Path(self.shards[shard] + RECORDS))
                _forget_oldest(self._maps, MAPS_KEPT)
            return self._maps[shard]


@dataclass(frozen=True, eq=False)
class Store:
    """A complete store, opened.

    splits holds all of them by name (train, val, test), in the order of the manifest; labels of a
    test split without labels are -1. classes are the manifest's, told apart by WordNet ids where
    two have the same words. statistics is None where there is no training split.
    """

    folder: Path
    manifest: Manifest
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    statistics: Statistics | None

    @property
    def tested(self) -> str | None:
        """The split to be tested on: test, or val where the labels of that are secret."""
        labelled = {counts.name: counts.labelled for counts in self.manifest.splits}
        return next((name for name in ("test", "val") if labelled.get(name)), None)

    def source(self) -> Source:
        """Return its training split, and what is to be tested on."""
        tested = self.tested
        nothing = next(iter(self.splits.values())).part(np.arange(0))
        train = self.splits.get("train", nothing)
        test = self.splits[tested] if tested else nothing
        note = f"{len(train):,} pictures to learn from"
        note += (
            f", {len(test):,} of {tested} to be tested on" if tested else ", none to be tested on"
        )
        return Source(self.manifest.name, self.classes, train, test, note)


def is_store(path: Path) -> bool:
    """Whether a folder is a store, complete or not."""
    try:
        with (path / MANIFEST).open("rb") as file:
            return FORMAT.partition("/")[0].encode() in file.read(256)
    except OSError:
        return False


def open_store(path: Path) -> Source:
    """Open a store as a source. Raises StoreError where it is incomplete or damaged."""
    return read_store(path).source()


def read_store(path: Path) -> Store:
    """Open a store. Looks at every file's size, but at no record: `verify` does.

    Raises StoreError where it is incomplete, a file is missing or has another size, or the
    manifest or an index is damaged.
    """
    manifest = read_manifest(path)
    if not manifest.complete:
        message = f"{path}: the store is incomplete; the command that began it goes on with it"
        raise StoreError(f"{message}: alexnet prepare SOURCE {path}")
    classes = distinct(manifest.classes, manifest.wordnet_ids)
    splits = {one.name: _split(path, manifest, one, classes) for one in manifest.splits}
    statistics = None if manifest.statistics is None else _statistics(path, manifest.statistics)
    return Store(path, manifest, classes, splits, statistics)


def distinct(classes: tuple[str, ...], wordnet_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return class names of which no two are the same: ILSVRC-2012 has two called "crane"."""
    told = wordnet_ids or tuple(str(number) for number in range(len(classes)))
    seen = Counter(classes)
    return tuple(
        f"{name} ({id})" if seen[name] > 1 else name for name, id in zip(classes, told, strict=True)
    )


def _split(path: Path, manifest: Manifest, counts: SplitCounts, classes: tuple[str, ...]) -> Split:
    shards = [one for one in manifest.shards if one.split == counts.name]
    indices = [_checked_index(path, one, manifest, len(classes)) for one in shards]
    labels = [np.empty(0, np.int64), *(index.labels for index in indices)]
    offsets = [np.empty(0, np.int64), *(index.offsets[:-1] for index in indices)]
    lengths = [np.empty(0, np.int64), *(np.diff(index.offsets) for index in indices)]
    records = StoreRecords(
        shards=tuple(str(path / shard.records.name.removesuffix(RECORDS)) for shard in shards),
        begins=np.cumsum([0, *(shard.pictures for shard in shards)]),
        offsets=np.concatenate(offsets),
        lengths=np.concatenate(lengths),
        side=manifest.side,
        raw=manifest.encoding == "raw",
    )
    every = np.concatenate(labels).astype(np.int64)  # an index holds int32
    return Split(classes, every, records, np.arange(len(every)))


def _checked_index(path: Path, shard: Shard, manifest: Manifest, classes: int) -> Index:
    for file in (shard.records, shard.index):
        _check_size(path, file)
    place = path / shard.index.name
    index = read_index(place)
    if len(index.labels) != shard.pictures or index.offsets[-1] != shard.records.bytes:
        raise StoreError(f"{place}: contradicts the manifest; the store is damaged")
    if len(index.labels) and not -1 <= index.labels.min() <= index.labels.max() < classes:
        raise StoreError(f"{place}: has labels that are no class; the store is damaged")
    if manifest.encoding == "raw" and (np.diff(index.offsets) != manifest.side**2 * 3).any():
        raise StoreError(f"{place}: has raw records of a wrong length; the store is damaged")
    return index


def _check_size(path: Path, file: File) -> None:
    place = path / file.name
    try:
        size = place.stat().st_size
    except OSError as error:
        raise StoreError(f"{place}: cannot be read ({error.strerror or error})") from error
    if size != file.bytes:
        message = f"{place}: has {size:,} bytes; the manifest says {file.bytes:,}"
        raise StoreError(f"{message}; the store is damaged")


def _statistics(path: Path, file: File) -> Statistics:
    _check_size(path, file)
    place = path / file.name
    try:
        return Statistics(**load_arrays(place.read_bytes()))
    except (OSError, SafetensorError, TypeError) as error:
        raise StoreError(f"{place}: is no whole file of statistics ({error})") from error


def _is_decoded_into(found: np.ndarray, data: bytes) -> bool:
    """Whether a JPEG without metadata, of the size of uint8 (height, width, 3), is now in it.

    Otherwise `decode` judges, and `found` may hold anything.
    """
    head = data[: data.find(b"\xff\xda")]  # up to the pixels, where nothing else can stand
    if not head.startswith(b"\xff\xd8") or b"\xff\xe1" in head:
        return False
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours != "YCbCr" or (height, width) != found.shape[:2]:
            return False
        simplejpeg.decode_jpeg(data, "RGB", buffer=found)
    except ValueError:
        return False
    return True


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error


def _forget_oldest(kept: OrderedDict[int, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
