"""What layers inside a network make of pictures: feature vectors by layer name, batch by batch. It
writes no files, and what is nearest to what is found in `neighbours`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.evaluation.showing import (
    BATCH_SIZE,
    CENTRE,
    CPU_BATCH_SIZE,
    Examinee,
    Progress,
    Showing,
    _shown,  # pyright: ignore[reportPrivateUsage]
    _testing,  # pyright: ignore[reportPrivateUsage]
    check_showing,
)
from alexnet.evaluation.tally import EvaluationError
from alexnet.images.learnable import Pictures, reading
from alexnet.images.shown import views_of
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    FullyConnected,
    Input,
    Layer,
    Local,
    Loss,
    MaxPool,
    RandomPool,
    TreeConnected,
    Weighted,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, nearest
from alexnet.torch_net import NetworkModule
from alexnet.torch_net.order import steps

HIDDEN = "fc7"
"""The paper's "last, 4096-dimensional hidden layer" (§6.1), by the name that Caffe gave it."""

BEFORE = ":pre"
"""Behind the name of a layer with weights: what it says before its activation function."""

KINDS: dict[str, tuple[type[Layer], ...]] = {
    "conv": (Conv, Local),
    "fc": (FullyConnected, TreeConnected),
    "pool": (MaxPool, AveragePool, RandomPool),
}
"""The layers that a word and a number may mean, as in fc7."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A layer as it was asked for.

    Attributes:
        name: as it was asked for.
        layers: of the network, whose activations are stacked along their channels, in the order of
            the towers.
        numbers: in the feature vector: channels · height · width, in that order.
    """

    name: str
    layers: tuple[str, ...]
    numbers: int


def feature(network: Network, name: str) -> Feature:
    """The layer, or one layer in each tower, that is meant by `name`.

    The name is the network's own; or its own less the letter that tells towers apart, `fc7` for
    fc7a and fc7b; or conv, fc or pool with a number, which counts the layers with weights from the
    picture on, so that `fc7` finds the second hidden layer in networks of 2012 that call it
    fc2048ba. A pool has the number of the layer with weights below it.

    A layer with weights means its response: what its activation function makes of it, where one
    reads it at once, as in the paper's "feature activations induced … at the last,
    4096-dimensional hidden layer" (Figure 4) and in Caffe's blob of that name, which its ReLU has
    overwritten; dropout comes after it. `fc7:pre` is what the layer itself says, before that. Every
    other layer means its own output.

    Raises:
        EvaluationError: no layer is meant, with the nearest name; or one that no picture alone can
            give, such as a loss.
    """
    bare = name.removesuffix(BEFORE)
    found = _own(network, bare) or _twins(network, bare) or _numbered(network, bare)
    if not found:
        known = dict.fromkeys(x.name for x in network if not isinstance(x, Input | Loss))
        known |= dict.fromkeys(k[:-1] for k in known if _twins(network, k[:-1]))
        raise EvaluationError(
            f"network '{network.name}' has no layer '{bare}'{nearest(bare, list(known))}"
        )
    if name != bare and not all(isinstance(layer, Weighted) for layer in found):
        raise EvaluationError(
            f"'{name}': layer '{found[0].name}' has no weights, and so nothing before its"
            f" activation function; ask for '{bare}'"
        )
    if name == bare:
        found = [_response(network, layer) for layer in found]
    _check_shown(network, found, name)
    layers = tuple(layer.name for layer in found)
    return Feature(name, layers, sum(elements(network.shape(each)) for each in layers))


