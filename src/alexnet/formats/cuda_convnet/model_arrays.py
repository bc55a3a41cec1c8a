"""Weights between a pickled model's matrices and a network's arrays, in both directions; every
matrix must have the shape that the network needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import assert_never

import numpy as np

from alexnet.formats.checkpoint import Arrays, Checkpoint, FormatError
from alexnet.formats.cuda_convnet.model_layers import Matrix, ModelLayer
from alexnet.network.arithmetic import parameters, weight_names
from alexnet.network.layers import Conv, FullyConnected, Local, Shared, TreeConnected, Weighted
from alexnet.network.placement.weighted import initials, weight_shapes
from alexnet.network.spec import Network

WEIGHTS, BIASES = ("weights", "weightsInc"), ("biases", "biasesInc")
"""The fields with the arrays, and those with their velocities (semantics file, section 5)."""


def model_arrays(
    layers: Mapping[str, ModelLayer], network: Network, *, velocities: bool = False
) -> dict[str, Matrix]:
    """The learned arrays of a network, or their velocities, from the layers of the same names.

    A convolution's matrix (channels · size², filters), rows by channel, row, column, becomes
    [filters, channels/groups, size, size]; a local one has one such matrix for each position, row
    by row; a fully-connected (inputs, outputs) becomes [outputs, inputs]; biases lie filter by
    filter (semantics file, section 1). Velocities have the same sign as ours: W ← W + V.

    Raises:
        FormatError: a layer is missing, or a matrix has another shape than the network needs.
    """
    found: dict[str, Matrix] = {}
    for layer in network:
        if isinstance(layer, Conv | Local | FullyConnected | TreeConnected):
            if layer.name not in layers:
                raise FormatError(f"the model has no layer '{layer.name}', which has weights")
            found |= _layer_arrays(layers[layer.name], layer, network, velocities)
    return found


def _layer_arrays(
    source: ModelLayer, layer: Weighted, network: Network, velocities: bool
) -> dict[str, Matrix]:
    weights_key, bias_key = WEIGHTS[velocities], BIASES[velocities]
    wanted = {parameter.name: parameter.shape for parameter in parameters(layer, network)}
    shapes = weight_shapes(layer, network.inputs_of(layer), network.shape(layer.name))
    found: dict[str, Matrix] = {}
    for index, (name, matrix, initial) in enumerate(
        zip(
            weight_names(layer, network),
            source.matrices(weights_key),
            initials(layer),
            strict=True,
        )
    ):
        if isinstance(initial, Shared):
            continue
        if isinstance(layer, TreeConnected):
            inner = wanted[f"{layer.name}.inner"]
            both = _turned(source, weights_key, index, matrix, (shapes[0][0] + inner[0], inner[1]))
            found |= {
                name: _whole(both[: shapes[0][0]]),
                f"{layer.name}.inner": _whole(both[shapes[0][0] :]),
            }
        else:
            found[name] = _whole(
                _from_matrix(source, weights_key, index, matrix, layer, shapes[index])
            )
    bias = f"{layer.name}.bias"
    if bias in wanted:
        found[bias] = _whole(_bias(source, bias_key, wanted[bias]))
    return found


def _from_matrix(
    source: ModelLayer,
    key: str,
    index: int,
    matrix: Matrix,
    layer: Weighted,
    shape: tuple[int, ...],
) -> Matrix:
    if isinstance(layer, Local):
        rows, columns, filters, *window = shape
        _check(source, key, index, matrix, (rows * columns * math.prod(window), filters))
        return matrix.reshape(rows, columns, *window, filters).transpose(0, 1, 5, 2, 3, 4)
    return _turned(source, key, index, matrix, shape)


def _turned(
    source: ModelLayer, key: str, index: int, matrix: Matrix, shape: tuple[int, ...]
) -> Matrix:
    """What stands column by column, filter by filter."""
    _check(source, key, index, matrix, (math.prod(shape[1:]), shape[0]))
    return matrix.T.reshape(shape)


def _check(
    source: ModelLayer, key: str, index: int, matrix: Matrix, shape: tuple[int, int]
) -> None:
    if matrix.shape != shape:
        raise source.error(
            f"'{key}' has shape {matrix.shape} for input {index}; its settings make it {shape}"
        )


def _bias(source: ModelLayer, key: str, shape: tuple[int, ...]) -> Matrix:
    array = source.matrix(key)
    if array.size != math.prod(shape) or array.ndim > 2 or min(array.shape, default=1) != 1:
        wanted = f"{math.prod(shape)} numbers in one row or column"
        raise source.error(f"'{key}' has shape {array.shape}; its settings make it {wanted}")
    return array.reshape(shape)


def _whole(array: Matrix) -> Matrix:
    """In memory by itself, in the machine's byte order."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def model_matrices(checkpoint: Checkpoint) -> dict[str, dict[str, object]]:
    """The fields with weights, biases and velocities of every layer that has any, by its name.

    The inverse of `model_arrays`; an input that shares its weights has the very same matrix as
    their owner. Without a run's state velocities are 0.
    """
    network, training = checkpoint.network, checkpoint.training
    found: dict[str, dict[str, object]] = {}
    for moved in (False, True):
        arrays = checkpoint.arrays
        if moved:
            still = {name: np.zeros_like(array) for name, array in arrays.items()}
            arrays = still if training is None else training.velocities
        made: dict[str, Matrix] = {}
        for layer in network:
            if not isinstance(layer, Conv | Local | FullyConnected | TreeConnected):
                continue
            names = weight_names(layer, network)
            for name in names:
                if name not in made:
                    made[name] = _to_matrix(arrays, name, layer)
            dense = isinstance(layer, FullyConnected | TreeConnected)
            bias = arrays[f"{layer.name}.bias"].astype(np.float32, copy=False).reshape(-1)
            found.setdefault(layer.name, {}).update(
                {
                    WEIGHTS[moved]: [made[name] for name in names],
                    BIASES[moved]: bias.reshape((1, -1) if dense else (-1, 1)),
                }
            )
    return found


def _to_matrix(arrays: Arrays, name: str, layer: Weighted) -> Matrix:
    array = arrays[name].astype(np.float32, copy=False)
    match layer:
        case Local():
            matrix = array.transpose(0, 1, 3, 4, 5, 2).reshape(-1, layer.filters)
        case TreeConnected():
            inner = arrays[f"{layer.name}.inner"].astype(np.float32, copy=False)
            matrix = np.concatenate([array, inner]).T
        case Conv() | FullyConnected():
            matrix = array.reshape(len(array), -1).T
        case _:
            assert_never(layer)
    dense = isinstance(layer, FullyConnected | TreeConnected)
    return np.require(matrix, requirements="F" if dense else "C")


def not_finite(arrays: Arrays) -> tuple[str, ...]:
    """A sentence for each array that holds numbers that are not finite."""
    counts = {name: array.size - int(np.isfinite(array).sum()) for name, array in arrays.items()}
    return tuple(
        f"'{name}' holds {count:,} numbers that are not finite"
        for name, count in counts.items()
        if count
    )
