"""nn.Module → Network: reads plain sequential modules, and names whatever it cannot read.

It runs no module; the weights go along by `arrays_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.network.arithmetic import network_parameters
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    CrossMapNorm,
    Dropout,
    FanInUniform,
    FullyConnected,
    Function,
    Input,
    Kernel,
    Layer,
    MaxPool,
    Shared,
    Softmax,
    Window,
)
from alexnet.network.placement import place
from alexnet.network.shapes import LayerError, Shape, elements, text
from alexnet.network.sizes import Rule, side
from alexnet.network.spec import Network
from alexnet.torch_net.module_steps import FlattenTo, ModuleError, refuse, steps

TORCH = FanInUniform(1.0)
"""What Conv2d and Linear draw their first weights and biases from; a module that draws others says
so nowhere, so that this is what its Network states.
"""


def from_module(
    module: nn.Module, input: tuple[int, int, int], *, name: str | None = None
) -> Network:
    """The Network that a torch module of the plain sequential kind amounts to.

    nn.Sequential chains are read off directly; any other container's `forward` is traced by
    torch.fx, in training and in evaluation, and must be a straight chain of known modules and
    functions. Layers are named as in the catalog (conv1, relu1, pool1, …, fc6), each carrying the
    module's path as its source. What changes nothing at this size (Identity, an adaptive pool to
    the size that is there) is left out and named in the network's source.

    Args:
        module: what to read; neither changed nor run.
        input: the picture's (channels, height, width), without the batch.
        name: the network's name; by default the module's class.

    Raises:
        ModuleError: something is no layer that a Network knows; its path and the reason are named.
    """
    read = _read(module, input)
    source = f"read from a torch module, {type(module).__name__}"
    if read.idle:
        source += f"; without {', '.join(read.idle)}, which change nothing here"
    return Network(name or type(module).__name__, tuple(read.layers), source=source)


def arrays_of(module: nn.Module, network: Network) -> dict[str, Tensor]:
    """The module's weights under the names that `build(network, arrays=...)` takes.

    Args:
        module: what `network` was read from.
        network: what `from_module` made of it, under any name.

    Returns:
        Detached tensors that share the module's memory.

    Raises:
        ModuleError: the network is not the one that the module amounts to.
    """
    read = _read(module, network.picture.shape)
    if tuple(read.layers) != network.layers:
        raise ModuleError(
            f"network '{network.name}' is not what from_module reads from this"
            f" {type(module).__name__}; pass the network that it returned"
        )
    found: dict[str, Tensor] = {}
    for parameter in network_parameters(network):
        array = parameter.name.removeprefix(f"{parameter.layer}.")
        found[parameter.name] = read.weighted[parameter.layer].get_parameter(array).detach()
    return found


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what reaches the next module.

    Attributes:
        layers: the layers, input first.
        weighted: the modules whose weights go along, by their layer's name.
        idle: the paths of modules that change nothing here.
        shape: of what reaches the next module.
        flat: whether torch has flattened that to (N, n).
    """

    layers: list[Layer]
    shape: Shape
    flat: bool = False
    weighted: dict[str, nn.Conv2d | nn.Linear] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)


def _read(module: nn.Module, shape: Shape) -> _Reading:
    if not isinstance(module, nn.Module):
        raise ModuleError(f"{type(module).__name__} is no torch.nn.Module; pass one")
    picture = Input(name="data", shape=shape, source="given")
    try:
        place(picture, ())
    except LayerError as error:
        raise ModuleError(f"the input: {error}") from None
    reading = _Reading([picture], shape)
    for step in steps(module, READERS):
        try:
            _add(reading, step.path, step.module)
        except LayerError as error:
            refuse(step.path, f"{type(step.module).__name__}: {error}")
    if reading.layers == [picture]:
        refuse("", "changes nothing; a Network has at least one layer besides its input")
    return reading


def _add(reading: _Reading, path: str, module: nn.Module) -> None:
    """Reads one module, and moves on to what it gives."""
    if reading.flat and isinstance(module, SPATIAL):
        raise LayerError("reads maps, but what reaches it is flattened already")
    if not reading.flat and isinstance(module, FLAT):
        raise LayerError(f"{text(reading.shape)} reaches it unflattened; put nn.Flatten before it")
    layer = READERS[type(module)](module, reading.shape)
    if isinstance(module, nn.Flatten):
        reading.flat = True
    elif layer is None:
        reading.idle.append(path)
    else:
        name = _name(layer, reading)
        layer = replace(layer, name=name, reads=(reading.layers[-1].name,), source=path)
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer = _with_shared_weights(layer, module, reading)
        reading.shape = place(layer, (reading.shape,)).shape
        reading.layers.append(layer)
        if isinstance(module, nn.Conv2d | nn.Linear):
            reading.weighted[name] = module


