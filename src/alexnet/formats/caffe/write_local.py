"""Layers whose weights differ from place to place as Caffe's InnerProduct, which it has in their
stead: a weight for every pair of units, most of them 0.
"""

from __future__ import annotations

import math

import numpy as np

from alexnet.formats.caffe.draft import Blob, Draft
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.write_fillers import filler_of
from alexnet.formats.caffe.write_products import stacked
from alexnet.formats.checkpoint import Array
from alexnet.formats.variants.carrying import refuse
from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import Kernel, Local, Shared
from alexnet.network.placement.weighted import seen_channels
from alexnet.network.shapes import Shape, elements
from alexnet.network.sizes import Side

MOST_BYTES = 1 << 28
"""A larger product of all units is no use to anybody."""


def write_local(draft: Draft, layer: Local) -> None:
    """One InnerProduct over all units that the layer reads.

    Raises:
        FormatError: it would have more than `MOST_BYTES`.
    """
    name, network = layer.name, draft.network
    shapes, outputs = network.inputs_of(layer), elements(network.shape(name))
    size = 4 * outputs * sum(map(elements, shapes))
    if size > MOST_BYTES:
        refuse(
            network,
            layer,
            "its weights differ from place to place, for which Caffe has only a product of all"
            f" units; that would be {size >> 20:,} MiB, and up to {MOST_BYTES >> 20} are written",
        )
    parts = [
        _dense(draft.arrays[own], network.shape(name), layer.kernels[i], shapes[i], sides)
        for i, (own, sides) in enumerate(
            zip(weight_names(layer, network), network.placed[name].sides, strict=True)
        )
    ]
    weight = np.concatenate(parts, axis=1)
    settings: dict[str, bool | int | Message] = {"num_output": outputs}
    initial = layer.kernels[0].initial
    fan = sum(
        seen_channels(kernel, shape) * kernel.size**2
        for kernel, shape in zip(layer.kernels, shapes, strict=True)
    )
    if layer.bias == "none":
        settings["bias_term"] = False
    if not isinstance(initial, Shared):
        settings["weight_filler"] = filler_of(initial, fan)
    bias = [_biases(draft.arrays[f"{name}.bias"], outputs)] if layer.bias != "none" else []
    if bias:
        settings["bias_filler"] = filler_of(layer.initial_bias, fan)
    bottom = stacked(draft, layer)
    draft.add("InnerProduct", name, [bottom], "inner_product_param", settings, [weight, *bias])
    draft.blobs[name] = Blob(name, vector=True)
    draft.notes.group(
        "weights that differ from place to place are a product of all units, 0 beyond the windows",
        name,
    )


def _biases(bias: Array, outputs: int) -> Array:
    """One per output unit, of one per filter or one per unit."""
    return bias.reshape(-1) if bias.size == outputs else np.repeat(bias, outputs // bias.size)


def _dense(
    weight: Array, placed: Shape, kernel: Kernel, shape: Shape, sides: tuple[Side, Side]
) -> Array:
    """Weights [rows, columns, filters, channels/groups, size, size] as [outputs, inputs]."""
    found = np.zeros((*placed, *shape), weight.dtype)
    seen, filters = seen_channels(kernel, shape), placed[0] // kernel.groups
    channels = kernel.connections or tuple(range(shape[0]))
    for row, column in np.ndindex(placed[1], placed[2]):
        (here, own), (across, along) = (
            _span(index, kernel, side, pixels)
            for index, side, pixels in zip((row, column), sides, shape[1:], strict=True)
        )
        for group in range(kernel.groups):
            mine = slice(group * filters, (group + 1) * filters)
            for index, channel in enumerate(channels[group * seen : (group + 1) * seen]):
                part = weight[row, column, mine, index, own, along]
                found[mine, row, column, channel, here, across] += part
    return found.reshape(math.prod(placed), math.prod(shape))


def _span(index: int, kernel: Kernel, side: Side, pixels: int) -> tuple[slice, slice]:
    """Which pixels a window covers along one side, and with which part of itself."""
    start = index * kernel.stride - side.before
    first, end = max(start, 0), min(start + kernel.size, pixels)
    return slice(first, max(end, first)), slice(first - start, max(end, first) - start)
