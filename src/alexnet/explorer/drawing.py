"""The drawing of a network as points: the layout of `pictures.layout` as polygons and lines with y
pointing down, as SVG has it.
"""

from __future__ import annotations

from alexnet.explorer.asking import Tree
from alexnet.network.layers import Input
from alexnet.network.spec import Network
from alexnet.pictures.layout import SLANT, Block, Layout, Link, layout

MARGIN, HEAD, FOOT = 0.25, 0.75, 0.35
"""Room at the sides of the drawing, above it for titles and below it for shapes, in inches."""

Corner = tuple[float, float, float]

NEAR: tuple[Corner, ...] = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))
ABOVE: tuple[Corner, ...] = ((0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 0, 0))
RIGHT: tuple[Corner, ...] = ((1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
"""The faces that are seen, by their corners as shares along the channels, rows and columns."""

Points = list[list[float]]


def drawing(network: Network) -> Tree:
    """Blocks and links of a network, in inches from the upper left corner."""
    placed = layout(network)
    view = _View(placed)
    return {
        "width": _short(view.width),
        "height": _short(view.height),
        "blocks": [view.block(block, network) for block in placed.blocks],
        "links": [view.link(link) for link in placed.links],
    }


class _View:
    """Turns a layout's places into the drawing's."""

    def __init__(self, placed: Layout) -> None:
        self.placed = placed
        tops = [b.y + b.height + b.slant * SLANT[1] for b in placed.blocks]
        rights = [b.x + b.depth + b.slant * SLANT[0] for b in placed.blocks]
        lowest = min(block.y for block in placed.blocks)  # a picture may reach below its towers
        self.top = max(tops) + HEAD
        self.height = self.top - lowest + FOOT
        self.width = max(rights) + 2 * MARGIN

    def point(self, block: Block, corner: Corner) -> list[float]:
        """Where a place inside a block is drawn."""
        x, y = block.point(*corner)
        return self.at(x, y)

    def at(self, x: float, y: float) -> list[float]:
        """A place of the layout, y turned to point down."""
        return [_short(x + MARGIN), _short(self.top - y)]

    def face(self, block: Block, corners: tuple[Corner, ...]) -> Points:
        return [self.point(block, corner) for corner in corners]

    def block(self, block: Block, network: Network) -> Tree:
        flat = not block.slant
        width = block.depth + block.slant * SLANT[0]
        height = block.height + block.slant * SLANT[1]
        left, top = self.at(block.x, block.y + height)
        middle = block.x + width / 2
        return {
            "name": block.name,
            "stage": block.stage,
            "tower": block.tower,
            "shape": list(block.shape),
            "text": block.text,
            "is_input": isinstance(network[block.name], Input),
            "near": self.face(block, NEAR),
            "above": [] if flat else self.face(block, ABOVE),
            "right": [] if flat else self.face(block, RIGHT),
            "label": self.at(middle, block.y - 0.2),
            "title": self.at(middle, block.y + height + 0.12),
            "box": [left, top, _short(width), _short(height)],
        }

    def link(self, link: Link) -> Tree:
        source, target = self.placed.block(link.source), self.placed.block(link.target)
        return {
            "source": link.source,
            "target": link.target,
            "crosses": link.crosses,
            "text": link.text,
            "between": list(link.between),
            "window": self._window(source, link),
            "from": self.point(source, (1, 0.5, 0.5)),
            "to": self.point(target, (0, 0.5, 0.5)),
        }

    def _window(self, source: Block, link: Link) -> Points:
        """The kernel on the source's far face, placed apart from a twin's."""
        side = link.kernel
        if side is None:
            return []
        row, column = (0.62 - side / 2, 0.5 - side / 2) if side < 0.7 else (0.0, 0.0)
        if link.crosses:
            row = max(0.0, 0.3 - side / 2)
        corners = ((0, 0), (0, 1), (1, 1), (1, 0))
        return [self.point(source, (1, row + a * side, column + b * side)) for a, b in corners]


def _short(value: float) -> float:
    return round(value, 4)
