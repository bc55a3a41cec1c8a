"""The layers of a network as sections of a 2012 definition file. What the files cannot say is
refused before (`writer_refusals`); constants and rates stand in the other file
(`writer_parameters`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import assert_never

from alexnet.formats.cuda_convnet.writer_values import Written, listed, neuron, number
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
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Gaussian,
    Initial,
    Input,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Nailbed,
    Norm,
    PictureTransform,
    Pool,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Shared,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import initials, seen_channels
from alexnet.network.shapes import Shape
from alexnet.network.spec import Network

Keys = list[tuple[str, str]]


def definition_sections(network: Network) -> tuple[Written, ...]:
    """One section per layer in the network's order; what is written as `neuron=` has none."""
    neurons = written_as_neuron(network)
    above = {source: name for name, source in neurons.items()}
    indices = _data_indices(network)
    sections = list[Written]()
    for layer in network:
        if layer.name in neurons:
            continue
        keys = _keys(layer, network)
        if isinstance(layer, Input):
            keys.append(("dataIdx", str(indices[layer.name])))
        else:
            keys = _with_inputs(keys, layer, neurons)
            if layer.name in above:
                activation = network[above[layer.name]]
                assert isinstance(activation, Activation), "only activations are neurons"
                keys.append(("neuron", neuron(activation.function, activation.parameters)))
            keys += _gpu(layer, network)
        sections.append(Written(layer.name, tuple(keys)))
    return tuple(sections)


def written_as_neuron(network: Network) -> dict[str, str]:
    """The activations that stand as `neuron=` on the layer below them, each with that layer's name.

    It is called `<layer>_neuron`, stands directly above it on the same tower, and alone reads it:
    exactly what the original parser makes of `neuron=` (layer.py, `detach_neuron_layer`).
    """
    readers = Counter(read for layer in network for read in set(layer.reads))
    found = dict[str, str]()
    for below, layer in zip(network.layers, network.layers[1:], strict=False):
        if (
            isinstance(layer, Activation)
            and not isinstance(below, Input | Activation | Loss)
            and layer.reads == (below.name,)
            and layer.name == f"{below.name}_neuron"
            and layer.tower == below.tower
            and readers[below.name] == 1
        ):
            found[layer.name] = below.name
    return found


def _data_indices(network: Network) -> dict[str, int]:
    """`dataIdx` of every input: the picture is 0, labels follow from 1 as in the data of 2012,
    other pictures come last.
    """
    inputs = [layer for layer in network if isinstance(layer, Input)]
    inputs.sort(key=lambda x: (x.name != network.picture.name, x.content == "picture"))
    return {layer.name: index for index, layer in enumerate(inputs)}


def _with_inputs(keys: Keys, layer: Layer, neurons: Mapping[str, str]) -> Keys:
    """Inputs behind the type, and behind `pool` where there is one, as in the files of 2012."""
    reads = listed(neurons.get(read, read) for read in layer.reads)
    place = 2 if isinstance(layer, Pool) else 1
    return [*keys[:place], ("inputs", reads), *keys[place:]]


def _gpu(layer: Layer, network: Network) -> Keys:
    """`gpu=` where the first input's is another: a layer that names none runs there, and data runs
    on none (layer.py). A network without towers runs on GPU 0.
    """
    wanted, first = layer.tower or 0, network[layer.reads[0]]
    inherited = None if isinstance(first, Input) else first.tower or 0
    return [] if wanted == inherited else [("gpu", str(wanted))]


def _keys(layer: Layer, network: Network) -> Keys:
    """The type and what a layer says of itself, without its inputs and its GPU."""
    match layer:
        case Input():
            return [("type", "data")]
        case Conv() | Local():
            return _windowed(layer, network)
        case FullyConnected():
            outputs = [("outputs", str(layer.outputs))]
            return [("type", "fc"), *outputs, *_initials(layer, network), *_sources(layer)]
        case TreeConnected():
            return [("type", "treefc"), *_initials(layer, network)]
        case MaxPool() | AveragePool() | RandomPool():
            return _pool(layer, _below(layer, network))
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return _norm(layer, _below(layer, network))
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            return _transform(layer, _below(layer, network))
        case Activation():
            return [("type", "neuron"), ("neuron", neuron(layer.function, layer.parameters))]
        case Dropout():
            return [("type", "hs"), ("keep", number(layer.keep))]
        case Softmax():
            return [("type", "softmax")]
        case Concat():
            return [("type", "concat")]
        case ElementwiseSum():
            return [("type", "eltsum"), ("coeffs", listed(map(number, layer.coefficients)))]
        case ElementwiseMax():
            return [("type", "eltmax")]
        case CrossMapPool():
            raise AssertionError("pooling across maps has no 2012 section and is refused before")
        case _:
            return [("type", _cost(layer))]


def _below(layer: Layer, network: Network) -> Shape:
    return network.shape(layer.reads[0])


