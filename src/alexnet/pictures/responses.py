"""What units respond to: for each the patches of pictures that excite it most, strongest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alexnet.evaluation.looking import Response
from alexnet.pictures.style import INK, bare, figure, show_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 0.95
"""Inches of a patch."""


def draw_responses(layer: str, found: Mapping[int, Sequence[Response]]) -> Figure:
    """Draws a row of patches for each map, with its strength below each patch.

    Args:
        layer: whose maps these are.
        found: `looking.strongest`, by map.

    Raises:
        ValueError: there is nothing to draw.
    """
    columns = max((len(responses) for responses in found.values()), default=0)
    if not columns:
        raise ValueError(f"layer '{layer}': no responses to draw")
    drawn = figure(0.9 + SIDE * columns, 0.4 + (SIDE + 0.22) * len(found))
    panels = drawn.subplots(len(found), columns, squeeze=False)
    for line, (channel, responses) in zip(panels, found.items(), strict=True):
        for panel in line:
            bare(panel)
        for panel, response in zip(line, responses, strict=False):
            show_picture(panel, response.patch)
            panel.set_title(f"{response.strength:.3g}", fontsize=7, color=INK, y=-0.24)
        line[0].text(
            -0.12, 0.5, f"map {channel}", transform=line[0].transAxes,
            ha="right", va="center", fontsize=8, color=INK,
        )  # fmt: skip
    drawn.suptitle(f"{layer}: strongest responses", fontsize=10, color=INK, x=0.01, ha="left")
    return drawn
