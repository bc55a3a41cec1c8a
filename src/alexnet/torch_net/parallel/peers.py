"""The processes that run one network together, and what they send one another: single tensors,
whole rounds of them, the usual collectives made of these. It knows no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.torch_net.parallel.traffic import Purpose, Traffic, Way


@dataclass(frozen=True, slots=True)
class Parcel:
    """A contiguous tensor for a peer or from one: what is sent, or the place to receive it in."""

    peer: int
    what: str
    tensor: Tensor


class Peers:
    """The ranks of a process group.

    Everything here is direct: who needs something gets it from who has it, so that parts need not
    be alike, sums are taken in the order of ranks, and every byte that is sent is counted. An
    all-gather and a reduce-scatter send as many bytes as a ring would.

    Every method is to be called by all ranks in the same order. One that waits for a rank that does
    not come ends with the RuntimeError of torch.distributed after the group's timeout.

    Attributes:
        rank: this process.
        count: of processes.
        traffic: what this process has sent.
    """

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        """Takes a group of torch.distributed; None is all processes."""
        self.group = group
        self.rank, self.count = dist.get_rank(group), dist.get_world_size(group)
        self.traffic = Traffic()

    def exchange(
        self, purpose: Purpose, outgoing: Sequence[Parcel], incoming: Sequence[Parcel]
    ) -> None:
        """Sends and receives, and returns when `incoming` is filled.

        Args:
            purpose: for the count.
            outgoing: what this rank sends; each peer names it among its `incoming`, in this order.
            incoming: what it receives.
        """
        works: list[dist.P2POp] = []
        for way, parcels in ((dist.isend, outgoing), (dist.irecv, incoming)):
            nth = dict.fromkeys(range(self.count), 0)
            for parcel in parcels:
                assert parcel.tensor.is_contiguous(), f"{parcel.what} must lie in one piece"
                if not parcel.tensor.numel():
                    continue
                works.append(
                    dist.P2POp(
                        way,
                        parcel.tensor,
                        group=self.group,
                        tag=nth[parcel.peer],
                        group_peer=parcel.peer,
                    )
                )
                nth[parcel.peer] += 1
                if way is dist.isend:
                    sent = Way(purpose, parcel.what, self.rank, parcel.peer)
                    self.traffic.add(sent, parcel.tensor.nbytes)
        for work in dist.batch_isend_irecv(works) if works else ():
            work.wait()

    @property
    def others(self) -> list[int]:
        """The ranks but this one."""
        return [rank for rank in range(self.count) if rank != self.rank]

    def gather(
        self, purpose: Purpose, what: str, own: Tensor, axis: int, sizes: Sequence[int]
    ) -> Tensor:
        """Every rank's part joined along an axis, on every rank (an all-gather).

        Args:
            purpose, what: for the count.
            own: this rank's part.
            axis: along which the parts differ in size.
            sizes: of all parts.
        """
        own = own.contiguous()
        assert own.shape[axis] == sizes[self.rank], f"{what}: a part of another size than was said"
        parts = [own.new_empty(_resized(own, axis, size)) for size in sizes]
        parts[self.rank] = own
        self.exchange(
            purpose,
            [Parcel(peer, what, own) for peer in self.others],
            [Parcel(peer, what, parts[peer]) for peer in self.others],
        )
        return torch.cat(parts, axis)

    def scatter_sum(
        self, purpose: Purpose, what: str, whole: Tensor, axis: int, sizes: Sequence[int]
    ) -> Tensor:
        """This rank's part of the sum over all ranks' `whole`s (a reduce-scatter); arguments as in
        `gather`.
        """
        parts = [part.contiguous() for part in whole.split(list(sizes), axis)]
        terms = [torch.empty_like(parts[self.rank]) for _ in sizes]
        terms[self.rank] = parts[self.rank]
        self.exchange(
            purpose,
            [Parcel(peer, what, parts[peer]) for peer in self.others],
            [Parcel(peer, what, terms[peer]) for peer in self.others],
        )
        return torch.stack(terms).sum(0) if self.count > 1 else terms[0]

    def sum(self, purpose: Purpose, what: str, own: Tensor) -> Tensor:
        """Σ over ranks of a vector, the same to the last bit on every rank (an all-reduce)."""
        sizes = [part(own.numel(), rank, self.count) for rank in range(self.count)]
        lengths = [each.stop - each.start for each in sizes]
        return self.gather(
            purpose, what, self.scatter_sum(purpose, what, own, 0, lengths), 0, lengths
        )


def part(count: int, index: int, parts: int) -> slice:
    """The `index`-th of `parts` parts of `count` things; they differ by one at most."""
    assert 0 <= index < parts, f"part {index} of {parts}"
    return slice(count * index // parts, count * (index + 1) // parts)


def _resized(like: Tensor, axis: int, size: int) -> tuple[int, ...]:
    return *like.shape[:axis], size, *like.shape[axis + 1 :]
