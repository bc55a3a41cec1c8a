"""What a layer costs: neurons, parameters, connections, multiply-adds, receptive field; each number
with its sentence.

Every rule is one `match` over the closed union of layer kinds, so that nothing is ever counted as
zero unsaid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

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
    Drawn,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
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
    TreeConnected,
    Unweighted,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import initials, seen_channels, weight_shapes, window
from alexnet.network.shapes import Placed, Shape, elements
from alexnet.network.sizes import Derived
from alexnet.network.spec import Network


def _nothing(_: Unweighted) -> Derived:
    """Zero, and only for kinds that the union of layers lists as having no weights."""
    return Derived(0, "none: it has no weights")


def _no_arrays(_: Unweighted) -> tuple[Parameter, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array that is learned.

    Attributes:
        name: `<layer>.weight`, `<layer>.weight_1` (the second of several inputs, counted from
            0), `<layer>.bias`.
        shape: conv [filters, channels/groups, size, size]; local [rows, columns, filters,
            channels/groups, size, size]; fully-connected [outputs, inputs/groups]; bias [filters],
            or [filters, rows, columns] where unshared.
        fan_in: how many weights of all inputs meet in one output unit.
        sentence: where the count of its elements comes from.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    fan_in: int
    initial: Drawn
    is_bias: bool
    sentence: str

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def network_parameters(network: Network) -> tuple[Parameter, ...]:
    """Every learned array of the network, in the order of its layers."""
    return tuple(p for layer in network for p in parameters(layer, network))


def parameters(layer: Layer, network: Network) -> tuple[Parameter, ...]:
    """The learned arrays of one layer: its own weights, input by input, then the bias.

    Weights that are shared are listed at the layer that owns them, and only there.
    """
    match layer:
        case Conv() | Local() | FullyConnected() | TreeConnected():
            return _own_arrays(layer, network)
        case _:
            return _no_arrays(layer)


def weight_names(layer: Weighted, network: Network) -> tuple[str, ...]:
    """The name of the array that each input meets, in order: its own or the one it shares."""
    names = list[str]()
    for index, initial in enumerate(initials(layer)):
        if isinstance(initial, Shared):
            owner = network[initial.layer]
            names.append(_weight_name(owner, initial.index))
        else:
            names.append(_weight_name(layer, index))
    return tuple(names)


def _own_arrays(layer: Weighted, network: Network) -> tuple[Parameter, ...]:
    inputs, placed = network.inputs_of(layer), network.placed[layer.name]
    fan = fan_in(layer, inputs).value
    found = [
        Parameter(_weight_name(layer, i), layer.name, shape, fan, initial, False, why)
        for i, (shape, initial, why) in enumerate(
            zip(
                weight_shapes(layer, inputs, placed.shape),
                initials(layer),
                _sentences(layer, inputs, placed.shape),
                strict=True,
            )
        )
        if not isinstance(initial, Shared)
    ]
    if isinstance(layer, TreeConnected):
        found.append(_inner_nodes(layer, elements(inputs[0]), fan))
    if isinstance(layer, TreeConnected) or layer.bias != "none":
        shape, why = _bias(layer, placed.shape)
        found.append(
            Parameter(f"{layer.name}.bias", layer.name, shape, fan, layer.initial_bias, True, why)
        )
    return tuple(found)


def _weight_name(layer: Layer, index: int) -> str:
    return f"{layer.name}.weight" if len(layer.reads) == 1 else f"{layer.name}.weight_{index}"


def _sentences(layer: Weighted, inputs: tuple[Shape, ...], placed: Shape) -> list[str]:
    """Where the count of each input's weights comes from."""
    match layer:
        case Conv():
            pairs = zip(layer.kernels, inputs, strict=True)
            return [_filters(layer.filters, kernel, shape) for kernel, shape in pairs]
        case Local():
            places = f"{placed[1]}·{placed[2]} positions"
            pairs = zip(layer.kernels, inputs, strict=True)
            return [f"{places} · {_filters(layer.filters, k, shape)}" for k, shape in pairs]
        case FullyConnected():
            return [_dense(layer, shape) for shape in inputs]
        case TreeConnected():
            return [f"{layer.outputs} leaves · {elements(inputs[0])} inputs"]
        case _:
            assert_never(layer)


