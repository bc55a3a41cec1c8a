"""Test pictures, each with the training pictures that lie nearest to it by a hidden layer's
activations (the right of the paper's Figure 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alexnet.pictures.style import FAINT, INK, bare, figure, show_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 1.15
"""Inches of a picture."""


@dataclass(frozen=True, eq=False)
class Retrieved:
    """One picture and its neighbours.

    Attributes:
        picture: uint8 (height, width, 1 or 3), the one that was asked about.
        name: its class, or what else stands above it.
        neighbours: the nearest first.
        names, distances: theirs.
    """

    picture: np.ndarray
    name: str
    neighbours: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    distances: tuple[float, ...]


def draw_neighbours(rows: Sequence[Retrieved], layer: str) -> Figure:
    """Draws a row for each picture asked about: it stands in the first column, a line beside it,
    and its neighbours in the others, the distance below each.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not rows or not any(row.neighbours for row in rows):
        raise ValueError("no pictures to draw")
    columns = 1 + max(len(row.neighbours) for row in rows)
    drawn = figure(SIDE * columns + 0.2, (SIDE + 0.28) * len(rows) + 0.35)
    ratios = [1.0, 0.12, *[1.0] * (columns - 1)]
    panels = drawn.subplots(len(rows), columns + 1, squeeze=False, width_ratios=ratios)
    for line, row in zip(panels, rows, strict=True):
        for panel in line:
            bare(panel)
        show_picture(line[0], row.picture)
        line[0].set_title(row.name, fontsize=8, color=INK, fontweight="bold")
        line[1].axvline(0.5, color=FAINT, lw=0.8)
        for panel, picture, name, far in zip(
            line[2:], row.neighbours, row.names, row.distances, strict=False
        ):
            show_picture(panel, picture)
            panel.set_title(name, fontsize=8, color=INK)
            panel.text(
                0.5, -0.03, f"{far:.3g}", transform=panel.transAxes, ha="center", va="top",
                fontsize=6.5, color=INK,
            )  # fmt: skip
    drawn.suptitle(
        f"nearest by {layer}, with the Euclidean distance", fontsize=9, color=INK, x=0.01, ha="left"
    )
    return drawn
