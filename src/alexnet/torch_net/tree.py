"""The fully-connected layer over a tree of classes as an nn.Module (2012's `treefc`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.layers import TreeConnected


class TreeConnectedModule(nn.Module):
    """A leaf's weights are the sum of the vectors along its path from the root.

    Scores are summed instead of weights, which comes to the same: every node scores the picture,
    then scores run down the tree. That takes far fewer additions, and no leaf's sum of weights is
    ever laid out.
    """

    above: Tensor

    def __init__(self, layer: TreeConnected, arrays: Mapping[str, Tensor]) -> None:
        """Prepares the tree of `layer` and takes its arrays: `weight` [leaves, inputs], `inner`
        [inner nodes, inputs] and `bias`.
        """
        super().__init__()
        self.outputs = layer.outputs
        self.weight, self.inner, self.bias = (
            nn.Parameter(arrays[name]) for name in ("weight", "inner", "bias")
        )
        self.register_buffer("above", _jumps(layer.parents), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, 1, 1)."""
        x = x.flatten(1)
        leaves = functional.linear(x, self.weight, self.bias)
        inner = functional.linear(x, self.inner)
        scores = torch.cat((leaves, inner, leaves.new_zeros(len(x), 1)), dim=1)
        for jump in self.above:
            scores = scores + scores.index_select(1, jump)
        return scores[:, : self.outputs, None, None]


def _jumps(parents: Sequence[int]) -> Tensor:
    """For every node the one 1, 2, 4, … steps above it, (doublings, nodes + 1); beyond the root
    lies one node more, which scores 0.

    With each row the sum that a node holds doubles its reach towards the root.
    """
    nothing = len(parents)
    up = [nothing if parent == node else parent for node, parent in enumerate(parents)]
    up = torch.tensor([*up, nothing])
    rows = list[Tensor]()
    while (up != nothing).any():
        rows.append(up)
        up = up[up]
    return torch.stack(rows)
