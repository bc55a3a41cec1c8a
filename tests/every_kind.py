"""One small network that holds every kind of layer which only the files of cuda-convnet say."""

from __future__ import annotations

from alexnet.network.layers import (
    Activation,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Conv,
    CrossMapPool,
    Dropout,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Gaussian,
    Input,
    Kernel,
    Layer,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Shared,
    Softmax,
    SubsetSoftmaxLoss,
    TreeConnected,
    Window,
)
from alexnet.network.spec import Network

SMALL = Gaussian(0.1)

SPARSE = Kernel(size=3, padding=1, groups=2, initial=SMALL, connections=(0, 3, 5, 6, 1, 2, 4, 7))

PARENTS = (4, 4, 5, 5, 6, 6, 6)
"""Four classes in pairs under two nodes, those under the root."""

INPUTS: tuple[Layer, ...] = (
    Input(name="data", shape=(3, 20, 20)),
    Input(name="labels", shape=(1, 1, 1), content="labels"),
    Input(name="targets", shape=(4, 1, 1), content="labels"),
)

PICTURE_LAYERS: tuple[Layer, ...] = (
    ColourTransform(name="lab", reads=("data",), space="lab", centred=True),
    RandomScale(name="scaled", reads=("lab",), maximum=1.25, side=16),
    Reflection(name="mirrored", reads=("scaled",)),
    Resize(name="resized", reads=("mirrored",), scale=0.8),
    Blur(name="blurred", reads=("resized",), size=5, deviation=1.5),
    Nailbed(name="nails", reads=("blurred",), stride=2),
)

WEIGHTED_LAYERS: tuple[Layer, ...] = (
    Conv(
        name="conv1",
        reads=("nails", "nails"),
        filters=8,
        kernels=(
            Kernel(size=3, padding=1, initial=SMALL),
            Kernel(size=3, padding=1, initial=Shared("conv1", 0)),
        ),
        rule="cuda-convnet",
    ),
    RandomPool(
        name="random", reads=("conv1",), window=Window(size=2, stride=2), rule="cuda-convnet"
    ),
    Conv(name="conv2", reads=("random",), filters=8, kernels=(SPARSE,), rule="cuda-convnet"),
    Conv(
        name="conv3",
        reads=("conv2",),
        filters=8,
        kernels=(Kernel(size=3, padding=1, groups=2, initial=Shared("conv2")),),
        rule="cuda-convnet",
    ),
    MaxPool(
        name="farthest",
        reads=("conv3",),
        window=Window(size=3, stride=2),
        rule="cuda-convnet",
        by_magnitude=True,
    ),
    CrossMapPool(name="across", reads=("farthest",), size=2, stride=2, outputs=4),
    Dropout(name="off", reads=("across",), keep=0.5, scaling="test", enabled=False),
    TreeConnected(name="tree", reads=("off",), outputs=4, parents=PARENTS, initial=SMALL),
    Softmax(name="probs", reads=("tree",)),
    FullyConnected(name="gate", reads=("off",), outputs=1, initial=(SMALL,)),
    Activation(name="units", reads=("tree",), function="logistic"),
)

LOSSES: tuple[Layer, ...] = (
    LogisticLoss(name="logprob", reads=("labels", "probs")),
    GatedSumOfSquaresLoss(name="gated", reads=("gate", "tree"), coefficient=0.1),
    RobustLoss(name="robust", reads=("targets", "tree")),
    SubsetSoftmaxLoss(name="subset", reads=("labels", "tree"), set_size=2),
    BinaryCrossEntropyLoss(name="binary", reads=("targets", "units"), positive_weight=2.0),
)


def every_kind() -> Network:
    """The network; 3×20×20 pictures, 4 classes, targets beside the labels."""
    return Network("every kind", (*INPUTS, *PICTURE_LAYERS, *WEIGHTED_LAYERS, *LOSSES))
