"""ILSVRC-2010 and -2012 as they are distributed, or unpacked, with their development kit.

The class index is the ILSVRC id less one, as in the 2012 network's outputs; `kit` reads the ids.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from alexnet.images.preparing.gathered import UNKNOWN, Collector, Gathered, Gathering, length_of
from alexnet.images.preparing.kit import Kit, read_kit
from alexnet.images.preparing.tars import Member, walk
from alexnet.images.splits import SourceError

_PICTURES = re.compile(
    r"(?:ILSVRC(\d{4})_(?:img|images)_)?(train|val|test)(?:_v\d+)?(\.tar\.\w+|\.tgz|\.tar)?"
)
_PATCHES = re.compile(r"patch_images\.tar|ILSVRC\d{4}_img_test_patch.*\.tar")
_NUMBER = re.compile(rb"_(?:val|test)_(\d+)\.\w+")


def gather_ilsvrc(folder: Path) -> Gathering | None:
    """The pictures and labels of an ILSVRC folder; None where it is none.

    It holds ILSVRC2012_devkit_t12.tar.gz (or the kit unpacked, or its meta.mat and ground truth)
    and, for each split, the tar of its pictures or a folder train/, val/, test/. Labels come from
    class tars and class folders, named by WordNet ids, or for numbered pictures from the ground
    truth. A replacement tar (patch_images.tar of 2010) goes before the tars it repairs. Training
    pictures are in the order of classes' WordNet ids and names, the others in that of numbers.

    Raises SourceError where something is missing, contradicts the rest, or is damaged.
    """
    places, patches = _picture_places(folder)
    found = dict(places)
    kit = read_kit(folder)
    if kit is None:
        _refuse_without_kit(found)
        return None
    if not found:
        return None
    _check_years(places, kit)
    patched = _Patches(patches)
    every = [
        _gather_split(split, found[split], kit, patched)
        for split in ("train", "val", "test")
        if split in found
    ]
    splits = [split for split in every if split is not None and len(split)]
    if not splits:
        return None
    classes = tuple(one.words for one in kit.synsets)
    ids = tuple(one.wordnet_id for one in kit.synsets)
    layout = f"ILSVRC{kit.year} with its development kit"
    notes = tuple(_notes(splits, kit))
    return Gathering(f"ILSVRC{kit.year}", layout, classes, ids, tuple(splits), notes)


def _picture_places(folder: Path) -> tuple[list[tuple[str, Path]], list[Path]]:
    """Splits with their folders and tars, the one to be used last; and replacement tars."""
    found: list[tuple[str, Path]] = []
    entries = sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name))
    for path in entries:
        match = _PICTURES.fullmatch(path.name)
        if match and (match[1] and match[3] if path.is_file() else not match[3]):
            found.append((match[2], path))
    return found, [path for path in entries if _PATCHES.fullmatch(path.name)]


def _refuse_without_kit(found: Mapping[str, Path]) -> None:
    for split, path in found.items():
        if path.is_file():
            what = f"{path.name}'s classes"
        elif split == "val" and any(_NUMBER.search(name) for name, _ in _flat(path)):
            what = "the labels of the numbered pictures in val/"
        else:
            continue
        raise SourceError(
            f"{path.parent}: the development kit is missing (ILSVRC2012_devkit_t12.tar.gz, or"
            f" ILSVRC2010_devkit-1.0.tar.gz), which tells {what}"
        )


def _check_years(places: Iterable[tuple[str, Path]], kit: Kit) -> None:
    for _, path in places:
        match = _PICTURES.fullmatch(path.name)
        if match and match[1] and int(match[1]) != kit.year:
            message = f"{path}: is of ILSVRC{match[1]}, the development kit of ILSVRC{kit.year}"
            raise SourceError(f"{message}; give each year a folder of its own")


class _Patches:
    """Files of the replacement tars by their names without folders."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = [str(path) for path in paths]
        self.members = {
            member.base: (number, member)
            for number, path in enumerate(paths, start=1)
            for member in walk(path)
        }

    def add(self, collector: Collector, name: bytes, label: int, member: Member) -> None:
        """Adds a member of the tar, which has the number 0, or what replaces it."""
        file, chosen = self.members.get(member.base, (0, member))
        collector.add(name, label, chosen.size, file=file, offset=chosen.offset)


def _gather_split(split: str, path: Path, kit: Kit, patches: _Patches) -> Gathered | None:
    if path.is_file():
        if split == "train":
            return _train_tar(path, kit, patches)
        return _numbered_tar(split, path, kit, patches)
    if any(entry.is_dir() for entry in path.iterdir()):
        return _class_folders(split, path, kit)
    if split == "train":
        return _class_tars(path, kit)
    return _numbered_files(split, path, kit)


