"""What each step is shown: which pictures, cropped and mirrored how, by nothing but (seed, epoch,
step). It decodes nothing and learns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.images import generator
from alexnet.images.arithmetic import Arithmetic, finished
from alexnet.images.cuts import Cut, cut_each, drawn_cuts
from alexnet.images.learnable import (
    Pictures,
    channel_statistics,
    colour_components,
    mean_image,
    parts,
    reading,
)
from alexnet.images.views import colour_noise
from alexnet.network.contract import InputContract
from alexnet.training.rates import RecipeError
from alexnet.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's pictures, or a rank's share of them.

    Attributes:
        images: float32 (N, channels, side, side).
        labels: int64 (N,).
        draws: what dropout draws from, for all pictures of the step: every rank has the same.
        first: the place of the first of them among all pictures of the step.
        whole: how many those are.
    """

    images: Tensor
    labels: Tensor
    draws: torch.Generator
    first: int
    whole: int


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a run.

    Attributes:
        pictures: what is learned from.
        recipe: how it is shown.
        side: of the crops, in pixels.
        contract, mean_image: what the weights expect.
        padding: uint8 (channels,), what crops show beyond the edge.
        device: where the batches go.
        colours: (channels, channels), what colour noise adds up; see `measured_colours`.
        rank, ranks: of every batch this is shown its share (`share`), cropped, mirrored and
            coloured as it would be with all the others.
    """

    pictures: Pictures
    recipe: Recipe
    side: int
    contract: InputContract
    mean_image: Tensor | None
    padding: Tensor | None
    device: torch.device
    colours: Tensor | None = None
    rank: int = 0
    ranks: int = 1

    @property
    def steps(self) -> int:
        """Steps in an epoch; the last one of each data batch perhaps with fewer pictures."""
        whole, rest = divmod(len(self.pictures), self._data_batch)
        return whole * self._data_batch_steps + -(-rest // self.recipe.batch_size)

    @property
    def _data_batch(self) -> int:
        """Pictures in a data batch; without any the whole epoch is one."""
        return self.recipe.data_batch_pictures or max(1, len(self.pictures))

    @property
    def _data_batch_steps(self) -> int:
        return -(-self._data_batch // self.recipe.batch_size)

    def moment(self, epoch: int, step: int) -> float:
        """How much of the run counts as done at a step: 0 to 1, what schedules and phases go by.

        It is the middle of the step, so that a schedule that begins and ends at 0 wastes no step;
        with data batches the beginning of the data batch, as in 2012 (semantics file, section 9).
        """
        if not self.recipe.data_batch_pictures:
            return (epoch * self.steps + step + 0.5) / (self.recipe.epochs * self.steps)
        count = -(-len(self.pictures) // self._data_batch)
        done = epoch * count + step // self._data_batch_steps
        return done / (self.recipe.epochs * count)

    def span(self, step: int) -> slice:
        """Which places of an epoch's order a step shows."""
        size = self.recipe.batch_size
        data_batch, within = divmod(step, self._data_batch_steps)
        first = data_batch * self._data_batch
        start = first + within * size
        return slice(start, min(start + size, first + self._data_batch))

    def order(self, epoch: int) -> Tensor:
        """The order of the pictures in an epoch, int64 (pictures,)."""
        count = len(self.pictures)
        if not self.recipe.shuffled:
            return torch.arange(count)
        return torch.randperm(count, generator=generator(self.recipe.seed, epoch))

    def reading(self, order: Tensor, step: int) -> AbstractContextManager[None]:
        """Within it the pictures of the epoch's steps from `step` on are read ahead, if they are
        not in memory anyway.
        """
        shown = [order[self.span(each)] for each in range(step, self.steps)]
        own = [chosen[share(len(chosen), self.rank, self.ranks)] for chosen in shown]
        return reading(self.pictures, torch.cat([order[:0], *own]))

    def batch(self, order: Tensor, epoch: int, step: int) -> Batch:
        """The batch of one step, counted from 0 within its epoch; always the same."""
        draws = generator(self.recipe.seed, epoch, step)
        chosen = order[self.span(step)]
        own = share(len(chosen), self.rank, self.ranks)
        cuts = self._cuts(len(chosen), draws)[own]
        strength = self.recipe.colour_noise_at(self.moment(epoch, step))
        noise = self._noise(len(chosen), strength, draws)[own] if strength else None
        shape = (len(cuts), self.pictures.images.shape[1], self.side, self.side)
        cut = self._cut(chosen[own], cuts)
        shown = finished(cut, shape, self._arithmetic(strength), noise, self.device)
        labels = self.pictures.labels[chosen[own]].to(self.device)
        moved = _moved(draws, self.device)
        return Batch(shown, labels, moved, first=own.start, whole=len(chosen))

    def _cuts(self, count: int, draws: torch.Generator) -> list[Cut]:
        """Where each of a batch's pictures is cut out, and whether it is mirrored."""
        padding, side = self.recipe.crop_padding_pixels, self.pictures.images.shape[-1]
        cropped = padding or side != self.side
        return drawn_cuts(
            count,
            room=side + 2 * padding - self.side + 1 if cropped else None,
            mirrored=self.recipe.mirror,
            chunk=self.recipe.crop_chunk,
            generator=draws,
        )

    def _cut(self, chosen: Tensor, cuts: list[Cut]) -> Iterator[Tensor]:
        """The pictures at `chosen` as they are cut out, uint8 (C, side, side)."""
        padding, done = self.recipe.crop_padding_pixels, 0
        for part in parts(self.pictures, chosen):
            own = cuts[done : done + len(part)]
            for shown in cut_each(part, self.side, own, padding=padding, fill=self.padding):
                yield shown.flip(0) if self.contract.channel_order == "BGR" else shown
            done += len(part)

    def _noise(self, count: int, strength: float, draws: torch.Generator) -> Tensor:
        """What is added to the colours of each of a batch's pictures, float32 (count, C, 1, 1)."""
        assert self.colours is not None, "colour noise needs the colours measured"
        nothing = torch.zeros(count, len(self.colours), 1, 1, device=self.device)
        return colour_noise(nothing, self.colours, strength=strength, shrink=False, generator=draws)

    def _arithmetic(self, strength: float) -> Arithmetic:
        """What is made of the pictures' bytes."""
        channels = self.pictures.images.shape[1]
        mean = self.mean_image
        if mean is None and self.contract.mean:
            mean = torch.tensor(self.contract.mean).expand(channels)
        deviation = torch.tensor(self.contract.deviation)
        return Arithmetic(
            scale=self.contract.pixel_maximum / 255,
            mean=mean,
            deviation=deviation if self.contract.deviation else None,
            shrink=1 + strength if self.recipe.colour_deviations == "square-root" else 1.0,
        )


