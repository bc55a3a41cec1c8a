"""The softmax over sets of classes as a loss (2012's `cost.msm`); as in `losses`, one cost per
picture in float32 or better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alexnet.network.layers import SubsetSoftmaxLoss
from alexnet.torch_net.losses import check_labels, flat


class SubsetSoftmaxLossModule(nn.Module):
    """−log of the probability that the label is among k chosen classes, P(S) ∝ exp Σ_{i∈S} x_i."""

    def __init__(self, layer: SubsetSoftmaxLoss) -> None:
        """Takes the sets' size of `layer`."""
        super().__init__()
        self.size = layer.set_size

    def forward(self, labels: Tensor, x: Tensor) -> Tensor:
        """(N,) costs of labels (N,), whole numbers from 0, under scores `x`, one per class.

        Raises:
            ValueError: a label that no class has.
        """
        labels, x = labels.reshape(-1, 1).long(), flat(x)
        check_labels(labels, x.shape[1])
        x = x - x.detach().amax(1, keepdim=True)  # every set's sum moves by the same
        places = torch.arange(x.shape[1] - 1, device=x.device).expand(len(x), -1)
        others = x.gather(1, places + (places >= labels))
        # the sets that hold the label are the label and k − 1 of the others
        holding = x.gather(1, labels).squeeze(1) + log_sum_of_sets(others, self.size - 1)
        return log_sum_of_sets(x, self.size) - holding


def log_sum_of_sets(x: Tensor, size: int) -> Tensor:
    """log Σ over sets S of `size` columns of exp Σ_{i∈S} x_i, (N,): an elementary symmetric
    polynomial of exp x, by multiplying (1 + z·exp x_i) two by two, up to z to the power `size`.
    """
    tables = torch.stack((torch.zeros_like(x), x), dim=2)  # (N, factors, log of coefficients)
    left: Tensor | None = None
    while tables.shape[1] > 1:
        if tables.shape[1] % 2:
            last, tables = tables[:, -1:], tables[:, :-1]
            left = last if left is None else _product(last, left, size)
        tables = _product(tables[:, 0::2], tables[:, 1::2], size)
    if left is not None:
        tables = _product(tables, left, size)
    return tables[:, 0, size]


def _product(first: Tensor, second: Tensor, size: int) -> Tensor:
    """The logarithms of the product's coefficients, from those of the factors'."""
    a, b = first.shape[2], second.shape[2]
    powers = list[Tensor]()
    for power in range(min(a + b - 2, size) + 1):
        low, high = max(0, power - b + 1), min(power, a - 1)
        terms = first[:, :, low : high + 1] + second[:, :, power - high : power - low + 1].flip(2)
        powers.append(terms.logsumexp(2))
    return torch.stack(powers, dim=2)
