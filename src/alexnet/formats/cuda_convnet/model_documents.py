"""The definition and the parameter file that a pickled model stands for, value by value as its
original parsers read them; `reader` makes a network of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from alexnet.formats.cuda_convnet.dialect import (
    DEFINITION_KEYS,
    DIALECTS,
    EVERY_PARAMETER,
    PARAMETER_KEYS,
)
from alexnet.formats.cuda_convnet.document import Document, Entry, Section
from alexnet.formats.cuda_convnet.model_layers import MOST_VALUES, ModelLayer
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.formats.safe_pickle import is_dict, is_list, is_tuple, text, told

ARGUMENTS = ("base", "tgtFactor", "noiseStdev", "numSteps")
"""The arguments of a schedule, in the order in which the parsers want them."""

COMPUTED = frozenset(("outputs", "modulesX", "outputsX", "start", "end", "gpu", "weightSource"))
"""Keys of a file whose fields hold what the parser made of them."""

Keys = dict[str, str]


def model_documents(
    layers: Sequence[ModelLayer], dialect: Dialect, where: str
) -> tuple[Document, Document]:
    """The two files as documents.

    Padding is positive again, filters are counted per group, and scales multiplied by what the
    parser divided them by. Neuron layers that a `neuron=` became are folded into it. Every line
    is 0: there are no lines.

    Raises:
        FormatError: names the layer and the field, what it holds, and what it must be.
    """
    neurons = folded_neurons(layers)
    above = {source: neuron for neuron, source in neurons.items()}
    by_name = {layer.name: layer for layer in layers}
    digit = next(digit for digit, name in DIALECTS.items() if name == dialect)
    definition: list[Section] = []
    parameters: list[Section] = []
    for layer in layers:
        learned = _parameter_keys(layer, digit)
        if learned:
            parameters.append(_section(layer.name, learned))
        if layer.name in neurons:
            continue
        keys = {"type": layer.kind} | _definition_keys(layer, digit, layers)
        if layer.kind != "data":
            keys["inputs"] = ",".join(neurons.get(read, read) for read in layer.reads)
        if layer.name in above:
            keys["neuron"] = _neuron(by_name[above[layer.name]])
        elif layer.kind == "neuron" or is_dict(layer.fields.get("neuron")):
            keys["neuron"] = _neuron(layer)
        definition.append(_section(layer.name, keys))
    return Document(f"{where} layer", tuple(definition)), Document(
        f"{where} layer", tuple(parameters)
    )


def folded_neurons(layers: Sequence[ModelLayer]) -> dict[str, str]:
    """The neuron layers that a `neuron=` of the layer below them became, each with that layer.

    The parser calls one `<layer>_neuron`, puts it where the layer is, and makes all that read the
    layer read it instead (layer.py, `detach_neuron_layer`).
    """
    by_name = {layer.name: layer for layer in layers}
    readers = Counter(read for layer in layers for read in set(layer.reads))
    found: dict[str, str] = {}
    for layer in layers:
        below = by_name[layer.reads[0]] if len(layer.reads) == 1 else None
        if (
            layer.kind == "neuron"
            and below is not None
            and below.kind not in ("neuron", "data")
            and text(below.fields.get("neuron"))
            and layer.name == f"{below.name}_neuron"
            and readers[below.name] == 1
            and layer.gpus() == below.gpus()
        ):
            found[layer.name] = below.name
    return found


def _section(name: str, keys: Mapping[str, str]) -> Section:
    return Section(name, 0, {key.lower(): Entry(value, 0) for key, value in keys.items()})


def _definition_keys(layer: ModelLayer, digit: str, layers: Sequence[ModelLayer]) -> Keys:
    """The keys of a layer's section, as its release writes them."""
    known = DEFINITION_KEYS.get(layer.kind, {})
    keys: Keys = {}
    sparse = layer.has("randSparse") and any(layer.flags("randSparse"))
    for key, digits in known.items():
        if digit not in digits or key in COMPUTED or not layer.has(key):
            continue
        if key in ("randSparse", "filterChannels") and not sparse:
            continue
        match key:
            case "padding":
                keys[key] = _listed(-padding for padding in layer.wholes(key))
            case "filters":
                keys[key] = _listed(_filters_of_a_group(layer))
            case "initWFunc" | "initBFunc" | "initCFunc" | "children":
                if written := _written(layer, key):
                    keys[key] = written
            case _:
                keys[key] = _written(layer, key)
    return keys | _computed_keys(layer, known, digit) | _weight_sources(layer, layers) | _gpu(layer)


