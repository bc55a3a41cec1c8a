"""What is shown to a network: where pictures come from, how they are decoded, and the views."""

from alexnet.images.decode import PictureError, decode, fit
from alexnet.images.pictures import PictureSet, Rejected, hold_out, load, subset
from alexnet.images.sources import NAMES, open_source, user_data_folder
from alexnet.images.splits import Source, SourceError, Split
from alexnet.images.views import (
    centre_crop,
    channel_statistics,
    generator,
    mean_image,
    mirror,
    normalise,
    random_crop,
)

__all__ = [
    "NAMES",
    "PictureError",
    "PictureSet",
    "Rejected",
    "Source",
    "SourceError",
    "Split",
    "centre_crop",
    "channel_statistics",
    "decode",
    "fit",
    "generator",
    "hold_out",
    "load",
    "mean_image",
    "mirror",
    "normalise",
    "open_source",
    "random_crop",
    "subset",
    "user_data_folder",
]
