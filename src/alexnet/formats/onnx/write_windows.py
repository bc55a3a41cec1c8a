"""Pooling and the norms inside a map, as nodes: windows as explicit pads, never rounded."""

from __future__ import annotations

import math
from typing import Literal, assert_never

import numpy as np

from alexnet.formats.onnx.graph import Attribute, Graph
from alexnet.network.layers import (
    AveragePool,
    ContrastNorm,
    CrossMapPool,
    Kernel,
    MaxPool,
    RandomPool,
    Window,
    WithinMapNorm,
)
from alexnet.network.shapes import Shape
from alexnet.network.sizes import Side

Sides = tuple[Side, Side]
Divisor = Literal["inside", "padded", "window", "one"]


def fitted(graph: Graph, value: str, sides: Sides, window: Kernel | Window, prefix: str) -> str:
    """The value without the pixels that no window reads, where an operator would find room there
    for a further window, or cannot begin beyond the edge's inner side.
    """
    spans = [
        (max(-side.before, 0), side.after if -side.after >= window.stride else 2**31, 1)
        for side in sides
    ]
    if spans == [(0, 2**31, 1)] * 2:
        return value
    return graph.sliced(value, f"{prefix}:read", (2, 3), spans)


def window_attributes(sides: Sides, window: Kernel | Window) -> dict[str, Attribute]:
    """Window, stride and pads at the upper, the left, the lower and the right edge."""
    rows, columns = sides
    pads = (rows.before, columns.before, rows.after, columns.after)
    return {
        "kernel_shape": [window.size] * 2,
        "strides": [window.stride] * 2,
        "pads": [max(pixels, 0) for pixels in pads],
    }


def write_max_pool(graph: Graph, layer: MaxPool, sides: Sides) -> None:
    """The largest of each window; a window's padding is no pixel for the operator either."""
    read = graph.maps(layer.reads[0])
    if layer.by_magnitude:
        _write_farthest(graph, layer, sides, read)
        return
    read = fitted(graph, read, sides, layer.window, layer.name)
    graph.add("MaxPool", [read], layer.name, window_attributes(sides, layer.window))


def _write_farthest(graph: Graph, layer: MaxPool, sides: Sides, read: str) -> None:
    """The place of the largest magnitude, and what stands there.

    The operator finds the first of several; "cuda-convnet" means the last, so under that rule the
    map is turned around before and after (numpy_net's `max_pooled` says why).
    """
    name, last = layer.name, layer.rule == "cuda-convnet"
    read = fitted(graph, read, sides, layer.window, name)
    attributes = window_attributes(sides, layer.window)
    if last:
        read = _around(graph, read, f"{name}:turned")
        read = _without_rest(graph, read, sides, layer.window, name)
        (top, left, low, right) = _pads(attributes)
        attributes["pads"] = [low, right, top, left]
    graph.add("Abs", [read], f"{name}:magnitude")
    graph.add_two(
        "MaxPool", [f"{name}:magnitude"], [f"{name}:largest", f"{name}:places"], **attributes
    )
    flat = graph.reshaped(read, (-1,), f"{name}:pixels")
    found = graph.add("Gather", [flat, f"{name}:places"], f"{name}:found" if last else name)
    if last:
        _around(graph, found, name)


def _pads(attributes: dict[str, Attribute]) -> list[int]:
    pads = attributes["pads"]
    assert isinstance(pads, list), "window_attributes makes a list"
    return pads


def _around(graph: Graph, value: str, output: str) -> str:
    """Lower edge up, right edge left."""
    return graph.sliced(value, output, (2, 3), [(-1, -(2**31), -1)] * 2)


def _without_rest(graph: Graph, value: str, sides: Sides, window: Window, prefix: str) -> str:
    """A turned map begins with the few pixels that no window reads; they would shift them all."""
    rest = [max(-side.after, 0) if -side.after < window.stride else 0 for side in sides]
    if not any(rest):
        return value
    return graph.sliced(value, f"{prefix}:begun", (2, 3), [(n, 2**31, 1) for n in rest])


def write_average_pool(graph: Graph, layer: AveragePool | RandomPool, sides: Sides) -> None:
    """The mean of each window by its divisor; of a random pool what its draws expect."""
    name, window, divisor = layer.name, layer.window, _divisor(layer)
    read = graph.maps(layer.reads[0])
    shape = graph.shapes[layer.reads[0]]
    read = fitted(graph, read, sides, window, name)
    attributes = window_attributes(sides, window)
    if divisor == "inside":
        graph.add("AveragePool", [read], name, attributes | {"count_include_pad": 0})
        return
    factors = _factors(layer, divisor, sides, shape)
    plain = bool((factors == 1).all())
    output = name if plain else f"{name}:mean"
    graph.add("AveragePool", [read], output, attributes | {"count_include_pad": 1})
    if not plain:
        graph.add("Mul", [output, graph.constant(f"{name}:factors", factors)], name)


