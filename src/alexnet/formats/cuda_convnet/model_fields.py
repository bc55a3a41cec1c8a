"""The layers of a network as the dicts that the parser of 2012 makes of their sections (layer.py).
The matrices of their weights are filled in by `model_writing`, the other releases' differences by
`model_release`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never, cast

import numpy as np

from alexnet.formats.cuda_convnet.rules import LearningRules, RateSchedule
from alexnet.formats.cuda_convnet.writer import definition_text, parameters_text
from alexnet.formats.cuda_convnet.writer_parameters import parameter_sections, start_rules
from alexnet.formats.cuda_convnet.writer_sections import definition_sections, written_as_neuron
from alexnet.formats.cuda_convnet.writer_values import NEURONS
from alexnet.network.layers import (
    Activation,
    Blur,
    ColourTransform,
    Concat,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Input,
    Layer,
    Local,
    Loss,
    Nailbed,
    Norm,
    PictureTransform,
    Pool,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    Shared,
    SubsetSoftmaxLoss,
)
from alexnet.network.placement.weighted import initials, seen_channels
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

Fields = dict[str, object]


def _flag(word: str) -> bool:
    return word in ("1", "true")


WHOLE = ("channels", "padding", "stride", "filterSize", "filters", "groups")
NUMBERS = ("initW", "epsW", "momW", "wc", "wball", "wcNormMin", "wcNormMax", "coeffs")
LISTS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(WHOLE, int),
    **dict.fromkeys(NUMBERS, float),
    "randSparse": _flag,
}
"""Keys with a value for each input, and what the parser makes of one."""

SINGLE: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("type", "pool", "neuron"), str),
    **dict.fromkeys(("initB", "epsB", "momB", "scale", "pow", "minDiv"), float),
    **dict.fromkeys(("keep", "coeff", "stdev", "maxScale"), float),
    **dict.fromkeys(("sharedBiases", "blocked", "enable", "doMax", "center"), _flag),
}
"""Keys with one value; all others are whole numbers. A resize's `scale` is a number too."""

ELSEWHERE = ("inputs", "gpu", "weightSource", "schedW", "schedB", "filterChannels")
"""Keys whose fields are made from the network itself."""

DEFAULT: Fields = {"type": "default", "params": {}}


def model_fields(network: Network, rules: LearningRules | None) -> dict[str, Fields]:
    """Every layer's dict by its name, in the network's order, without its weights.

    Raises:
        FormatError: the network or the rules have what the files of 2012 cannot say.
    """
    definition_text(network)  # both are called for what they refuse
    parameters_text(network, rules)
    given = start_rules(network) if rules is None else rules
    defined = {section.name: dict(section.keys) for section in definition_sections(network)}
    learned = {section.name: dict(section.keys) for section in parameter_sections(network, given)}
    neurons = written_as_neuron(network)
    found: dict[str, Fields] = {}
    for layer in network:
        keys = defined.get(layer.name, {"type": "neuron"}) | learned.get(layer.name, {})
        fields = _common(layer, network) | _typed(keys, isinstance(layer, Conv | Local))
        if not isinstance(layer, Input):
            fields |= {
                "inputs": list(layer.reads),
                "inputLayers": [found[read] for read in layer.reads],
                "numInputs": [elements(shape) for shape in network.inputs_of(layer)],
            }
        if layer.name in neurons:
            fields["src_layer"] = neurons[layer.name]
        _compute(layer, fields, network)
        if isinstance(layer, Conv | Local | FullyConnected):
            fields |= _learning(layer, fields, given)
        found[layer.name] = fields
    return found


def _common(layer: Layer, network: Network) -> Fields:
    """What every layer has; its flags are safe ones, with which no layers share memory."""
    weighted = isinstance(layer, Conv | Local | FullyConnected)
    fields: Fields = {
        "name": layer.name,
        "outputs": 0 if isinstance(layer, Loss) else elements(network.shape(layer.name)),
        "actsTarget": -1,
        "actsGradTarget": -1,
        "forceOwnActs": True,
        "gradConsumer": weighted,
        "requiresParams": weighted or isinstance(layer, Norm | Dropout | RandomPool | Loss),
        "usesActs": True,
        "usesInputs": True,
        "gpu": -1 if isinstance(layer, Input) else layer.tower or 0,
        "quantF": DEFAULT,
        "quantB": DEFAULT,
        "conserveMem": 0,
    }
    return fields if isinstance(layer, Input | Loss) else fields | {"neuron": ""}


def _typed(keys: Mapping[str, str], windowed: bool) -> Fields:
    """The values as the parser reads them."""
    found: Fields = {}
    for key, text in keys.items():
        if key in LISTS and (windowed or key not in WHOLE):
            found[key] = [LISTS[key](part) for part in text.split(",")]
        elif key not in ELSEWHERE:
            found[key] = SINGLE.get(key, int)(text)
    return found


