"""What parallel modules have in common: they are called as a NetworkModule is, each process holds
its part of the arrays, and whole checkpoints are put together and dealt out. It runs no layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from alexnet.network.arithmetic import network_parameters
from alexnet.network.layers import Layer
from alexnet.network.spec import Network
from alexnet.torch_net.network_module import Costs, costed, given_inputs, total_costs
from alexnet.torch_net.parallel.draws import Shown, lies_last, whole_draws
from alexnet.torch_net.parallel.peers import Parcel, Peers
from alexnet.torch_net.parallel.traffic import Traffic


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

Found = dict[str, Tensor]
"""Activations by layer name."""


class ParallelModule(nn.Module):
    """A network of which this process holds a part. Parameters have the names that they have in the
    whole network, and are all the process has.

    It is called as a NetworkModule is, by all processes in the same order, with the same pictures
    and generators in the same state, and answers all of them alike.

    Attributes:
        network: the whole one.
        peers: the other processes; None where there are none.
        shares: of every array of the whole network, who holds which rows; an array that all ranks
            hold is listed with rank 0.
        traffic: what was sent from here.
        splits_batches: whether each rank may be shown its part of a batch, and not all of it.
    """

    splits_batches = False

    def __init__(
        self, network: Network, peers: Peers | None, shares: Mapping[str, tuple[Share, ...]]
    ) -> None:
        """Takes the whole network, the group, and the shares."""
        super().__init__()
        self.network, self.peers, self.shares = network, peers, dict(shares)
        self.traffic = Traffic() if peers is None else peers.traffic
        self.shapes = {p.name: p.shape for p in network_parameters(network)}

    def forward(
        self,
        picture: Tensor,
        labels: Tensor | None = None,
        *,
        layers: Sequence[str] | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        draws: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Found:
        """As `NetworkModule.forward`; every process is given all pictures and has all answers."""
        wanted = [self.network.outputs.name] if layers is None else list(layers)
        given = given_inputs(self.network, picture, labels, inputs or {})
        shown = self.shown(len(picture))
        own = self.rows_here(shown)
        given = {name: value[own] for name, value in given.items()}
        found, _ = self._run(given, wanted, draws or {}, generator, shown)
        return found[wanted[0]] if layers is None else found

    def costs(
        self,
        picture: Tensor,
        labels: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        draws: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
        shown: Shown | None = None,
    ) -> Costs:
        """As `NetworkModule.costs`, of all pictures on every process; each calls `backward` on the
        objective, and then `sum_gradients`.

        Args:
            picture, labels, inputs: of the pictures that this process is shown.
            draws, generator: of the whole batch.
            shown: which of a whole batch they are, for every process; None where each has all.
        """
        wanted = costed(self.network)
        given = given_inputs(self.network, picture, labels, inputs or {})
        if shown is None:
            shown = self.shown(len(picture))
            own = self.rows_here(shown)
            given = {name: value[own] for name, value in given.items()}
        found, ticket = self._run(given, wanted, draws or {}, generator, shown)
        costs = total_costs(self.network, found)
        return Costs(costs.objective + ticket.sum(), costs.per_loss, costs.outputs)

    def shown(self, count: int) -> Shown:
        """Which of `count` pictures each rank works on, where it is given all."""
        ranks = 1 if self.peers is None else self.peers.count
        return Shown(count, (slice(0, count),) * ranks)

    def rows_here(self, shown: Shown) -> slice:
        """Which pictures this rank works on."""
        return shown.rows[0 if self.peers is None else self.peers.rank]

    def sum_gradients(self) -> None:
        """Adds up the gradients of arrays that several ranks hold: to be called after `backward`
        and before the update, by all ranks.
        """

    def is_whole(self, name: str) -> bool:
        """Whether an array is held in one piece by whoever holds it."""
        return len(self.shares[name]) == 1

    def dealt(self, whole: Mapping[str, Tensor]) -> Found:
        """This process's part of whole arrays: weights, or whatever is shaped as they are."""
        return {name: whole[name][self._own_rows(name)] for name, _ in self.named_parameters()}

    def gather(self, own: Mapping[str, Tensor]) -> Found | None:
        """The way back: whole arrays from everybody's.

        Args:
            own: this rank's, under its parameters' names.

        Returns:
            On rank 0 every array of the network, on the CPU, in the network's order; else None.
        """
        if self.peers is None:
            return {name: own[name].detach().cpu() for name in self.shapes}
        found: Found = {}
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

    def _run(
        self,
        given: Found,
        wanted: list[str],
        draws: Mapping[str, Tensor],
        generator: torch.Generator | None,
        shown: Shown,
    ) -> tuple[Found, Tensor]:
        """The activations of `wanted` for the whole batch, on every rank, and a 0 that hangs on all
        that was received, so that whoever teaches anything takes part in sending gradients back.
        """
        raise NotImplementedError

    def _drawn(
        self,
        layers: Sequence[Layer],
        draws: Mapping[str, Tensor],
        generator: torch.Generator | None,
        shown: Shown,
        picture: Tensor,
    ) -> Found:
        """What all layers draw for the whole batch; what is given in its place is taken."""
        if not self.training:
            return dict(draws)
        left = [layer for layer in layers if layer.name not in draws]
        weight = next(self.parameters(), picture)
        drawn = whole_draws(
            *(left, self.network, shown.whole),
            like=picture.new_empty(0, dtype=weight.dtype),
            last=lies_last(self),
            generator=generator,
        )
        return {**drawn, **draws}

    def _own_rows(self, name: str) -> slice:
        rank = 0 if self.peers is None else self.peers.rank
        return next((s.rows for s in self.shares[name] if s.rank == rank), slice(None))


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
