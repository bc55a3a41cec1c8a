"""Folders of pickled batches as a source: those of cuda-convnet, of the code of 2012 and of
cuda-convnet2, and CIFAR-10's in its python form. One file is read in `batch_file`; they are written
in `batch_writing`.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alexnet.formats import FormatError
from alexnet.formats.cuda_convnet.model_meta import META, BatchesMeta, read_meta
from alexnet.images import cifar
from alexnet.images.batch_file import BatchRecords, read_batch
from alexnet.images.splits import Source, SourceError, Split, split_by_seed

TEST_BATCH = "test_batch"
"""What CIFAR-10's authors call the batch to be tested on; in cuda-convnet's copy it is number 6."""

BLOCK = 1000
"""Validation and test batches begin at multiples of this (semantics file, section 12)."""

_UNPACKED = ("", "cifar-10-batches-py")
_NAME = re.compile(r"data_batch_([0-9]{1,9})(?:\.([0-9]{1,9}))?")
CIFAR_SHAPE = (3, 32, 32)

_Files = dict[int, list[Path]]
"""The files of each batch by its number, batches and files in order."""


def find_batches(folder: Path) -> Path | None:
    """Return the folder itself or the unpacked archive inside that holds batches, or None."""
    for name in _UNPACKED:
        if (folder / name).is_dir() and _files(folder / name):
            return folder / name
    return None


def open_batches(folder: Path, *, seed: int = 0) -> Source:
    """Open data_batch_1, data_batch_2 ... and the batches.meta beside them.

    A batch may be divided into data_batch_7.1, data_batch_7.2 ..., in the folder or in one called
    data_batch_7. Pictures follow one another by the numbers of batch and sub-batch, then as they
    lie in the file. Labels are read now, pictures a file at a time when asked for.

    Of CIFAR-10 batches 1 to 5 are to learn from and test_batch, or 6, to be tested on. Of others a
    gap before 1000, 2000 ... begins the validation batches and the next one the test batches; the
    latter are tested on where their labels are known (semantics file, section 12). Without either
    the set is split by the seed. Pictures without a label are left aside; of several labels the
    first counts.

    Raises SourceError where a batch is missing, damaged, asks to run something while it is
    unpickled, or holds a label that is no class.
    """
    files = _files(folder)
    meta = _read_meta(folder)
    parts = [_read_part(name, paths, meta) for name, paths in _parts(folder, files)]
    if parts[0].secret == len(parts[0].labels):
        raise SourceError(f"{folder}: no picture of its training batches has a label")
    classes = meta.classes if meta and meta.classes else _unnamed(parts)
    if classes == cifar.CLASSES and parts[0].shape == CIFAR_SHAPE:
        _check_cifar(folder, files)
    return _source(folder.name, classes, parts, seed)


@dataclass(frozen=True, eq=False)
class _Part:
    """The batches of one split, read but for the pictures; a label is None where it is secret."""

    name: str
    records: BatchRecords
    labels: list[int | None]
    several: int
    shape: tuple[int, int, int] | None

    def split(self, classes: tuple[str, ...]) -> Split:
        """Return the pictures whose labels are known."""
        for row, label in enumerate(self.labels):
            if label is not None and not 0 <= label < len(classes):
                place = self.records.place(row)
                message = f"{self.records.path(row)}: {place} has the label {label}"
                raise SourceError(f"{message}; labels are 0 to {len(classes) - 1}")
        known = [(row, label) for row, label in enumerate(self.labels) if label is not None]
        rows = np.array([row for row, _ in known], dtype=np.int64)
        labels = np.array([label for _, label in known], dtype=np.int64)
        return Split(classes, labels, self.records, rows)

    @property
    def secret(self) -> int:
        """How many pictures have no label."""
        return sum(label is None for label in self.labels)


def _unnamed(parts: list[_Part]) -> tuple[str, ...]:
    """CIFAR-10's classes where the pictures are like its own; else the labels' numbers."""
    highest = max(label for part in parts for label in part.labels if label is not None)
    if parts[0].shape == CIFAR_SHAPE and highest < len(cifar.CLASSES):
        return cifar.CLASSES
    return tuple(str(number) for number in range(highest + 1))


def _files(folder: Path) -> _Files:
    found: dict[int, dict[int, Path]] = {}
    try:
        entries = list(folder.iterdir())
        for entry in list(entries):
            if _NAME.fullmatch(entry.name) and entry.is_dir():
                entries.extend(inner for inner in entry.iterdir())
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(f"{folder}: the folder cannot be read: {reason}") from error
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match and entry.is_file():
            found.setdefault(int(match[1]), {})[int(match[2] or -1)] = entry
    return {number: _sub_batches(found[number]) for number in sorted(found)}


def _sub_batches(found: dict[int, Path]) -> list[Path]:
    """The parts of a batch in order; cuda-convnet counts them from 1, cuda-convnet2 from 0."""
    divided = {number: path for number, path in found.items() if number >= 0}
    if not divided:
        return list(found.values())
    first = min(divided)
    missing = [n for n in range(min(first, 1), max(divided)) if n not in divided]
    if missing:
        name = divided[first].name.rsplit(".", 1)[0]
        raise SourceError(f"{divided[first].parent}: {name}.{missing[0]} is missing")
    return [divided[number] for number in sorted(divided)]


def _parts(folder: Path, files: _Files) -> list[tuple[str, list[Path]]]:
    """The splits and their files: training first, then one or two to be tested on, best last."""
    blocks: list[list[int]] = []
    for number in files:
        begins = number % BLOCK == 0 and number - 1 not in files
        if not blocks or begins:
            blocks.append([])
        elif number - 1 not in files:
            message = f"{folder}: data_batch_{blocks[-1][-1] + 1} is missing"
            last = f"data_batch_{blocks[-1][-1]} and data_batch_{number}"
            raise SourceError(f"{message}; {last} are there, and only 1000, 2000 ... begin anew")
        blocks[-1].append(number)
    if len(blocks) > 3:
        begin = ", ".join(f"data_batch_{block[0]}" for block in blocks)
        message = f"{folder}: batches begin at {begin}"
        raise SourceError(f"{message}; training, validation and test batches are three sets")
    names = ["training", "validation", "test"]
    sets = [[path for n in block for path in files[n]] for block in blocks]
    parts = list(zip(names, sets, strict=False))
    if list(files) == [1, 2, 3, 4, 5, 6]:
        parts = [("training", sets[0][: -len(files[6])]), ("test", files[6])]
    if (folder / TEST_BATCH).is_file():
        parts.append(("test", [folder / TEST_BATCH]))
    return parts


def _check_cifar(folder: Path, files: _Files) -> None:
    """One batch less is another data set, whose numbers would be taken for CIFAR-10's."""
    missing = [f"data_batch_{number}" for number in range(1, 6) if number not in files]
    if 6 not in files and not (folder / TEST_BATCH).is_file():
        missing.append(TEST_BATCH)
    if missing:
        raise SourceError(f"{folder}: {', '.join(missing)} of CIFAR-10's six batches not found")


