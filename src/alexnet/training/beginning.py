"""What a run begins with: pictures held out, first weights, and whether all fit one another. The
steps that follow are the loop's matter.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from alexnet.evaluation import EvaluationError, check_pictures
from alexnet.formats import Checkpoint
from alexnet.images.learnable import Pictures, hold_out, sample
from alexnet.network.edit import with_loss
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.torch_net.precision import Precision
from alexnet.training import run_folder
from alexnet.training.batches import (
    Batches,
    measured_colours,
    measured_contract,
    padding_value,
)
from alexnet.training.distributed import Group, GroupError
from alexnet.training.events import Notice, Report
from alexnet.training.learner import Learner, first_arrays
from alexnet.training.progress import Progress
from alexnet.training.rates import RecipeError
from alexnet.training.recipe import Recipe
from alexnet.training.run_lock import RunLock
from alexnet.training.schedule import Plateau
from alexnet.training.splitting import Split


def held_out(
    pictures: Pictures, recipe: Recipe, report: Report
) -> tuple[Pictures, Pictures | None]:
    """What to learn from and to be judged by: all and none where no class has two pictures."""
    kept, held = hold_out(pictures, recipe.validation_share, recipe.seed)
    if len(held):
        return kept, held
    report(Notice("no class has two pictures, so none is held out; nothing is validated"))
    return pictures, None


def with_a_loss(network: Network, report: Report) -> Network:
    """The network, given a loss where it has none; that is said."""
    learned = with_loss(network)
    if learned is not network:
        report(Notice(f"network '{network.name}' has no loss; it learns by softmax and log-loss"))
    return learned


def make_learner(
    network: Network,
    pictures: Pictures,
    recipe: Recipe,
    start: Checkpoint | None,
    device: torch.device,
    precision: Precision,
    report: Report,
    group: Group,
    parts: int,
    split: Split = "data",
) -> Learner:
    """A learner with the weights of `start`, or first ones, before its first step; see `train`."""
    arrays, drawn = first_arrays(network, recipe, start)
    if drawn:
        report(Notice(f"drawn anew, since the checkpoint has none that fit: {', '.join(drawn)}"))
    if start is None:
        contract, image = measured_contract(recipe, pictures)
    else:
        contract = replace(start.contract, border_pixels=recipe.crop_border_pixels)
        image = None if start.mean_image is None else torch.from_numpy(start.mean_image)
    side = network.picture.shape[1]
    padding = padding_value(recipe, pictures)
    colours = measured_colours(recipe, pictures, contract)
    shares = split != "towers"  # all towers are shown the same pictures
    place = (group.ranks.rank, group.ranks.count) if shares else (0, 1)
    batches = Batches(pictures, recipe, side, contract, image, padding, device, colours, *place)
    return Learner(network, recipe, batches, arrays, precision, group, parts, split)


def check_fit(learner: Learner, validation: Pictures | None, test: Pictures | None) -> None:
    """Whether the network can be shown all the pictures, and has an output for each label.

    Raises:
        EvaluationError, RecipeError: it cannot or has not, or the recipe watches a validation error
            that there is none of.
    """
    network = learner.module.network
    outputs = elements(network.shape(network.outputs.name))
    for pictures in (learner.batches.pictures, validation, test):
        if pictures is None:
            continue
        check_pictures(learner.module, sample(pictures))
        classes = max(int(pictures.labels.max()) + 1, len(pictures.classes))
        if classes > outputs:
            raise EvaluationError(
                f"the pictures are of {classes} classes and network '{network.name}' has"
                f" {outputs} outputs; it needs one for each"
            )
    watched = any(isinstance(schedule, Plateau) for schedule in learner.recipe.schedules())
    if watched and validation is None:
        raise RecipeError("schedule plateau watches the validation error; set validation_share")


def own_device(device: torch.device | str, group: Group) -> torch.device:
    """The GPU that is this process's, where each process of a machine has one."""
    device = torch.device(device)
    if device.type == "cuda" and device.index is None and not group.alone:
        return torch.device("cuda", group.ranks.local)
    return device


def check_alike(pictures: str, group: Group) -> None:
    """Raises GroupError where the processes have different pictures to learn from.

    Args:
        pictures: the fingerprint of this process's.
        group: all of them.
    """
    found = group.gather(pictures)
    for rank, other in enumerate(found):
        if other != found[0]:
            raise GroupError(
                f"rank {rank} has other pictures to learn from ({other}) than rank 0 ({found[0]});"
                " give all the same"
            )


def newest_of(
    lock: RunLock, recipe: Recipe, network: Network, report: Report, resume: bool, precision: str
) -> Checkpoint | None:
    """What to resume from, of a folder that is locked from then on; a new run looks only whether
    its folder is free, before long work.
    """
    path = lock.folder
    if not resume:
        run_folder.check_free(path)
        return None
    if run_folder.holds_run(path):
        lock.take()
    folder = run_folder.reopen(path, recipe, network, precision)
    return folder.newest(lambda text: report(Notice(text)))


def make_folder(lock: RunLock, learner: Learner, progress: Progress, *, started: bool) -> None:
    """Makes the folder of a new run and locks it. A run that began with a checkpoint must not need
    that again, so what it begins with is in the folder before the run is.
    """
    held = learner.held() if started else None
    launch, network = learner.group.ranks.launch, learner.module.network

    def make() -> None:
        first = None if held is None else learner.checkpoint(held, progress)
        lock.take(make=True)
        run_folder.create(
            lock.folder, learner.recipe, network, learner.precision, launch, first=first
        )

    learner.group.lead(make)
