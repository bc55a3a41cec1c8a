"""A checkpoint as Caffe's conventions want it, with what was changed; and its input contract as
Caffe's words. It writes no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alexnet.formats.checkpoint import Array, Checkpoint, FormatError
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.formats.variants import folded, unfolded, with_channel_order, without_deviation
from alexnet.network.layers import CrossMapNorm
from alexnet.network.spec import Network


def prepared(checkpoint: Checkpoint, notes: Notes) -> Checkpoint:
    """The same checkpoint for pictures of B, G, R that one factor scales, with its towers as Caffe
    can have them.

    Raises:
        FormatError: it cannot be turned so; names the layer.
    """
    if checkpoint.contract.channel_order == "RGB":
        checkpoint = with_channel_order(checkpoint, "BGR")
        notes.add("pictures are B, G, R, as Caffe's are; the first weights are turned to that")
    if len(set(checkpoint.contract.deviation)) > 1:
        checkpoint = without_deviation(checkpoint)
        notes.add("Caffe has one scale for all channels; the first weights divide by the deviation")
    return _towered(checkpoint, notes)


def _towered(checkpoint: Checkpoint, notes: Notes) -> Checkpoint:
    """Towers as groups, where no norm would have to stay within one; norms within groups as towers,
    each with its own.
    """
    if checkpoint.network.towers:
        try:
            grouped = folded(checkpoint)
        except FormatError as error:
            notes.add(f"the towers stand side by side; as groups they cannot ({error})")
            return checkpoint
        if _norms(grouped.network):
            notes.add("the towers stand side by side, for Caffe's norms know no groups")
            return checkpoint
        notes.add("the towers are groups")
        return grouped
    groups = _norms(checkpoint.network)
    if groups:
        notes.add("groups are towers that stand side by side, for Caffe's norms know no groups")
        return unfolded(checkpoint, max(groups))
    return checkpoint


def _norms(network: Network) -> set[int]:
    """The groups of norms that have several."""
    norms = (layer for layer in network if isinstance(layer, CrossMapNorm))
    return {norm.groups for norm in norms if norm.groups > 1}


@dataclass(frozen=True, eq=False)
class Pictures:
    """What Caffe does to a picture of 0 to 255: minus the mean, times the scale.

    Attributes:
        scale: the factor.
        mean: one value, one per channel, or none.
        image: the mean image, or none.
    """

    scale: float
    mean: Sequence[float]
    image: Array | None


def pictures(checkpoint: Checkpoint, notes: Notes) -> Pictures:
    """The input contract of a prepared checkpoint as Caffe says it (data_transformer.cpp)."""
    contract, image = checkpoint.contract, checkpoint.mean_image
    factor = contract.pixel_maximum / 255
    deviation = contract.deviation[0] if contract.deviation else 1.0
    if image is not None:
        image = _as_large_as_pictures(image, checkpoint)
    if contract.border_pixels and not _says_border(image, checkpoint):
        notes.add(
            f"pictures are fitted {contract.border_pixels} pixels larger at every edge and their"
            " centre is shown; a net of Caffe's says that only by a mean image so large"
        )
    return Pictures(
        scale=factor / deviation,
        mean=[value / factor for value in contract.mean],
        image=None if image is None else (image / np.float32(factor)).astype(np.float32),
    )


def _margins(image: Array, checkpoint: Checkpoint) -> list[int]:
    """How much an image reaches beyond the network's picture above and on the left."""
    sides = checkpoint.network.picture.shape[1:]
    return [(length - side) // 2 for length, side in zip(image.shape[1:], sides, strict=True)]


def _as_large_as_pictures(image: Array, checkpoint: Checkpoint) -> Array:
    """The mean image without what lies beyond the pictures that are fitted; a larger one would say
    that these are larger.
    """
    border = checkpoint.contract.border_pixels
    for axis, margin in enumerate(_margins(image, checkpoint), 1):
        if margin > border:
            side = checkpoint.network.picture.shape[axis] + 2 * border
            first = margin - border
            image = image.take(range(first, first + side), axis)
    return image


def _says_border(image: Array | None, checkpoint: Checkpoint) -> bool:
    border = checkpoint.contract.border_pixels
    return image is not None and _margins(image, checkpoint) == [border, border]
