"""In what order a NetworkModule runs its layers, what each is handed, and how often it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from alexnet.network.layers import (
    Activation,
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    Dropout,
    Layer,
    LogisticLoss,
    RandomPool,
    RandomScale,
    Softmax,
)
from alexnet.network.spec import Network, nearest


def is_fused(loss: Layer, network: Network) -> bool:
    """Whether a loss stands right above its softmax or logistic units, and reads what they read."""
    match loss:
        case LogisticLoss() | CrossEntropyLoss():
            return isinstance(network[loss.reads[1]], Softmax)
        case BinaryCrossEntropyLoss():
            below = network[loss.reads[1]]
            return isinstance(below, Activation) and below.function == "logistic"
        case _:
            return False


def is_random(layer: Layer) -> bool:
    """Whether a layer draws something while training."""
    match layer:
        case Dropout():
            return layer.enabled
        case Activation():
            return layer.function == "noisy-relu"
        case RandomPool() | RandomScale():
            return True
        case _:
            return False


def handed(layer: Layer, network: Network) -> tuple[str, ...]:
    """The names of the activations that the module of `layer` is called with."""
    if not is_fused(layer, network):
        return layer.reads
    return layer.reads[0], network[layer.reads[1]].reads[0]


def steps(network: Network, wanted: Iterable[str]) -> list[Layer]:
    """The layers that must run, in order, for the activations of `wanted`.

    Raises:
        ValueError: the network has no layer of that name; the nearest is named.
    """
    needed: set[str] = set()
    for name in wanted:
        if name not in network.placed:
            raise ValueError(
                f"network '{network.name}' has no layer '{name}'"
                f"{nearest(name, list(network.placed))}"
            )
        needed.add(name)
    for layer in reversed(network.layers):
        if layer.name in needed:
            needed.update(handed(layer, network))
    return [layer for layer in network if layer.name in needed]


def readings(layers: Iterable[Layer], network: Network) -> Counter[str]:
    """How many times each activation is read when `layers` run."""
    return Counter(read for layer in layers for read in handed(layer, network))
