"""Pictures with their five most probable classes as bars (the left of the paper's Figure 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alexnet.pictures.style import FAINT, GOOD, INK, SECOND, bare, figure, show_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4


@dataclass(frozen=True)
class Guess:
    """One picture and what the network says of it.

    Attributes:
        picture: uint8 (height, width, 1 or 3), red first.
        classes: the most probable classes, best first.
        probabilities: theirs, each in 0 … 1.
        truth: the right class, or None where nobody knows it.
    """

    picture: np.ndarray
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    truth: str | None = None


def draw_predictions(guesses: Sequence[Guess]) -> Figure:
    """Draws each picture above the bars of its likeliest classes; the right class's bar is green.

    Raises:
        ValueError: nothing to draw.
    """
    if not guesses:
        raise ValueError("no pictures to draw")
    columns = min(COLUMNS, len(guesses))
    rows = math.ceil(len(guesses) / columns)
    drawn = figure(2.3 * columns, 3.4 * rows)
    panels = drawn.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 2] * rows)
    for panel in panels.flat:
        bare(panel)
    for index, guess in enumerate(guesses):
        row, column = divmod(index, columns)
        _picture(panels[2 * row, column], guess)
        _bars(panels[2 * row + 1, column], guess)
    return drawn


def _picture(panel: Axes, guess: Guess) -> None:
    show_picture(panel, guess.picture)
    panel.set_title(guess.truth or "", fontsize=9, color=INK)


def _bars(panel: Axes, guess: Guess) -> None:
    places = np.arange(len(guess.classes))
    colours = [
        GOOD if name == guess.truth else (FAINT if guess.truth else SECOND)
        for name in guess.classes
    ]
    panel.barh(places, guess.probabilities, color=colours, height=0.82)
    panel.set_xlim(0, 1)
    panel.invert_yaxis()
    for place, name, share in zip(places, guess.classes, guess.probabilities, strict=True):
        panel.text(0.02, float(place), f"{name}  {share:.0%}", va="center", fontsize=7, color=INK)
