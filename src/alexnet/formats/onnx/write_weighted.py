"""Layers with weights, as nodes that read the learned arrays under their own names and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet.formats.onnx.graph import Graph
from alexnet.formats.onnx.write_windows import Sides, fitted, window_attributes
from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import Conv, FullyConnected, Kernel, Local, TreeConnected
from alexnet.network.shapes import Shape, elements
from alexnet.network.sizes import Side
from alexnet.network.spec import Network


def write_conv(graph: Graph, layer: Conv, network: Network) -> None:
    """One convolution for each input, the first with the bias, and their sum."""
    name, weights = layer.name, weight_names(layer, network)
    shared = [graph.weights(f"{name}.bias")] if layer.bias == "shared" else []
    parts: list[str] = []
    last = name if layer.bias != "unshared" else f"{name}:summed"
    for index, (read, kernel, sides) in enumerate(
        zip(layer.reads, layer.kernels, network.placed[name].sides, strict=True)
    ):
        prefix = name if len(weights) == 1 else f"{name}:part{index}"
        value = fitted(graph, _connected(graph, read, kernel, prefix), sides, kernel, prefix)
        inputs = [value, graph.weights(weights[index]), *(shared if index == 0 else [])]
        attributes = {**window_attributes(sides, kernel), "group": kernel.groups}
        parts.append(graph.add("Conv", inputs, last if len(weights) == 1 else prefix, attributes))
    _summed(graph, parts, last)
    if layer.bias == "unshared":
        graph.add("Add", [last, graph.weights(f"{name}.bias")], name)


def _connected(graph: Graph, read: str, kernel: Kernel, prefix: str) -> str:
    """The maps that the filters see, laid out anew where the connections are sparse."""
    value = graph.maps(read)
    if not kernel.connections:
        return value
    places = graph.whole(f"{prefix}:connections", kernel.connections)
    return graph.add("Gather", [value, places], f"{prefix}:connected", {"axis": 1})


def _summed(graph: Graph, parts: Sequence[str], output: str) -> None:
    if len(parts) > 1:
        graph.add("Sum", parts, output)


def write_local(graph: Graph, layer: Local, network: Network) -> None:
    """Every window laid out, and one product over its pixels with the weights of its place."""
    name, weights = layer.name, weight_names(layer, network)
    parts: list[str] = []
    last = name if layer.bias == "none" else f"{name}:summed"
    _, rows, columns = network.shape(name)
    for index, (read, kernel, sides) in enumerate(
        zip(layer.reads, layer.kernels, network.placed[name].sides, strict=True)
    ):
        prefix = f"{name}:part{index}"
        value = _connected(graph, read, kernel, prefix)
        channels = len(kernel.connections) or graph.shapes[read][0]
        laid = _windows(graph, value, sides, kernel, prefix)
        apart = (
            0,
            kernel.groups,
            channels // kernel.groups,
            rows,
            kernel.size,
            columns,
            kernel.size,
        )
        laid = graph.reshaped(laid, apart, f"{prefix}:sets")
        shape = (rows, columns, kernel.groups, layer.filters // kernel.groups)
        shape += (channels // kernel.groups, kernel.size, kernel.size)
        own = graph.reshaped_weights(weights[index], shape, f"sets{kernel.groups}")
        # g sets, c channels, r and q places, i and j pixels of the window, f filters of a set
        graph.add("Einsum", [laid, own], f"{prefix}:sums", {"equation": "ngcriqj,rqgfcij->ngfrq"})
        output = last if len(weights) == 1 else f"{prefix}:joined"
        parts.append(graph.reshaped(f"{prefix}:sums", (0, layer.filters, rows, columns), output))
    _summed(graph, parts, last)
    if layer.bias == "unshared":
        graph.add("Add", [last, graph.weights(f"{name}.bias")], name)
    elif layer.bias == "shared":
        spread = graph.reshaped_weights(f"{name}.bias", (layer.filters, 1, 1), "spread")
        graph.add("Add", [last, spread], name)


def _windows(graph: Graph, value: str, sides: Sides, kernel: Kernel, prefix: str) -> str:
    """(N, channels, rows, size, columns, size): the pixels of each window, zeros beyond the map."""
    rows, columns = sides
    pads = [0, 0, rows.before, columns.before, 0, 0, max(rows.after, 0), max(columns.after, 0)]
    if any(pads):
        value = graph.add("Pad", [value, graph.whole(f"{prefix}:pads", pads)], f"{prefix}:padded")
    high = graph.constant(f"{prefix}:rows", _places(rows, kernel))
    graph.add("Gather", [value, high], f"{prefix}:high", {"axis": 2})
    wide = graph.constant(f"{prefix}:columns", _places(columns, kernel))
    return graph.add("Gather", [f"{prefix}:high", wide], f"{prefix}:windows", {"axis": 4})


def _places(side: Side, kernel: Kernel) -> np.ndarray:
    """Which pixels of the padded map each window along one side reads."""
    first = np.arange(side.outputs, dtype=np.int64)[:, None] * kernel.stride
    return first + np.arange(kernel.size, dtype=np.int64)[None, :]


def write_fully_connected(graph: Graph, layer: FullyConnected, network: Network) -> None:
    """A Gemm for each input, the first with the bias; sets as a 1×1 grouped convolution."""
    name, weights = layer.name, weight_names(layer, network)
    graph.flat.add(name)
    shared = [graph.weights(f"{name}.bias")] if layer.bias == "shared" else []
    parts: list[str] = []
    for index, read in enumerate(layer.reads):
        output = name if len(weights) == 1 else f"{name}:part{index}"
        bias = shared if index == 0 else []
        if layer.groups == 1:
            inputs = [graph.units(read), graph.weights(weights[index]), *bias]
            parts.append(graph.add("Gemm", inputs, output, {"transB": 1}))
            continue
        count = elements(graph.shapes[read])
        single = graph.reshaped(
            graph.units(read),
            (0, count, 1, 1),
            f"{output}:single" if ":" in output else f"{name}:single",
        )
        shape = (layer.outputs, count // layer.groups, 1, 1)
        own = graph.reshaped_weights(weights[index], shape, "filters")
        inner = f"{name}:conv{index}"
        graph.add("Conv", [single, own, *bias], inner, {"group": layer.groups})
        parts.append(graph.add("Flatten", [inner], output, {"axis": 1}))
    _summed(graph, parts, name)


def write_tree(graph: Graph, layer: TreeConnected) -> None:
    """The leaves' sums along their paths as one product, then a Gemm."""
    name = layer.name
    graph.flat.add(name)
    inputs = [graph.weights(f"{name}.weight"), graph.weights(f"{name}.inner")]
    graph.add("Concat", inputs, f"{name}:nodes", {"axis": 0})
    paths = np.zeros((layer.outputs, len(layer.parents)), np.float32)
    for leaf in range(layer.outputs):
        node = leaf
        paths[leaf, node] = 1
        while layer.parents[node] != node:
            node = layer.parents[node]
            paths[leaf, node] = 1
    graph.add(
        "MatMul", [graph.constant(f"{name}:paths", paths), f"{name}:nodes"], f"{name}:effective"
    )
    read = graph.units(layer.reads[0])
    bias = graph.weights(f"{name}.bias")
    graph.add("Gemm", [read, f"{name}:effective", bias], name, {"transB": 1})


def vector(shape: Shape) -> bool:
    """Whether a shape is that of a vector."""
    return shape[1:] == (1, 1)
