"""A network that is split over processes or devices, each with its part of it: which part that is,
and one batch's gradients of it. Processes that each have all of the network are in `sharing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_never, cast

import torch
from torch import Tensor

from alexnet.evaluation import label_ranks
from alexnet.network.spec import Network
from alexnet.torch_net.build import Array
from alexnet.torch_net.parallel import (
    ParallelModule,
    Peers,
    Shown,
    build_one_weird_trick,
    build_towers,
    part,
    settle,
)
from alexnet.torch_net.precision import Precision
from alexnet.training.batches import Batch
from alexnet.training.distributed import Group

Split = Literal["data", "towers", "one-weird-trick"]
"""What processes that learn together divide among them: the pictures of every batch; the towers of
the network; or pictures in the convolutions and the network in the fully-connected layers. What is
written is the same for all, so that a run may go on with another one.
"""


def split_module(
    network: Network,
    arrays: Mapping[str, Array],
    split: Literal["towers", "one-weird-trick"],
    group: Group,
    device: torch.device,
) -> ParallelModule:
    """This process's part of a network, on its device, with channels last. One process that has all
    towers has them on as many GPUs, where `device` is one, else all on `device`.

    Raises:
        ValueError: the network cannot be split so, or over so many processes.
    """
    match split:
        case "towers":
            if group.alone:
                found = build_towers(network, arrays=arrays, devices=_devices(network, device))
            else:
                found = build_towers(network, arrays=arrays, peers=Peers()).to(device)
        case "one-weird-trick":
            if group.alone:
                raise ValueError(
                    "one weird trick deals layers out over processes and there is one; start"
                    " several with --processes 2 or torchrun"
                )
            found = build_one_weird_trick(network, Peers(), arrays=arrays).to(device)
        case _:
            assert_never(split)
    # torch knows Module.to(memory_format=…), its stubs do not
    return cast("ParallelModule", cast("Any", found).to(memory_format=torch.channels_last))


def _devices(network: Network, device: torch.device) -> list[torch.device]:
    count = len(settle(network).towers)
    if device.type != "cuda":
        return [device] * count
    return [torch.device("cuda", (device.index or 0) + place) for place in range(count)]


class SplitSharing:
    """Where the gradients of a split network come from; called as `Sharing` is, by all."""

    def __init__(
        self, module: ParallelModule, group: Group, parts: int = 1, precision: Precision = "fp32"
    ) -> None:
        """Sends nothing yet; arguments as `Sharing` takes them."""
        assert parts >= 1, f"{parts} parts; there must be one at least"
        self.module, self.group, self.parts, self.precision = module, group, parts, precision

    def renew(self) -> None:
        """Nothing hangs on which arrays ask for a gradient."""

    def gather(self, own: Mapping[str, Tensor]) -> Mapping[str, Tensor] | None:
        """Arrays of the whole network from every process's own, in the one that leads; None in the
        others.
        """
        with self.group.watched():
            return self.module.gather(own)

    def gradients(self, batch: Batch) -> tuple[float, int]:
        """Leaves the gradients of the whole batch's objective in the parameters held here.

        Args:
            batch: this process's share of it where the module splits batches, else all of it.

        Returns:
            The objective in the process that leads, 0 in the others, which add nothing to it; and
            how many pictures are right at top-1 of those that are counted here.
        """
        state, rank = batch.draws.get_state(), self.group.ranks.rank
        whole = self.module.shown(batch.whole)
        loss, right = 0.0, 0
        for number in range(self.parts):
            shown = Shown(
                batch.whole, tuple(_part(rows, number, self.parts) for rows in whole.rows)
            )
            own = self.module.rows_here(shown)
            here = slice(own.start - batch.first, own.stop - batch.first)
            seen = sum(shown.sizes) if self.module.splits_batches else shown.sizes[0]
            if not seen:
                continue
            draws = torch.Generator(batch.draws.device)
            draws.set_state(state)
            images, labels = batch.images[here], batch.labels[here]
            objective, outputs = self._costs(images, labels, draws, shown)
            weight = seen / batch.whole
            with self.group.watched():
                (objective if weight == 1 else objective * weight).backward()
            loss += float(objective.detach()) * weight
            if self.module.splits_batches:
                first = sum(shown.sizes[:rank])
                outputs = outputs[first : first + len(labels)]
            if self.module.splits_batches or self.group.leads:
                right += int((label_ranks(outputs.flatten(1), labels) < 1).sum())
        with self.group.watched():
            self.module.sum_gradients()
        return loss if self.group.leads else 0.0, right

    def _costs(
        self, images: Tensor, labels: Tensor, draws: torch.Generator, shown: Shown
    ) -> tuple[Tensor, Tensor]:
        with (
            torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16"),
            self.group.watched(),
        ):
            costs = self.module.costs(images, labels, generator=draws, shown=shown)
        return costs.objective, costs.outputs


def _part(rows: slice, number: int, parts: int) -> slice:
    within = part(rows.stop - rows.start, number, parts)
    return slice(rows.start + within.start, rows.start + within.stop)
