"""What each step is shown: which pictures, cropped and mirrored how, by nothing but (seed, epoch,
step). It decodes nothing and learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.evaluation import prepare
from alexnet.images import (
    PictureSet,
    channel_statistics,
    generator,
    mean_image,
    mirror,
    random_crop,
)
from alexnet.network.contract import InputContract
from alexnet.training.rates import RecipeError
from alexnet.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's pictures, float32 (N, channels, side, side), labels int64 (N,), and what dropout
    draws from.
    """

    images: Tensor
    labels: Tensor
    draws: torch.Generator


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
    """

    pictures: PictureSet
    recipe: Recipe
    side: int
    contract: InputContract
    mean_image: Tensor | None
    padding: Tensor | None
    device: torch.device

    @property
    def steps(self) -> int:
        """Steps in an epoch, the last one perhaps with fewer pictures."""
        return -(-len(self.pictures) // self.recipe.batch_size)

    def order(self, epoch: int) -> Tensor:
        """The order of the pictures in an epoch, int64 (pictures,)."""
        count = len(self.pictures)
        if not self.recipe.shuffled:
            return torch.arange(count)
        return torch.randperm(count, generator=generator(self.recipe.seed, epoch))

    def batch(self, order: Tensor, epoch: int, step: int) -> Batch:
        """The batch of one step, counted from 0 within its epoch; always the same."""
        draws = generator(self.recipe.seed, epoch, step)
        size = self.recipe.batch_size
        chosen = order[step * size : (step + 1) * size]
        images = self._views(self.pictures.images[chosen], draws).to(self.device)
        shown = prepare(images, self.contract, self.mean_image)
        # convolutions on the CPU are half as fast again in this order
        shown = shown.contiguous(memory_format=torch.channels_last)
        labels = self.pictures.labels[chosen].to(self.device)
        return Batch(shown, labels, _moved(draws, self.device))

    def _views(self, images: Tensor, draws: torch.Generator) -> Tensor:
        padding = self.recipe.crop_padding_pixels
        if padding or images.shape[-1] != self.side:
            images = random_crop(
                images, self.side, padding=padding, generator=draws, fill=self.padding
            )
        return mirror(images, generator=draws) if self.recipe.mirror else images


def padding_value(recipe: Recipe, pictures: PictureSet) -> Tensor | None:
    """What stands beyond the edges of pictures, uint8 (channels,); None is black."""
    if recipe.padding_value == "black" or not recipe.crop_padding_pixels:
        return None
    return channel_statistics(pictures.images)[0].round().to(torch.uint8)


def measured_contract(recipe: Recipe, pictures: PictureSet) -> tuple[InputContract, Tensor | None]:
    """The input contract that the recipe asks for, with the figures of `pictures`, and the mean
    image (channels, height, width) where one is subtracted.

    Raises:
        RecipeError: pictures of other than 1 or 3 channels.
    """
    channels = pictures.images.shape[1]
    if channels not in (1, 3):
        raise RecipeError(f"the pictures have {channels} channels; they must have 1 or 3")
    scale = recipe.pixel_maximum / 255
    means, deviations = (
        tuple(value * scale for value in values.tolist())
        for values in channel_statistics(pictures.images)
    )
    contract = InputContract(
        channel_order="grey" if channels == 1 else "RGB",
        pixel_maximum=float(recipe.pixel_maximum),
        mean=means if recipe.mean == "channel" else (),
        mean_image=recipe.mean == "image",
        deviation=deviations if recipe.deviation else (),
        border_pixels=recipe.crop_border_pixels,
    )
    return contract, mean_image(pictures.images) * scale if contract.mean_image else None


def _moved(draws: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator that lives on `device` and goes on from `draws`."""
    if device.type == "cpu":
        return draws
    seed = int(torch.randint(2**62, (), generator=draws))
    return torch.Generator(device).manual_seed(seed)
