"""The layers with weights as nn.Modules: convolution, local convolution, fully-connected.

Each takes one tensor per input, (N, channels, height, width), and sums what its kernels make of
them. Weights that another layer owns are no parameters here: they are lent for each pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.arithmetic import weight_names
from alexnet.network.layers import Conv, FullyConnected, Kernel, Layer, Local
from alexnet.network.spec import Network
from alexnet.torch_net import strided_conv
from alexnet.torch_net.strided_conv import Prepared, convolve_in_blocks
from alexnet.torch_net.windows import Frame, frame

Summed = Conv | Local | FullyConnected
"""The kinds that sum what their inputs give."""


def borrowed_names(layer: Layer, network: Network) -> list[str]:
    """The arrays of other layers that `layer` meets, in the order of its inputs."""
    if not isinstance(layer, Conv | Local | FullyConnected):
        return []
    own = f"{layer.name}."
    return [name for name in weight_names(layer, network) if not name.startswith(own)]


class WeightedModule(nn.Module):
    """Holds the arrays of one layer under the names `weight` (or `weight_0`, `weight_1`, …) and
    `bias`.
    """

    bias: nn.Parameter | None

    def __init__(self, layer: Summed, network: Network, arrays: Mapping[str, Tensor]) -> None:
        """Registers `arrays`, the layer's own, by their names without the layer's."""
        super().__init__()
        met = (name.rsplit(".", 1) for name in weight_names(layer, network))
        self.weight_names = tuple(name if owner == layer.name else None for owner, name in met)
        for name, array in arrays.items():
            self.register_parameter(name, nn.Parameter(array))
        if "bias" not in arrays:
            self.register_parameter("bias", None)

    def weights(self, lent: Sequence[Tensor]) -> list[Tensor]:
        """The weights in the order of the inputs: its own, and in between those lent to it. A
        parametrisation, or a functional call, may have put tensors in the parameters' places.
        """
        others = iter(lent)
        return [getattr(self, name) if name else next(others) for name in self.weight_names]


class WindowedModule(WeightedModule):
    """A layer with one kernel per input; a sparse kernel's connections (2012's `randSparse`) are a
    buffer `connections_0`, `connections_1`, ….
    """

    def __init__(self, layer: Conv | Local, network: Network, arrays: Mapping[str, Tensor]) -> None:
        """Takes the kernels of `layer` and its arrays."""
        super().__init__(layer, network, arrays)
        self.kernels = layer.kernels
        for i, kernel in enumerate(layer.kernels):
            if kernel.connections:
                places = torch.tensor(kernel.connections)
                self.register_buffer(f"connections_{i}", places, persistent=False)

    def seen(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The channels that each kernel's groups share out: its input's, or those connected."""
        return [
            x.index_select(1, self.get_buffer(f"connections_{i}")) if kernel.connections else x
            for i, (x, kernel) in enumerate(zip(inputs, self.kernels, strict=True))
        ]


class ConvModule(WindowedModule):
    """One kernel per input, results summed, one bias per filter or per output unit."""

    def __init__(self, layer: Conv, network: Network, arrays: Mapping[str, Tensor]) -> None:
        """Prepares the windows of `layer` and takes its arrays."""
        super().__init__(layer, network, arrays)
        self.frames = _frames(layer, network)
        self.sides = network.placed[layer.name].sides
        self.unshared = layer.bias == "unshared"

    def forward(
        self, *inputs: Tensor, lent: Sequence[Tensor] = (), prepared: Prepared | None = None
    ) -> Tensor:
        """(N, filters, rows, columns).

        Args:
            inputs: one for each kernel.
            lent: the weights that other layers own.
            prepared: what is shared with convolutions of the same inputs (strided_conv.py).
        """
        bias = None if self.unshared else self.bias
        total: Tensor | None = None
        for x, weight, kernel, around, sides in zip(
            self.seen(inputs),
            self.weights(lent),
            self.kernels,
            self.frames,
            self.sides,
            strict=True,
        ):
            if strided_conv.pays(x, kernel):
                part = convolve_in_blocks(x, weight, bias, kernel, sides, prepared)
            else:
                part = functional.conv2d(
                    *(around.around(x, 0.0), weight, bias, kernel.stride, around.padding),
                    groups=kernel.groups,
                )
            total, bias = part if total is None else total.add_(part), None
        assert total is not None, "a convolution has at least one input"
        return total + self.bias if self.unshared and self.bias is not None else total


