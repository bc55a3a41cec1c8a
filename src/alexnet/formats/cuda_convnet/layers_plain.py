"""Sections of layers without windows or weights as layers: what is done to pictures, element-wise
functions, dropout, sums, concatenation and the softmax.
"""

from __future__ import annotations

import re
from typing import Literal

from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.cuda_convnet.settings import NUMBER, Settings
from alexnet.formats.cuda_convnet.writer_values import NEURONS
from alexnet.network.layers import (
    Activation,
    Blur,
    ColourTransform,
    Concat,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    Function,
    Layer,
    Nailbed,
    RandomScale,
    Reflection,
    Resize,
    Softmax,
)
from alexnet.network.placement import PARAMETER_COUNT

FUNCTIONS: dict[str, Function] = {word: function for function, word in NEURONS.items()}
FUNCTIONS["log"] = "log"

NEURON = re.compile(r"(\w{1,40})\s*(?:\[([^\]]{0,100})\])?")


def picture_transform(source: Source, build: Build) -> Layer:
    """blur, nailbed, resize, rscale, href, rgb2yuv and rgb2lab (semantics file, section 11)."""
    settings = source.settings
    build.check_reads(source, 1, "one layer")
    if settings.has("channels") or source.kind not in ("rgb2yuv", "rgb2lab"):
        build.check_channels(source, (settings.whole("channels", low=1),))
    common = build.common(source)
    match source.kind:
        case "blur":
            size, deviation = settings.whole("filterSize", low=1), settings.number("stdev")
            return Blur(**common, size=size, deviation=deviation)
        case "nailbed":
            return Nailbed(**common, stride=settings.whole("stride", low=1))
        case "resize":
            return Resize(**common, scale=settings.number("scale"))
        case "rscale":
            maximum, side = settings.number("maxScale"), settings.whole("tgtSize", low=1)
            return RandomScale(**common, maximum=maximum, side=side)
        case "href":
            return Reflection(**common)
        case "rgb2yuv":
            return ColourTransform(**common, space="yuv")
        case _:
            return ColourTransform(**common, space="lab", centred=settings.flag("center", False))


def activation(source: Source, build: Build, name: str, reads: tuple[str, ...]) -> Activation:
    """What `neuron=` says, of a layer of its own or of the layer above which it stands."""
    text = source.settings.needed("neuron")
    function, parameters = read_neuron(text, source.settings)
    return Activation(
        name=name,
        reads=reads,
        tower=build.towers[source.original],
        function=function,
        parameters=parameters,
        source=f"[{source.original}] neuron={shown(text)}",
    )


def read_neuron(text: str, settings: Settings) -> tuple[Function, tuple[float, ...]]:
    """relu, or tanh[1,0.5] (semantics file, section 8)."""
    match = NEURON.fullmatch(text.strip())
    word = match[1] if match else ""
    if match is None or word not in FUNCTIONS:
        raise settings.error(f"known are {_known()}", "neuron")
    wanted = PARAMETER_COUNT.get(FUNCTIONS[word], 0)
    parts = [] if match[2] is None else [part.strip() for part in match[2].split(",")]
    if len(parts) != wanted or (wanted == 0 and match[2] is not None):
        raise settings.error(f"it must be {_form(word)}, with {wanted} numbers", "neuron")
    if not all(NUMBER.fullmatch(part) and abs(float(part)) < 1e30 for part in parts):
        raise settings.error(f"the parameters of {_form(word)} must be numbers", "neuron")
    return FUNCTIONS[word], tuple(map(float, parts))


def _form(word: str) -> str:
    return word + ("", "[a]", "[a,b]")[PARAMETER_COUNT.get(FUNCTIONS[word], 0)]


def _known() -> str:
    return ", ".join(map(_form, sorted(FUNCTIONS)))


def dropout(source: Source, build: Build) -> Dropout:
    """2012's hs keeps its probability in the definition, cuda-convnet2's dropout and dropout2 in
    the parameters (semantics file, section 7).
    """
    build.check_reads(source, 1, "one layer")
    parameters = build.parameters(source, "enable")
    if source.kind == "hs":
        said, keep, enabled = source.settings, source.settings.number("keep"), None
    else:
        said, keep, enabled = parameters, parameters.number("keep", 0.5), True
    if not 0 < keep <= 1:
        raise said.error("it must lie in 0 … 1, without 0", "keep")
    scaling: Literal["train", "test"] = "train" if source.kind == "dropout" else "test"
    enabled = parameters.flag("enable", enabled)
    return Dropout(**build.common(source), keep=keep, scaling=scaling, enabled=enabled)


def dropped(source: Source, build: Build, parameters: Settings) -> Dropout | None:
    """The first release's `dropout=` of any layer: the probability of being dropped, test-time
    scaled (semantics file, section 7); None for 0.
    """
    probability = parameters.number("dropout", 0.0)
    if probability == 0:
        return None
    if not 0 < probability < 1:
        raise parameters.error("it must lie in 0 … 1, without 1", "dropout")
    return Dropout(
        name=build.new_name(source, "dropout"),
        reads=(build.outputs[source.original],),
        tower=build.towers[source.original],
        keep=1 - probability,
        scaling="test",
        source=f"[{parameters.section.name}] dropout={probability:g}",
    )


def combined(source: Source, build: Build) -> Layer:
    """eltsum, eltmax, concat, pass and softmax."""
    common = build.common(source)
    match source.kind:
        case "eltsum":
            return ElementwiseSum(**common, coefficients=_coefficients(source, build))
        case "eltmax":
            return ElementwiseMax(**common)
        case "softmax":
            build.check_reads(source, 1, "one layer")
            return Softmax(**common)
        case _:
            return Concat(**common)


def _coefficients(source: Source, build: Build) -> tuple[float, ...]:
    """`coeffs`, in cuda-convnet2 a key of the parameters."""
    settings = source.settings
    if build.dialect == "cuda-convnet2" and build.files.parameters is not None:
        settings = build.parameters(source, "coeffs")
    return settings.numbers("coeffs", len(source.reads), build.expands, 1.0)
