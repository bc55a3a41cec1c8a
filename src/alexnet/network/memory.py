"""How much memory a training step needs: weights, gradients, velocities and activations, followed
through one forward and one backward pass as `torch_net` runs them. It allocates nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from alexnet.network.arithmetic import network_parameters, parameters
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Input,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    WithinMapNorm,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

Precision = Literal["fp32", "mixed"]
"""`mixed`: activations and their gradients in 2 bytes; weights, their gradients and velocities in
4, with a copy of the weights in 2."""

WIDE = 4
"""Bytes of a single-precision number."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes of one training step with momentum.

    Attributes:
        batch_size: pictures in the step.
        weights, gradients, velocities: each as many numbers as there are parameters.
        activations: what the forward pass keeps for the backward pass, at its fullest.
        peak: the most that lives at once; gradients come as activations go, so it is less than
            the sum of all.
        peak_at: the layer whose backward pass needs the most, or "update".
    """

    batch_size: int
    precision: Precision
    weights: int
    gradients: int
    velocities: int
    activations: int
    peak: int
    peak_at: str


def training_memory(
    network: Network, batch_size: int, precision: Precision = "fp32"
) -> TrainingMemory:
    """Follows a training step of `batch_size` pictures under momentum.

    Args:
        network: with or without a loss.
        batch_size: pictures in the step.
        precision: of activations.

    Raises:
        ValueError: a batch of no pictures.
    """
    if batch_size < 1:
        raise ValueError(f"a batch of {batch_size} pictures needs no memory; give 1 or more")
    count = sum(p.count for p in network_parameters(network))
    weights = count * WIDE + (count * 2 if precision == "mixed" else 0)
    at_rest = weights + count * WIDE
    kept = _kept(network)
    size = 2 if precision == "mixed" else WIDE
    activations = sum(kept.values()) * batch_size * size
    peak, place = at_rest + count * WIDE, "update"
    for name, live, gradients in _backward(network, kept):
        total = at_rest + live * batch_size * size + gradients * WIDE
        if total > peak:
            peak, place = total, name
    return TrainingMemory(
        batch_size, precision, weights, count * WIDE, count * WIDE, activations, peak, place
    )


def _kept(network: Network) -> dict[str, int]:
    """Numbers per picture that the forward pass keeps, by the layer whose output they are.

    A layer's output is kept where a reader needs its input again, or the layer its own output.
    """
    outputs: dict[str, int] = {}
    copies: dict[str, int] = {}
    for layer in network:
        size = elements(network.shape(layer.name))
        if isinstance(layer, Input):
            outputs[layer.name] = size if layer.content == "picture" else 0
            continue
        if _needs_input(layer):
            outputs.update({read: elements(network.shape(read)) for read in _read(layer, network)})
        if _needs_output(layer):
            outputs[layer.name] = size
        if _overwrites(layer, network):
            outputs[layer.reads[0]] = 0
        copies[layer.name] = _copied(layer, network)
    return {layer.name: outputs.get(layer.name, 0) + copies.get(layer.name, 0) for layer in network}


def _read(layer: Layer, network: Network) -> list[str]:
    """What it reads as it is; a fully-connected layer reads maps only as a copy laid flat."""
    if not isinstance(layer, FullyConnected):
        return list(layer.reads)
    return [read for read in layer.reads if network.shape(read)[1:] == (1, 1)]


def _needs_input(layer: Layer) -> bool:
    """Whether its backward pass reads its input again."""
    match layer:
        case Conv() | Local() | FullyConnected() | MaxPool() | AveragePool() | ElementwiseMax():
            return True
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm() | SumOfSquaresLoss():
            return True
        case Activation():
            return layer.function in ("abs", "square", "soft-relu", "soft-threshold", "log")
        case CrossEntropyLoss() | BinaryCrossEntropyLoss():
            return True
        case Input() | Softmax() | Concat() | ElementwiseSum() | Dropout() | LogisticLoss():
            return False
        case _:
            assert_never(layer)


def _needs_output(layer: Layer) -> bool:
    """Whether its backward pass reads its output, or something as large that it keeps beside it."""
    match layer:
        case Softmax() | Dropout():  # of dropout the mask
            return True
        case MaxPool():  # to find every maximum; other rules keep places, see _copied
            return layer.rule == "cuda-convnet"
        case Activation():
            return layer.function not in ("linear", "identity")
        case (
            Input()
            | Conv()
            | Local()
            | FullyConnected()
            | AveragePool()
            | CrossMapNorm()
            | WithinMapNorm()
            | ContrastNorm()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
            | LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
        ):
            return False
        case _:
            assert_never(layer)


def _copied(layer: Layer, network: Network) -> int:
    """Numbers that it keeps beside outputs: a copy of the picture framed for overhanging windows,
    maps laid flat for a fully-connected layer, where each maximum stood (8 bytes each).
    """
    if isinstance(layer, MaxPool):
        places = elements(network.shape(layer.name))
        return 0 if layer.rule == "cuda-convnet" else 2 * places
    if isinstance(layer, FullyConnected):
        return sum(elements(s) for s in network.inputs_of(layer) if s[1:] != (1, 1))
    if not isinstance(layer, Conv):
        return 0
    framed = 0
    for shape, sides in zip(
        network.inputs_of(layer), network.placed[layer.name].sides, strict=True
    ):
        if any(side.after > side.before for side in sides):
            heights, widths = (
                pixels + side.before + side.after
                for pixels, side in zip(shape[1:], sides, strict=True)
            )
            framed += shape[0] * heights * widths
    return framed


def _overwrites(layer: Layer, network: Network) -> bool:
    """Whether a ReLU stands in the place of the convolution below it, read by nobody else."""
    if not isinstance(layer, Activation) or layer.function != "relu":
        return False
    below = network[layer.reads[0]]
    readers = [other for other in network if below.name in other.reads]
    return isinstance(below, Conv) and len(readers) == 1


def _backward(network: Network, kept: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    """Layer by layer from the last: its name, the numbers per picture that live while it hands its
    gradient on, and the parameters' gradients that there are by then.
    """
    live = dict(kept)
    arriving: Counter[str] = Counter()
    gradients = 0
    for layer in reversed(network.layers):
        if isinstance(layer, Input):
            continue
        inputs = [read for read in layer.reads if not isinstance(network[read], Input)]
        for read in inputs:
            arriving[read] = elements(network.shape(read))
        gradients += sum(p.count for p in parameters(layer, network))
        yield layer.name, sum(live.values()) + sum(arriving.values()), gradients
        if not isinstance(layer, Loss):
            del arriving[layer.name]
        live.pop(layer.name, None)
