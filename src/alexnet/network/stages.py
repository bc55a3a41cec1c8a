"""Which layers are run as one: relu, response norm across maps and max pooling that follow one
another and whose middle nobody else reads. How they are run is for `torch_net`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from alexnet.network.layers import Activation, CrossMapNorm, Layer, MaxPool
from alexnet.network.spec import Network

Chain = tuple[Layer, ...]
"""One to three layers, each reading the one before it, the last of them max pooling."""


def chains(
    layers: Iterable[Layer],
    network: Network,
    readers: Mapping[str, int],
    apart: Callable[[Layer], bool],
) -> list[Chain]:
    """The chains among `layers`.

    Args:
        layers: those of the network that run.
        network: theirs.
        readers: how many read each activation.
        apart: what must be run by itself.
    """
    found: list[Chain] = []
    for pool in layers:
        if not isinstance(pool, MaxPool) or pool.by_magnitude or apart(pool):
            continue
        chain: Chain = (pool,)
        for fits in (_is_norm, _is_relu):
            below = network[chain[0].reads[0]]
            if fits(below) and readers[below.name] == 1 and not apart(below):
                chain = (below, *chain)
        found.append(chain)
    return found


def training_chains(network: Network) -> list[Chain]:
    """The chains of a training step, in which nobody but layers reads what layers say."""
    readers = Counter(read for layer in network for read in layer.reads)
    return chains(network, network, readers, lambda _: False)


def _is_norm(layer: Layer) -> bool:
    return isinstance(layer, CrossMapNorm) and not layer.blocked


def _is_relu(layer: Layer) -> bool:
    return isinstance(layer, Activation) and layer.function == "relu"