def _train_tar(path: Path, kit: Kit, patches: _Patches) -> Gathered:
    """The training tar: a tar for each class, or the pictures in a folder for each."""
    tars: dict[bytes, Member] = {}
    loose: dict[bytes, list[Member]] = {}
    for member in walk(path):
        if member.base.endswith(b".tar"):
            tars[member.base[: -len(b".tar")]] = member
        elif not member.base.startswith(b"."):
            folder = member.name.rpartition(b"/")[0].rpartition(b"/")[2]
            loose.setdefault(folder, []).append(member)
    collector = Collector()
    for wordnet_id in sorted(tars.keys() | loose.keys()):
        label = _label(wordnet_id, kit, str(path))
        # One class at a time: a million members at once would take half a gigabyte.
        inner = walk(path, tars[wordnet_id]) if wordnet_id in tars else ()
        for member in sorted([*loose.get(wordnet_id, ()), *inner], key=lambda one: one.base):
            patches.add(collector, wordnet_id + b"/" + member.base, label, member)
    return collector.slices("train", [str(path), *patches.paths])


def _class_tars(folder: Path, kit: Kit) -> Gathered | None:
    """The training tar unpacked once: a folder of class tars."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".tar")
    collector = Collector()
    for number, path in enumerate(paths):
        label = _label(path.stem.encode(), kit, str(path))
        for member in sorted(walk(path), key=lambda one: one.base):
            name = path.stem.encode() + b"/" + member.base
            collector.add(name, label, member.size, file=number, offset=member.offset)
    return collector.slices("train", [str(path) for path in paths]) if paths else None


def _class_folders(split: str, folder: Path, kit: Kit) -> Gathered:
    collector = Collector()
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if inner.name.startswith("."):
            continue
        label = _label(inner.name.encode(), kit, str(inner))
        for name, path in _flat(inner):
            collector.add(inner.name.encode() + b"/" + name, label, length_of(path))
    return collector.files(split, folder)


def _numbered_tar(split: str, path: Path, kit: Kit, patches: _Patches) -> Gathered:
    members = {one.base: one for one in walk(path) if not one.base.startswith(b".")}
    collector = Collector()
    for name, label in _numbered(split, path, kit, members):
        patches.add(collector, name, label, members[name])
    return collector.slices(split, [str(path), *patches.paths])


def _numbered_files(split: str, folder: Path, kit: Kit) -> Gathered | None:
    files = dict(_flat(folder))
    if not files:
        return None
    collector = Collector()
    for name, label in _numbered(split, folder, kit, files):
        collector.add(name, label, length_of(files[name]))
    return collector.files(split, folder)


def _numbered(
    split: str, place: Path, kit: Kit, names: Iterable[bytes]
) -> Iterator[tuple[bytes, int]]:
    """Each picture's name and label, in the order of the numbers in the names."""
    by_number: dict[int, bytes] = {}
    for name in names:
        match = _NUMBER.search(name)
        if match is None:
            wanted = f"is not named like ILSVRC{kit.year}_{split}_00000001.JPEG"
            raise SourceError(f"{place}: {name.decode('utf-8', 'backslashreplace')!r} {wanted}")
        by_number[int(match[1])] = name
    rising = sorted(by_number)
    if split in kit.truths:
        truth, labels = kit.truths[split].place, kit.truths[split].labels
        if rising != list(range(1, len(labels) + 1)):
            lacking = next((n for n in range(1, len(labels) + 1) if n not in by_number), None)
            what = f"number {lacking:,} is missing" if lacking else f"{truth} has too few lines"
            message = f"{place}: has {len(rising):,} pictures for {len(labels):,} labels"
            raise SourceError(f"{message}; {what}")
        yield from ((by_number[number], labels[number - 1]) for number in rising)
    elif split == "test":
        yield from ((by_number[number], UNKNOWN) for number in rising)
    else:
        wanted = f"ILSVRC{kit.year}_validation_ground_truth.txt"
        raise SourceError(f"{place}: its labels, {wanted}, are not in the development kit")


def _flat(folder: Path) -> list[tuple[bytes, str]]:
    """Name and path of the files of a folder that are not hidden, sorted."""
    with os.scandir(folder) as entries:
        files = [one for one in entries if not one.name.startswith(".") and not one.is_dir()]
    return sorted((os.fsencode(one.name), one.path) for one in files)


def _label(wordnet_id: bytes, kit: Kit, place: str) -> int:
    if wordnet_id not in kit.labels:
        shown = wordnet_id.decode("utf-8", "backslashreplace")
        message = f"{place}: {shown!r} is none of ILSVRC{kit.year}'s"
        raise SourceError(f"{message} {len(kit.synsets):,} WordNet ids")
    return kit.labels[wordnet_id]


def _notes(splits: Sequence[Gathered], kit: Kit) -> Iterator[str]:
    for split in splits:
        if (split.labels == UNKNOWN).all():
            yield f"the labels of the {len(split):,} {split.name} pictures are not known"
        elif split.name == "train":
            counts = np.bincount(split.labels, minlength=len(kit.synsets)).tolist()
            strange = [
                f"{one.wordnet_id} has {count:,} of {one.training_pictures:,}"
                for one, count in zip(kit.synsets, counts, strict=True)
                if count != one.training_pictures
            ]
            if strange:
                more = f" and {len(strange) - 3:,} more" if len(strange) > 3 else ""
                shown = ", ".join(strange[:3])
                yield f"training pictures other than meta.mat counts: {shown}{more}"
