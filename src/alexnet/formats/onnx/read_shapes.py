"""Foreign nodes that move numbers about and compute none: most leave nothing behind, for our layers
read whatever shape there is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from alexnet.formats.onnx.build import Build
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.read_constants import (
    axes_of,
    normal_axis,
    slice_of,
    unsqueezed,
    wanted_sides,
)
from alexnet.formats.onnx.tensors import DTYPES
from alexnet.formats.onnx.values import Sizes, Span, Value


def same(node: Node, build: Build) -> None:
    """Identity, and Cast from one precision to another."""
    value = build.value(node)
    if node.operator == "Cast":
        kind = DTYPES.get(build.integer(node, "to", 0))
        if kind is None or kind.kind != "f":
            raise build.error(node, "makes whole numbers of what a layer gives")
        if kind.itemsize < 4:
            build.notes.group("computed in half precision there", node.called)
        value = replace(value, of_bytes=False)
    build.give(node, value)


def flatten(node: Node, build: Build) -> None:
    """All of a picture's numbers in a row."""
    value = build.value(node)
    _require_whole(node, build, value)
    axis = build.integer(node, "axis", 1)
    if axis not in (1, -len(value.view)):
        raise build.error(node, f"flattens from axis {axis}; 1, all of a picture, is read")
    build.give(node, value.viewed((math.prod(value.view),)))


def squeeze(node: Node, build: Build) -> None:
    """Sides of 1 taken away."""
    value = build.value(node)
    _require_whole(node, build, value)
    axes = axes_of(node, build, len(value.view) + 1)
    axes = axes or tuple(i for i, side in enumerate(value.view, 1) if side == 1)
    if any(axis == 0 or value.view[axis - 1] != 1 for axis in axes):
        raise build.error(node, f"takes away axes {list(axes)[:8]} of {value.sides}")
    view = tuple(side for i, side in enumerate(value.view, 1) if i not in axes)
    build.give(node, value.viewed(view))


def unsqueeze(node: Node, build: Build) -> None:
    """Sides of 1 put in, behind the batch."""
    value = build.value(node)
    _require_whole(node, build, value)
    made = unsqueezed(node, build, (-1, *value.view))
    if made[0] != -1:
        raise build.error(node, "puts a side before the batch")
    build.give(node, value.viewed(made[1:]))


