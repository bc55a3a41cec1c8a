"""The `batches.meta` beside the data of cuda-convnet, of the code of 2012 and of cuda-convnet2:
what all batches have in common. It reads no picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import FormatError
from alexnet.formats.safe_pickle import dump, is_dict, is_list, is_tuple, load_file, text, told

META = "batches.meta"

LARGEST_META = 2**28
"""Bytes; the mean of pictures of 256 pixels takes 1.5 million as float64."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BatchesMeta:
    """What a `batches.meta` says (semantics file, section 12).

    Attributes:
        classes: names, in the order of the labels; empty where there are none.
        values: numbers per picture (`num_vis`), None where it is not said.
        mean: the mean picture, float32 (channels, side, side), 0 to 255.
        colour_deviations: (3,), the square roots of the eigenvalues of the colours' covariance.
        colour_vectors: (3, 3), the eigenvectors, column by column.
        label_offset: what is added to every label.
    """

    classes: tuple[str, ...] = ()
    values: int | None = None
    mean: Numbers | None = field(default=None, repr=False)
    colour_deviations: Numbers | None = None
    colour_vectors: Numbers | None = None
    label_offset: int = 0


def read_meta(path: Path) -> BatchesMeta:
    """Reads a `batches.meta`; what it says beyond a `BatchesMeta` is passed over.

    Raises:
        FormatError: not such a file, or an entry that is not what its name promises.
    """
    content = load_file(path, largest=LARGEST_META)
    if not is_dict(content):
        raise FormatError(f"{path}: holds {told(content)}; what is common to batches is a dict")
    entries = {text(name): value for name, value in content.items()}
    values = _whole(path, entries, "num_vis")
    mean = _mean(path, entries.get("data_mean"), values)
    deviations, vectors = _colours(path, entries.get("color_pca"))
    return BatchesMeta(
        classes=_classes(path, entries.get("label_names")),
        values=values,
        mean=mean,
        colour_deviations=deviations,
        colour_vectors=vectors,
        label_offset=_whole(path, entries, "label_offset") or 0,
    )


def write_meta(meta: BatchesMeta, path: Path) -> None:
    """Writes what a `BatchesMeta` says, so that Python 2 loads it; OSError where it cannot."""
    content: dict[object, object] = {"label_names": list(meta.classes)}
    if meta.values is not None:
        content["num_vis"] = meta.values
    if meta.mean is not None:
        content["data_mean"] = meta.mean.reshape(-1, 1)
    if meta.colour_deviations is not None and meta.colour_vectors is not None:
        content["color_pca"] = (meta.colour_deviations, meta.colour_vectors)
    if meta.label_offset:
        content["label_offset"] = meta.label_offset
    with replacing(path) as temporary, temporary.open("wb") as file:
        dump(content, file.write)


def picture_shape(values: int) -> tuple[int, int, int] | None:
    """(channels, side, side) of a square picture of so many numbers, RGB or grey; else None."""
    for channels in (3, 1):
        side = math.isqrt(max(values, 0) // channels)
        if side and channels * side * side == values:
            return channels, side, side
    return None


def _whole(path: Path, entries: dict[str | None, object], name: str) -> int | None:
    value = entries.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise FormatError(f"{path}: '{name}' is {told(value)}; it must be a whole number")


def _classes(path: Path, names: object) -> tuple[str, ...]:
    if names is None:
        return ()
    known = [text(name) for name in names] if is_list(names) else [None]
    found = [name for name in known if name is not None]
    if len(found) != len(known):
        raise FormatError(f"{path}: 'label_names' is {told(names)}; it must be a list of names")
    return tuple(_readable(name) for name in found)


def _readable(name: str) -> str:
    """Python 2 kept bytes; where they are UTF-8, that is what was meant."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def _mean(path: Path, mean: object, values: int | None) -> Numbers | None:
    if mean is None:
        return None
    numbers = _numbers(mean)
    shape = picture_shape(0 if numbers is None else numbers.size)
    if numbers is None or shape is None or (values is not None and numbers.size != values):
        wanted = "a square picture" if values is None else f"'num_vis', {values:,}"
        raise FormatError(
            f"{path}: 'data_mean' is {told(mean)}; it must hold as many numbers as {wanted}"
        )
    return numbers.reshape(shape)


def _colours(path: Path, both: object) -> tuple[Numbers | None, Numbers | None]:
    if both is None:
        return None, None
    parts = both if is_tuple(both) or is_list(both) else ()
    match [_numbers(part) for part in parts]:
        case [np.ndarray() as deviations, np.ndarray() as vectors]:
            if deviations.size == 3 and vectors.shape == (3, 3):
                return deviations.reshape(3), vectors
        case _:
            pass
    raise FormatError(
        f"{path}: 'color_pca' is {told(both)}; it must be 3 deviations and 3x3 vectors"
    )


def _numbers(value: object) -> Numbers | None:
    """Finite numbers of an array, as float32; None for anything else."""
    if not isinstance(value, np.ndarray):
        return None
    array: Numbers = np.asarray(cast("Numbers", value), dtype=np.float32)
    return array if bool(np.isfinite(array).all()) else None
