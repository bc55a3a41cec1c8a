"""Where the parts of a network stand when it is drawn as the paper's Figure 2: blocks to scale, and
the links between them. It knows no drawing library, and lengths are in inches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alexnet.network.layers import (
    AveragePool,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    FullyConnected,
    Input,
    Layer,
    Local,
    MaxPool,
    RandomPool,
    TreeConnected,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.ledger import stem
from alexnet.network.shapes import Shape, elements
from alexnet.network.spec import Network

SIDE = 2.6
"""The picture's side; all other sides are in proportion."""

DEEPEST, TALLEST = 1.0, 2.2
"""The layer of most maps, and that of most units; others are in proportion, but never invisible."""

LEAST = 0.035
SLANT = (0.42, 0.30)
"""How far an inch of a map's width leads to the right and up."""

GAP, BETWEEN_TOWERS = 0.62, 0.75
COLUMN = 0.16
"""Width of a layer whose units lie in no plane."""


@dataclass(frozen=True, slots=True)
class Block:
    """A layer's output: maps as a box, units as a column.

    Attributes:
        name, stage, tower: of the layer; twins share a stage.
        shape: (channels, height, width).
        x, y: of the near lower left corner; y points up.
        depth, height, slant: the box's lengths along the channels, the rows, and the columns
            (which lie aslant).
        text: what stands below it.
    """

    name: str
    stage: str
    tower: int | None
    shape: Shape
    x: float
    y: float
    depth: float
    height: float
    slant: float
    text: str

    def point(self, channel: float, row: float, column: float) -> tuple[float, float]:
        """Where a place inside is drawn; each of the three is a share, 0 to 1, rows from the top."""
        return (
            self.x + channel * self.depth + column * self.slant * SLANT[0],
            self.y + (1 - row) * self.height + column * self.slant * SLANT[1],
        )


@dataclass(frozen=True, slots=True)
class Link:
    """What one weighted layer reads of another's output.

    Attributes:
        source, target: names of blocks.
        kernel: the window's share of the source's side, or None where all of it is read.
        crosses: whether it leads from one tower to another.
        text: of the window: "11×11, stride 4"; "dense".
        between: what lies between the two: "norm", "max pooling 3×3/2".
    """

    source: str
    target: str
    kernel: float | None
    crosses: bool
    text: str
    between: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All blocks and links, and the room that they take."""

    blocks: tuple[Block, ...]
    links: tuple[Link, ...]
    width: float
    height: float

    def block(self, name: str) -> Block:
        """The block of that layer."""
        return next(block for block in self.blocks if block.name == name)


def layout(network: Network) -> Layout:
    """Lays out the picture and every layer with weights; what lies between is told at the links.

    Towers stand above one another, the first on top; layers in no tower stand in the middle.
    """
    shown = [network.picture, *(x for x in network if isinstance(x, Weighted))]
    links = [link for layer in shown for link in _links(layer, network)]
    columns = _columns([layer.name for layer in shown], links)
    sized = {layer.name: _size(layer, shown, network) for layer in shown}
    towers = network.towers or (None,)
    room = max((h + s * SLANT[1] for n, (_, h, s) in sized.items() if network[n].tower in towers),
               default=SIDE)  # fmt: skip
    total = len(towers) * room + (len(towers) - 1) * BETWEEN_TOWERS
    blocks: list[Block] = []
    x = 0.0
    for column in range(max(columns.values()) + 1):
        members = [layer for layer in shown if columns[layer.name] == column]
        for layer in members:
            depth, height, slant = sized[layer.name]
            tall = height + slant * SLANT[1]
            index = towers.index(layer.tower) if layer.tower in towers else None
            middle = (
                total / 2 if index is None else total - room / 2 - index * (room + BETWEEN_TOWERS)
            )
            blocks.append(
                Block(
                    layer.name, stem(layer.name, layer.tower), layer.tower,
                    network.shape(layer.name), x, middle - tall / 2, depth, height, slant,
                    _text(network.shape(layer.name)),
                )
            )  # fmt: skip
        x += GAP + max(sized[y.name][0] + sized[y.name][2] * SLANT[0] for y in members)
    tallest = max([total, *(h + s * SLANT[1] for _, h, s in sized.values())])
    return Layout(tuple(blocks), tuple(links), x - GAP, tallest)


def _text(shape: Shape) -> str:
    channels, height, width = shape
    if height == width == 1:
        return f"{channels:,}"
    return f"{height}×{width}×{channels}"


def _size(layer: Layer, shown: list[Layer], network: Network) -> tuple[float, float, float]:
    """Depth, height and slant of a layer's block."""
    maps = [network.shape(x.name) for x in shown]
    channels, height, width = network.shape(layer.name)
    if height == width == 1:
        most = max(elements(shape) for shape in maps if shape[1] == shape[2] == 1)
        return COLUMN, max(LEAST, TALLEST * channels / most), 0.0
    scale = SIDE / network.picture.shape[1]
    deepest = max(shape[0] for shape in maps if shape[1] > 1)
    depth = max(LEAST, DEEPEST * channels / deepest)
    return depth, max(LEAST, height * scale), max(LEAST, width * scale)


def _columns(names: list[str], links: list[Link]) -> dict[str, int]:
    """How many links lead to each block at most, which is the column that it stands in."""
    columns = dict.fromkeys(names, 0)
    for name in names:  # in order, so that what it reads has its column
        before = [columns[link.source] for link in links if link.target == name]
        columns[name] = 1 + max(before) if before else 0
    return columns


def _links(layer: Layer, network: Network) -> Iterator[Link]:
    """One for every block that the layer's inputs come from."""
    if isinstance(layer, Input):
        return
    for index, read in enumerate(layer.reads):
        for source, between in _sources(read, network):
            crosses = None not in (source.tower, layer.tower) and source.tower != layer.tower
            share, text = _window(layer, index, network.shape(read))
            yield Link(source.name, layer.name, share, crosses, text, between)


def _sources(read: str, network: Network) -> Iterator[tuple[Layer, tuple[str, ...]]]:
    """The picture or weighted layers that an input comes from, each with what lies between."""
    layer = network[read]
    if isinstance(layer, Weighted | Input):
        yield layer, ()
        return
    for before in layer.reads:
        for source, between in _sources(before, network):
            yield source, (*between, *_between(layer))


def _between(layer: Layer) -> tuple[str, ...]:
    """What is told of a layer without weights; activations and dropout go without saying."""
    match layer:
        case MaxPool() | AveragePool() | RandomPool():
            kind = layer.kind.removesuffix("-pool")
            return (
                f"{kind} pooling {layer.window.size}×{layer.window.size}/{layer.window.stride}",
            )
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return ("norm",)
        case _:
            return ()


def _window(layer: Layer, index: int, read: Shape) -> tuple[float | None, str]:
    """The window's share of a side, and what stands beside it."""
    match layer:
        case Conv() | Local():
            kernel = layer.kernels[index]
            stride = f", stride {kernel.stride}" if kernel.stride > 1 else ""
            apart = f", {kernel.groups} groups" if kernel.groups > 1 else ""
            return min(1.0, kernel.size / read[1]), f"{kernel.size}×{kernel.size}{stride}{apart}"
        case FullyConnected() | TreeConnected():
            return None, "dense"
        case _:
            return None, ""
