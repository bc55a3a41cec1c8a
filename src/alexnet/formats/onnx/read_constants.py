"""Operators over constants and over shapes, which exporters leave in a graph: computed as it is
read. Large constants are changed when they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import cast

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.onnx.build import Build
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.tensors import DTYPES, Tensor, filled, given
from alexnet.formats.onnx.values import Sizes, Value

SMALL = 2**16
"""Numbers of a constant that is computed with at once."""

Computed = NDArray[np.generic]


def constant(node: Node, build: Build) -> None:
    """`Constant`, by any of its attributes."""
    for name, found in node.attributes.items():
        if name == "value" and isinstance(found, Tensor):
            build.give(node, found)
            return
        if name in ("value_int", "value_ints", "value_float", "value_floats"):
            kind = np.int64 if "int" in name else np.float32
            build.give(node, given(node.outputs[0], np.array(found, kind)))
            return
    raise build.error(node, "holds no numbers")


def constant_of_shape(node: Node, build: Build) -> None:
    """One number everywhere."""
    shape = build.sizes(node, 0)
    value = node.attributes.get("value", given("", np.zeros(1, np.float32)))
    if shape is None or None in shape or len(shape) > 16:
        raise build.error(node, "its shape must be constant")
    if not isinstance(value, Tensor) or value.size != 1:
        raise build.error(node, "its value must be one number")
    try:
        made = filled(node.outputs[0], tuple(side or 0 for side in shape), value.load())
    except ValueError as error:
        raise build.error(node, str(error)) from None
    build.give(node, made)


def shape_of(node: Node, build: Build) -> None:
    """`Shape`, of the picture's values with the batch left open."""
    found = build.known(node, 0)
    match found:
        case Value():
            if not found.is_whole or found.sets != 1:
                raise build.error(node, f"asks for the shape of {build.said(found)}")
            sides: Sizes = (build.batch, *found.view)
        case Tensor():
            sides = found.shape
        case _:
            raise build.error(node, "asks for the shape of a shape")
    start, end = build.integer(node, "start", 0), node.attributes.get("end")
    build.give(node, sides[start : end if isinstance(end, int) else None])


def is_constant(node: Node, build: Build) -> bool:
    """Whether nothing that it reads depends on the picture."""
    found = (build.values[name] for name in node.inputs if name)
    return bool(node.inputs) and not any(isinstance(each, Value) for each in found)


def compute(node: Node, build: Build) -> None:
    """A node whose inputs are constants or shapes."""
    if node.operator in ("Identity", "Dropout"):
        found = build.known(node, 0)
        assert found is not None, "an operator reads something"
        build.give(node, found)
    elif node.operator in _LARGE and isinstance(build.known(node, 0), Tensor):
        _change(node, build)
    elif any(isinstance(build.known(node, index), tuple) for index in range(len(node.inputs))):
        _compute_sizes(node, build)
    else:
        _compute_small(node, build)


_LARGE = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast")


