"""NetworkModule: a Network as one nn.Module, run layer by layer, with its activations by name and
its costs; it neither draws weights nor updates them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every

from alexnet.network.layers import Activation, Conv, Input, Layer, Loss
from alexnet.network.spec import Network
from alexnet.torch_net import stages
from alexnet.torch_net.kernels.library import library
from alexnet.torch_net.layer_modules import layer_module
from alexnet.torch_net.modules import borrowed_names
from alexnet.torch_net.order import handed, is_random, readings, steps
from alexnet.torch_net.strided_conv import Prepared


@dataclass(frozen=True, slots=True)
class Costs:
    """What one forward pass with labels costs.

    Attributes:
        objective: Σ over losses of coefficient · mean cost, a scalar to call `backward` on.
        per_loss: the cost of each picture, (N,), by the loss layer's name; detached.
        outputs: what the network's output layer says, (N, n) for a vector; detached.
    """

    objective: Tensor
    per_loss: dict[str, Tensor]
    outputs: Tensor


class NetworkModule(nn.Module):
    """Runs a Network; `build` makes one.

    Each layer is a submodule of the layer's name, so parameters are called `conv1a.weight`,
    `conv3a.weight_1`, `conv1a.bias`, as `alexnet.network.arithmetic.parameters` calls them. Shared
    weights are one parameter of the layer that owns them, which lends it out in every pass.
    Inside, every activation is (N, channels, height, width), a vector (N, n, 1, 1).
    """

    def __init__(self, network: Network, arrays: Mapping[str, Tensor]) -> None:
        """Takes every learned array of `network`, by name; `build` checks them."""
        super().__init__()
        self.network, self.has_kernels = network, library() is not None
        self.borrowed = {layer.name: borrowed_names(layer, network) for layer in network}
        for layer in network:
            if not isinstance(layer, Input):
                prefix = f"{layer.name}."
                own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
                # add_module refuses names that nn.Module uses itself, such as 'type'
                self._modules[layer.name] = layer_module(layer, network, own)
        self._own = dict(self._modules)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Of a pickle, which may come from where there were kernels to where there are none."""
        super().__setstate__(state)
        self.has_kernels = library() is not None

    def forward(
        self,
        picture: Tensor,
        labels: Tensor | None = None,
        *,
        layers: Sequence[str] | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        draws: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """The outputs of the network, or the activations of the layers asked for.

        Args:
            picture: (N, channels, height, width), for the input that takes the picture.
            labels: for the input that takes labels; needed only where losses are asked for.
            layers: names of layers; what is returned is then a dict of their activations.
            inputs: further inputs by name.
            draws: by layer name, used in place of drawing: dropout masks; normal noise; uniform
                numbers from 0 on and below 1, a random pool's in the shape of its output, a random
                scale's four.
            generator: what these are drawn from; None is torch's own.

        Returns:
            (N, n) for a vector, else (N, channels, height, width); losses (N,).

        Raises:
            ValueError: an unknown layer, a missing input, or a picture of the wrong shape.
        """
        wanted = [self.network.outputs.name] if layers is None else list(layers)
        given = given_inputs(self.network, picture, labels, inputs or {})
        found = self._run(given, wanted, draws or {}, generator)
        return found[wanted[0]] if layers is None else found

    def costs(
        self,
        picture: Tensor,
        labels: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        draws: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Costs:
        """Runs the network up to its losses; arguments as in `forward`.

        Raises:
            ValueError: the network has no loss, or as `forward`.
        """
        wanted = costed(self.network)
        given = given_inputs(self.network, picture, labels, inputs or {})
        return total_costs(self.network, self._run(given, wanted, draws or {}, generator))

    def _run(
        self,
        given: dict[str, Tensor],
        wanted: list[str],
        draws: Mapping[str, Tensor],
        generator: torch.Generator | None,
    ) -> dict[str, Tensor]:
        """Walks the layers that `wanted` needs; drops each activation after its last reader."""
        order = steps(self.network, wanted)
        readers = readings(order, self.network)
        readers.update(wanted)  # what is asked for has one reader more: the caller
        left = readers.copy()
        values: dict[str, Tensor] = {}  # as Dynamo can follow it
        found: dict[str, stages.Stage] = {}
        if self.has_kernels:
            found = stages.stages(order, self.network, readers, self._is_watched)
        done: set[str] = set()
        prepared: Prepared = {}
        for layer in order:
            if layer.name in done:
                continue
            reads = handed(layer, self.network)
            stage = found.get(layer.name)
            if isinstance(layer, Input):
                values[layer.name] = _input(layer, given)
            elif stage is not None and stages.applies(values[reads[0]]):
                values[stage.layers[-1].name] = stage(values[reads[0]])
                done.update(each.name for each in stage.layers)
            else:
                extra = (
                    _drawn(layer, draws, generator)
                    | self._lent(layer)
                    | self._overwriting(layer, readers)
                    | ({"prepared": prepared} if isinstance(layer, Conv) else {})
                )
                values[layer.name] = self._module(layer.name)(
                    *(values[read] for read in reads), **extra
                )
            left.subtract(reads)
            for read in reads:
                if not left[read]:
                    values.pop(read, None)
        return {name: _shaped(self.network, name, values[name]) for name in wanted}

    def _is_watched(self, layer: Layer) -> bool:
        """Whether the layer's module must be called: somebody hung a hook on it, or on all modules,
        or put another in its place.
        """
        module = self._module(layer.name)
        return module is not self._own.get(layer.name) or is_hooked(module)

    def _lent(self, layer: Layer) -> dict[str, Any]:
        """The shared weights that a layer meets, from the layers that own them."""
        names = self.borrowed[layer.name]
        if not names:
            return {}
        owned = (name.rsplit(".", 1) for name in names)
        return {"lent": [getattr(self._module(owner), array) for owner, array in owned]}

    def _overwriting(self, layer: Layer, readers: Mapping[str, int]) -> dict[str, Any]:
        """relu may overwrite a convolution's output that nobody else reads, before or after it,
        hooks included: the convolution's own backward pass does not need it.
        """
        if not isinstance(layer, Activation) or layer.function != "relu":
            return {}
        below = self.network[layer.reads[0]]
        alone = isinstance(below, Conv) and readers[below.name] == 1
        return {"in_place": alone and not (self._is_watched(layer) or self._is_watched(below))}

    def _module(self, name: str) -> nn.Module:
        """By the layer's name even where nn.Module has an attribute of that name."""
        module = self._modules[name]
        assert module is not None, "every layer but the inputs has a module"
        return module


def given_inputs(
    network: Network, picture: Tensor, labels: Tensor | None, inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The inputs by name, each of the shape that its layer states.

    Raises:
        ValueError: one of another shape, or of a layer that is no input.
    """
    given = {network.picture.name: picture, **inputs}
    for layer in network:
        if isinstance(layer, Input) and layer.content == "labels" and labels is not None:
            given.setdefault(layer.name, labels)
    return {name: _accepted(network[name], value) for name, value in given.items()}


def costed(network: Network) -> list[str]:
    """The layers whose activations a pass with labels is asked for: the losses and the outputs.

    Raises:
        ValueError: the network has no loss.
    """
    losses = [layer.name for layer in network if isinstance(layer, Loss)]
    if not losses:
        raise ValueError(f"network '{network.name}' has no loss layer; nothing to cost")
    return [*losses, network.outputs.name]


def total_costs(network: Network, found: Mapping[str, Tensor]) -> Costs:
    """The objective made of the losses' costs.

    Args:
        network: whose.
        found: the activations of `costed`.
    """
    losses = [layer for layer in network if isinstance(layer, Loss)]
    outputs = found[network.outputs.name]
    objective = outputs.new_zeros((), dtype=found[losses[0].name].dtype)
    for loss in losses:
        if loss.coefficient:  # 0 switches the gradient off, the cost is still reported
            objective = objective + loss.coefficient * found[loss.name].mean()
    per_loss = {loss.name: found[loss.name].detach() for loss in losses}
    return Costs(objective, per_loss, outputs.detach())


def is_hooked(module: nn.Module) -> bool:
    """Whether calling a module calls anything else too."""
    own = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    of_all = (
        every._global_forward_hooks,
        every._global_forward_pre_hooks,
        every._global_backward_hooks,
        every._global_backward_pre_hooks,
    )
    return any(own) or any(of_all) or "forward" in vars(module)


def _accepted(layer: Layer, value: Tensor) -> Tensor:
    """`value` as the input `layer` takes it; one of another shape is a ValueError."""
    if not isinstance(layer, Input):
        raise ValueError(f"layer '{layer.name}' is no input; it cannot be given")
    if layer.shape == (1, 1, 1) and value.dim() == 1:
        return value
    vector = layer.shape[1:] == (1, 1) and tuple(value.shape[1:]) == layer.shape[:1]
    if not vector and tuple(value.shape[1:]) != layer.shape:
        raise ValueError(
            f"input '{layer.name}' has shape {tuple(value.shape)}; it must be"
            f" (N, {', '.join(map(str, layer.shape))})"
        )
    return value.reshape(-1, *layer.shape) if vector else value


def _input(layer: Input, given: Mapping[str, Tensor]) -> Tensor:
    if layer.name not in given:
        how = "labels" if layer.content == "labels" else f"inputs={{'{layer.name}': …}}"
        raise ValueError(f"input '{layer.name}' is needed and not given; pass {how}")
    return given[layer.name]


def _drawn(
    layer: Layer, draws: Mapping[str, Tensor], generator: torch.Generator | None
) -> dict[str, Any]:
    """What the layers that draw are told to draw from."""
    if is_random(layer):
        return {"generator": generator, "draw": draws.get(layer.name)}
    return {}


def _shaped(network: Network, name: str, value: Tensor) -> Tensor:
    """As callers see it: a vector's (N, n, 1, 1) as (N, n)."""
    return value.flatten(1) if value.dim() == 4 and network.shape(name)[1:] == (1, 1) else value
