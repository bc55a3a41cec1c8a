"""How a record store is written down: its manifest, and the index of each shard.

`store` opens the pictures that these describe; `preparing` writes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from alexnet.images.names import Names
from alexnet.images.splits import SourceError
from alexnet.network.codec import CodecError, decode, encode

FORMAT = "alexnet-store/1"
MANIFEST = "manifest.json"
STATISTICS = "statistics.safetensors"
REJECTED = "rejected.jsonl"
RECORDS = ".records"
INDEX = ".index"


class StoreError(SourceError):
    """A store that cannot be used: which, what is wrong, what would be right."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the store: its length and the SHA-256 of its bytes."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Pictures of one split in a row, end to end in `records`, found through `index`."""

    split: str
    pictures: int
    records: File
    index: File


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What there is of a split: pictures kept and rejected, and kept ones of each class.

    Where labels are secret, labelled is false and every count of a class 0.
    """

    name: str
    labelled: bool
    pictures: int
    rejected: int
    class_counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What `manifest.json` says.

    Attributes:
        format: FORMAT.
        complete: false until the last shard is there; the fields after `wordnet_ids` are then
            still empty.
        name, layout, fingerprint, notes: of the source.
        side: pixels; every record is side x side, RGB.
        encoding, quality: "jpeg" with its quality, chroma not subsampled; or "raw" and null: uint8,
            row by row, red, green and blue of each pixel in turn.
        seed, order: of the training pictures; the others are in the source's order.
        shard_pictures: pictures of the source that one shard is made of, rejected ones included.
        statistics_of: which pixels `statistics` are of.
        made_with: the decoders, on whose versions the bytes depend.
        classes, wordnet_ids: by label; the second may be empty.
        splits, shards: in order; a split's pictures are those of its shards, in order.
        statistics, rejected: the files of these. There are no statistics without training
            pictures.
    """

    format: str
    complete: bool
    name: str
    layout: str
    fingerprint: str
    notes: tuple[str, ...]
    side: int
    encoding: Literal["jpeg", "raw"]
    quality: int | None
    seed: int
    order: str
    shard_pictures: int
    statistics_of: str
    made_with: str
    classes: tuple[str, ...]
    wordnet_ids: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    shards: tuple[Shard, ...]
    statistics: File | None
    rejected: File | None


@dataclass(frozen=True, eq=False)
class Index:
    """Where the N records of a shard lie, and what they are.

    offsets is int64 (N + 1,), the last one the shard's length; labels int32 (N,), -1 where it is
    secret; checksums uint32 (N,), the CRC-32 of each record's bytes; names those of the pictures.
    """

    offsets: np.ndarray
    labels: np.ndarray
    checksums: np.ndarray
    names: Names

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what an index file holds, a safetensors file without metadata."""
        return {
            "offsets": self.offsets,
            "labels": self.labels,
            "checksums": self.checksums,
            "names": self.names.text,
            "name_ends": self.names.ends,
        }


def read_manifest(path: Path) -> Manifest:
    """Return what the manifest of the store at `path` says. Raises StoreError."""
    place = path / MANIFEST
    try:
        tree = json.loads(place.read_bytes())
        if not isinstance(tree, dict) or tree.get("format") != FORMAT:
            raise StoreError(
                f'{place}: is no manifest of a store; it must say "format": "{FORMAT}"'
            )
        return decode(Manifest, tree, str(place))
    except OSError as error:
        raise StoreError(f"{place}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise StoreError(f"{place}: is not JSON ({error}); the store is damaged") from error
    except CodecError as error:
        raise StoreError(f"{error}; the manifest is damaged") from error


def manifest_text(manifest: Manifest) -> str:
    """Return the manifest as it is written."""
    return json.dumps(encode(manifest), indent=1, ensure_ascii=False) + "\n"


def read_index(path: Path) -> Index:
    """Return a shard's index. Raises StoreError where it is no whole one."""
    try:
        arrays = load_arrays(path.read_bytes())
        names = Names(arrays["names"], arrays["name_ends"])
        index = Index(arrays["offsets"], arrays["labels"], arrays["checksums"], names)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (SafetensorError, KeyError) as error:
        raise StoreError(f"{path}: is no whole index of a shard ({error})") from error
    count = len(index.labels)
    lengths = (len(index.offsets) - 1, len(index.checksums), len(names))
    if set(lengths) != {count} or index.offsets[0] != 0 or (np.diff(index.offsets) < 0).any():
        raise StoreError(f"{path}: contradicts itself; the store is damaged")
    return index
