"""Layers that take units one by one, as nn.Modules: activations, dropout, softmax, joins of several
inputs. Where 2012 chose a gradient at a kink, so do these.
"""

from __future__ import annotations

from typing import Any, assert_never

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from alexnet.network.layers import Activation, Dropout, Function

SOFT_RELU_SWITCH = 4.0
"""Beyond this cuda-convnet's soft-relu is its input (neuron.cuh)."""


class ActivationModule(nn.Module):
    """One element-wise function with its parameters."""

    def __init__(self, layer: Activation) -> None:
        """Takes the function and the parameters of `layer`."""
        super().__init__()
        self.function: Function = layer.function
        self.constants = layer.parameters

    def extra_repr(self) -> str:
        """The function and its parameters, for print(module)."""
        return ", ".join(map(str, (self.function, *self.constants)))

    def forward(
        self,
        x: Tensor,
        *,
        generator: torch.Generator | None = None,
        draw: Tensor | None = None,
        in_place: bool = False,
    ) -> Tensor:
        """The function of every element.

        Args:
            x: any shape.
            generator: what noisy-relu draws from; None is torch's own.
            draw: standard normal numbers of x's shape, used in place of drawing.
            in_place: relu may overwrite x, since nobody reads it any more.
        """
        match self.function:
            case "relu":
                return functional.relu(x, inplace=in_place)
            case "bounded-relu":  # hardtanh passes no gradient at either bound, clamp would
                return functional.hardtanh(x, 0.0, self.constants[0])
            case "noisy-relu":
                return self._noisy_relu(x, generator, draw)
            case "soft-relu":
                return functional.softplus(x, threshold=SOFT_RELU_SWITCH)
            case "logistic":
                return torch.sigmoid(x)
            case "tanh":
                a, b = self.constants
                return a * torch.tanh(b * x)
            case "soft-threshold":
                return x - self.constants[0] * torch.tanh(x / self.constants[0])
            case "abs":  # the gradient at 0 is −1, torch.abs's 0
                return torch.where(x > 0, x, -x)
            case "square":
                return x.square()
            case "sqrt":
                return x.sqrt()
            case "log":
                return torch.log(self.constants[0] + x)
            case "linear":
                a, b = self.constants
                return a * x + b
            case "identity":
                return x
            case _:
                assert_never(self.function)

    def _noisy_relu(
        self, x: Tensor, generator: torch.Generator | None, draw: Tensor | None
    ) -> Tensor:
        """max(0, r + r · noise); the gradient is relu's, as if the noise did not depend on x."""
        positive = functional.relu(x)
        if not self.training:  # 2012 adds noise here too; one picture must give one answer
            return positive
        if draw is None:
            draw = torch.empty_like(x).normal_(generator=generator)
        return functional.relu(positive + (positive * draw).detach())


class DropoutModule(nn.Module):
    """Keeps each unit with probability `keep` while training."""

    def __init__(self, layer: Dropout) -> None:
        """Takes the probability and the scaling of `layer`."""
        super().__init__()
        self.keep, self.scaling, self.enabled = layer.keep, layer.scaling, layer.enabled

    def extra_repr(self) -> str:
        """The probability and which pass is scaled, for print(module)."""
        text = f"keep={self.keep}, scaled in {self.scaling}"
        return text if self.enabled else f"{text}, not enabled"

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None, draw: Tensor | None = None
    ) -> Tensor:
        """`x` with units dropped (training), or multiplied by keep (testing or not enabled, scaling
        "test").

        Args:
            x: any shape.
            generator: what is drawn from; None is torch's own.
            draw: the mask, ones and zeros of x's shape, used in place of drawing.
        """
        if not (self.training and self.enabled):
            return x * self.keep if self.scaling == "test" else x
        if draw is None:
            draw = torch.empty_like(x).bernoulli_(self.keep, generator=generator)
        if self.scaling == "train":
            draw = draw / self.keep
        return x * draw.to(x.dtype)


class SoftmaxModule(nn.Module):
    """Probabilities over all units of one picture."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, units, 1, 1)."""
        return functional.softmax(x.flatten(1), dim=1)[:, :, None, None]


class ConcatModule(nn.Module):
    """Stacks its inputs along the channels."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """(N, sum of channels, height, width)."""
        return torch.cat(inputs, dim=1)


class ElementwiseSumModule(nn.Module):
    """Σ coefficient · input."""

    def __init__(self, coefficients: tuple[float, ...]) -> None:
        """Takes one coefficient per input."""
        super().__init__()
        self.coefficients = coefficients

    def forward(self, *inputs: Tensor) -> Tensor:
        """The shape of each input."""
        total = inputs[0] * self.coefficients[0]
        for x, coefficient in zip(inputs[1:], self.coefficients[1:], strict=True):
            total = torch.add(total, x, alpha=coefficient)
        return total


class ElementwiseMaxModule(nn.Module):
    """The largest of its inputs; ties pass the gradient to each."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """The shape of each input."""
        return _EveryMaximum.apply(*inputs)


class _EveryMaximum(torch.autograd.Function):
    """Largest element; the whole gradient goes to every input that equals it (layer_kernels.cu)."""

    @staticmethod
    def forward(ctx: FunctionCtx, *inputs: Tensor) -> Tensor:
        largest = inputs[0]
        for x in inputs[1:]:
            largest = torch.maximum(largest, x)
        ctx.save_for_backward(*(x == largest for x in inputs))
        return largest.clone() if len(inputs) == 1 else largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(gradients[0] * chosen for chosen in ctx.saved_tensors)