def _with_shared_weights(layer: Layer, module: nn.Conv2d | nn.Linear, reading: _Reading) -> Layer:
    """The layer, its weights those of an earlier one where the module's are the same parameter."""
    for name, other in reading.weighted.items():
        if module.bias is not None and module.bias is other.bias:
            raise LayerError(f"shares its bias with layer '{name}'; a Network shares only weights")
    owner = next((n for n, x in reading.weighted.items() if x.weight is module.weight), None)
    if owner is None:
        return layer
    if isinstance(layer, Conv):
        return replace(layer, kernels=(replace(layer.kernels[0], initial=Shared(owner)),))
    assert isinstance(layer, FullyConnected), "only these two kinds have weights here"
    return replace(layer, initial=(Shared(owner),))


def _name(layer: Layer, reading: _Reading) -> str:
    """As the catalog names layers: a word and the number of the last layer with weights."""
    stage = len(reading.weighted)
    match layer:
        case Conv():
            name = f"conv{stage + 1}"
        case FullyConnected():
            name = f"fc{stage + 1}"
        case Activation():
            name = f"{layer.function}{stage}"
        case Softmax():
            name = "probs"
        case _:
            name = f"{WORDS[type(layer)]}{stage}"
    taken = {other.name for other in reading.layers}
    again = (f"{name}_{count}" for count in range(2, len(taken) + 3))
    return name if name not in taken else next(x for x in again if x not in taken)


# --- what each module amounts to ------------------------------------------------------------------

UNNAMED = "_"


def _square(what: str, value: int | tuple[int, ...]) -> int:
    sides = value if isinstance(value, tuple) else (value,)
    if len(set(sides)) != 1:
        raise LayerError(f"{what} is {value}; a Network's windows are square, make them alike")
    return sides[0]


