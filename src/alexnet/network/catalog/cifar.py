"""The CIFAR-10 networks that cuda-convnet was released with, and the paper's four-layer net of
Figure 1.

Layer names are the original files'; the input is 32 pixels, or 24 where the published error used
crops of 24.
"""

from __future__ import annotations

from alexnet.network.catalog.parts import classify
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    CrossMapNorm,
    FullyConnected,
    Function,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network

WINDOW = Window(size=3, stride=2)


def cifar_80sec() -> Network:
    """layers-80sec.cfg: 26% test error in 80 seconds on one GPU of 2011."""
    hidden = FullyConnected(name="fc64", reads=("pool3",), outputs=64, initial=(Gaussian(0.1),))
    layers = [*_inputs(32), *_three_stages(norm=False), hidden, _neuron("fc64")]
    layers += _classify("fc64_neuron", Gaussian(0.1))
    return Network("80sec", tuple(layers), source="cuda-convnet, example-layers/layers-80sec.cfg")


def cifar_18pct() -> Network:
    """layers-18pct.cfg: 18% test error without data augmentation; response norm within maps."""
    layers = [*_inputs(32), *_three_stages(norm=True), *_classify("pool3", Gaussian(0.01))]
    return Network("18pct", tuple(layers), source="cuda-convnet, example-layers/layers-18pct.cfg")


def cifar_13pct() -> Network:
    """layers-conv-local-13pct.cfg: two convolutional and two local layers; 13% with crops of 24."""
    layers: list[Layer] = [
        *_inputs(24),
        _conv("conv1", "data", 64, Gaussian(0.0001)),
        _neuron("conv1"),
        _max_pool("pool1", "conv1_neuron"),
        _conv("conv2", "pool1", 64, Gaussian(0.01)),
        _neuron("conv2"),
        _max_pool("pool2", "conv2_neuron"),
        *_local("local3", "pool2", 32),
        *_local("local4", "local3_neuron", 32),
        _scores("local4_neuron", Gaussian(0.01)),
        _neuron("fc10", "identity"),  # the file says neuron=ident
        *classify("fc10_neuron", top=1),
    ]
    source = "cuda-convnet, example-layers/layers-conv-local-13pct.cfg"
    return Network("13pct", tuple(layers), source=source)


def cifar_11pct() -> Network:
    """cuda-convnet2's layers-cifar10-11pct.cfg: the local net with response norm across maps; 11%
    over nine views.

    Figures of the paper's §3.3: 13% without normalisation, 11% with it.
    """
    layers: list[Layer] = [
        *_inputs(24),
        _conv("conv1", "data", 64, Gaussian(0.0001)),
        _neuron("conv1"),
        _max_pool("pool1", "conv1_neuron"),
        _cross_map_norm("rnorm1", "pool1"),
        _conv("conv2", "rnorm1", 64, Gaussian(0.01)),
        _neuron("conv2"),
        _cross_map_norm("rnorm2", "conv2_neuron"),
        _max_pool("pool2", "rnorm2"),
        *_local("local3", "pool2", 64),
        *_local("local4", "local3_neuron", 32),
        *_classify("local4_neuron", Gaussian(0.01)),
    ]
    source = "cuda-convnet2, layers/layers-cifar10-11pct.cfg and layer-params-cifar10-11pct.cfg"
    return Network("11pct", tuple(layers), source=source)


def cifar_relu() -> Network:
    """A four-layer net with ReLU, for Figure 1's race to 25% training error (see `cifar_tanh`)."""
    return _four_layers("cifar_relu", "relu", ())


def cifar_tanh() -> Network:
    """The same four-layer net with tanh.

    The paper does not print Figure 1's net ("a four-layer convolutional neural network"); this is
    cuda-convnet's four-layer CIFAR net (three convolutional, one fully-connected), without its
    norms.
    """
    return _four_layers("cifar_tanh", "tanh", (1.0, 1.0))