def _compute(layer: Layer, fields: Fields, network: Network) -> None:
    """What the parser works out, in place."""
    shapes = network.inputs_of(layer)
    match layer:
        case Conv() | Local():
            fields |= _windows(layer, network)
        case FullyConnected():
            fields["weightsPerFilter"] = [elements(shape) for shape in shapes]
        case Activation():
            fields["neuron"] = _neuron(layer)
        case Concat():
            sizes = [elements(shape) for shape in shapes]
            fields["copyOffsets"] = [sum(sizes[:index]) for index in range(len(sizes))]
        case SubsetSoftmaxLoss():
            fields["numOut"] = elements(shapes[1])
        case _:
            pass
    if isinstance(layer, Pool | Norm | PictureTransform):
        side, outputs = shapes[0][1], network.shape(layer.name)[1]
        fields |= {"imgSize": side, "imgPixels": side * side}
        if isinstance(layer, Norm):
            divisor = layer.size if isinstance(layer, CrossMapNorm) else layer.size**2
            fields |= {"blocked": fields.get("blocked", False), "scale": layer.alpha / divisor}
        elif isinstance(layer, PictureTransform):
            fields |= _transform(layer, side, outputs)
        else:
            fields |= {"outputsX": outputs, "start": fields.get("start", 0)}


def _windows(layer: Conv | Local, network: Network) -> Fields:
    """A convolution's sizes; padding is stored negated, filters are those of all groups."""
    shapes, kernels = network.inputs_of(layer), layer.kernels
    seen = [seen_channels(k, shape) for k, shape in zip(kernels, shapes, strict=True)]
    side = network.shape(layer.name)[1]
    return {
        "filters": layer.filters,
        "padding": [-kernel.padding for kernel in kernels],
        "groups": [kernel.groups for kernel in kernels],
        "randSparse": [bool(kernel.connections) for kernel in kernels],
        "filterChannels": seen,
        "filterConns": [list(kernel.connections) for kernel in kernels],
        "overSample": [
            kernel.groups * count // shape[0]
            for kernel, count, shape in zip(kernels, seen, shapes, strict=True)
        ],
        "filterPixels": [kernel.size**2 for kernel in kernels],
        "weightsPerFilter": [c * k.size**2 for c, k in zip(seen, kernels, strict=True)],
        "imgSize": [shape[1] for shape in shapes],
        "imgPixels": [shape[1] ** 2 for shape in shapes],
        "modulesX": side,
        "modules": side * side,
        "initCFunc": "",
    }


def _neuron(layer: Activation) -> Fields:
    return {
        "type": NEURONS[layer.function],
        "params": dict(zip(("a", "b"), layer.parameters, strict=False)),
        "usesActs": True,
        "usesInputs": True,
    }


def _transform(layer: PictureTransform, side: int, outputs: int) -> Fields:
    match layer:
        case Nailbed():
            start = (side - layer.stride * (outputs - 1)) // 2
            return {"outputsX": outputs, "start": start}
        case Blur():
            distances = np.arange(layer.size) - layer.size // 2
            taps = np.exp(-(distances**2) / (2 * layer.deviation**2))
            return {"filter": (taps / taps.sum()).astype(np.float32).reshape(1, -1)}
        case ColourTransform():
            return {"channels": 3}
        case Resize() | RandomScale():
            return {"tgtSize": outputs, "tgtPixels": outputs * outputs}
        case Reflection():
            return {}
        case _:
            assert_never(layer)


def _learning(layer: Conv | Local | FullyConnected, fields: Fields, rules: LearningRules) -> Fields:
    """How the layer starts and learns, with the values of keys that its sections leave out."""
    count = len(layer.reads)
    own = next(one for one in rules.layers if one.layer == layer.name)
    owners = [i if isinstance(i, Shared) else None for i in initials(layer)]
    zeros = [0.0] * count
    balls = [weights.ball for weights in own.weights]
    sizes = cast("list[int]", fields["weightsPerFilter"])
    limits = {"wcNormMin": zeros, "wcNormMax": zeros} if isinstance(layer, Conv) else {}
    return {
        **{key: fields.get(key, value) for key, value in {"initB": 0.0, **limits}.items()},
        "initWFunc": "",
        "initBFunc": "",
        "weightSource": [f"{o.layer}[{o.index}]" if o else "" for o in owners],
        "weightSourceLayers": [o.layer if o else "" for o in owners],
        "weightSourceMatrixIndices": [o.index if o else -1 for o in owners],
        "wball": balls,
        "wballNormed": [ball * size for ball, size in zip(balls, sizes, strict=True)],
        "superEps": 0.0,
        "superMom": 0.0,
        "schedW": _schedule(own.weights[0].schedule),
        "schedB": _schedule(own.bias_schedule),
    }


def _schedule(rates: RateSchedule) -> Fields:
    if rates.kind == "constant":
        return DEFAULT
    arguments: Fields = {"tgtFactor": rates.factor, "noiseStdev": rates.noise}
    if rates.kind in ("dexp", "jdexp"):
        arguments["numSteps"] = rates.stages
    return {"type": rates.kind, "params": arguments}
