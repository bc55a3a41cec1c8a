"""The network as the frameworks re-tell it: torchvision, Caffe (twice) and the CS231n notes."""

from __future__ import annotations

from alexnet.network.catalog.parts import ONE, ZERO, classify, relu
from alexnet.network.layers import (
    Constant,
    Conv,
    CrossMapNorm,
    Drawn,
    Dropout,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    MaxPool,
    Window,
)
from alexnet.network.sizes import Rule
from alexnet.network.spec import Network


def one_weird_trick() -> Network:
    """torchvision's `alexnet`: the single tower of Krizhevsky 2014, without response norm.

    It ends in scores, as torchvision's module does. Its adaptive average pool to 6×6 does nothing
    at 224 pixels, where the map is 6×6 already, and is left out.
    """
    torch_initial = FanInUniform(1.0)
    rows = (
        (1, 64, Kernel(size=11, stride=4, padding=2, initial=torch_initial), True),
        (2, 192, Kernel(size=5, padding=2, initial=torch_initial), True),
        (3, 384, Kernel(size=3, padding=1, initial=torch_initial), False),
        (4, 256, Kernel(size=3, padding=1, initial=torch_initial), False),
        (5, 256, Kernel(size=3, padding=1, initial=torch_initial), True),
    )
    source = "torchvision/models/alexnet.py"
    layers: list[Layer] = [Input(name="data", shape=(3, 224, 224), source=source)]
    last = "data"
    for number, filters, kernel, pooled in rows:
        layers += _plain_conv(number, last, filters, kernel, "torch", torch_initial, source)
        last = f"relu{number}"
        if pooled:
            layers.append(_plain_pool(f"pool{number}", last, "torch", source))
            last = f"pool{number}"
    for number in (6, 7):
        layers += [
            Dropout(name=f"drop{number}", reads=(last,), keep=0.5, scaling="train", source=source),
            FullyConnected(
                name=f"fc{number}",
                reads=(f"drop{number}",),
                outputs=4096,
                initial=(torch_initial,),
                initial_bias=torch_initial,
                source=source,
            ),
            relu(f"relu{number}", f"fc{number}"),
        ]
        last = f"relu{number}"
    layers.append(
        FullyConnected(
            name="fc8",
            reads=(last,),
            outputs=1000,
            initial=(torch_initial,),
            initial_bias=torch_initial,
            source=source,
        )
    )
    return Network("one_weird_trick", tuple(layers), source=f"Krizhevsky 2014, as {source} has it")


def _plain_conv(
    number: int, reads: str, filters: int, kernel: Kernel, rule: Rule, bias: Drawn, source: str
) -> list[Layer]:
    conv = Conv(
        name=f"conv{number}",
        reads=(reads,),
        filters=filters,
        kernels=(kernel,),
        rule=rule,
        initial_bias=bias,
        source=source,
    )
    return [conv, relu(f"relu{number}", f"conv{number}")]


def _plain_pool(name: str, reads: str, rule: Rule, source: str) -> MaxPool:
    return MaxPool(
        name=name, reads=(reads,), window=Window(size=3, stride=2), rule=rule, source=source
    )


def caffe() -> Network:
    """Caffe's bvlc_alexnet: groups for towers, 227 pixels, norms that cross the towers' border, k =
    1.
    """
    source = "BVLC/caffe, models/bvlc_alexnet/train_val.prototxt"
    biases = (ZERO, Constant(0.1), ZERO, Constant(0.1), Constant(0.1), Constant(0.1))
    return _one_column(
        "caffe", source, "caffe", groups=2, biases=biases, hidden=Gaussian(0.005), norm_first=True
    )


def caffenet() -> Network:
    """Caffe's reference CaffeNet: bvlc_alexnet with pooling before the norms, and the paper's
    biases of 1.
    """
    source = "BVLC/caffe, models/bvlc_reference_caffenet/train_val.prototxt"
    biases = (ZERO, ONE, ZERO, ONE, ONE, ONE)
    return _one_column(
        "caffenet",
        source,
        "caffe",
        groups=2,
        biases=biases,
        hidden=Gaussian(0.005),
        norm_first=False,
    )


def cs231n() -> Network:
    """The Stanford CS231n reading: a 227 input, one column, every layer connected to all of the one
    before.

    The notes give shapes, filters, strides and the order (norm after pooling); the norm's constants
    and the initial values are the paper's.
    """
    source = "Stanford CS231n, lecture on architectures: AlexNet"
    biases = (ZERO, ONE, ZERO, ONE, ONE, ONE)
    return _one_column(
        "cs231n", source, "torch", groups=1, biases=biases, hidden=Gaussian(0.01), norm_first=False
    )


def _one_column(
    name: str,
    source: str,
    rule: Rule,
    *,
    groups: int,
    biases: tuple[Constant, ...],
    hidden: Gaussian,
    norm_first: bool,
) -> Network:
    """Five convolutional and three fully-connected layers in a single column over 227 pixels."""
    small = Gaussian(0.01)
    kernels = (
        Kernel(size=11, stride=4, initial=small),
        Kernel(size=5, padding=2, groups=groups, initial=small),
        Kernel(size=3, padding=1, initial=small),
        Kernel(size=3, padding=1, groups=groups, initial=small),
        Kernel(size=3, padding=1, groups=groups, initial=small),
    )
    layers: list[Layer] = [
        Input(name="data", shape=(3, 227, 227), source=source),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    last = "data"
    for number, (filters, kernel, bias) in enumerate(
        zip((96, 256, 384, 384, 256), kernels, biases, strict=False), 1
    ):
        layers += _plain_conv(number, last, filters, kernel, rule, bias, source)
        last = f"relu{number}"
        if number in (1, 2):
            for what in ("norm", "pool") if norm_first else ("pool", "norm"):
                layers.append(
                    _column_norm(f"norm{number}", last, rule, source)
                    if what == "norm"
                    else _plain_pool(f"pool{number}", last, rule, source)
                )
                last = f"{what}{number}"
    layers.append(_plain_pool("pool5", last, rule, source))
    last = "pool5"
    for number in (6, 7):
        layers += [
            FullyConnected(
                name=f"fc{number}",
                reads=(last,),
                outputs=4096,
                initial=(hidden,),
                initial_bias=biases[5],
                source=source,
            ),
            relu(f"relu{number}", f"fc{number}"),
            Dropout(
                name=f"drop{number}",
                reads=(f"relu{number}",),
                keep=0.5,
                scaling="train",
                source=source,
            ),
        ]
        last = f"drop{number}"
    layers += [
        FullyConnected(name="fc8", reads=(last,), outputs=1000, initial=(small,), source=source),
        *classify("fc8"),
    ]
    return Network(name, tuple(layers), source=source)


def _column_norm(name: str, reads: str, rule: Rule, source: str) -> CrossMapNorm:
    """Caffe divides alpha by n and keeps its default k of 1; the CS231n notes leave the paper's
    constants.
    """
    caffes = rule == "caffe"
    return CrossMapNorm(
        name=name,
        reads=(reads,),
        size=5,
        alpha=1e-4,
        alpha_divided=caffes,
        beta=0.75,
        k=1.0 if caffes else 2.0,
        source=source if caffes else "§3.3",
    )
