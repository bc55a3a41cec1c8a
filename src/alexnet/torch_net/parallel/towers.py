"""The towers of a network apart, as in 2012: each on a device of its own in one process, or in a
process of its own. What one tower reads of another crosses, and its gradient crosses back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from alexnet.network.catalog import get_network
from alexnet.network.layers import Input, Loss
from alexnet.network.spec import Network
from alexnet.torch_net.build import Array, checked_arrays, initial_arrays
from alexnet.torch_net.network_module import NetworkModule
from alexnet.torch_net.parallel.crossing import Round, copied, exchange
from alexnet.torch_net.parallel.dealing import Found, ParallelModule, Share
from alexnet.torch_net.parallel.draws import Shown, rows_of
from alexnet.torch_net.parallel.peers import Parcel, Peers
from alexnet.torch_net.parallel.pieces import Elsewhere, check_shared, cut_out, piece_module
from alexnet.torch_net.parallel.places import Message, Places, Plan, settle


class TowersModule(ParallelModule):
    """A network whose towers run apart; `build_towers` makes one.

    Each tower's layers see what its own layers give, and of the others' what the ledger's crossings
    list. With `peers` rank r runs the r-th tower, and holds its weights alone; without, one process
    runs all, each on its device.

    Attributes:
        places: where the layers run.
        towers: those that this process runs.
        devices: of these, in one process; None with peers.
    """

    def __init__(
        self,
        network: Network,
        arrays: Mapping[str, Tensor],
        peers: Peers | None,
        devices: Sequence[torch.device] | None,
    ) -> None:
        """Takes every array of `network`, and keeps those of the towers that it runs."""
        self.places = Places(settle(network))
        settled, every = self.places.network, self.places.network.towers
        check_shared(settled, {x.name: self.places.home(x.name) for x in settled})
        ranks = {tower: 0 if peers is None else rank for rank, tower in enumerate(every)}
        homes = {name: self.places.home(name.rpartition(".")[0]) for name in arrays}
        whole = slice(None)
        shares = {name: (Share(ranks[home], whole),) for name, home in homes.items()}
        super().__init__(network, peers, shares)
        self.ranks = ranks
        self.towers = every if peers is None else (every[peers.rank],)
        self.devices = None if devices is None else dict(zip(every, devices, strict=True))
        self._pieces: dict[tuple[int, int], NetworkModule] = {}
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._fill(arrays)

    def _fill(self, arrays: Mapping[str, Tensor]) -> None:
        """Makes the pieces that run here; layers are modules of their own names, in order."""
        modules: dict[str, nn.Module] = {}
        for tower in self.towers:
            known: dict[str, nn.Module] = {}
            for level, names in self.places.pieces(tower).items():
                piece = piece_module(cut_out(self.places.network, names), arrays, known)
                if self.devices is not None:
                    piece.to(self.devices[tower])
                self._pieces[tower, level] = piece
                known.update((k, x) for k, x in piece.named_children() if k not in known)
            for name, module in known.items():  # what every tower runs for itself is there for each
                modules[name if name not in modules else f"{name} of tower {tower}"] = module
        for layer in self.network:
            if not isinstance(layer, Input):
                self._modules[layer.name] = modules.pop(layer.name, None) or Elsewhere()
        self._modules.update(modules)

    def _run(
        self,
        given: Found,
        wanted: list[str],
        draws: Mapping[str, Tensor],
        generator: torch.Generator | None,
        shown: Shown,
    ) -> tuple[Found, Tensor]:
        plan = self._plans.setdefault(tuple(wanted), self.places.plan(wanted))
        picture = given[self.network.picture.name]
        drawn = self._drawn(plan.runs, draws, generator, shown, picture)
        rows = [self.rows_here(shown)]
        by_name = self.places.by_name
        drawn = {name: rows_of(by_name[name], draw, rows) for name, draw in drawn.items()}
        held: dict[int, Found] = {}
        for tower in self.towers:
            device = picture.device if self.devices is None else self.devices[tower]
            held[tower] = {name: x.to(device) for name, x in given.items()}
        ticket = torch.zeros(1, device=picture.device, requires_grad=True)
        for level, messages in enumerate(plan.rounds):
            ticket = self._crossed(messages, held, ticket, len(picture))
            for tower in self.towers:
                names = plan.given.get((tower, level))
                if names:
                    held[tower].update(self._piece(tower, level, names, held[tower], drawn))
        return self._told(wanted, held, picture), ticket

    def _piece(
        self, tower: int, level: int, names: Sequence[str], held: Found, drawn: Found
    ) -> Found:
        """What a piece gives of what its tower holds."""
        piece = self._pieces[tower, level]
        picture = held[self.network.picture.name]
        inputs = {
            layer.name: held[layer.name]
            for layer in piece.network
            if isinstance(layer, Input) and layer.name in held
        }
        draws = {k: x.to(picture.device) for k, x in drawn.items() if k in piece.network.placed}
        found = piece(picture, layers=names, inputs=inputs, draws=draws)
        assert isinstance(found, dict), "asked for by name, activations come by name"
        return found

    def _crossed(
        self, messages: Sequence[Message], held: dict[int, Found], ticket: Tensor, count: int
    ) -> Tensor:
        """Brings the towers what they read of one another; the ticket of the round that follows."""
        if self.peers is None:
            assert self.devices is not None, "one process has a device for each tower"
            for message in messages:
                x, device = held[message.source][message.layer], self.devices[message.target]
                if not message.returns:
                    x = x.detach()
                held[message.target][message.layer] = copied(x, device, message, self.traffic)
            return ticket
        (tower,) = self.towers
        own = tuple(m for m in messages if tower in (m.source, m.target))
        if not own:
            return ticket
        shapes = {message.layer: self._shape(message.layer, count) for message in own}
        one = Round(self.peers, own, tower, self.ranks, shapes, self._like())
        ticket, received = exchange(one, ticket, held[tower])
        held[tower].update(received)
        return ticket

    def _told(self, wanted: Sequence[str], held: dict[int, Found], picture: Tensor) -> Found:
        """What was asked for, on every rank: what another one has comes without a gradient."""
        found: Found = {}
        for name in wanted:
            home = self.places.home(name)
            if home in held:
                found[name] = held[home][name].to(picture.device)
        if self.peers is None:
            return found
        outgoing: list[Parcel] = []
        incoming: list[Parcel] = []
        for name in wanted:
            if isinstance(self.network[name], Input):
                found[name] = held[self.towers[0]][name]
            elif name in found:
                x = found[name].detach().to(self._dtype()).contiguous()
                outgoing += [Parcel(rank, name, x) for rank in self.peers.others]
            else:
                shape = self._shape(name, len(picture))
                found[name] = torch.empty(shape, dtype=self._dtype(), device=picture.device)
                incoming.append(Parcel(self.ranks[self.places.home(name)], name, found[name]))
        self.peers.exchange("told", outgoing, incoming)
        return {name: found[name] for name in wanted}

    def _shape(self, name: str, count: int) -> tuple[int, ...]:
        """Of an activation of `count` pictures, as modules give it."""
        channels, *sides = self.network.shape(name)
        if isinstance(self.network[name], Loss):
            return (count,)
        return (count, channels) if sides == [1, 1] else (count, channels, *sides)

    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def _like(self) -> Tensor:
        """What crosses is in the numbers that the layers compute in."""
        weight = next(self.parameters())
        kind, dtype = weight.device.type, weight.dtype
        if torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
        return weight.detach().new_empty(0, dtype=dtype)


def build_towers(
    network: Network | str,
    *,
    peers: Peers | None = None,
    devices: Sequence[torch.device | str] | None = None,
    seed: int | None = 0,
    arrays: Mapping[str, Array] | None = None,
    dtype: torch.dtype = torch.float32,
) -> TowersModule:
    """A module that runs the towers of `network` apart, in training mode.

    Args:
        network: what to run; a text is a catalog network's name.
        peers: as many processes as there are towers; each holds one.
        devices: without peers, one for each tower; None is the CPU for all.
        seed, arrays, dtype: as `build` takes them: the whole network's, whoever holds them.

    Raises:
        ValueError: fewer than two towers, another number of processes or devices, weights shared
            between towers, or arrays that do not fit.
    """
    if isinstance(network, str):
        network = get_network(network)
    count = len(settle(network).towers)
    there = count if devices is None and peers is None else len(devices or ())
    what, there = ("devices", there) if peers is None else ("processes", peers.count)
    if there != count:
        raise ValueError(
            f"network '{network.name}' has {count} towers and there are {there} {what}; it takes"
            " one for each"
        )
    if arrays is None:
        whole = initial_arrays(network, seed=seed, dtype=dtype)
    else:
        whole = checked_arrays(network, arrays, dtype)
    places = None
    if peers is None:
        places = [torch.device(each) for each in devices or ["cpu"] * count]
    return TowersModule(network, whole, peers, places)
