"""One pickled batch of pictures and labels, and the records that lie in many of them.

Its unpickler runs nothing (`formats.safe_pickle`); JPEG strings stay as they are until a picture is
asked for.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet.formats import FormatError
from alexnet.formats.cuda_convnet.model_meta import BatchesMeta, picture_shape
from alexnet.formats.safe_pickle import is_dict, is_list, is_tuple, load_file, raw, text, told
from alexnet.images.decode import PictureError, decode, with_channels
from alexnet.images.splits import SourceError

LARGEST_BATCH = 4 * 2**30
"""Bytes; 2,048 pictures of 256 pixels take 400 million, undecoded."""

LARGEST_LABEL = 2**20
"""No set has a million classes; a class is made for every number up to the largest."""

_KEPT = 2
"""Files kept in memory, so that two threads at a border do not read one file many times."""

_SHOULD_BE = (
    "a batch is a dict of 'data' and 'labels', or three lists: JPEG strings, their sizes, labels"
)


@dataclass(frozen=True, eq=False)
class Batch:
    """The pictures of one file and what is said of them.

    pictures is uint8 (N, channels * side * side), or a list of N JPEG strings, which are bytes or
    text of one character per byte; labels holds an index for each, or None where it is not told;
    several says how many pictures have more than one label; files their names, or nothing; shape
    is (channels, side, side), None where each picture has its own.
    """

    pictures: np.ndarray | list[object]
    labels: list[int | None]
    several: int
    files: list[str]
    shape: tuple[int, int, int] | None


@dataclass(frozen=True, eq=False)
class BatchRecords:
    """Pictures by row number, in files that are read when they are asked for."""

    paths: tuple[Path, ...]
    starts: np.ndarray
    meta: BatchesMeta | None
    files: Mapping[int, str]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _recent: dict[int, Batch] = field(default_factory=dict, repr=False)

    def path(self, row: int) -> Path:
        """Return the file that holds the picture."""
        return self.paths[self._file_of(row)]

    def place(self, row: int) -> str:
        """Return which picture of its file it is, from 0."""
        return f"picture {row - int(self.starts[self._file_of(row)])}"

    def name(self, row: int) -> str:
        """Return the file, the picture in it from 0, and the name the file gives it."""
        name = f"{self.path(row).name}, {self.place(row)}"
        return f"{name} ({self.files[row]})" if row in self.files else name

    def read(self, row: int, channels: int) -> np.ndarray:
        """Return uint8 (height, width, channels); PictureError, or SourceError for the file."""
        index = self._file_of(row)
        batch = self._batch(index)
        place = row - int(self.starts[index])
        if isinstance(batch.pictures, np.ndarray):
            assert batch.shape is not None, "pixels have a shape"
            pixels = batch.pictures[place].reshape(batch.shape).transpose(1, 2, 0)
            return with_channels(np.ascontiguousarray(pixels), channels)
        data = raw(batch.pictures[place])
        if data is None:
            raise PictureError(self.name(row), f"is {told(batch.pictures[place])}, no JPEG string")
        return decode(data, self.name(row), channels=channels)

    def _file_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _batch(self, index: int) -> Batch:
        with self._lock:
            if index not in self._recent:
                while len(self._recent) >= _KEPT:
                    del self._recent[next(iter(self._recent))]
                self._recent[index] = read_batch(self.paths[index], self.meta)
            return self._recent[index]


def read_batch(path: Path, meta: BatchesMeta | None) -> Batch:
    """Read a batch in one of the forms of that time; `meta` is what is common to its folder.

    A dict of uint8 `data`, pixels x pictures (cuda-convnet) or pictures x pixels (CIFAR-10), and
    `labels`; a dict of JPEG strings and lists of labels (cuda-convnet2); or a tuple of JPEG
    strings, sizes or labels, and labels or class ids (2012: convdata_jpeg.py, fix-big-imgnet.py).

    Raises SourceError, with the file, what it says and what would be right.
    """
    try:
        content = load_file(path, largest=LARGEST_BATCH)
    except FormatError as error:
        raise SourceError(str(error)) from error
    if is_dict(content):
        entries = {text(name): value for name, value in content.items()}
        data, labels, files = (entries.get(name) for name in ("data", "labels", "filenames"))
    elif (is_tuple(content) or is_list(content)) and len(content) == 3:
        data, files = content[0], None
        labels = content[1] if _are_names(content[2]) else content[2]
    else:
        raise SourceError(f"{path}: holds {told(content)}; {_SHOULD_BE}")
    numbers, several = _labels(path, labels, meta.label_offset if meta else 0)
    if isinstance(data, np.ndarray):
        pictures, shape = _pixels(path, data, len(numbers), meta)
    else:
        pictures, shape = _strings(path, data), None
    if len(pictures) != len(numbers):
        message = f"{path}: has {len(pictures):,} pictures but {len(numbers):,} labels"
        raise SourceError(message)
    return Batch(pictures, numbers, several, _file_names(files, len(numbers)), shape)


def _are_names(values: object) -> bool:
    """Whether these are class ids, one text per picture, and the labels stand elsewhere."""
    return is_list(values) and bool(values) and all(text(value) is not None for value in values)


def _labels(path: Path, values: object, offset: int) -> tuple[list[int | None], int]:
    """One label per picture, and how many pictures have several."""
    if isinstance(values, np.ndarray):
        values = values.reshape(-1).tolist()
    if not is_list(values):
        message = f"{path}: 'labels' is {told(values)}"
        raise SourceError(f"{message}; it should be a list of whole numbers, or a list of lists")
    found: list[int | None] = []
    several = 0
    for row, value in enumerate(values):
        label, count = _label(value)
        if count < 0 or abs(label or 0) > LARGEST_LABEL:
            message = f"{path}: the label of picture {row} is {told(value)}"
            raise SourceError(f"{message}; labels are whole numbers, or lists of them")
        found.append(None if label is None else label + offset)
        several += count > 1
    return found, several


def _label(value: object) -> tuple[int | None, int]:
    """The label, None where it is not told, and how many there are; -1 where it is none at all."""
    count = 1
    if is_tuple(value) and len(value) == 2 and text(value[0]) is not None:
        value = value[1]  # the class's id comes first (convdata_jpeg.py)
    if is_list(value) or is_tuple(value):
        count = len(value)
        value = value[0] if value else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # cuda-convnet's own features are written with labels in floats
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value, count
    return None, -1


def _pixels(
    path: Path, data: np.ndarray, count: int, meta: BatchesMeta | None
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The pixels, one picture a row, and the shape of a picture."""
    if data.dtype != np.uint8 or data.ndim != 2:
        message = f"{path}: 'data' is {told(data)}"
        raise SourceError(f"{message}; it should be a uint8 array of pixels x pictures")
    wanted = meta.values if meta else None
    there, here = (
        picture_shape(values) if pictures == count and wanted in (None, values) else None
        for values, pictures in (data.shape, data.shape[::-1])
    )
    # As many pictures as pixels: a mean beside the data is cuda-convnet's habit, and so are columns
    if there and (not here or (meta is not None and meta.mean is not None)):
        return data.T, there
    if here:
        return data, here
    size = "square pictures, grey or coloured" if wanted is None else f"{wanted:,} pixels each"
    message = f"{path}: 'data' is {told(data)} and there are {count:,} labels"
    raise SourceError(f"{message}; it should hold as many pictures, {size}")


def _strings(path: Path, data: object) -> list[object]:
    if not is_list(data):
        message = f"{path}: 'data' is {told(data)}"
        raise SourceError(f"{message}; it should be an array of pixels, or a list of JPEG strings")
    for row, picture in enumerate(data):
        if not isinstance(picture, str | bytes):
            message = f"{path}: picture {row} is {told(picture)}"
            raise SourceError(f"{message}; it should be a JPEG string")
    return data


def _file_names(files: object, count: int) -> list[str]:
    if not is_list(files) or len(files) != count:
        return []
    return [text(file) or told(file) for file in files]