def _computed_keys(layer: ModelLayer, known: Mapping[str, str], digit: str) -> Keys:
    """What the parser worked out, only where the file must have said it otherwise."""
    if layer.kind == "fc":
        return {"outputs": _written(layer, "outputs")}
    if layer.kind == "cmpool":
        return {"outputs": _written(layer, "outputChannels"), "start": _written(layer, "start")}
    if layer.kind == "data" and digit == "3":
        start = layer.whole("start") if layer.has("start") else 0
        return {"start": str(start), "end": str(start + layer.whole("outputs"))}
    if layer.kind == "pool":
        keys = {"start": _written(layer, "start")} if layer.has("start") else {}
        return keys if _windows_by_rule(layer) else keys | {"outputsX": _written(layer, "outputsX")}
    if "modulesX" in known and digit == "3" and not _modules_by_rule(layer):
        return {"modulesX": _written(layer, "modulesX")}
    return {}


def _windows_by_rule(layer: ModelLayer) -> bool:
    """Whether a pool has as many windows as the rule gives (semantics file, section 3)."""
    if not all(layer.has(key) for key in ("outputsX", "imgSize", "sizeX", "stride")):
        return not layer.has("outputsX")
    start = layer.whole("start") if layer.has("start") else 0
    span = layer.whole("imgSize") - start - layer.whole("sizeX")
    return layer.whole("outputsX") == 1 - (-span // _step(layer, layer.whole("stride")))


def _modules_by_rule(layer: ModelLayer) -> bool:
    """Whether windows lie where the rule puts them (semantics file, section 2)."""
    if not all(layer.has(key) for key in ("modulesX", "imgSize", "filterSize", "stride")):
        return not layer.has("modulesX")
    paddings = layer.wholes("padding") if layer.has("padding") else [0] * len(layer.reads)
    lengths = zip(
        paddings, layer.wholes("imgSize"), layer.wholes("filterSize"), layer.wholes("stride"),
        strict=True,
    )  # fmt: skip
    counts = {
        1 - (-(image - 2 * p - size) // _step(layer, step)) for p, image, size, step in lengths
    }
    return counts == {layer.whole("modulesX")}


def _step(layer: ModelLayer, stride: int) -> int:
    if stride < 1:
        raise layer.wrong("stride", "1 or more")
    return stride


def _filters_of_a_group(layer: ModelLayer) -> list[int]:
    groups = layer.wholes("groups") if layer.has("groups") else [1] * len(layer.reads)
    total = layer.whole("filters")
    for count in groups:
        if count < 1 or total % count:
            raise layer.wrong("groups", f"numbers that divide its {total} filters")
    return [total // count for count in groups]


def _weight_sources(layer: ModelLayer, layers: Sequence[ModelLayer]) -> Keys:
    """`weightSource` from the names, or cuda-convnet's numbers, of the layers that it became."""
    key = "weightSourceLayers" if layer.has("weightSourceLayers") else "weightSourceLayerIndices"
    if not layer.has(key):
        return {}
    found: list[str] = []
    for owner, index in zip(
        layer.items(key), layer.wholes("weightSourceMatrixIndices"), strict=True
    ):
        if owner in ("", -1) if isinstance(owner, str | int) else False:
            found.append("")
        elif isinstance(owner, int) and 0 <= owner < len(layers):
            found.append(f"{layers[owner].name}[{index}]")
        elif (name := text(owner)) is not None:
            found.append(f"{name}[{index}]")
        else:
            raise layer.wrong(key, "layers of the model")
    return {"weightSource": ",".join(found)} if any(found) else {}


def _gpu(layer: ModelLayer) -> Keys:
    """-1 is that of data, which is on none."""
    value = layer.fields.get("gpu")
    if value is None or layer.kind == "data":
        return {}
    return {"gpu": _written(layer, "gpu")}


def _parameter_keys(layer: ModelLayer, digit: str) -> Keys:
    """The keys of a layer's section in the parameter file, as its release writes them."""
    keys: Keys = {}
    for key, digits in {**PARAMETER_KEYS.get(layer.kind, {}), **EVERY_PARAMETER}.items():
        if digit not in digits or not layer.has(key):
            continue
        match key:
            case "scale":
                keys[key] = _scale(layer)
            case "epsW" | "epsB" | "schedW" | "schedB":
                keys[key] = _rates(layer, key)
            case "quantF" | "quantB" | "dropout" | "superEps" | "superMom":
                if _says_something(layer.fields[key]):
                    keys[key] = _rates(layer, key)
            case _:
                keys[key] = _written(layer, key)
    return keys


def _says_something(value: object) -> bool:
    """Not 0, and not the scheme `default`."""
    if is_dict(value):
        return text(value.get("type")) != "default"
    return not isinstance(value, int | float) or value != 0


def _scale(layer: ModelLayer) -> str:
    """The scale before the parser divided it by the window: the shortest that comes to the same."""
    size = layer.whole("size")
    divisor = size if layer.kind == "cmrnorm" else size * size
    stored = layer.number("scale")
    if not 0 < divisor <= 10**6 or not math.isfinite(stored):
        raise layer.wrong("scale", "a number, and 'size' that of a window")
    for digits in range(1, 18):
        written = f"{stored * divisor:.{digits}g}"
        if float(written) / divisor == stored:
            return written
    return repr(stored * divisor)


def _rates(layer: ModelLayer, key: str) -> str:
    """Numbers, or schedules with their arguments: commas between them in 2012, semicolons later."""
    value = layer.fields[key]
    if is_list(value) or is_tuple(value):
        if len(value) > MOST_VALUES:
            raise layer.wrong(key, "one rate for each input")
        return ",".join(_rate(layer, key, item, ";") for item in value)
    return _rate(layer, key, value, "," if key.startswith("sched") else ";")


def _rate(layer: ModelLayer, key: str, value: object, comma: str) -> str:
    if not is_dict(value):
        return _value(layer, key, value)
    kind, given = text(value.get("type")), value.get("params")
    if kind is None or not is_dict(given) or not all(name in ARGUMENTS for name in given):
        raise layer.error(f"'{key}' is {told(value)}; it must be a schedule with its arguments")
    arguments = [f"{name}={_value(layer, key, given[name])}" for name in ARGUMENTS if name in given]
    return f"{kind}[{comma.join(arguments)}]" if arguments else kind


def _neuron(layer: ModelLayer) -> str:
    """relu, or tanh[1.5,2] without exponents, which the parsers do not read between brackets."""
    value = layer.fields.get("neuron")
    if not is_dict(value):
        return layer.words("neuron")
    kind, given = text(value.get("type")), value.get("params")
    if kind is None or not is_dict(given):
        raise layer.wrong("neuron", "a function with its parameters")
    found: dict[str, float] = {}
    for name, number in given.items():
        known = text(name)
        if known is None or not isinstance(number, int | float) or not abs(number) < 1e30:
            raise layer.wrong("neuron", "a function with numbers for parameters")
        found[known] = float(number)
    numbers = [f"{Decimal(repr(found[name])):f}" for name in sorted(found)]
    return f"{kind}[{','.join(numbers)}]" if numbers else kind


def _written(layer: ModelLayer, key: str) -> str:
    value = layer.fields.get(key)
    if is_list(value) or is_tuple(value):
        if len(value) > MOST_VALUES:
            raise layer.wrong(key, "one value for each input")
        return _listed(_value(layer, key, item) for item in value)
    return _value(layer, key, value)


def _value(layer: ModelLayer, key: str, value: object) -> str:
    match value:
        case bool():
            return str(int(value))
        case int() if value.bit_length() <= 60:
            return str(value)
        case float():
            return repr(value).removesuffix(".0")
        case str() | bytes() if len(value) <= MOST_VALUES:
            return text(value) or ""
        case _:
            raise layer.error(f"'{key}' holds {told(value)}; it must hold numbers or text")


def _listed(values: Iterable[object]) -> str:
    return ",".join(map(str, values))
