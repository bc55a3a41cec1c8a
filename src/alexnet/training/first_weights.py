"""First weights other than those that a network states; drawing them is `torch_net`'s matter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import assert_never

from torch import Tensor

from alexnet.network.arithmetic import Parameter, network_parameters
from alexnet.network.layers import Constant, FanInGaussian, FanInUniform, Gaussian
from alexnet.network.spec import Network


def he_scaled(network: Network, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of `drawn` scaled to a deviation of √(2 / fan-in), with which relu passes signals
    on as large as they come (He et al. 2015); biases, and weights that are not random, as they are.

    Args:
        network: what the weights are of.
        drawn: what `initial_arrays` gives for it.
    """
    found = dict(drawn)
    for parameter in network_parameters(network):
        stated = 0.0 if parameter.is_bias else _deviation(parameter)
        if stated:
            wanted = math.sqrt(2 / parameter.fan_in)
            found[parameter.name] = drawn[parameter.name] * (wanted / stated)
    return found


def _deviation(parameter: Parameter) -> float:
    """The deviation of what the first weights are drawn from."""
    match parameter.initial:
        case Constant():
            return 0.0
        case Gaussian(deviation):
            return deviation
        case FanInGaussian(gain):
            return gain / math.sqrt(parameter.fan_in)
        case FanInUniform(gain):
            return gain / math.sqrt(3 * parameter.fan_in)
        case _:
            assert_never(parameter.initial)
