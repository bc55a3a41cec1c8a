"""The whole network in one drawing, as the paper's Figure 2 has it: towers of blocks to scale, what
crosses between them, and the numbers that the ledger counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet.network.ledger import Ledger, ledger
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.pictures.layout import SLANT, Block, Layout, Link, layout
from alexnet.pictures.style import ACCENT, INK, SECOND, bare, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FACES = {None: "#e4e4e4", 0: "#cfe0ee", 1: "#f3dbcd"}
"""Fill of a block by its tower; further towers take turns."""

MARGIN = 0.35
BELOW, ABOVE, LINE = 0.55, 0.15, 0.19
"""Room for what stands below and above the blocks, and inches of a line of the caption."""


def draw_architecture(network: Network) -> Figure:
    """Draws a network as the paper's Figure 2: sides to scale, maps to a scale of their own.

    Blocks are what the layers with weights give, before pooling; links say which windows they read
    and what lies between. Links between towers stand out. The caption's numbers are the ledger's.
    """
    placed, account = layout(network), ledger(network)
    width = placed.width + 2 * MARGIN
    text = caption(account, characters=int(width * 13))
    room = BELOW + LINE * (1 + text.count("\n"))
    drawn = figure(width, placed.height + 2 * MARGIN + ABOVE + room)
    panel = drawn.subplots()
    bare(panel)
    panel.set_xlim(-MARGIN, placed.width + MARGIN)
    panel.set_ylim(-MARGIN - room, placed.height + MARGIN + ABOVE)
    panel.set_aspect("equal")
    for block in placed.blocks:
        _box(panel, block)
    _draw_links(panel, placed)
    _labels(panel, placed)
    panel.text(
        -MARGIN + 0.05, -BELOW, text, va="top", fontsize=8.5, color=INK, linespacing=1.35,
    )  # fmt: skip
    return drawn


def caption(account: Ledger, characters: int = 110) -> str:
    """What stands below the drawing: the neurons of every stage, and the totals."""
    network = account.network
    shape = network.picture.shape
    neurons = [stage.total.neurons for stage in account.stages if stage.total.neurons]
    numbers = "–".join(f"{number:,}" for number in neurons)
    sums = account.total
    text = (
        f"{network.name}: {elements(shape):,} numbers of a picture of {shape[1]}×{shape[2]}×"
        f"{shape[0]}; neurons {numbers}, together {sums.neurons:,}; {sums.parameters:,} parameters;"
        f" {sums.multiply_adds:,} multiply-adds."
    )
    return _wrapped(text, characters)


def _wrapped(text: str, characters: int) -> str:
    """Broken at blanks, and after dashes where a row of numbers is longer than a line."""
    lines, line = [], ""
    for word in text.replace("–", "– ").split(" "):
        glue = "" if line.endswith("–") or not line else " "
        if len(line) + len(glue) + len(word) > characters and line:
            lines, line, glue = [*lines, line], "", ""
        line += glue + word
    return "\n".join([*lines, line])


def _box(panel: Axes, block: Block) -> None:
    """The three faces that are seen: near, above, right."""
    from matplotlib.patches import Polygon

    corner = block.point
    near = [corner(0, 0, 0), corner(1, 0, 0), corner(1, 1, 0), corner(0, 1, 0)]
    above = [corner(0, 0, 0), corner(0, 0, 1), corner(1, 0, 1), corner(1, 0, 0)]
    right = [corner(1, 0, 0), corner(1, 0, 1), corner(1, 1, 1), corner(1, 1, 0)]
    fill = FACES.get(block.tower, FACES[(block.tower or 0) % 2])
    for face, shade in ((near, 1.0), (above, 0.6), (right, 0.8)):
        panel.add_patch(
            Polygon(face, closed=True, facecolor=fill, alpha=shade, edgecolor="none", zorder=2)
        )
        panel.add_patch(Polygon(face, closed=True, fill=False, edgecolor=INK, lw=0.6, zorder=3))


def _draw_links(panel: Axes, placed: Layout) -> None:
    for link in placed.links:
        source, target = placed.block(link.source), placed.block(link.target)
        colour = SECOND if link.crosses else ACCENT
        if link.kernel is None:
            start, end = source.point(1, 0.5, 0.5), target.point(0, 0.5, 0.5)
            panel.plot(*zip(start, end, strict=True), color=colour, lw=0.8, zorder=4)
            continue
        _window(panel, source, target, link, colour)


def _window(panel: Axes, source: Block, target: Block, link: Link, colour: str) -> None:
    """The kernel on the source's far face, and the lines that lead from it to one of the maps."""
    from matplotlib.patches import Polygon

    assert link.kernel is not None, "only windows are drawn here"
    side = link.kernel
    row, column = (0.62 - side / 2, 0.5 - side / 2) if side < 0.7 else (0.0, 0.0)
    if link.crosses:
        row = max(0.0, 0.3 - side / 2)
    corners = [
        source.point(1, row + a * side, column + b * side)
        for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))
    ]
    panel.add_patch(
        Polygon(corners, closed=True, facecolor=colour, alpha=0.35, edgecolor=colour, lw=0.8,
                zorder=5)
    )  # fmt: skip
    end = target.point(0, 0.5, 0.5)
    for corner in corners:
        panel.plot(*zip(corner, end, strict=True), color=colour, lw=0.5, ls=(0, (4, 2)), zorder=4)


def _labels(panel: Axes, placed: Layout) -> None:
    """Shapes below blocks; once for each stage its name and window above the upper one, and what
    comes before the next stage below the lower one.
    """
    lowest = {block.stage: block for block in placed.blocks}  # towers stand from the top down
    for block in placed.blocks:
        after = _after(placed, block) if lowest[block.stage] is block else ()
        panel.text(
            block.x + (block.depth + block.slant * SLANT[0]) / 2, block.y - 0.07,
            "\n".join([block.text, *(f"then {what}" for what in after)]),
            ha="center", va="top", fontsize=7.5, color=INK, linespacing=1.3, zorder=6,
        )  # fmt: skip
    windows = {placed.block(link.target).stage: link.text for link in reversed(placed.links)}
    told = set[str]()
    for block in placed.blocks:
        if block.stage in told or block.stage not in windows:
            continue
        told.add(block.stage)
        x, y = block.x + block.depth / 2, block.y + block.height + block.slant * SLANT[1] + 0.1
        for words, weight in ((windows[block.stage], "normal"), (block.stage, "bold")):
            panel.text(
                x + block.slant * SLANT[0] / 2, y, words, ha="center", va="bottom", fontsize=7.5,
                color=INK, fontweight=weight, zorder=6,
            )  # fmt: skip
            y += 0.16


def _after(placed: Layout, block: Block) -> tuple[str, ...]:
    """What lies between a block and the next stage."""
    return next((link.between for link in placed.links if link.source == block.name), ())
