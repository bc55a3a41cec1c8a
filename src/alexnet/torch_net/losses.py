"""The losses as nn.Modules: each gives one cost per picture, (N,), computed in float32 or better.

A loss right above its softmax (or logistic units) reads what those read, so that nothing is lost in
exp and log and the gradient is p − target; semantics section 10. Targets and gates get no gradient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.layers import BinaryCrossEntropyLoss

LOG_OF_ZERO = -50.0
"""What cuda-convnet takes for log 0 in its cross-entropy costs."""


class LogisticLossModule(nn.Module):
    """−log of the label's probability."""

    def __init__(self, *, fused: bool) -> None:
        """`fused`: it is given the softmax's input rather than its output."""
        super().__init__()
        self.fused = fused

    def forward(self, labels: Tensor, x: Tensor) -> Tensor:
        """(N,) costs of labels (N,), whole numbers from 0, under `x` with one unit per class.

        Raises:
            ValueError: a label that no class has.
        """
        labels, x = labels.reshape(-1, 1).long(), flat(x)
        check_labels(labels, x.shape[1])
        if self.fused:
            return -functional.log_softmax(x, dim=1).gather(1, labels).squeeze(1)
        return -x.gather(1, labels).squeeze(1).log()


class CrossEntropyLossModule(nn.Module):
    """−Σ t·log y over a distribution t."""

    def __init__(self, *, fused: bool) -> None:
        """`fused`: it is given the softmax's input rather than its output."""
        super().__init__()
        self.fused = fused

    def forward(self, targets: Tensor, x: Tensor) -> Tensor:
        """(N,) costs of targets, one number per unit of `x`."""
        x = flat(x)
        logs = _floored(functional.log_softmax(x, dim=1)) if self.fused else _log(x)
        return -(_given(targets, x) * logs).sum(1)


class BinaryCrossEntropyLossModule(nn.Module):
    """−Σ w·t·log y + (1 − t)·log(1 − y)."""

    def __init__(self, layer: BinaryCrossEntropyLoss, *, fused: bool) -> None:
        """Takes the weight of `layer`; `fused`: it is given the logistic units' input rather than
        their output.
        """
        super().__init__()
        self.weight, self.fused = layer.positive_weight, fused

    def forward(self, targets: Tensor, x: Tensor) -> Tensor:
        """(N,) costs of targets in [0, 1], one number per unit of `x`."""
        x = flat(x)
        if self.fused:
            on, off = (_floored(functional.logsigmoid(signed)) for signed in (x, -x))
        else:
            on, off = _log(x), _log(1 - x)
        targets = _given(targets, x)
        return -(self.weight * targets * on + (1 - targets) * off).sum(1)


class SumOfSquaresLossModule(nn.Module):
    """Σ x²."""

    def forward(self, x: Tensor) -> Tensor:
        """(N,) costs."""
        return flat(x).square().sum(1)


class GatedSumOfSquaresLossModule(nn.Module):
    """gate · Σ x²."""

    def forward(self, gate: Tensor, x: Tensor) -> Tensor:
        """(N,) costs under gates of one number per picture."""
        x = flat(x)
        return _given(gate.reshape(-1, 1), x).squeeze(1) * x.square().sum(1)


class RobustLossModule(nn.Module):
    """Σ ln(1 + (y − t)²)."""

    def forward(self, targets: Tensor, x: Tensor) -> Tensor:
        """(N,) costs of targets, one number per unit of `x`."""
        x = flat(x)
        return (x - _given(targets, x)).square().log1p().sum(1)


def _given(targets: Tensor, x: Tensor) -> Tensor:
    """Targets or gates as plain numbers beside `x`."""
    return flat(targets).detach().to(x.dtype)


def flat(x: Tensor) -> Tensor:
    """(N, units), in float32 where it came in half precision: sums of thousands need the digits."""
    flat = x.flatten(1)
    return flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat


def check_labels(labels: Tensor, classes: int) -> None:
    """A ValueError for a label that no class has; on a CPU only, as elsewhere looking at them would
    halt the device's queue.
    """
    if labels.device.type != "cpu" or torch.compiler.is_compiling():
        return
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.numel():
        raise ValueError(
            f"label {int(wrong[0])} is none of the {classes} classes; labels are 0 … {classes - 1}"
        )


def _log(y: Tensor) -> Tensor:
    """log y, −50 at 0 with no gradient there."""
    positive = y > 0
    return torch.where(positive, torch.where(positive, y, 1.0).log(), LOG_OF_ZERO)


def _floored(logs: Tensor) -> Tensor:
    """−50 where the probability itself has vanished; the gradient stays that of the logarithm."""
    return torch.where(logs.exp() > 0, logs, logs - logs.detach() + LOG_OF_ZERO)
