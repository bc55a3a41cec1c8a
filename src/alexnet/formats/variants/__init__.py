"""Checkpoints in another form that say the same of every picture: the names to import.

Each takes a checkpoint and gives one whose outputs are the same up to rounding, or raises
FormatError with the layer at which that cannot be.
"""

from alexnet.formats.variants.mean import with_mean
from alexnet.formats.variants.pictures import (
    with_channel_order,
    with_pixel_maximum,
    without_deviation,
)
from alexnet.formats.variants.settings import (
    folded,
    unfolded,
    with_divided_alpha,
    with_dropout_scaling,
    with_size_rule,
)

__all__ = [
    "folded",
    "unfolded",
    "with_channel_order",
    "with_divided_alpha",
    "with_dropout_scaling",
    "with_mean",
    "with_pixel_maximum",
    "with_size_rule",
    "without_deviation",
]
