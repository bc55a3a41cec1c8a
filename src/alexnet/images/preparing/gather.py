"""From what a person types, a name or a path, to the splits that are to be prepared."""

from __future__ import annotations

import hashlib
import os
import re
from os.path import relpath
from pathlib import Path

import numpy as np

from alexnet.images.folder import FileRecords
from alexnet.images.manifest import MANIFEST
from alexnet.images.names import Names
from alexnet.images.parquet import ParquetRecords
from alexnet.images.preparing.gathered import (
    Arrays,
    Files,
    Gathered,
    Gathering,
    Pictures,
    Rows,
    Table,
    length_of,
)
from alexnet.images.preparing.ilsvrc import gather_ilsvrc
from alexnet.images.preparing.tar_shards import find_tar_shards, gather_tar_shards
from alexnet.images.sources import NAMES, open_source
from alexnet.images.splits import ArrayRecords, Source, SourceError, Split
from alexnet.images.store import StoreRecords

_WORDNET_ID = re.compile(r"n\d{8}")


def gather(data: str, *, data_folder: Path | None = None, seed: int = 0) -> Gathering:
    """Find the pictures of `data`: ILSVRC's files, tar shards, or whatever `open_source` opens.

    Names, labels and places are read, pictures are not. The seed matters only where a source has
    no test split of its own.

    Raises SourceError, one sentence with the file and what would be right.
    """
    try:
        path = Path(data).expanduser()
        if data not in NAMES and path.is_dir() and (found := gather_ilsvrc(path)) is not None:
            return found
        if data not in NAMES and path.exists() and (shards := find_tar_shards(path)):
            return gather_tar_shards(path.resolve().stem, shards, seed)
        return _gathered(open_source(data, data_folder=data_folder, seed=seed), path)
    except OSError as error:
        place = error.filename or data
        raise SourceError(f"{place}: cannot be read ({error.strerror or error})") from error


def _gathered(source: Source, path: Path) -> Gathering:
    splits = [
        _gathered_split(name, split, path)
        for name, split in (("train", source.train), ("test", source.test))
        if len(split)
    ]
    named = all(_WORDNET_ID.fullmatch(name) for name in source.classes)
    return Gathering(
        name=source.name,
        layout=_layout(splits[0].pictures),
        classes=source.classes,
        wordnet_ids=source.classes if named else (),
        splits=tuple(splits),
        notes=(source.note,) if source.note else (),
    )


def _gathered_split(name: str, split: Split, path: Path) -> Gathered:
    match split.records:
        case FileRecords() as records:
            pictures = _files(records, split.rows, path)
        case ArrayRecords() as records:
            pictures = Arrays(records.pixels[split.rows], _names(split))
        case ParquetRecords() as records:
            places = (records.groups, records.starts, split.rows)
            pictures = Table(records.image, *places, _names(split))
            return Gathered(name, split.labels, pictures, pictures.blocks)
        case StoreRecords() as records:
            stamp = hashlib.sha256((path / MANIFEST).read_bytes()).digest()
            pictures = Rows(records, split.rows, _names(split), stamp)
        case records:
            pictures = Rows(records, split.rows, _names(split), type(records).__name__.encode())
    return Gathered(name, split.labels, pictures)


def _layout(pictures: Pictures) -> str:
    match pictures:
        case Files():
            return "class folders"
        case Table():
            return "parquet files"
        case Arrays():
            return "decoded pictures"
        case Rows(records=StoreRecords()):
            return "a store"
        case _:
            return "another source"


def _names(split: Split) -> Names:
    return Names.of(split.name(index).encode() for index in range(len(split)))


def _files(records: FileRecords, rows: np.ndarray, folder: Path) -> Files:
    paths = [records.paths[row] for row in rows.tolist()]
    if not folder.is_dir():  # a source with a name, which lies elsewhere
        folder = Path(os.path.commonpath([Path(path).parent.parent for path in paths]))
    lengths = np.array([length_of(path) for path in paths], np.int64)
    prefix = f"{folder}{os.sep}"
    names = Names.of(
        os.fsencode(path.removeprefix(prefix) if path.startswith(prefix) else relpath(path, folder))
        for path in paths
    )
    return Files(str(folder), lengths, names)
