"""Checkpoints as torchvision's state dicts, for networks that compute what torchvision's AlexNet or
a VGG does; all others are refused, with the layer where they part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alexnet.formats.arrays_in_order import check_float32
from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import Checkpoint, FormatError, Written
from alexnet.formats.torchvision.makes import CONTRACT, Make, makes
from alexnet.formats.torchvision.saving import save_state
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes, with_input
from alexnet.network.layers import (
    Activation,
    Constant,
    Conv,
    Dropout,
    FullyConnected,
    Input,
    Layer,
    Loss,
    MaxPool,
    Shared,
    Softmax,
)
from alexnet.network.shapes import LayerError, Shape, elements
from alexnet.network.spec import Network, NetworkError

NEUTRAL = Constant(0.0)


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """Writes torchvision's names, order and shapes in float32; `torch.load(weights_only=True)` and
    torchvision's `load_state_dict` take it.

    A softmax at the end is left out, which torchvision's models do not have.

    Raises:
        FormatError: the network is not one of torchvision's up to names, initial values, dropout
            and the number of classes, an array goes beyond float32, or the file cannot be written.
    """
    make = _make_of(checkpoint.network, path)
    ours = [parameter.name for parameter in network_parameters(checkpoint.network)]
    _save(checkpoint, dict(zip(make.keys.values(), ours, strict=True)), path)
    return Written(files=(path,), notes=tuple(_notes(checkpoint, make)))


def _save(checkpoint: Checkpoint, names: dict[str, str], path: Path) -> None:
    check_float32(checkpoint.arrays, path)
    arrays = {key: checkpoint.arrays[name] for key, name in names.items()}
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            save_state(arrays, file)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error


def _notes(checkpoint: Checkpoint, make: Make) -> Iterator[str]:
    side = checkpoint.network.picture.shape[1]
    if side != make.network.picture.shape[1]:
        yield f"it must be fed pictures of {side} pixels; torchvision's {make.name} takes 224"
    if checkpoint.contract != CONTRACT:
        yield f"it must be fed {_fed(checkpoint.contract)}, which is not what torchvision feeds"
    if isinstance(checkpoint.network.outputs, Softmax):
        yield "the softmax is left out; torchvision's models end in scores"
    if any(array.dtype.itemsize > 4 for array in checkpoint.arrays.values()):
        yield "the arrays are rounded to float32"
    if checkpoint.classes:
        yield "the names of the classes are left out"
    if checkpoint.training is not None:
        yield "the state of the run is left out; a run cannot go on from it"
    if checkpoint.notes:
        yield f"the checkpoint's notes are left out ({len(checkpoint.notes)})"


def _fed(contract: InputContract) -> str:
    """What a picture must be made into, in words."""
    mean = "a mean image" if contract.mean_image else _numbers(contract.mean)
    divided, border = _numbers(contract.deviation), contract.border_pixels
    return (
        f"{contract.channel_order} of 0 to {contract.pixel_maximum:g}"
        f"{f' minus {mean}' if mean else ''}{f', divided by {divided}' if divided else ''}"
        f"{f', with a border of {border} pixels cut off' if border else ''}"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


# --- which of torchvision's networks it is --------------------------------------------------------


def _make_of(network: Network, path: Path) -> Make:
    """The make that computes what the network does.

    Raises:
        FormatError: none does; says where it parts from the one that it follows furthest.
    """
    own = _chain(network, path)
    best = (-1, "")
    for make in makes():
        template = _fitted(make.network, network)
        wanted = [] if template is None else _chain(template, path)
        same = 0
        for (layer, shape), (other, other_shape) in zip(own, wanted, strict=False):
            if (_plain(layer), shape) != (_plain(other), other_shape):
                break
            same += 1
        if same == len(own) == len(wanted):
            _refuse_dropout(network, path)
            return make
        parting = own[same][0].name if same < len(own) else network.outputs.name
        if same > best[0]:
            best = (same, f"layer '{parting}' is not as in torchvision's {make.name}")
    raise _refused(network, path, best[1])


def _fitted(template: Network, network: Network) -> Network | None:
    """The template with the network's picture and classes, where its arrays stay of their shapes:
    the pictures may be larger as long as the last map is not.
    """
    try:
        classes = elements(network.shape(network.outputs.name))
        fitted = with_input(with_classes(template, classes), network.picture.shape[1])
    except (NetworkError, LayerError):
        return None
    pairs = zip(network_parameters(fitted), network_parameters(template), strict=True)
    last = template.outputs.name
    return fitted if all(a.layer == last or a.shape == b.shape for a, b in pairs) else None


def _chain(network: Network, path: Path) -> list[tuple[Layer, Shape]]:
    """The layers that torchvision's modules have: one after another, without dropout and losses.

    Raises:
        FormatError: they are no chain.
    """
    chain: list[tuple[Layer, Shape]] = []
    stands_for: dict[str, str] = {}
    for layer in network:
        if isinstance(layer, Loss) or (isinstance(layer, Input) and layer.content == "labels"):
            continue
        if layer.tower is not None:
            raise _refused(network, path, f"layer '{layer.name}' belongs to a tower")
        reads = tuple(stands_for[read] for read in layer.reads if read in stands_for)
        if reads != tuple(x.name for x, _ in chain[-1:]):
            raise _refused(network, path, f"layer '{layer.name}' does not read the one before it")
        left_out = isinstance(layer, Dropout) or (
            isinstance(layer, Softmax) and layer == network.outputs
        )
        stands_for[layer.name] = reads[0] if left_out and reads else layer.name
        if not left_out:
            chain.append((layer, network.shape(layer.name)))
    return chain


def _refuse_dropout(network: Network, path: Path) -> None:
    for layer in network:
        if isinstance(layer, Dropout) and layer.scaling == "test" and layer.keep != 1:
            why = f"layer '{layer.name}' multiplies by {layer.keep:g} while testing"
            raise _refused(network, path, f"{why}, as torchvision's dropout does not")


def _plain(layer: Layer) -> Layer:
    """A layer without what changes no output: names, first values, and the rule of sizes where
    torch's and Caffe's come to the same shape.
    """
    layer = replace(layer, name="_", reads=())
    match layer:
        case Conv():
            kernels = tuple(
                k if isinstance(k.initial, Shared) else replace(k, initial=NEUTRAL)
                for k in layer.kernels
            )
            rule = "torch" if layer.rule == "caffe" else layer.rule
            return replace(layer, kernels=kernels, rule=rule, initial_bias=NEUTRAL)
        case FullyConnected():
            initial = tuple(x if isinstance(x, Shared) else NEUTRAL for x in layer.initial)
            return replace(layer, initial=initial, initial_bias=NEUTRAL)
        case MaxPool():
            return replace(layer, rule="torch" if layer.rule == "caffe" else layer.rule)
        case Activation():
            return layer
        case _:
            return layer


def _refused(network: Network, path: Path, why: str) -> FormatError:
    return FormatError(
        f"{path}: network '{network.name}' is none of torchvision's: {why}; write it as"
        " .safetensors or .onnx"
    )
