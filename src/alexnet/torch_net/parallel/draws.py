"""What a whole batch's random layers draw, drawn alike on every process, for each to take its part;
in the order and from the generator that a NetworkModule would draw it in by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alexnet.network.layers import Activation, Dropout, Layer, RandomPool, RandomScale
from alexnet.network.spec import Network
from alexnet.torch_net.order import is_random


@dataclass(frozen=True, slots=True)
class Shown:
    """Which pictures of a whole batch are shown to whom.

    Attributes:
        whole: pictures of the batch.
        rows: by rank, those that it is shown; towers are all shown the same.
    """

    whole: int
    rows: tuple[slice, ...]

    @property
    def sizes(self) -> list[int]:
        """How many each rank is shown."""
        return [rows.stop - rows.start for rows in self.rows]


def whole_draws(
    layers: Iterable[Layer],
    network: Network,
    count: int,
    *,
    like: Tensor,
    last: bool,
    generator: torch.Generator | None,
) -> dict[str, Tensor]:
    """The draws of a training pass by layer name, as `NetworkModule.forward` takes them.

    To the last bit they are what one process draws where activations are in the dtype of `like`.
    In mixed precision masks are as likely as ever.

    Args:
        layers: that run, in order.
        network: theirs.
        count: pictures of the whole batch.
        like: has the activations' dtype and device.
        last: whether the channels of maps lie last in memory.
        generator: what is drawn from; None is torch's own.
    """
    found: dict[str, Tensor] = {}
    for layer in layers:
        if not is_random(layer):
            continue
        shape = count, *network.shape(layer.name)
        order = torch.channels_last if last else torch.contiguous_format
        match layer:
            case Dropout(keep=keep):
                mask = like.new_empty(shape).to(memory_format=order)
                found[layer.name] = mask.bernoulli_(keep, generator=generator)
            case Activation():
                noise = like.new_empty(shape).to(memory_format=order)
                found[layer.name] = noise.normal_(generator=generator)
            case RandomPool():
                found[layer.name] = torch.rand(shape, generator=generator, device=like.device)
            case RandomScale():
                device = "cpu" if generator is None else generator.device
                found[layer.name] = torch.rand(4, generator=generator, device=device)
            case _:
                raise AssertionError(f"a {layer.kind} layer draws what nobody knows of")
    return found


def is_whole(layer: Layer) -> bool:
    """Whether what a layer draws is for the batch as one, so that no process takes a part of it."""
    return isinstance(layer, RandomScale)


def rows_of(layer: Layer, drawn: Tensor, rows: Sequence[slice]) -> Tensor:
    """What a layer draws for some pictures of a batch, one slice after the other."""
    if is_whole(layer):
        return drawn
    return torch.cat([drawn[each] for each in rows])


def lies_last(module: nn.Module) -> bool:
    """Whether the channels of a module's maps lie last, as convolutions put them where those of
    their weights do. Of one channel, or one pixel, the strides alone say it.
    """
    for weight in module.parameters():
        if weight.dim() == 4:
            _, channels, rows, columns = weight.shape
            last = (channels * rows * columns, 1, channels * columns, channels)
            first = (channels * rows * columns, rows * columns, columns, 1)
            if weight.stride() == last != first:
                return True
    return False
