"""A loss that is no longer finite: the error, and where in the network it began."""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet.network.layers import Input
from alexnet.torch_net import NetworkModule
from alexnet.training.batches import Batch


class DivergedError(ValueError):
    """A run whose loss or weights are no longer finite: names the step, the rate and the layer."""


def first_not_finite(module: NetworkModule, batch: Batch) -> str:
    """Runs the batch again and says which layer's activations are the first that are not finite,
    and what went into it.
    """
    network = module.network
    names = [layer.name for layer in network if not isinstance(layer, Input)]
    with torch.no_grad():
        found = module(batch.images, batch.labels, layers=names, generator=batch.draws)
    assert isinstance(found, dict), "asked for by name, activations come by name"
    for name in names:
        if found[name].isfinite().all():
            continue
        own = module.get_submodule(name).named_parameters()
        spoilt = [f"{name}.{entry}" for entry, weight in own if not weight.isfinite().all()]
        if spoilt:
            return f"'{name}' is the first layer that is not finite, as {', '.join(spoilt)} is not"
        reach = max(_reach(found.get(read, batch.images)) for read in network[name].reads)
        return (
            f"'{name}' is the first layer whose activations are not finite; what it reads"
            f" reaches {reach:.3g}"
        )
    return "every layer's activations are finite"


def _reach(values: Tensor) -> float:
    return float(values.abs().max())