def feature_batches(
    examinee: Examinee,
    layers: Sequence[str] = (HIDDEN,),
    showing: Showing = CENTRE,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """The feature vectors of every picture, batch by batch; no layer above the last one that is
    asked for runs, and only one batch is in memory at a time.

    Args:
        examinee: which network sees which pictures.
        layers: as `feature` takes them.
        showing: how they are shown; of several views the mean of their vectors is taken.
            `showing.average` is of probabilities, and no matter here.
        batch_size: views in one forward pass, as `log_probabilities` takes it.
        progress: told after each batch.

    Yields:
        The index of the batch's first picture, and by the names asked for float32 (pictures,
        numbers), on the CPU.

    Raises:
        EvaluationError: as `feature` or `check_showing`.
    """
    asked = [feature(examinee.module.network, name) for name in layers]
    check_showing(examinee, showing)
    images, module = examinee.pictures.images, examinee.module
    views = views_of(showing.views, images.shape[-1], module.network.picture.shape[1])
    device = next(module.parameters()).device
    if batch_size is None:
        batch_size = CPU_BATCH_SIZE if device.type == "cpu" else BATCH_SIZE
    step = max(1, batch_size // len(views))
    wanted = list(dict.fromkeys(layer for each in asked for layer in each.layers))
    with reading(examinee.pictures, torch.arange(len(images))):
        for start in range(0, len(images), step):
            batch = images[start : start + step].to(device)
            with _testing(module, showing.precision):
                shown = _shown(examinee, showing, batch)
                shown = shown.contiguous(memory_format=torch.channels_last)
                found = module(shown, layers=wanted)
                answer = {each.name: _vectors(found, each, len(views)) for each in asked}
            yield start, answer
            if progress is not None:
                progress(start + len(batch), len(images))


def features(
    module: NetworkModule,
    pictures: Pictures,
    contract: InputContract,
    layers: Sequence[str] = (HIDDEN,),
    *,
    mean_image: np.ndarray | Tensor | None = None,
    showing: Showing = CENTRE,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """The feature vectors of all `pictures`, by the names of `layers`: float32 (N, numbers) each.
    Those of more pictures than fit into memory are had by `feature_batches`.

    Raises:
        EvaluationError: as `feature_batches`.
    """
    examinee = Examinee(module, pictures, contract, mean_image)
    asked = [feature(module.network, name) for name in layers]
    found = {x.name: np.empty((len(pictures), x.numbers), np.float32) for x in asked}
    batches = feature_batches(examinee, layers, showing, batch_size=batch_size, progress=progress)
    for start, answer in batches:
        for name, vectors in answer.items():
            found[name][start : start + len(vectors)] = vectors.numpy()
    return found


def _vectors(found: dict[str, Tensor], asked: Feature, views: int) -> Tensor:
    """What the layers asked for say of each picture, float32 (pictures, numbers)."""
    stacked = torch.cat([found[layer] for layer in asked.layers], dim=1)
    vectors = stacked.float().flatten(1).unflatten(0, (views, -1))
    return (vectors.mean(dim=0) if views > 1 else vectors[0]).cpu()


def _own(network: Network, name: str) -> list[Layer]:
    return [network[name]] if name in network else []


def _twins(network: Network, name: str) -> list[Layer]:
    """The layers called `name` and one letter more, in towers, by tower."""
    found = [
        layer
        for layer in network
        if layer.tower is not None and layer.name[:-1] == name and layer.name[-1].isalpha()
    ]
    return sorted(found, key=lambda layer: layer.tower or 0) if len(found) > 1 else []


def _numbered(network: Network, name: str) -> list[Layer]:
    """What conv, fc or pool with a number mean by the count of layers with weights."""
    match = re.fullmatch(r"(conv|fc|pool)([1-9][0-9]?)", name)
    if not match:
        return []
    depths: dict[str, int] = {}
    for layer in network:
        below = max((depths[read] for read in layer.reads), default=0)
        depths[layer.name] = below + isinstance(layer, Weighted)
    found = [
        layer
        for layer in network
        if isinstance(layer, KINDS[match[1]]) and depths[layer.name] == int(match[2])
    ]
    return sorted(found, key=lambda layer: layer.tower or 0)


def _response(network: Network, layer: Layer) -> Layer:
    """The activation function that reads a layer with weights, or the layer itself."""
    if not isinstance(layer, Weighted):
        return layer
    own = (x for x in network if isinstance(x, Activation) and x.reads == (layer.name,))
    return next(own, layer)


def _check_shown(network: Network, layers: Sequence[Layer], name: str) -> None:
    """Whether pictures are all that the layers need, and their activations can be stacked."""
    others = [
        x for x in steps(network, [layer.name for layer in layers])
        if isinstance(x, Input) and x != network.picture
    ]  # fmt: skip
    if others or any(isinstance(layer, Loss) for layer in layers):
        raise EvaluationError(
            f"layer '{name}' of network '{network.name}' needs more than the picture; ask for one"
            " below the loss"
        )
    shapes = {network.shape(layer.name)[1:] for layer in layers}
    if len(shapes) > 1:
        text = " and ".join(f"'{layer.name}'" for layer in layers)
        raise EvaluationError(f"'{name}' means {text}, of different sizes; ask for one of them")