def _conv(module: nn.Conv2d, shape: Shape) -> Layer:
    size = _square("kernel_size", module.kernel_size)
    if _square("dilation", module.dilation) != 1:
        raise LayerError(f"dilation is {module.dilation}; a Network's windows have none, make it 1")
    if module.padding_mode != "zeros":
        raise LayerError(f"padding_mode is '{module.padding_mode}'; a Network pads with zeros")
    if module.in_channels != shape[0]:
        raise LayerError(f"in_channels is {module.in_channels}, but {text(shape)} reaches it")
    rule: Rule = "torch"
    if module.padding == "same":  # stride 1; an even window's odd pixel goes after, as TensorFlow's
        rule, padding = ("torch", size // 2) if size % 2 else ("same", 0)
    else:
        padding = 0 if isinstance(module.padding, str) else _square("padding", module.padding)
    kernel = Kernel(
        size=size,
        stride=_square("stride", module.stride),
        padding=padding,
        groups=module.groups,
        initial=TORCH,
    )
    layer = Conv(name=UNNAMED, filters=module.out_channels, kernels=(kernel,), rule=rule)
    biased = module.bias is not None
    return replace(layer, initial_bias=TORCH) if biased else replace(layer, bias="none")


def _linear(module: nn.Linear, shape: Shape) -> Layer:
    if module.in_features != elements(shape):
        raise LayerError(f"in_features is {module.in_features}, but {text(shape)} reaches it")
    layer = FullyConnected(name=UNNAMED, outputs=module.out_features, initial=(TORCH,))
    biased = module.bias is not None
    return replace(layer, initial_bias=TORCH) if biased else replace(layer, bias="none")


def _windows(module: nn.MaxPool2d | nn.AvgPool2d, shape: Shape) -> tuple[Window, Rule]:
    """The window, and the rule that lays as many of it as torch itself does.

    torch rounds up as Caffe does, but drops a window outside also where there is no padding.
    """
    stride = module.stride if module.stride is not None else module.kernel_size
    size, step = _square("kernel_size", module.kernel_size), _square("stride", stride)
    window = Window(size=size, stride=step, padding=_square("padding", module.padding))
    if not module.ceil_mode:
        return window, "torch"
    try:
        wanted = tuple(module(torch.empty(1, *shape, device="meta")).shape[2:])
    except RuntimeError as error:
        raise LayerError(str(error)) from None
    rules: tuple[Rule, ...] = ("caffe", "torch")
    for rule in rules:
        try:
            laid = [side(rule, "pool", n, size, step, window.padding).outputs for n in shape[1:]]
        except ValueError:
            continue
        if tuple(laid) == wanted:
            return window, rule
    raise LayerError(f"ceil_mode lays {wanted} windows here, as no rule does; try ceil_mode=False")


def _max_pool(module: nn.MaxPool2d, shape: Shape) -> Layer:
    if _square("dilation", module.dilation) != 1:
        raise LayerError(f"dilation is {module.dilation}; a Network's windows have none, make it 1")
    if module.return_indices:
        raise LayerError("return_indices is set; a Network's layers give one map each")
    window, rule = _windows(module, shape)
    return MaxPool(name=UNNAMED, window=window, rule=rule)


def _average_pool(module: nn.AvgPool2d, shape: Shape) -> Layer:
    window, rule = _windows(module, shape)
    override = module.divisor_override
    if override is None:
        divisor = "padded" if module.count_include_pad else "inside"
    elif override in (1, window.size**2):
        divisor = "one" if override == 1 else "window"
    else:
        raise LayerError(f"divisor_override is {override}; it may be 1 or {window.size**2}")
    return AveragePool(name=UNNAMED, window=window, rule=rule, divisor=divisor)


def _adaptive_pool(module: nn.AdaptiveAvgPool2d, shape: Shape) -> Layer | None:
    """Nothing, or a plain average; its windows are those of torch's AdaptiveAveragePooling.cpp."""
    given = module.output_size
    pair = given if isinstance(given, tuple) else (given, given)
    wanted = tuple(n if out is None else out for out, n in zip(pair, shape[1:], strict=True))
    if wanted == shape[1:]:
        return None
    windows: set[tuple[int, int]] = set()
    for n, out in zip(shape[1:], wanted, strict=True):
        starts = [i * n // out for i in range(out)]
        sizes = [-(-(i + 1) * n // out) - start for i, start in enumerate(starts)]
        jumps = [b - a for a, b in zip(starts, starts[1:], strict=False)] or sizes
        windows |= {(size, jump) for size in sizes for jump in jumps}
    (size, step), *others = windows
    if others or step < 1:
        raise LayerError(
            f"averages {shape[1]}×{shape[2]} into {wanted[0]}×{wanted[1]} with windows that differ;"
            f" maps of {wanted[0]}×{wanted[1]} or a whole multiple of it would do"
        )
    window = Window(size=size, stride=step)
    return AveragePool(name=UNNAMED, window=window, rule="torch", divisor="padded")


def _norm(module: nn.LocalResponseNorm, shape: Shape) -> Layer:
    return CrossMapNorm(
        name=UNNAMED,
        size=module.size,
        alpha=module.alpha,
        alpha_divided=True,
        beta=module.beta,
        k=module.k,
    )


def _activation(function: Function, *parameters: float) -> Callable[[Any, Shape], Layer]:
    layer = Activation(name=UNNAMED, function=function, parameters=parameters)
    return lambda module, shape: layer


def _hardtanh(module: nn.Hardtanh, shape: Shape) -> Layer:
    if module.min_val != 0:
        raise LayerError(f"min_val is {module.min_val}; a bounded-relu starts at 0")
    return Activation(name=UNNAMED, function="bounded-relu", parameters=(module.max_val,))


def _softplus(module: nn.Softplus, shape: Shape) -> Layer:
    if (module.beta, module.threshold) != (1, 4):
        raise LayerError(
            f"beta is {module.beta} and threshold {module.threshold}; soft-relu has 1 and 4"
        )
    return Activation(name=UNNAMED, function="soft-relu")


def _dropout(module: nn.Dropout, shape: Shape) -> Layer:
    return Dropout(name=UNNAMED, keep=1 - module.p, scaling="train")


def _softmax(module: nn.Softmax, shape: Shape) -> Layer:
    if module.dim not in (1, -1):
        raise LayerError(f"dim is {module.dim}; a Network's softmax runs over all units, dim=1")
    return Softmax(name=UNNAMED)


def _flatten(module: nn.Flatten, shape: Shape) -> None:
    if module.start_dim != 1 or module.end_dim not in (-1, 3):
        raise LayerError(f"it joins dimensions {module.start_dim} to {module.end_dim}, not 1 to -1")
    if isinstance(module, FlattenTo) and module.count != elements(shape):
        raise LayerError(f"it gives {module.count} numbers, but {text(shape)} reaches it")


def _nothing(module: nn.Identity, shape: Shape) -> None:
    """It changes nothing."""


READERS: dict[type[nn.Module], Callable[[Any, Shape], Layer | None]] = {
    nn.Conv2d: _conv,
    nn.Linear: _linear,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: _adaptive_pool,
    nn.LocalResponseNorm: _norm,
    nn.ReLU: _activation("relu"),
    nn.ReLU6: _activation("bounded-relu", 6.0),
    nn.Hardtanh: _hardtanh,
    nn.Softplus: _softplus,
    nn.Sigmoid: _activation("logistic"),
    nn.Tanh: _activation("tanh", 1.0, 1.0),
    nn.Tanhshrink: _activation("soft-threshold", 1.0),
    nn.Dropout: _dropout,
    nn.Softmax: _softmax,
    nn.Flatten: _flatten,
    FlattenTo: _flatten,
    nn.Identity: _nothing,
}
"""What each known class amounts to; None where it changes no number."""

SPATIAL = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.LocalResponseNorm)
"""What reads (N, channels, height, width)."""

FLAT = (nn.Linear, nn.Softmax)
"""What reads (N, n); over maps torch lets them act on one dimension only."""

WORDS = {MaxPool: "pool", AveragePool: "pool", CrossMapNorm: "norm", Dropout: "drop"}
