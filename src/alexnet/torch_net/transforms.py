"""What the files of 2012 do to pictures before the first weights, as nn.Modules: blur, nailbed,
resize, random scale, reflection and colour spaces (semantics file, section 11).

Resize, random scale and colour transforms pass no gradient, as in 2012; here it is zeros.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any, assert_never

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from alexnet.network.arithmetic import nailbed_start
from alexnet.network.layers import Blur, ColourTransform, Nailbed, RandomScale, Resize
from alexnet.network.spec import Network

YUV = ((0.2126, 0.7152, 0.0722), (-0.09991, -0.33609, 0.436), (0.615, -0.55861, -0.05639))
"""Y, U and V from red, green and blue (cuda-convnet2 conv_util.cu, kRGBToYUV)."""

XYZ = ((0.49, 0.31, 0.2), (0.17697, 0.8124, 0.01063), (0.0, 0.01, 0.99))
"""X, Y and Z from red, green and blue (cuda-convnet2 conv_util.cu, kRGBToLAB)."""

DARK = 0.0088564517
"""Up to here cuda-convnet2's cube root is a straight line (conv_util.cu, labf)."""


class BlurModule(nn.Module):
    """A Gaussian along the rows, then along the columns; zeros outside the picture.

    Each is a product with a matrix that is zero but for a band: a convolution of one channel takes
    a processor some twenty times as long.
    """

    def __init__(self, layer: Blur) -> None:
        """Prepares the taps of `layer` from the centre outwards, as 2012's layer.py does."""
        super().__init__()
        values = [math.exp(-(i**2) / (2 * layer.deviation**2)) for i in range(layer.size // 2 + 1)]
        total = values[0] + 2 * sum(values[1:])
        self.taps = tuple(value / total for value in values)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, height, width)."""
        rows, columns = (self._band(side, x) for side in x.shape[2:])
        return rows @ (x @ columns)

    def _band(self, side: int, like: Tensor) -> Tensor:
        places = torch.arange(side, device=like.device)
        distances = (places[:, None] - places).abs().clamp(max=len(self.taps))
        return like.new_tensor((*self.taps, 0.0))[distances]


class NailbedModule(nn.Module):
    """Every stride-th pixel, the grid centred."""

    def __init__(self, layer: Nailbed, network: Network) -> None:
        """Prepares the grid of `layer`."""
        super().__init__()
        self.rows, self.columns = (
            slice(nailbed_start(layer, side), None, layer.stride)
            for side in network.shape(layer.reads[0])[1:]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, rows, columns), a view of `x`."""
        return x[:, :, self.rows, self.columns]


class ReflectionModule(nn.Module):
    """The picture turned left to right."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, height, width)."""
        return x.flip(3)


class ResizeModule(nn.Module):
    """Bilinear, the middles of picture and target on one another."""

    def __init__(self, layer: Resize, network: Network) -> None:
        """Takes the scale of `layer` and its target."""
        super().__init__()
        self.scale, self.target = layer.scale, network.shape(layer.name)[1:]

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, rows, columns)."""
        with torch.no_grad():
            result = _resized(x, self.target, self.scale)
        return _blocked(x, result)


class RandomScaleModule(nn.Module):
    """While training one scale and one crop for the whole batch; else the centre crop."""

    def __init__(self, layer: RandomScale, network: Network) -> None:
        """Prepares the scales of `layer`: of S = picture − floor(picture / maximum) + 1 the s-th,
        from 0, has probability (s + 1)² / Σ (2012's layer.cu, RandomScaleLayer).
        """
        super().__init__()
        self.side, self.full = layer.side, network.shape(layer.reads[0])[1]
        scales = self.full - math.floor(self.full / layer.maximum) + 1
        ways = list(accumulate((s + 1) ** 2 for s in range(scales)))
        self.chances = [each / ways[-1] for each in ways]

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None, draw: Tensor | None = None
    ) -> Tensor:
        """(N, channels, side, side).

        Args:
            x: square pictures.
            generator: what is drawn from; None is torch's own.
            draw: four numbers from 0 on and below 1, used in place of drawing: scale, fine
                adjustment, first row, first column.
        """
        with torch.no_grad():
            if self.training:
                if draw is None:
                    device = "cpu" if generator is None else generator.device
                    draw = torch.rand(4, generator=generator, device=device)
                result = self._scaled(x, *draw.tolist())
            else:
                start = (self.full - self.side) // 2
                result = self._crop(x, start, start)
        return _blocked(x, result)

    def _scaled(self, x: Tensor, scale: float, fine: float, top: float, left: float) -> Tensor:
        """The picture `side` + s pixels wide, but never wider than it is, then a crop of it."""
        wide = self.side + sum(chance < scale for chance in self.chances)
        if wide < self.full:
            least, most = max(1.0, self.full / (1 + wide)), self.full / wide
            x = _resized(x, (wide, wide), least + fine * (most - least))
        spare = x.shape[2] - self.side
        top, left = (min(int(each * (spare + 1)), spare) for each in (top, left))
        return self._crop(x, top, left)

    def _crop(self, x: Tensor, top: int, left: int) -> Tensor:
        return x[:, :, top : top + self.side, left : left + self.side]


class ColourTransformModule(nn.Module):
    """Red, green and blue as Y, U, V or as L, a, b."""

    def __init__(self, layer: ColourTransform) -> None:
        """Takes the space of `layer`."""
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, height, width)."""
        with torch.no_grad():
            match self.layer.space:
                case "yuv":
                    result = torch.stack(_mixed(YUV, x), dim=1)
                case "lab":
                    result = torch.stack(self._lab(x), dim=1)
                case _:
                    assert_never(self.layer.space)
        return _blocked(x, result)

    def _lab(self, x: Tensor) -> list[Tensor]:
        roots = (
            torch.where(t > DARK, t.clamp(min=DARK) ** 0.3333, 7.787037 * t + 0.13793103)
            for t in _mixed(XYZ, x)
        )
        first, second, third = roots
        lightness = 116 * second - (66 if self.layer.centred else 16)
        return [lightness, 500 * (first - second), 200 * (second - third)]


def _blocked(x: Tensor, result: Tensor) -> Tensor:
    """`result`, made of `x` without a gradient; what flows back to `x` is zero."""
    return _Blocked.apply(x, result) if x.requires_grad and torch.is_grad_enabled() else result


class _Blocked(torch.autograd.Function):
    """Gives its second input, and zeros to its first."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, result: Tensor) -> Tensor:
        ctx.shape = x.shape  # type: ignore[attr-defined]
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].new_zeros(ctx.shape), None


def _mixed(matrix: tuple[tuple[float, ...], ...], x: Tensor) -> list[Tensor]:
    """Each row of the matrix weighs the three channels."""
    red, green, blue = x.unbind(1)
    return [r * red + g * green + b * blue for r, g, b in matrix]


def _resized(x: Tensor, target: tuple[int, int], scale: float) -> Tensor:
    """Bilinear at a pitch of `scale` pixels (cuda-convnet2 conv_util.cu, kResizeBilinear)."""
    for dim, count in zip((2, 3), target, strict=True):
        side = x.shape[dim]
        places = [(i - count / 2) * scale + side / 2 for i in range(count)]
        places = [max(0.0, min(side - 1.01, place)) for place in places]
        first = torch.tensor([int(place) for place in places], device=x.device)
        share = x.new_tensor([place - int(place) for place in places])
        share = share.view(-1, 1) if dim == 2 else share
        second = (first + 1).clamp(max=side - 1)
        x = torch.lerp(x.index_select(dim, first), x.index_select(dim, second), share)
    return x
