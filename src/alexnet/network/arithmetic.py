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
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Initial,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    Unweighted,
    Weighted,
    WithinMapNorm,
)
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
    initial: Initial
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
    """The learned arrays of one layer: the weights of each input in order, then the bias."""
    inputs, placed = network.inputs_of(layer), network.placed[layer.name]
    match layer:
        case Conv():
            weights = [
                _weight(
                    layer,
                    i,
                    (layer.filters, *_window(kernel, shape)),
                    kernel.initial,
                    _filters(layer.filters, kernel, shape),
                )
                for i, (kernel, shape) in enumerate(zip(layer.kernels, inputs, strict=True))
            ]
        case Local():
            _, rows, columns = placed.shape
            weights = [
                _weight(
                    layer,
                    i,
                    (rows, columns, layer.filters, *_window(kernel, shape)),
                    kernel.initial,
                    f"{rows}·{columns} positions · {_filters(layer.filters, kernel, shape)}",
                )
                for i, (kernel, shape) in enumerate(zip(layer.kernels, inputs, strict=True))
            ]
        case FullyConnected():
            weights = [
                _weight(
                    layer,
                    i,
                    (layer.outputs, elements(shape) // layer.groups),
                    initial,
                    _dense(layer, shape),
                )
                for i, (initial, shape) in enumerate(zip(layer.initial, inputs, strict=True))
            ]
        case _:
            return _no_arrays(layer)
    fan = fan_in(layer, inputs).value
    arrays = [(name, shape, initial, False, why) for name, shape, initial, why in weights]
    if layer.bias != "none":
        arrays.append((f"{layer.name}.bias", *_bias(layer, placed.shape)))
    return tuple(
        Parameter(name, layer.name, shape, fan, initial, is_bias, why)
        for name, shape, initial, is_bias, why in arrays
    )


def _weight(
    layer: Layer, index: int, shape: tuple[int, ...], initial: Initial, sentence: str
) -> tuple[str, tuple[int, ...], Initial, str]:
    suffix = "weight" if len(layer.reads) == 1 else f"weight_{index}"
    return f"{layer.name}.{suffix}", shape, initial, sentence


def _window(kernel: Kernel, shape: Shape) -> tuple[int, int, int]:
    return shape[0] // kernel.groups, kernel.size, kernel.size


def _filters(filters: int, kernel: Kernel, shape: Shape) -> str:
    return f"{filters} filters · {kernel.size}·{kernel.size}·{_shared(shape[0], kernel.groups)}"


def _shared(channels: int, groups: int) -> str:
    return str(channels) if groups == 1 else f"({channels}/{groups})"


def _dense(layer: FullyConnected, shape: Shape) -> str:
    return f"{layer.outputs} outputs · {_shared(elements(shape), layer.groups)} inputs"


def _bias(layer: Weighted, shape: Shape) -> tuple[tuple[int, ...], Initial, bool, str]:
    if layer.bias == "unshared":
        return (
            shape,
            layer.initial_bias,
            True,
            f"one per output unit: {shape[0]}·{shape[1]}·{shape[2]}",
        )
    per = "output" if isinstance(layer, FullyConnected) else "filter"
    return (shape[0],), layer.initial_bias, True, f"one per {per}: {shape[0]}"


def fan_in(layer: Weighted, inputs: tuple[Shape, ...]) -> Derived:
    """How many weights meet in one output unit, all inputs together."""
    if isinstance(layer, FullyConnected):
        terms = [(elements(s) // layer.groups, _shared(elements(s), layer.groups)) for s in inputs]
    else:
        terms = [
            (math.prod(_window(k, s)), f"{k.size}·{k.size}·{_shared(s[0], k.groups)}")
            for k, s in zip(layer.kernels, inputs, strict=True)
        ]
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
        case FullyConnected():
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
        case Conv() | Local() | FullyConnected():
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
        case Conv() | Local() | FullyConnected():
            fan = fan_in(layer, network.inputs_of(layer))
            bias = 0 if layer.bias == "none" else 1
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
        case MaxPool() | AveragePool():
            windows = [(layer.window.size, layer.window.stride, placed.sides[0][0].before)]
        case WithinMapNorm():
            windows = [(layer.size, 1, layer.size // 2)]
        case ContrastNorm():  # squares of differences from a mean: two windows, one on the other
            windows = [(2 * layer.size - 1, 1, 2 * (layer.size // 2))]
        case FullyConnected() | Softmax():
            windows = [(network.shape(read)[1], 1, 0) for read in layer.reads]
        case (
            CrossMapNorm()
            | Activation()
            | Dropout()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            windows = [(1, 1, 0) for _ in inputs]
        case LogisticLoss() | CrossEntropyLoss() | BinaryCrossEntropyLoss() | SumOfSquaresLoss():
            return None
        case _:
            assert_never(layer)
    return _union([_grow(f, *w) for f, w in zip(inputs, windows, strict=True)])


def _grow(field: ReceptiveField, size: int, stride: int, before: int) -> ReceptiveField:
    return ReceptiveField(
        field.size + (size - 1) * field.jump,
        field.jump * stride,
        field.start - before * field.jump,
        f"{field.size} + ({size} − 1)·{field.jump}" if size > 1 else "as its input",
    )


def _union(fields: list[ReceptiveField]) -> ReceptiveField:
    start = min(f.start for f in fields)
    size = max(f.start + f.size for f in fields) - start
    widest = max(fields, key=lambda f: f.size)
    sentence = widest.sentence if widest.size == size else "the union of its inputs' fields"
    return ReceptiveField(size, max(f.jump for f in fields), start, sentence)
