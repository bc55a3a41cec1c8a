"""Pictures in tar shards as WebDataset writes them: key.jpg beside key.cls or key.json.

Files of a sample follow one another and share their name up to the first dot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alexnet.images.folder import PICTURE_ENDINGS
from alexnet.images.preparing.gathered import Collector, Gathered, Gathering
from alexnet.images.preparing.tars import Member, read_slice, walk
from alexnet.images.splits import HELD_OUT, SourceError, divide

LONGEST_LABEL = 2**20
"""Bytes of a key.cls or key.json; more is no label."""

_SPLIT = re.compile(r"(?<![a-z])(train|validation|valid|val|test)(?![a-z])", re.IGNORECASE)
_NAMES = {"validation": "val", "valid": "val"}
_ENDINGS = tuple(ending.encode() for ending in PICTURE_ENDINGS)


def find_tar_shards(path: Path) -> list[Path]:
    """A .tar file itself, or those in a folder; the names of compressed ones are found too."""
    if path.is_file():
        return [path] if ".tar" in path.suffixes else []
    return sorted(one for one in path.glob("[!.]*.tar*") if one.is_file())


def gather_tar_shards(name: str, shards: Sequence[Path], seed: int) -> Gathering:
    """The pictures and labels of tar shards, in the order of shards and of what is in them.

    A label is the whole number in key.cls, or `label` in key.json. The classes are 0 to the
    highest. Shards whose names hold the word train, val (or validation) or test are the splits;
    where none does, or only train, a share of each class is held out by the seed as `test`.

    Raises SourceError for a sample without picture or label, and for a damaged tar.
    """
    by_split: dict[str, list[Path]] = {}
    for shard in shards:
        match = _SPLIT.search(shard.name)
        word = match[1].lower() if match else ""
        by_split.setdefault(_NAMES.get(word, word), []).append(shard)
    if "" in by_split and len(by_split) > 1:
        named, without = next(filter(None, by_split)), by_split[""][0].name
        raise SourceError(f"{shards[0].parent}: has {named} shards, and {without} of no split")
    splits = [
        _gather_split(split or "train", by_split[split])
        for split in ("", "train", "val", "test")
        if split in by_split
    ]
    notes: tuple[str, ...] = ()
    if len(splits) == 1 and splits[0].name == "train":
        splits = _divided(splits[0], seed)
        notes = (f"{len(shards):,} tar shards split by seed {seed}: {HELD_OUT:.0%} of each class",)
    highest = max(int(split.labels.max(initial=-1)) for split in splits)
    classes = tuple(str(number) for number in range(highest + 1))
    return Gathering(name, "tar shards", classes, (), tuple(splits), notes)


def _gather_split(split: str, shards: Sequence[Path]) -> Gathered:
    collector = Collector()
    for number, shard in enumerate(shards):
        for key, files in _samples(shard):
            picture = next((files[one] for one in files if one.endswith(_ENDINGS)), None)
            if picture is None:
                shown = key.decode("utf-8", "backslashreplace")
                raise SourceError(f"{shard}: the sample {shown!r} has no picture")
            label = _label(shard, key, files)
            collector.add(picture.name, label, picture.size, file=number, offset=picture.offset)
    gathered = collector.slices(split, [str(shard) for shard in shards])
    if not len(gathered):
        raise SourceError(f"{shards[0]}: no pictures; looked for key.jpg with key.cls or key.json")
    return gathered


def _samples(shard: Path) -> Iterator[tuple[bytes, Mapping[bytes, Member]]]:
    """Each key with its files by their endings, in lower case."""
    current: bytes | None = None
    files: dict[bytes, Member] = {}
    for member in walk(shard):
        if member.base.startswith(b"."):
            continue
        stem, dot, ending = member.base.partition(b".")
        key = member.name[: len(member.name) - len(member.base)] + stem
        if current is not None and key != current:
            yield current, files
            files = {}
        current = key
        files[dot + ending.lower()] = member
    if current is not None:
        yield current, files


def _label(shard: Path, key: bytes, files: Mapping[bytes, Member]) -> int:
    for ending in (b".cls", b".json"):
        if ending in files:
            label = _parsed(_read(shard, files[ending]), ending)
            if label is not None:
                return label
            shown = files[ending].name.decode("utf-8", "backslashreplace")
            wanted = "a whole number" if ending == b".cls" else 'an object with a whole "label"'
            raise SourceError(f"{shard}: {shown!r} is not {wanted} from 0 on")
    shown = key.decode("utf-8", "backslashreplace")
    raise SourceError(f"{shard}: the sample {shown!r} has neither {shown}.cls nor {shown}.json")


def _parsed(text: bytes, ending: bytes) -> int | None:
    try:
        label = json.loads(text)
        label = label.get("label") if ending == b".json" else label
    except (ValueError, AttributeError, RecursionError):
        return None
    whole = isinstance(label, int) and not isinstance(label, bool)
    return label if whole and 0 <= label < 2**31 else None


def _read(shard: Path, member: Member) -> bytes:
    if member.size > LONGEST_LABEL:
        shown = member.name.decode("utf-8", "backslashreplace")
        raise SourceError(f"{shard}: {shown!r} has {member.size:,} bytes, too many for a label")
    return read_slice(str(shard), member.offset, member.size)


def _divided(every: Gathered, seed: int) -> list[Gathered]:
    kept, held = divide(every.labels, HELD_OUT, seed)
    return [
        Gathered(name, every.labels[rows], every.pictures.part(rows))
        for name, rows in (("train", kept), ("test", held))
        if len(rows)
    ]
