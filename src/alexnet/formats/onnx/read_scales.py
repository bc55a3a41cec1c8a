"""Numbers that a foreign graph multiplies and adds: of the raw picture its preparation, behind a
layer with weights a part of those, else a layer of their own. Batch normalisation is such numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.onnx.build import Build, decimal
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.read_weighted import UNKNOWN, check_outputs, times
from alexnet.formats.onnx.tensors import Tensor, given
from alexnet.formats.onnx.values import Prepared, Value
from alexnet.network.layers import Activation, Conv, FullyConnected, Kernel, Local

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """scale · x + shift, one number for all or one for each channel; or a whole map, added."""

    scale: Reals
    shift: Reals
    image: Tensor | None = None

    @property
    def is_single(self) -> bool:
        """Whether it is the same for all channels by its shape."""
        return self.scale.size == 1 and self.shift.size == 1 and self.image is None

    @property
    def is_shift(self) -> bool:
        """Whether it only adds."""
        return bool((self.scale == 1).all())


ONE, ZERO = np.ones(1), np.zeros(1)


def arithmetic(node: Node, build: Build) -> None:
    """Add, Sub, Mul and Div of the picture's values and constants."""
    first, second = build.known(node, 0), build.known(node, 1)
    value, number = (first, second) if isinstance(first, Value) else (second, first)
    if not isinstance(value, Value) or not isinstance(number, Tensor):
        raise build.error(node, "computes with a shape, or lacks an input")
    constant_first = value is second
    if node.operator == "Div" and constant_first:
        raise build.error(node, "divides by what a layer gives, which no layer does here")
    apply(node, build, value, _scale(node, build, value, number, constant_first))


def batch_norm(node: Node, build: Build) -> None:
    """BatchNormalization as it is at test time: a scale and a shift of each channel."""
    value = build.value(node)
    if build.integer(node, "training_mode", 0) or build.integer(node, "spatial", 1) != 1:
        raise build.error(node, "normalises by the batch, or each pixel by itself; neither is read")
    arrays = [_vector(node, build, index) for index in range(1, 5)]
    scale, shift, mean, variance = arrays
    epsilon = build.real(node, "epsilon", 1e-5)
    if any(each.size != _channels(value) for each in arrays) or (variance + epsilon <= 0).any():
        raise build.error(node, f"its numbers do not fit the {_channels(value)} channels it reads")
    factors = scale / np.sqrt(variance + epsilon)
    build.notes.group(
        "batch normalisation is put into the weights before it, or is a convolution of 1×1",
        value.layer,
    )
    apply(node, build, value, Scale(factors, shift - mean * factors))


def _vector(node: Node, build: Build, index: int) -> Reals:
    found = build.numbers(node, index)
    if found is None:
        raise build.error(node, f"its input {index} is missing")
    return found.astype(np.float64).reshape(-1)


def _channels(value: Value) -> int:
    return value.view[-1] if value.last and len(value.view) == 3 else value.view[0]


def _scale(node: Node, build: Build, value: Value, number: Tensor, constant_first: bool) -> Scale:
    """What a constant does, by the shape that it has beside the value's."""
    rank = len(value.view) + 1
    shape = (1,) * (rank - len(number.shape)) + number.shape
    axis = rank - 1 if value.last and len(value.view) == 3 else 1
    sides = [i for i, side in enumerate(shape) if side != 1]
    if len(shape) != rank or any(shape[i] != (0, *value.view)[i] for i in sides):
        raise build.error(
            node, f"its constant of shape {list(number.shape)[:6]} does not fit {value.sides}"
        )
    if sides not in ([], [axis]):
        return _image(node, build, value, number, shape, constant_first)
    single = value.shape[1:] != (1, 1) and len(value.view) == 1 and sides == [axis]
    if single:
        raise build.error(node, f"gives every unit of {build.said(value)} a number of its own")
    check_outputs(node, build, number.size)
    own = number.load().astype(np.float64).reshape(-1)
    match node.operator:
        case "Add":
            return Scale(ONE, own)
        case "Sub":
            return Scale(-ONE, own) if constant_first else Scale(ONE, -own)
        case "Mul":
            return Scale(own, ZERO)
        case _:
            if not own.all():
                raise build.error(node, "divides by 0")
            return Scale(1 / own, ZERO)


def _image(
    node: Node,
    build: Build,
    value: Value,
    number: Tensor,
    shape: tuple[int, ...],
    constant_first: bool,
) -> Scale:
    """A number for each pixel."""
    if node.operator not in ("Add", "Sub") or constant_first and node.operator == "Sub":
        raise build.error(node, "multiplies every pixel by a number of its own")
    image = number.reshaped(shape[1:])
    if value.last and len(shape) == 4:
        image = image.transposed((2, 0, 1))
    if image.shape != value.shape:
        raise build.error(node, f"adds {list(image.shape)} to {value.sides}")
    return Scale(ONE, ONE if node.operator == "Add" else -ONE, image)


