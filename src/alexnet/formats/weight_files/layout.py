"""The axes of weights as TensorFlow has them, and as a Network does; both ways without a loss.

Convolutions: [rows, columns, channels of a group, filters] there, [filters, channels of a group,
rows, columns] here. Dense layers: [inputs, outputs] there, [outputs, inputs] here. A dense layer
that reads maps finds them flattened row, column, channel there, and channel, row, column here:
`bvlc_alexnet.npy` was made by caffe-tensorflow, whose kaffe/core.py (DataReshaper.reshape) puts
Caffe's [4096, 256, 6, 6] into the order [6, 6, 256, 4096] "to match the new spatial ordering", and
both scripts that use the file flatten TensorFlow's [picture, row, column, channel] as it lies
(myalexnet_forward.py of guerzhoy, alexnet.py of kratzert/finetune_alexnet_with_tensorflow).
"""

from __future__ import annotations

from alexnet.formats.checkpoint import Array
from alexnet.formats.transposing import transposed
from alexnet.network.arithmetic import Parameter
from alexnet.network.layers import Conv, FullyConnected, Kernel
from alexnet.network.shapes import Shape
from alexnet.network.spec import Network


def tensorflow_shape(parameter: Parameter) -> tuple[int, ...]:
    """The shape that TensorFlow gives an array."""
    shape = parameter.shape
    if parameter.is_bias:
        return shape
    return (*shape[2:], shape[1], shape[0])


def from_tensorflow(array: Array, parameter: Parameter, network: Network) -> Array:
    """Our array from TensorFlow's.

    Args:
        array: of `tensorflow_shape`.
        parameter: which of the network's.
        network: says what a dense layer reads.
    """
    if parameter.is_bias:
        return array
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    channels, rows, columns = read_by(parameter, network)
    if rows * columns > 1:
        apart = array.reshape(rows, columns, channels, array.shape[1])
        array = apart.transpose(2, 0, 1, 3).reshape(array.shape)
    return transposed(array)


def to_tensorflow(array: Array, parameter: Parameter, network: Network) -> Array:
    """TensorFlow's array from ours; undoes `from_tensorflow`."""
    if parameter.is_bias:
        return array
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    channels, rows, columns = read_by(parameter, network)
    turned = transposed(array)
    apart = turned.reshape(channels, rows, columns, array.shape[0])
    return turned if rows * columns == 1 else apart.transpose(1, 2, 0, 3).reshape(turned.shape)


def read_by(parameter: Parameter, network: Network) -> Shape:
    """The shape of what the layer of an array reads."""
    return network.inputs_of(network[parameter.layer])[0]


def inexpressible(network: Network) -> str | None:
    """Why a network's weights have no place in TensorFlow's layout; None where all have one."""
    for layer in network:
        if not isinstance(layer, Conv | FullyConnected):
            if layer.kind in ("local", "tree-connected"):
                return f"layer '{layer.name}' is {layer.kind}"
            continue
        starts: tuple[object, ...] = (
            tuple(kernel.initial for kernel in layer.kernels)
            if isinstance(layer, Conv)
            else layer.initial
        )
        if len(layer.reads) != 1:
            return f"layer '{layer.name}' reads {len(layer.reads)} layers with weights for each"
        if layer.bias == "unshared" or any(getattr(x, "kind", "") == "shared" for x in starts):
            return f"layer '{layer.name}' has a bias per place, or weights of another layer"
        kernels: tuple[Kernel, ...] = layer.kernels if isinstance(layer, Conv) else ()
        if any(kernel.connections for kernel in kernels):
            return f"layer '{layer.name}' has sparse connections"
        if isinstance(layer, FullyConnected) and layer.groups > 1:
            return f"layer '{layer.name}' has {layer.groups} groups"
    return None
