"""The layers that the files of 2012 put between the picture and its first weights; part of the
closed union in `layers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from alexnet.network.parts import LayerBase


@dataclass(frozen=True, kw_only=True)
class Blur(LayerBase):
    """A separable Gaussian of odd `size` 3 … 9, its taps summing to 1, zeros outside the picture
    (cuda-convnet's `blur`).
    """

    kind: ClassVar[str] = "blur"
    size: int
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Nailbed(LayerBase):
    """Every `stride`-th pixel of every map, the grid centred (cuda-convnet's `nailbed`)."""

    kind: ClassVar[str] = "nailbed"
    stride: int


@dataclass(frozen=True, kw_only=True)
class Resize(LayerBase):
    """Bilinear, to floor(side / scale), centres aligned; passes no gradient (cuda-convnet's
    `resize`).
    """

    kind: ClassVar[str] = "resize"
    scale: float


@dataclass(frozen=True, kw_only=True)
class RandomScale(LayerBase):
    """While training one scale for the batch, up to `maximum` times smaller, and a random crop of
    `side` pixels; else the centre crop. Passes no gradient (cuda-convnet's `rscale`).
    """

    kind: ClassVar[str] = "random-scale"
    maximum: float
    side: int


@dataclass(frozen=True, kw_only=True)
class Reflection(LayerBase):
    """The picture turned left to right (cuda-convnet's `href`)."""

    kind: ClassVar[str] = "reflection"


@dataclass(frozen=True, kw_only=True)
class ColourTransform(LayerBase):
    """RGB in another space, "yuv" or "lab"; passes no gradient (cuda-convnet's `rgb2yuv` and
    `rgb2lab`). `centred` takes 50 from L; pixels for "lab" lie in 0 … 1.
    """

    kind: ClassVar[str] = "colour-transform"
    space: Literal["yuv", "lab"]
    centred: bool = False


PictureTransform = Blur | Nailbed | Resize | RandomScale | Reflection | ColourTransform
"""What the 2012 files do to pictures before the first weights."""