def apply(node: Node, build: Build, value: Value, scale: Scale) -> None:
    """Puts it where it belongs."""
    if not value.is_whole or value.sets != 1:
        raise build.error(node, f"reads {build.said(value)}; it must be whole maps or units")
    if not (np.isfinite(scale.scale).all() and np.isfinite(scale.shift).all()):
        raise build.error(node, "its constants are not finite")
    if value.prepared is not None:
        prepared = _prepared(value.prepared, scale, len(value.prepared.scale))
        if prepared is not None:
            build.give(node, replace(value, prepared=prepared))
            return
    layer = build.layers[value.layer]
    if scale.image is not None:
        _give_unshared(node, build, value, scale)
    elif isinstance(layer, Local) and value.private and layer.bias == "none" and scale.is_shift:
        _give_bias(node, build, value, scale)
    elif (
        isinstance(layer, Conv | FullyConnected)
        and value.private
        and not (scale.is_single and (layer.bias != "none" or scale.scale[0] != 1))
    ):
        _fold(node, build, value, layer, scale)
    elif scale.is_single:
        parameters = decimal(float(scale.scale[0])), decimal(float(scale.shift[0]))
        linear = Activation(**build.common(node, value), function="linear", parameters=parameters)
        build.give(node, replace(value, layer=build.place(node, linear).layer, private=True))
    else:
        _add_layer(node, build, value, scale)


def _prepared(before: Prepared, scale: Scale, channels: int) -> Prepared | None:
    """The preparation with one more step, None where it is none."""
    if (scale.scale <= 0).any():
        return None
    if scale.image is not None:
        alike = len(set(before.scale)) == 1 and not any(before.mean) and before.image is None
        if not alike or scale.shift[0] > 0:
            return None
        return replace(before, image=scale.image.divided(before.scale[0]))
    factor = np.broadcast_to(scale.scale, channels)
    shift = np.broadcast_to(scale.shift, channels)
    if before.image is not None and shift.any():
        return None
    of_one = before.of_one or (
        abs(float(factor[0]) * 255 - 1) < 1e-6
        and scale.is_single
        and set(before.scale) == {1.0}
        and not any(before.mean)
    )
    own = np.array(before.scale) * factor
    if of_one and not before.of_one:
        own = np.full(channels, 1 / 255)  # as a graph says it in single precision
    mean = np.array(before.mean) - shift / own
    return replace(before, scale=tuple(own.tolist()), mean=tuple(mean.tolist()), of_one=of_one)


def _fold(
    node: Node, build: Build, value: Value, layer: Conv | FullyConnected, scale: Scale
) -> None:
    """Into the weights and the bias of the layer before."""
    weights = build.learned[f"{layer.name}.weight"]
    outputs = weights.shape[0]
    if value.shape[0] != outputs or _channels(value) != outputs:
        raise build.error(node, f"reads {build.said(value)}; its {outputs} outputs are needed")
    factors, shift = np.broadcast_to(scale.scale, outputs), np.broadcast_to(scale.shift, outputs)
    build.learned[f"{layer.name}.weight"] = times(node, build, weights, factors)
    name = f"{layer.name}.bias"
    if layer.bias == "none":
        build.layers[layer.name] = replace(layer, bias="shared")
        build.learned[name] = given(name, shift.astype(weights.dtype))
    else:
        try:
            build.learned[name] = times(node, build, build.learned[name], factors).plus(shift)
        except ValueError as error:
            raise build.error(node, str(error)) from None
    build.give(node, value)


def _give_bias(node: Node, build: Build, value: Value, scale: Scale) -> None:
    """One number for each map that a locally-connected layer makes."""
    layer = build.layers[value.layer]
    assert isinstance(layer, Local), "the caller has looked"
    shift = np.broadcast_to(scale.shift, layer.filters)
    dtype = build.learned[f"{layer.name}.weight"].dtype
    build.layers[layer.name] = replace(layer, bias="shared")
    build.learned[f"{layer.name}.bias"] = given(f"{layer.name}.bias", shift.astype(dtype))
    build.give(node, value)


def _add_layer(node: Node, build: Build, value: Value, scale: Scale) -> None:
    """A convolution of 1×1 that gives every channel a scale and a shift."""
    channels = value.shape[0]
    if value.is_turned or _channels(value) != channels:
        raise build.error(node, f"scales {build.said(value)}; it must be maps, channels first")
    kernel = Kernel(size=1, groups=channels, initial=UNKNOWN)
    layer = Conv(**build.common(node, value), filters=channels, kernels=(kernel,), rule="torch")
    factors = np.broadcast_to(scale.scale, channels).astype(np.float32)
    shift = np.broadcast_to(scale.shift, channels).astype(np.float32)
    build.add(node, layer, value.view)
    build.learned[f"{layer.name}.weight"] = given(
        f"{layer.name}.weight", factors.reshape(channels, 1, 1, 1)
    )
    build.learned[f"{layer.name}.bias"] = given(f"{layer.name}.bias", shift)


def _give_unshared(node: Node, build: Build, value: Value, scale: Scale) -> None:
    """A map that is added to a convolution without a bias is its bias, one number for each unit."""
    layer, image = build.layers[value.layer], scale.image
    assert image is not None, "the caller has looked"
    if not (isinstance(layer, Conv | Local) and value.private and layer.bias == "none"):
        raise build.error(node, f"adds a number for each pixel to {build.said(value)}")
    if scale.shift[0] < 0 or not image.is_real:
        raise build.error(node, "takes a number from each pixel, where a bias is added")
    build.layers[layer.name] = replace(layer, bias="unshared")
    build.learned[f"{layer.name}.bias"] = image
    build.give(node, value)
