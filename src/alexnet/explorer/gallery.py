"""The pictures among which neighbours are sought, and what a network says of each; every network
looks at them once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from alexnet.explorer.asking import AskError

if TYPE_CHECKING:
    from alexnet.evaluation import Examinee
    from alexnet.images import PictureSet, Split
    from alexnet.torch_net import NetworkModule

MOST = 5_000
"""Pictures among which neighbours are sought; of more, so many spread evenly."""

MOST_BYTES = 2**31
"""Bytes of those pictures as a network takes them."""


@dataclass(eq=False)
class Gallery:
    """The test pictures of some data.

    Attributes:
        name: of the data.
        split: the pictures.
    """

    name: str
    split: Split
    _seen: WeakKeyDictionary[NetworkModule, tuple[PictureSet, np.ndarray]] = field(
        default_factory=WeakKeyDictionary
    )
    _lock: Lock = field(default_factory=Lock)

    @property
    def count(self) -> int:
        """Pictures that are looked at."""
        return len(self.split)

    def seen_by(self, examinee: Examinee, layer: str) -> tuple[PictureSet, np.ndarray]:
        """The pictures as the network takes them, and what `layer` says of each: float32 (N,
        numbers).

        Raises:
            AskError: 503 while another request looks at them; 409, they do not fit the network;
                422, they would need too much memory.
        """
        if not self._lock.acquire(blocking=False):
            raise AskError(503, f"the network still looks at {self.name}", "ask again")
        try:
            if examinee.module not in self._seen:
                self._seen[examinee.module] = self._look(examinee, layer)
            return self._seen[examinee.module]
        finally:
            self._lock.release()

    def _look(self, examinee: Examinee, layer: str) -> tuple[PictureSet, np.ndarray]:
        from alexnet.evaluation import features
        from alexnet.images import load
        from alexnet.images.pictures import subset

        channels, side, _ = examinee.module.network.picture.shape
        side += 2 * examinee.contract.border_pixels
        needed = len(self.split) * channels * side**2
        if needed > MOST_BYTES:
            raise AskError(
                422,
                f"the {len(self.split):,} pictures of {self.name} would have {needed:,} bytes at"
                f" {side:,}×{side:,} pixels; at most {MOST_BYTES:,} are held here",
                "look with a network that takes smaller pictures",
            )
        pictures = load(self.split, channels=channels, side=side)
        found = features(
            examinee.module, pictures, examinee.contract, (layer,),
            mean_image=examinee.mean_image,
        )[layer]  # fmt: skip
        finite = np.flatnonzero(np.isfinite(found).all(axis=1))
        if not len(finite):
            raise AskError(409, f"{layer} says nothing finite of any picture of {self.name}")
        return subset(pictures, finite), found[finite]


def _some(split: Split) -> Split:
    """At most MOST pictures of a split, evenly spread."""
    if len(split) <= MOST:
        return split
    return split.part(np.linspace(0, len(split) - 1, MOST).astype(np.int64))


def open_gallery(data: str, data_folder: Path | None = None) -> Gallery:
    """The test pictures that `data` names, or its training pictures where it has no others.

    Raises:
        ValueError: no such data.
    """
    from alexnet.images import open_source

    source = open_source(data, data_folder=data_folder)
    split = source.test if len(source.test) else source.train
    return Gallery(Path(data).name or data, _some(split))
