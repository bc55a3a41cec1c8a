"""One picture file becomes one record: the central square at one size, as JPEG or as it is.

Very large JPEGs are decoded at half their size or less, as far as that cannot be seen.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
import simplejpeg
from PIL import Image

from alexnet.images.decode import (
    LARGEST_PICTURE,
    central_span,
    decode,
    fit,
    is_scanned_too_often,
    quiet_pillow,
    with_channels,
)

FINER = 2
"""How many times the record's side the shorter side of a reduced decoding has at least. At 2 the
records differ from those of a full decoding by 43 dB at worst (benchmarks/preparing.py), by less
than the JPEG that is written; at 1 by as much as 31 dB, which shows along edges."""

LARGEST_FILE = 2**28
"""Bytes of a picture file that was packed; the rest is left out."""

_REDUCED = (8, 4, 2)
_ORIENTATION_TAG = 0x0112


def square(source: bytes | np.ndarray, name: str, side: int) -> np.ndarray:
    """Return the record's pixels, uint8 (side, side, 3), of a picture file or of decoded pixels.

    The shorter side is scaled to `side`, antialiased, and the central square kept, as section 2 of
    the paper says; `decode` says how odd pictures are read. Raises PictureError for bad ones.
    """
    if isinstance(source, np.ndarray):
        return fit(source, side)
    data = _unzipped(source)
    reduced = _reduced_square(data, side)
    return fit(decode(data, name), side) if reduced is None else reduced


def encode(pixels: np.ndarray, quality: int | None) -> bytes:
    """Return a record's bytes: a JPEG with full colour resolution (4:4:4), or with None the pixels.

    The pixels are written row by row, red, green and blue of each in turn.
    """
    if quality is None:
        return pixels.tobytes()
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "444")


def _unzipped(data: bytes) -> bytes:
    """What is in a gzip file: some pictures of ILSVRC-2010 were packed that way one by one."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(31).decompress(data, LARGEST_FILE)
    except zlib.error:
        return data  # the decoder says what is wrong


def _reduced_square(data: bytes, side: int) -> np.ndarray | None:
    """The square of a JPEG large enough to be decoded at a half, a quarter or an eighth.

    None leaves the picture to the full decoder: smaller ones, other formats, turned ones, and
    whatever is irregular.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        rows, columns, colours, _ = simplejpeg.decode_jpeg_header(data)
        height, width = int(rows), int(columns)
        shorter = min(height, width)
        factor = next((n for n in _REDUCED if shorter >= FINER * side * n), 1)
        plain = colours in ("YCbCr", "Gray") and height * width <= LARGEST_PICTURE
        if factor == 1 or not plain or is_scanned_too_often(data, height * width):
            return None
        if _is_turned(data):
            return None
        size = (-(-height // factor), -(-width // factor))
        colours = "GRAY" if colours == "Gray" else "RGB"
        reduced = simplejpeg.decode_jpeg(data, colours, min_height=size[0], min_width=size[1])
    except ValueError:
        return None
    assert reduced.shape[:2] == size, f"{reduced.shape} where {size} were asked for"
    # The last row may stand for a part of `factor` rows: the box is that of the full picture.
    left, right = central_span(width, shorter, side)
    top, bottom = central_span(height, shorter, side)
    box = (left / factor, top / factor, right / factor, bottom / factor)
    image = Image.fromarray(with_channels(reduced, 3))
    return np.array(image.resize((side, side), Image.Resampling.BICUBIC, box=box))


def _is_turned(data: bytes) -> bool:
    """Whether an EXIF block may say that the picture is to be turned or mirrored."""
    if b"\xff\xe1" not in data:
        return False
    try:
        with quiet_pillow(), Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return image.getexif().get(_ORIENTATION_TAG, 1) != 1
    except Exception:  # as varied as damage is; the full decoder judges
        return True
