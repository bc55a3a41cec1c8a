"""Foreign layers with weights: convolutions, Gemm and MatMul. Scales and biases that follow are put
into them elsewhere.
"""

from __future__ import annotations

import numpy as np

from alexnet.formats.onnx.build import MOST_NUMBERS, Build
from alexnet.formats.onnx.model import Node
from alexnet.formats.onnx.read_windows import Laid, laid, square
from alexnet.formats.onnx.tensors import Tensor
from alexnet.formats.onnx.values import Value
from alexnet.network.layers import Constant, Conv, FullyConnected, Initial, Kernel

UNKNOWN: Initial = Constant(0.0)
"""How weights start, which no model says."""


def kernel_of(found: Laid, size: int, groups: int, value: Value) -> Kernel:
    """The kernel whose windows were laid over a value; how it starts no file says."""
    return Kernel(
        size=size,
        stride=found.stride,
        padding=found.padding,
        groups=groups,
        initial=UNKNOWN,
        outputs=found.outputs,
        connections=value.channels or (),
    )


def conv(node: Node, build: Build) -> None:
    """A convolution; of a vector one of 1×1 pixels, which a flattened map may be."""
    value, weights = build.value(node), build.weights(node, 1)
    if len(weights.shape) != 4 or len(value.view) != 3:
        raise build.error(
            node,
            f"reads {build.said(value)} with weights {list(weights.shape)[:6]}; only convolutions"
            " over rows and columns are read",
        )
    if value.sets != 1 or value.is_turned:
        raise build.error(node, f"reads {build.said(value)}; it must be maps")
    filters, seen, size, width = weights.shape
    check_outputs(node, build, filters)
    groups = build.integer(node, "group", 1)
    square(node, build, "weights' window", 0, (size, width))
    if square(node, build, "kernel_shape", size) != size:
        raise build.error(node, f"its kernel_shape contradicts its weights, {size}×{size}")
    if value.spans is not None and value.fill != 0:
        raise build.error(node, f"reads a map padded with {value.fill:g}; only 0 is read")
    channels = len(value.channels) if value.channels is not None else value.view[0]
    if groups < 1 or seen * groups != channels or filters % groups:
        raise build.error(
            node, f"has weights {list(weights.shape)} and {groups} groups for {channels} channels"
        )
    bias = build.tensor(node, 2)
    if value.view != value.shape and value.is_whole:
        _dense_conv(node, build, value, weights, bias, groups)
        return
    found, _ = laid(_with_size(node, size), build, value, "conv")
    kernel = kernel_of(found, size, groups, value)
    layer = Conv(
        **build.common(node, value, weights=weights.name),
        filters=filters,
        kernels=(kernel,),
        rule=found.rule,
        bias="none" if bias is None else "shared",
    )
    build.add(node, layer)
    learn(node, build, layer.name, weights, bias, filters)


def _with_size(node: Node, size: int) -> Node:
    """The node with its kernel_shape, which it may leave to its weights."""
    attributes = {**node.attributes, "kernel_shape": (size, size)}
    return Node(node.operator, node.name, node.inputs, node.outputs, attributes)


def _dense_conv(
    node: Node, build: Build, value: Value, weights: Tensor, bias: Tensor | None, groups: int
) -> None:
    """A convolution of 1×1 pixels over all units of a picture."""
    filters, seen = weights.shape[:2]
    if value.view[1:] != (1, 1) or weights.shape[2:] != (1, 1):
        raise build.error(node, f"reads {build.said(value)}; it must be maps")
    pads = build.integers(node, "pads") or ()
    if any(pads) or build.integers(node, "strides") not in (None, (1, 1)):
        raise build.error(node, "pads single units, which no layer does here")
    layer = FullyConnected(
        **build.common(node, value, weights=weights.name),
        outputs=filters,
        initial=(UNKNOWN,),
        groups=groups,
        bias="none" if bias is None else "shared",
    )
    build.add(node, layer)
    learn(node, build, layer.name, weights.reshaped((filters, seen)), bias, filters)


def gemm(node: Node, build: Build) -> None:
    """alpha · A · B + beta · C, with A the picture's units."""
    value, weights = build.units(node), build.weights(node, 1)
    alpha, beta = build.real(node, "alpha", 1.0), build.real(node, "beta", 1.0)
    if build.integer(node, "transA", 0):
        raise build.error(node, "its transA turns pictures into units; it must be 0")
    bias = build.tensor(node, 2) if beta != 0 else None
    turned = build.integer(node, "transB", 0) != 0
    dense(node, build, value, weights, bias, turned=turned, alpha=alpha, beta=beta)


def matmul(node: Node, build: Build) -> None:
    """The picture's units times a matrix."""
    dense(node, build, build.units(node), build.weights(node, 1), None)


def dense(
    node: Node,
    build: Build,
    value: Value,
    weights: Tensor,
    bias: Tensor | None,
    *,
    turned: bool = False,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> None:
    """A fully-connected layer; of channels that stand last the weights are put in our order.

    Args:
        node, build: where it stands.
        value: the units that it reads.
        weights: (units, outputs), or (outputs, units) where `turned`.
        bias: one number for each output.
        turned: as said.
        alpha, beta: what weights and bias are multiplied by.
    """
    if len(weights.shape) != 2:
        raise build.error(node, f"its weights are {list(weights.shape)[:6]}; they must be a matrix")
    own = weights if turned else weights.transposed((1, 0))
    outputs, units = own.shape
    check_outputs(node, build, outputs)
    if units != value.view[0]:
        raise build.error(
            node, f"its weights are for {units:,} units; '{value.layer}' has {value.view[0]:,}"
        )
    if value.is_turned:
        channels, height, width = value.shape
        own = own.reshaped((outputs, height, width, channels)).transposed((0, 3, 1, 2))
        own = own.reshaped((outputs, units))
    layer = FullyConnected(
        **build.common(node, value, weights=weights.name),
        outputs=outputs,
        initial=(UNKNOWN,),
        bias="none" if bias is None else "shared",
    )
    build.add(node, layer, (outputs,))
    own = times(node, build, own, np.full(outputs, alpha))
    learn(node, build, layer.name, own, bias, outputs, beta)


def check_outputs(node: Node, build: Build, outputs: int) -> None:
    """Refuses more outputs than any network has."""
    if outputs > MOST_NUMBERS:
        raise build.error(node, f"has {outputs:,} outputs; {MOST_NUMBERS:,} are the most")


def learn(
    node: Node,
    build: Build,
    layer: str,
    weights: Tensor,
    bias: Tensor | None,
    outputs: int,
    beta: float = 1.0,
) -> None:
    """The arrays of a layer."""
    build.learned[f"{layer}.weight"] = weights
    if bias is None:
        return
    if not bias.is_real or bias.size not in (1, outputs) or max(bias.shape, default=1) < bias.size:
        raise build.error(
            node,
            f"its bias is {list(bias.shape)[:6]} of {bias.dtype}; it must be {outputs} numbers",
        )
    if bias.size != outputs:
        what = f"spread {outputs}"
        bias = bias.changed(what, (outputs,), lambda x: np.full(outputs, x.reshape(())[()]))
    elif bias.shape != (outputs,):
        bias = bias.reshaped((outputs,))
    build.learned[f"{layer}.bias"] = times(node, build, bias, np.full(outputs, beta))


def times(node: Node, build: Build, tensor: Tensor, factors: np.ndarray) -> Tensor:
    """A learned array times a factor for each output."""
    try:
        return tensor.times(factors)
    except ValueError as error:
        raise build.error(node, str(error)) from None
