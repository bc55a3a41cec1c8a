"""Arrays as small PNGs that an answer carries: pictures, maps in a grid, gradients."""

from __future__ import annotations

import base64
import io
import math

import numpy as np

from alexnet.explorer.asking import Tree

MOST_MAPS = 512
"""Maps of one tower that are shown."""

PADDING = 1
"""Pixels between maps."""

BETWEEN = 128
"""The byte of those pixels."""


def png(pixels: np.ndarray) -> str:
    """A data URL of uint8 (height, width), or (height, width, 1 or 3)."""
    from PIL import Image

    plain = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    into = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plain)).save(into, "PNG")
    return f"data:image/png;base64,{base64.b64encode(into.getvalue()).decode('ascii')}"


def grid(maps: np.ndarray) -> Tree:
    """Maps (channels, height, width) side by side, each from its own least (black) to its own
    greatest (white) value; a vector as one row of pixels, over the whole vector.
    """
    count, height, width = maps.shape
    least, greatest = _finite(maps.min()), _finite(maps.max())
    head: Tree = {"count": count, "side": [height, width], "least": least, "greatest": greatest}
    if height == width == 1:
        row = scaled(maps.reshape(1, count))
        return {**head, "shown": count, "columns": count, "padding": 0, "image": png(row)}
    shown = maps[:MOST_MAPS]
    columns = columns_of(len(shown))
    rows = -(-len(shown) // columns)
    step = (height + PADDING, width + PADDING)
    sheet = np.full((rows * step[0] - PADDING, columns * step[1] - PADDING), BETWEEN, np.uint8)
    for index, each in enumerate(shown):
        top, left = (index // columns) * step[0], (index % columns) * step[1]
        sheet[top : top + height, left : left + width] = scaled(each)
    return {
        **head, "shown": len(shown), "columns": columns, "padding": PADDING, "image": png(sheet),
    }  # fmt: skip


def columns_of(count: int) -> int:
    """Maps in a row: the divisor next above the root, so that no row is cut short; or the root."""
    root = math.isqrt(count - 1) + 1 if count > 1 else 1
    return next((n for n in range(root, 2 * root + 1) if count % n == 0), root)


def scaled(values: np.ndarray) -> np.ndarray:
    """Bytes from the least value, 0, to the greatest, 255; all 0 where there is but one. What is
    no number is 0.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(values[finite].min()), float(values[finite].max())
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    share = (np.where(finite, values, low).astype(np.float64) - low) / (high - low)
    return np.rint(255 * share).astype(np.uint8)


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
