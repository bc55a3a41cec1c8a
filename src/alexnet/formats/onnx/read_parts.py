"""A layer of several inputs, which a graph writes as one node for each and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alexnet.formats.onnx.build import Build
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.values import Value
from alexnet.network.layers import Conv, FullyConnected, Layer, Local


def join_parts(node: Node, build: Build, values: Sequence[Value]) -> bool:
    """Makes one layer of those that a node sums, where they are one kind and nothing else reads
    them; at most one may have a bias. Whether it did.
    """
    parts = [build.layers[value.layer] for value in values]
    alone = len(parts) == 1 or len({part.name for part in parts}) < len(parts)
    if alone or not all(value.private for value in values):
        return False
    joined = _joined(parts)
    if joined is None:
        return False
    arrays = [build.learned.pop(f"{part.name}.weight") for part in parts if _has_one(part)]
    biases = [build.learned.pop(f"{part.name}.bias", None) for part in parts]
    for part in parts:
        del build.layers[part.name], build.shapes[part.name]
    layer = replace(joined, name=build.name(node.outputs[0], node.operator))
    build.add(node, layer, values[0].view)
    for index, array in enumerate(arrays):
        build.learned[f"{layer.name}.weight_{index}"] = array
    bias = next((bias for bias in biases if bias is not None), None)
    if bias is not None:
        build.learned[f"{layer.name}.bias"] = bias
    return True


def _has_one(part: Layer) -> bool:
    return isinstance(part, Conv | Local | FullyConnected) and len(part.reads) == 1


def _joined(parts: Sequence[Layer]) -> Layer | None:
    """The layers as one, called as the first; None where they are not parts of any."""
    reads = tuple(read for part in parts for read in part.reads)
    if not all(map(_has_one, parts)):
        return None
    first = parts[0]
    convs = [part for part in parts if isinstance(part, Conv)]
    locals_ = [part for part in parts if isinstance(part, Local)]
    dense = [part for part in parts if isinstance(part, FullyConnected)]
    for windowed in (convs, locals_):
        if len(windowed) == len(parts):
            alike = {(part.filters, part.rule) for part in windowed}
            biases = [part.bias for part in windowed if part.bias != "none"]
            if len(alike) > 1 or len(biases) > 1 or "unshared" in biases:
                return None
            kernels = tuple(kernel for part in windowed for kernel in part.kernels)
            bias = biases[0] if biases else "none"
            return replace(windowed[0], reads=reads, kernels=kernels, bias=bias)
    if len(dense) == len(parts) and isinstance(first, FullyConnected):
        biases = [part.bias for part in dense if part.bias != "none"]
        if len({(part.outputs, part.groups) for part in dense}) > 1 or len(biases) > 1:
            return None
        initial = tuple(each for part in dense for each in part.initial)
        return replace(first, reads=reads, initial=initial, bias=biases[0] if biases else "none")
    return None