def _inner_nodes(layer: TreeConnected, inputs: int, fan: int) -> Parameter:
    """The vectors of the tree's inner nodes, which start at 0 (2012's layer.py)."""
    nodes = len(layer.parents) - layer.outputs
    why = f"{nodes} inner nodes · {inputs} inputs"
    name = f"{layer.name}.inner"
    return Parameter(name, layer.name, (nodes, inputs), fan, Constant(0.0), False, why)


def _filters(filters: int, kernel: Kernel, shape: Shape) -> str:
    return f"{filters} filters · {kernel.size}·{kernel.size}·{_seen(kernel, shape)}"


def _seen(kernel: Kernel, shape: Shape) -> str:
    """How many channels one filter sees, as a sum would write it."""
    if kernel.connections:
        return str(seen_channels(kernel, shape))
    return _shared(shape[0], kernel.groups)


def _shared(channels: int, groups: int) -> str:
    return str(channels) if groups == 1 else f"({channels}/{groups})"


def _dense(layer: FullyConnected, shape: Shape) -> str:
    return f"{layer.outputs} outputs · {_shared(elements(shape), layer.groups)} inputs"


def _bias(layer: Weighted, shape: Shape) -> tuple[tuple[int, ...], str]:
    if isinstance(layer, Conv | Local) and layer.bias == "unshared":
        return shape, f"one per output unit: {shape[0]}·{shape[1]}·{shape[2]}"
    per = "filter" if isinstance(layer, Conv | Local) else "output"
    return (shape[0],), f"one per {per}: {shape[0]}"


