"""Convolutions as Caffe's: windows that it cannot lay are laid by larger filters whose added
weights are 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alexnet.formats.caffe.draft import Blob, Draft
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.write_fillers import filler_of
from alexnet.formats.checkpoint import Array
from alexnet.formats.variants.carrying import refuse
from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import (
    Conv,
    Initial,
    Kernel,
    Shared,
)
from alexnet.network.placement.weighted import initials, seen_channels
from alexnet.network.shapes import Shape
from alexnet.network.sizes import Side, side

Sides = tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class _Part:
    """One input of a convolution as Caffe has it.

    Attributes:
        read: the layer that is read.
        size, stride, padding, groups: of Caffe's window.
        weight: in Caffe's shape.
        initial: how it started.
        fan: how many weights of ours meet in one output unit.
    """

    read: str
    size: int
    stride: int
    padding: int
    groups: int
    weight: Array
    initial: Initial
    fan: int


def write_conv(draft: Draft, layer: Conv) -> None:
    """One Convolution where it reads one map, or maps that windows meet alike, stacked; else one
    for each, the first with the bias, and their sum.
    """
    name, network = layer.name, draft.network
    if layer.bias == "unshared":
        refuse(network, layer, "its biases differ from place to place; Caffe has one per filter")
    bias = [draft.arrays[f"{name}.bias"]] if layer.bias == "shared" else []
    sides = network.placed[name].sides
    parts = [_part(draft, layer, index, both) for index, both in enumerate(sides)]
    if len(parts) > 1 and _are_alike(parts):
        maps = [draft.map(part.read) for part in parts]
        stacked = draft.add("Concat", draft.inner(name, "reads"), maps)
        weight = np.concatenate([part.weight for part in parts], axis=1)
        whole = replace(parts[0], weight=weight, fan=sum(part.fan for part in parts))
        _convolution(draft, layer, name, stacked, whole, bias)
        draft.notes.group("maps that a layer reads are stacked before it", name)
    elif len(parts) == 1:
        _convolution(draft, layer, name, draft.map(parts[0].read), parts[0], bias)
    else:
        made = [
            _convolution(
                draft, layer, draft.inner(name, f"part{i}"), draft.map(part.read), part,
                bias if i == 0 else [],
            )
            for i, part in enumerate(parts)
        ]  # fmt: skip
        draft.add("Eltwise", name, made, "eltwise_param", {"operation": "SUM"})
        draft.notes.group("a layer of several maps is a sum of convolutions", name)
    draft.blobs[name] = Blob(name)


def _convolution(
    draft: Draft, layer: Conv, name: str, bottom: str, part: _Part, bias: Sequence[Array]
) -> str:
    settings: dict[str, bool | int | Message] = {"num_output": layer.filters}
    if not bias:
        settings["bias_term"] = False
    if part.padding:
        settings["pad"] = part.padding
    settings["kernel_size"] = part.size
    if part.groups > 1:
        settings["group"] = part.groups
    if part.stride > 1:
        settings["stride"] = part.stride
    settings["weight_filler"] = filler_of(part.initial, part.fan, part.weight)
    if bias:
        settings["bias_filler"] = filler_of(layer.initial_bias, part.fan)
    return draft.add(
        "Convolution", name, [bottom], "convolution_param", settings, [part.weight, *bias]
    )


def _are_alike(parts: Sequence[_Part]) -> bool:
    """Whether stacked maps under one filter are the same as a sum: in one group, equal windows."""
    first = parts[0]
    return all(
        (part.size, part.stride, part.padding, part.groups, part.initial)
        == (first.size, first.stride, first.padding, 1, first.initial)
        for part in parts
    )


def _part(draft: Draft, layer: Conv, index: int, sides: Sides) -> _Part:
    network, kernel, read = draft.network, layer.kernels[index], layer.reads[index]
    shape = network.shape(read)
    size, padding = _window(draft, layer, kernel, sides, shape)
    weight = draft.arrays[weight_names(layer, network)[index]]
    fan = math.prod(weight.shape[1:])
    groups = kernel.groups
    if kernel.connections:
        weight, groups = _dense(weight, kernel, shape[0]), 1
        draft.notes.group("sparse connections are weights of 0 to the other maps", layer.name)
    if size > kernel.size:
        wide = np.zeros((*weight.shape[:2], size, size), weight.dtype)
        top, left = (padding - one.before for one in sides)
        wide[:, :, top : top + kernel.size, left : left + kernel.size] = weight
        weight = wide
        draft.notes.group(
            "filters are larger by weights of 0, for Caffe pads both edges alike",
            f"{layer.name} {size} instead of {kernel.size}",
        )
    initial = kernel.initial
    if isinstance(initial, Shared):
        draft.notes.group("weights that are shared are written for each layer", layer.name)
        owner = network[initial.layer]
        assert isinstance(owner, Conv), "weights are shared among one kind"
        initial = initials(owner)[initial.index]
    return _Part(read, size, kernel.stride, padding, groups, weight, initial, fan)


def _window(
    draft: Draft, layer: Conv, kernel: Kernel, sides: Sides, shape: Shape
) -> tuple[int, int]:
    """The least size and padding by which Caffe lays the same windows, or ones that hold them."""
    before = max(one.before for one in sides)
    for padding in range(before, before + kernel.size + kernel.stride + 1):
        least = max(kernel.size + padding - one.before for one in sides)
        for size in range(least, least + 2 * kernel.stride + 1):
            if _lays(size, padding, kernel.stride, sides, shape):
                return size, padding
    return refuse(
        draft.network,
        layer,
        f"its windows give {sides[0].outputs}×{sides[1].outputs}, which no padding of Caffe's does",
    )


def _lays(size: int, padding: int, stride: int, sides: Sides, shape: Shape) -> bool:
    """Whether Caffe lays as many windows."""
    try:
        return all(
            side("caffe", "conv", pixels, size, stride, padding).outputs == one.outputs
            for one, pixels in zip(sides, shape[1:], strict=True)
        )
    except ValueError:
        return False


def _dense(weight: Array, kernel: Kernel, channels: int) -> Array:
    """Weights to every channel, 0 where there is no connection."""
    seen = seen_channels(kernel, (channels, 1, 1))
    filters = len(weight) // kernel.groups
    found = np.zeros((len(weight), channels, *weight.shape[2:]), weight.dtype)
    for group in range(kernel.groups):
        own = slice(group * filters, (group + 1) * filters)
        for index, channel in enumerate(kernel.connections[group * seen : (group + 1) * seen]):
            found[own, channel] += weight[own, index]
    return found
