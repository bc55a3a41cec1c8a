"""A network as one plain chain of layers that stock modules and ONNX operators can express: towers
folded into groups, the scale of 2012's dropout moved into the weights. Pure Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from alexnet.bench.jobs import BenchError
from alexnet.network.layers import (
    Activation,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Input,
    Layer,
    Loss,
    MaxPool,
    Softmax,
)
from alexnet.network.shapes import Shape
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import Assembly, fold

Link = Conv | Activation | CrossMapNorm | MaxPool | Dropout | FullyConnected
"""The kinds of layers that a chain is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A network's layers from the picture to the scores, each reading the one before.

    Attributes:
        network: the folded network that they are of.
        links: the layers; softmax and losses are left off.
        assemblies: how each of the folded network's arrays is made of the network's own.
        factors: what the weights of a layer are multiplied by: the `keep` of dropout that 2012
            multiplied by at test time. nn.Dropout divides by it while training instead; with
            weights so scaled the outputs are the same at both times.
    """

    network: Network
    links: tuple[Link, ...]
    assemblies: dict[str, Assembly]
    factors: dict[str, float]


def chain(network: Network) -> Chain:
    """The network as a chain.

    Raises:
        BenchError: it is none, or has a layer that no stock module expresses; the layer is named.
    """
    try:
        folded, assemblies = fold(network)
    except NetworkError as error:
        raise BenchError(str(error)) from None
    links = tuple(_links(folded))
    return Chain(network=folded, links=links, assemblies=assemblies, factors=_factors(links))


def first_norm(network: Network) -> tuple[CrossMapNorm, Shape]:
    """The first response norm, twins of towers as one where they fold, and what it reads.

    Raises:
        BenchError: there is none.
    """
    with suppress(NetworkError):  # where they do not fold each tower has its own
        network, _ = fold(network)
    for layer in network:
        if isinstance(layer, CrossMapNorm):
            return layer, network.inputs_of(layer)[0]
    raise BenchError(f"network '{network.name}' has no response norm")


def rounds_up(layer: MaxPool, network: Network) -> bool:
    """Whether torch's pooling needs `ceil_mode` for as many windows.

    Raises:
        BenchError: neither rounding gives them.
    """
    side, wanted = network.inputs_of(layer)[0][1], network.shape(layer.name)[1]
    window = layer.window
    span = side + 2 * window.padding - window.size
    if span // window.stride + 1 == wanted:
        return False
    up = ceil(span / window.stride) + 1
    if (up - 1) * window.stride >= side + window.padding:  # torch starts no window beyond the map
        up -= 1
    if up != wanted:
        raise BenchError(f"layer '{layer.name}': stock pooling does not give {wanted} windows")
    return True


def _links(folded: Network) -> Iterator[Link]:
    last = folded.picture.name
    for layer in folded:
        if isinstance(layer, Input | Softmax | Loss):
            continue
        why = refusal(layer)
        if not why and layer.reads != (last,):
            why = f"it reads {', '.join(layer.reads)}, and not the layer before"
        if why or not isinstance(layer, Link):
            why = why or f"no stock module is a {layer.kind} layer"
            raise BenchError(f"network '{folded.name}', layer '{layer.name}': {why}")
        if isinstance(layer, MaxPool):
            rounds_up(layer, folded)
        last = layer.name
        yield layer


def refusal(layer: Layer) -> str:
    """Why a layer of an expressible kind is not expressible; '' where it is."""
    match layer:
        case Conv() if layer.kernels[0].connections or layer.bias == "unshared":
            return "stock convolutions have no sparse connections and no unshared biases"
        case Activation() if layer.function != "relu":
            return f"of activations only relu is compared, and this is {layer.function}"
        case CrossMapNorm() if layer.blocked or layer.size % 2 == 0:
            return "nn.LocalResponseNorm has no blocks, and centres an even window elsewhere"
        case MaxPool() if layer.by_magnitude:
            return "stock pooling knows no magnitudes"
        case Dropout() if not layer.enabled:
            return "stock dropout is never switched off while training"
        case FullyConnected() if layer.groups != 1:
            return "nn.Linear has no groups"
        case _:
            return ""


def _factors(links: tuple[Link, ...]) -> dict[str, float]:
    """By layer, the scales of the dropout that stands between its weights and those before."""
    found: dict[str, float] = {}
    waiting = 1.0
    for layer in links:
        if isinstance(layer, Dropout) and layer.scaling == "test":
            waiting *= layer.keep
        elif isinstance(layer, Conv | FullyConnected):
            found[layer.name], waiting = waiting, 1.0
        elif isinstance(layer, CrossMapNorm) and waiting != 1.0:
            raise BenchError(f"layer '{layer.name}': dropout's scale cannot pass through a norm")
    return found
