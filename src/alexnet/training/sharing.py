"""One batch's gradients, got at once, part after part, or by several processes: equal but for the
last bits. What a batch is shown is the matter of `batches`, what its gradients do of `update_rule`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alexnet.evaluation import label_ranks
from alexnet.network.layers import Activation, Dropout, Layer, RandomPool
from alexnet.torch_net import NetworkModule
from alexnet.torch_net.order import is_random
from alexnet.torch_net.precision import Precision
from alexnet.training.batches import Batch
from alexnet.training.distributed import Group


class Sharing:
    """Where a network's gradients come from.

    Each part's mean cost counts by the part's share of the whole batch. Several processes add
    theirs up through DistributedDataParallel, while the backward pass still goes on; it takes the
    mean over processes, so that each of theirs counts as often as there are processes.
    """

    def __init__(
        self, module: NetworkModule, group: Group, parts: int = 1, precision: Precision = "fp32"
    ) -> None:
        """Sends nothing yet.

        Args:
            module: the network, on its device.
            group: the processes that share each batch.
            parts: into which each process divides its share, as equal as can be.
            precision: of the arithmetic.
        """
        assert parts >= 1, f"{parts} parts; there must be one at least"
        self.module, self.group, self.parts, self.precision = module, group, parts, precision
        self._costing, self._together = _Costing(module), None
        names = [name for name, _ in self._costing.named_buffers()]  # what all have alike anyway
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self._costing, names)

    def renew(self) -> None:
        """Is to be called when other arrays begin to ask for a gradient, or some no longer do."""
        self._together = None

    def gather(self, own: Mapping[str, Tensor]) -> Mapping[str, Tensor] | None:
        """Arrays of the whole network from every process's own, in the one that leads; None in the
        others. Here each has all of them.
        """
        return own if self.group.leads else None

    def gradients(self, batch: Batch) -> tuple[float, int]:
        """Leaves the gradients of the whole batch's objective in the parameters.

        Args:
            batch: this process's share of it, perhaps without any picture.

        Returns:
            What the share adds to the objective, and how many of its pictures are right at top-1.
        """
        share = batch if len(batch.labels) else self._nobody(batch)
        divided = _divided(share, min(self.parts, len(share.labels)))
        loss, right = 0.0, 0
        for number, part in enumerate(divided, start=1):
            weight = len(part.labels) / batch.whole if len(batch.labels) else 0.0
            with self._sent(number == len(divided)):
                objective, outputs = self._costs(part)
                scale = weight * self.group.ranks.count
                with self.group.watched():
                    (objective if scale == 1 else objective * scale).backward()
            if weight:
                loss += float(objective.detach()) * weight
                right += int((label_ranks(outputs.flatten(1), part.labels) < 1).sum())
        return loss, right

    def _costs(self, part: Batch) -> tuple[Tensor, Tensor]:
        run = self._costing if self.group.alone else self.distributed()
        kind = part.images.device.type
        with (
            torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16"),
            _drawing_for_all(self.module, part),
            self.group.watched(),
        ):
            return run(part.images, part.labels, part.draws)

    def _sent(self, now: bool) -> AbstractContextManager[None]:
        """Gradients of all parts but the last are kept here and sent with it."""
        return nullcontext() if now or self.group.alone else self.distributed().no_sync()

    def distributed(self) -> DistributedDataParallel:
        """What sends the gradients. It divides them up by the order in which its first backward
        pass gives them, and how they are divided decides the last bits of their sums: that pass is
        made here, so that a run that goes on adds up as one that never stopped.
        """
        if self._together is None:
            reached = self._try(self._costing)
            with self.group.watched():
                self._together = DistributedDataParallel(
                    self._costing,
                    gradient_as_bucket_view=True,
                    find_unused_parameters=not reached,
                )
                self._try(self._together)
        return self._together

    def _try(self, run: nn.Module) -> bool:
        """Runs forwards and backwards with a black picture. Whether every array that asks for a
        gradient is given one: those that no cost depends on must not be waited for.
        """
        weight = next(self.module.parameters())
        black = weight.new_zeros(1, *self.module.network.picture.shape)
        label = torch.zeros(1, dtype=torch.int64, device=weight.device)
        objective, _ = run(black, label, torch.Generator(weight.device))
        objective.backward()
        learned = [each for each in self.module.parameters() if each.requires_grad]
        reached = all(each.grad is not None for each in learned)
        self.module.zero_grad(set_to_none=True)
        return reached

    def _nobody(self, batch: Batch) -> Batch:
        """A black picture that counts for nothing, for a process that has none to show: the others
        wait for its gradients all the same.
        """
        shape = self.module.network.picture.shape
        images = batch.images.new_zeros(1, *shape)
        return Batch(images, batch.labels.new_zeros(1), batch.draws, first=0, whole=1)


class _Costing(nn.Module):
    """A network up to its costs, called as modules are."""

    def __init__(self, module: NetworkModule) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, images: Tensor, labels: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The objective, and the outputs without their gradients."""
        costs = self.module.costs(images, labels, generator=draws)
        return costs.objective, costs.outputs


def _divided(batch: Batch, parts: int) -> list[Batch]:
    """A batch in parts as equal as can be, each of which draws what the whole would."""
    if parts == 1:
        return [batch]
    count, state = len(batch.labels), batch.draws.get_state()
    found: list[Batch] = []
    for part in range(parts):
        own = slice(count * part // parts, count * (part + 1) // parts)
        draws = torch.Generator(batch.draws.device)
        draws.set_state(state)
        found.append(
            replace(
                batch,
                images=batch.images[own],
                labels=batch.labels[own],
                draws=draws,
                first=batch.first + own.start,
            )
        )
    return found


@contextmanager
def _drawing_for_all(module: NetworkModule, part: Batch) -> Generator[None]:
    """Within it layers that draw for each picture draw for the whole batch, in the order of the
    layers as ever, and take what is for the part's pictures.
    """
    if len(part.labels) == part.whole:
        yield
        return

    def hook_of(layer: Layer) -> Any:
        def hook(_: nn.Module, given: tuple[Tensor], more: dict[str, Any]) -> Any:
            drawn = _drawn(layer, module, given[0], part)
            return given, {**more, "draw": drawn}

        return hook

    handles = [
        module.get_submodule(layer.name).register_forward_pre_hook(hook_of(layer), with_kwargs=True)
        for layer in module.network
        if is_random(layer) and isinstance(layer, Dropout | Activation | RandomPool)
    ]  # a random scale is drawn once a batch, whatever its size
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _drawn(layer: Layer, module: NetworkModule, x: Tensor, part: Batch) -> Tensor:
    """What the module of `layer`, called with `x`, draws for a whole batch; the part's of it."""
    draws = part.draws
    match layer:
        case Dropout():
            drawn = _like(x, part.whole).bernoulli_(layer.keep, generator=draws)
        case Activation():
            drawn = _like(x, part.whole).normal_(generator=draws)
        case RandomPool():
            shape = (part.whole, *module.network.shape(layer.name))
            drawn = torch.rand(shape, generator=draws, device=x.device)
        case _:
            raise AssertionError(f"'{layer.name}' draws nothing for each picture")
    return drawn[part.first : part.first + len(x)].clone()  # so that the rest is not kept


def _like(x: Tensor, count: int) -> Tensor:
    """Room for what is drawn for `count` pictures, in memory as `x` lies: in that order it is
    filled.
    """
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    whole = x.new_empty((count, *x.shape[1:]))
    if last and not x.is_contiguous():
        return torch.empty_like(whole, memory_format=torch.channels_last)
    return whole
