"""A training step: ours as `alexnet train` takes it, from bytes to updated weights; and that of the
stock modules under torch's SGD, on a tensor that is ready.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from alexnet.bench.jobs import Job, Measurement
from alexnet.bench.pictures import noise
from alexnet.bench.stock import stock
from alexnet.bench.timing import measurement, timed
from alexnet.network.codec import from_json
from alexnet.network.edit import with_loss
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.torch_net import initial_arrays
from alexnet.torch_net.allocation import keep_memory
from alexnet.torch_net.precision import fastest
from alexnet.training.batches import Batches, measured_colours, measured_contract
from alexnet.training.learner import Learner
from alexnet.training.progress import Progress
from alexnet.training.recipe import Recipe
from alexnet.training.recipes import recipe

RATE = 1e-4
"""Small, so that what is drawn at random does not diverge while it is timed."""


def measure_ours(job: Job) -> Measurement:
    """Steps of recipe `paper`: crops, mirror images, colour noise, the step, the paper's rule."""
    keep_memory()  # as training.loop.train begins
    learner = _learner(with_loss(from_json(job.network)), job.batch_size)
    batches, progress = learner.batches, Progress(pictures="drawn")

    def step() -> None:
        nonlocal progress
        progress = learner.step(progress, batches.order(progress.epoch)).progress
        if progress.step == batches.steps:
            progress = progress.after_epoch(None)

    times = timed(step, job.effort)
    return measurement(times, job.batch_size, precision=str(learner.precision))


def _learner(network: Network, batch_size: int) -> Learner:
    """As a run has it, over two batches of pictures in memory."""
    own = _recipe(batch_size)
    channels, side, _ = network.picture.shape
    classes = elements(network.shape(network.outputs.name))
    pictures = noise(2 * batch_size, channels, own.picture_side(network), classes)
    contract, image = measured_contract(own, pictures)
    colours = measured_colours(own, pictures, contract)
    batches = Batches(pictures, own, side, contract, image, None, torch.device("cpu"), colours)
    return Learner(network, own, batches, initial_arrays(network), fastest(network))


def _recipe(batch_size: int) -> Recipe:
    return replace(recipe("paper"), batch_size=batch_size, lr=RATE, bias_lr=RATE)


def measure_stock(job: Job) -> Measurement:
    """Forward, backward and torch.optim.SGD with momentum and decay, in fp32 and torch's layout."""
    network = from_json(job.network)
    module, cost = stock(network), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=0.9, weight_decay=0.0005)
    pictures = torch.randn(job.batch_size, *network.picture.shape)
    classes = module(pictures[:1]).shape[1]
    labels = torch.arange(job.batch_size) % classes

    def step() -> None:
        optimizer.zero_grad()
        loss = cost(module(pictures), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    return measurement(timed(step, job.effort), job.batch_size, precision="fp32")
