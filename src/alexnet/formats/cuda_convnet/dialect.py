"""Which of the three releases a pair of files is written for, and which keys each release knows. It
reads no value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from alexnet.formats.cuda_convnet.document import Document, Section
from alexnet.formats.cuda_convnet.rules import Dialect

DIALECTS: Mapping[str, Dialect] = {"1": "cuda-convnet", "2": "2012", "3": "cuda-convnet2"}
"""The digits by which the tables below name the releases."""

Keys = Mapping[str, str]
"""Keys as the original parsers spell them, and the digits of the releases that know them; the keys
of a type that only one release has are known wherever the type stands."""

EVERY: Keys = {"type": "123", "inputs": "123", "neuron": "123", "gpu": "23"}
WEIGHTS: Keys = dict.fromkeys(("initW", "initB", "initWFunc", "initBFunc", "weightSource"), "123")
WINDOWS = ("channels", "padding", "stride", "filterSize", "filters", "groups", "initCFunc")
WINDOWED: Keys = {
    **WEIGHTS,
    **dict.fromkeys((*WINDOWS, "sharedBiases"), "123"),
    **dict.fromkeys(("randSparse", "filterChannels", "partialSum"), "12"),
    **dict.fromkeys(("sumWidth", "modulesX"), "3"),
}
DENSE: Keys = {**WEIGHTS, "outputs": "123"}
NORM: Keys = dict.fromkeys(("channels", "size", "blocked"), "123")
COST: Keys = {"children": "3"}

DEFINITION_KEYS: Mapping[str, Keys] = {
    "data": {"dataIdx": "123", "start": "3", "end": "3"},
    "conv": WINDOWED,
    "local": WINDOWED,
    "fc": DENSE,
    "treefc": DENSE,
    "softmax": {},
    "eltsum": {"coeffs": "12"},
    "eltmax": {},
    "neuron": {},
    "pool": {
        **dict.fromkeys(("channels", "sizeX", "start", "stride", "outputsX", "pool"), "123"),
        "sum": "3",
    },
    "cmpool": dict.fromkeys(("channels", "size", "start", "stride", "outputs", "pool"), "123"),
    "rnorm": NORM,
    "cnorm": NORM,
    "cmrnorm": NORM,
    "nailbed": dict.fromkeys(("channels", "stride"), "123"),
    "blur": dict.fromkeys(("channels", "filterSize", "stdev"), "123"),
    "href": {"channels": "123"},
    "resize": dict.fromkeys(("channels", "scale"), "123"),
    "rgb2yuv": {"channels": "123"},
    "rgb2lab": {"channels": "123", "center": "123"},
    "rscale": dict.fromkeys(("channels", "maxScale", "tgtSize"), "123"),
    "concat": {},
    "pass": {},
    "hs": {"keep": "123"},
    "dropout": {},
    "dropout2": {},
    "cost.logreg": COST,
    "cost.crossent": COST,
    "cost.crossent2": COST,
    "cost.ce": COST,
    "cost.bce": COST,
    "cost.sum2": COST,
    "cost.gsum2": COST,
    "cost.rflickr": COST,
    "cost.msm": COST,
    "cost.tica": {**COST, "channels": "123", "sizeX": "123"},
}
"""For every type that is read, the keys of its section in the definition, beside `EVERY`."""

EVERY_PARAMETER: Keys = {"dropout": "1", "quantF": "2", "quantB": "2"}
RATES: Keys = dict.fromkeys(("epsW", "epsB", "momW", "momB", "wc"), "123") | {
    **dict.fromkeys(("wball", "superEps", "superMom"), "23"),
    **dict.fromkeys(("schedW", "schedB", "sched"), "2"),
    "updatePeriod": "3",
}
SCALES: Keys = {"scale": "123", "pow": "123", "minDiv": "3"}
KEEP: Keys = {"enable": "123", "keep": "123"}
COSTS: Keys = {"coeff": "123"}

PARAMETER_KEYS: Mapping[str, Keys] = {
    "conv": {**RATES, "wcNormMin": "23", "wcNormMax": "23"},
    "local": RATES,
    "fc": RATES,
    "treefc": RATES,
    "eltsum": {"coeffs": "3"},
    "pool": {"doMax": "2"},
    "rnorm": SCALES,
    "cnorm": SCALES,
    "cmrnorm": {**SCALES, "minDiv": "23"},
    "hs": {"enable": "123"},
    "dropout": KEEP,
    "dropout2": KEEP,
    "cost.logreg": {**COSTS, "topk": "23"},
    "cost.crossent": COSTS,
    "cost.crossent2": COSTS,
    "cost.ce": COSTS,
    "cost.bce": {**COSTS, "posWeight": "123"},
    "cost.sum2": COSTS,
    "cost.gsum2": COSTS,
    "cost.rflickr": COSTS,
    "cost.msm": {**COSTS, "setSize": "123", "threads": "123"},
    "cost.tica": COSTS,
}
"""For types that have any, the keys of a layer's section in the parameters."""

