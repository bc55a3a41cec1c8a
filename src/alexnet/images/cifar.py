"""CIFAR-10 in the two forms its authors publish: pickled python batches and binary batches.

The pickles are read by an unpickler that knows arrays and plain containers and runs nothing.
"""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

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

_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_UNPACKED = ("", "cifar-10-batches-py", "cifar-10-batches-bin")
_Batch = tuple[np.ndarray, np.ndarray, list[str]]
"""Pixels (N, 32, 32, 3), labels (N,), names."""


def find_batches(folder: Path) -> Path | None:
    """Return the folder itself or the unpacked archive inside that holds batches, or None."""
    for name in _UNPACKED:
        place = folder / name
        if any((place / f"{batch}{end}").is_file() for batch in _TRAIN for end in ("", ".bin")):
            return place
    return None


def open_batches(folder: Path) -> Source:
    """Open data_batch_1 .. 5 and test_batch, pickled or with the ending .bin.

    Raises SourceError where a batch is missing, of the wrong size, damaged, asks to run something
    while it is unpickled, or holds a label that is no class.
    """
    ending = "" if any((folder / name).is_file() for name in _TRAIN) else ".bin"
    batches = [folder / f"{name}{ending}" for name in (*_TRAIN, "test_batch")]
    missing = [path.name for path in batches if not path.is_file()]
    if missing:
        raise SourceError(f"{folder}: {', '.join(missing)} of CIFAR-10's six batches not found")
    classes = _binary_names(folder) if ending else _python_names(folder)
    read = _read_binary if ending else _read_python
    parts = [read(path) for path in batches]
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


def _pixels(flat: np.ndarray) -> np.ndarray:
    """Rows of 3,072 bytes, red plane first, as pictures (N, 32, 32, 3)."""
    return flat.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read_binary(path: Path) -> _Batch:
    data = np.frombuffer(_read_bytes(path), dtype=np.uint8)
    record = 1 + PIXEL_BYTES
    if len(data) == 0 or len(data) % record:
        message = f"{path}: {len(data):,} bytes are not a whole number of pictures"
        raise SourceError(f"{message} of {record:,} bytes (a label and {PIXEL_BYTES:,} pixels)")
    rows = data.reshape(-1, record)
    names = [f"{path.name}, picture {row}" for row in range(len(rows))]
    return _pixels(rows[:, 1:]), rows[:, 0].astype(np.int64), names


def _binary_names(folder: Path) -> tuple[str, ...]:
    path = folder / "batches.meta.txt"
    if not path.is_file():
        return CLASSES
    try:
        text = _read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise SourceError(f"{path}: is not text; it should name a class per line") from None
    return _check_names(path, text.split())


def _python_names(folder: Path) -> tuple[str, ...]:
    path = folder / "batches.meta"
    if not path.is_file():
        return CLASSES
    names = _load_pickle(path).get("label_names")
    if not isinstance(names, list):
        raise SourceError(f"{path}: has no list 'label_names' with the names of the classes")
    return _check_names(path, [_text(name) for name in names])


def _check_names(path: Path, names: list[str]) -> tuple[str, ...]:
    if len(set(names)) != len(CLASSES) or len(names) != len(CLASSES):
        raise SourceError(f"{path}: names {len(names)} classes; CIFAR-10 has {len(CLASSES)}")
    return tuple(names)


def _read_python(path: Path) -> _Batch:
    batch = _load_pickle(path)
    data = _pixel_rows(path, batch.get("data"))
    labels = batch.get("labels")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise SourceError(f"{path}: 'labels' should be a list of whole numbers")
    if len(labels) != len(data):
        raise SourceError(f"{path}: has {len(data):,} pictures but {len(labels):,} labels")
    # As objects until they are checked: a label may be beyond 64 bits.
    return _pixels(data), np.array(labels, dtype=object), _python_record_names(path, batch)


def _pixel_rows(path: Path, data: object) -> np.ndarray:
    """The batch's uint8 array (pictures, 3,072)."""
    should_be = f"'data' should be a uint8 array of pictures x {PIXEL_BYTES:,}"
    if not isinstance(data, _Array):
        raise SourceError(f"{path}: {should_be}; it is no array")
    try:
        rows = data.as_bytes()
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{path}: {should_be}; it is not: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != PIXEL_BYTES or len(rows) == 0:
        size = " x ".join(f"{length:,}" for length in rows.shape)
        raise SourceError(f"{path}: {should_be}; it is {size}")
    return rows


def _python_record_names(path: Path, batch: dict[str, Any]) -> list[str]:
    names = [f"{path.name}, picture {row}" for row in range(len(batch["labels"]))]
    files = batch.get("filenames")
    if not isinstance(files, list) or len(files) != len(names):
        return names
    return [f"{name} ({_text(file)})" for name, file in zip(names, files, strict=True)]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _load_pickle(path: Path) -> dict[str, Any]:
    """The dict that a batch is, its keys as text; Python 2 wrote the originals."""
    try:
        content = _ArraysOnly(io.BytesIO(_read_bytes(path)), encoding="bytes").load()
    except _Refused as error:
        message = f"{path}: asks for {error} while it is unpickled, and was not obeyed"
        raise SourceError(f"{message}; a CIFAR-10 batch needs arrays only") from None
    except _BROKEN_PICKLE as error:
        reason = str(error) or type(error).__name__
        raise SourceError(f"{path}: is not a whole pickled batch: {reason}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{path}: holds a {type(content).__name__}; a batch is a dict")
    return {_text(key): value for key, value in content.items()}


class _Refused(pickle.UnpicklingError):
    """The pickle names something that is not needed to rebuild an array."""


_BROKEN_PICKLE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
)


class _Array:
    """Stands in for a numpy array while it is unpickled: keeps what was said, runs no numpy."""

    state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def as_bytes(self) -> np.ndarray:
        """Return the array it describes; ValueError or TypeError where that is not one of uint8."""
        _, shape, kind, fortran_order, data = self.state
        if not isinstance(kind, _Kind) or kind.code not in ("u1", b"u1"):
            raise TypeError("not an array of uint8")
        order = "F" if fortran_order else "C"
        return np.frombuffer(data, dtype=np.uint8).reshape(shape, order=order)


class _Kind:
    """Stands in for a numpy dtype."""

    def __init__(self, code: object = None, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        pass  # byte order and fields, which single bytes do not have


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _from_buffer(data: object, kind: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.state = (1, shape, kind, order == "F", data)
    return array


def _encode(text: str, encoding: object = "latin1") -> bytes:
    """How Python 3 writes bytes at protocol 2; the real function knows many more codecs."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"the codec {encoding}")
    return text.encode("latin1")


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): "numpy.ndarray",
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numbers, text, containers and arrays of bytes; anything else is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return the stand-in for one of the few admitted names, or refuse."""
        try:
            return _STAND_INS[module_name, global_name]
        except KeyError:
            raise _Refused(f"{module_name}.{global_name}") from None
