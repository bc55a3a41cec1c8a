"""A network in the act of learning: its module, its update rule and its batches, a step at a time.
When to stop, to save or to classify is the loop's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from alexnet.formats import Checkpoint, TrainingState
from alexnet.images import generator
from alexnet.network.arithmetic import network_parameters
from alexnet.network.codec import encode
from alexnet.network.spec import Network
from alexnet.torch_net import NetworkModule, build, initial_arrays
from alexnet.torch_net.parallel import own_rates
from alexnet.torch_net.precision import Precision
from alexnet.training.batches import Batches
from alexnet.training.distributed import ALONE, Group
from alexnet.training.divergence import DivergedError, first_not_finite
from alexnet.training.first_weights import he_scaled
from alexnet.training.phases import Phase
from alexnet.training.progress import Progress
from alexnet.training.rates import RecipeError
from alexnet.training.recipe import Recipe, recipe_hash
from alexnet.training.schedule import Schedule, factor
from alexnet.training.sharing import Sharing
from alexnet.training.splitting import Split, SplitSharing, split_module
from alexnet.training.update_rule import UpdateRule

RATE_NOISE = 1
"""The stream of a step that the noise of rates is drawn from, beside that of its batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step came to.

    Attributes:
        progress: after it.
        loss: the objective of its batch, before the update.
        lr: the recipe's rate, or what a phase for all layers made of it, times the schedule's
            factor.
        seen: pictures in its batch, of all ranks together.
    """

    progress: Progress
    loss: float
    lr: float
    seen: int


class Held(NamedTuple):
    """Weights and velocities of a whole network, sharing the module's memory where they can."""

    weights: dict[str, np.ndarray]
    velocities: dict[str, np.ndarray]


