"""The first layer's kernels as pictures, tower by tower (the paper's Figure 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Concat,
    Conv,
    CrossMapPool,
    ElementwiseMax,
    ElementwiseSum,
    Local,
    Weighted,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network
from alexnet.pictures.style import INK, bare, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 16
"""Kernels in a row, as in the paper's figure."""

GAP = 1
"""White pixels between kernels."""


def draw_filters(
    network: Network, arrays: Mapping[str, np.ndarray], contract: InputContract
) -> Figure:
    """Draws the kernels of the first convolution that reads the picture.

    Each kernel is scaled by itself: zero is mid-grey, its largest weight black or white.

    Args:
        network, arrays: a network with its weights.
        contract: says in which order the channels come.

    Raises:
        ValueError: no convolution reads the picture, or it has other than 1 or 3 channels.
    """
    towers = first_kernels(network, arrays)
    grids = [grid(as_colours(kernels, contract), COLUMNS) for _, kernels in towers]
    height = sum(g.shape[0] / g.shape[1] for g in grids) * 8 + 0.35 * len(grids)
    drawn = figure(8, height)
    panels = drawn.subplots(len(grids), 1, squeeze=False)[:, 0]
    for panel, picture, (name, kernels) in zip(panels, grids, towers, strict=True):
        panel.imshow(picture, interpolation="nearest")
        count, channels, side, _ = kernels.shape
        panel.set_title(
            f"{name}: {count} kernels of {side}×{side}×{channels}",
            loc="left",
            fontsize=9,
            color=INK,
        )
        bare(panel)
    return drawn


def first_kernels(
    network: Network, arrays: Mapping[str, np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """The kernels over the picture: per tower its layer's name and (filters, channels, k, k).

    Where there are no towers and the next convolution deals its channels into groups, the kernels
    are dealt out likewise: each group is what one of the two GPUs held (§3.5).
    """
    picture = network.picture.name
    stages = [
        stage
        for stage in ledger(network).stages
        if isinstance(network[stage.rows[0].name], Conv) and picture in stage.rows[0].reads
    ]
    if not stages:
        local = any(isinstance(layer, Local) and picture in layer.reads for layer in network)
        kind = "a local layer, whose kernels differ at every place," if local else "no convolution"
        raise ValueError(f"network '{network.name}': {kind} reads the picture; nothing to draw")
    found: list[tuple[str, np.ndarray]] = []
    for row in stages[0].rows:
        suffix = "weight" if len(row.reads) == 1 else f"weight_{row.reads.index(picture)}"
        found.append((row.name, np.asarray(arrays[f"{row.name}.{suffix}"], dtype=np.float64)))
    if len(found) > 1:
        return found
    ((name, kernels),) = found
    reader, groups = _groups_above(network, name)
    parts = np.split(kernels, groups)
    return [
        (f"{name}, group {index} of {reader}" if groups > 1 else name, part)
        for index, part in enumerate(parts)
    ]


def _groups_above(network: Network, name: str) -> tuple[str, int]:
    """The convolution that reads a layer, through others without weights, and its groups."""
    above = {name}
    for layer in network:
        if not above.intersection(layer.reads):
            continue
        if isinstance(layer, Conv):
            index = next(i for i, read in enumerate(layer.reads) if read in above)
            kernel = layer.kernels[index]
            return layer.name, 1 if kernel.connections else kernel.groups
        if isinstance(layer, Weighted | Concat | ElementwiseSum | ElementwiseMax | CrossMapPool):
            break  # other channels than the layer's own
        above.add(layer.name)
    return "", 1


def as_colours(kernels: np.ndarray, contract: InputContract) -> np.ndarray:
    """Kernels (n, channels, k, k) as pictures (n, k, k, 3) in 0 … 1, red first."""
    if kernels.shape[1] not in (1, 3):
        raise ValueError(f"kernels over {kernels.shape[1]} channels are no pictures; 1 or 3 are")
    if contract.channel_order == "BGR":
        kernels = kernels[:, ::-1]
    largest = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    scaled = 0.5 + 0.5 * kernels / np.where(largest > 0, largest, 1.0)
    pictures = scaled.transpose(0, 2, 3, 1)
    return pictures if pictures.shape[3] == 3 else np.repeat(pictures, 3, axis=3)


def grid(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (n, k, k, 3) laid in rows of `columns` on white, a gap between them."""
    count, side = pictures.shape[:2]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    step = side + GAP
    sheet = np.ones((rows * step - GAP, columns * step - GAP, 3))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet[row * step : row * step + side, column * step : column * step + side] = picture
    return sheet
