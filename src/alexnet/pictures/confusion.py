"""Which classes are taken for which: a square of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alexnet.pictures.style import INK, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRINTED = 20
"""Classes up to which every count and every name is printed."""

MOST = 1000


def draw_confusion(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draws a confusion matrix: rows are the true classes, columns the guesses, shades the share of
    a row; counts stand in the cells where there are at most 20 classes.

    Args:
        counts: int (classes, classes), pictures of class i that were taken for class j.
        classes: their names.

    Raises:
        ValueError: the counts are no square, there are none, or more than 1,000 classes.
    """
    size = len(classes)
    if counts.shape != (size, size):
        raise ValueError(f"the counts are {counts.shape} for {size} classes; they must be a square")
    if not counts.sum() or size > MOST:
        raise ValueError(f"{counts.sum()} pictures of {size} classes; up to {MOST} can be drawn")
    seen = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(seen > 0, seen, 1)
    side = 1.8 + (0.42 * size if size <= PRINTED else 6.4)
    drawn = figure(side + 0.8, side)
    panel = drawn.subplots()
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    panel.set_xlabel("guess", color=INK)
    panel.set_ylabel("class", color=INK)
    panel.tick_params(length=0, colors=INK)
    if size <= PRINTED:
        panel.set_xticks(range(size), classes, rotation=45, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(size), classes)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ink = "white" if shares[row, column] > 0.55 else INK
                panel.text(
                    column, row, f"{count:,}", ha="center", va="center", fontsize=7, color=ink
                )
    for spine in panel.spines.values():
        spine.set_visible(False)
    bar = drawn.colorbar(image, ax=panel, shrink=0.7, format=lambda share, _: f"{share:.0%}")
    bar.set_label("share of the class", color=INK)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    right = int(np.trace(counts))
    wrong = int(counts.sum()) - right
    panel.set_title(
        f"{wrong:,} of {int(counts.sum()):,} wrong ({wrong / counts.sum():.2%})",
        loc="left", fontsize=10, color=INK,
    )  # fmt: skip
    return drawn
