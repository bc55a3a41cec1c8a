"""Small networks for the tests of the files of 2012: single layers, one of every kind, and drawn
ones.
"""

from __future__ import annotations

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    Constant,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Function,
    GatedSumOfSquaresLoss,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
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
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network

CUDA = "cuda-convnet"
WINDOW = Window(size=3, stride=2)
FUNCTIONS: tuple[tuple[Function, int], ...] = (
    ("relu", 0),
    ("bounded-relu", 1),
    ("noisy-relu", 0),
    ("soft-relu", 0),
    ("logistic", 0),
    ("tanh", 2),
    ("soft-threshold", 1),
    ("abs", 0),
    ("square", 0),
    ("sqrt", 0),
    ("linear", 2),
    ("identity", 0),
)
"""Every function that 2012 had, and how many parameters it takes."""


# --- single layers --------------------------------------------------------------------------------


def picture(side: int = 9, channels: int = 3) -> Input:
    return Input(name="data", shape=(channels, side, side))


def labels(name: str = "labels", count: int = 1) -> Input:
    return Input(name=name, shape=(count, 1, 1), content="labels")


def conv(
    name: str,
    *reads: str,
    filters: int = 16,
    size: int = 3,
    stride: int = 1,
    padding: int = 1,
    groups: int = 1,
    deviation: float = 0.01,
) -> Conv:
    kernel = Kernel(
        size=size, stride=stride, padding=padding, groups=groups, initial=Gaussian(deviation)
    )
    return Conv(name=name, reads=reads, filters=filters, kernels=(kernel,) * len(reads), rule=CUDA)


def fc(name: str, reads: str, outputs: int) -> FullyConnected:
    return FullyConnected(name=name, reads=(reads,), outputs=outputs, initial=(Gaussian(0.1),))


def neuron(
    name: str, reads: str, function: Function = "relu", parameters: tuple[float, ...] = ()
) -> Activation:
    return Activation(name=name, reads=(reads,), function=function, parameters=parameters)


def scores(reads: str) -> tuple[Layer, ...]:
    return (
        labels(),
        Softmax(name="probs", reads=(reads,)),
        LogisticLoss(name="logprob", reads=("labels", "probs"), top=2, coefficient=0.5),
    )


# --- one of every kind ----------------------------------------------------------------------------


def every_kind() -> Network:
    """Every layer, function and setting that the files of 2012 have, within the limits of their
    parser.
    """
    layers = [*_inputs(), *_transforms(), *_windowed(), *_functions(), *_heads()]
    return Network("every kind", tuple(layers))


def _inputs() -> list[Layer]:
    return [picture(24), labels(), labels("distribution", 8)]


def _transforms() -> list[Layer]:
    return [
        Reflection(name="mirror", reads=("data",)),
        RandomScale(name="scale", reads=("mirror",), maximum=1.5, side=20),
        Resize(name="small", reads=("scale",), scale=4 / 3),
        ColourTransform(name="lab", reads=("small",), space="lab", centred=True),
        ColourTransform(name="yuv", reads=("small",), space="yuv"),
        Blur(name="blur", reads=("yuv",), size=5, deviation=0.7),
        Nailbed(name="nails", reads=("blur",), stride=2),
    ]


def _windowed() -> list[Layer]:
    kernels = (
        Kernel(size=2, stride=2, initial=Gaussian(0.1 / 3)),
        Kernel(size=3, stride=1, padding=1, initial=Gaussian(0.25)),
    )
    two = conv("conv1", "lab", "nails", filters=32)
    grouped = conv("conv2", "max1", filters=64, groups=4)
    mixed = Conv(
        name="conv3",
        reads=("conv2", "conv2"),
        filters=32,
        kernels=(
            Kernel(size=3, padding=1, groups=2, initial=Gaussian(0.0)),
            Kernel(size=3, padding=1, groups=2, initial=Shared("conv3", 0)),
        ),
        rule=CUDA,
        bias="unshared",
        initial_bias=Constant(-0.5),
    )
    local = Local(
        name="local4",
        reads=("conv3",),
        filters=32,
        kernels=(Kernel(size=3, padding=1, groups=2, initial=Gaussian(0.04)),),
        rule=CUDA,
        initial_bias=Constant(2e-7),
    )
    sharing = Local(
        name="local5",
        reads=("conv3", "conv3"),
        filters=32,
        kernels=(
            Kernel(size=3, padding=1, groups=2, initial=Gaussian(0.5)),
            Kernel(size=3, padding=1, groups=2, initial=Shared("local4")),
        ),
        rule=CUDA,
    )
    return [
        Conv(name="conv1", reads=two.reads, filters=32, kernels=kernels, rule=CUDA),
        *_norms("conv1"),
        MaxPool(name="max1", reads=("contrast",), window=WINDOW, rule=CUDA),
        grouped,
        mixed,
        MaxPool(name="max2", reads=("conv2",), window=WINDOW, rule=CUDA, by_magnitude=True),
        AveragePool(
            name="mean2",
            reads=("conv2",),
            window=Window(size=3, stride=2, padding=1),
            rule=CUDA,
            divisor="inside",
        ),
        RandomPool(
            name="drawn2",
            reads=("conv2",),
            window=Window(size=2, stride=1, padding=-1, outputs=1),
            rule=CUDA,
        ),
        local,
        sharing,
    ]


