"""What the files of 2012 do to pictures before the first weights, as nodes; and what the input
contract says, from a picture's bytes on.
"""

from __future__ import annotations

import math
from typing import assert_never

import numpy as np

from alexnet.formats.checkpoint import Checkpoint
from alexnet.formats.onnx.graph import Graph
from alexnet.network.arithmetic import nailbed_start
from alexnet.network.layers import (
    Blur,
    ColourTransform,
    Nailbed,
    PictureTransform,
    RandomScale,
    Reflection,
    Resize,
)

YUV = ((0.2126, 0.7152, 0.0722), (-0.09991, -0.33609, 0.436), (0.615, -0.55861, -0.05639))
XYZ = ((0.49, 0.31, 0.2), (0.17697, 0.8124, 0.01063), (0.0, 0.01, 0.99))
"""From red, green and blue (cuda-convnet2 conv_util.cu, kRGBToYUV and kRGBToLAB)."""

LAB = ((0.0, 116.0, 0.0), (500.0, -500.0, 0.0), (0.0, 200.0, -200.0))
"""L + 16, a and b from the roots of X, Y and Z."""

END = 2**31
MEAN_IMAGE = "input:mean_image"
"""What the mean image is called in the graph."""


def write_transform(graph: Graph, layer: PictureTransform) -> None:
    """What is done at test time."""
    name, read = layer.name, graph.maps(layer.reads[0])
    channels, height, width = graph.shapes[layer.reads[0]]
    match layer:
        case Blur():
            _write_blur(graph, layer, read, channels)
        case Nailbed():
            spans = [(nailbed_start(layer, side), END, layer.stride) for side in (height, width)]
            graph.sliced(read, name, (2, 3), spans)
        case Resize():
            rows = _between(height, math.floor(height / layer.scale), layer.scale)
            columns = _between(width, math.floor(width / layer.scale), layer.scale).T.copy()
            graph.add("MatMul", [graph.constant(f"{name}:rows", rows), read], f"{name}:high")
            graph.add("MatMul", [f"{name}:high", graph.constant(f"{name}:columns", columns)], name)
        case RandomScale():
            first = (height - layer.side) // 2
            graph.sliced(read, name, (2, 3), [(first, first + layer.side, 1)] * 2)
        case Reflection():
            graph.sliced(read, name, (3,), [(-1, -END, -1)])
        case ColourTransform():
            _write_colours(graph, layer, read)
        case _:
            assert_never(layer)


def _write_blur(graph: Graph, layer: Blur, read: str, channels: int) -> None:
    name, half = layer.name, layer.size // 2
    values = [math.exp(-((half - i) ** 2) / (2 * layer.deviation**2)) for i in range(layer.size)]
    taps = np.array([value / sum(values) for value in values], np.float32)
    across = np.tile(taps, (channels, 1, 1, 1))
    graph.add(
        "Conv",
        [read, graph.constant(f"{name}:across", across)],
        f"{name}:blurred",
        {"group": channels, "pads": [0, half, 0, half]},
    )
    down = across.reshape(channels, 1, layer.size, 1)
    graph.add(
        "Conv",
        [f"{name}:blurred", graph.constant(f"{name}:down", down)],
        name,
        {"group": channels, "pads": [half, 0, half, 0]},
    )


def _between(pixels: int, targets: int, scale: float) -> np.ndarray:
    """(targets, pixels): how much of each pixel a target pixel is, two of them in all.

    Target i stands at (i − targets / 2) · scale + pixels / 2, kept within 0 … pixels − 1.01
    (cuda-convnet2 conv_util.cu, kResizeBilinear).
    """
    weights = np.zeros((targets, pixels), np.float32)
    for target in range(targets):
        place = (target - targets / 2) * scale + pixels / 2
        place = max(0.0, min(pixels - 1.01, place))
        first = math.floor(place)
        weights[target, first] += 1 - (place - first)
        weights[target, min(first + 1, pixels - 1)] += place - first
    return weights


