"""How many floating-point operations a picture costs, from the ledger's rules: what a share of the
measured peak is computed with. It measures nothing.
"""

from __future__ import annotations

from alexnet.network.arithmetic import multiply_adds
from alexnet.network.layers import Input
from alexnet.network.spec import Network


def inference_flops(network: Network) -> int:
    """Of one picture's forward pass: a multiplication and an addition for each multiply-add."""
    return 2 * sum(multiply_adds(layer, network).value for layer in network)


def training_flops(network: Network) -> int:
    """Of one picture's share of a training step: forward, the gradients of all weights, and the
    gradients of the inputs of all layers but those that read the picture, which needs none.
    """
    first = sum(
        multiply_adds(layer, network).value
        for layer in network
        if any(isinstance(network[read], Input) for read in layer.reads)
    )
    return 3 * inference_flops(network) - 2 * first
