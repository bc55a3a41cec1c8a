"""Shapes, and where a layer's windows lie: the values that placing a layer gives.

A shape is (channels, height, width); a vector of n has shape (n, 1, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.network.sizes import Side

Shape = tuple[int, int, int]


class LayerError(ValueError):
    """What a layer says does not fit; the message says what would be right, the network adds the
    name.
    """


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer's output shape, why it is so, and for windowed layers how the windows lie (one (rows,
    columns) per input).
    """

    shape: Shape
    sentence: str
    sides: tuple[tuple[Side, Side], ...] = ()


def elements(shape: Shape) -> int:
    """How many numbers a map of this shape holds."""
    return math.prod(shape)


def text(shape: Shape) -> str:
    """A shape as people write it: 96×55×55, or 4096 for a vector."""
    return f"{shape[0]}×{shape[1]}×{shape[2]}" if shape[1:] != (1, 1) else str(shape[0])


def require(condition: bool, sentence: str) -> None:
    """Raises LayerError with the sentence unless the condition holds."""
    if not condition:
        raise LayerError(sentence)


def one(inputs: tuple[Shape, ...]) -> Shape:
    """The only input's shape; LayerError where there is not exactly one."""
    require(len(inputs) == 1, f"reads {len(inputs)} layers; this kind reads exactly one")
    return inputs[0]


def same(shape: Shape) -> Placed:
    """As what it reads."""
    return Placed(shape, "as its input")
