"""What one unit sees, on the picture: the pixels that it may see, and how much each one counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet.evaluation.looking import Field, Unit
from alexnet.pictures.style import INK, SECOND, bare, figure, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AROUND = 0.06
"""Room beside the picture, as a share of its side, for fields that reach over its edge."""


def draw_field(picture: np.ndarray, unit: Unit, seen: Field, gradient: np.ndarray) -> Figure:
    """Draws the receptive field of a unit twice: counted, and measured by the unit's gradient.

    Args:
        picture: uint8 (height, width, 1 or 3).
        unit: whose it is, for the title.
        seen: the pixels that the unit may see, `looking.field`.
        gradient: float (height, width), `looking.field_by_gradient`.

    Raises:
        ValueError: the gradient is not of the picture's size.
    """
    height, width = picture.shape[:2]
    if gradient.shape != (height, width):
        raise ValueError(f"the gradient is {gradient.shape} and the picture {(height, width)}")
    drawn = figure(8, 4.2)
    counted, measured = drawn.subplots(1, 2)
    show_picture(counted, picture)
    largest = float(gradient.max())
    shades = gradient / largest if largest else gradient
    show_picture(measured, np.full_like(picture, 255))
    measured.imshow(shades, cmap="magma_r", vmin=0, vmax=1, interpolation="nearest")
    for panel in (counted, measured):
        bare(panel)
        _frame(panel, seen, height, width)
    rows, columns = seen.bottom - seen.top, seen.right - seen.left
    counted.set_title(f"may see: {rows}×{columns} pixels", loc="left", fontsize=9, color=INK)
    says = "what counts: |∂ unit / ∂ pixel|" if largest else "gradient 0: the unit is switched off"
    measured.set_title(says, loc="left", fontsize=9, color=INK)
    place = f"map {unit.channel}, row {unit.row}, column {unit.column}"
    drawn.suptitle(f"{unit.layer}, {place}", fontsize=10, color=INK, x=0.01, ha="left")
    return drawn


def _frame(panel: Axes, seen: Field, height: int, width: int) -> None:
    """The field's edge, and room for the part that lies beyond the picture's."""
    from matplotlib.patches import Rectangle

    corner = (seen.left - 0.5, seen.top - 0.5)
    size = (seen.right - seen.left, seen.bottom - seen.top)
    panel.add_patch(Rectangle(corner, *size, fill=False, edgecolor=SECOND, lw=1.6, zorder=5))
    panel.add_patch(
        Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=INK, lw=0.5, zorder=4)
    )
    room = AROUND * max(height, width)
    panel.set_xlim(min(-0.5, seen.left - 0.5) - room, max(width, seen.right) - 0.5 + room)
    panel.set_ylim(max(height, seen.bottom) - 0.5 + room, min(-0.5, seen.top - 0.5) - room)
