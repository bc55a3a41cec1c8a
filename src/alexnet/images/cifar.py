"""CIFAR-10 in its authors' binary form; its python form is one of the pickled batches that
`batches_of_2012` reads.
"""

from pathlib import Path

import numpy as np

from alexnet.images.splits import ArrayRecords, Source, SourceError, Split, whole

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SIDE = 32
PIXEL_BYTES = 3 * SIDE * SIDE

_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
_UNPACKED = ("", "cifar-10-batches-bin")
_Batch = tuple[np.ndarray, np.ndarray, list[str]]
"""Pixels (N, 32, 32, 3), labels (N,), names."""


def find_batches(folder: Path) -> Path | None:
    """Return the folder itself or the unpacked archive inside that holds batches, or None."""
    for name in _UNPACKED:
        if any((folder / name / batch).is_file() for batch in _BATCHES[:-1]):
            return folder / name
    return None


def open_batches(folder: Path) -> Source:
    """Open data_batch_1.bin .. 5 and test_batch.bin.

    Raises SourceError where a batch is missing, of the wrong size, or holds a label that is no
    class.
    """
    batches = [folder / name for name in _BATCHES]
    missing = [path.name for path in batches if not path.is_file()]
    if missing:
        raise SourceError(f"{folder}: {', '.join(missing)} of CIFAR-10's six batches not found")
    classes = _names(folder)
    parts = [_read(path) for path in batches]
    for path, (_, labels, _) in zip(batches, parts, strict=True):
        _check_labels(path, labels, len(classes))
    note = "CIFAR-10's five training batches to learn from, its test batch to be tested on"
    return Source(
        folder.name, classes, _join(classes, parts[:-1]), _join(classes, parts[-1:]), note
    )


def _join(classes: tuple[str, ...], parts: list[_Batch]) -> Split:
    pixels, labels, names = zip(*parts, strict=True)
    records = ArrayRecords(np.concatenate(pixels), [name for part in names for name in part])
    return whole(classes, np.concatenate(labels), records)


def _check_labels(path: Path, labels: np.ndarray, classes: int) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        first = int(wrong[0])
        message = f"{path}: picture {first} has the label {labels[first]}"
        raise SourceError(f"{message}; labels are 0 to {classes - 1}")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(path: Path) -> _Batch:
    data = np.frombuffer(_read_bytes(path), dtype=np.uint8)
    record = 1 + PIXEL_BYTES
    if len(data) == 0 or len(data) % record:
        message = f"{path}: {len(data):,} bytes are not a whole number of pictures"
        raise SourceError(f"{message} of {record:,} bytes (a label and {PIXEL_BYTES:,} pixels)")
    rows = data.reshape(-1, record)
    names = [f"{path.name}, picture {row}" for row in range(len(rows))]
    pixels = rows[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)  # red plane first
    return pixels, rows[:, 0].astype(np.int64), names


def _names(folder: Path) -> tuple[str, ...]:
    path = folder / "batches.meta.txt"
    if not path.is_file():
        return CLASSES
    try:
        names = tuple(_read_bytes(path).decode("utf-8").split())
    except UnicodeDecodeError:
        raise SourceError(f"{path}: is not text; it should name a class per line") from None
    if len(set(names)) != len(CLASSES) or len(names) != len(CLASSES):
        raise SourceError(f"{path}: names {len(names)} classes; CIFAR-10 has {len(CLASSES)}")
    return names
