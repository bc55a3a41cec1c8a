"""What a name of a foreign graph stands for: numbers, a shape, or what becomes of the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alexnet.formats.onnx.tensors import Tensor
from alexnet.network.shapes import Shape

Sizes = tuple[int | None, ...]
"""A shape that is computed in the graph: its sides, None for the batch's."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done to the picture before any layer: scale · (pixel − mean), channel by channel.

    Attributes:
        scale, mean: one number per channel, in the order of `order`.
        image: subtracted in the mean's place.
        order: which of the graph's channels stand where.
        of_one: whether it began with a division by 255.
    """

    scale: tuple[float, ...]
    mean: tuple[float, ...]
    image: Tensor | None = None
    order: tuple[int, ...] = ()
    of_one: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The pixels that a value has along a side of its layer's map: from `first` up to `stop`; those
    outside the map are padding.
    """

    first: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A layer's output, as the graph sees it.

    Attributes:
        layer, shape: ours.
        view: the graph's sides of it, the batch's left out.
        last: the channels stand behind rows and columns, in the view or before it was flattened.
        sets: every picture's maps are dealt into so many pictures.
        spans: of rows and columns, where pixels were added or taken away.
        fill: what padding holds.
        channels: which of the layer's there are, where not all in order.
        prepared: of the picture itself.
        private: nothing else reads it, so that it may be changed.
        of_bytes: the numbers are the picture's bytes still, with which a graph computes modulo 256.
    """

    layer: str
    shape: Shape
    view: tuple[int, ...]
    last: bool = False
    sets: int = 1
    spans: tuple[Span, Span] | None = None
    fill: float = 0.0
    channels: tuple[int, ...] | None = None
    prepared: Prepared | None = None
    private: bool = False
    of_bytes: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it holds the layer's numbers, all of them and no others."""
        return self.spans is None and self.channels is None

    @property
    def is_maps(self) -> bool:
        """Whether the graph sees whole maps, channels first, as the layer has them."""
        return self.is_whole and self.sets == 1 and self.view == self.shape and not self.is_turned

    @property
    def is_turned(self) -> bool:
        """Whether the channels stand last and that makes a difference."""
        return self.last and self.shape[1:] != (1, 1)

    @property
    def lies(self) -> tuple[Span, Span]:
        """Which pixels there are."""
        return self.spans or (Span(0, self.shape[1]), Span(0, self.shape[2]))

    @property
    def sides(self) -> str:
        """The view, for a message."""
        return "×".join(("N", *map(str, self.view)))

    def viewed(self, view: tuple[int, ...]) -> Value:
        """The same numbers in another shape."""
        return replace(self, view=view)


Known = Value | Tensor | Sizes
