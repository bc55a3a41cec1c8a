"""Caffe's convolutions and inner products as layers, with how their arrays start; and the windows
that pooling shares. No arrays are read here.
"""

from __future__ import annotations

import math

from alexnet.formats.caffe.build import Build, Learned, error
from alexnet.formats.caffe.message import Message
from alexnet.network.layers import (
    Constant,
    Conv,
    Drawn,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Kernel,
)
from alexnet.network.shapes import elements


def square(message: Message, settings: Message, name: str, default: int | None) -> int:
    """A setting of both sides of a window: `kernel_size`, `stride` or `pad`, or its _h and _w.

    Raises:
        FormatError: the sides differ, or it is missing and has no default.
    """
    stem = name.removesuffix("_size")
    values = settings.integers(name)
    sides = [settings.integers(f"{stem}_{side}") for side in "hw"]
    if any(sides):
        if values or not all(sides):
            raise error(message, f"{name} must stand alone, or {stem}_h and {stem}_w in its place")
        values = [side[-1] for side in sides]
    if not values and default is not None:
        return default
    if not values:
        raise error(message, f"{name} is missing")
    if len(set(values)) > 1 or len(values) > 2:
        raise error(
            message, f"{name} is {' and '.join(map(str, values[:4]))}; only square windows are read"
        )
    return values[0]


def convolution(message: Message, build: Build) -> None:
    """A Convolution: one for each of its tops would share weights, so there may be one."""
    settings = message.message("convolution_param")
    settings.look_over("engine", "force_nd_im2col")
    blob, top = build.one(message), build.top(message)
    if any(value != 1 for value in settings.integers("dilation")):
        raise error(message, "dilation is not 1; dilated windows are not read")
    _whole_axis(message, settings)
    if blob.flat and not build.is_vector(blob):
        raise error(message, "reads a map that was flattened; it needs rows and columns")
    size, group = square(message, settings, "kernel_size", None), settings.integer("group", 1)
    channels = build.shapes[blob.layer][0]
    filters = settings.integer("num_output", 0)
    fan = channels // max(group, 1) * size * size
    name = build.name(message.text("name"), "conv")
    weight, bias = _fillers(message, settings, fan, (fan, filters * size * size), build)
    layer = Conv(
        name=name,
        reads=(blob.layer,),
        filters=filters,
        kernels=(
            Kernel(
                size=size,
                stride=square(message, settings, "stride", 1),
                padding=square(message, settings, "pad", 0),
                groups=group,
                initial=weight,
            ),
        ),
        rule="caffe",
        bias="shared" if bias is not None else "none",
        initial_bias=bias or Constant(0.0),
        source=message.where,
    )
    build.add(message, layer, top)
    build.learned.append(Learned(name, message.text("name"), message))


def inner_product(message: Message, build: Build) -> None:
    """An InnerProduct over everything of a picture."""
    settings = message.message("inner_product_param")
    blob, top = build.one(message), build.top(message)
    _whole_axis(message, settings)
    settings.look_over("transpose")
    fan, outputs = elements(build.shapes[blob.layer]), settings.integer("num_output", 0)
    name = build.name(message.text("name"), "fc")
    weight, bias = _fillers(message, settings, fan, (fan, outputs), build)
    layer = FullyConnected(
        name=name,
        reads=(blob.layer,),
        outputs=outputs,
        initial=(weight,),
        bias="shared" if bias is not None else "none",
        initial_bias=bias or Constant(0.0),
        source=message.where,
    )
    build.add(message, layer, top)
    build.learned.append(Learned(name, message.text("name"), message))


def _whole_axis(message: Message, settings: Message) -> None:
    if settings.integer("axis", 1) not in (1, -3):
        raise error(message, f"axis is {settings.integer('axis', 1)}; 1, the channels, is read")


def _fillers(
    message: Message, settings: Message, fan: int, fans: tuple[int, int], build: Build
) -> tuple[Drawn, Drawn | None]:
    """How weights and biases start; None for a bias that there is not."""
    if "weight_filler" not in settings:
        build.notes.group("no weight_filler; Caffe starts from 0", message.text("name"))
    weight = _start(message, settings.message("weight_filler"), fan, fans, build)
    bias = _start(message, settings.message("bias_filler"), fan, (1, 1), build)
    return weight, bias if settings.flag("bias_term", True) else None


def _start(
    message: Message, filler: Message, fan: int, fans: tuple[int, int], build: Build
) -> Drawn:
    """A filler as our way of drawing (Caffe filler.hpp).

    Args:
        fan: how many weights meet in one output unit of the layer.
        fans: what Caffe takes for fan-in and fan-out of this array.
    """
    kind = filler.text("type", "constant")
    norm = filler.text("variance_norm", "FAN_IN")
    count = {"FAN_IN": fans[0], "FAN_OUT": fans[1]}.get(norm, sum(fans) / 2)
    spread = math.sqrt(fan / count) if count > 0 else 1.0
    low, high = filler.number("min", 0.0), filler.number("max", 1.0)
    mean, sparse = filler.number("mean", 0.0), filler.integer("sparse", -1)
    value, deviation = filler.number("value", 0.0), filler.number("std", 1.0)
    if kind == "constant":
        return Constant(value)
    if kind == "gaussian" and mean == 0 and sparse < 0:
        return Gaussian(deviation)
    if kind == "xavier":
        return FanInUniform(math.sqrt(3.0) * spread)
    if kind == "msra":
        return FanInGaussian(math.sqrt(2.0) * spread)
    if kind == "uniform" and low == -high:
        return FanInUniform(high * math.sqrt(fan))
    said = {
        "gaussian": f" of mean {mean:g}, sparse {sparse}",
        "uniform": f" from {low:g} to {high:g}",
    }
    build.notes.group(
        f"the filler {kind}{said.get(kind, '')} is not known here; 0 stands in its place",
        message.text("name"),
    )
    return Constant(0.0)
