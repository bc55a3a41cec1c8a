"""What parallel modules have in common: which process holds which part of which array, and how whole
checkpoints are put together and dealt out. It runs no layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from alexnet.network.arithmetic import network_parameters
from alexnet.network.spec import Network
from alexnet.torch_net.parallel.peers import Parcel, Peers


@dataclass(frozen=True, slots=True)
class Share:
    """Rows of an array, along its first axis, that one rank holds."""

    rank: int
    rows: slice


class LearningRates(Protocol):
    """What `own_rates` asks of an array's rates; `training.rates.Rates` has it."""

    @property
    def rule(self) -> str:
        """Which update rule moves the array."""
        ...

    @property
    def noise(self) -> float:
        """By how much the rate is multiplied at random."""
        ...


R = TypeVar("R", bound=LearningRates)


class ParallelModule(nn.Module):
    """A network of which this process holds a part. Parameters have the names that they have in the
    whole network, and are all the process has.

    Attributes:
        network: the whole one.
        peers: the other processes; None where there are none.
        shares: of every array of the whole network, who holds which rows; an array that all ranks
            hold is listed with rank 0.
    """

    def __init__(
        self, network: Network, peers: Peers | None, shares: Mapping[str, tuple[Share, ...]]
    ) -> None:
        """Takes the whole network, the group, and the shares."""
        super().__init__()
        self.network, self.peers, self.shares = network, peers, dict(shares)
        self.shapes = {p.name: p.shape for p in network_parameters(network)}

    def sum_gradients(self) -> None:
        """Adds up the gradients of arrays that several ranks hold: to be called after `backward`
        and before the update, by all ranks.
        """

    def is_whole(self, name: str) -> bool:
        """Whether an array is held in one piece by whoever holds it."""
        return len(self.shares[name]) == 1

    def gather(self, own: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Whole arrays from everybody's: weights, or whatever is shaped as they are.

        Args:
            own: this rank's, under its parameters' names.

        Returns:
            On rank 0 every array of the network, on the CPU, in the network's order; else None.
        """
        if self.peers is None:
            return {name: own[name].detach().cpu() for name in self.shapes}
        found: dict[str, Tensor] = {}
        like = next(iter(own.values()))
        for name, shape in self.shapes.items():
            whole = like.new_empty(shape) if self.peers.rank == 0 else None
            outgoing: list[Parcel] = []
            incoming: list[Parcel] = []
            for share in self.shares[name]:
                if whole is not None and share.rank == 0:
                    whole[share.rows] = own[name].detach()
                elif whole is not None:
                    incoming.append(Parcel(share.rank, name, whole[share.rows]))
                elif share.rank == self.peers.rank:
                    outgoing.append(Parcel(0, name, own[name].detach().contiguous()))
            self.peers.exchange("arrays", outgoing, incoming)
            if whole is not None:
                found[name] = whole.cpu()
        return found if self.peers.rank == 0 else None

    @torch.no_grad()
    def scatter(self, whole: Mapping[str, Tensor] | None, own: Mapping[str, Tensor]) -> None:
        """The way back: writes into everybody's `own` what rank 0 has as `whole` (others None)."""
        if self.peers is None:
            assert whole is not None, "one process deals to itself"
            for name, tensor in own.items():
                tensor.copy_(whole[name])
            return
        everybody = range(self.peers.count)
        for name in self.shapes:
            held = {share.rank: share for share in self.shares[name]}
            if self.is_replicated(name):
                held = {rank: Share(rank, slice(None)) for rank in everybody}
            mine = held.get(self.peers.rank)
            place = None if mine is None else torch.empty_like(own[name]).contiguous()
            outgoing: list[Parcel] = []
            if whole is not None:
                like = next(iter(own.values()))
                array = whole[name].to(device=like.device, dtype=like.dtype).contiguous()
                outgoing = [
                    Parcel(rank, name, array[share.rows])
                    for rank, share in held.items()
                    if rank != 0
                ]
                if mine is not None and place is not None:
                    place.copy_(array[mine.rows])
            from_first = place is not None and self.peers.rank != 0
            incoming = [Parcel(0, name, place)] if from_first and place is not None else []
            self.peers.exchange("arrays", outgoing, incoming)
            if place is not None:
                own[name].copy_(place)

    def is_replicated(self, name: str) -> bool:
        """Whether every rank holds the whole array."""
        return False


def own_rates(module: nn.Module, rates: Mapping[str, R]) -> dict[str, R]:
    """Of the rates of a whole network those of the arrays that this process holds.

    Every rule moves an array by its own gradient, so a part of the arrays is moved as all would be.

    Raises:
        ValueError: noise of rates, which is drawn for all arrays in turn, or Muon on an array of
            which each rank holds some rows, whose step is one for the whole matrix.
    """
    if not isinstance(module, ParallelModule):
        return dict(rates)
    held = dict(module.named_parameters())
    for name, own in rates.items():
        if own.noise and held.keys() != rates.keys():
            raise ValueError(
                f"the rate of '{name}' has noise, which is drawn for all arrays in turn; towers"
                " that run apart hold a part of them each: train them in one process, or set noise"
                " to 0"
            )
        if own.rule == "muon" and not module.is_whole(name):
            raise ValueError(
                f"rule 'muon' moves '{name}' as one matrix, of which each process holds some rows;"
                " give its layer rule 'momentum' or 'nesterov', or train in one process"
            )
    return {name: own for name, own in rates.items() if name in held}
