"""The network of Torch7's ImageNet example: the paper's two towers, which here never meet before
the fully-connected layers.
"""

from __future__ import annotations

from alexnet.network.catalog.parts import classify, relu
from alexnet.network.layers import (
    Concat,
    Conv,
    Dropout,
    FanInUniform,
    FullyConnected,
    Input,
    Kernel,
    Layer,
    MaxPool,
    Window,
)
from alexnet.network.spec import Network

SOURCE = "soumith/imagenet-multiGPU.torch, models/alexnet.lua"

INITIAL = FanInUniform(1.0)
"""What Torch7's layers draw their first weights and biases from (`reset` of each)."""

ROWS = (
    (1, 48, Kernel(size=11, stride=4, padding=2, initial=INITIAL), True),
    (2, 128, Kernel(size=5, padding=2, initial=INITIAL), True),
    (3, 192, Kernel(size=3, padding=1, initial=INITIAL), False),
    (4, 192, Kernel(size=3, padding=1, initial=INITIAL), False),
    (5, 128, Kernel(size=3, padding=1, initial=INITIAL), True),
)


def soumith() -> Network:
    """alexnet.lua: two towers of half the paper's width, joined only after the last pool.

    Its siblings alexnetowt.lua and torchvision's `alexnet` are `one_weird_trick`. LogSoftMax with
    ClassNLL is a softmax and the logistic loss. Between its fully-connected layers the file has
    Threshold(0, 1e-6), which gives one millionth where a ReLU, which stands here, gives 0.
    """
    layers: list[Layer] = [
        Input(name="data", shape=(3, 224, 224), source=SOURCE),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    for tower, letter in enumerate("ab"):
        layers += _tower(tower, letter)
    layers.append(Concat(name="features", reads=("pool5a", "pool5b"), source=SOURCE))
    last = "features"
    for number in (6, 7):
        drop = Dropout(
            name=f"drop{number}", reads=(last,), keep=0.5, scaling="train", source=SOURCE
        )
        layers += [drop, _dense(f"fc{number}", drop.name, 4096)]
        layers.append(relu(f"relu{number}", f"fc{number}"))
        last = f"relu{number}"
    layers += [_dense("fc8", last, 1000), *classify("fc8")]
    return Network("soumith", tuple(layers), source=SOURCE)


def _tower(tower: int, letter: str) -> list[Layer]:
    layers: list[Layer] = []
    last = "data"
    for number, filters, kernel, pooled in ROWS:
        conv = Conv(
            name=f"conv{number}{letter}",
            reads=(last,),
            tower=tower,
            filters=filters,
            kernels=(kernel,),
            rule="torch",
            initial_bias=INITIAL,
            source=SOURCE,
        )
        layers += [conv, relu(f"relu{number}{letter}", conv.name, tower)]
        if pooled:
            pool = MaxPool(
                name=f"pool{number}{letter}",
                reads=(layers[-1].name,),
                tower=tower,
                window=Window(size=3, stride=2),
                rule="torch",
                source=SOURCE,
            )
            layers.append(pool)
        last = layers[-1].name
    return layers


def _dense(name: str, reads: str, outputs: int) -> FullyConnected:
    return FullyConnected(
        name=name,
        reads=(reads,),
        outputs=outputs,
        initial=(INITIAL,),
        initial_bias=INITIAL,
        source=SOURCE,
    )