def _change(node: Node, build: Build) -> None:
    """The same numbers in another shape, order or type."""
    found = build.tensor(node, 0)
    assert found is not None, "the caller has looked"
    sides = found.shape
    match node.operator:
        case "Cast":
            kind = build.integer(node, "to", 0)
            if kind not in DTYPES:
                raise build.error(node, f"casts to type {kind}, which is not read")
            build.give(node, found.cast(DTYPES[kind]))
            return
        case "Transpose":
            axes = build.integers(node, "perm") or tuple(reversed(range(len(sides))))
            if sorted(axes) != list(range(len(sides))):
                raise build.error(
                    node, f"its perm {list(axes)[:8]} is no order of {len(sides)} axes"
                )
            build.give(node, found.transposed(axes))
            return
        case "Reshape":
            wanted = resolved(node, build, sides, wanted_sides(node, build))
        case "Flatten":
            axis = build.integer(node, "axis", 1)
            if not -len(sides) <= axis <= len(sides):
                raise build.error(node, f"names axis {axis}; there are {len(sides)}")
            first = math.prod(sides[: axis % len(sides) if axis < 0 else axis])
            wanted = (first, found.size // max(first, 1))
        case "Squeeze":
            axes = axes_of(node, build, len(sides))
            axes = axes or tuple(i for i, side in enumerate(sides) if side == 1)
            wanted = tuple(side for i, side in enumerate(sides) if i not in axes)
        case _:
            wanted = unsqueezed(node, build, sides)
    if int(np.prod(wanted, dtype=object)) != found.size:
        raise build.error(node, f"cannot make {list(wanted)} of a constant of {list(sides)}")
    build.give(node, found.reshaped(wanted))


def wanted_sides(node: Node, build: Build) -> Sizes:
    """What a Reshape asks for: an input, once an attribute."""
    wanted = build.integers(node, "shape") if len(node.inputs) < 2 else build.sizes(node, 1)
    if wanted is None or len(wanted) > 16:
        raise build.error(node, "says no shape")
    return wanted


def resolved(node: Node, build: Build, sides: tuple[int, ...], wanted: Sizes) -> tuple[int, ...]:
    """A shape with its zeros and its −1 filled in."""
    keep = not build.integer(node, "allowzero", 0)
    found = [
        sides[i] if side == 0 and keep and i < len(sides) else side for i, side in enumerate(wanted)
    ]
    rest = int(np.prod([side for side in found if side != -1 and side is not None], dtype=object))
    total = int(np.prod(sides, dtype=object))
    if None in found or found.count(-1) > 1 or (-1 in found and (not rest or total % rest)):
        raise build.error(node, f"makes {list(wanted)} of {list(sides)}, which does not fit")
    return tuple(total // rest if side == -1 else int(side or 0) for side in found)


def axes_of(node: Node, build: Build, count: int) -> tuple[int, ...]:
    """The axes of a Squeeze or its opposite, an input since version 13."""
    found = build.integers(node, "axes") or build.sizes(node, 1) or ()
    if None in found:
        raise build.error(node, "its axes depend on the batch")
    return tuple(normal_axis(node, build, axis or 0, count) for axis in found)


def normal_axis(node: Node, build: Build, axis: int, count: int) -> int:
    """An axis counted from the front."""
    if not -count <= axis < count:
        raise build.error(node, f"names axis {axis}; there are {count}")
    return axis % count


def unsqueezed(node: Node, build: Build, sides: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with sides of 1 put in."""
    added = build.integers(node, "axes") or build.sizes(node, 1) or ()
    axes = axes_of(node, build, len(sides) + len(added))
    left = iter(sides)
    return tuple(1 if i in axes else next(left, 1) for i in range(len(sides) + len(set(axes))))


def _compute_sizes(node: Node, build: Build) -> None:
    """Shapes, of which the batch is no number."""
    sides = build.sizes(node, 0) or ()
    match node.operator:
        case "Unsqueeze" | "Squeeze" | "Cast":
            made = sides
        case "Concat":
            made = tuple(
                side for i in range(len(node.inputs)) for side in build.sizes(node, i) or ()
            )
        case "Gather":
            places = build.sizes(node, 1) or ()
            if any(place is None or not -len(sides) <= place < len(sides) for place in places):
                raise build.error(node, f"takes sides {list(places)[:8]} of {len(sides)}")
            made = tuple(sides[place or 0] for place in places)
        case "Slice":
            starts, ends, _, steps = slice_of(node, build)
            made = sides[starts[0] : ends[0] : steps[0]]
        case "Mul" | "ReduceProd":
            others = (build.sizes(node, 1) or ()) if node.operator == "Mul" else ()
            factors = (*sides, *others)
            if len(factors) > 8 or (node.operator == "Mul" and (len(sides), len(others)) != (1, 1)):
                raise build.error(node, "multiplies shapes; single sides are multiplied")
            known = [factor for factor in factors if factor is not None]
            made = (None,) if len(known) < len(factors) else (int(np.prod(known, dtype=object)),)
        case _:
            raise build.error(node, "computes with a shape what is not computed here")
    if len(made) > 64:
        raise build.error(node, "makes a shape of more than 64 sides")
    build.give(node, made)


def slice_of(
    node: Node, build: Build
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Starts, ends, axes and steps; inputs since version 10."""
    if len(node.inputs) > 1:
        found = [build.sizes(node, index) for index in range(1, 5)]
    else:
        found = [build.integers(node, name) for name in ("starts", "ends", "axes")] + [None]
    starts, ends = (tuple(side or 0 for side in each or ()) for each in found[:2])
    axes = tuple(side or 0 for side in found[2] or range(len(starts)))
    steps = tuple(side or 0 for side in found[3] or (1,) * len(starts))
    if not 0 < len(starts) == len(ends) == len(axes) == len(steps) <= 16 or 0 in steps:
        raise build.error(node, "says no places from, to, axes and steps that belong together")
    return starts, ends, axes, steps


Rule = Callable[[list[Computed], Node, Build], Computed]


def _compute_small(node: Node, build: Build) -> None:
    """Few numbers, as numpy has them."""
    rule = _RULES.get(node.operator)
    tensors = [build.tensor(node, index) for index in range(len(node.inputs))]
    there = [tensor for tensor in tensors if tensor is not None]
    if rule is None:
        raise build.error(node, "computes with constants what is not computed here")
    if sum(tensor.size for tensor in there) > SMALL:
        raise build.error(node, f"computes with more than {SMALL:,} constant numbers")
    try:
        with np.errstate(all="ignore"):
            made = rule([tensor.load() for tensor in there], node, build)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError):
        raise build.error(node, "its constants do not fit together") from None
    if made.size > SMALL or made.dtype not in DTYPES.values():
        raise build.error(node, f"makes {made.size:,} constant numbers of {made.dtype}")
    build.give(node, given(node.outputs[0], made))


def _elementwise(function: Callable[..., object]) -> Rule:
    def rule(inputs: list[Computed], _: Node, __: Build) -> Computed:
        sides = np.broadcast_shapes(*(each.shape for each in inputs))
        if np.prod(sides, dtype=object) > SMALL:
            raise ValueError
        return np.asarray(function(*inputs)).astype(inputs[0].dtype)

    return rule


def _quotient(first: Computed, second: Computed) -> object:
    """Of whole numbers a whole one."""
    divide = np.divide if first.dtype.kind == "f" else np.floor_divide
    return divide(first, second)


def _concat(inputs: list[Computed], node: Node, build: Build) -> Computed:
    return np.concatenate(inputs, axis=build.integer(node, "axis", 0))


def _gather(inputs: list[Computed], node: Node, build: Build) -> Computed:
    axis = build.integer(node, "axis", 0)
    numbers, places = inputs
    if places.size * max(numbers.size, 1) > SMALL * 64:
        raise ValueError
    return np.take(numbers, cast("NDArray[np.int64]", places), axis=axis)


def _slice(inputs: list[Computed], node: Node, build: Build) -> Computed:
    numbers = inputs[0]
    cuts = [slice(None)] * numbers.ndim
    for start, end, axis, step in islice(zip(*slice_of(node, build), strict=True), 16):
        backwards = step < 0 and end < -numbers.shape[axis]
        cuts[axis] = slice(start, None if backwards else end, step)
    return numbers[tuple(cuts)]


_RULES: dict[str, Rule] = {
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_quotient),
    "Neg": _elementwise(np.negative),
    "Sqrt": _elementwise(np.sqrt),
    "Reciprocal": _elementwise(np.reciprocal),
    "Pow": _elementwise(np.power),
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
}
