"""The sections of a 2012 parameter file: how layers with weights learn, the constants of norms and
costs, and what is switched on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from alexnet.formats.cuda_convnet.rules import CONSTANT, LayerRules, LearningRules, WeightRules
from alexnet.formats.cuda_convnet.writer_values import Written, listed, number, schedule
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
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.spec import Network

Keys = list[tuple[str, str]]

START = WeightRules(lr=0.01, momentum=0.9, weight_decay=0.0005)
START_BIAS_LR, START_BIAS_MOMENTUM = 0.02, 0.9
"""Where most runs in the notebook of 2012 start."""


def start_rules(network: Network) -> LearningRules:
    """The rules that every layer with weights has at the start of most runs of 2012."""
    layers = tuple(
        LayerRules(
            layer=layer.name,
            weights=(START,) * len(layer.reads),
            bias_lr=START_BIAS_LR,
            bias_momentum=START_BIAS_MOMENTUM,
        )
        for layer in network
        if isinstance(layer, Conv | Local | FullyConnected | TreeConnected)
    )
    return LearningRules(dialect="2012", layers=layers)


def parameter_sections(network: Network, rules: LearningRules) -> tuple[Written, ...]:
    """One section for each layer that the original parser wants one for, in the network's order.

    `rules` must name every layer with weights (`writer_refusals` sees to it).
    """
    by_layer = {layer_rules.layer: layer_rules for layer_rules in rules.layers}
    sections = list[Written]()
    for layer in network:
        keys = _keys(layer, by_layer.get(layer.name))
        if keys:
            sections.append(Written(layer.name, tuple(keys)))
    return tuple(sections)


def _keys(layer: Layer, rules: LayerRules | None) -> Keys:
    match layer:
        case Conv() | Local() | FullyConnected() | TreeConnected():
            assert rules is not None, "rules that lack a layer are refused before"
            return _learning(rules)
        case CrossMapNorm():
            keys = [("scale", number(layer.alpha)), ("pow", number(layer.beta))]
            return [*keys, ("minDiv", number(layer.k))]
        case WithinMapNorm() | ContrastNorm():
            return [("scale", number(layer.alpha)), ("pow", number(layer.beta))]
        case Dropout():
            return [("enable", "true" if layer.enabled else "false")]
        case RandomPool():
            return [("doMax", "false")]
        case LogisticLoss():
            return [("coeff", number(layer.coefficient)), ("topk", str(layer.top))]
        case SubsetSoftmaxLoss():
            keys = [("coeff", number(layer.coefficient)), ("setSize", str(layer.set_size))]
            return [*keys, ("threads", "1")]
        case (
            CrossEntropyLoss()
            | BinaryCrossEntropyLoss()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
        ):
            return [("coeff", number(layer.coefficient))]
        case (
            Input()
            | MaxPool()
            | AveragePool()
            | CrossMapPool()
            | Blur()
            | Nailbed()
            | Resize()
            | RandomScale()
            | Reflection()
            | ColourTransform()
            | Activation()
            | Softmax()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
        ):
            return []
        case _:
            assert_never(layer)


def _learning(rules: LayerRules) -> Keys:
    """Rates, momentum and decay; limits and schedules only where there are any, as in 2012."""
    weights = rules.weights
    keys = [
        ("epsW", _numbers(w.lr for w in weights)),
        ("epsB", number(rules.bias_lr)),
        ("momW", _numbers(w.momentum for w in weights)),
        ("momB", number(rules.bias_momentum)),
        ("wc", _numbers(w.weight_decay for w in weights)),
    ]
    if any(w.ball for w in weights):
        keys.append(("wball", _numbers(w.ball for w in weights)))
    if any(w.norm_minimum or w.norm_maximum for w in weights):
        keys.append(("wcNormMin", _numbers(w.norm_minimum for w in weights)))
        keys.append(("wcNormMax", _numbers(w.norm_maximum for w in weights)))
    if weights[0].schedule != CONSTANT:
        keys.append(("schedW", schedule(weights[0].schedule)))
    if rules.bias_schedule != CONSTANT:
        keys.append(("schedB", schedule(rules.bias_schedule)))
    return keys


def _numbers(values: Iterable[float]) -> str:
    return listed(map(number, values))
