"""What a pickled model says of its network that definition files leave open: the picture's side,
the class tree, sparse connections; and whether every layer came out as large as it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.model_layers import ModelLayer
from alexnet.formats.cuda_convnet.model_meta import picture_shape
from alexnet.formats.safe_pickle import is_list, is_tuple, told
from alexnet.network.layers import Conv, Kernel, Layer, Local
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, NetworkError

MOST_NODES = 100_000


def picture_side(layers: Sequence[ModelLayer]) -> int | None:
    """The side of the picture, from the units of the data layer that holds it.

    Raises:
        FormatError: its units are no square picture of the channels that its readers name.
    """
    data = [layer for layer in layers if layer.kind == "data"]
    numbered = [layer for layer in data if isinstance(layer.fields.get("dataIdx"), int)]
    pictures = [layer for layer in numbered if layer.fields["dataIdx"] == 0] or data[:1]
    if not pictures:
        return None
    picture = pictures[0]
    units = picture.whole("outputs")
    named = [
        channels
        for layer in layers
        for read, channels in zip(layer.reads, _channels(layer), strict=False)
        if read == picture.name and channels > 0
    ]
    if not named:
        shape = picture_shape(units)
        return None if shape is None else shape[1]
    side = math.isqrt(max(units, 0) // named[0])
    if named[0] * side * side != units or not units:
        raise picture.wrong("outputs", f"that of a square picture of {named[0]} channels")
    return side


def _channels(layer: ModelLayer) -> list[int]:
    """The channels that a layer names for each input."""
    value = layer.fields.get("channels")
    values = value if is_list(value) or is_tuple(value) else [value] * len(layer.reads)
    return [number if isinstance(number, int) else 0 for number in values]


def class_tree(layers: Sequence[ModelLayer]) -> ClassTree | None:
    """The tree of a `treefc`: the original keeps a list of the children of every node.

    Raises:
        FormatError: it keeps something else.
    """
    trees = [layer for layer in layers if layer.kind == "treefc" and layer.has("tree")]
    if not trees:
        return None
    nodes = trees[0].fields["tree"]
    if not is_list(nodes) or len(nodes) > MOST_NODES:
        raise trees[0].wrong("tree", "a list of the children of every node")
    parents = list(range(len(nodes)))
    for node, children in enumerate(nodes):
        for child in children if is_list(children) else [None]:
            if not isinstance(child, int) or not 0 <= child < len(nodes):
                raise trees[0].error(
                    f"node {node} of its tree has the child {told(child)}; there are"
                    f" {len(nodes):,} nodes"
                )
            parents[child] = node
    return ClassTree(tuple(parents), trees[0].whole("outputs"))


def connected(network: Network, layers: Sequence[ModelLayer]) -> Network:
    """The network with the sparse connections that the model was trained with.

    Raises:
        FormatError: a layer keeps other connections than its settings say.
    """
    sources = {layer.name: layer for layer in layers}
    if not any(kernel.connections for layer in network for kernel in _kernels(layer)):
        return network
    found: list[Layer] = []
    for layer in network:
        if isinstance(layer, Conv | Local) and any(k.connections for k in layer.kernels):
            kernels = _connected(layer.kernels, sources[layer.name])
            layer = replace(layer, kernels=kernels)
        found.append(layer)
    try:
        return Network(network.name, tuple(found), network.source)
    except NetworkError as error:
        raise layers[0].error(str(error)) from None


def _kernels(layer: Layer) -> tuple[Kernel, ...]:
    return layer.kernels if isinstance(layer, Conv | Local) else ()


def _connected(kernels: tuple[Kernel, ...], source: ModelLayer) -> tuple[Kernel, ...]:
    found: list[Kernel] = []
    for kernel, channels in zip(kernels, source.items("filterConns"), strict=True):
        if kernel.connections:
            known = channels if is_list(channels) or is_tuple(channels) else []
            numbers = tuple(n for n in known if isinstance(n, int) and n.bit_length() < 32)
            if len(numbers) != len(kernel.connections):
                wanted = f"{len(kernel.connections)} channels for each sparse input"
                raise source.wrong("filterConns", wanted)
            kernel = replace(kernel, connections=numbers)
        found.append(kernel)
    return tuple(found)


def same_sizes(network: Network, layers: Sequence[ModelLayer]) -> None:
    """Checks that every layer gives as many units as the model says.

    Raises:
        FormatError: one does not: its settings contradict one another.
    """
    for layer in layers:
        if layer.name in network and layer.has("outputs") and not layer.kind.startswith("cost."):
            units = elements(network.shape(layer.name))
            if layer.whole("outputs") != units:
                raise layer.wrong("outputs", f"{units:,}, which its settings come to")
