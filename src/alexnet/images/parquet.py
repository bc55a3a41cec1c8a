"""Picture sets in Hugging Face's parquet layout as a source: shards of encoded pictures and labels.

Labels and paths are read when the set is opened, pictures a row group at a time when asked for.
"""

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.images.decode import PictureError, decode
from alexnet.images.splits import Source, SourceError, Split, split_by_seed, whole

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "fine_label")
TEST_NAMES = ("test", "validation", "valid", "val")

_SPLIT_NAME = re.compile(r"(train|test|validation|valid|val)(?![a-z])", re.IGNORECASE)
_SHARD_NUMBER = re.compile(r"(.*)-(\d+)-of-(\d+)")
_GROUPS_KEPT = 4
"""Row groups kept in memory, so that two threads at a border do not read one group many times."""


def find_shards(folder: Path) -> list[Path]:
    """Return the parquet files in a folder, or in its data/, train/, test/ ... folders.

    Raises SourceError where one of a numbered series ("train-00002-of-00005") is missing.
    """
    inner = (path for path in folder.glob("*/[!.]*.parquet") if _is_shard_folder(path.parent.name))
    shards = sorted(folder.glob("[!.]*.parquet")) or sorted(inner)
    _check_all_there(shards)
    return shards


def open_shards(name: str, shards: Sequence[Path], *, seed: int = 0) -> Source:
    """Open parquet files with a struct column of encoded pictures and an integer column of labels.

    The picture column is `img` or `image`, or the only struct with a binary field `bytes`; the
    label column is `label`, the only ClassLabel, `fine_label`, or the only integer column. Class
    names come from the `huggingface` schema metadata, otherwise they are the numbers. Files named
    train-* and test-* (or validation-*, val-*) are the splits, test-* first unless its labels are
    all -1, as where they are kept secret; one file, or files without such names, are one set that
    is split by the seed.

    Raises SourceError where a file is damaged, a shard or a column is missing, shards disagree, or
    a label is no class.
    """
    by_split = _by_split(shards)
    if len(shards) == 1 or not any(by_split):
        what = shards[0].name if len(shards) == 1 else f"{len(shards)} parquet files"
        return split_by_seed(name, _as_split(_read_set(shards)), seed, what)
    if "train" not in by_split:
        found = ", ".join(sorted(filter(None, by_split)))
        raise SourceError(f"{shards[0].parent}: has {found} shards but none named train-*.parquet")
    train = _as_split(_read_set(by_split["train"]))
    chosen, test = _test_set(by_split)
    unused = [
        path.name for key in by_split if key not in ("train", chosen) for path in by_split[key]
    ]
    aside = f"; left aside: {', '.join(sorted(unused))}" if unused else ""
    if test is None:
        what = "train shards (there are no test or validation shards with labels)"
        source = split_by_seed(name, train, seed, what)
        return replace(source, note=source.note + aside)
    note = f"train shards to learn from, {chosen} shards to be tested on{aside}"
    return Source(name, train.classes, train, _as_split(test, train.classes), note)


@dataclass(frozen=True)
class _Layout:
    """Which columns of a file hold what."""

    image: str
    label: str
    classes: tuple[str, ...] | None
    has_paths: bool


@dataclass(frozen=True)
class _Group:
    """One row group: where it lies and the number of its first row, in its file and in the set."""

    shard: Path
    number: int
    first_in_shard: int
    first_in_set: int


