"""A network in the modules that torch ships, as most scripts would write it: the peer that ours is
measured against, which computes the same (tested on its outputs).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import assert_never

import torch
from torch import Tensor, nn

from alexnet.bench.chain import Chain, Link, chain, rounds_up
from alexnet.network.layers import (
    Activation,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    MaxPool,
)
from alexnet.network.spec import Network
from alexnet.network.towers import assemble
from alexnet.torch_net import initial_arrays


class GroupedResponseNorm(nn.LocalResponseNorm):
    """nn.LocalResponseNorm over each of `groups` sets of channels, by views of the same memory."""

    def __init__(self, size: int, alpha: float, beta: float, k: float, groups: int) -> None:
        """As nn.LocalResponseNorm: alpha is divided by size."""
        super().__init__(size, alpha, beta, k)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """(N, channels, height, width), as it came."""
        sets = input.reshape(-1, input.shape[1] // self.groups, *input.shape[2:])
        return super().forward(sets).reshape(input.shape)


def stock(network: Network, arrays: Mapping[str, Tensor] | None = None) -> nn.Sequential:
    """`network` from the picture to the scores before its softmax, in training mode.

    Args:
        network: with towers or without.
        arrays: its learned arrays by name; None draws its first weights.

    Raises:
        BenchError: a layer that no stock module expresses.
    """
    form = chain(network)
    own = stock_arrays(form, initial_arrays(network) if arrays is None else arrays)
    module = _shell(form)
    module.load_state_dict(own, assign=True)
    return module.requires_grad_()


def stock_unfilled(network: Network) -> nn.Sequential:
    """The same with weights that nobody has set, for whoever only counts them.

    Raises:
        BenchError: as `stock`.
    """
    return _shell(chain(network)).to_empty(device="cpu")


def _shell(form: Chain) -> nn.Sequential:
    """The modules without memory: nothing is drawn that is then thrown away."""
    with torch.device("meta"):
        return nn.Sequential(OrderedDict(_modules(form)))


def stock_arrays(form: Chain, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's arrays as its chain has them: folded, and scaled where 2012's dropout was."""
    made = assemble(form.assemblies, arrays, lambda parts, axis: torch.cat(list(parts), axis))
    factors = {f"{name}.weight": factor for name, factor in form.factors.items()}
    return {name: (x * factors.get(name, 1.0)).contiguous() for name, x in made.items()}


def _modules(form: Chain) -> Iterator[tuple[str, nn.Module]]:
    flat = False
    for layer in form.links:
        if isinstance(layer, FullyConnected) and not flat:
            yield "flatten", nn.Flatten()
            flat = True
        yield from _module(layer, form.network)


def _module(layer: Link, network: Network) -> Iterator[tuple[str, nn.Module]]:
    """The module of one layer; before a convolution with windows beyond the edge, their zeros."""
    shape = network.inputs_of(layer)[0]
    match layer:
        case Conv():
            edges, padding = edge(layer, network)
            if any(edges):
                yield f"{layer.name}_edge", nn.ZeroPad2d(edges)
            kernel = layer.kernels[0]
            yield (
                layer.name,
                nn.Conv2d(
                    shape[0],
                    layer.filters,
                    kernel.size,
                    kernel.stride,
                    padding,
                    groups=kernel.groups,
                    bias=layer.bias != "none",
                ),
            )
        case Activation():
            yield layer.name, nn.ReLU(inplace=True)
        case CrossMapNorm():
            yield layer.name, norm_module(layer)
        case MaxPool():
            yield (
                layer.name,
                nn.MaxPool2d(
                    layer.window.size,
                    layer.window.stride,
                    layer.window.padding,
                    ceil_mode=rounds_up(layer, network),
                ),
            )
        case Dropout():
            yield layer.name, nn.Dropout(1 - layer.keep)
        case FullyConnected():
            inputs = shape[0] * shape[1] * shape[2]
            yield layer.name, nn.Linear(inputs, layer.outputs, bias=layer.bias != "none")
        case _:
            assert_never(layer)


def edge(layer: Conv, network: Network) -> tuple[tuple[int, int, int, int], int]:
    """Zeros to put around a convolution's input, (left, right, top, bottom), and its own padding:
    one of the two where windows reach as far beyond the one edge as beyond the other.
    """
    rows, columns = network.placed[layer.name].sides[0]
    kernel = layer.kernels[0]
    padding = kernel.padding
    if all(
        side.before == padding and padding - kernel.stride < side.after <= padding
        for side in (rows, columns)
    ):
        return (0, 0, 0, 0), padding
    return (columns.before, columns.after, rows.before, rows.after), 0


def norm_module(layer: CrossMapNorm) -> nn.LocalResponseNorm:
    """Stock response normalisation; grouped only where the layer is."""
    alpha = layer.alpha if layer.alpha_divided else layer.alpha * layer.size
    if layer.groups == 1:
        return nn.LocalResponseNorm(layer.size, alpha, layer.beta, layer.k)
    return GroupedResponseNorm(layer.size, alpha, layer.beta, layer.k, layer.groups)
