"""What is found of layers that a graph writes with several operators, as layers of ours."""

from __future__ import annotations

import numpy as np

from alexnet.formats.onnx.build import Build, decimal
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.patterns import Pattern
from alexnet.formats.onnx.read_units import activate
from alexnet.formats.onnx.read_weighted import kernel_of
from alexnet.formats.onnx.read_windows import Axis, fitted
from alexnet.formats.onnx.values import Span, Value
from alexnet.formats.onnx.write_units import SOFT_RELU_SWITCH, neighbours
from alexnet.network.layers import ContrastNorm, CrossMapNorm, Layer, Local, WithinMapNorm


def add_pattern(pattern: Pattern, build: Build) -> None:
    """The layer that several nodes are.

    Raises:
        FormatError: their numbers are not those of one.
    """
    match pattern.kind:
        case "norm" | "contrast":
            _norm(pattern, build)
        case "local":
            _local(pattern, build)
        case "soft-relu":
            node = _reading(pattern, "x", "switch")
            if build.number(node, 1, 0.0) != SOFT_RELU_SWITCH:
                raise build.error(
                    node, f"is a softplus that ends elsewhere than at {SOFT_RELU_SWITCH:g}"
                )
            activate(node, build, "soft-relu")


def _reading(pattern: Pattern, *names: str) -> Node:
    """The pattern's last node as if it read these values."""
    node, inputs = pattern.node, tuple(pattern.reads.get(name, "") for name in names)
    return Node(node.operator, node.name, inputs, node.outputs, {})


def _norm(pattern: Pattern, build: Build) -> None:
    """Across maps or within them, by what sums the squares."""
    node = _reading(pattern, "x", "k", "a", "beta", "weights", "pads")
    value = build.maps(node)
    k, a, beta = (decimal(build.number(node, index, 1.0)) for index in (1, 2, 3))
    summing, common = pattern.parts["sums"], build.common(node, value)
    size = _size(pattern.parts["sums"], build, node, pattern)
    if summing.operator == "Conv":
        size, groups, blocked = _neighbourhood(node, build, value, summing)
        layer: Layer = CrossMapNorm(
            **common,
            size=size,
            alpha=a,
            alpha_divided=False,
            beta=beta,
            k=k,
            groups=groups,
            blocked=blocked,
        )
    elif len(build.integers(summing, "kernel_shape") or ()) == 3:
        layer = CrossMapNorm(**common, size=size, alpha=a, alpha_divided=True, beta=beta, k=k)
    elif pattern.kind == "contrast":
        means = pattern.parts["means"]
        alike = _size(means, build, node, None) == size
        if not alike or build.integer(means, "count_include_pad", 0):
            raise build.error(node, "is a contrast norm whose means run over another window")
        layer = ContrastNorm(**common, size=size, alpha=a, alpha_divided=True, beta=beta, k=k)
    else:
        layer = WithinMapNorm(**common, size=size, alpha=a, alpha_divided=True, beta=beta, k=k)
    build.add(node, layer)


