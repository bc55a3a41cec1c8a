"""The dicts of a model as another release keeps them: cuda-convnet's list and cuda-convnet2's
schedules. What a release cannot say is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.dialect import LATER_TYPES, OWN_TYPES
from alexnet.formats.cuda_convnet.model_fields import DEFAULT, Fields
from alexnet.formats.cuda_convnet.rules import Dialect, LayerRules, LearningRules
from alexnet.formats.safe_pickle import is_dict, is_list, told

RENAMED = {"hs": "dropout2", "cost.crossent": "cost.ce", "cost.crossent2": "cost.bce"}
"""Types of 2012 that cuda-convnet2 has under another name (semantics file, sections 7 and 10)."""

OUTPUT_FILTER = "lambda costs,num_cases: [c/num_cases for c in costs]"
"""What cuda-convnet2 keeps of every cost, and evaluates."""

FIRST_POOLS, FIRST_COSTS = ("max", "avg"), ("cost.logreg", "cost.sum2")
LATER_NEURONS = ("nrelu", "drelu")
LATER_ONLY = ("wball", "wballNormed", "superEps", "superMom", "wcNormMin", "wcNormMax", "topk")


def in_words_of_2012(rules: LearningRules | None, kind: Dialect) -> LearningRules | None:
    """The rules without what only cuda-convnet2 says, where it is that which is written;
    `for_release` says it.
    """
    if rules is None or not rules.dialect == kind == "cuda-convnet2":
        return rules
    layers = tuple(replace(own, update_period=1) for own in rules.layers)
    return LearningRules(dialect="2012", layers=layers)


def for_release(
    layers: Mapping[str, Fields], kind: Dialect, rules: LearningRules | None = None
) -> object:
    """What stands as `layers` in a model of that release; the given dicts are changed.

    Raises:
        FormatError: a layer has what the release does not know.
    """
    match kind:
        case "2012":
            return dict(layers)
        case "cuda-convnet2":
            own = {one.layer: one for one in rules.layers} if rules else {}
            limits = rules is None or rules.dialect == "cuda-convnet2"
            for place, fields in enumerate(layers.values()):
                if not limits and any(_listed(fields, "wball")):
                    raise _refuse(fields, kind, "its wball sets a norm where 2012's limits it")
                _second(fields, place, own.get(str(fields["name"])))
            return dict(layers)
        case "cuda-convnet":
            places = {name: place for place, name in enumerate(layers)}
            for fields in layers.values():
                _first(fields, places)
            return list(layers.values())


def _refuse(fields: Fields, kind: Dialect, what: str) -> FormatError:
    return FormatError(f"layer '{fields['name']}' cannot be written for {kind}: {what}")


def _second(fields: Fields, place: int, rules: LayerRules | None) -> None:
    """GPUs are lists, layers are numbered, rates hold schedules (cuda-convnet2's layer.py)."""
    kind = RENAMED.get(str(fields["type"]), str(fields["type"]))
    if kind in OWN_TYPES or fields.get("pool") == "rand":
        raise _refuse(fields, "cuda-convnet2", f"it has no {kind} of this sort")
    if any(_listed(fields, "randSparse")):
        raise _refuse(fields, "cuda-convnet2", "it has no sparse connections")
    gpu = fields["gpu"]
    fields |= {"type": kind, "id": place, "gpu": [gpu], "gpus": str(gpu), "numReplicas": 1}
    for key in ("quantF", "quantB", "conserveMem", "randSparse", "filterConns", "overSample"):
        fields.pop(key, None)
    if kind == "data":
        fields |= {"start": 0, "end": fields["outputs"]}
    if kind in ("rnorm", "cnorm"):
        fields.setdefault("minDiv", 1.0)
    if kind.startswith("cost."):
        fields |= {"outputFilter": OUTPUT_FILTER, "children": [], "aggregated": False}
    if kind == "cost.bce":
        fields |= {"posWeight": 1.0, "computeSoftmaxErrorRate": True}
    if "partialSum" in fields:
        del fields["partialSum"]
        fields["sumWidth"] = fields["modulesX"]
    if "epsW" in fields:
        weights, biases = fields.pop("schedW"), fields.pop("schedB")
        fields |= {
            "epsW": [_rate(fields, base, weights) for base in _listed(fields, "epsW")],
            "epsB": _rate(fields, fields["epsB"], biases),
            "updatePeriod": rules.update_period if rules else 0,
            "wballNormed": fields["wball"],
        }


def _rate(fields: Fields, base: object, schedule: object) -> Fields:
    """type and params of one rate: its base, and 2012's arguments without the noise."""
    assert is_dict(schedule), "a schedule is a dict"
    kind, arguments = schedule["type"], schedule["params"]
    assert is_dict(arguments), "arguments are a dict"
    if kind == "jdexp" or arguments.get("noiseStdev"):
        what = f"it has no schedule {kind} with noise {told(arguments.get('noiseStdev'))}"
        raise _refuse(fields, "cuda-convnet2", what)
    names = [name for name in ("tgtFactor", "numSteps") if name in arguments]
    params: Fields = {"base": base} | {name: arguments[name] for name in names}
    return {"type": "const" if kind == "default" else str(kind), "params": params}


def _first(fields: Fields, places: Mapping[str, int]) -> None:
    """Inputs are numbers in a list, constants are few (cuda-convnet's layer.py)."""
    kind, neuron = str(fields["type"]), fields.get("neuron")
    costs = kind.startswith("cost.") and kind not in FIRST_COSTS
    if kind in OWN_TYPES | LATER_TYPES or costs or fields.get("pool", "max") not in FIRST_POOLS:
        raise _refuse(fields, "cuda-convnet", f"it has no {kind} of this sort")
    if is_dict(neuron) and neuron["type"] in LATER_NEURONS:
        raise _refuse(fields, "cuda-convnet", f"it has no neuron {neuron['type']}")
    if fields["gpu"] not in (-1, 0):
        raise _refuse(fields, "cuda-convnet", "it runs on one GPU")
    if fields.get("minDiv", 1.0) != 1 or fields.get("topk", 1) != 1:
        raise _refuse(fields, "cuda-convnet", "its norms have a k of 1, its costs a top of 1")
    if any(fields.get(key, DEFAULT) != DEFAULT for key in ("schedW", "schedB")):
        raise _refuse(fields, "cuda-convnet", "its rates are constant")
    if any(number != 0 for key in LATER_ONLY[:6] for number in _listed(fields, key)):
        raise _refuse(fields, "cuda-convnet", "it does not limit weights")
    owners = fields.pop("weightSourceLayers", None)
    if is_list(owners):
        fields["weightSourceLayerIndices"] = [places.get(str(owner), -1) for owner in owners]
    if "inputs" in fields:
        fields["inputs"] = [places[str(read)] for read in _listed(fields, "inputs")]
    for key in ("gpu", "quantF", "quantB", "src_layer", "schedW", "schedB", "minDiv", *LATER_ONLY):
        fields.pop(key, None)
    fields["dropout"] = 0.0


def _listed(fields: Fields, key: str) -> list[object]:
    value = fields.get(key)
    return value if is_list(value) else [] if value is None else [value]