@dataclass(frozen=True, eq=False)
class ParquetRecords:
    """Encoded pictures in the row groups of parquet files, and the paths they have there."""

    image: str
    groups: tuple[_Group, ...]
    starts: np.ndarray
    paths: Sequence[str | None]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _recent: dict[int, Any] = field(default_factory=dict, repr=False)

    def name(self, row: int) -> str:
        """Return the file, the row in it from 0, and the path the file gives the picture."""
        group = self.groups[self._group_of(row)]
        place = f"{group.shard.name}, row {group.first_in_shard + row - group.first_in_set}"
        path = self.paths[row] if self.paths else None
        return f"{place} ({path})" if path else place

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (height, width, channels); PictureError, or SourceError for the file."""
        return decode(self.encoded(row), self.name(row), channels=channels)

    def encoded(self, row: int) -> bytes:
        """Return the picture's file. Raises PictureError, or SourceError for the parquet file."""
        index = self._group_of(row)
        data = self._bytes_of(index)[row - self.groups[index].first_in_set].as_py()
        if data is None:
            raise PictureError(self.name(row), "holds no bytes, perhaps only a path to a file")
        return data

    def _group_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _bytes_of(self, index: int) -> Any:
        """The `bytes` column of a row group; the last few groups are kept."""
        with self._lock:
            if index not in self._recent:
                while len(self._recent) >= _GROUPS_KEPT:
                    del self._recent[next(iter(self._recent))]
                self._recent[index] = _read_bytes_column(self.groups[index], self.image)
            return self._recent[index]


@dataclass(frozen=True, eq=False)
class _Set:
    """The shards of one split, read but for the pictures."""

    shards: tuple[Path, ...]
    layout: _Layout
    labels: np.ndarray
    records: ParquetRecords


def _is_shard_folder(name: str) -> bool:
    return name == "data" or _SPLIT_NAME.fullmatch(name) is not None


def _by_split(shards: Sequence[Path]) -> dict[str, list[Path]]:
    """Shards by the split that their name, or else their folder's name, begins with; else ""."""
    by_split: dict[str, list[Path]] = {}
    for path in shards:
        match = _SPLIT_NAME.match(path.name) or _SPLIT_NAME.fullmatch(path.parent.name)
        by_split.setdefault(match[1].lower() if match else "", []).append(path)
    return by_split


def _check_all_there(shards: Sequence[Path]) -> None:
    numbers: dict[tuple[Path, str, int], set[int]] = {}
    for path in shards:
        if match := _SHARD_NUMBER.fullmatch(path.stem):
            numbers.setdefault((path.parent, match[1], int(match[3])), set()).add(int(match[2]))
    for (folder, prefix, total), there in numbers.items():
        if len(there) < total:
            missing = next(number for number in range(total) if number not in there)
            message = f"{folder}: shard {prefix}-{missing:05d}-of-{total:05d}.parquet is missing"
            raise SourceError(f"{message}; {len(there)} of {total} are there")


def _is_secret(labels: np.ndarray) -> bool:
    return len(labels) > 0 and bool((labels == -1).all())


def _test_set(by_split: dict[str, list[Path]]) -> "tuple[str, _Set | None]":
    """The first of the test splits whose labels are known, and its name."""
    for key in TEST_NAMES:
        if key in by_split and not _is_secret((test := _read_set(by_split[key])).labels):
            return key, test
    return "", None


def _as_split(shards: _Set, classes: tuple[str, ...] | None = None) -> Split:
    """The set with the classes given, or its own: its metadata's, or else its labels' numbers."""
    own = shards.layout.classes
    if classes is not None and own is not None and own != classes:
        message = f"{shards.shards[0]}: names other classes than the training shards do"
        raise SourceError(f"{message} ({len(own)}: {own[0]} ...; {len(classes)}: {classes[0]} ...)")
    if classes is None:
        highest = int(shards.labels.max(initial=-1))
        classes = own or tuple(str(number) for number in range(highest + 1))
    wrong = np.flatnonzero((shards.labels < 0) | (shards.labels >= len(classes)))
    if len(wrong):
        first = int(wrong[0])
        message = f"{shards.records.name(first)}: has the label {shards.labels[first]}"
        raise SourceError(f"{message}; labels are 0 to {len(classes) - 1}")
    return whole(classes, shards.labels, shards.records)


