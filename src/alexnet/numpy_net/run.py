"""Walks a Network forward and backward, over arrays that are checked first; `rules` has the rule of
each kind of layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from alexnet.network.arithmetic import Parameter, network_parameters
from alexnet.network.layers import Constant, FanInGaussian, FanInUniform, Gaussian, Input
from alexnet.network.spec import Network
from alexnet.numpy_net.checks import (
    Given,
    check_labels,
    checked_arrays,
    checked_draws,
    checked_inputs,
    checked_seeds,
)
from alexnet.numpy_net.rules import flowing_back, output_of
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
        draws: None is test time. Otherwise training, and each enabled dropout layer needs its mask
            of 0 and 1, each noisy-relu layer its standard normal noise, each random pool uniform
            numbers from 0 on and below 1, all in the shape of the layer; each random scale four
            such uniform numbers for the whole batch: scale, fine adjustment, first row, first
            column. The 2012 code adds noise at test time too (its nrelu ignores the pass type);
            here test time is noise zero, so that one picture always gives one answer.

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
            outputs[layer.name] = output_of(layer, network, learned, reads, drawn.get(layer.name))
    return {layer.name: outputs[layer.name] for layer in network if layer.name in outputs}


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

    Weights that several inputs share get the sum of what each would have got.

    Some rules are cuda-convnet's and not the exact derivative: the contrast norm's, the
    noisy-relu's, every tie of a max and of a random pool, and that resize, random scale and colour
    transforms pass nothing (see each).

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
        into_reads, into_own = flowing_back(
            layer, network, learned, reads, outputs[layer.name], gradient, drawn.get(layer.name)
        )
        for name, arriving in into_own:
            into_parameters[name] += arriving
        for read, arriving in zip(layer.reads, into_reads, strict=True):
            into_layers[read] += arriving
    return Gradients(into_parameters, into_layers)
