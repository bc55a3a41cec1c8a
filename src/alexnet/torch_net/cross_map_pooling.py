"""Max pooling across neighbouring maps as an nn.Module (cuda-convnet2's `cmpool`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from alexnet.network.layers import CrossMapPool
from alexnet.network.spec import Network


class CrossMapPoolModule(nn.Module):
    """The largest of the maps in each window that exist, pixel by pixel; every map equal to it
    receives the whole gradient (conv_util.cu, kCrossMapMaxPoolUndo).
    """

    def __init__(self, layer: CrossMapPool, network: Network) -> None:
        """Prepares the windows of `layer`."""
        super().__init__()
        self.layer, self.maps = layer, network.shape(layer.reads[0])[0]

    def forward(self, x: Tensor) -> Tensor:
        """(N, windows, height, width)."""
        layer = self.layer
        far = layer.start + (layer.outputs - 1) * layer.stride + layer.size - self.maps
        with torch.no_grad():
            framed = functional.pad(x, (0, 0, 0, 0, -layer.start, far), value=-math.inf)
            largest = framed.unfold(1, layer.size, layer.stride).amax(-1)
        if not (x.requires_grad and torch.is_grad_enabled()):
            return largest
        return _EveryMaximum.apply(x, largest, layer)


class _EveryMaximum(torch.autograd.Function):
    """Takes the maps and their already pooled maxima; gives the maxima, and their gradient to the
    maps.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, largest: Tensor, layer: CrossMapPool) -> Tensor:
        ctx.save_for_backward(x, largest)
        ctx.layer = layer  # type: ignore[attr-defined]
        return largest.view_as(largest)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        x, largest = ctx.saved_tensors
        result = torch.zeros_like(x)
        for maps, windows in _places(ctx.layer, x.shape[1]):
            result[:, maps] += (x[:, maps] == largest[:, windows]) * gradient[:, windows]
        return result, None, None


def _places(layer: CrossMapPool, maps: int) -> Iterator[tuple[slice, slice]]:
    """For each place in a window the maps that stand there, and in which windows."""
    for place in range(layer.size):
        first = layer.start + place
        skipped = max(0, -(first // layer.stride))
        count = min(layer.outputs, -((first - maps) // layer.stride))
        if skipped < count:
            start = first + skipped * layer.stride
            stop = first + (count - 1) * layer.stride + 1
            yield slice(start, stop, layer.stride), slice(skipped, count)