def reshape(node: Node, build: Build) -> None:
    """Another shape of a picture's numbers, or its maps dealt into so many pictures and back."""
    value = build.value(node)
    _require_whole(node, build, value, sets=True)
    wanted = wanted_sides(node, build)
    view, sets = _reshaped(node, build, value, wanted)
    if sets > 1 and (value.is_turned or view != (value.shape[0] // sets, *value.shape[1:])):
        raise _unfit(node, build, value, wanted)
    build.give(node, replace(value, view=view, sets=sets))


def _reshaped(node: Node, build: Build, value: Value, wanted: Sizes) -> tuple[tuple[int, ...], int]:
    """The view that a shape asks for, and into how many sets it deals the maps."""
    keep = not build.integer(node, "allowzero", 0)
    sides = [
        (None if i == 0 else value.view[i - 1])
        if side == 0 and keep and i <= len(value.view)
        else side
        for i, side in enumerate(wanted)
    ]
    total = math.prod(value.view) * value.sets
    if len(sides) < 2 or None in sides[1:] or sides.count(-1) > 1:
        raise _unfit(node, build, value, wanted)
    first, rest = sides[0], [side or 0 for side in sides[1:]]
    sets = value.sets
    if -1 in rest:
        known = math.prod(side for side in rest if side != -1)
        sets = 1 if first in (1, build.batch) else sets
        if not known or total % (known * sets):
            raise _unfit(node, build, value, wanted)
        rest[rest.index(-1)] = total // (known * sets)
    size = math.prod(rest)
    if size <= 0 or total % size or min(rest) <= 0:
        raise _unfit(node, build, value, wanted)
    sets = total // size
    if first is None and sets != value.sets:
        raise _unfit(node, build, value, wanted)
    if first not in (None, -1) and first != (build.batch or 1) * sets:
        raise _unfit(node, build, value, wanted)
    return tuple(rest), sets


def _unfit(node: Node, build: Build, value: Value, wanted: Sizes) -> Exception:
    shown = "×".join("N" if side is None else str(side) for side in wanted[:8])
    return build.error(node, f"makes {shown} of {build.said(value)}, which no layer does here")


def transpose(node: Node, build: Build) -> None:
    """Channels put last or first; our layers have them first."""
    value = build.value(node)
    _require_whole(node, build, value)
    order = build.integers(node, "perm") or tuple(range(len(value.view), -1, -1))
    if sorted(order) != list(range(len(value.view) + 1)):
        raise build.error(node, f"its perm {list(order)[:8]} is no order of {value.sides}")
    view = tuple(value.view[axis - 1] for axis in order[1:]) if order[0] == 0 else ()
    counted = [axis for axis in order if axis == 0 or value.view[axis - 1] != 1]
    if order == (0, 2, 3, 1) and value.view == value.shape and not value.last:
        build.give(node, replace(value, view=view, last=True))
    elif order == (0, 3, 1, 2) and value.last and view == value.shape:
        build.give(node, replace(value, view=view, last=False))
    elif order[0] == 0 and counted == sorted(counted):
        build.give(node, value.viewed(view))
    else:
        raise build.error(node, f"turns {build.said(value)} to the order {list(order)[:8]}")


def pad(node: Node, build: Build) -> None:
    """Padding around a map, which a convolution or a pool takes with it."""
    value = build.value(node)
    mode = build.text(node, "mode", "constant")
    pads = build.integers(node, "pads") or build.sizes(node, 1) or ()
    fill = build.number(node, 2, build.real(node, "value", 0.0))
    _check_maps(node, build, value)
    rank = len(value.view) + 1
    axes = build.sizes(node, 3) or tuple(range(rank))
    spread = [0] * (2 * rank)
    if len(pads) != 2 * len(axes) or None in pads or None in axes or mode != "constant":
        raise build.error(node, f"pads by the mode '{mode[:20]}', or not as many pads as sides")
    for i, axis in enumerate(axes):
        place = normal_axis(node, build, axis or 0, rank)
        spread[place], spread[place + rank] = pads[i] or 0, pads[i + len(axes)] or 0
    if any(spread[i] or spread[i + rank] for i in (0, 1)):
        raise build.error(node, "pads pictures or channels; rows and columns are read")
    if any(abs(pixels) > 2**20 for pixels in spread):
        raise build.error(node, "pads by more pixels than a map has")
    if value.spans is not None and value.fill != fill:
        raise build.error(node, "pads what is padded already, with another number")
    rows, columns = value.lies
    spans = (
        Span(rows.first - spread[2], rows.stop + spread[2 + rank]),
        Span(columns.first - spread[3], columns.stop + spread[3 + rank]),
    )
    _give_spans(node, build, replace(value, fill=fill), spans)


def _give_spans(node: Node, build: Build, value: Value, spans: tuple[Span, Span]) -> None:
    if any(span.stop <= span.first for span in spans):
        raise build.error(node, "leaves no pixel")
    view = (value.view[0], *(span.stop - span.first for span in spans))
    whole = spans == (Span(0, value.shape[1]), Span(0, value.shape[2]))
    build.give(node, replace(value, view=view, spans=None if whole else spans))


def cut(node: Node, build: Build) -> None:
    """Slice: pixels at the edges that no window reads, or some of the channels."""
    value = build.value(node)
    _check_maps(node, build, value)
    rank = len(value.view) + 1
    spans, channels = list(value.lies), list(value.channels or range(value.view[0]))
    for start, end, axis, step in zip(*slice_of(node, build), strict=True):
        place = normal_axis(node, build, axis, rank)
        length = value.view[place - 1]
        first, stop, _ = slice(start, end).indices(length)
        if step != 1 or stop <= first or (place == 0 and (start, end) != (0, 2**63 - 1)):
            raise build.error(node, f"takes every {step}. of axis {place}, or none")
        if place == 1:
            channels = channels[first:stop]
        elif place > 1:
            before = spans[place - 2]
            spans[place - 2] = Span(before.first + first, before.first + stop)
    chosen = _chosen(value, channels)
    _give_spans(node, build, chosen, (spans[0], spans[1]))


def split(node: Node, build: Build) -> None:
    """Channels dealt out: each part is some of them."""
    value = build.value(node)
    _check_maps(node, build, value)
    axis = normal_axis(node, build, build.integer(node, "axis", 0), len(value.view) + 1)
    count, channels = len(node.outputs), list(value.channels or range(value.view[0]))
    sizes = build.integers(node, "split") or build.sizes(node, 1)
    if sizes is None and len(channels) % count == 0:
        sizes = (len(channels) // count,) * count
    if axis != 1 or sizes is None or len(sizes) != count or None in sizes:
        raise build.error(node, f"splits axis {axis} into {count} parts; channels are read")
    places = [0]
    for size in sizes:
        places.append(places[-1] + (size or 0))
    if places[-1] != len(channels) or min(size or 0 for size in sizes) < 1:
        raise build.error(node, f"splits {len(channels)} channels into {list(sizes)[:8]}")
    for name, (first, stop) in zip(node.outputs, pairwise(places), strict=True):
        if name:
            build.values[name] = _chosen(value, channels[first:stop])


def gather(node: Node, build: Build) -> None:
    """Some channels, or those of the picture in another order."""
    value = build.value(node)
    places = build.sizes(node, 1) or ()
    rank = len(value.view) + 1
    axis = normal_axis(node, build, build.integer(node, "axis", 0), rank)
    wanted = rank - 1 if value.last else 1
    channels = list(value.channels or range(value.shape[0]))
    if axis != wanted or len(value.view) != 3 or not places or value.sets != 1:
        raise build.error(node, f"takes places along axis {axis} of {build.said(value)}")
    if any(place is None or not -len(channels) <= place < len(channels) for place in places):
        raise build.error(node, f"takes channels beyond the {len(channels)} that there are")
    chosen = [channels[place or 0] for place in places]
    if value.prepared is not None and sorted(chosen) == list(range(value.shape[0])):
        if value.prepared.image is not None or len(set(value.prepared.mean)) > 1:
            raise build.error(node, "reorders channels whose mean is subtracted; do so before it")
        order = tuple(value.prepared.order[place] for place in chosen)
        build.give(node, replace(value, prepared=replace(value.prepared, order=order)))
        return
    _check_maps(node, build, value)
    build.give(node, _chosen(value, chosen))


def _chosen(value: Value, channels: list[int]) -> Value:
    """Only these channels; all of them in order are the whole."""
    whole = channels == list(range(value.shape[0]))
    view = (len(channels), *value.view[1:])
    return replace(value, view=view, channels=None if whole else tuple(channels), private=False)


def _check_maps(node: Node, build: Build, value: Value) -> None:
    count = len(value.channels) if value.channels is not None else value.shape[0]
    expected = (count, *(span.stop - span.first for span in value.lies))
    if value.is_turned or value.sets != 1 or value.view != expected:
        raise build.error(node, f"reads {build.said(value)}; it must be maps, channels first")


def _require_whole(node: Node, build: Build, value: Value, *, sets: bool = False) -> None:
    if not value.is_whole or (value.sets != 1 and not sets):
        raise build.error(node, f"reads {build.said(value)}; it must be whole")