def _read_set(shards: Sequence[Path]) -> _Set:
    layouts, labels, paths = [], [], []
    groups: list[_Group] = []
    row = 0
    for path in shards:
        layout, sizes, shard_labels, shard_paths = _read_shard(path)
        if layouts and layout != layouts[0]:
            raise SourceError(f"{path}: has other columns or class names than {shards[0].name}")
        first = 0
        for number, size in enumerate(sizes):
            groups.append(_Group(path, number, first, row + first))
            first += size
        layouts.append(layout)
        labels.append(shard_labels)
        paths.extend(shard_paths)
        row += first
    if row == 0:
        raise SourceError(f"{shards[0]}: no pictures; the table has no rows")
    starts = np.array([group.first_in_set for group in groups])
    records = ParquetRecords(layouts[0].image, tuple(groups), starts, paths)
    return _Set(tuple(shards), layouts[0], np.concatenate(labels), records)


def _read_shard(path: Path) -> tuple[_Layout, list[int], np.ndarray, list[str | None]]:
    """The columns, the rows per row group, the labels and the paths (if any) of one file."""
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            layout = _layout(path, file.schema_arrow, pyarrow)
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            columns = [layout.label, *([f"{layout.image}.path"] if layout.has_paths else [])]
            table = file.read(columns=columns)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    label = table.column(layout.label).combine_chunks()
    if label.null_count:
        row = label.is_null().index(True).as_py()
        raise SourceError(f"{path}: row {row} has no {layout.label!r}")
    labels = label.to_numpy(zero_copy_only=False).astype(np.int64)
    paths = table.column(layout.image).combine_chunks().field("path") if layout.has_paths else None
    return layout, sizes, labels, [] if paths is None else paths.to_pylist()


def _read_bytes_column(group: _Group, image: str) -> Any:
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(group.shard) as file:
            table = file.read_row_group(group.number, columns=[f"{image}.bytes"])
        return pyarrow.compute.struct_field(table.column(image), "bytes")
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(group.shard, error, f" in row group {group.number}") from error


def _damaged(path: Path, error: BaseException, place: str = "") -> SourceError:
    return SourceError(f"{path}: is not a whole parquet file{place}: {str(error).strip()}")


def _layout(path: Path, schema: Any, pyarrow: Any) -> _Layout:
    structs = [entry.name for entry in schema if _holds_bytes(entry.type, pyarrow)]
    integers = [entry.name for entry in schema if pyarrow.types.is_integer(entry.type)]
    features = _features(path, schema.metadata or {})
    named = [name for name in integers if _class_names(features.get(name))]
    image = _choose(path, "struct with a binary field 'bytes'", structs, IMAGE_COLUMNS)
    label = named[0] if len(named) == 1 and "label" not in integers else None
    label = label or _choose(path, "integer column of labels", integers, LABEL_COLUMNS)
    kind = schema.field(image).type
    has_paths = any(entry.name == "path" and _is_text(entry.type, pyarrow) for entry in kind)
    return _Layout(image, label, _class_names(features.get(label)), has_paths)


def _choose(path: Path, what: str, found: list[str], preferred: tuple[str, ...]) -> str:
    for name in preferred:
        if name in found:
            return name
    if len(found) == 1:
        return found[0]
    listed = f"has several ({', '.join(found)})" if found else "has none"
    raise SourceError(f"{path}: needs one {what}, named {' or '.join(preferred)}; it {listed}")


def _holds_bytes(kind: Any, pyarrow: Any) -> bool:
    types = pyarrow.types
    return types.is_struct(kind) and any(
        entry.name == "bytes" and (types.is_binary(entry.type) or types.is_large_binary(entry.type))
        for entry in kind
    )


def _is_text(kind: Any, pyarrow: Any) -> bool:
    return pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)


def _features(path: Path, metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """What the `huggingface` entry of the schema says of each column."""
    try:
        described = json.loads(metadata.get(b"huggingface", b"{}"))
        return dict(described.get("info", {}).get("features", {}))
    except (ValueError, TypeError, AttributeError) as error:
        message = f"{path}: its 'huggingface' metadata is not the JSON it should be"
        raise SourceError(f"{message}: {error}") from error


def _class_names(feature: object) -> tuple[str, ...] | None:
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not names:
        return None
    return tuple(str(name) for name in names)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError:
        message = "parquet files are read with pyarrow, which is not installed"
        raise SourceError(f"{message}: pip install pyarrow") from None
    return pyarrow, pyarrow.parquet
