"""State dicts written as torch.save writes them, a zip file of one pickle and an entry per storage,
without importing torch, which alone would take longer than all the rest.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

from alexnet.formats.checkpoint import Array

VERSION = b"3\n"
"""Of the form of the zip file (torch/serialization.py)."""

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that equal weights make equal files."""


def save_state(arrays: Mapping[str, Array], file: IO[bytes]) -> None:
    """Writes float32 tensors by their names, in order.

    Args:
        arrays: converted to float32, in the order of C.
        file: empty.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _put(archive, "data.pkl", _pickled(shapes))
        _put(archive, "byteorder", b"little")
        for index, array in enumerate(arrays.values()):
            _put(archive, f"data/{index}", np.ascontiguousarray(array, "<f4").data.cast("B"))
        _put(archive, "version", VERSION)


def _put(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    entry = zipfile.ZipInfo(f"archive/{name}", FIRST_DAY)
    entry.file_size = len(data)
    with archive.open(entry, "w", force_zip64=len(data) >= 2**31) as into:
        into.write(data)


def _pickled(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """An OrderedDict of contiguous tensors, each over a storage of its own, as protocol 2."""
    parts = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for index, (name, shape) in enumerate(shapes.items()):
        count = int(np.prod(shape))
        strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
        storage = b"(%sctorch\nFloatStorage\n%s%s%stQ" % (
            *(_text("storage"), _text(str(index)), _text("cpu"), _number(count)),
        )
        sides, steps = (b"(" + b"".join(map(_number, x)) + b"t" for x in (shape, strides))
        parts += [
            _text(name),
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            *(storage, _number(0), sides, steps),
            b"\x89ccollections\nOrderedDict\n)RtR",
        ]
    return b"".join([*parts, b"u."])


def _text(value: str) -> bytes:
    data = value.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)
