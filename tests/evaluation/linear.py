"""A network that is one matrix, so that what it says of a picture can be worked out by hand."""

from __future__ import annotations

import numpy as np
import torch

from alexnet.images import PictureSet
from alexnet.network.contract import InputContract
from alexnet.network.layers import FullyConnected, Gaussian, Input, Softmax
from alexnet.network.spec import Network
from alexnet.torch_net import NetworkModule, build

CLASSES = ("cat", "dog", "eel")

CONTRACT = InputContract(channel_order="grey", pixel_maximum=255.0)


def matrix(size: int, seed: int = 0) -> np.ndarray:
    """Weights (3, size·size) that leave probabilities well away from 0 and 1."""
    return np.random.default_rng(seed).normal(0, 0.004, (3, size * size)).astype(np.float32)


def linear(weights: np.ndarray, *, softmax: bool = True, name: str = "linear") -> NetworkModule:
    """The network whose logits are `weights` times the pixels, row by row."""
    outputs, pixels = weights.shape
    size = round(pixels**0.5)
    layers = (
        Input(name="data", shape=(1, size, size)),
        FullyConnected(name="fc", reads=("data",), outputs=outputs, initial=(Gaussian(1.0),)),
        Softmax(name="probs", reads=("fc",)),
    )
    network = Network(name, layers if softmax else layers[:2])
    return build(network, arrays={"fc.weight": weights, "fc.bias": np.zeros(outputs, np.float32)})


def pictures(count: int, side: int, classes: tuple[str, ...] = CLASSES) -> PictureSet:
    """Random grey pictures with random labels; the first ones are the same for every count."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, 100)[:count]
    images = random.integers(0, 256, (100, 1, side, side), np.uint8)[:count]
    names = tuple(f"picture {i}" for i in range(count))
    return PictureSet(torch.from_numpy(images), torch.from_numpy(labels), names, classes, ())


def ten_slices(image: np.ndarray, size: int) -> list[np.ndarray]:
    """§4.1 by hand, of (side, side): four corners, the centre between them, and mirror images."""
    last = image.shape[0] - size
    middle = last // 2
    places = [(0, 0), (0, last), (middle, middle), (last, 0), (last, last)]
    five = [image[y : y + size, x : x + size] for y, x in places]
    return five + [view[:, ::-1] for view in five]


def softmax(logits: np.ndarray) -> np.ndarray:
    """In double precision, over the last axis."""
    raised = np.exp(logits.astype(np.float64))
    return raised / raised.sum(-1, keepdims=True)
