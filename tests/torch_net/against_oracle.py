"""Holds torch_net against numpy_net in float64: every activation, every gradient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from alexnet import numpy_net
from alexnet.network.layers import Activation, Dropout, Input, Loss, RandomPool, RandomScale
from alexnet.network.spec import Network
from alexnet.torch_net import Costs, NetworkModule, build

BATCH = 3


@dataclass
class Case:
    """What both are given: pictures, labels or targets, weights, and what is drawn."""

    network: Network
    inputs: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]
    draws: dict[str, np.ndarray] = field(default_factory=dict)

    def module(self) -> NetworkModule:
        return build(self.network, arrays=self.arrays, dtype=torch.float64)

    def tensors(self) -> dict[str, Tensor]:
        return {name: torch.tensor(value) for name, value in self.inputs.items()}

    def drawn(self) -> dict[str, Tensor]:
        return {name: torch.tensor(value) for name, value in self.draws.items()}


def case(network: Network, *, coarse: bool = False, positive: bool = False) -> Case:
    """Random values for a network; `coarse` ones are whole numbers, so that maxima tie and units
    meet the kinks; `positive` ones suit roots and logarithms.
    """
    generator = np.random.default_rng(7)
    inputs: dict[str, np.ndarray] = {}
    for layer in network:
        if isinstance(layer, Input):
            shape = (BATCH, *layer.shape)
            if layer.content == "labels" and layer.shape == (1, 1, 1):
                inputs[layer.name] = generator.integers(0, 2, BATCH)
            elif layer.content == "labels":
                inputs[layer.name] = generator.dirichlet(np.ones(layer.shape[0]), BATCH)
            elif coarse:
                inputs[layer.name] = generator.integers(-2, 3, shape).astype(float)
            else:
                values = generator.normal(size=shape)
                inputs[layer.name] = np.abs(values) + 0.1 if positive else values
    arrays = {
        name: generator.normal(size=array.shape) * (array.std() or 0.1) + array.mean()
        for name, array in numpy_net.initial_arrays(network, 3).items()
    }
    draws: dict[str, np.ndarray] = {}
    for layer in network:
        shape = (BATCH, *network.shape(layer.name))
        if isinstance(layer, Dropout) and layer.enabled:
            draws[layer.name] = (generator.random(shape) < layer.keep).astype(float)
        elif isinstance(layer, Activation) and layer.function == "noisy-relu":
            draws[layer.name] = generator.normal(size=shape)
        elif isinstance(layer, RandomPool):
            draws[layer.name] = generator.random(shape)
        elif isinstance(layer, RandomScale):
            draws[layer.name] = generator.random(4)
    return Case(network, inputs, arrays, draws)


def check(given: Case, *, memory_format: torch.memory_format = torch.contiguous_format) -> None:
    """Every activation in training and in testing, then every gradient."""
    module, network = given.module().to(memory_format=memory_format), given.network
    inputs = {
        name: value.contiguous(memory_format=memory_format) if value.dim() == 4 else value
        for name, value in given.tensors().items()
    }
    outputs = numpy_net.forward(network, given.arrays, given.inputs, draws=given.draws)
    compare_activations(module, inputs, outputs, given.drawn())
    tested = numpy_net.forward(network, given.arrays, given.inputs)
    compare_activations(module.eval(), inputs, tested, {})
    compare_gradients(given, module.train(), inputs, outputs)


def run(
    module: NetworkModule, inputs: dict[str, Tensor], draws: dict[str, Tensor], layers: list[str]
) -> dict[str, Tensor]:
    picture = inputs[module.network.picture.name]
    found = module(picture, layers=layers, inputs=inputs, draws=draws)
    assert isinstance(found, dict)
    return found


def compare_activations(
    module: NetworkModule,
    inputs: dict[str, Tensor],
    expected: dict[str, np.ndarray],
    draws: dict[str, Tensor],
) -> None:
    found = run(module, inputs, draws, list(expected))
    for name, value in expected.items():
        close(found[name], value, name)


def compare_gradients(
    given: Case,
    module: NetworkModule,
    inputs: dict[str, Tensor],
    outputs: dict[str, np.ndarray],
) -> None:
    network, picture = given.network, inputs[given.network.picture.name].requires_grad_()
    seeds: dict[str, np.ndarray] | None = None
    if any(isinstance(layer, Loss) for layer in network):
        costs: Costs = module.costs(picture, inputs=inputs, draws=given.drawn())
        for name, value in costs.per_loss.items():
            close(value, outputs[name], name)
        costs.objective.backward()
    else:
        last = network.outputs.name
        seeds = {last: np.random.default_rng(11).normal(size=outputs[last].shape)}
        found = run(module, inputs, given.drawn(), [last])[last]
        found.backward(torch.tensor(seeds[last]).reshape(found.shape))
    expected = numpy_net.backward(network, given.arrays, outputs, draws=given.draws, seeds=seeds)
    close(picture.grad, expected.layers[network.picture.name], "the picture's gradient")
    for name, parameter in module.named_parameters():
        close(parameter.grad, expected.parameters[name], f"the gradient of {name}")


def close(found: Tensor | None, expected: np.ndarray, what: str) -> None:
    assert found is not None, f"{what} is missing"
    values = found.detach().numpy().reshape(expected.shape)
    scale = max(1e-12, float(np.abs(expected).max()))
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-11 * scale, err_msg=what)
