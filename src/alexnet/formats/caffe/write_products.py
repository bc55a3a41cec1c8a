"""Fully-connected layers as Caffe's InnerProduct, which reads one blob and knows no groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet.formats.caffe.draft import Blob, Draft
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.write_fillers import filler_of
from alexnet.formats.checkpoint import Array
from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import FullyConnected, Local, Shared
from alexnet.network.shapes import elements


def write_fully_connected(draft: Draft, layer: FullyConnected) -> None:
    """One InnerProduct over all that it reads, or where maps of several sizes cannot be stacked one
    for each, and their sum; groups are weights of 0 between them.
    """
    name, network = layer.name, draft.network
    weights = _own_weights(draft, layer)
    bias = [draft.arrays[f"{name}.bias"]] if layer.bias == "shared" else []
    if len({shape[1:] for shape in network.inputs_of(layer)}) == 1:
        weight = weights[0] if len(weights) == 1 else np.concatenate(weights, axis=1)
        _inner_product(draft, layer, name, stacked(draft, layer), [weight, *bias])
    else:
        made = [
            _inner_product(
                draft, layer, draft.inner(name, f"part{i}"), draft.blobs[read].name,
                [weight, *(bias if i == 0 else [])],
            )
            for i, (read, weight) in enumerate(zip(layer.reads, weights, strict=True))
        ]  # fmt: skip
        draft.add("Eltwise", name, made, "eltwise_param", {"operation": "SUM"})
        draft.notes.group("a layer of several maps is a sum of products", name)
    draft.blobs[name] = Blob(name, vector=True)


def _own_weights(draft: Draft, layer: FullyConnected) -> list[Array]:
    """The weights to each input, [outputs, inputs]."""
    weights: list[Array] = []
    for initial, own in zip(layer.initial, weight_names(layer, draft.network), strict=True):
        weight = draft.arrays[own]
        if layer.groups > 1:
            weight = _between(weight, layer.groups)
            draft.notes.group("groups of a vector are weights of 0 between them", layer.name)
        if isinstance(initial, Shared):
            draft.notes.group("weights that are shared are written for each layer", layer.name)
        weights.append(weight)
    return weights


def _inner_product(
    draft: Draft, layer: FullyConnected, name: str, bottom: str, arrays: Sequence[Array]
) -> str:
    network = draft.network
    fan = sum(elements(shape) // layer.groups for shape in network.inputs_of(layer))
    start = layer.initial[0]
    while isinstance(start, Shared):
        owner = network[start.layer]
        assert isinstance(owner, FullyConnected), "weights are shared among one kind"
        start = owner.initial[start.index]
    settings: dict[str, bool | int | Message] = {"num_output": layer.outputs}
    if len(arrays) == 1:
        settings["bias_term"] = False
    settings["weight_filler"] = filler_of(start, fan, arrays[0])
    if len(arrays) == 2:
        settings["bias_filler"] = filler_of(layer.initial_bias, fan)
    return draft.add("InnerProduct", name, [bottom], "inner_product_param", settings, arrays)


def stacked(draft: Draft, layer: FullyConnected | Local) -> str:
    """The one blob in which the units of all that a layer reads lie one input after another."""
    reads = layer.reads
    if len(reads) == 1:
        return draft.blobs[reads[0]].name
    sizes = {draft.network.shape(read)[1:] for read in reads}
    parts = draft.alike(reads)[0] if len(sizes) == 1 else [draft.units(read) for read in reads]
    draft.notes.group("maps that a layer reads are stacked before it", layer.name)
    return draft.add("Concat", draft.inner(layer.name, "reads"), parts)


def _between(weight: Array, groups: int) -> Array:
    """Grouped weights [outputs, inputs/groups] as [outputs, inputs]."""
    outputs, inputs = len(weight) // groups, weight.shape[1]
    found = np.zeros((len(weight), inputs * groups), weight.dtype)
    for group in range(groups):
        own = slice(group * outputs, (group + 1) * outputs)
        found[own, group * inputs : (group + 1) * inputs] = weight[own]
    return found