def _divisor(layer: AveragePool | RandomPool) -> Divisor:
    match layer:
        case AveragePool():
            return layer.divisor
        case RandomPool():
            return "inside"
        case _:
            assert_never(layer)


def _factors(
    layer: AveragePool | RandomPool, divisor: Divisor, sides: Sides, shape: Shape
) -> np.ndarray:
    """What a mean over the whole window, padding included, is multiplied by at each place."""
    size = layer.window.size
    if divisor == "padded":
        high, wide = (
            np.array(padded_lengths(side, layer.window, pixels, same=layer.rule == "same"))
            for side, pixels in zip(sides, shape[1:], strict=True)
        )
        counts = high[:, None] * wide[None, :]
        return (size**2 / counts[None, None]).astype(np.float32)
    return np.full((1, 1, 1, 1), size**2 if divisor == "one" else 1.0, np.float32)


def padded_lengths(side: Side, window: Window, pixels: int, *, same: bool) -> list[int]:
    """How much of each window lies on the map or its padding, along one side.

    What a ceiling pushes beyond the padding is not counted. The far padding is as wide as the near
    one, under "same" as wide as it is (Caffe's pooling_layer.cpp; torch, count_include_pad).
    """
    far = side.after if same else side.before
    starts = (index * window.stride - side.before for index in range(side.outputs))
    return [min(start + window.size, pixels + max(far, 0)) - start for start in starts]


def write_cross_map_pool(graph: Graph, layer: CrossMapPool) -> None:
    """Maps as the rows of one map, over which a window of one column runs."""
    name, (channels, height, width) = layer.name, graph.shapes[layer.reads[0]]
    last = layer.start + (layer.outputs - 1) * layer.stride
    rows = graph.reshaped(
        graph.maps(layer.reads[0]), (-1, 1, channels, height * width), f"{name}:rows"
    )
    attributes: dict[str, Attribute] = {
        "kernel_shape": [layer.size, 1],
        "strides": [layer.stride, 1],
        "pads": [-layer.start, 0, last + layer.size - channels, 0],
    }
    graph.add("MaxPool", [rows], f"{name}:largest", attributes)
    graph.reshaped(f"{name}:largest", (-1, layer.outputs, height, width), name)


def write_norm_within(graph: Graph, layer: WithinMapNorm | ContrastNorm) -> None:
    """x / (k + a · Σ m²)^beta over a window around each pixel, clipped at the borders."""
    name, read = layer.name, graph.maps(layer.reads[0])
    before = layer.size // 2
    attributes: dict[str, Attribute] = {
        "kernel_shape": [layer.size] * 2,
        "strides": [1, 1],
        "pads": [before, before, layer.size - 1 - before, layer.size - 1 - before],
    }
    measured = read
    match layer:
        case WithinMapNorm():
            pass
        case ContrastNorm():
            own = attributes | {"count_include_pad": 0}
            graph.add("AveragePool", [read], f"{name}:means", own)
            measured = graph.add("Sub", [read, f"{name}:means"], f"{name}:contrast")
        case _:
            assert_never(layer)
    squares = graph.add("Mul", [measured, measured], f"{name}:squares")
    # a mean over the whole window, so that its sum is size² of them
    graph.add("AveragePool", [squares], f"{name}:local", attributes | {"count_include_pad": 1})
    a = layer.alpha if layer.alpha_divided else layer.alpha * layer.size**2
    write_divided(graph, read, f"{name}:local", a, layer.k, layer.beta, name)


def write_divided(
    graph: Graph, value: str, sums: str, a: float, k: float, beta: float, name: str
) -> None:
    """value / (k + a · sums)^beta."""
    assert math.isfinite(a), "a network's numbers are finite"
    graph.add("Mul", [sums, graph.real(f"{name}:a", a)], f"{name}:scaled")
    graph.add("Add", [f"{name}:scaled", graph.real(f"{name}:k", k)], f"{name}:sum")
    graph.add("Pow", [f"{name}:sum", graph.real(f"{name}:beta", beta)], f"{name}:divisor")
    graph.add("Div", [value, f"{name}:divisor"], name)