class LocalModule(WindowedModule):
    """A convolution with weights of its own at every position: one matrix product per position."""

    def __init__(self, layer: Local, network: Network, arrays: Mapping[str, Tensor]) -> None:
        """Prepares the windows of `layer` and takes its arrays."""
        super().__init__(layer, network, arrays)
        self.margins = _margins(layer, network)
        self.shape = network.shape(layer.name)

    def forward(self, *inputs: Tensor, lent: Sequence[Tensor] = ()) -> Tensor:
        """(N, filters, rows, columns)."""
        total: Tensor | None = None
        for x, weight, kernel, margins in zip(
            self.seen(inputs), self.weights(lent), self.kernels, self.margins, strict=True
        ):
            part = self._products(functional.pad(x, margins), weight, kernel)
            total = part if total is None else total + part
        assert total is not None, "a local layer has at least one input"
        if self.bias is None:
            return total
        return total + (self.bias if self.bias.dim() == 3 else self.bias[:, None, None])

    def _products(self, x: Tensor, weight: Tensor, kernel: Kernel) -> Tensor:
        filters, rows, columns = self.shape
        places, groups = rows * columns, kernel.groups
        patches = x.unfold(2, kernel.size, kernel.stride).unfold(3, kernel.size, kernel.stride)
        # (N, channels, rows, columns, size, size) → one row of inputs per picture at every place
        patches = patches.unflatten(1, (groups, -1)).permute(3, 4, 1, 0, 2, 5, 6)
        patches = patches.reshape(places * groups, x.shape[0], -1)
        matrices = weight.reshape(places * groups, filters // groups, -1)
        sums = torch.bmm(patches, matrices.mT)
        sums = sums.view(rows, columns, groups, x.shape[0], filters // groups)
        return sums.permute(3, 2, 4, 0, 1).reshape(x.shape[0], filters, rows, columns)


class FullyConnectedModule(WeightedModule):
    """Every output reads every element of each input (of its group), flattened channel, row,
    column.
    """

    def __init__(
        self, layer: FullyConnected, network: Network, arrays: Mapping[str, Tensor]
    ) -> None:
        """Takes the arrays of `layer`."""
        super().__init__(layer, network, arrays)
        self.groups = layer.groups

    def forward(self, *inputs: Tensor, lent: Sequence[Tensor] = ()) -> Tensor:
        """(N, outputs, 1, 1)."""
        bias = self.bias
        total: Tensor | None = None
        for x, weight in zip(inputs, self.weights(lent), strict=True):
            part = self._product(x.flatten(1), weight, bias)
            total, bias = part if total is None else total + part, None
        assert total is not None, "a fully-connected layer has at least one input"
        return total[:, :, None, None]

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.groups == 1:
            return functional.linear(x, weight, bias)
        rows = x.unflatten(1, (self.groups, -1)).transpose(0, 1)
        product = torch.bmm(rows, weight.unflatten(0, (self.groups, -1)).mT)
        flat = product.transpose(0, 1).flatten(1)
        return flat if bias is None else flat + bias


def _frames(layer: Conv, network: Network) -> tuple[Frame, ...]:
    placed = network.placed[layer.name]
    return tuple(
        frame(sides, shape, kernel.size, kernel.stride, pooling=False)
        for sides, shape, kernel in zip(
            placed.sides, network.inputs_of(layer), layer.kernels, strict=True
        )
    )


def _margins(layer: Local, network: Network) -> tuple[tuple[int, int, int, int], ...]:
    """Left, right, top, bottom; negative where pixels are never read."""
    return tuple(
        (columns.before, columns.after, rows.before, rows.after)
        for rows, columns in network.placed[layer.name].sides
    )
