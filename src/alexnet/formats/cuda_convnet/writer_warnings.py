"""Where the original programs would refuse a file that ours reads: the limits of the kernels of
2012 and of their parser, which our networks may exceed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Nailbed,
    Norm,
    Pool,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Shared,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import initials, seen_channels
from alexnet.network.spec import Network

QUAD = "channels that are more than 3 and no multiple of 4"


def layer_warnings(network: Network) -> Iterator[str]:
    """One sentence for each limit that a layer exceeds (2012's layer.py and, for strides, the
    kernels of cuda-convnet2; semantics file, sections 2 to 4).
    """
    read = {name for layer in network for name in layer.reads}
    learned = _over_weights(network)
    for layer in network:
        found = list(_excesses(layer, network, learned))
        if layer.name not in read and not isinstance(layer, Loss):
            found.append("an output that no layer reads")
        yield from (f"[{layer.name}]: the original refuses {why}" for why in found)


def _over_weights(network: Network) -> frozenset[str]:
    """The layers that stand over weights, or have some: where a gradient arrives."""
    found = set[str]()
    for layer in network:
        weights = isinstance(layer, Conv | Local | FullyConnected | TreeConnected)
        if weights or not found.isdisjoint(layer.reads):
            found.add(layer.name)
    return frozenset(found)


def _excesses(layer: Layer, network: Network, learned: frozenset[str]) -> Iterable[str]:
    over = any(read in learned for read in layer.reads)
    match layer:
        case Conv() | Local():
            return [*_windowed(layer, network), *_sharing(layer, network)]
        case FullyConnected() | TreeConnected():
            return _sharing(layer, network)
        case MaxPool() | AveragePool() | RandomPool():
            return _pool(layer, network, over)
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return _norm(layer, network)
        case Resize() | RandomScale() | ColourTransform():
            return ["this kind over layers with weights"] * over
        case ElementwiseMax():
            return ["the largest of fewer than two inputs"] * (len(layer.reads) < 2)
        case (
            Input()
            | Blur()
            | Nailbed()
            | Reflection()
            | CrossMapPool()
            | Activation()
            | Dropout()
            | Softmax()
            | Concat()
            | ElementwiseSum()
            | LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return []
        case _:
            assert_never(layer)


def _windowed(layer: Conv | Local, network: Network) -> Iterator[str]:
    for read, kernel, shape in zip(
        layer.reads, layer.kernels, network.inputs_of(layer), strict=True
    ):
        if shape[0] > 3 and shape[0] % 4:
            yield f"{QUAD} ('{read}' has {shape[0]})"
        if layer.filters % (16 * kernel.groups):
            yield f"{layer.filters} filters, no multiple of {16 * kernel.groups} (16 · groups)"
        if kernel.stride > kernel.size:
            yield f"a stride of {kernel.stride} over windows of {kernel.size}"
        if kernel.connections:
            yield from _sparse(kernel, shape[0], seen_channels(kernel, shape))
        elif kernel.groups > 1 and shape[0] % (4 * kernel.groups):
            yield f"{shape[0]} channels, no multiple of {4 * kernel.groups} (4 · groups)"


def _sparse(kernel: Kernel, channels: int, seen: int) -> Iterator[str]:
    if kernel.groups == 1:
        yield "sparse connections in one group"
    if seen % 4 or channels % seen or (kernel.groups * seen) % channels:
        yield (
            f"{kernel.groups} groups that see {seen} of {channels} channels (a multiple of 4 that "
            "divides the channels; all groups together see each channel as often)"
        )


def _sharing(layer: Weighted, network: Network) -> Iterator[str]:
    owners = {i.layer for i in initials(layer) if isinstance(i, Shared)}
    if any((network[owner].tower or 0) != (layer.tower or 0) for owner in owners):
        yield "weights shared across GPUs"


def _pool(layer: Pool, network: Network, over: bool) -> Iterator[str]:
    channels, side, _ = network.shape(layer.reads[0])
    if layer.window.size > side:
        yield f"windows of {layer.window.size} over {side} pixels"
    if layer.window.stride > layer.window.size:
        yield f"a stride of {layer.window.stride} over windows of {layer.window.size}"
    if over and channels % 16:
        yield f"{channels} channels, no multiple of 16, over layers with weights"


def _norm(layer: Norm, network: Network) -> Iterator[str]:
    channels, side, _ = network.shape(layer.reads[0])
    if isinstance(layer, CrossMapNorm):
        if channels % 16:
            yield f"{channels} channels, no multiple of 16"
        if not 2 <= layer.size <= channels:
            yield f"a norm over {layer.size} of {channels} channels"
    else:
        if channels > 3 and channels % 4:
            yield f"{QUAD} ({channels})"
        if layer.size > side:
            yield f"windows of {layer.size} over {side} pixels"
