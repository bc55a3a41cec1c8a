"""How all figures look, and how one is written to a file. Draws nothing itself.

Figures are made without pyplot, so that drawing keeps no global state and needs no screen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
FAINT = "#b8b8b8"
ACCENT = "#1f6fb4"
SECOND = "#d1642b"
GOOD = "#7fbf98"

FORMATS = (".png", ".svg", ".pdf")


def figure(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches on white, so that it reads on dark pages too."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def bare(axes: Axes) -> None:
    """Leaves nothing of the axes but what is drawn in them."""
    axes.set_axis_off()


def show_picture(axes: Axes, picture: np.ndarray) -> None:
    """Puts a picture into axes: uint8 (height, width, 1 or 3); small ones keep their pixels."""
    grey = picture.shape[2] == 1
    axes.imshow(
        picture[:, :, 0] if grey else picture,
        cmap="gray" if grey else None,
        vmin=0,
        vmax=255,
        interpolation="nearest" if min(picture.shape[:2]) < 64 else "antialiased",
    )


def plain(axes: Axes) -> None:
    """Left and bottom lines only, in ink."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(INK)
    axes.tick_params(colors=INK)


def save(drawn: Figure, path: Path, dots_per_inch: int = 160) -> Path:
    """Writes a figure as PNG, SVG or PDF, by the ending of `path`.

    Raises:
        ValueError: another ending.
    """
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: a figure is written as one of {', '.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, dpi=dots_per_inch)
    return path
