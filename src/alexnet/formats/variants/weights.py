"""The weights of layers whose inputs were multiplied or came in another order, made anew so that
every sum stays; a layer's inputs are numbered as it reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

import numpy as np

from alexnet.formats.checkpoint import Array, Arrays, FormatError
from alexnet.formats.variants.carrying import Vector, refuse
from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Kernel,
    Layer,
    Local,
    TreeConnected,
    Weighted,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

SLAB = 1 << 20
"""Numbers that are computed in float64 at a time, so that no whole array ever is."""


def uses(network: Network) -> Iterator[tuple[Weighted, int, str]]:
    """Every (layer, number of its input, array that meets it); a tree's inner nodes too."""
    for layer in network:
        if isinstance(layer, Weighted):
            for index, name in enumerate(weight_names(layer, network)):
                yield layer, index, name
            if isinstance(layer, TreeConnected):
                yield layer, 0, f"{layer.name}.inner"


# --- factors --------------------------------------------------------------------------------------


def divided(network: Network, arrays: Arrays, factors: Mapping[str, Vector]) -> dict[str, Array]:
    """The arrays, with every weight divided by the factor of the channel that it meets.

    Args:
        network: whose arrays they are.
        arrays: all of them; those that meet no factor stay the same objects.
        factors: of every layer's output, as `carry` gives them.

    Raises:
        FormatError: shared weights meet different factors, or a number leaves its type's range.
    """
    found: dict[str, Vector] = {}
    for layer, index, name in uses(network):
        divisor = _divisor(layer, index, factors[layer.reads[index]], network)
        if name in found and not np.array_equal(found[name], divisor):
            refuse(network, layer, f"it shares '{name}' with an input of another factor")
        found[name] = divisor
    made = dict(arrays)
    for name, divisor in found.items():
        if not np.all(divisor == 1):
            made[name] = rounded(name, arrays[name], lambda slab, by: slab / by, divisor)
    return made


def _divisor(layer: Weighted, index: int, factors: Vector, network: Network) -> Vector:
    """What a weight array is divided by: a number, or an array that broadcasts against it."""
    if np.all(factors == factors[0]):
        return np.asarray(factors[0])
    shape = network.shape(layer.reads[index])
    match layer:
        case Conv() | Local():
            kernel = layer.kernels[index]
            seen = factors[list(kernel.connections) or slice(None)].reshape(kernel.groups, -1)
            return np.repeat(seen, layer.filters // kernel.groups, axis=0)[..., None, None]
        case FullyConnected():
            units = np.repeat(factors, shape[1] * shape[2]).reshape(layer.groups, -1)
            return units if layer.groups == 1 else np.repeat(units, layer.outputs // len(units), 0)
        case TreeConnected():
            return np.repeat(factors, shape[1] * shape[2])[None]
        case _:
            assert_never(layer)


def rounded(
    name: str, array: Array, change: Callable[[Vector, Vector], Vector], other: Vector
) -> Array:
    """`change(array, other)` computed in float64 and rounded once to the array's type.

    Args:
        name: of the array, for an error.
        array, other: any two that broadcast to the array's shape.
        change: an element-wise function.

    Raises:
        FormatError: a number leaves the range of the array's type.
    """
    made = np.empty(array.shape, array.dtype)
    step = max(1, SLAB // max(1, array[:1].size))
    is_cut = other.ndim == array.ndim and other.shape[0] > 1
    for start in range(0, len(array), step):
        rows = slice(start, start + step)
        slab = array[rows].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            made[rows] = change(slab, other[rows] if is_cut else other)
        if not np.array_equal(np.isfinite(made[rows]), np.isfinite(slab)):
            raise FormatError(
                f"'{name}': its numbers would become too large for {array.dtype}; write them in"
                " a wider type first"
            )
    return made


# --- orders ---------------------------------------------------------------------------------------


def reordered(
    network: Network, arrays: Arrays, orders: Mapping[str, Vector]
) -> tuple[Network, dict[str, Array]]:
    """The network and arrays whose weights meet channels in another order.

    Sparse connections are named anew and their weights stay.

    Args:
        network, arrays: as they are.
        orders: which channel of before stands at each place of every layer's output.

    Raises:
        FormatError: groups would be mixed, or shared weights meet different orders.
    """
    found: dict[str, Vector | None] = {}
    for layer, index, name in uses(network):
        order = _needed(layer, index, orders[layer.reads[index]], network)
        if name in found and not _alike(found[name], order):
            refuse(network, layer, f"it shares '{name}' with an input whose order stays")
        found[name] = order
    axes = {name: _axis(layer) for layer, _, name in uses(network)}
    made = {
        name: np.take(array, order, axes[name]) if (order := found.get(name)) is not None else array
        for name, array in arrays.items()
    }
    layers = tuple(_reconnected(layer, orders) for layer in network)
    return replace(network, layers=layers), made


def _axis(layer: Weighted) -> int:
    """Which axis of its weights runs over the inputs."""
    return 3 if isinstance(layer, Local) else 1


def _alike(one: Vector | None, other: Vector | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _needed(layer: Weighted, index: int, order: Vector, network: Network) -> Vector | None:
    """What is taken of the weights along their inputs; None where they stay as they are."""
    shape = network.shape(layer.reads[index])
    if np.array_equal(order, np.arange(len(order))):
        return None
    match layer:
        case Conv() | Local():
            kernel = layer.kernels[index]
            if kernel.connections:
                return None
            groups, inside = kernel.groups, 1
        case FullyConnected():
            groups, inside = layer.groups, shape[1] * shape[2]
        case TreeConnected():
            groups, inside = 1, shape[1] * shape[2]
        case _:
            assert_never(layer)
    if groups > 1:
        refuse(network, layer, f"its {groups} groups would see each other's channels")
    units = np.arange(elements(shape) if inside > 1 else len(order)).reshape(len(order), inside)
    return units[order].ravel()


def _reconnected(layer: Layer, orders: Mapping[str, Vector]) -> Layer:
    if not isinstance(layer, Conv | Local):
        return layer
    kernels = [
        _renamed(kernel, orders[read])
        for kernel, read in zip(layer.kernels, layer.reads, strict=True)
    ]
    return replace(layer, kernels=tuple(kernels))


def _renamed(kernel: Kernel, order: Vector) -> Kernel:
    places = [int(place) for place in np.argsort(order)]  # where each channel of before stands now
    return replace(kernel, connections=tuple(places[channel] for channel in kernel.connections))