def _four_layers(name: str, function: Function, parameters: tuple[float, ...]) -> Network:
    stages = _three_stages(norm=False, function=function, parameters=parameters)
    layers = [*_inputs(32), *stages, *_classify("pool3", Gaussian(0.01))]
    return Network(
        name, tuple(layers), source="§3.1 and Figure 1, on cuda-convnet's layers-18pct.cfg"
    )


def _inputs(side: int) -> list[Layer]:
    return [
        Input(name="data", shape=(3, side, side)),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]


def _three_stages(
    *, norm: bool, function: Function = "relu", parameters: tuple[float, ...] = ()
) -> list[Layer]:
    """Three convolutions of 5 with pooling 3/2: the first pools the maximum and then takes its
    function.
    """

    def neuron(above: str) -> Activation:
        return _neuron(above, function, parameters)

    layers: list[Layer] = [
        _conv("conv1", "data", 32, Gaussian(0.0001)),
        _max_pool("pool1", "conv1"),
        neuron("pool1"),
    ]
    last = "pool1_neuron"
    for number, filters in ((2, 32), (3, 64)):
        if norm:
            layers.append(_within_map_norm(f"rnorm{number - 1}", last))
            last = f"rnorm{number - 1}"
        conv, pool = f"conv{number}", f"pool{number}"
        layers += [
            _conv(conv, last, filters, Gaussian(0.01)),
            neuron(conv),
            _average_pool(pool, f"{conv}_neuron"),
        ]
        last = pool
    return layers


def _conv(name: str, reads: str, filters: int, initial: Gaussian) -> Conv:
    kernel = Kernel(size=5, padding=2, initial=initial)
    return Conv(
        name=name,
        reads=(reads,),
        filters=filters,
        kernels=(kernel,),
        rule="cuda-convnet",
        source=f"[{name}]",
    )


def _local(name: str, reads: str, filters: int) -> list[Layer]:
    kernel = Kernel(size=3, padding=1, initial=Gaussian(0.04))
    local = Local(
        name=name,
        reads=(reads,),
        filters=filters,
        kernels=(kernel,),
        rule="cuda-convnet",
        source=f"[{name}]",
    )
    return [local, _neuron(name)]


def _neuron(
    above: str, function: Function = "relu", parameters: tuple[float, ...] = ()
) -> Activation:
    """`neuron=…` is a layer of its own, called as the original parser calls it (layer.py)."""
    return Activation(
        name=f"{above}_neuron", reads=(above,), function=function, parameters=parameters
    )


def _max_pool(name: str, reads: str) -> MaxPool:
    return MaxPool(
        name=name, reads=(reads,), window=WINDOW, rule="cuda-convnet", source=f"[{name}]"
    )


def _average_pool(name: str, reads: str) -> AveragePool:
    return AveragePool(
        name=name,
        reads=(reads,),
        window=WINDOW,
        rule="cuda-convnet",
        divisor="inside",
        source=f"[{name}]",
    )


def _within_map_norm(name: str, reads: str) -> WithinMapNorm:
    return WithinMapNorm(
        name=name,
        reads=(reads,),
        size=3,
        alpha=0.00005,
        alpha_divided=True,
        beta=0.75,
        k=1.0,
        source=f"layer-params-18pct.cfg [{name}]: layer.py divides scale by size²",
    )


def _cross_map_norm(name: str, reads: str) -> CrossMapNorm:
    return CrossMapNorm(
        name=name,
        reads=(reads,),
        size=9,
        alpha=0.001,
        alpha_divided=True,
        beta=0.75,
        k=1.0,
        source=f"layer-params-cifar10-11pct.cfg [{name}]: layer.py divides scale by size",
    )


def _scores(reads: str, initial: Gaussian) -> FullyConnected:
    return FullyConnected(
        name="fc10", reads=(reads,), outputs=10, initial=(initial,), source="[fc10]"
    )


def _classify(reads: str, initial: Gaussian) -> list[Layer]:
    return [_scores(reads, initial), *classify("fc10", top=1)]
