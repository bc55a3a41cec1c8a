"""The response norm across maps in C: forward and backward, on a CPU, for float32, bfloat16 and
float64 tensors of either layout.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet.torch_net.kernels.library import KINDS, Library, Processor
from alexnet.torch_net.response_norm_formula import Formula


def applies(x: Tensor) -> bool:
    """Whether the kernel takes tensors like `x`."""
    return x.device.type == "cpu" and x.dtype in KINDS


def normalise(
    library: Library,
    x: Tensor,
    formula: Formula,
    *,
    gradient: Tensor | None = None,
    processor: Processor | None = None,
) -> Tensor:
    """y, or with the gradient of y that of x; the shape, dtype and layout of `x`.

    Args:
        library: what `library()` found.
        x: (N, maps, height, width), in torch's own layout or channels-last.
        formula: the norm's numbers.
        gradient: laid out as `x`.
        processor: None is the best that there is; no better one may be named.
    """
    result = torch.empty_like(x)
    count, channels, height, width = x.shape
    if x.numel() == 0:
        return result
    sets, units = count * formula.groups, height * width
    if not x.is_contiguous():
        sets, units = sets * units, 1
    library.call(
        "alexnet_response_norm",
        x.data_ptr(),
        None if gradient is None else gradient.data_ptr(),
        result.data_ptr(),
        KINDS[x.dtype],
        library.processor if processor is None else processor,
        torch.get_num_threads(),
        sets,
        channels // formula.groups,
        units,
        formula.size,
        formula.blocked,
        formula.scale,
        formula.beta,
        formula.k,
    )
    return result
