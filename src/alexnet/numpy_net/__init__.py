"""Runs a Network slowly and obviously in float64: the oracle of the tests, not a way to train.

Nothing here knows torch; every rule loops over output positions so that it can be read against
cuda-convnet's own.
"""

from alexnet.numpy_net.checks import RunError
from alexnet.numpy_net.run import Gradients, backward, forward, initial_arrays

__all__ = ["Gradients", "RunError", "backward", "forward", "initial_arrays"]
