"""Walks a Network forward and backward: checks what is given, then one rule per layer kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from alexnet.network.arithmetic import Parameter, network_parameters, parameters
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    Constant,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.numpy_net.checks import (
    Given,
    check_labels,
    checked_arrays,
    checked_draws,
    checked_inputs,
    checked_seeds,
)
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
    max_pooled,
    max_pooled_backward,
)
from alexnet.numpy_net.weighted import bias_gradient, biased, weighted_sum, weighted_sum_backward
from alexnet.numpy_net.windows import Array


@dataclass(frozen=True, slots=True)
class Gradients:
    """Derivatives of the objective, for descent: w ← w − rate · gradient makes it smaller.

    Attributes:
        parameters: of every learned array, by its name; zeros where nothing reaches it.
        layers: of every computed layer's output, by the layer's name; zeros where nothing flows.
    """

    parameters: dict[str, Array]
    layers: dict[str, Array]


# --- arrays ---------------------------------------------------------------------------------------


def initial_arrays(network: Network, seed: int) -> dict[str, Array]:
    """Every learned array in float64, drawn as its `initial` says, in the order of the layers."""
    generator = np.random.default_rng(seed)
    return {each.name: _drawn(each, generator) for each in network_parameters(network)}


def _drawn(parameter: Parameter, generator: np.random.Generator) -> Array:
    initial, spread = parameter.initial, 1 / math.sqrt(parameter.fan_in)
    match initial:
        case Constant():
            return np.full(parameter.shape, initial.value, dtype=np.float64)
        case Gaussian():
            return generator.normal(0, initial.deviation, parameter.shape)
        case FanInGaussian():
            return generator.normal(0, initial.gain * spread, parameter.shape)
        case FanInUniform():
            bound = initial.gain * spread
            return generator.uniform(-bound, bound, parameter.shape)
        case _:
            assert_never(initial)


# --- forward --------------------------------------------------------------------------------------


def forward(
    network: Network, arrays: Given, inputs: Given, *, draws: Given | None = None
) -> dict[str, Array]:
    """The output of every layer by name, each (pictures, channels, rows, columns) in float64.

    Args:
        network: what to run.
        arrays: every learned array, as `initial_arrays` names and shapes them.
        inputs: by input layer: pictures (N, C, H, W), labels (N,) or (N, 1, 1, 1), distributions
            over labels (N, n) or (N, n, 1, 1). Labels may be missing: then the layers that depend
            on them are left out of the result.
        draws: None is test time. Otherwise training, and each dropout layer needs its mask of 0
            and 1, each noisy-relu layer its standard normal noise, in the shape of the layer. The
            2012 code adds noise at test time too (its nrelu ignores the pass type); here test time
            is noise zero, so that one picture always gives one answer.

    A loss gives the cost of each picture, (N, 1, 1, 1), before coefficient and mean.

    Raises:
        RunError: something given does not fit, or training lacks a draw.
    """
    learned = checked_arrays(network, arrays)
    outputs = checked_inputs(network, inputs)
    drawn = checked_draws(network, draws, len(next(iter(outputs.values()))))
    for layer in network:
        if all(read in outputs for read in layer.reads) and not isinstance(layer, Input):
            reads = [outputs[read] for read in layer.reads]
            check_labels(layer, reads)
            outputs[layer.name] = _output(layer, network, learned, reads, drawn.get(layer.name))
    return {layer.name: outputs[layer.name] for layer in network if layer.name in outputs}


def _output(
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
        case MaxPool():
            return max_pooled(layer, sides[0], reads[0])
        case AveragePool():
            return average_pooled(layer, sides[0], reads[0])
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
        case LogisticLoss() | CrossEntropyLoss() | BinaryCrossEntropyLoss() | SumOfSquaresLoss():
            return costs(layer, reads)
        case _:
            assert_never(layer)


def _weights_and_bias(
    layer: Weighted, network: Network, arrays: Mapping[str, Array]
) -> tuple[list[Array], Array | None]:
    """The weights of each input in order, and the bias if there is one."""
    learned = parameters(layer, network)
    weights = [arrays[each.name] for each in learned if not each.is_bias]
    bias = [arrays[each.name] for each in learned if each.is_bias]
    return weights, bias[0] if bias else None


# --- backward -------------------------------------------------------------------------------------


def backward(
    network: Network,
    arrays: Given,
    outputs: Mapping[str, Array],
    *,
    draws: Given | None = None,
    seeds: Given | None = None,
) -> Gradients:
    """The gradient of Σ over losses of coefficient · mean over the batch of its cost.

    2012 has the other sign and no mean: its gradients are of the log-probability, summed over the
    batch, and the update adds them after dividing by the batch (cuda-convnet weights.cu). So 2012's
    gradient is −N times this one.

    Args:
        network, arrays, draws: as given to the forward that made `outputs`.
        outputs: what `forward` returned; layers left out there take no part here.
        seeds: gradients of outputs by layer name, to start from these in place of the losses.

    Three rules are cuda-convnet's and not the exact derivative: the contrast norm's, the
    noisy-relu's, and every tie of a max (see each).

    Raises:
        RunError: something given does not fit, or there is neither a loss nor a seed.
    """
    learned = checked_arrays(network, arrays)
    drawn = checked_draws(network, draws, len(next(iter(outputs.values()))))
    into_layers = {name: np.zeros_like(output) for name, output in outputs.items()}
    into_parameters = {name: np.zeros_like(array) for name, array in learned.items()}
    for name, seed in checked_seeds(network, outputs, seeds).items():
        into_layers[name] += seed
    for layer in reversed(network.layers):
        if layer.name not in outputs:
            continue
        gradient = into_layers[layer.name]
        reads = [outputs[read] for read in layer.reads]
        into_reads, into_own = _flowing_back(
            layer, network, learned, reads, outputs[layer.name], gradient, drawn.get(layer.name)
        )
        into_parameters |= into_own
        for read, arriving in zip(layer.reads, into_reads, strict=True):
            into_layers[read] += arriving
    return Gradients(into_parameters, into_layers)


def _flowing_back(
    layer: Layer,
    network: Network,
    arrays: Mapping[str, Array],
    reads: Sequence[Array],
    output: Array,
    gradient: Array,
    draw: Array | None,
) -> tuple[list[Array], dict[str, Array]]:
    """The gradient of each thing that one layer reads, and of its own learned arrays by name."""
    sides = network.placed[layer.name].sides
    match layer:
        case Input():
            return [], {}
        case Conv() | Local() | FullyConnected():
            return _weighted_flowing_back(layer, network, arrays, reads, gradient)
        case MaxPool():
            return [max_pooled_backward(layer, sides[0], reads[0], gradient)], {}
        case AveragePool():
            return [average_pooled_backward(layer, sides[0], reads[0], gradient)], {}
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return [normalised_backward(layer, reads[0], gradient)], {}
        case Activation():
            return [activated_backward(layer, reads[0], output, gradient)], {}
        case Dropout():
            return [gradient * dropout_factor(layer, draw)], {}
        case Softmax():
            return [softmax_backward(reads[0], output, gradient)], {}
        case Concat():
            return split(reads, gradient), {}
        case ElementwiseSum():
            return [coefficient * gradient for coefficient in layer.coefficients], {}
        case ElementwiseMax():
            return largest_backward(reads, output, gradient), {}
        case LogisticLoss() | CrossEntropyLoss() | BinaryCrossEntropyLoss() | SumOfSquaresLoss():
            return costs_backward(layer, reads, gradient), {}
        case _:
            assert_never(layer)


def _weighted_flowing_back(
    layer: Weighted,
    network: Network,
    arrays: Mapping[str, Array],
    reads: Sequence[Array],
    gradient: Array,
) -> tuple[list[Array], dict[str, Array]]:
    sides = network.placed[layer.name].sides
    weights, _ = _weights_and_bias(layer, network, arrays)
    inputs = weighted_sum_backward(layer, sides, reads, weights, gradient)
    into_weights = iter(each.weight for each in inputs)
    own = {
        each.name: bias_gradient(layer, gradient) if each.is_bias else next(into_weights)
        for each in parameters(layer, network)
    }
    return [each.pictures for each in inputs], own
