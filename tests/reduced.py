"""Catalog networks small enough for the oracle: fewer filters, a smaller picture; kinds, order,
windows and rules stay.
"""

from __future__ import annotations

from dataclasses import replace

from alexnet.network.catalog import get_network as network
from alexnet.network.edit import with_input
from alexnet.network.layers import Conv, FullyConnected, Layer, Local, LogisticLoss
from alexnet.network.spec import Network

SIDES = {"80sec": 16, "18pct": 16, "13pct": 12, "11pct": 12, "cifar_relu": 16, "cifar_tanh": 16}
"""Sides of reduced pictures; those not named have the smallest on which all ImageNet nets fit."""


def reduced(name: str, *, filters: int = 8, outputs: int = 12, side: int | None = None) -> Network:
    """The catalog network `name` with at most so many filters and outputs per layer.

    Both should be multiples of 4, so that groups within towers still divide them.
    """
    full = network(name)
    layers = tuple(_narrow(layer, filters, outputs) for layer in full)
    wanted = side or SIDES.get(name, 67)
    picture = full.picture.shape[1]
    narrow = replace(full, layers=layers)
    return with_input(narrow, min(wanted, picture)) if picture > wanted else narrow


def _narrow(layer: Layer, filters: int, outputs: int) -> Layer:
    if isinstance(layer, Conv | Local):
        return replace(layer, filters=min(layer.filters, filters))
    if isinstance(layer, FullyConnected):
        return replace(layer, outputs=min(layer.outputs, outputs))
    if isinstance(layer, LogisticLoss):
        return replace(layer, top=min(layer.top, outputs))
    return layer
