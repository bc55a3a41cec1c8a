"""The paper's network in miniature, for the embedded digits."""

from __future__ import annotations

from alexnet.network.catalog.parts import ZERO, classify, relu
from alexnet.network.layers import (
    Constant,
    Conv,
    CrossMapNorm,
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


def tiny() -> Network:
    """The paper's network in miniature for the embedded digits: two towers, every kind of layer, 24
    grey pixels.
    """
    layers: list[Layer] = [
        Input(name="data", shape=(1, 24, 24), source="8×8 digits enlarged three times"),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    for tower, letter in enumerate("ab"):
        layers += _tiny_stage(
            1, ("data",), 12, Kernel(size=5, padding=2, initial=Gaussian(0.1)), ZERO, tower, letter
        )
    for tower, letter in enumerate("ab"):
        kernel = Kernel(size=3, padding=1, initial=Gaussian(0.08))
        layers += _tiny_stage(2, ("pool1" + letter,), 24, kernel, Constant(0.1), tower, letter)
    for tower, letter in enumerate("ab"):
        hidden = FullyConnected(
            name="fc3" + letter,
            reads=("pool2a", "pool2b"),
            tower=tower,
            outputs=64,
            initial=(Gaussian(0.03),) * 2,
            initial_bias=Constant(0.1),
        )
        drop = Dropout(
            name="drop3" + letter, reads=("relu3" + letter,), tower=tower, keep=0.5, scaling="test"
        )
        layers += [hidden, relu("relu3" + letter, "fc3" + letter, tower), drop]
    output = FullyConnected(
        name="fc4", reads=("drop3a", "drop3b"), outputs=10, initial=(Gaussian(0.03),) * 2
    )
    layers += [output, *classify("fc4", top=1)]
    return Network(
        "tiny", tuple(layers), source="ours: the shape of the paper's network, sized for digits"
    )


def _tiny_stage(
    number: int,
    reads: tuple[str, ...],
    filters: int,
    kernel: Kernel,
    bias: Constant,
    tower: int,
    letter: str,
) -> list[Layer]:
    conv, norm = f"conv{number}{letter}", f"norm{number}{letter}"
    after = f"relu{number}{letter}"
    return [
        Conv(
            name=conv,
            reads=reads,
            tower=tower,
            filters=filters,
            kernels=(kernel,),
            rule="cuda-convnet",
            initial_bias=bias,
        ),
        relu(after, conv, tower),
        CrossMapNorm(
            name=norm,
            reads=(after,),
            tower=tower,
            size=5,
            alpha=1e-4,
            alpha_divided=False,
            beta=0.75,
            k=2.0,
        ),
        MaxPool(
            name=f"pool{number}{letter}",
            reads=(norm,),
            tower=tower,
            window=Window(size=3, stride=2),
            rule="cuda-convnet",
        ),
    ]
