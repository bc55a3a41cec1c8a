"""A network of milliseconds, pictures it can learn, and a recipe for both."""

from __future__ import annotations

from dataclasses import replace

import torch

from alexnet.images import PictureSet
from alexnet.network.layers import (
    Activation,
    Constant,
    Conv,
    Dropout,
    FanInGaussian,
    FullyConnected,
    Input,
    Kernel,
    LogisticLoss,
    Softmax,
)
from alexnet.network.spec import Network
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import OneCycle

HE = FanInGaussian(1.4)

NETWORK = Network(
    "small",
    (
        Input(name="data", shape=(1, 8, 8)),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
        Conv(
            name="conv1",
            reads=("data",),
            filters=4,
            kernels=(Kernel(size=3, stride=2, initial=HE),),
            rule="cuda-convnet",
        ),
        Activation(name="relu1", reads=("conv1",), function="relu"),
        Dropout(name="drop1", reads=("relu1",), keep=0.9, scaling="test"),
        FullyConnected(
            name="fc2", reads=("drop1",), outputs=3, initial=(HE,), initial_bias=Constant(0.1)
        ),
        Softmax(name="probs", reads=("fc2",)),
        LogisticLoss(name="logprob", reads=("labels", "probs")),
    ),
)

RECIPE = Recipe(
    batch_size=16,
    epochs=3,
    lr=0.05,
    bias_lr=0.1,
    momentum=0.9,
    weight_decay=0.001,
    bias_weight_decay=0.0,
    rule="momentum",
    first_weights="network",
    schedule=OneCycle(warm_up_share=0.2),
    layers=(),
    phases=(),
    update_period=1,
    data_batch_pictures=0,
    crop_border_pixels=0,
    crop_padding_pixels=1,
    padding_value="mean",
    crop_chunk=1,
    mirror=True,
    colour_noise=0.0,
    colour_deviations="square-root",
    mean="channel",
    deviation=True,
    pixel_maximum=255.0,
    shuffled=True,
    validation_share=0.25,
    seed=3,
)


def pictures(count: int = 90, side: int = 8) -> PictureSet:
    """Noise with a bright band at the height that the label says."""
    random = torch.Generator().manual_seed(1)
    images = torch.randint(0, 90, (count, 1, side, side), generator=random, dtype=torch.uint8)
    labels = torch.arange(count) % 3
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 1 + 2 * label : 3 + 2 * label] += 120
    names = tuple(str(i) for i in range(count))
    return PictureSet(images, labels, names, ("low", "middle", "high"), ())


def with_epochs(epochs: int) -> Recipe:
    return replace(RECIPE, epochs=epochs)
