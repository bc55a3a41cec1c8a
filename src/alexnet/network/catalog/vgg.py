"""The networks of Simonyan & Zisserman (2015) without batch normalisation, as torchvision has them.

AlexNet's heirs, known by name for the files that hold their weights; they are not listed.
"""

from __future__ import annotations

import math

from alexnet.network.catalog.parts import ZERO, relu
from alexnet.network.layers import (
    Conv,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    MaxPool,
    Window,
)
from alexnet.network.spec import Network

SOURCE = "torchvision/models/vgg.py"

CONVOLUTIONS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions before each of the five pools, by the number of layers with weights (their Table 1,
columns A, B, D and E)."""

FILTERS = (64, 128, 256, 512, 512)


def vgg(depth: int) -> Network:
    """The network of `depth` layers with weights: 3×3 convolutions, five pools, three dense layers.

    It ends in scores, as torchvision's module does. Its adaptive average pool to 7×7 does nothing
    at 224 pixels, where the map is 7×7 already, and is left out. First weights are torchvision's:
    normal with variance 2 / (9 · filters), and 0.01 in the dense layers.

    Raises:
        ValueError: no network of that depth; the message gives those that there are.
    """
    if depth not in CONVOLUTIONS:
        known = ", ".join(map(str, CONVOLUTIONS))
        raise ValueError(f"no VGG network has {depth} layers; there are {known}")
    layers: list[Layer] = [Input(name="data", shape=(3, 224, 224), source=SOURCE)]
    for stage, (count, filters) in enumerate(zip(CONVOLUTIONS[depth], FILTERS, strict=True), 1):
        for number in range(1, count + 1):
            layers += _convolution(f"{stage}_{number}", layers[-1].name, filters)
        layers.append(
            MaxPool(
                name=f"pool{stage}",
                reads=(layers[-1].name,),
                window=Window(size=2, stride=2),
                rule="torch",
                source=SOURCE,
            )
        )
    for number in (6, 7):
        dense = _dense(f"fc{number}", layers[-1].name, 4096)
        drop = Dropout(
            name=f"drop{number}",
            reads=(f"relu{number}",),
            keep=0.5,
            scaling="train",
            source=SOURCE,
        )
        layers += [dense, relu(f"relu{number}", dense.name), drop]
    layers.append(_dense("fc8", "drop7", 1000))
    return Network(
        f"vgg{depth}", tuple(layers), source=f"Simonyan & Zisserman 2015, as {SOURCE} has it"
    )


def _convolution(number: str, reads: str, filters: int) -> list[Layer]:
    kernel = Kernel(size=3, padding=1, initial=Gaussian(math.sqrt(2 / (9 * filters))))
    conv = Conv(
        name=f"conv{number}",
        reads=(reads,),
        filters=filters,
        kernels=(kernel,),
        rule="torch",
        initial_bias=ZERO,
        source=SOURCE,
    )
    return [conv, relu(f"relu{number}", conv.name)]


def _dense(name: str, reads: str, outputs: int) -> FullyConnected:
    return FullyConnected(
        name=name, reads=(reads,), outputs=outputs, initial=(Gaussian(0.01),), source=SOURCE
    )