def fan_in(layer: Weighted, inputs: tuple[Shape, ...]) -> Derived:
    """How many weights meet in one output unit, all inputs together; of a tree those of a leaf."""
    match layer:
        case Conv() | Local():
            terms = [
                (math.prod(window(k, s)), f"{k.size}·{k.size}·{_seen(k, s)}")
                for k, s in zip(layer.kernels, inputs, strict=True)
            ]
        case FullyConnected():
            terms = [
                (elements(s) // layer.groups, _shared(elements(s), layer.groups)) for s in inputs
            ]
        case TreeConnected():
            terms = [(elements(s), str(elements(s))) for s in inputs]
        case _:
            assert_never(layer)
    return Derived(sum(count for count, _ in terms), " + ".join(why for _, why in terms))


def neurons(layer: Layer, placed: Placed) -> Derived:
    """Units with weights of their own: the outputs of convolutional, local and fully-connected
    layers.

    The paper's count (Figure 2's caption); pooling, norms and activations add no neurons.
    """
    match layer:
        case Conv() | Local():
            c, rows, columns = placed.shape
            return Derived(c * rows * columns, f"{rows}·{columns}·{c}")
        case FullyConnected() | TreeConnected():
            return Derived(layer.outputs, f"{layer.outputs}")
        case _:
            return _nothing(layer)


def multiply_adds(layer: Layer, network: Network) -> Derived:
    """Multiplications with a weight, each followed by an addition, for one picture; windows count
    whole, overhang too.

    Only layers with weights have any; norms, pooling and activations do arithmetic that no weight
    takes part in.
    """
    units = neurons(layer, network.placed[layer.name])
    match layer:
        case Conv() | Local() | FullyConnected() | TreeConnected():
            fan = fan_in(layer, network.inputs_of(layer))
            inner = f"({fan.sentence})" if "+" in fan.sentence else fan.sentence
            return Derived(units.value * fan.value, f"{units.sentence} neurons · {inner} weights")
        case _:
            return _nothing(layer)


def connections(layer: Layer, network: Network) -> Derived:
    """Every neuron's inputs and its bias, as if no weight were shared (LeCun et al. 1998 count
    LeNet-5's so).
    """
    units = neurons(layer, network.placed[layer.name])
    match layer:
        case Conv() | Local() | FullyConnected() | TreeConnected():
            fan = fan_in(layer, network.inputs_of(layer))
            bias = 1 if isinstance(layer, TreeConnected) or layer.bias != "none" else 0
            inner = f"({fan.sentence} + 1)" if bias else f"({fan.sentence})"
            return Derived(units.value * (fan.value + bias), f"{units.sentence} neurons · {inner}")
        case _:
            return _nothing(layer)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one unit sees of the picture, along one side, in pixels.

    Attributes:
        size: how many pixels wide; it may exceed the picture, the rest being padding.
        jump: how many pixels lie between neighbouring units' fields.
        start: the first pixel of the first unit's field; negative in the padding.
    """

    size: int
    jump: int
    start: int
    sentence: str


def receptive_fields(network: Network) -> dict[str, ReceptiveField | None]:
    """The receptive field (rows) of every layer that sees the picture; None for those that do not
    (labels, losses).

    The recurrence of Dumoulin & Visin 2016 and Araujo et al. 2019: size grows by (window − 1) ·
    jump, the jump by the stride; a layer with several inputs sees the union of their fields.
    """
    found: dict[str, ReceptiveField | None] = {}
    for layer in network:
        inputs = [found[read] for read in layer.reads]
        if any(field is None for field in inputs):
            found[layer.name] = None
        else:
            found[layer.name] = _field(layer, [f for f in inputs if f], network)
    return found


def _field(layer: Layer, inputs: list[ReceptiveField], network: Network) -> ReceptiveField | None:
    placed = network.placed[layer.name]
    match layer:
        case Input():
            return ReceptiveField(1, 1, 0, "one pixel") if layer.content == "picture" else None
        case Conv() | Local():
            windows = [
                (k.size, k.stride, rows.before)
                for k, (rows, _) in zip(layer.kernels, placed.sides, strict=True)
            ]
        case MaxPool() | AveragePool() | RandomPool():
            windows = [(layer.window.size, layer.window.stride, placed.sides[0][0].before)]
        case WithinMapNorm():
            windows = [(layer.size, 1, layer.size // 2)]
        case ContrastNorm():  # squares of differences from a mean: two windows, one on the other
            windows = [(2 * layer.size - 1, 1, 2 * (layer.size // 2))]
        case FullyConnected() | TreeConnected() | Softmax():
            windows = [(network.shape(read)[1], 1, 0) for read in layer.reads]
        case (
            CrossMapNorm()
            | CrossMapPool()
            | Activation()
            | ColourTransform()
            | Dropout()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            windows = [(1, 1, 0) for _ in inputs]
        case Blur():
            windows = [(layer.size, 1, layer.size // 2)]
        case Nailbed():
            windows = [(1, layer.stride, -nailbed_start(layer, network.shape(layer.reads[0])[1]))]
        case Resize() | RandomScale() | Reflection():
            return _whole(network.picture.shape[1], "a unit's place in the picture moves")
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return None
        case _:
            assert_never(layer)
    return _union([_grow(f, *w) for f, w in zip(inputs, windows, strict=True)])


def nailbed_start(layer: Nailbed, side: int) -> int:
    """The first pixel that a centred grid takes (2012's layer.py): 2 for a stride of 4 on 224."""
    return (side - layer.stride * (-(-side // layer.stride) - 1)) // 2


def _whole(side: int, why: str) -> ReceptiveField:
    """The whole picture, where a unit sees no one part of it."""
    return ReceptiveField(side, 0, 0, f"the whole picture: {why}")


def _grow(field: ReceptiveField, size: int, stride: int, before: int) -> ReceptiveField:
    return ReceptiveField(
        field.size + (size - 1) * field.jump,
        field.jump * stride,
        field.start - before * field.jump,
        f"{field.size} + ({size} − 1)·{field.jump}" if size > 1 and field.jump else "as its input",
    )


def _union(fields: list[ReceptiveField]) -> ReceptiveField:
    start = min(f.start for f in fields)
    size = max(f.start + f.size for f in fields) - start
    widest = max(fields, key=lambda f: f.size)
    sentence = widest.sentence if widest.size == size else "the union of its inputs' fields"
    return ReceptiveField(size, max(f.jump for f in fields), start, sentence)
