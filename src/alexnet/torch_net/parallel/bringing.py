"""How activations are brought together from all ranks and their gradients shared out again, as an
autograd function. Which ones and when is the matter of `regions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alexnet.torch_net.parallel.peers import Peers
from alexnet.torch_net.parallel.regions import Bringing, Region
from alexnet.torch_net.parallel.traffic import Purpose


@dataclass(frozen=True, eq=False)
class Parts:
    """An activation of which each rank has a part.

    Attributes:
        what: whose, and for what it is brought together.
        region: how it is parted: by pictures, by outputs, or not.
        sizes: of the ranks' parts along that axis.
        purpose: of sending it, for the count.
    """

    peers: Peers
    what: Bringing
    region: Region
    sizes: Sequence[int]
    purpose: Purpose

    @property
    def axis(self) -> int:
        """Along which it is parted."""
        return 0 if self.region == "rows" else 1

    def whole(self, own: Tensor) -> Tensor:
        """All of it."""
        if self.region == "whole":
            return own.view_as(own)
        return self.peers.gather(self.purpose, self.what.layer, own, self.axis, self.sizes)

    def own_gradient(self, gradient: Tensor) -> Tensor:
        """Of what this rank finds for the whole, and the others, what is its part's."""
        what, peers = self.what.layer, self.peers
        if self.what.how == "alike":
            first = sum(self.sizes[: peers.rank])
            return gradient.narrow(self.axis, first, self.sizes[peers.rank])
        if self.region == "whole":
            total = peers.sum("backward", what, gradient.reshape(-1))
            return total.view(gradient.shape)
        return peers.scatter_sum("backward", what, gradient, self.axis, self.sizes)


class _Brought(torch.autograd.Function):
    """One bringing. The ticket that goes through all of a pass makes the backward pass take them in
    the opposite order on every rank.
    """

    @staticmethod
    def forward(ctx: Any, parts: Parts, ticket: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)  # what no cost depends on has no gradient
        ctx.parts = parts
        return ticket.clone(), parts.whole(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ticket, gradient = gradients
        if gradient is None or not ctx.needs_input_grad[2]:
            return None, ticket, None
        return None, ticket, ctx.parts.own_gradient(gradient)


def brought(parts: Parts, ticket: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Takes part in a bringing.

    Args:
        parts: what is brought.
        ticket: a number that requires a gradient, from the bringing before.
        own: this rank's part.

    Returns:
        The ticket for the bringing that follows, and the whole.
    """
    if not own.is_floating_point():
        return ticket, parts.whole(own)
    return _Brought.apply(parts, ticket, own)  # type: ignore[return-value]
