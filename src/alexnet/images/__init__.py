"""What is shown to a network: where pictures come from, how they are decoded, and the views.

Importing this loads no torch, which the processes that prepare pictures have no use for; names that
need it arrive when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from alexnet.images.decode import PictureError, decode, fit
from alexnet.images.sources import NAMES, open_source, user_data_folder
from alexnet.images.splits import Source, SourceError, Split

if TYPE_CHECKING:
    from alexnet.images.pictures import PictureSet, Rejected, hold_out, load, subset
    from alexnet.images.views import (
        centre_crop,
        channel_statistics,
        generator,
        mean_image,
        mirror,
        normalise,
        random_crop,
    )

LATE = {
    **dict.fromkeys(("PictureSet", "Rejected", "hold_out", "load", "subset"), "pictures"),
    **dict.fromkeys(
        (
            "centre_crop",
            "channel_statistics",
            "generator",
            "mean_image",
            "mirror",
            "normalise",
            "random_crop",
        ),
        "views",
    ),
}
"""Public names that come when first asked for, and the file where each lives."""

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


def __getattr__(name: str) -> object:
    if name in LATE:
        return getattr(import_module(f"alexnet.images.{LATE[name]}"), name)
    raise AttributeError(f"module 'alexnet.images' has no attribute '{name}'")
