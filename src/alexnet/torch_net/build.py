"""Network → NetworkModule: draws the first weights that a network states, or takes those given."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from alexnet.network.arithmetic import Parameter, network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.layers import Constant, FanInGaussian, FanInUniform, Gaussian
from alexnet.network.spec import Network, nearest
from alexnet.torch_net.network_module import NetworkModule

Array = np.ndarray | Tensor


def build(
    network: Network | str,
    *,
    seed: int | None = 0,
    arrays: Mapping[str, Array] | None = None,
    dtype: torch.dtype = torch.float32,
) -> NetworkModule:
    """A module that runs `network`, on the CPU and in training mode.

    Args:
        network: what to run; a text is a catalog network's name.
        seed: of the first weights; None draws others every time. Not used where arrays are given.
        arrays: every learned array by name, as `arithmetic.network_parameters` lists them; copied.
        dtype: of the module's parameters.

    Raises:
        ValueError: arrays are missing, superfluous or of the wrong shape; each is named.
    """
    if isinstance(network, str):
        network = get_network(network)
    if arrays is None:
        return NetworkModule(network, initial_arrays(network, seed=seed, dtype=dtype))
    return NetworkModule(network, checked_arrays(network, arrays, dtype))


def initial_arrays(
    network: Network, *, seed: int | None = 0, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """The first value of every learned array, by name.

    Each array has its own stream of draws, made from the seed and the array's name: adding,
    removing or moving other layers does not change it.
    """
    found: dict[str, Tensor] = {}
    for parameter in network_parameters(network):
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            digest = hashlib.sha256(f"{seed}/{parameter.name}".encode()).digest()
            generator.manual_seed(int.from_bytes(digest[:8], "big"))
        found[parameter.name] = _drawn(parameter, generator).to(dtype)
    return found


def _drawn(parameter: Parameter, generator: torch.Generator) -> Tensor:
    """Drawn in float32 whatever the module's dtype, so that every dtype starts alike."""
    array = torch.empty(parameter.shape, dtype=torch.float32)
    match parameter.initial:
        case Constant(value):
            return array.fill_(value)
        case Gaussian(deviation):
            return array.normal_(0.0, deviation, generator=generator)
        case FanInGaussian(gain):
            deviation = gain / math.sqrt(parameter.fan_in)
            return array.normal_(0.0, deviation, generator=generator)
        case FanInUniform(gain):
            bound = gain / math.sqrt(parameter.fan_in)
            return array.uniform_(-bound, bound, generator=generator)
        case _:
            assert_never(parameter.initial)


def checked_arrays(
    network: Network, arrays: Mapping[str, Array], dtype: torch.dtype
) -> dict[str, Tensor]:
    """The given arrays as tensors of our own.

    Raises:
        ValueError: lists all that is missing, superfluous or of the wrong shape.
    """
    wanted = {p.name: p.shape for p in network_parameters(network)}
    wrong = [f"'{name}' {shape} is missing" for name, shape in wanted.items() if name not in arrays]
    wrong += [
        f"'{name}' belongs to no layer{nearest(name, list(wanted))}"
        for name in arrays
        if name not in wanted
    ]
    wrong += [
        f"'{name}' has shape {tuple(arrays[name].shape)}; it must be {shape}"
        for name, shape in wanted.items()
        if name in arrays and tuple(arrays[name].shape) != shape
    ]
    if wrong:
        raise ValueError(f"the arrays do not fit network '{network.name}': {'; '.join(wrong)}")
    # torch.tensor-like copies: training must not write into the caller's arrays
    return {name: _copied(arrays[name], dtype) for name in wanted}


def _copied(array: Array, dtype: torch.dtype) -> Tensor:
    tensor = array.detach() if isinstance(array, Tensor) else torch.from_numpy(np.array(array))
    return tensor.to(dtype=dtype, copy=True).contiguous()