NEVER_RELEASED = {
    "crop": "a window of a picture",
    "sum": "sums of neighbouring units",
    "sfc": "fully-connected in parts",
    "cost.dce": "a cost of detections",
}
"""Types of cuda-convnet2's parser that no released definition uses."""

OLD_NAMES: Mapping[str, Mapping[str, str]] = {
    "conv": {"numfilters": "filters"},
    "local": {"numfilters": "filters"},
    "fc": {"numoutputs": "outputs"},
    "pool": {"subsx": "sizex"},
    **dict.fromkeys(("rnorm", "cnorm", "cmrnorm"), {"sizex": "size"}),
}
"""What the keys were called before the first release (cuda-convnet's early history)."""

SECOND_TYPES = {"dropout", "dropout2", "cmpool", "pass", *NEVER_RELEASED, "cost.ce", "cost.bce"}
SECOND_KEYS = {"sumwidth", "modulesx", "parts", "children", "updateperiod", "posweight"}
OWN_TYPES = {"hs", "treefc", "cost.crossent", "cost.crossent2", "cost.msm", "cost.gsum2"} | {
    "cost.tica",
    "cost.rflickr",
}
OWN_KEYS = {"schedw", "schedb", "sched", "quantf", "quantb", "domax", "setsize"}
LATER_TYPES = {"concat", "href"}
LATER_KEYS = {"gpu", "topk", "mindiv", "wball", "wcnormmin", "wcnormmax", "supereps", "supermom"}
"""What only cuda-convnet2 has, only the code of 2012, and only those two."""


def find_dialect(definition: Document, parameters: Document | None) -> tuple[Dialect, str]:
    """The release that a pair of files is written for, by the types and keys that only one has;
    and a sentence where they are mixed, else "".
    """
    found = Counter[str]()
    seen = {mark for document in (definition, parameters) if document for mark in _marks(document)}
    for digit, _ in seen:
        found[digit] += 1
    if found["3"] and found["3"] >= found["2"]:
        digit = "3"
    elif found["2"] or (found["later"] and not found["3"]):
        digit = "2"
    else:
        digit = "1"
    dialect = DIALECTS[digit]
    if not (found["2"] and found["3"]):
        return dialect, ""
    foreign = sorted(what for mark, what in seen if mark == ("2" if digit == "3" else "3"))
    return dialect, f"read as {dialect}, though it also has what only another has: " + ", ".join(
        foreign[:6]
    )


def _marks(document: Document) -> Iterable[tuple[str, str]]:
    """What tells one release from another, with the digit of the one that has it."""
    for section in document.sections:
        kind = _value(section, "type")
        for digit, types in (("3", SECOND_TYPES), ("2", OWN_TYPES), ("later", LATER_TYPES)):
            if kind in types:
                yield digit, f"type {kind}"
        for digit, keys in (("3", SECOND_KEYS), ("2", OWN_KEYS), ("later", LATER_KEYS)):
            yield from ((digit, key) for key in keys if key in section.entries)
        if "," in _value(section, "gpu"):
            yield "3", "a list of GPUs"
        if "[" in _value(section, "epsw") + _value(section, "epsb"):
            yield "3", "a schedule in epsW"
        for own, key in (("pool", "sum"), ("data", "start"), ("data", "end")):
            if kind == own and key in section.entries:
                yield "3", key
        if _value(section, "neuron").startswith("log["):
            yield "3", "neuron log"
        if _value(section, "neuron").startswith(("nrelu", "drelu")):
            yield "later", "neurons"
        if kind == "pool" and _value(section, "pool") == "rand":
            yield "2", "pool rand"


def _value(section: Section, key: str) -> str:
    entry = section.entries.get(key)
    return "" if entry is None else entry.value.strip()