def _write_colours(graph: Graph, layer: ColourTransform, read: str) -> None:
    name = layer.name
    match layer.space:
        case "yuv":
            graph.add("Conv", [read, _mix(graph, f"{name}:yuv", YUV)], name)
        case "lab":
            graph.add("Conv", [read, _mix(graph, f"{name}:xyz", XYZ)], f"{name}:mixed")
            roots = _cube_roots(graph, f"{name}:mixed", name)
            least = np.array([-66.0 if layer.centred else -16.0, 0.0, 0.0], np.float32)
            inputs = [roots, _mix(graph, f"{name}:lab", LAB), graph.constant(f"{name}:less", least)]
            graph.add("Conv", inputs, name)
        case _:
            assert_never(layer.space)


def _mix(graph: Graph, name: str, matrix: tuple[tuple[float, ...], ...]) -> str:
    return graph.constant(name, np.array(matrix, np.float32)[:, :, None, None])


def _cube_roots(graph: Graph, value: str, name: str) -> str:
    """cuda-convnet2's f: t to the power 0.3333, a straight line for dark t."""
    bright = graph.add(
        "Greater", [value, graph.real(f"{name}:dark", 0.0088564517)], f"{name}:bright"
    )
    one = graph.real(f"{name}:one", 1.0)
    safe = graph.add("Where", [bright, value, one], f"{name}:safe")
    roots = graph.add("Pow", [safe, graph.real(f"{name}:third", 0.3333)], f"{name}:power")
    steep = graph.add("Mul", [value, graph.real(f"{name}:slope", 7.787037)], f"{name}:steep")
    line = graph.add("Add", [steep, graph.real(f"{name}:foot", 0.13793103)], f"{name}:line")
    return graph.add("Where", [bright, roots, line], f"{name}:roots")


def write_preparation(graph: Graph, checkpoint: Checkpoint, given: str, output: str) -> None:
    """Bytes (N, height, width, channels), red first, as the weights expect a picture.

    Args:
        graph: written to.
        checkpoint: whose contract says what is expected.
        given, output: the names of the bytes and of what they become.
    """
    contract, (channels, height, width) = checkpoint.contract, checkpoint.network.picture.shape
    steps: list[tuple[str, list[str], dict[str, int | float | str | list[int]]]] = [
        ("Cast", [], {"to": 1}),
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
    ]
    if contract.channel_order == "BGR":
        steps.append(("Gather", [graph.whole("input:order", (2, 1, 0))], {"axis": 1}))
    if contract.pixel_maximum != 255.0:
        scale = graph.real("input:scale", contract.pixel_maximum / 255)
        steps.append(("Mul", [scale], {}))
    if checkpoint.mean_image is not None:
        steps.append(("Sub", [_centre(graph, checkpoint.mean_image, height, width)], {}))
    elif contract.mean:
        steps.append(("Sub", [_per_channel(graph, "input:mean", contract.mean, channels)], {}))
    if contract.deviation:
        deviation = _per_channel(graph, "input:deviation", contract.deviation, channels)
        steps.append(("Div", [deviation], {}))
    value = given
    for index, (operator, others, attributes) in enumerate(steps):
        to = output if index == len(steps) - 1 else f"input:step{index}"
        value = graph.add(operator, [value, *others], to, attributes)


def _per_channel(graph: Graph, name: str, numbers: tuple[float, ...], channels: int) -> str:
    spread = np.broadcast_to(np.array(numbers, np.float32), channels)
    return graph.constant(name, spread.reshape(1, channels, 1, 1).copy())


def _centre(graph: Graph, image: np.ndarray, height: int, width: int) -> str:
    """The mean image's centre, in single precision."""
    value = MEAN_IMAGE
    if image.dtype != np.float32:
        value = graph.add("Cast", [value], "input:mean_single", {"to": 1})
    if image.shape[1:] == (height, width):
        return value
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return graph.sliced(
        value, "input:mean_centre", (1, 2), [(top, top + height, 1), (left, left + width, 1)]
    )
