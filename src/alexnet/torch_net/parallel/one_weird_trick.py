"""One weird trick (Krizhevsky 2014, arXiv 1404.5997): convolutions parallel by data,
fully-connected layers parallel by model, by plain exchanges between processes.

It is the paper's scheme (a): all ranks' last convolutional activations are brought together once a
step, and the fully-connected layers run on the whole batch. Each rank has an equal part of every
such layer's outputs, all inputs to them; gradients of activations go back as they came. What the
last layer says is brought together too, and all ranks count the costs alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from alexnet.network.catalog import get_network
from alexnet.network.layers import FullyConnected, Input, Layer
from alexnet.network.spec import Network
from alexnet.torch_net.build import Array, checked_arrays, initial_arrays
from alexnet.torch_net.network_module import NetworkModule
from alexnet.torch_net.parallel.bringing import Parts, brought
from alexnet.torch_net.parallel.dealing import Found, ParallelModule, Share
from alexnet.torch_net.parallel.draws import Shown, is_whole, rows_of
from alexnet.torch_net.parallel.peers import Peers, part
from alexnet.torch_net.parallel.pieces import cut_out, narrowed, piece_module
from alexnet.torch_net.parallel.regions import Bringing, Course, Piece, Regions


class OneWeirdTrickModule(ParallelModule):
    """A network whose convolutions every rank holds, and of whose fully-connected layers' outputs
    each holds a part; `build_one_weird_trick` makes one.

    Attributes:
        places: where the layers run.
    """

    splits_batches = True

    def __init__(self, network: Network, arrays: Mapping[str, Tensor], peers: Peers) -> None:
        """Takes every array of `network`, and keeps this rank's part."""
        self.places = Regions(network, peers.count)
        shares = {
            name: self._shares(name, array.shape[0], peers.count) for name, array in arrays.items()
        }
        super().__init__(network, peers, shares)
        self.group: Peers = peers
        own = {name: array[self._own_rows(name)].clone() for name, array in arrays.items()}
        known: dict[str, nn.Module] = {}
        self._pieces: dict[Piece, NetworkModule] = {}
        for piece, names in self.places.pieces().items():
            module = piece_module(self._cut(piece, names), own, known)
            self._pieces[piece] = module
            known.update((k, x) for k, x in module.named_children() if k not in known)
        for layer in network:
            if not isinstance(layer, Input):
                self._modules[layer.name] = known[layer.name]
        self._courses: dict[tuple[str, ...], Course] = {}

    def shown(self, count: int) -> Shown:
        """As equal as can be, in the order of ranks."""
        ranks = self.group.count
        return Shown(count, tuple(part(count, rank, ranks) for rank in range(ranks)))

    def sum_gradients(self) -> None:
        """Adds up the gradients that each rank has of its own pictures."""
        for name, parameter in self.named_parameters():
            owner = name.rpartition(".")[0]
            if parameter.grad is not None and self.places.regions[owner] == "rows":
                own = parameter.grad.reshape(-1)
                total = self.group.sum("gradients", name, own)
                parameter.grad.copy_(total.view(parameter.grad.shape))

    def _shares(self, name: str, outputs: int, ranks: int) -> tuple[Share, ...]:
        if name.rpartition(".")[0] not in self.places.dealt:
            return (Share(0, slice(None)),)
        return tuple(Share(rank, part(outputs, rank, ranks)) for rank in range(ranks))

    def _cut(self, piece: Piece, names: tuple[str, ...]) -> Network:
        """The layers of a piece, with this rank's outputs of those that are dealt out."""
        found = cut_out(self.network, names)
        if piece[1] != "columns":
            return found
        return replace(found, layers=tuple(map(self._narrow, found)))

    def _narrow(self, layer: Layer) -> Layer:
        if isinstance(layer, FullyConnected) and layer.name in self.places.dealt:
            return narrowed(layer, self._widths(layer.name)[self.group.rank])
        return layer

    def _widths(self, name: str) -> list[int]:
        """How many of a layer's outputs each rank has."""
        outputs, ranks = self.network.shape(name)[0], self.group.count
        parts = [part(outputs, rank, ranks) for rank in range(ranks)]
        return [each.stop - each.start for each in parts]

    def _run(
        self,
        given: Found,
        wanted: list[str],
        draws: Mapping[str, Tensor],
        generator: torch.Generator | None,
        shown: Shown,
    ) -> tuple[Found, Tensor]:
        course = self._courses.setdefault(tuple(wanted), self.places.course(wanted))
        picture = given[self.network.picture.name]
        drawn = self._drawn(course.runs, draws, generator, shown, picture)
        drawn = {name: self._own_draw(name, draw, shown) for name, draw in drawn.items()}
        held, whole = dict(given), dict[Bringing, Tensor]()
        ticket = torch.zeros(1, device=picture.device, requires_grad=True)
        for level, bringings in enumerate(course.brought):
            for each in bringings:
                parts = self._parts(each, shown, told=level == self.places.depth)
                ticket, whole[each] = brought(parts, ticket, held[each.layer])
            for region in ("rows", "columns", "whole"):
                names = course.given.get((level, region))
                if names:
                    held.update(self._piece((level, region), names, held, whole, drawn))
        found = {name: whole.get(Bringing(name, "alike"), held[name]) for name in wanted}
        return found, ticket

    def _piece(
        self,
        place: Piece,
        names: tuple[str, ...],
        held: Found,
        whole: Mapping[Bringing, Tensor],
        drawn: Found,
    ) -> Found:
        """What a piece gives of what this rank holds and what was brought to it."""
        piece, region = self._pieces[place], place[1]
        picture = held[self.network.picture.name]
        own = {name: x for name, x in drawn.items() if name in piece.network.placed}
        inputs = dict(held)
        if region != "rows":
            how = "parted" if region == "columns" else "alike"
            inputs.update((key.layer, x) for key, x in whole.items() if key.how == how)
        inputs = {
            x.name: inputs[x.name]
            for x in piece.network
            if isinstance(x, Input) and x.name in inputs
        }
        nobody = region == "rows" and not len(picture)
        if nobody:  # a black picture is shown in their place, and forgotten
            inputs = {name: x.new_zeros(1, *x.shape[1:]) for name, x in inputs.items()}
        found = piece(
            inputs.get(self.network.picture.name, picture), layers=names, inputs=inputs, draws=own
        )
        assert isinstance(found, dict), "asked for by name, activations come by name"
        return {name: x[:0] for name, x in found.items()} if nobody else found

    def _own_draw(self, name: str, draw: Tensor, shown: Shown) -> Tensor:
        """Of what a layer draws for the whole batch, what is for the part of it that runs here."""
        layer, region, own = self.network[name], self.places.regions[name], self.rows_here(shown)
        if region == "rows":
            nobody = own.start == own.stop
            return rows_of(layer, draw, [slice(0, 1) if nobody else own])
        draw = rows_of(layer, draw, shown.rows)
        if region == "whole" or is_whole(layer):
            return draw
        widths, rank = self._widths(name), self.group.rank
        return draw.narrow(1, sum(widths[:rank]), widths[rank])

    def _parts(self, what: Bringing, shown: Shown, *, told: bool) -> Parts:
        region = self.places.regions[what.layer]
        sizes = self._widths(what.layer) if region == "columns" else shown.sizes
        told = told or isinstance(self.network[what.layer], Input) and what.how == "alike"
        return Parts(self.group, what, region, sizes, "told" if told else "forward")


def build_one_weird_trick(
    network: Network | str,
    peers: Peers,
    *,
    seed: int | None = 0,
    arrays: Mapping[str, Array] | None = None,
    dtype: torch.dtype = torch.float32,
) -> OneWeirdTrickModule:
    """A module that runs `network` by one weird trick, in training mode.

    Args:
        network: what to run; a text is a catalog network's name.
        peers: the processes.
        seed, arrays, dtype: as `build` takes them: the whole network's, whoever holds what of them.

    Raises:
        ValueError: no fully-connected layer can be dealt out, or arrays do not fit.
    """
    if isinstance(network, str):
        network = get_network(network)
    if not Regions(network, peers.count).dealt:
        raise ValueError(
            f"network '{network.name}' has no fully-connected layer without groups that has an"
            f" output for each of {peers.count} processes; one weird trick deals such layers out"
        )
    if arrays is None:
        whole = initial_arrays(network, seed=seed, dtype=dtype)
    else:
        whole = checked_arrays(network, arrays, dtype)
    return OneWeirdTrickModule(network, whole, peers)
