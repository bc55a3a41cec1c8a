"""How far a factor or an order of channels is carried from layer to layer before weights meet it:
one vector per layer, an entry per channel. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, assert_never

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError
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
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.spec import Network

Vector = NDArray[Any]
"""One entry per channel."""

Way = Literal["source", "weights", "scaled", "apart", "stacked", "joined", "mixed"]
"""What a layer does with its channels: "scaled" treats each alone and gives c times as much for c
times as much; "apart" only treats each alone; "stacked" lays its inputs' side by side; "joined"
meets those of like number; "mixed" is the rest.
"""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What is carried.

    Attributes:
        what: its name in an error: "a factor".
        neutral: the vector of so many channels that stands for no change.
        stacked: the vectors of several inputs as those of one layer.
        through: the ways of layers with one input that hand it on as it is.
    """

    what: str
    neutral: Callable[[int], Vector]
    stacked: Callable[[Sequence[Vector]], Vector]
    through: tuple[Way, ...]


def _offset(orders: Sequence[Vector]) -> Vector:
    starts = np.cumsum([0, *(len(order) for order in orders)])
    return np.concatenate([order + start for order, start in zip(orders, starts, strict=False)])


FACTOR = Carried(what="a factor", neutral=np.ones, stacked=np.concatenate, through=("scaled",))
"""How many times as much every channel is as it was, above 0."""

ORDER = Carried(
    what="another order of channels",
    neutral=np.arange,
    stacked=_offset,
    through=("scaled", "apart"),
)
"""Which channel of before stands at each place."""


def carry(
    carried: Carried,
    network: Network,
    starts: Mapping[str, Vector],
    changes: Mapping[str, float] | None = None,
) -> dict[str, Vector]:
    """The vector of every layer's output.

    Args:
        carried: factors or orders.
        network: what they go through; layers with weights take them up.
        starts: those of inputs, by name.
        changes: by layer name, what its vector is multiplied by.

    Raises:
        FormatError: one would reach a layer through which it does not pass, or an output.
    """
    found: dict[str, Vector] = {}
    for layer in network:
        reads = [found[read] for read in layer.reads]
        vector = starts.get(layer.name)
        if vector is None:
            vector = _passed(carried, layer, reads, network)
        found[layer.name] = vector * (changes or {}).get(layer.name, 1)
    read = {read for layer in network for read in layer.reads}
    for layer in network:
        is_end = layer.name not in read or layer == network.outputs
        if is_end and not isinstance(layer, Input) and not _is_neutral(carried, found[layer.name]):
            refuse(network, layer, f"{carried.what} would reach it, and it is an output")
    return found


def refuse(network: Network, layer: Layer, why: str) -> NoReturn:
    """Raises the FormatError that names a layer and says why a conversion ends there."""
    raise FormatError(f"network '{network.name}', layer '{layer.name}': {why}")


def _is_neutral(carried: Carried, vector: Vector) -> bool:
    return np.array_equal(vector, carried.neutral(len(vector)))


def _passed(carried: Carried, layer: Layer, reads: Sequence[Vector], network: Network) -> Vector:
    way = way_of(layer)
    if way in carried.through:
        return reads[0]
    if way == "stacked":
        return carried.stacked(reads)
    if way == "joined":
        if any(not np.array_equal(read, reads[0]) for read in reads[1:]):
            refuse(network, layer, f"{carried.what} would reach it over some of its inputs alone")
        return reads[0]
    if way != "weights" and not all(_is_neutral(carried, read) for read in reads):
        called = f" ({layer.function})" if isinstance(layer, Activation) else ""
        refuse(
            network,
            layer,
            f"{carried.what} would reach it, and does not pass a layer of kind"
            f" {layer.kind}{called} unchanged",
        )
    return carried.neutral(network.shape(layer.name)[0])


def way_of(layer: Layer) -> Way:
    """What a layer does with its channels."""
    match layer:
        case Input():
            return "source"
        case Conv() | Local() | FullyConnected() | TreeConnected():
            return "weights"
        case MaxPool() | AveragePool() | RandomPool() | Dropout():
            return "scaled"
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection():
            return "scaled"
        case Activation():
            return "scaled" if _is_homogeneous(layer) else "apart"
        case WithinMapNorm() | ContrastNorm():
            return "apart"
        case Concat():
            return "stacked"
        case ElementwiseSum() | ElementwiseMax():
            return "joined"
        case CrossMapNorm() | CrossMapPool() | ColourTransform() | Softmax():
            return "mixed"
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return "mixed"
        case _:
            assert_never(layer)


def _is_homogeneous(layer: Activation) -> bool:
    """Whether c times the input gives c times the output, for every c above 0; while training too,
    so that noise of a fixed size is none.
    """
    if layer.function == "linear":
        return layer.parameters[1] == 0
    return layer.function in ("relu", "abs", "identity")
