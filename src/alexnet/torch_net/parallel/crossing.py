"""How activations cross between towers and their gradients back, as autograd functions: between
processes, or between devices of one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alexnet.torch_net.parallel.peers import Parcel, Peers
from alexnet.torch_net.parallel.places import Message
from alexnet.torch_net.parallel.traffic import Purpose, Traffic, Way


@dataclass(frozen=True, eq=False)
class Round:
    """All that crosses between two levels, as one process sees it.

    Attributes:
        messages: those that this process sends or receives, in the order all agree on.
        tower: this process's.
        ranks: of every tower.
        shapes: of the layers' outputs with the batch, (N, n) or (N, channels, height, width).
        like: has the dtype and device of what is received.
    """

    peers: Peers
    messages: tuple[Message, ...]
    tower: int
    ranks: Mapping[int, int]
    shapes: Mapping[str, tuple[int, ...]]
    like: Tensor

    @property
    def outgoing(self) -> list[Message]:
        """What this tower sends."""
        return [message for message in self.messages if message.source == self.tower]

    @property
    def incoming(self) -> list[Message]:
        """What it receives."""
        return [message for message in self.messages if message.target == self.tower]

    def forward(self, own: Mapping[str, Tensor]) -> list[Tensor]:
        """The outputs of other towers' layers, one for each incoming message."""
        received = [self._place(message) for message in self.incoming]
        self._exchange(
            "forward",
            [(self.ranks[m.target], m.layer, own[m.layer]) for m in self.outgoing],
            [
                (self.ranks[m.source], m.layer, place)
                for m, place in zip(self.incoming, received, strict=True)
            ],
        )
        return received

    def backward(self, gradients: Sequence[Tensor]) -> dict[str, Tensor]:
        """What other towers' readings of this one's layers add to their gradients."""
        taught = [message for message in self.outgoing if message.returns]
        received = [self._place(message) for message in taught]
        self._exchange(
            "backward",
            [
                (self.ranks[m.source], m.layer, gradient)
                for m, gradient in zip(self.incoming, gradients, strict=True)
                if m.returns
            ],
            [
                (self.ranks[m.target], m.layer, place)
                for m, place in zip(taught, received, strict=True)
            ],
        )
        found: dict[str, Tensor] = {}
        for message, gradient in zip(taught, received, strict=True):
            name = message.layer
            found[name] = found[name] + gradient if name in found else gradient
        return found

    def _place(self, message: Message) -> Tensor:
        shape = self.shapes[message.layer]
        last = torch.channels_last if len(shape) == 4 else torch.contiguous_format
        return torch.empty(
            shape, dtype=self.like.dtype, device=self.like.device, memory_format=last
        )

    def _exchange(
        self,
        purpose: Purpose,
        outgoing: Sequence[tuple[int, str, Tensor]],
        incoming: Sequence[tuple[int, str, Tensor]],
    ) -> None:
        self.peers.exchange(
            purpose,
            [Parcel(peer, what, _laid(x).contiguous()) for peer, what, x in outgoing],
            [Parcel(peer, what, _laid(x)) for peer, what, x in incoming],
        )


def _laid(x: Tensor) -> Tensor:
    """Maps cross with their channels last, as they mostly lie in memory while training; both ends
    agree on that whatever their own layers have.
    """
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


class _Exchanged(torch.autograd.Function):
    """One round. The ticket that goes through every round of a pass makes the backward pass take
    them in the opposite order on every process, and take part in all of them even where none of a
    process's own layers has a cost.
    """

    @staticmethod
    def forward(ctx: Any, one: Round, ticket: Tensor, *own: Tensor) -> tuple[Tensor, ...]:
        ctx.round, ctx.names = one, _names(one)
        received = one.forward(dict(zip(ctx.names, own, strict=True)))
        untaught = [
            x for x, message in zip(received, one.incoming, strict=True) if not message.returns
        ]
        ctx.mark_non_differentiable(*untaught)
        return ticket.clone(), *received

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        found = ctx.round.backward(gradients[1:])
        return None, gradients[0], *(found.get(name) for name in ctx.names)


def _names(one: Round) -> list[str]:
    return list(dict.fromkeys(message.layer for message in one.outgoing))


def exchange(
    one: Round, ticket: Tensor, own: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Takes part in a round.

    Args:
        one: the round.
        ticket: a number that requires a gradient, from the round before.
        own: this tower's activations by name.

    Returns:
        The ticket for the round that follows, and the other towers' activations.
    """
    sent = [own[name].to(one.like.dtype) for name in _names(one)]
    ticket, *received = _Exchanged.apply(one, ticket, *sent)
    return ticket, {m.layer: x for m, x in zip(one.incoming, received, strict=True)}


class _Copied(torch.autograd.Function):
    """A copy on another device, counted there and back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, device: torch.device, message: Message, traffic: Traffic
    ) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.back, ctx.message, ctx.traffic = x.device, message, traffic
        way = Way("forward", message.layer, message.source, message.target)
        traffic.add(way, x.nbytes)
        return x.to(device, copy=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if gradient is None:
            return None, None, None, None
        message = ctx.message
        way = Way("backward", message.layer, message.target, message.source)
        ctx.traffic.add(way, gradient.nbytes)
        return gradient.to(ctx.back), None, None, None


def copied(x: Tensor, device: torch.device, message: Message, traffic: Traffic) -> Tensor:
    """A layer's output on the device of the tower that reads it."""
    return _Copied.apply(x, device, message, traffic)
