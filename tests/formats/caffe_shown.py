"""A checkpoint written as Caffe's and shown pictures: by us, by OpenCV, and by us as it is read
back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet import formats
from alexnet.formats import Checkpoint, Written
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import ChannelOrder, InputContract
from alexnet.network.spec import Network
from alexnet.torch_net import build
from formats.caffe_definitions import opencv

CLOSE = 1e-4
"""How far outputs may be apart, in units of the largest."""


def drawn(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights that let every layer say something, whatever the network starts from."""
    random = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for parameter in network_parameters(network):
        deviation = 0.1 if parameter.is_bias else math.sqrt(2 / parameter.fan_in)
        arrays[parameter.name] = random.normal(0, deviation, parameter.shape).astype(np.float32)
    return arrays


def checkpoint(network: Network, **said: Any) -> Checkpoint:
    """The network with drawn weights for pictures in Caffe's own order, or as is said."""
    order: ChannelOrder = "BGR" if network.picture.shape[0] == 3 else "grey"
    said.setdefault("contract", InputContract(channel_order=order, pixel_maximum=255.0))
    if "arrays" not in said:
        said["arrays"] = drawn(network)
    return Checkpoint(network=network, **said)


def pictures_for(network: Network, many: int = 2) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(0, 1, (many, *network.picture.shape)).astype(np.float32)


def run(found: Checkpoint, pictures: np.ndarray, layer: str) -> np.ndarray:
    """What a layer says of pictures that are prepared already."""
    module = build(found.network, arrays=found.arrays).eval()
    with torch.no_grad():
        return module(torch.from_numpy(pictures), layers=[layer])[layer].numpy()


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.size == theirs.size
    assert theirs.std() > 1e-4 * np.abs(theirs).max(), "outputs that say nothing"
    return float(np.abs(ours.ravel() - theirs.ravel()).max() / np.abs(theirs).max())


Reader = Callable[[Path, np.ndarray, str], np.ndarray]
"""What a layer says of pictures, by a model's file."""


def by_opencv(model: Path, pictures: np.ndarray, layer: str) -> np.ndarray:
    """As OpenCV runs the model and the definition beside it."""
    net = opencv().dnn.readNetFromCaffe(str(model.with_suffix(".prototxt")), str(model))
    net.setInput(pictures)
    return net.forward(layer)


def read_back(model: Path, pictures: np.ndarray, layer: str) -> np.ndarray:
    """As we read the model ourselves."""
    return run(formats.read(model), pictures, layer)


READERS: dict[str, Reader] = {"read back": read_back, "OpenCV": by_opencv}


def check(reader: Reader, found: Checkpoint, folder: Path, layer: str = "") -> Written:
    """Writes a checkpoint; its reader must say what it says."""
    path = folder / "net.caffemodel"
    written = formats.write(found, path)
    layer = layer or found.network.outputs.name
    pictures = pictures_for(found.network)
    assert difference(reader(path, pictures, layer), run(found, pictures, layer)) < CLOSE
    return written
