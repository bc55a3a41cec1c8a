"""Reconciling other tools: what torchinfo, fvcore, ptflops, thop and calflops report for a Network,
and by which of the rules in tool_rules each gets there. It runs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from alexnet.network.arithmetic import multiply_adds, parameters
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Shared,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    Weighted,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import initials
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, NetworkError
from alexnet.network.tool_rules import RULES, Measure, Part, ToolRule
from alexnet.network.towers import fold


@dataclass(frozen=True, slots=True)
class Contribution:
    """What all layers of one part add to a number, with its arithmetic."""

    part: Part
    count: int
    sentence: str


@dataclass(frozen=True, slots=True)
class ToolCount:
    """What a tool reports for one picture.

    Attributes:
        tool, version, quantity, file, sentence: of the rule.
        value: the number, to the unit.
        contributions: what it is the sum of; parts that the network lacks or that count nothing
            are left out.
        idle_pool: how much more it is where the module holds torchvision's idle adaptive pool
            before its first linear layer.
    """

    tool: str
    version: str
    quantity: str
    file: str
    sentence: str
    value: int
    contributions: tuple[Contribution, ...]
    idle_pool: int


def tool_counts(network: Network) -> tuple[ToolCount, ...]:
    """What each tool reports for `network`, written as plain torch modules.

    Towers are folded into groups first; losses stay outside of the module. A response norm in
    groups is one LocalResponseNorm for each.

    Raises:
        NetworkError: a layer that no plain torch module says, or towers that cannot be folded.
    """
    whole = fold(network)[0] if network.towers else network
    measures: dict[Part, dict[Measure, int]] = {}
    for layer in whole:
        part = _part(layer, whole)
        if part is not None:
            _add(measures.setdefault(part, {}), _measures(layer, whole))
    idle = _idle_pool(whole)
    return tuple(_count(rule, measures, idle) for rule in RULES)


def _add(sums: dict[Measure, int], more: Mapping[Measure, int]) -> None:
    for measure, count in more.items():
        sums[measure] = sums.get(measure, 0) + count


def _count(
    rule: ToolRule, measures: Mapping[Part, Mapping[Measure, int]], idle: Mapping[Measure, int]
) -> ToolCount:
    found: list[Contribution] = []
    for part, rate in rule.rates.items():
        if part in measures:
            terms = [(times, measure, measures[part][measure]) for measure, times in rate.items()]
            count = sum(times * number for times, _, number in terms)
            found.append(Contribution(part, count, _sentence(terms)))
    extra = sum(times * idle[x] for x, times in rule.rates.get("idle-pool", {}).items())
    return ToolCount(
        rule.tool,
        rule.version,
        rule.quantity,
        rule.file,
        rule.sentence,
        sum(x.count for x in found),
        tuple(found),
        extra,
    )


def _sentence(terms: Sequence[tuple[int, str, int]]) -> str:
    """'2 · 1,000 numbers read + 4 layers'."""
    said = ""
    for times, measure, number in terms:
        sign = " − " if times < 0 else " + " if said else ""
        factor = f"{abs(times)} · " if abs(times) != 1 else ""
        said += f"{sign}{factor}{number:,} {measure}"
    return said


def _measures(layer: Layer, network: Network) -> dict[Measure, int]:
    """Everything of one layer that a rule may count."""
    channels, rows, columns = network.shape(layer.name)
    biased = isinstance(layer, Conv | FullyConnected) and layer.bias != "none"
    norm = layer if isinstance(layer, CrossMapNorm) else None
    return {
        "multiply-adds": multiply_adds(layer, network).value,
        "biases added": channels * rows * columns if biased else 0,
        "parameters": sum(p.count for p in parameters(layer, network)),
        "numbers read": sum(elements(shape) for shape in network.inputs_of(layer)),
        "numbers written": channels * rows * columns,
        "numbers of margin": norm.groups * (norm.size - 1) * rows * columns if norm else 0,
        "layers": 1,
    }


def _idle_pool(network: Network) -> dict[Measure, int]:
    """The measures of an adaptive pool before the first linear layer, if that reads maps."""
    for layer in network:
        if isinstance(layer, FullyConnected):
            shape = network.inputs_of(layer)[0]
            count = elements(shape) if shape[1:] != (1, 1) else 0
            return {"numbers read": count, "numbers written": count}
    return {"numbers read": 0, "numbers written": 0}


def _part(layer: Layer, network: Network) -> Part | None:
    """As what the tools see a layer; None for what stands outside of the module."""
    match layer:
        case Input() | LogisticLoss() | CrossEntropyLoss():
            return None
        case BinaryCrossEntropyLoss() | SubsetSoftmaxLoss():
            return None
        case SumOfSquaresLoss() | GatedSumOfSquaresLoss() | RobustLoss():
            return None
        case Conv():
            _require(len(layer.kernels) == 1, layer, network, "Conv2d reads one input")
            _require(layer.bias != "unshared", layer, network, "Conv2d shares its biases")
            dealt = not layer.kernels[0].connections
            _require(dealt, layer, network, "Conv2d deals its channels out in order")
            _require_own_weights(layer, network)
            return "convolution"
        case FullyConnected():
            _require(len(layer.reads) == 1, layer, network, "Linear reads one input")
            _require(layer.groups == 1, layer, network, "Linear has no groups")
            _require_own_weights(layer, network)
            return "linear"
        case Activation():
            return _activation(layer, network)
        case MaxPool():
            largest = not layer.by_magnitude
            _require(largest, layer, network, "MaxPool2d takes no value by its magnitude")
            return "max-pool"
        case AveragePool():
            return "average-pool"
        case CrossMapNorm():
            _require(not layer.blocked, layer, network, "LocalResponseNorm's window slides")
            return "response-norm"
        case Dropout():
            return "dropout"
        case Softmax():
            return "softmax"
        case Local() | TreeConnected() | WithinMapNorm() | ContrastNorm():
            _refuse_kind(layer, network)
        case Concat() | ElementwiseSum() | ElementwiseMax() | RandomPool() | CrossMapPool():
            _refuse_kind(layer, network)
        case Blur() | Nailbed() | Resize() | RandomScale() | Reflection() | ColourTransform():
            _refuse_kind(layer, network)
        case _:
            assert_never(layer)
    return None


def _activation(layer: Activation, network: Network) -> Part:
    """Hardtanh, Softplus, Sigmoid, Tanh, Tanhshrink and Identity are alike to every tool."""
    match layer.function, layer.parameters:
        case "relu", _:
            return "relu"
        case "bounded-relu", (6.0,):
            return "relu6"
        case (("bounded-relu" | "soft-relu" | "logistic" | "identity"), _):
            return "activation"
        case ("tanh", (1.0, 1.0)) | ("soft-threshold", (1.0,)):
            return "activation"
        case _:
            said = ", ".join(map(str, (layer.function, *layer.parameters)))
            _require(False, layer, network, f"torch has no module for the function {said}")
    return "activation"


def _require_own_weights(layer: Weighted, network: Network) -> None:
    """Tools disagree on whether a parameter of two modules counts twice."""
    own = not any(isinstance(initial, Shared) for initial in initials(layer))
    _require(own, layer, network, "its weights are another module's")


def _refuse_kind(layer: Layer, network: Network) -> None:
    _require(False, layer, network, f"torch has no module for a {layer.kind} layer")


def _require(condition: bool, layer: Layer, network: Network, sentence: str) -> None:
    if not condition:
        raise NetworkError(
            f"network '{network.name}', layer '{layer.name}': {sentence}, so that no tool counts it"
            " as it stands; take it out or write it otherwise"
        )


def as_tree(counts: tuple[ToolCount, ...]) -> list[dict[str, object]]:
    """The counts as a JSON tree with stable keys."""
    return [
        {
            "tool": count.tool,
            "version": count.version,
            "quantity": count.quantity,
            "value": count.value,
            "with_idle_pool": count.value + count.idle_pool,
            "rule": count.sentence,
            "file": count.file,
            "contributions": [
                {"part": x.part, "count": x.count, "why": x.sentence} for x in count.contributions
            ],
        }
        for count in counts
    ]
