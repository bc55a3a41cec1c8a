"""How arrays start, in the words of Caffe's fillers."""

from __future__ import annotations

import math
from typing import assert_never

from alexnet.formats.caffe.draft import Settings, message_of
from alexnet.formats.caffe.message import Message
from alexnet.formats.checkpoint import Array
from alexnet.network.layers import (
    Constant,
    FanInGaussian,
    FanInUniform,
    Gaussian,
    Initial,
    Shared,
)


def filler_of(initial: Initial, fan: int, weight: Array | None = None) -> Message:
    """How an array started (Caffe filler.hpp).

    Args:
        initial: ours.
        fan: how many weights meet in one output unit.
        weight: the array as it is written; Caffe's own draws by fan-in look at its shape.
    """
    spread = 1 / math.sqrt(fan)
    by_shape = weight is not None and math.prod(weight.shape[1:]) == fan
    match initial:
        case Constant(value):
            settings: Settings = {"type": "constant", "value": value}
        case Gaussian(deviation):
            settings = {"type": "gaussian", "std": deviation}
        case FanInGaussian(gain):
            settings = {"type": "gaussian", "std": gain * spread}
            if by_shape and math.isclose(gain, math.sqrt(2.0)):
                settings = {"type": "msra"}
        case FanInUniform(gain):
            settings = {"type": "uniform", "min": -gain * spread, "max": gain * spread}
            if by_shape and math.isclose(gain, math.sqrt(3.0)):
                settings = {"type": "xavier"}
        case Shared():
            raise AssertionError("the owner's start is written")
        case _:
            assert_never(initial)
    return message_of("FillerParameter", settings)
