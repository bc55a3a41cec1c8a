"""What layers are made of: initial values, windows, and what every layer has; no layer itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

# --- initial values -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """Every element is `value`."""

    kind: ClassVar[str] = "constant"
    value: float


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Zero-mean normal draws with standard deviation `deviation`."""

    kind: ClassVar[str] = "gaussian"
    deviation: float


@dataclass(frozen=True, slots=True)
class FanInGaussian:
    """Zero-mean normal draws with standard deviation `gain / sqrt(fan_in)` (He: gain sqrt 2)."""

    kind: ClassVar[str] = "fan-in-gaussian"
    gain: float


@dataclass(frozen=True, slots=True)
class FanInUniform:
    """Uniform draws within ±`gain / sqrt(fan_in)` (torch's Conv2d and Linear: gain 1; Caffe's
    xavier: sqrt 3).
    """

    kind: ClassVar[str] = "fan-in-uniform"
    gain: float


@dataclass(frozen=True, slots=True)
class Shared:
    """No values of its own: the very array of an earlier input (cuda-convnet's `weightSource`).

    Attributes:
        layer: whose weights these are, of the same kind and shape; it may be the layer itself.
        index: which of that layer's inputs, counted from 0.
    """

    kind: ClassVar[str] = "shared"
    layer: str
    index: int = 0


Drawn = Constant | Gaussian | FanInGaussian | FanInUniform
"""Ways of making first values."""

Initial = Drawn | Shared


# --- windows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What a convolution holds for one of its inputs: a square window and its first weights.

    Attributes:
        size, stride, padding: in pixels of that input.
        groups: the input's channels and the filters are dealt into this many separate sets.
        initial: how the weights start.
        outputs: an explicit output side (cuda-convnet2's `modulesX`), or None for the layer's rule.
        connections: which channels the filters see, group after group, each group as many of them
            (2012's `randSparse`); () deals the channels out in order.
    """

    size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    initial: Initial
    outputs: int | None = None
    connections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A square pooling window; under the cuda-convnet rule `padding` is minus its `start`."""

    size: int
    stride: int
    padding: int = 0
    outputs: int | None = None


# --- what every layer has -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LayerBase:
    """What every layer has.

    Attributes:
        name: unique within the network.
        reads: names of earlier layers, in order.
        tower: which tower (2012: which GPU) holds it, or None where the net has no towers.
        source: where its values come from; takes no part in equality.
    """

    name: str
    reads: tuple[str, ...] = ()
    tower: int | None = None
    source: str = field(default="", compare=False)