class Learner:
    """Weights and velocities of `network`, and how they move."""

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        batches: Batches,
        arrays: Mapping[str, np.ndarray | Tensor],
        precision: Precision = "fp32",
        group: Group = ALONE,
        parts: int = 1,
        split: Split = "data",
    ) -> None:
        """Starts at rest with `arrays`; what the recipe freezes asks for no gradient.

        Args:
            network: what learns.
            recipe: how.
            batches: of which this process is shown its share.
            arrays: the first weights.
            precision: of the arithmetic.
            group: the processes that share every batch, and make the same step of it.
            parts: into which each divides its share, one in memory at a time.
            split: what the processes divide among them.

        Raises:
            RecipeError: the recipe's layer patterns do not fit the network.
            ValueError: the network or the recipe cannot be split so.
        """
        self.recipe, self.batches, self.group = recipe, batches, group
        self.precision: Precision = precision
        if split == "data":
            module = build(network, arrays=arrays).to(batches.device)
            # torch knows Module.to(memory_format=…), its stubs do not
            self.module = cast(
                "NetworkModule", cast("Any", module).to(memory_format=torch.channels_last)
            )
            self.sharing = Sharing(self.module, group, parts, precision)
        else:
            own = split_module(network, arrays, split, group, batches.device)
            self.module = cast("NetworkModule", own)  # it is called alike, and answers alike
            self.sharing = SplitSharing(own, group, parts, precision)
        for phase in recipe.phases:
            own_rates(self.module, recipe.rates(network, phase.at_epoch / recipe.epochs))
        parameters = dict(self.module.named_parameters())
        self.rule = UpdateRule(parameters, own_rates(self.module, recipe.rates(network)))
        self._begun: tuple[Phase, ...] | None = None
        self._follow(0.0)

    def step(self, progress: Progress, order: Tensor) -> Step:
        """One update by the batch that follows `progress` in `order`.

        Raises:
            DivergedError: the loss is not finite; nothing was updated.
        """
        moment = self.batches.moment(progress.epoch, progress.step)
        self._follow(moment)
        batch = self.batches.batch(order, progress.epoch, progress.step)
        share_loss, share_right = self.sharing.gradients(batch)
        loss, right = self.group.sum(share_loss, share_right)
        if not np.isfinite(loss):
            self.module.zero_grad(set_to_none=True)
            raise self._diverged("the loss", progress, progress.epoch, progress.step)
        seen = batch.whole
        self.rule.step(
            {n: self._factor(r.schedule, progress) for n, r in self.rule.rates.items()},
            done=progress.total_steps,
            share=seen / self.recipe.batch_size,
            draws=generator(self.recipe.seed, progress.epoch, progress.step, RATE_NOISE),
        )
        self.module.zero_grad(set_to_none=True)  # here, so that no forward pass holds gradients
        return Step(
            progress=progress.after_step(loss * seen, int(right), seen),
            loss=loss,
            lr=self._rate(progress),
            seen=seen,
        )

    def held(self) -> Held | None:
        """Weights and velocities of the whole network, in the process that leads; None in others.
        All call it, so that it can be put together where each has a part.
        """
        named = dict(self.module.named_parameters())
        weights = self.sharing.gather(named)
        velocities = self.sharing.gather(self.rule.state_dict())
        if weights is None or velocities is None:
            return None
        return Held(_arrays(weights), _arrays(velocities))

    @property
    def is_split(self) -> bool:
        """Whether this process may hold a part of the network alone."""
        return isinstance(self.sharing, SplitSharing)

    def room(self) -> dict[str, Tensor]:
        """The whole network's arrays without their numbers, to make room for."""
        arrays = network_parameters(self.module.network)
        return {each.name: torch.empty(each.shape, device="meta") for each in arrays}

    def checkpoint(self, held: Held, progress: Progress) -> Checkpoint:
        """All that a run needs to go on from `progress`; its arrays are those of `held`.

        Raises:
            DivergedError: a weight is not finite.
        """
        arrays = held.weights
        spoilt = [name for name, array in arrays.items() if not np.isfinite(array).all()]
        if spoilt and self.is_split:  # the others are not asked, and would have to run their parts
            raise self._diverged_at("a weight", progress, f"{', '.join(spoilt)} is not")
        if spoilt:
            raise self._diverged("a weight", progress, 0, 0)
        image = self.batches.mean_image
        return Checkpoint(
            network=self.module.network,
            arrays=arrays,
            contract=self.batches.contract,
            classes=self.batches.pictures.classes,
            notes=(f"trained by recipe {recipe_hash(self.recipe)}",),
            mean_image=None if image is None else image.numpy(),
            training=TrainingState(held.velocities, encode(progress)),
        )

    def restore(self, state: TrainingState) -> None:
        """Takes over the velocities of a checkpoint whose arrays were those to start with."""
        velocities = {name: torch.from_numpy(x) for name, x in state.velocities.items()}
        if isinstance(self.sharing, SplitSharing):
            velocities = self.sharing.module.dealt(velocities)
        self.rule.load_state_dict(velocities)

    def _follow(self, moment: float) -> None:
        """Goes by the rates that hold at a moment; what is frozen asks for no gradient."""
        begun = self.recipe.begun(moment)
        if begun == self._begun:
            return
        rates = own_rates(self.module, self.recipe.rates(self.module.network, moment))
        for name, parameter in self.rule.parameters.items():
            parameter.requires_grad_(rates[name].lr != 0)
        self.sharing.renew()
        self.rule.follow(rates)
        self._begun = begun

    def _factor(self, schedule: Schedule | None, progress: Progress) -> float:
        """A schedule's factor, the recipe's where there is none, at the step that follows."""
        return factor(
            self.recipe.schedule if schedule is None else schedule,
            progress=self.batches.moment(progress.epoch, progress.step),
            epochs=self.recipe.epochs,
            validation_errors=progress.validation_errors,
        )

    def _rate(self, progress: Progress) -> float:
        """The rate of layers that nothing names, at the step that follows."""
        rates = self.recipe.usual_rates(self.batches.moment(progress.epoch, progress.step))
        return rates.lr * self._factor(rates.schedule, progress)

    def _diverged(self, what: str, progress: Progress, epoch: int, step: int) -> DivergedError:
        """What is wrong, as the whole batch of a step shows it, whoever was shown which share."""
        whole = replace(self.batches, rank=0, ranks=1)
        where = first_not_finite(self.module, whole.batch(whole.order(epoch), epoch, step))
        return self._diverged_at(what, progress, where)

    def _diverged_at(self, what: str, progress: Progress, where: str) -> DivergedError:
        return DivergedError(
            f"{what} is no longer finite at step {progress.total_steps + 1} (epoch"
            f" {progress.epoch + 1}), at a learning rate of"
            f" {self._rate(progress):.3g}: {where}; a lower lr would be right"
        )


def first_arrays(
    network: Network, recipe: Recipe, start: Checkpoint | None
) -> tuple[dict[str, np.ndarray | Tensor], list[str]]:
    """The weights to begin with, and the names of those that were drawn although there is a start.

    Raises:
        RecipeError: the start has no array that fits.
    """
    stated = initial_arrays(network, seed=recipe.seed)
    drawn: dict[str, np.ndarray | Tensor] = {
        **(he_scaled(network, stated) if recipe.first_weights == "he" else stated)
    }
    if start is None:
        return drawn, []
    taken: dict[str, np.ndarray | Tensor] = {
        name: start.arrays[name]
        for name, array in drawn.items()
        if name in start.arrays and start.arrays[name].shape == tuple(array.shape)
    }
    if not taken:
        raise RecipeError(
            f"no array of network '{start.network.name}' fits network '{network.name}' by name and"
            " shape; start from a checkpoint that shares layers with it, or from none"
        )
    return drawn | taken, [name for name in drawn if name not in taken]


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
