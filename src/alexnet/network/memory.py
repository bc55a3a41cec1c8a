"""How much memory a training step needs: weights, gradients, velocities and activations, followed
through one forward and one backward pass as `torch_net` runs them. It allocates nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from alexnet.network.arithmetic import network_parameters, parameters, weight_names
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
    Loss,
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
    Weighted,
    WithinMapNorm,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.network.stages import Chain, training_chains

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
        weights, gradients, velocities: each as many numbers as there are parameters; weights that
            layers share count once.
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
    network: Network, batch_size: int, precision: Precision = "fp32", *, apart: bool = False
) -> TrainingMemory:
    """Follows a training step of `batch_size` pictures under momentum.

    Args:
        network: with or without a loss.
        batch_size: pictures in the step.
        precision: of activations.
        apart: every layer is run by itself, as without the kernels in C; otherwise the chains of
            `stages` are run as one, and of each only the input is kept.

    Raises:
        ValueError: a batch of no pictures.
    """
    if batch_size < 1:
        raise ValueError(f"a batch of {batch_size} pictures needs no memory; give 1 or more")
    count = sum(p.count for p in network_parameters(network))
    weights = count * WIDE + (count * 2 if precision == "mixed" else 0)
    at_rest = weights + count * WIDE
    found = [] if apart else training_chains(network)
    kept = _kept(network, found)
    size = 2 if precision == "mixed" else WIDE
    activations = sum(kept.values()) * batch_size * size
    peak, place = at_rest + count * WIDE, "update"
    for name, live, gradients in _backward(network, kept, found):
        total = at_rest + live * batch_size * size + gradients * WIDE
        if total > peak:
            peak, place = total, name
    return TrainingMemory(
        batch_size, precision, weights, count * WIDE, count * WIDE, activations, peak, place
    )


def largest_batch(
    network: Network, room: int, precision: Precision = "fp32", *, apart: bool = False
) -> int:
    """The most pictures of which a training step stays within `room` bytes; the other arguments as
    `training_memory` takes them.

    Raises:
        ValueError: one picture is too much.
    """

    def needed(count: int) -> int:
        return training_memory(network, count, precision, apart=apart).peak

    least = needed(1)
    if least > room:
        raise ValueError(
            f"a training step of network '{network.name}' with one picture needs"
            f" {least / 2**20:,.0f} MiB, and there are {room / 2**20:,.0f}"
        )
    fits, fails = 1, 2
    while needed(fails) <= room:
        fits, fails = fails, 2 * fails
    while fails - fits > 1:
        between = (fits + fails) // 2
        if needed(between) <= room:
            fits = between
        else:
            fails = between
    return fits


def _kept(network: Network, found: Sequence[Chain]) -> dict[str, int]:
    """Numbers per picture that the forward pass keeps, by the layer whose output they are.

    A layer's output is kept where a reader needs its input again, or the layer its own output;
    layers that no gradient reaches, such as a blurred picture, need neither. Of a chain that is run
    as one its input is kept.
    """
    outputs: dict[str, int] = {}
    copies: dict[str, int] = {}
    learning = _learning(network)
    first = {chain[0].name for chain in found}
    joined = {layer.name for chain in found for layer in chain}
    for layer in network:
        size = elements(network.shape(layer.name))
        if isinstance(layer, Input):
            outputs[layer.name] = size if layer.content == "picture" else 0
        if layer.name not in learning:
            continue
        if layer.name in first:
            outputs[layer.reads[0]] = elements(network.shape(layer.reads[0]))
        if layer.name in joined:
            continue
        if _needs_input(layer):
            outputs.update({read: elements(network.shape(read)) for read in _read(layer, network)})
        if _needs_output(layer):
            outputs[layer.name] = size
        if _overwrites(layer, network):
            outputs[layer.reads[0]] = 0
        copies[layer.name] = _copied(layer, network)
    return {layer.name: outputs.get(layer.name, 0) + copies.get(layer.name, 0) for layer in network}


def _learning(network: Network) -> set[str]:
    """The layers whose output hangs on weights, their own or those below."""
    found: set[str] = set()
    for layer in network:
        passes = not isinstance(layer, Resize | RandomScale | ColourTransform)
        if isinstance(layer, Weighted) or (passes and found.intersection(layer.reads)):
            found.add(layer.name)
    return found


def _read(layer: Layer, network: Network) -> list[str]:
    """What it reads as it is; fully-connected layers read maps only as a copy laid flat, sparse
    connections channels only as a copy picked out.
    """
    match layer:
        case FullyConnected() | TreeConnected():
            return [read for read in layer.reads if network.shape(read)[1:] == (1, 1)]
        case Conv() | Local():
            pairs = zip(layer.reads, layer.kernels, strict=True)
            return [read for read, kernel in pairs if not kernel.connections]
        case _:
            return list(layer.reads)


def _needs_input(layer: Layer) -> bool:
    """Whether its backward pass reads its input again."""
    match layer:
        case Conv() | Local() | FullyConnected() | TreeConnected():
            return True
        case MaxPool() | AveragePool() | RandomPool() | CrossMapPool() | ElementwiseMax():
            return True
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return True
        case Activation():
            return layer.function in ("abs", "square", "soft-relu", "soft-threshold", "log")
        case CrossEntropyLoss() | BinaryCrossEntropyLoss() | SubsetSoftmaxLoss():
            return True
        case SumOfSquaresLoss() | GatedSumOfSquaresLoss() | RobustLoss():
            return True
        case Input() | Softmax() | Concat() | ElementwiseSum() | Dropout() | LogisticLoss():
            return False
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            return False
        case _:
            assert_never(layer)


def _needs_output(layer: Layer) -> bool:
    """Whether its backward pass reads its output, or something as large that it keeps beside it."""
    match layer:
        case Softmax() | RandomPool() | CrossMapPool():  # of pools to find every such pixel
            return True
        case Dropout():  # the mask
            return layer.enabled
        case MaxPool():  # other rules keep places, see _copied
            return layer.rule == "cuda-convnet"
        case Activation():
            return layer.function not in ("linear", "identity")
        case (
            Input()
            | Conv()
            | Local()
            | FullyConnected()
            | TreeConnected()
            | AveragePool()
            | CrossMapNorm()
            | WithinMapNorm()
            | ContrastNorm()
            | Blur()
            | Nailbed()
            | Resize()
            | RandomScale()
            | Reflection()
            | ColourTransform()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
            | LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return False
        case _:
            assert_never(layer)


def _copied(layer: Layer, network: Network) -> int:
    """Numbers that it keeps beside outputs: a copy of the picture framed for overhanging windows or
    with the channels that connections pick, maps laid flat for a fully-connected layer, where each
    maximum stood (8 bytes each).
    """
    match layer:
        case MaxPool() if layer.rule == "cuda-convnet":
            return 0
        case MaxPool():
            return 2 * elements(network.shape(layer.name))
        case FullyConnected() | TreeConnected():
            return sum(elements(s) for s in network.inputs_of(layer) if s[1:] != (1, 1))
        case Conv() | Local():
            return sum(_framed(layer, index, network) for index in range(len(layer.kernels)))
        case _:
            return 0


def _framed(layer: Conv | Local, index: int, network: Network) -> int:
    """The copy of one input that the weights' gradient reads instead; 0 where there is none."""
    kernel, sides = layer.kernels[index], network.placed[layer.name].sides[index]
    channels, height, width = network.inputs_of(layer)[index]
    picked = len(kernel.connections) or channels
    if isinstance(layer, Conv) and any(side.after > side.before for side in sides):
        rows, columns = sides
        height, width = height + rows.before + rows.after, width + columns.before + columns.after
    elif not kernel.connections:
        return 0
    return picked * height * width