def _windowed(layer: Conv | Local, network: Network) -> Keys:
    """A convolution; `filters` are those of one group, `padding` is positive (layer.py)."""
    kernels, inputs = layer.kernels, network.inputs_of(layer)
    keys = [
        ("type", layer.kind),
        ("channels", listed(shape[0] for shape in inputs)),
        ("filters", listed(layer.filters // kernel.groups for kernel in kernels)),
        ("padding", listed(kernel.padding for kernel in kernels)),
        ("stride", listed(kernel.stride for kernel in kernels)),
        ("filterSize", listed(kernel.size for kernel in kernels)),
        *_initials(layer, network),
    ]
    if isinstance(layer, Conv):
        modules = network.shape(layer.name)[1] * network.shape(layer.name)[2]
        keys.append(("partialSum", str(partial_sum(modules))))
        keys.append(("sharedBiases", str(int(layer.bias == "shared"))))
    if any(kernel.groups > 1 for kernel in kernels):
        keys.append(("groups", listed(kernel.groups for kernel in kernels)))
    if any(kernel.connections for kernel in kernels):
        keys.append(("randSparse", listed(int(bool(kernel.connections)) for kernel in kernels)))
        seen = (seen_channels(k, shape) for k, shape in zip(kernels, inputs, strict=True))
        keys.append(("filterChannels", listed(seen)))
    return keys + _sources(layer)


def partial_sum(modules: int) -> int:
    """Over how many places a weight gradient is summed at once: the smallest divisor from 3 on, as
    in the files of 2012 (5 for 55², 3 for 27², 13 for 13², 4 for 32²).
    """
    return next((count for count in range(3, modules) if modules % count == 0), modules)


def _initials(layer: Weighted, network: Network) -> Keys:
    """`initW` has a number for every input, shared ones too (layer.py, `verify_num_params`)."""
    deviations = (_deviation(initial, network) for initial in initials(layer))
    keys = [("initW", listed(map(number, deviations)))]
    assert isinstance(layer.initial_bias, Constant), "other biases are refused before"
    if layer.initial_bias.value:
        keys.append(("initB", number(layer.initial_bias.value)))
    return keys


def _deviation(initial: Initial, network: Network) -> float:
    if isinstance(initial, Shared):
        owner = network[initial.layer]
        assert isinstance(owner, Conv | Local | FullyConnected), "the network checks who shares"
        initial = initials(owner)[initial.index]
    assert isinstance(initial, Gaussian), "other initial values are refused before"
    return initial.deviation


def _sources(layer: Conv | Local | FullyConnected) -> Keys:
    """`weightSource`, one per input and empty where the weights are the layer's own."""
    shared = [initial if isinstance(initial, Shared) else None for initial in initials(layer)]
    if not any(shared):
        return []
    return [("weightSource", listed(f"{s.layer}[{s.index}]" if s else "" for s in shared))]


def _pool(layer: Pool, below: Shape) -> Keys:
    match layer:
        case MaxPool():
            word = "maxabs" if layer.by_magnitude else "max"
        case AveragePool():
            word = "avg"
        case RandomPool():
            word = "rand"
        case _:
            assert_never(layer)
    window = layer.window
    keys = [("type", "pool"), ("pool", word)]
    if window.padding:
        keys.append(("start", str(-window.padding)))
    keys += [("sizeX", str(window.size)), ("stride", str(window.stride))]
    if window.outputs is not None:
        keys.append(("outputsX", str(window.outputs)))
    return [*keys, ("channels", str(below[0]))]


def _norm(layer: Norm, below: Shape) -> Keys:
    match layer:
        case CrossMapNorm():
            word = "cmrnorm"
        case WithinMapNorm():
            word = "rnorm"
        case ContrastNorm():
            word = "cnorm"
        case _:
            assert_never(layer)
    keys = [("type", word), ("channels", str(below[0])), ("size", str(layer.size))]
    if isinstance(layer, CrossMapNorm) and layer.blocked:
        keys.append(("blocked", "1"))
    return keys


def _transform(layer: PictureTransform, below: Shape) -> Keys:
    channels = ("channels", str(below[0]))
    match layer:
        case Blur():
            size, sd = ("filterSize", str(layer.size)), ("stdev", number(layer.deviation))
            return [("type", "blur"), sd, size, channels]
        case Nailbed():
            return [("type", "nailbed"), ("stride", str(layer.stride)), channels]
        case Resize():
            return [("type", "resize"), ("scale", number(layer.scale)), channels]
        case RandomScale():
            limits = [("maxScale", number(layer.maximum)), ("tgtSize", str(layer.side))]
            return [("type", "rscale"), *limits, channels]
        case Reflection():
            return [("type", "href"), channels]
        case ColourTransform():
            centre = [("center", "1")] if layer.centred else []
            return [("type", f"rgb2{layer.space}"), *centre]
        case _:
            assert_never(layer)


def _cost(layer: Loss) -> str:
    match layer:
        case LogisticLoss():
            return "cost.logreg"
        case CrossEntropyLoss():
            return "cost.crossent"
        case BinaryCrossEntropyLoss():
            return "cost.crossent2"
        case SumOfSquaresLoss():
            return "cost.sum2"
        case GatedSumOfSquaresLoss():
            return "cost.gsum2"
        case RobustLoss():
            return "cost.rflickr"
        case SubsetSoftmaxLoss():
            return "cost.msm"
        case _:
            assert_never(layer)
