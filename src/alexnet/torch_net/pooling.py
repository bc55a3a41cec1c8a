"""Max, average and random pooling as nn.Modules, under every tradition's window rule."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.layers import AveragePool, MaxPool, Pool, RandomPool
from alexnet.network.sizes import Side
from alexnet.network.spec import Network
from alexnet.torch_net.tied_pooling import EveryMaximum
from alexnet.torch_net.windows import Frame, frame


class MaxPoolModule(nn.Module):
    """The largest value of each window over the pixels that exist, or the one farthest from 0.

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
        self.by_magnitude = layer.by_magnitude

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, rows, columns)."""
        if not (self.every_maximum and x.requires_grad and torch.is_grad_enabled()):
            return self._largest(x)
        largest = self._largest(x.detach())
        return EveryMaximum.apply(x, largest, self.sides, self.window.size, self.window.stride)

    def _largest(self, x: Tensor) -> Tensor:
        if self.by_magnitude:
            return self._farthest(x)
        framed, padding = self.frame.around(x, -math.inf), self.frame.padding
        size, stride = self.window.size, self.window.stride
        return functional.max_pool2d(framed, size, stride, padding, ceil_mode=self.frame.ceil)

    def _farthest(self, x: Tensor) -> Tensor:
        """Of x and −x cuda-convnet takes the later (conv_util.cuh, MaxAbsPooler), torch's own pool
        the earlier: so under cuda-convnet's rule the picture is turned round.
        """
        rows, columns = self.sides
        margins = columns.before, columns.after, rows.before, rows.after
        framed = functional.pad(x, margins)
        magnitudes = functional.pad(x.detach().abs(), margins, value=-math.inf)
        if self.every_maximum:
            framed, magnitudes = framed.flip(2, 3), magnitudes.flip(2, 3)
        size, stride = ((n, n) for n in (self.window.size, self.window.stride))
        _, places = functional.max_pool2d_with_indices(magnitudes, size, stride)
        largest = framed.flatten(2).gather(2, places.flatten(2)).view(places.shape)
        return largest.flip(2, 3) if self.every_maximum else largest


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


class RandomPoolModule(nn.Module):
    """While training one pixel of each window, each that exists with equal probability; else their
    mean.

    Every pixel equal to the one drawn receives the whole gradient, for 2012 calls max pooling's
    backward pass here (layer.cu, RandomPoolLayer).
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, layer: RandomPool, network: Network) -> None:
        """Prepares the windows of `layer`."""
        super().__init__()
        self.window = layer.window
        self.sides = network.placed[layer.name].sides[0]
        for name, side, pixels in zip(
            ("rows", "columns"), self.sides, network.inputs_of(layer)[0][1:], strict=True
        ):
            self.register_buffer(name, _spans(side, pixels, layer), persistent=False)
        mean = AveragePool(
            name=layer.name,
            reads=layer.reads,
            window=layer.window,
            rule=layer.rule,
            divisor="inside",
        )
        self.mean = AveragePoolModule(mean, network)

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None, draw: Tensor | None = None
    ) -> Tensor:
        """(N, channels, rows, columns).

        Args:
            x: the maps.
            generator: what is drawn from; None is torch's own.
            draw: numbers from 0 on and below 1 of the output's shape, used in place of drawing.
        """
        if not self.training:
            return self.mean(x)
        if draw is None:
            shape = *x.shape[:2], self.rows.shape[1], self.columns.shape[1]
            draw = torch.rand(shape, generator=generator, device=x.device)
        drawn = self._drawn(x.detach(), draw)
        return EveryMaximum.apply(x, drawn, self.sides, self.window.size, self.window.stride)

    def _drawn(self, x: Tensor, draw: Tensor) -> Tensor:
        """Pixel number floor(u · count) of those that exist, row by row."""
        (top, high), (left, wide) = self.rows[:, :, None], self.columns
        count = high * wide
        place = torch.minimum((draw * count).long(), count - 1)
        row, column = top + place // wide, left + place % wide
        places = row * x.shape[3] + column
        return x.flatten(2).gather(2, places.flatten(2)).view(places.shape)


def _spans(side: Side, pixels: int, layer: RandomPool) -> Tensor:
    """The first pixel of each window and how many it has of those that exist, (2, windows)."""
    starts = [index * layer.window.stride - side.before for index in range(side.outputs)]
    spans = [(max(start, 0), min(start + layer.window.size, pixels)) for start in starts]
    return torch.tensor([(first, end - first) for first, end in spans]).T.contiguous()


def _frame(layer: Pool, network: Network) -> Frame:
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
