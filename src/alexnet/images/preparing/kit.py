"""The development kit of an ILSVRC year: its classes by id, and the labels of numbered pictures."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alexnet.images.preparing.matlab import Value, read_table
from alexnet.images.splits import SourceError

_KIT = re.compile(r"(?:ILSVRC\d{4}_)?devkit(?!.*_t3).*")
_TRUTH = re.compile(r"ILSVRC\d{4}_(validation|test)_ground_truth\.txt")
_SPLITS = {"validation": "val", "test": "test"}
_ID = re.compile(r"ILSVRC(\d{4})_ID")
_WORDNET_ID = re.compile(r"n\d{8}")

LARGEST_ENTRY = 64 * 2**20
"""Bytes of a file in a kit; the real ones have less than one mebibyte."""


@dataclass(frozen=True)
class Synset:
    """A class: its ILSVRC id from 1 on, its WordNet id and words, and what is said of it."""

    id: int
    wordnet_id: str
    words: str
    children: int
    training_pictures: int


@dataclass(frozen=True)
class Truth:
    """Labels of the pictures numbered 1 to N, from 0 on, and where they stand."""

    place: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Kit:
    """A year's classes in the order of their ids, and the labels of its splits."""

    year: int
    synsets: tuple[Synset, ...]
    truths: Mapping[str, Truth]

    @cached_property
    def labels(self) -> dict[bytes, int]:
        """The label, ILSVRC id less one, of each WordNet id."""
        return {one.wordnet_id.encode(): one.id - 1 for one in self.synsets}


def read_kit(folder: Path) -> Kit | None:
    """The kit that lies in a folder, packed or unpacked, and ground truths beside it; or None.

    Raises SourceError where it is damaged.
    """
    files: dict[str, tuple[str, bytes]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (_KIT.fullmatch(path.name) or path.name == "data"):
            for inner in (path, path / "data"):
                files |= _loose(inner)
        elif path.is_file() and _KIT.fullmatch(path.name):
            files |= _archived(path)
    files |= _loose(folder)
    if "meta.mat" not in files:
        return None
    place, data = files["meta.mat"]
    year, synsets = read_synsets(data, place)
    truths = {
        _SPLITS[match[1]]: Truth(place, _labels(text, place, len(synsets)))
        for name, (place, text) in files.items()
        if (match := _TRUTH.fullmatch(name))
    }
    return Kit(year, synsets, truths)


def read_synsets(data: bytes, place: str) -> tuple[int, tuple[Synset, ...]]:
    """The year of a meta.mat and its low-level synsets in the order of their ids, 1 to N.

    Those are the classes (N = 1000); the high-level ones, which have children, only tell their
    ancestry (readme.txt of the kits). Raises SourceError where they are not there.
    """
    rows = read_table(data, "synsets", place)
    named = [match for name in (rows[0] if rows else {}) if (match := _ID.fullmatch(name))]
    if len(named) != 1:
        raise SourceError(f"{place}: its synsets have no field ILSVRC2012_ID or the like")
    try:
        every = [_synset(row, named[0][0]) for row in rows]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise SourceError(f"{place}: its synsets cannot be read ({error})") from error
    classes = sorted((one for one in every if one.children == 0), key=lambda one: one.id)
    if not classes or [one.id for one in classes] != list(range(1, len(classes) + 1)):
        raise SourceError(f"{place}: the ids of the synsets without children are not 1, 2, 3, …")
    wrong = [one for one in classes if not _WORDNET_ID.fullmatch(one.wordnet_id)]
    if wrong:
        raise SourceError(f"{place}: {wrong[0].wordnet_id!r} is no WordNet id (n01440764, say)")
    if len({one.wordnet_id for one in classes}) < len(classes):
        raise SourceError(f"{place}: two of its classes have the same WordNet id")
    return int(named[0][1]), tuple(classes)


def _synset(row: Mapping[str, Value], id_field: str) -> Synset:
    return Synset(
        id=_number(row[id_field]),
        wordnet_id=_text(row["WNID"]),
        words=_text(row["words"]),
        children=_number(row["num_children"]),
        training_pictures=_number(row["num_train_images"]),
    )


def _number(cell: Value) -> int:
    if isinstance(cell, str):
        raise TypeError(f"{cell!r} is no number")
    (number,) = cell
    return int(number)


def _text(cell: Value) -> str:
    if not isinstance(cell, str):
        raise TypeError(f"{cell!r} is no text")
    return cell


def _labels(text: bytes, place: str, classes: int) -> tuple[int, ...]:
    """The labels of a ground truth, a line an ILSVRC id."""
    labels: list[int] = []
    for number, line in enumerate(text.split(), start=1):
        if not line.isdigit() or not 1 <= int(line) <= classes:
            shown = line[:20].decode("utf-8", "backslashreplace")
            message = f"{place}: line {number} says {shown!r}"
            raise SourceError(f"{message}; it must be an ILSVRC id from 1 to {classes:,}")
        labels.append(int(line) - 1)
    return tuple(labels)


def _wanted(name: str) -> bool:
    return name == "meta.mat" or _TRUTH.fullmatch(name) is not None


def _loose(folder: Path) -> dict[str, tuple[str, bytes]]:
    if not folder.is_dir():
        return {}
    return {
        path.name: (str(path), path.read_bytes())
        for path in sorted(folder.iterdir())
        if _wanted(path.name) and path.is_file()
    }


def _archived(path: Path) -> dict[str, tuple[str, bytes]]:
    files: dict[str, tuple[str, bytes]] = {}
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                name = entry.name.rpartition("/")[2]
                if _wanted(name) and (file := archive.extractfile(entry)):
                    files[name] = (f"{path}: {entry.name}", file.read(LARGEST_ENTRY))
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise SourceError(f"{path}: is no whole archive ({error})") from error
    return files
