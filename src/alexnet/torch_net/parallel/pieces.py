"""Some layers of a Network as a Network of their own, whose inputs are what they read of the
others, and as a NetworkModule. It decides nothing about which layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from torch import Tensor, nn

from alexnet.network.layers import Conv, FullyConnected, Input, Layer, Local, Shared, Weighted
from alexnet.network.placement.weighted import initials
from alexnet.network.spec import Network
from alexnet.torch_net.network_module import NetworkModule


class Elsewhere(nn.Module):
    """Stands where a layer's module is that another process holds."""


def cut_out(network: Network, names: Collection[str]) -> Network:
    """The layers of those names, with inputs for what else they read, the network's own picture
    first.

    A layer that owns weights which others share comes along with them, to lend them; nothing
    that is asked of the piece runs it.
    """
    kept = {*names, *_owners(network, names)}
    own = [layer for layer in network if layer.name in kept]
    reads = dict.fromkeys(read for layer in own for read in layer.reads if read not in kept)
    reads.pop(network.picture.name, None)
    inputs = [_as_input(network[read], network) for read in reads]
    return Network(network.name, (network.picture, *inputs, *own), source=network.source)


def _as_input(layer: Layer, network: Network) -> Input:
    if isinstance(layer, Input):
        return layer
    return Input(name=layer.name, shape=network.shape(layer.name))


def _owners(network: Network, names: Collection[str]) -> set[str]:
    """The layers whose weights those of `names` meet, and those whose weights these meet."""
    found = set[str]()
    waiting = list(names)
    while waiting:
        layer = network[waiting.pop()]
        for start in initials(layer) if isinstance(layer, Weighted) else ():
            if isinstance(start, Shared) and start.layer not in {*names, *found}:
                found.add(start.layer)
                waiting.append(start.layer)
    return found


def check_shared(network: Network, homes: Mapping[str, int | None]) -> None:
    """Weights are shared by layers of one process alone, as in 2012 of one GPU (section 1).

    Args:
        network: any.
        homes: where each layer with weights is.

    Raises:
        ValueError: otherwise; names the layers.
    """
    for layer in network:
        for start in initials(layer) if isinstance(layer, Conv | Local | FullyConnected) else ():
            if isinstance(start, Shared) and homes[start.layer] != homes[layer.name]:
                raise ValueError(
                    f"network '{network.name}', layer '{layer.name}' shares the weights of"
                    f" '{start.layer}', which another process holds; only layers of one tower can"
                    " share weights when towers run apart"
                )


def piece_module(
    piece: Network, arrays: Mapping[str, Tensor], known: Mapping[str, nn.Module]
) -> NetworkModule:
    """Runs a piece; layers that are `known` already are the same modules, with the same weights."""
    module = NetworkModule(piece, arrays)
    for name in module._modules.keys() & known.keys():
        module._modules[name] = known[name]
    module._own = dict(module._modules)
    return module


def narrowed(layer: FullyConnected, outputs: int) -> FullyConnected:
    """The layer with fewer outputs."""
    return replace(layer, outputs=outputs)
