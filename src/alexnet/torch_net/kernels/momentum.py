"""The paper's rule of learning in one pass in C, on a CPU, for float32 and float64 arrays."""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet.torch_net.kernels.library import KINDS, Library


def applies(weight: Tensor, velocity: Tensor, gradient: Tensor) -> bool:
    """Whether the kernel takes these three: alike in kind and in how they lie in memory."""
    alike = weight.dtype == gradient.dtype == velocity.dtype != torch.bfloat16
    here = weight.device.type == gradient.device.type == "cpu" and weight.dtype in KINDS
    lie = weight.stride() == velocity.stride() == gradient.stride()
    return alike and here and lie and _dense(weight)


def _dense(x: Tensor) -> bool:
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return x.is_contiguous() or last


def move(
    library: Library,
    weight: Tensor,
    velocity: Tensor,
    gradient: Tensor,
    *,
    momentum: float,
    rate: float,
    decay: float,
) -> None:
    """velocity ← momentum · velocity − rate · gradient − decay · weight; then weight += velocity.

    Args:
        library: what `library()` found.
        weight, velocity: changed in place; `applies` is true of all three.
        gradient: of the weight.
        momentum, rate, decay: the decay has the rate in it.
    """
    library.call(
        "alexnet_momentum",
        *(weight.data_ptr(), velocity.data_ptr(), gradient.data_ptr(), KINDS[weight.dtype]),
        *(library.processor, torch.get_num_threads(), weight.numel(), momentum, rate, decay),
    )
    for changed in (weight, velocity):  # as torch's own operations in place do
        torch.autograd.graph.increment_version(changed)
