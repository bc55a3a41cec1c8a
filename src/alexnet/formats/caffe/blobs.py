"""Caffe's blobs as arrays and back; what an array belongs to is known by whoever asks."""

from __future__ import annotations

import math

import numpy as np

from alexnet.formats.caffe.message import Message
from alexnet.formats.checkpoint import Array, FormatError

LEGACY = ("num", "channels", "height", "width")
MOST_AXES = 32


def blob_shape(blob: Message) -> tuple[int, ...] | None:
    """The shape that a blob says, old or new; None where it says none."""
    if "shape" in blob:
        return tuple(blob.message("shape").integers("dim"))
    if any(name in blob for name in LEGACY):
        return tuple(blob.integer(name, 0) for name in LEGACY)
    return None


def blob_array(blob: Message, where: str) -> Array:
    """The numbers of a blob in its shape; gradients that lie beside them are left.

    Raises:
        FormatError: the shape is not that of the numbers; `where` names the blob.
    """
    runs = blob.arrays("data") or blob.arrays("double_data")
    blob.look_over("data", "double_data", "diff", "double_diff", "shape", *LEGACY)
    if not runs:
        raise FormatError(f"{where} holds no numbers")
    array = runs[0] if len(runs) == 1 else np.concatenate(runs)
    shape = blob_shape(blob)
    if shape is None:
        return array
    if len(shape) > MOST_AXES or min(shape, default=1) < 0 or math.prod(shape) != array.size:
        said = "×".join(map(str, shape[:8]))[:80]
        raise FormatError(f"{where} says shape {said} and holds {array.size:,} numbers")
    return array.reshape(shape)


def blob_message(array: Array, *, legacy: bool = False) -> Message:
    """A blob of an array; `legacy` gives the four sides that mean files have."""
    blob = Message("BlobProto")
    if legacy:
        for name, side in zip(LEGACY, (1,) * (4 - array.ndim) + array.shape, strict=True):
            blob.add(name, side)
    else:
        shape = Message("BlobShape")
        for side in array.shape:
            shape.add("dim", side)
        blob.add("shape", shape)
    return blob.add("data", array)
