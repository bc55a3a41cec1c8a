"""What a checkpoint says of pictures of bytes, in float64, shown as its own contract asks; and
small networks drawn by a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet.formats import Checkpoint
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Activation,
    Concat,
    Conv,
    Dropout,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    Shared,
    Softmax,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.numpy_net import forward

SMALL = Gaussian(0.1)

CAFFES = InputContract(channel_order="BGR", pixel_maximum=255.0, mean=(104.0, 117.0, 123.0))

TORCHVISIONS = InputContract(
    channel_order="RGB",
    pixel_maximum=1.0,
    mean=(0.485, 0.456, 0.406),
    deviation=(0.229, 0.224, 0.225),
)


def pictures(network: Network, seed: int = 0, count: int = 2) -> np.ndarray:
    """Bytes, RGB or grey."""
    shape = (count, *network.picture.shape)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def shown(checkpoint: Checkpoint, images: np.ndarray) -> np.ndarray:
    """`images` as the contract says, in float64."""
    contract, shape = checkpoint.contract, checkpoint.network.picture.shape
    values = images[:, ::-1] if contract.channel_order == "BGR" else images
    mean = np.reshape(contract.mean or 0.0, (-1, 1, 1))
    if checkpoint.mean_image is not None:
        top, left = ((checkpoint.mean_image.shape[axis] - shape[axis]) // 2 for axis in (1, 2))
        mean = checkpoint.mean_image[:, top : top + shape[1], left : left + shape[2]]
    return (values * (contract.pixel_maximum / 255) - mean) / np.reshape(
        contract.deviation or 1.0, (-1, 1, 1)
    )


def outputs(checkpoint: Checkpoint, images: np.ndarray) -> np.ndarray:
    """(pictures, everything that the last layer before a softmax and every end says)."""
    network = checkpoint.network
    found = forward(network, checkpoint.arrays, {network.picture.name: shown(checkpoint, images)})
    last = network.outputs
    names = [last.name, *(last.reads if isinstance(last, Softmax) else ())]
    return np.concatenate([found[name].reshape(len(images), -1) for name in names], axis=1)


def assert_alike(one: Checkpoint, other: Checkpoint, tolerance: float = 1e-9) -> None:
    """Their outputs agree to `tolerance` of the largest, and pictures do not all look alike."""
    images = pictures(one.network)
    before, after = outputs(one, images), outputs(other, images)
    assert np.isfinite(before).all()
    assert np.ptp(before, axis=0).max() > 0
    np.testing.assert_allclose(after, before, rtol=0, atol=tolerance * np.abs(before).max())


def arrays_of(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Float64, biases too; each small enough that nothing overflows."""
    generator = np.random.default_rng(seed)
    return {
        p.name: generator.normal(0, 1 / np.sqrt(p.fan_in), p.shape)
        for p in network_parameters(network)
    }


def checkpoint_of(
    network: Network,
    contract: InputContract = TORCHVISIONS,
    mean_image: np.ndarray | None = None,
    seed: int = 0,
) -> Checkpoint:
    return Checkpoint(network, arrays_of(network, seed), contract, mean_image=mean_image)


def network_of(layers: Sequence[Layer], shape: tuple[int, int, int] = (3, 9, 9)) -> Network:
    return Network("by hand", (Input(name="data", shape=shape), *layers))


def conv(name: str, reads: str = "data", *, filters: int = 4, size: int = 3, **more: int) -> Conv:
    kernel = Kernel(size=size, initial=SMALL, **more)
    return Conv(name=name, reads=(reads,), filters=filters, kernels=(kernel,), rule="cuda-convnet")


def dense(name: str, *reads: str, outputs: int = 3) -> FullyConnected:
    return FullyConnected(name=name, reads=reads, outputs=outputs, initial=(SMALL,) * len(reads))


def drawn_network(seed: int, *, between: bool = True, padding: bool = True) -> Network:
    """A network whose picture is read in one of many ways.

    Args:
        seed: of the choices.
        between: whether layers without weights may stand before the first weights.
        padding: whether windows may reach over the border.
    """
    generator = np.random.default_rng(seed)
    side = int(generator.integers(8, 12))
    layers: list[Layer] = []
    source = "data"
    if between and generator.random() < 0.7:
        layers.append(_before(int(generator.integers(5))))
        source = layers[-1].name
        if generator.random() < 0.4:
            layers.append(_meeting(int(generator.integers(2)), source))
            source = layers[-1].name
    network = network_of(layers, (3, side, side))
    pixels = network.shape(source)[1]
    size = int(generator.integers(1, 4))
    strides = [s for s in (1, 2, 3) if padding or (pixels - size) % s == 0]
    kernel = Kernel(
        size=size,
        stride=int(generator.choice(strides)),
        padding=int(generator.integers(0, 2)) if padding else 0,
        initial=SMALL,
    )
    kernels, reads = [kernel], [source]
    choice = generator.random()
    if choice < 0.3:
        kernels.append(Kernel(size=kernel.size, stride=kernel.stride, padding=kernel.padding,
                              initial=Shared("first")))  # fmt: skip
        reads.append(source)
    elif choice < 0.5:
        kernels[0] = Kernel(size=kernel.size, stride=kernel.stride, padding=kernel.padding,
                            initial=SMALL, groups=2, connections=(0, 1, 2, 2))  # fmt: skip
    kind, bias = (Local, "unshared") if padding and generator.random() < 0.3 else (Conv, "shared")
    first = kind(name="first", reads=tuple(reads), filters=4, kernels=tuple(kernels),
                 rule="cuda-convnet", bias=bias)  # fmt: skip
    layers += [first, Activation(name="relu", reads=("first",), function="relu")]
    layers.append(dense("fc", *(["relu", source] if generator.random() < 0.5 else ["relu"])))
    return network_of([*layers, Softmax(name="probs", reads=("fc",))], (3, side, side))


def _before(number: int) -> Layer:
    return (
        MaxPool(name="pool", reads=("data",), window=Window(size=2, stride=1), rule="torch"),
        Activation(name="abs", reads=("data",), function="abs"),
        Dropout(name="drop", reads=("data",), keep=0.8, scaling="test"),
        Concat(name="twice", reads=("data", "data")),
        Activation(name="relu0", reads=("data",), function="relu"),
    )[number]


def _meeting(number: int, source: str) -> Layer:
    return (
        ElementwiseSum(name="sum", reads=(source, source), coefficients=(1.0, 0.5)),
        Concat(name="both", reads=(source, source)),
    )[number]


def normed(name: str, reads: str) -> WithinMapNorm:
    return WithinMapNorm(
        name=name, reads=(reads,), size=3, alpha=0.01, alpha_divided=True, beta=0.75, k=1.0
    )
