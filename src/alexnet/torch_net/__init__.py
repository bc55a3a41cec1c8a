"""Runs a Network in torch: Network → nn.Module, fast, with the gradients of 2012; it trains nothing
and reads no files.
"""

from alexnet.torch_net.build import build, initial_arrays
from alexnet.torch_net.network_module import Costs, NetworkModule

__all__ = ["Costs", "NetworkModule", "build", "initial_arrays"]