def _size(summing: Node, build: Build, node: Node, pattern: Pattern | None) -> int:
    """The side of a norm's window, which must lie around its middle with its padding counted."""
    if summing.operator == "Conv":
        return 0
    kernel = build.integers(summing, "kernel_shape") or ()
    pads = list(build.integers(summing, "pads") or (0,) * (2 * len(kernel)))
    steps = build.integers(summing, "strides") or (1,)
    size = kernel[0] if kernel else 0
    if pattern is not None and "pad" in pattern.parts:
        found = build.integers(pattern.parts["pad"], "pads") or build.sizes(node, 5) or ()
        extra = [side or 0 for side in found]
        fill = build.real(pattern.parts["pad"], "value", 0.0)
        if len(extra) != 2 * (len(kernel) + 2) or fill or any(pads):
            raise build.error(node, "is a norm whose padding is not understood")
        half = len(kernel) + 2
        pads = extra[2:half] + extra[half + 2 :]
    elif pattern is not None and not build.integer(summing, "count_include_pad", 0) and any(pads):
        raise build.error(node, "is a norm that divides by fewer numbers at the edges")
    across = len(kernel) == 3
    wanted = (
        [size // 2, 0, 0, size - 1 - size // 2, 0, 0]
        if across
        else ([size // 2] * 2 + [size - 1 - size // 2] * 2)
    )
    whole = kernel == ((size, 1, 1) if across else (size, size))
    if size < 1 or not whole or pads != wanted or set(steps) != {1}:
        raise build.error(node, "is a norm whose window does not lie around its middle")
    return size


def _neighbourhood(node: Node, build: Build, value: Value, summing: Node) -> tuple[int, int, bool]:
    """Which maps ones and zeros sum over: the window's size, the sets and whether it is a block."""
    weights = build.weights(node, 4)
    groups, channels = build.integer(summing, "group", 1), value.shape[0]
    share = channels // max(groups, 1)
    if weights.shape != (channels, share, 1, 1) or weights.size > 2**24:
        raise build.error(node, "is a norm over maps that are not the next ones")
    own = weights.load()
    near = int(own[0].sum())
    for size, blocked in ((2 * near - 1, False), (2 * near, False), (near, True)):
        if size >= 1 and np.array_equal(own, neighbours(channels, size, groups, blocked)):
            return size, groups, blocked
    raise build.error(node, "is a norm over maps that are not the next ones")


def _local(pattern: Pattern, build: Build) -> None:
    """A locally-connected layer, as it is written here."""
    node = _reading(pattern, "x", "rows", "columns", "weights")
    value, weights = build.value(node), build.weights(node, 3)
    count = len(value.channels) if value.channels is not None else value.shape[0]
    if len(weights.shape) != 7 or value.sets != 1 or value.is_turned or value.fill != 0:
        raise build.error(node, "is no locally-connected layer that is known")
    rows, columns, groups, share, seen, size, width = weights.shape
    axes: list[Axis] = []
    for index, span, outputs in zip((1, 2), value.lies, (rows, columns), strict=True):
        axes.append(_axis(node, build, index, span, (outputs, size)))
    strides = {_stride(node, build, index, size) for index in (1, 2)}
    if size != width or len(strides) != 1 or seen * groups != count or len(value.view) != 3:
        raise build.error(node, "is a locally-connected layer whose windows do not fit")
    found = fitted(node, build, value, (axes[0], axes[1]), "conv", size, strides.pop())
    kernel = kernel_of(found, size, groups, value)
    layer = Local(
        **build.common(node, value, weights=weights.name),
        filters=groups * share,
        kernels=(kernel,),
        rule=found.rule,
        bias="none",
    )
    build.add(node, layer)
    shape = (rows, columns, groups * share, seen, size, size)
    build.learned[f"{layer.name}.weight"] = weights.reshaped(shape)


def _places(node: Node, build: Build, index: int) -> np.ndarray:
    found = build.numbers(node, index)
    if found is None or found.ndim != 2 or not found.size:
        raise build.error(node, "is a locally-connected layer without places")
    return found.astype(np.int64)


def _stride(node: Node, build: Build, index: int, size: int) -> int:
    places = _places(node, build, index)
    return int(places[1, 0] - places[0, 0]) if len(places) > 1 else size


def _axis(node: Node, build: Build, index: int, span: Span, wanted: tuple[int, int]) -> Axis:
    """Where the windows lie along one side, each a row of neighbouring places."""
    places = _places(node, build, index)
    outputs, size = wanted
    stride = _stride(node, build, index, size)
    first = int(places[0, 0])
    expected = first + np.arange(outputs)[:, None] * stride + np.arange(size)[None, :]
    end = first + (outputs - 1) * stride + size
    if not np.array_equal(places, expected) or first < 0 or end > span.stop - span.first:
        raise build.error(node, "is a locally-connected layer whose windows are not the next ones")
    return Axis(span, 0, 0, outputs, span.first + first, span.first + end)