def _overwrites(layer: Layer, network: Network) -> bool:
    """Whether a ReLU stands in the place of the convolution below it, read by nobody else."""
    if not isinstance(layer, Activation) or layer.function != "relu":
        return False
    below = network[layer.reads[0]]
    readers = [other for other in network if below.name in other.reads]
    return isinstance(below, Conv) and len(readers) == 1


def _backward(
    network: Network, kept: dict[str, int], found: Sequence[Chain]
) -> Iterator[tuple[str, int, int]]:
    """Layer by layer from the last: its name, the numbers per picture that live while it hands its
    gradient on, and the parameters' gradients that there are by then.
    """
    live, learning = dict(kept), _learning(network)
    arriving: Counter[str] = Counter()
    gradients: dict[str, int] = {}
    counts = {p.name: p.count for p in network_parameters(network)}
    read_by = {layer.name: layer.reads for layer in network}
    read_by |= {chain[-1].name: chain[0].reads for chain in found}
    passed = {layer.name for chain in found for layer in chain[:-1]}
    for layer in reversed(network.layers):
        if layer.name in passed:
            continue
        if layer.name in learning:
            for read in learning.intersection(read_by[layer.name]):
                arriving[read] = elements(network.shape(read))
            gradients |= {name: counts[name] for name in _arrays(layer, network)}
            yield layer.name, sum(live.values()) + sum(arriving.values()), sum(gradients.values())
        if not isinstance(layer, Loss):
            arriving.pop(layer.name, None)
        live.pop(layer.name, None)


def _arrays(layer: Layer, network: Network) -> set[str]:
    """The names of the arrays that its backward pass has gradients for: shared ones arise at the
    last layer that reads them.
    """
    own = {p.name for p in parameters(layer, network)}
    return own | set(weight_names(layer, network)) if isinstance(layer, Weighted) else own