def _norms(reads: str) -> list[Layer]:
    return [
        CrossMapNorm(
            name="cross", reads=(reads,), size=5, alpha=1e-4, alpha_divided=True, beta=0.75, k=2.0
        ),
        CrossMapNorm(
            name="blocked",
            reads=("cross",),
            size=4,
            alpha=0.1,
            alpha_divided=True,
            beta=0.5,
            k=1 / 3,
            blocked=True,
        ),
        WithinMapNorm(
            name="within", reads=("blocked",), size=3, alpha=5e-5, alpha_divided=True, beta=1, k=1.0
        ),
        ContrastNorm(
            name="contrast", reads=("within",), size=2, alpha=0.0, alpha_divided=True, beta=2, k=1.0
        ),
    ]


def _functions() -> list[Layer]:
    """Each on the one before: below the first a layer that alone it stands on."""
    layers = list[Layer]()
    for number, (function, count) in enumerate(FUNCTIONS):
        source = layers[-1].name if layers else "local5"
        layers.append(neuron(f"{function}{number}", source, function, (-1.5e-7, 4e22)[:count]))
    hidden = FullyConnected(
        name="fc6",
        reads=("max2", "mean2", layers[-1].name),
        outputs=8,
        initial=(Gaussian(0.01), Gaussian(0.0), Gaussian(0.02)),
        initial_bias=Constant(1.0),
    )
    hidden2 = FullyConnected(
        name="fc7",
        reads=("fc6_neuron", "drawn2", "local4"),
        outputs=8,
        initial=(Gaussian(0.01), Gaussian(0.3), Gaussian(7e-7)),
    )
    return [
        *layers,
        hidden,
        neuron("fc6_neuron", "fc6", "tanh", (1.7159, 0.6667)),
        hidden2,
        FullyConnected(name="fc8", reads=("fc7",), outputs=8, initial=(Gaussian(0.1),)),
        FullyConnected(name="fc9", reads=("fc8",), outputs=8, initial=(Shared("fc8"),)),
        Dropout(name="drop", reads=("fc9",), keep=0.3, scaling="test"),
        Dropout(name="kept", reads=("fc9",), keep=1.0, scaling="test", enabled=False),
        Concat(name="both", reads=("drop", "kept")),
        fc("fc10", "both", 8),
        ElementwiseSum(name="sum", reads=("fc10", "drop"), coefficients=(0.5, -1.25)),
        ElementwiseMax(name="largest", reads=("sum", "kept")),
    ]


def _heads() -> list[Layer]:
    return [
        Softmax(name="probs", reads=("largest",)),
        LogisticLoss(name="logprob", reads=("labels", "probs"), top=5, coefficient=0.1),
        CrossEntropyLoss(name="crossent", reads=("distribution", "probs"), coefficient=0.2),
        neuron("chances", "largest", "logistic"),
        BinaryCrossEntropyLoss(name="binary", reads=("distribution", "chances"), coefficient=0),
        SumOfSquaresLoss(name="squares", reads=("largest",), coefficient=3.0),
        fc("gate", "largest", 1),
        GatedSumOfSquaresLoss(name="gated", reads=("gate", "largest"), coefficient=1e-9),
        RobustLoss(name="robust", reads=("distribution", "chances")),
        SubsetSoftmaxLoss(name="subset", reads=("labels", "largest"), set_size=3),
    ]


# --- what is written of them ----------------------------------------------------------------------


def section(text: str, name: str) -> dict[str, str]:
    """The keys of one section of a written file."""
    lines = text.split(f"[{name}]\n")[1].split("\n\n")[0].splitlines()
    return dict(line.split("=", 1) for line in lines)
