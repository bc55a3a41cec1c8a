"""What layers make of one picture: the picture, and the maps of each layer below it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from alexnet.pictures.style import INK, bare, figure, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 16
"""Maps in a row."""

MOST = 64
"""Maps of a layer that are drawn; the title says how many there are."""

WHITE = 0.995
"""The share of a layer's values that are darker than white."""

WIDTH = 9.0
GAP = 1


def draw_feature_maps(
    picture: np.ndarray, maps: Mapping[str, np.ndarray], most: int = MOST
) -> Figure:
    """Draws a picture and what layers make of it, in the order in which they are given.

    The first `most` maps of each layer are drawn, all on one scale of that layer's: white is what
    99.5% of its values do not exceed, since a few are far larger than all others, black its
    smallest, or 0 where none is below. Units without a place are drawn as bars, all of them.

    Args:
        picture: uint8 (height, width, 1 or 3).
        maps: float (channels, height, width) by the layer's name.
        most: maps of each layer.

    Raises:
        ValueError: no layer, or numbers that are not finite.
    """
    if not maps:
        raise ValueError("no layers to draw")
    for name, values in maps.items():
        if not np.isfinite(values).all():
            raise ValueError(f"layer '{name}' has numbers that are not finite; nothing to draw")
    sheets = {
        name: values if values.shape[1:] == (1, 1) else values[:most]
        for name, values in maps.items()
    }
    heights = [2.0, *(_height(values) for values in sheets.values())]
    drawn = figure(WIDTH, sum(heights) + 0.35 * len(heights))
    panels = drawn.subplots(len(heights), 1, height_ratios=heights)
    show_picture(panels[0], picture)
    bare(panels[0])
    for panel, (name, values) in zip(panels[1:], sheets.items(), strict=True):
        _draw(panel, values)
        channels, rows, columns = maps[name].shape
        some = "" if channels == len(values) else f", the first {most} drawn"
        what = f"{channels:,} units" if rows == columns == 1 else f"{channels} maps"
        size = "" if rows == columns == 1 else f" of {rows}×{columns}"
        panel.set_title(f"{name}: {what}{size}{some}", loc="left", fontsize=9, color=INK)
    return drawn


def sheet(maps: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Maps (n, rows, columns) laid in rows, a gap of NaN between them."""
    count, height, width = maps.shape
    columns = min(columns, count)
    lines = math.ceil(count / columns)
    laid = np.full((lines * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.nan)
    for index, values in enumerate(maps):
        line, column = divmod(index, columns)
        top, left = line * (height + GAP), column * (width + GAP)
        laid[top : top + height, left : left + width] = values
    return laid


def _height(values: np.ndarray) -> float:
    """Inches that a layer's maps need at full width."""
    if values.shape[1:] == (1, 1):
        return 0.8
    laid = sheet(values)
    return max(0.3, WIDTH * laid.shape[0] / laid.shape[1])


def _draw(panel: Axes, values: np.ndarray) -> None:
    bare(panel)
    if values.shape[1:] == (1, 1):
        width = min(6.0, 0.7 * WIDTH * 72 / len(values))  # points
        panel.vlines(np.arange(len(values)), 0, values[:, 0, 0], color=INK, lw=width)
        panel.set_xlim(-0.5, len(values) - 0.5)
        return
    low, high = min(0.0, float(values.min())), float(np.quantile(values, WHITE))
    panel.imshow(
        sheet(values), cmap="gray", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest"
    )