def share(count: int, rank: int, ranks: int) -> slice:
    """Which of a batch's pictures a rank is shown: no two ranks the same, and all of them together
    every one. Shares differ by one at most; of fewer pictures than ranks some are empty.
    """
    assert 0 <= rank < ranks, f"rank {rank} of {ranks}"
    return slice(count * rank // ranks, count * (rank + 1) // ranks)


def padding_value(recipe: Recipe, pictures: Pictures) -> Tensor | None:
    """What stands beyond the edges of pictures, uint8 (channels,); None is black."""
    if recipe.padding_value == "black" or not recipe.crop_padding_pixels:
        return None
    return channel_statistics(pictures)[0].round().to(torch.uint8)


def measured_contract(recipe: Recipe, pictures: Pictures) -> tuple[InputContract, Tensor | None]:
    """The input contract that the recipe asks for, with the figures of `pictures`, and the mean
    image (channels, height, width) where one is subtracted.

    Raises:
        RecipeError: pictures of other than 1 or 3 channels.
    """
    channels = pictures.images.shape[1]
    if channels not in (1, 3):
        raise RecipeError(f"the pictures have {channels} channels; they must have 1 or 3")
    scale = recipe.pixel_maximum / 255
    means, deviations = (), ()
    if recipe.mean == "channel" or recipe.deviation:
        means, deviations = (
            tuple(value * scale for value in values.tolist())
            for values in channel_statistics(pictures)
        )
    contract = InputContract(
        channel_order="grey" if channels == 1 else "RGB",
        pixel_maximum=float(recipe.pixel_maximum),
        mean=means if recipe.mean == "channel" else (),
        mean_image=recipe.mean == "image",
        deviation=deviations if recipe.deviation else (),
        border_pixels=recipe.crop_border_pixels,
    )
    return contract, mean_image(pictures) * scale if contract.mean_image else None


def measured_colours(recipe: Recipe, pictures: Pictures, contract: InputContract) -> Tensor | None:
    """What `colour_noise` adds up for these pictures, in the units and the channel order of the
    contract, float32 (channels, channels); None where the recipe never asks for colour noise.
    """
    strengths = [phase.colour_noise for phase in recipe.phases]
    if not any([recipe.colour_noise, *strengths]):
        return None
    scale = contract.pixel_maximum / 255
    variances, directions = colour_components(pictures)
    lengths = variances * scale**2
    if recipe.colour_deviations == "square-root":
        lengths = lengths.sqrt()
    spread = directions * lengths
    if contract.channel_order == "BGR":
        spread = spread.flip(0)
    if contract.deviation:
        spread = spread / torch.tensor(contract.deviation, dtype=torch.float64)[:, None]
    return spread.float()


def _moved(draws: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator that lives on `device` and goes on from `draws`."""
    if device.type == "cpu":
        return draws
    seed = int(torch.randint(2**62, (), generator=draws))
    return torch.Generator(device).manual_seed(seed)
