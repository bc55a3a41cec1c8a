"""Caffe's mean files: a mean image as one blob (`.binaryproto`) or as NumPy's array (`.npy`)."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from typing import cast

import numpy as np

from alexnet.formats.atomic import replacing
from alexnet.formats.caffe.blobs import blob_array, blob_message
from alexnet.formats.caffe.wire import decode, encode, joined
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.cuda_convnet.notes import shown

MOST_BYTES = 1 << 28
NPY = b"\x93NUMPY"
DTYPE = re.compile(r"[<>=|]?f[248]")


def read_mean(path: Path) -> Array:
    """The mean image in a file, (channels, rows, columns) in float32; BGR, as Caffe has pictures.

    Raises:
        FormatError: no such file, a damaged one, or one that holds no image.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise FormatError(f"{path}: has {size:,} bytes; a mean image has up to {MOST_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
    if data.startswith(NPY):
        array = _npy(data, path)
    else:
        array = blob_array(decode(data, "BlobProto", str(path)), f"{path}: the mean")
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or min(array.shape) < 1:
        raise FormatError(
            f"{path}: holds an array of shape {array.shape}; a mean image is (channels, rows,"
            " columns)"
        )
    if not np.isfinite(array).all():
        raise FormatError(f"{path}: holds numbers that are not finite")
    return np.ascontiguousarray(array, np.float32)


def write_mean(image: Array, path: Path) -> None:
    """Writes a mean image of shape (channels, rows, columns) as Caffe's blob; `.npy` as an array.

    Raises:
        FormatError: it is no image, or the file cannot be written.
    """
    if image.ndim != 3:
        raise FormatError(f"{path}: a mean image is (channels, rows, columns), not {image.shape}")
    try:
        with replacing(path) as temporary:
            if path.suffix == ".npy":
                with temporary.open("wb") as file:
                    np.save(file, np.ascontiguousarray(image, np.float32), allow_pickle=False)
            else:
                temporary.write_bytes(joined(encode(blob_message(image, legacy=True))[0]))
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error


def _npy(data: bytes, path: Path) -> Array:
    """An array whose header is read here, so that nothing is unpickled or reserved on its word."""
    wrong = FormatError(f"{path}: is no array of NumPy's with floating-point numbers")
    version = data[6:7]
    width = 2 if version == b"\x01" else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    if version not in (b"\x01", b"\x02", b"\x03") or length > 10_000 or start > len(data):
        raise wrong
    try:
        header = ast.literal_eval(data[8 + width : start].decode("latin-1").strip())
        shape, kind = header["shape"], header["descr"]
        order = "F" if header["fortran_order"] else "C"
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        raise wrong from None
    if not isinstance(kind, str) or not DTYPE.fullmatch(kind) or not isinstance(shape, tuple):
        raise wrong
    sides = cast("tuple[object, ...]", shape)
    if not all(type(side) is int and 0 <= side <= MOST_BYTES for side in sides) or len(sides) > 8:
        raise wrong
    whole = cast("tuple[int, ...]", sides)
    dtype = np.dtype(kind)
    if math.prod(whole) * dtype.itemsize != len(data) - start:
        raise FormatError(
            f"{path}: says shape {shown(str(whole))} and holds {len(data) - start:,} bytes of"
            " numbers; it may be cut short"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(whole, order=order)
