"""The shapes that the picture transforms and pooling across maps give."""

from __future__ import annotations

import math
from typing import assert_never

from alexnet.network.layers import (
    Blur,
    ColourTransform,
    CrossMapPool,
    Nailbed,
    PictureTransform,
    RandomScale,
    Reflection,
    Resize,
)
from alexnet.network.shapes import Placed, Shape, require, same


def place_cross_map_pool(layer: CrossMapPool, shape: Shape) -> Placed:
    """Windows over neighbouring maps; together they cover them all (cuda-convnet2 layer.py)."""
    require(1 <= layer.size <= shape[0], f"size is {layer.size}; it must lie in 1 … {shape[0]}")
    require(
        1 <= layer.stride <= layer.size,
        f"stride is {layer.stride}; it must lie in 1 … {layer.size}, the size",
    )
    require(layer.outputs >= 1, f"outputs is {layer.outputs}; it must be at least 1")
    last = layer.start + (layer.outputs - 1) * layer.stride
    require(
        -layer.size < layer.start <= 0 and last < shape[0] <= last + layer.size,
        f"{layer.outputs} windows of {layer.size} maps from {layer.start} at stride "
        f"{layer.stride} do not cover the {shape[0]} maps; cover them, none wholly outside",
    )
    return Placed((layer.outputs, *shape[1:]), f"{layer.outputs} windows over {shape[0]} maps")


def place_transform(layer: PictureTransform, shape: Shape) -> Placed:
    """What is done to pictures, with the limits of 2012's layer.py (semantics file, section 11)."""
    channels, height, width = shape
    match layer:
        case Blur():
            require(layer.size in (3, 5, 7, 9), f"size is {layer.size}; it must be 3, 5, 7 or 9")
            require(layer.size <= min(height, width), f"a blur of {layer.size} exceeds the map")
            require(layer.deviation > 0, f"deviation is {layer.deviation}; it must be above 0")
            return same(shape)
        case Nailbed():
            require(layer.stride >= 1, f"stride is {layer.stride}; it must be at least 1")
            rows, columns = (-(-side // layer.stride) for side in (height, width))
            return Placed((channels, rows, columns), _sentence("ceil", shape, f"{layer.stride}"))
        case Resize():
            require(0.5 <= layer.scale <= 2, f"scale is {layer.scale}; it must lie in 0.5 … 2")
            rows, columns = (math.floor(side / layer.scale) for side in (height, width))
            require(min(rows, columns) >= 1, f"a map of {height}×{width} shrinks to nothing")
            return Placed((channels, rows, columns), _sentence("floor", shape, f"{layer.scale:g}"))
        case RandomScale():
            return _place_random_scale(layer, shape)
        case Reflection():
            require(channels <= 3, f"reads {channels} channels; a picture has 1 to 3")
            return same(shape)
        case ColourTransform():
            require(channels == 3, f"reads {channels} channels; red, green and blue are needed")
            return same(shape)
        case _:
            assert_never(layer)


def _sentence(rounded: str, shape: Shape, divisor: str) -> str:
    """How a side comes about; both where the picture is not square."""
    rows, columns = (f"{rounded}({side} / {divisor})" for side in shape[1:])
    return rows if rows == columns else f"rows {rows}, columns {columns}"


def _place_random_scale(layer: RandomScale, shape: Shape) -> Placed:
    channels, height, width = shape
    require(height == width, f"the picture is {height}×{width}; it must be square")
    require(1 <= layer.maximum <= 2, f"maximum is {layer.maximum}; it must lie in 1 … 2")
    smallest = math.floor(height / layer.maximum)
    require(
        max(smallest, 1) <= layer.side <= height,
        f"side is {layer.side}; it must lie in {smallest} … {height}",
    )
    return Placed((channels, layer.side, layer.side), "given")
