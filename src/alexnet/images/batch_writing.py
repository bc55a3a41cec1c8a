"""Pictures as the pickled batches that cuda-convnet, the code of 2012 or cuda-convnet2 trained on,
loadable in Python 2. They are read in `batches_of_2012`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, assert_never

import numpy as np
import simplejpeg

from alexnet.formats import FormatError
from alexnet.formats.atomic import replacing
from alexnet.formats.cuda_convnet.model_meta import META, read_meta
from alexnet.formats.safe_pickle import dump
from alexnet.images.decode import PictureError, decode
from alexnet.images.splits import SourceError
from alexnet.images.statistics import Statistics, Sums, statistics

Form = Literal["pixels", "2012", "cuda-convnet2"]

PER_BATCH: dict[Form, int] = {"pixels": 10_000, "2012": 1024, "cuda-convnet2": 3072}
"""Pictures in a batch, as the programs of that time wrote them (semantics file, section 12)."""

SUB_BATCH = 1024
"""Pictures in a sub-batch of cuda-convnet2 (make-data.py)."""

QUALITY = 85
"""Of the JPEG strings that are made here; 2012's were of this quality, by their folder's name."""

Picture = np.ndarray | bytes


def write_batches(
    folder: Path,
    pictures: Sequence[Picture],
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    form: Form,
    first: int = 1,
    per_batch: int | None = None,
) -> list[Path]:
    """Write pictures of one size as batches numbered from `first`, and return the batches' paths.

    Below 1000 they are training batches, and batches.meta is written with their mean, the names of
    the classes and, for JPEG strings, the components of the colours. Validation batches begin at
    2000 and test batches at 3000 in 2012; they need the batches.meta of the training ones and
    change nothing in it. A picture is uint8 (side, side, 3), or a JPEG string, which is kept as
    it is where the form holds JPEG strings.

    Form "pixels" is cuda-convnet's: uint8 pixels x pictures, 10,000 a file. "2012" holds a tuple
    of JPEG strings, sizes and (class, label) pairs, 1,024 a file. "cuda-convnet2" has a folder
    per batch of 3,072, with a dict of JPEG strings and lists of labels for each 1,024.

    Raises SourceError where pictures differ in size, labels are no classes, batches.meta is missing
    or names other classes, or a file cannot be written.
    """
    if len(pictures) != len(labels) or not len(pictures):
        counts = f"{len(pictures):,} pictures and {len(labels):,} labels"
        raise SourceError(f"{folder}: is to hold {counts}; there must be as many, and some")
    for index, label in enumerate(labels):
        if not 0 <= label < len(classes):
            message = f"{folder}: picture {index} has the label {label}"
            raise SourceError(f"{message}; labels are 0 to {len(classes) - 1}")
    trains = first < 1000
    try:
        if not trains:
            _check_meta(folder, tuple(classes))
        folder.mkdir(parents=True, exist_ok=True)
        writer = _Writer(folder, pictures, labels, classes)
        size = per_batch or PER_BATCH[form]
        starts = range(0, len(pictures), size)
        paths = [
            writer.batch(form, first + number, range(start, min(start + size, len(pictures))))
            for number, start in enumerate(starts)
        ]
        if trains:
            writer.meta(form, size)
    except FormatError as error:
        raise SourceError(str(error)) from error
    except OSError as error:
        raise SourceError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return paths


class _Writer:
    """The pictures on their way into batches, summed up as they pass."""

    def __init__(
        self,
        folder: Path,
        pictures: Sequence[Picture],
        labels: Sequence[int],
        classes: Sequence[str],
    ) -> None:
        self.folder, self.pictures, self.labels, self.classes = folder, pictures, labels, classes
        self.side = len(self.pixels(0))
        self.sums = Sums(self.side)

    def batch(self, form: Form, number: int, rows: range) -> Path:
        path = self.folder / f"data_batch_{number}"
        match form:
            case "pixels":
                data = np.empty((3 * self.side**2, len(rows)), np.uint8)
                for column, pixels in enumerate(self.passing(rows)):
                    data[:, column] = pixels.transpose(2, 0, 1).reshape(-1)
                _write(path, {"data": data, "labels": [int(self.labels[row]) for row in rows]})
            case "2012":
                strings = [self.jpeg(row) for row in rows]
                sizes = [(self.side, self.side)] * len(rows)
                pairs = [(self.classes[self.labels[r]], int(self.labels[r])) for r in rows]
                _write(path, (strings, sizes, pairs))
            case "cuda-convnet2":
                path.mkdir(exist_ok=True)
                for part in range(0, len(rows), SUB_BATCH):
                    some = rows[part : part + SUB_BATCH]
                    content = {
                        "data": [self.jpeg(row) for row in some],
                        "labels": [[int(self.labels[row])] for row in some],
                    }
                    _write(path / f"{path.name}.{part // SUB_BATCH}", content)
            case _:
                assert_never(form)
        return path

    def meta(self, form: Form, size: int) -> None:
        found: Statistics = statistics(self.sums)
        content: dict[str, object] = {
            "label_names": list(self.classes),
            "num_vis": 3 * self.side**2,
            "data_mean": found.mean_image.reshape(-1, 1),
        }
        if form == "pixels":
            content |= {"num_cases_per_batch": size, "img_size": self.side, "num_colors": 3}
        else:
            deviations = found.colour_deviations.astype(np.float32)
            vectors = found.colour_eigenvectors.astype(np.float32)
            content |= {"batch_size": size, "color_pca": (deviations, vectors)}
        _write(self.folder / META, content)

    def jpeg(self, row: int) -> bytes:
        picture = self.pictures[row]
        for _ in self.passing(range(row, row + 1)):
            pass
        if isinstance(picture, bytes):
            return picture
        pixels = np.ascontiguousarray(picture)
        return simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorsubsampling="420")

    def passing(self, rows: range) -> Iterator[np.ndarray]:
        """The pixels of pictures, which are counted for the mean."""
        for row in rows:
            pixels = self.pixels(row)
            if pixels.shape != (self.side, self.side, 3):
                size = "x".join(str(length) for length in pixels.shape)
                message = f"{self.folder}: picture {row} is {size} and the first one has"
                raise SourceError(f"{message} {self.side} pixels a side; all must be alike, in RGB")
            self.sums.add(pixels)
            yield pixels

    def pixels(self, row: int) -> np.ndarray:
        picture = self.pictures[row]
        if not isinstance(picture, bytes):
            return picture
        try:
            return decode(picture, f"picture {row}")
        except PictureError as error:
            raise SourceError(f"{self.folder}: {error}") from error


def _check_meta(folder: Path, classes: tuple[str, ...]) -> None:
    if not (folder / META).is_file():
        raise SourceError(f"{folder}: has no {META}; the training batches are written first")
    known = read_meta(folder / META).classes
    if known != classes:
        message = f"{folder / META}: names {len(known)} classes"
        raise SourceError(f"{message}, not the {len(classes)} of these batches")


def _write(path: Path, content: object) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        dump(content, file.write)
