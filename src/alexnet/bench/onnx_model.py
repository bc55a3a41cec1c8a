"""A chain written down as an ONNX graph, for a peer that runs nothing else: the operators that it
would be exported to, response norms as the LRN operator. No general exporter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, assert_never

from torch import Tensor

from alexnet.bench.chain import Chain, Link, chain, rounds_up
from alexnet.bench.stock import stock_arrays
from alexnet.network.layers import (
    Activation,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    MaxPool,
)
from alexnet.network.spec import Network

OPSET, IR_VERSION = 17, 8
"""Old enough for every runtime of the last years."""


def onnx_bytes(network: Network, arrays: Mapping[str, Tensor]) -> bytes:
    """`network` from input `picture` (N, channels, height, width) to output `scores` (N, classes),
    which stand before its softmax.

    Raises:
        BenchError: a layer that the chain does not express.
        ImportError: the package onnx is not installed.
    """
    onnx: Any = import_module("onnx")
    helper: Any = onnx.helper
    form = chain(network)
    nodes, last = [], "picture"
    constants: dict[str, Any] = {k: v.numpy() for k, v in stock_arrays(form, arrays).items()}
    for operator, inputs, attributes, output in _operators(form, constants):
        nodes.append(helper.make_node(operator, [last, *inputs], [output], **attributes))
        last = output
    nodes.append(helper.make_node("Identity", [last], ["scores"]))
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info("picture", number, ["N", *network.picture.shape])],
        [helper.make_tensor_value_info("scores", number, ["N", "classes"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()


Operator = tuple[str, list[str], dict[str, Any], str]
"""An operator, the constants that it reads, its attributes, and what its output is called."""


def _operators(form: Chain, constants: dict[str, Any]) -> Iterator[Operator]:
    """One layer after the other; constants that shapes need are added to `constants`."""
    flat = False
    for layer in form.links:
        if isinstance(layer, FullyConnected) and not flat:
            yield "Flatten", [], {}, "flat"
            flat = True
        yield from _operator(layer, form, constants)


def _operator(layer: Link, form: Chain, constants: dict[str, Any]) -> Iterator[Operator]:
    name, own = layer.name, [f"{layer.name}.weight", f"{layer.name}.bias"]
    match layer:
        case Conv():
            rows, columns = form.network.placed[name].sides[0]
            sides = (rows.before, columns.before, rows.after, columns.after)
            kernel = layer.kernels[0]
            attributes = {
                "kernel_shape": [kernel.size] * 2,
                "strides": [kernel.stride] * 2,
                "pads": [max(0, pixels) for pixels in sides],
                "group": kernel.groups,
            }
            yield "Conv", [x for x in own if x in constants], attributes, name
        case Activation():
            yield "Relu", [], {}, name
        case CrossMapNorm():
            yield from _norm(layer, form.network, constants)
        case MaxPool():
            window = layer.window
            attributes = {
                "kernel_shape": [window.size] * 2,
                "strides": [window.stride] * 2,
                "pads": [window.padding] * 4,
                "ceil_mode": int(rounds_up(layer, form.network)),
            }
            yield "MaxPool", [], attributes, name
        case Dropout():  # does nothing at test time: its scale is in the weights
            return
        case FullyConnected():
            yield "Gemm", [x for x in own if x in constants], {"transB": 1}, name
        case _:
            assert_never(layer)


def _norm(layer: CrossMapNorm, network: Network, constants: dict[str, Any]) -> Iterator[Operator]:
    """LRN, which divides alpha by size; sets of maps as pictures of their own, by a new shape."""
    alpha = layer.alpha if layer.alpha_divided else layer.alpha * layer.size
    attributes = {"size": layer.size, "alpha": alpha, "beta": layer.beta, "bias": layer.k}
    if layer.groups == 1:
        yield "LRN", [], attributes, layer.name
        return
    numpy: Any = import_module("numpy")
    channels, *sides = network.inputs_of(layer)[0]
    apart, together = f"{layer.name}_apart", f"{layer.name}_together"
    constants[apart] = numpy.array([-1, channels // layer.groups, *sides], dtype=numpy.int64)
    constants[together] = numpy.array([-1, channels, *sides], dtype=numpy.int64)
    yield "Reshape", [apart], {}, f"{layer.name}_sets"
    yield "LRN", [], attributes, f"{layer.name}_normed"
    yield "Reshape", [together], {}, layer.name
