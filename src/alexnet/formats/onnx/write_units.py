"""Element-wise layers, the norm across maps and what joins several inputs, as nodes."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from alexnet.formats.onnx.graph import Attribute, Graph
from alexnet.formats.onnx.write_windows import write_divided
from alexnet.network.layers import (
    Activation,
    Concat,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    Softmax,
)

SOFT_RELU_SWITCH = 4.0
"""Beyond it cuda-convnet's soft-relu is x itself (neuron.cuh)."""


def write_activation(graph: Graph, layer: Activation) -> None:
    """An element-wise function; of the noisy one what it is without noise."""
    name = layer.name
    (read,) = joined(graph, name, layer.reads)

    def constant(what: str, number: float) -> str:
        return graph.real(f"{name}:{what}", number)

    def scaled(value: str, what: str, factor: float, output: str) -> str:
        """Times a factor; times 1 is nothing."""
        if factor == 1.0 and output != name:
            return value
        return graph.add("Mul", [value, constant(what, factor)], output)

    match layer.function:
        case "relu" | "noisy-relu":
            graph.add("Relu", [read], name)
        case "bounded-relu":
            bounds = [constant("lower", 0.0), constant("upper", layer.parameters[0])]
            graph.add("Clip", [read, *bounds], name)
        case "soft-relu":
            bound = constant("switch", SOFT_RELU_SWITCH)
            graph.add("Softplus", [read], f"{name}:soft")
            graph.add("Greater", [read, bound], f"{name}:beyond")
            graph.add("Where", [f"{name}:beyond", read, f"{name}:soft"], name)
        case "logistic":
            graph.add("Sigmoid", [read], name)
        case "tanh" | "soft-threshold":
            a = layer.parameters[0]
            b = layer.parameters[1] if layer.function == "tanh" else 1 / a
            inner = scaled(read, "b", b, f"{name}:inner")
            if layer.function == "tanh" and a == 1.0:
                graph.add("Tanh", [inner], name)
                return
            graph.add("Tanh", [inner], f"{name}:tanh")
            if layer.function == "tanh":
                scaled(f"{name}:tanh", "a", a, name)
            else:
                outer = scaled(f"{name}:tanh", "a", a, f"{name}:outer")
                graph.add("Sub", [read, outer], name)
        case "abs":
            graph.add("Abs", [read], name)
        case "square":
            graph.add("Mul", [read, read], name)
        case "sqrt":
            graph.add("Sqrt", [read], name)
        case "log":
            graph.add("Add", [read, constant("a", layer.parameters[0])], f"{name}:inner")
            graph.add("Log", [f"{name}:inner"], name)
        case "linear":
            a, b = layer.parameters
            if b == 0.0:
                scaled(read, "a", a, name)
                return
            inner = scaled(read, "a", a, f"{name}:inner")
            graph.add("Add", [inner, constant("b", b)], name)
        case "identity":
            graph.add("Identity", [read], name)
        case _:
            assert_never(layer.function)


def write_dropout(graph: Graph, layer: Dropout) -> None:
    """At test time: 2012's scale, or nothing; the operator called so scales while training."""
    (read,) = joined(graph, layer.name, layer.reads)
    match layer.scaling:
        case "test":
            keep = graph.real(f"{layer.name}:keep", layer.keep)
            graph.add("Mul", [read, keep], layer.name)
        case "train" if layer.enabled:
            ratio = graph.real(f"{layer.name}:ratio", 1.0 - layer.keep)
            graph.add("Dropout", [read, ratio], layer.name)
        case "train":
            graph.add("Identity", [read], layer.name)
        case _:
            assert_never(layer.scaling)


def write_softmax(graph: Graph, layer: Softmax) -> None:
    """Across all units."""
    graph.flat.add(layer.name)
    graph.add("Softmax", [graph.units(layer.reads[0])], layer.name, {"axis": 1})


def write_joined(graph: Graph, layer: Concat | ElementwiseSum | ElementwiseMax) -> None:
    """Several inputs as one."""
    name, reads = layer.name, joined(graph, layer.name, layer.reads)
    match layer:
        case Concat():
            graph.add("Concat", reads, name, {"axis": 1})
        case ElementwiseSum():
            parts = [
                read
                if factor == 1.0
                else graph.add(
                    "Mul", [read, graph.real(f"{name}:factor{i}", factor)], f"{name}:part{i}"
                )
                for i, (read, factor) in enumerate(zip(reads, layer.coefficients, strict=True))
            ]
            graph.add("Sum", parts, name)
        case ElementwiseMax():
            graph.add("Max", reads, name)
        case _:
            assert_never(layer)


def joined(graph: Graph, name: str, reads: tuple[str, ...]) -> list[str]:
    """The values that a layer reads, all with two sides where one of them has; so has the layer."""
    if any(read in graph.flat for read in reads):
        graph.flat.add(name)
        return [graph.units(read) for read in reads]
    return list(reads)


def write_norm_across(graph: Graph, layer: CrossMapNorm) -> None:
    """The LRN operator, which divides alpha by size; sets of maps as pictures of their own.

    Its window has as many maps on either side, or of an even size one more above, and runtimes take
    odd sizes only; where ours differs, ones and zeros say which maps are summed.
    """
    name, (channels, height, width) = layer.name, graph.shapes[layer.reads[0]]
    read = graph.maps(layer.reads[0])
    if layer.blocked or layer.size % 2 == 0:
        squares = graph.add("Mul", [read, read], f"{name}:squares")
        ones = graph.constant(f"{name}:neighbours", _neighbours(layer, channels))
        graph.add("Conv", [squares, ones], f"{name}:sums", {"group": layer.groups})
        a = layer.alpha / layer.size if layer.alpha_divided else layer.alpha
        write_divided(graph, read, f"{name}:sums", a, layer.k, layer.beta, name)
        return
    alpha = layer.alpha if layer.alpha_divided else layer.alpha * layer.size
    attributes: dict[str, Attribute] = {
        "size": layer.size,
        "alpha": float(alpha),
        "beta": float(layer.beta),
        "bias": float(layer.k),
    }
    if layer.groups == 1:
        graph.add("LRN", [read], name, attributes)
        return
    share = (-1, channels // layer.groups, height, width)
    apart = graph.reshaped(read, share, f"{name}:sets")
    normed = graph.add("LRN", [apart], f"{name}:normed", attributes)
    graph.reshaped(normed, (-1, channels, height, width), name)


def _neighbours(layer: CrossMapNorm, channels: int) -> np.ndarray:
    return neighbours(channels, layer.size, layer.groups, layer.blocked)


def neighbours(channels: int, size: int, groups: int, blocked: bool) -> np.ndarray:
    """1 where a map (first side) sums over another of its set (second side), as 1×1 filters."""
    share = channels // groups
    own, other = np.arange(share)[:, None], np.arange(share)[None, :]
    if blocked:
        near = own // size == other // size
    else:
        first = own - size // 2
        near = (other >= first) & (other < first + size)
    return np.tile(near.astype(np.float32), (groups, 1))[:, :, None, None]
