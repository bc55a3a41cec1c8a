"""One rule for each kind of layer, forward and backward, and where its arrays are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
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
    Input,
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
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.numpy_net.elementwise import (
    activated,
    activated_backward,
    dropout_factor,
    largest,
    largest_backward,
    softmax,
    softmax_backward,
    split,
    summed,
)
from alexnet.numpy_net.losses import costs, costs_backward
from alexnet.numpy_net.norms import normalised, normalised_backward
from alexnet.numpy_net.pooling import (
    average_pooled,
    average_pooled_backward,
    cross_map_pooled,
    cross_map_pooled_backward,
    max_pooled,
    max_pooled_backward,
    randomly_pooled,
    randomly_pooled_backward,
)
from alexnet.numpy_net.transforms import transformed, transformed_backward
from alexnet.numpy_net.tree import tree_connected, tree_connected_backward
from alexnet.numpy_net.weighted import (
    Summed,
    bias_gradient,
    biased,
    weighted_sum,
    weighted_sum_backward,
)
from alexnet.numpy_net.windows import Array


def output_of(
    layer: Layer,
    network: Network,
    arrays: Mapping[str, Array],
    reads: Sequence[Array],
    draw: Array | None,
) -> Array:
    """What one layer makes of what it reads."""
    sides = network.placed[layer.name].sides
    match layer:
        case Input():
            raise AssertionError("an input is given, not computed")
        case Conv() | Local() | FullyConnected():
            weights, bias = _weights_and_bias(layer, network, arrays)
            return biased(layer, weighted_sum(layer, sides, reads, weights), bias)
        case TreeConnected():
            (leaves,), bias = _weights_and_bias(layer, network, arrays)
            total = tree_connected(layer, reads[0], leaves, arrays[f"{layer.name}.inner"])
            return biased(layer, total, bias)
        case MaxPool():
            return max_pooled(layer, sides[0], reads[0])
        case AveragePool():
            return average_pooled(layer, sides[0], reads[0])
        case RandomPool():
            return randomly_pooled(layer, sides[0], reads[0], draw)
        case CrossMapPool():
            return cross_map_pooled(layer, reads[0])
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            return transformed(layer, reads[0], draw)
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return normalised(layer, reads[0])
        case Activation():
            return activated(layer, reads[0], draw)
        case Dropout():
            return reads[0] * dropout_factor(layer, draw)
        case Softmax():
            return softmax(reads[0])
        case Concat():
            return np.concatenate(reads, axis=1)
        case ElementwiseSum():
            return summed(layer.coefficients, reads)
        case ElementwiseMax():
            return largest(reads)
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return costs(layer, reads)
        case _:
            assert_never(layer)


def _weights_and_bias(
    layer: Weighted, network: Network, arrays: Mapping[str, Array]
) -> tuple[list[Array], Array | None]:
    """The weights that each input meets, its own or shared, and the bias if there is one."""
    weights = [arrays[name] for name in weight_names(layer, network)]
    return weights, arrays.get(f"{layer.name}.bias")


def flowing_back(
    layer: Layer,
    network: Network,
    arrays: Mapping[str, Array],
    reads: Sequence[Array],
    output: Array,
    gradient: Array,
    draw: Array | None,
) -> tuple[list[Array], list[tuple[str, Array]]]:
    """The gradient of each thing that one layer reads, and what it adds to those of arrays."""
    sides = network.placed[layer.name].sides
    match layer:
        case Input():
            return [], []
        case Conv() | Local() | FullyConnected():
            return _weighted_flowing_back(layer, network, arrays, reads, gradient)
        case TreeConnected():
            return _tree_flowing_back(layer, network, arrays, reads[0], gradient)
        case MaxPool():
            return [max_pooled_backward(layer, sides[0], reads[0], gradient)], []
        case AveragePool():
            return [average_pooled_backward(layer, sides[0], reads[0], gradient)], []
        case RandomPool():
            drawn = draw is not None
            args = layer, sides[0], reads[0], output, gradient
            return [randomly_pooled_backward(*args, drawn=drawn)], []
        case CrossMapPool():
            return [cross_map_pooled_backward(layer, reads[0], gradient)], []
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            return [transformed_backward(layer, reads[0], gradient)], []
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return [normalised_backward(layer, reads[0], gradient)], []
        case Activation():
            return [activated_backward(layer, reads[0], output, gradient)], []
        case Dropout():
            return [gradient * dropout_factor(layer, draw)], []
        case Softmax():
            return [softmax_backward(reads[0], output, gradient)], []
        case Concat():
            return split(reads, gradient), []
        case ElementwiseSum():
            return [coefficient * gradient for coefficient in layer.coefficients], []
        case ElementwiseMax():
            return largest_backward(reads, output, gradient), []
        case (
            LogisticLoss()
            | CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return costs_backward(layer, reads, gradient), []
        case _:
            assert_never(layer)


def _weighted_flowing_back(
    layer: Summed,
    network: Network,
    arrays: Mapping[str, Array],
    reads: Sequence[Array],
    gradient: Array,
) -> tuple[list[Array], list[tuple[str, Array]]]:
    sides = network.placed[layer.name].sides
    weights, bias = _weights_and_bias(layer, network, arrays)
    inputs = weighted_sum_backward(layer, sides, reads, weights, gradient)
    names = weight_names(layer, network)
    own = [(name, each.weight) for name, each in zip(names, inputs, strict=True)]
    if bias is not None:
        own.append((f"{layer.name}.bias", bias_gradient(layer, gradient)))
    return [each.pictures for each in inputs], own


def _tree_flowing_back(
    layer: TreeConnected,
    network: Network,
    arrays: Mapping[str, Array],
    pictures: Array,
    gradient: Array,
) -> tuple[list[Array], list[tuple[str, Array]]]:
    (leaves,), _ = _weights_and_bias(layer, network, arrays)
    inner = arrays[f"{layer.name}.inner"]
    found = tree_connected_backward(layer, pictures, leaves, inner, gradient)
    own = {"weight": found.leaves, "inner": found.inner, "bias": bias_gradient(layer, gradient)}
    return [found.pictures], [(f"{layer.name}.{key}", array) for key, array in own.items()]