def _read_meta(folder: Path) -> BatchesMeta | None:
    if not (folder / META).is_file():
        return None
    try:
        return read_meta(folder / META)
    except FormatError as error:
        raise SourceError(str(error)) from error


def _read_part(name: str, paths: list[Path], meta: BatchesMeta | None) -> _Part:
    labels: list[int | None] = []
    starts = []
    several = 0
    names: dict[int, str] = {}
    shape = None
    for path in paths:
        batch = read_batch(path, meta)
        shape = shape or batch.shape
        starts.append(len(labels))
        names.update((len(labels) + row, file) for row, file in enumerate(batch.files))
        labels += batch.labels
        several += batch.several
    records = BatchRecords(tuple(paths), np.array(starts), meta, names)
    return _Part(name, records, labels, several, shape)


def _source(name: str, classes: tuple[str, ...], parts: list[_Part], seed: int) -> Source:
    train, tests = parts[0], [part for part in parts[1:] if part.secret < len(part.labels)]
    learnt = train.split(classes)
    if not tests:
        what = "batches (none with labels is to be tested on)"
        source = split_by_seed(name, learnt, seed, what)
        used = [train]
    else:
        test = tests[-1]
        note = f"training batches to learn from, {test.name} batches to be tested on"
        source = Source(name, classes, learnt, test.split(classes), note)
        used = [train, test]
    aside = [f"{part.name} batches left aside" for part in parts if part not in used]
    secret = sum(part.secret for part in used)
    several = sum(part.several for part in used)
    if secret:
        aside.append(f"{secret:,} without a label left aside")
    if several:
        aside.append(f"{several:,} with several labels, of which the first counts")
    return replace(source, note="; ".join([source.note, *aside]))
