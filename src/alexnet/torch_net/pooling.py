"""Max and average pooling as nn.Modules, under every tradition's window rule."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.layers import AveragePool, MaxPool
from alexnet.network.sizes import Side
from alexnet.network.spec import Network
from alexnet.torch_net.tied_pooling import EveryMaximum
from alexnet.torch_net.windows import Frame, frame


class MaxPoolModule(nn.Module):
    """The largest value of each window over the pixels that exist.

    Under the cuda-convnet rule every pixel equal to the maximum receives the whole gradient
    (semantics section 3); under the others the first one does, as in torch and Caffe.
    """

    def __init__(self, layer: MaxPool, network: Network) -> None:
        """Prepares the windows of `layer`."""
        super().__init__()
        self.window = layer.window
        self.sides = network.placed[layer.name].sides[0]
        self.frame = _frame(layer, network)
        self.every_maximum = layer.rule == "cuda-convnet"

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, rows, columns)."""
        if not (self.every_maximum and x.requires_grad and torch.is_grad_enabled()):
            return self._largest(x)
        largest = self._largest(x.detach())
        return EveryMaximum.apply(x, largest, self.sides, self.window.size, self.window.stride)

    def _largest(self, x: Tensor) -> Tensor:
        framed, padding = self.frame.around(x, -math.inf), self.frame.padding
        size, stride = self.window.size, self.window.stride
        return functional.max_pool2d(framed, size, stride, padding, ceil_mode=self.frame.ceil)


class AveragePoolModule(nn.Module):
    """The sum of each window over what the layer's `divisor` says."""

    counts: Tensor | None

    def __init__(self, layer: AveragePool, network: Network) -> None:
        """Prepares the windows and the divisors of `layer`."""
        super().__init__()
        self.window, self.frame = layer.window, _frame(layer, network)
        counts = _counts(layer, network)
        same = bool((counts == counts[0, 0]).all())
        self.divisor = int(counts[0, 0]) if same else 1
        # whole numbers, exact in every dtype that the module is moved to
        self.register_buffer("counts", None if same else counts, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, rows, columns)."""
        sums = functional.avg_pool2d(
            self.frame.around(x, 0.0),
            self.window.size,
            self.window.stride,
            self.frame.padding,
            self.frame.ceil,
            divisor_override=self.divisor,
        )
        return sums if self.counts is None else sums / self.counts.to(sums.dtype)


def _frame(layer: MaxPool | AveragePool, network: Network) -> Frame:
    sides = network.placed[layer.name].sides[0]
    shape = network.inputs_of(layer)[0]
    return frame(sides, shape, layer.window.size, layer.window.stride, pooling=True)


def _counts(layer: AveragePool, network: Network) -> Tensor:
    """What each window's sum is divided by, (rows, columns)."""
    sides = network.placed[layer.name].sides[0]
    rows, columns = (
        torch.tensor(_count(layer, side, pixels), dtype=torch.float32)
        for side, pixels in zip(sides, network.inputs_of(layer)[0][1:], strict=True)
    )
    return rows[:, None] * columns[None, :]


def _count(layer: AveragePool, side: Side, pixels: int) -> list[int]:
    """How much of each window along one side counts."""
    size, stride = layer.window.size, layer.window.stride
    starts = [index * stride - side.before for index in range(side.outputs)]
    match layer.divisor:
        case "inside":
            return [min(start + size, pixels) - max(start, 0) for start in starts]
        case "padded":  # Caffe's pooling_layer.cpp: up to the far padding, never beyond
            far = side.after if layer.rule == "same" else layer.window.padding
            return [min(start + size, pixels + max(far, 0)) - start for start in starts]
        case "window":
            return [size for _ in starts]
        case "one":
            return [1 for _ in starts]
