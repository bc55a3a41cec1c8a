"""Windows of a foreign graph laid as some tradition lays them: which rule gives so many windows
from that pixel on; and pooling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from alexnet.formats.onnx.build import Build
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.values import Span, Value
from alexnet.network.layers import Activation, AveragePool, Layer, MaxPool, Window
from alexnet.network.sizes import Operation, Rule, side

NEVER_NEGATIVE = ("relu", "bounded-relu", "logistic", "abs", "square", "sqrt")
"""Functions after which a padding of 0 is none to the largest of a window."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The windows along one side.

    Attributes:
        span: the pixels that the node reads, its input's own padding with them.
        before, after: the node's own padding.
        outputs: how many windows there are.
        first, end: where on the map the first one begins and the last one ends.
    """

    span: Span
    before: int
    after: int
    outputs: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Laid:
    """Windows as a layer says them."""

    rule: Rule
    size: int
    stride: int
    padding: int
    outputs: int | None


def square(
    node: Node, build: Build, name: str, default: int, found: tuple[int, ...] | None = None
) -> int:
    """A setting of both sides, which must be alike."""
    sides = found or build.integers(node, name) or (default, default)
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] < 1:
        raise build.error(node, f"its {name} is {list(sides)[:6]}; only square windows are read")
    return sides[0]


def axes(node: Node, build: Build, value: Value, size: int, stride: int) -> tuple[Axis, Axis]:
    """Where a node's windows lie, by its pads, its auto_pad and its ceil_mode.

    Raises:
        FormatError: there is none, or it reads pixels that were cut away.
    """
    if any(step != 1 for step in build.integers(node, "dilations") or ()) and size > 1:
        raise build.error(node, "its windows are dilated; only dense ones are read")
    pads = build.integers(node, "pads") or (0, 0, 0, 0)
    mode = build.text(node, "auto_pad", "NOTSET") or "NOTSET"
    if len(pads) != 4 or min(pads) < 0:
        raise build.error(node, f"its pads are {list(pads)[:8]}; four are read, 0 or more")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise build.error(node, f"its auto_pad is '{mode[:20]}', which is not known")
    up = build.integer(node, "ceil_mode", 0) != 0
    rows, columns = (
        _axis(node, build, span, pixels, (size, stride), pad, mode, up)
        for span, pixels, pad in zip(
            value.lies, value.shape[1:], (pads[0::2], pads[1::2]), strict=True
        )
    )
    return rows, columns


def _axis(
    node: Node,
    build: Build,
    span: Span,
    pixels: int,
    window: tuple[int, int],
    pad: tuple[int, ...],
    mode: str,
    up: bool,
) -> Axis:
    (size, stride), length = window, span.stop - span.first
    before, after = pad
    if mode == "VALID":
        before = after = 0
    elif mode != "NOTSET":
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        before = total // 2 if mode == "SAME_UPPER" else total - total // 2
        after = total - before
    room = length + before + after - size
    if room < 0:
        raise build.error(node, f"a window of {size} does not fit into {length + before + after}")
    outputs = 1 + (-(-room // stride) if up else room // stride)
    if up and (outputs - 1) * stride >= length + before:
        outputs -= 1  # none begins in the far padding
    first = span.first - before
    end = first + (outputs - 1) * stride + size
    if (before and span.first > 0) or (span.stop < pixels and end > span.stop):
        raise build.error(node, "pads what was cut off a map, which no layer does here")
    return Axis(span, before, after, outputs, first, end)


def laid(
    node: Node, build: Build, value: Value, operation: Operation
) -> tuple[Laid, tuple[Axis, Axis]]:
    """The windows by the rule that gives them: torch's where it does, else one that rounds up.

    Raises:
        FormatError: no rule does.
    """
    size, stride = square(node, build, "kernel_shape", 0), square(node, build, "strides", 1)
    rows, columns = axes(node, build, value, size, stride)
    return fitted(node, build, value, (rows, columns), operation, size, stride), (rows, columns)


def fitted(
    node: Node,
    build: Build,
    value: Value,
    sides: tuple[Axis, Axis],
    operation: Operation,
    size: int,
    stride: int,
) -> Laid:
    """The rule under which windows begin and end as these do."""
    rows, columns = sides
    rules: tuple[Rule, ...] = ("torch", "cuda-convnet", "caffe", "same")
    trials: list[tuple[Rule, int, int | None]] = [
        (rule, 0 if rule == "same" else -rows.first, None) for rule in rules
    ]
    trials.append(("cuda-convnet", -rows.first, rows.outputs))
    for rule, padding, outputs in trials:
        if padding < 0 and not (rule == "cuda-convnet" and operation == "pool"):
            continue
        if all(
            _lies(axis, rule, operation, pixels, size, stride, padding, outputs)
            for axis, pixels in zip(sides, value.shape[1:], strict=True)
        ):
            return Laid(rule, size, stride, padding, outputs)
    raise build.error(
        node,
        f"its {rows.outputs}×{columns.outputs} windows of {size}×{size} at stride {stride} begin"
        f" {-rows.first} and {-columns.first} pixels before the map of"
        f" {value.shape[1]}×{value.shape[2]}, which no rule of sizes gives",
    )


def _lies(
    axis: Axis,
    rule: Rule,
    operation: Operation,
    pixels: int,
    size: int,
    stride: int,
    padding: int,
    outputs: int | None,
) -> bool:
    try:
        found = side(rule, operation, pixels, size, stride, padding, outputs)
    except ValueError:
        return False
    return (found.outputs, found.before) == (axis.outputs, -axis.first)


def max_pool(node: Node, build: Build) -> None:
    """MaxPool, whose padding is nothing."""
    value = _pooled(node, build)
    if value.spans is not None and any(
        span.first < 0 or span.stop > pixels
        for span, pixels in zip(value.spans, value.shape[1:], strict=True)
    ):
        layer = build.layers[value.layer]
        positive = isinstance(layer, Activation) and layer.function in NEVER_NEGATIVE
        if not (value.fill == -math.inf or (value.fill == 0 and positive)):
            raise build.error(
                node, f"takes the largest of a map padded with {value.fill:g}; padding is nothing"
            )
    if _covers(node, build, value):
        add_whole(node, build, value, largest=True, view=None)
        return
    found, _ = laid(node, build, value, "pool")
    window = Window(
        size=found.size, stride=found.stride, padding=found.padding, outputs=found.outputs
    )
    build.add(node, MaxPool(**build.common(node, value), window=window, rule=found.rule))


def average_pool(node: Node, build: Build) -> None:
    """AveragePool; by what it divides depends on count_include_pad and on what is padding."""
    value = _pooled(node, build)
    if _covers(node, build, value) and not build.integer(node, "count_include_pad", 0):
        add_whole(node, build, value, largest=False, view=None)
        return
    found, sides = laid(node, build, value, "pool")
    if value.spans is not None and value.fill != 0:
        raise build.error(node, f"averages a map padded with {value.fill:g}; 0 is read")
    window = Window(
        size=found.size, stride=found.stride, padding=found.padding, outputs=found.outputs
    )
    layer: Layer = AveragePool(
        **build.common(node, value),
        window=window,
        rule=found.rule,
        divisor=_divisor(node, build, value, sides, found),
    )
    build.add(node, layer)


def _divisor(
    node: Node, build: Build, value: Value, sides: tuple[Axis, Axis], found: Laid
) -> Literal["inside", "padded", "window"]:
    counted = build.integer(node, "count_include_pad", 0) != 0
    pixels = value.shape[1:]
    pads = any(axis.before or axis.after for axis in sides)
    added = any(
        axis.span.first < 0 or axis.span.stop > n for axis, n in zip(sides, pixels, strict=True)
    )
    if not counted and not added:
        return "inside"
    if pads and not counted:
        raise build.error(node, "averages with padding that counts and other that does not")
    # what the file says is there, up to where a ceiling pushes the last window
    ends = [axis.span.stop + axis.after for axis in sides]
    if all(axis.end <= end for axis, end in zip(sides, ends, strict=True)):
        near = [n + max(-axis.first, 0) for axis, n in zip(sides, pixels, strict=True)]
        fits = all(axis.end <= n for axis, n in zip(sides, near, strict=True))
        return "padded" if fits and found.rule != "same" else "window"
    if found.rule == "same" or any(
        end != n - axis.first for axis, end, n in zip(sides, ends, pixels, strict=True)
    ):
        raise build.error(node, "averages over more padding behind the map than before it")
    return "padded"


def _covers(node: Node, build: Build, value: Value) -> bool:
    """Whether one window holds the whole of a map and more, which no window of ours does."""
    size, stride = square(node, build, "kernel_shape", 0), square(node, build, "strides", 1)
    if value.spans is not None or size <= max(value.shape[1:]):
        return False
    sides = zip(axes(node, build, value, size, stride), value.shape[1:], strict=True)
    return all(axis.outputs == 1 and axis.first <= 0 and axis.end >= n for axis, n in sides)


def global_pool(node: Node, build: Build) -> None:
    """One window over the whole of a map."""
    value = build.maps(node)
    add_whole(node, build, value, largest=node.operator == "GlobalMaxPool", view=None)


def reduced(node: Node, build: Build) -> None:
    """ReduceMean and ReduceMax over rows and columns."""
    value = build.maps(node)
    found = build.integers(node, "axes") or build.sizes(node, 1) or ()
    if sorted((axis or 0) % 4 for axis in found) != [2, 3]:
        raise build.error(node, "reduces other axes than rows and columns")
    view = None if build.integer(node, "keepdims", 1) else value.shape[:1]
    add_whole(node, build, value, largest=node.operator == "ReduceMax", view=view)


def add_whole(
    node: Node, build: Build, value: Value, *, largest: bool, view: tuple[int, ...] | None
) -> None:
    """A pool of one window."""
    _, height, width = value.shape
    if height != width:
        raise build.error(node, f"pools a whole map of {height}×{width}; only squares are read")
    window, common = Window(size=height, stride=1), build.common(node, value)
    if largest:
        build.add(node, MaxPool(**common, window=window, rule="torch"), view)
    else:
        layer = AveragePool(**common, window=window, rule="torch", divisor="inside")
        build.add(node, layer, view)


def _pooled(node: Node, build: Build) -> Value:
    """What a pool reads: maps, perhaps padded or cut."""
    if len(node.outputs) > 1 and node.outputs[1] and build.uses[node.outputs[1]]:
        raise build.error(node, "says where the largest stand, which no layer does here")
    value = build.value(node)
    if value.channels is not None or value.sets != 1 or value.is_turned or len(value.view) != 3:
        raise build.error(node, f"reads {build.said(value)}; it must be maps")
    return value
