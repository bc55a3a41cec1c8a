"""What the files of 2012 cannot say of a network or of how it learns, each with its reason; it
changes nothing so that it fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from alexnet.formats.cuda_convnet.class_tree import MOST_NODES
from alexnet.formats.cuda_convnet.rules import (
    CONSTANT,
    Dialect,
    LayerRules,
    LearningRules,
    RateSchedule,
)
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    Constant,
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
    Gaussian,
    Input,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Nailbed,
    Norm,
    Pool,
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
from alexnet.network.placement import place
from alexnet.network.placement.weighted import initials
from alexnet.network.shapes import LayerError
from alexnet.network.spec import Network, nearest

Places = dict[str, list[str]]
"""Reasons in the order in which they came up, each with the layers that it holds for."""


def network_refusals(network: Network) -> Places:
    """Why the network has no pair of 2012 files; empty where it has."""
    places = Places()
    if not any(isinstance(x, Input) and x.content == "picture" for x in network):
        places["no picture among its inputs"] = [x.name for x in network if isinstance(x, Input)]
    for layer in network:
        for reason in (*_everywhere(layer, network), *_reasons(layer, network)):
            places.setdefault(reason, []).append(layer.name)
    return places


def rules_refusals(network: Network, rules: LearningRules) -> Places:
    """Why these rules have no 2012 parameter file for this network; empty where they have."""
    places = Places()
    weighted = {
        layer.name: layer
        for layer in network
        if isinstance(layer, Conv | Local | FullyConnected | TreeConnected)
    }
    named = {layer_rules.layer for layer_rules in rules.layers}
    for name in weighted:
        if name not in named:
            reason = "no rules, which the original demands of every layer with weights"
            places.setdefault(reason, []).append(name)
    for layer_rules in rules.layers:
        reasons = [
            *_rule_reasons(layer_rules, weighted.get(layer_rules.layer), list(weighted)),
            *_dialect_reasons(layer_rules, rules.dialect),
        ]
        for reason in reasons:
            places.setdefault(reason, []).append(layer_rules.layer)
    return places


def sentence(places: Places) -> str:
    """The reasons on one line, the layers in brackets behind each."""
    return "; ".join(
        f"{reason} ({', '.join(names)})" if names else reason for reason, names in places.items()
    )


def _everywhere(layer: Layer, network: Network) -> Iterator[str]:
    """What holds for every kind: names, towers, and who may be read."""
    if layer.name == "DEFAULT":
        yield "a section of this name is ConfigParser's own"
    if isinstance(layer, Input):
        if layer.tower is not None:
            yield "an input in a tower, and data runs on no GPU"
    elif len(network.towers) == 1:
        yield f"a tower {network.towers[0]} beside no other (files for one GPU name no towers)"
    elif network.towers and layer.tower is None:
        yield "no tower where other layers have one, and every layer runs on some GPU"
    if any(isinstance(network[read], Loss) for read in layer.reads):
        yield "a loss among what it reads, and costs give nothing to read"


def _reasons(layer: Layer, network: Network) -> Iterable[str]:
    match layer:
        case Input():
            return _input(layer)
        case Conv() | Local() | FullyConnected() | TreeConnected():
            return _weighted(layer, network)
        case MaxPool() | AveragePool() | RandomPool():
            return _pool(layer, network)
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            return _norm(layer)
        case CrossMapPool():
            return ["pooling across maps, which came with cuda-convnet2"]
        case Activation():
            return ["the function log, which came with cuda-convnet2"] * (layer.function == "log")
        case Dropout():
            wrong = layer.scaling != "test"
            return ["dropout scaled while training (hs scales at test time)"] * wrong
        case LogisticLoss() | CrossEntropyLoss():
            wrong = not isinstance(network[layer.reads[1]], Softmax)
            return [
                "outputs that are no softmax (cost.logreg and cost.crossent demand one)"
            ] * wrong
        case BinaryCrossEntropyLoss():
            wrong = layer.positive_weight != 1
            return ["a weight of positive targets, which came with cuda-convnet2"] * wrong
        case ColourTransform():
            wrong = layer.centred and layer.space != "lab"
            return ["centred, which only rgb2lab can be"] * wrong
        case (
            Blur()
            | Nailbed()
            | Resize()
            | RandomScale()
            | Reflection()
            | Softmax()
            | Concat()
            | ElementwiseSum()
            | ElementwiseMax()
            | SumOfSquaresLoss()
            | GatedSumOfSquaresLoss()
            | RobustLoss()
            | SubsetSoftmaxLoss()
        ):
            return []
        case _:
            assert_never(layer)


def _input(layer: Input) -> Iterator[str]:
    _, height, width = layer.shape
    if layer.content == "labels" and (height, width) != (1, 1):
        yield "labels that are no vector"
    elif height != width:
        yield f"a picture of {height}×{width}, and theirs are square"


def _weighted(layer: Weighted, network: Network) -> Iterator[str]:
    if not all(isinstance(initial, Gaussian | Shared) for initial in initials(layer)):
        yield "first weights that are not Gaussian"
    if not isinstance(layer.initial_bias, Constant):
        yield "drawn first biases (initB is one number)"
    match layer:
        case Conv() | Local():
            yield from _bias(layer)
            if any(kernel.outputs is not None for kernel in layer.kernels):
                yield "an explicit output side, which came with cuda-convnet2 (modulesX)"
            yield from _rule(layer, network)
        case FullyConnected():
            if layer.bias == "none":
                yield "no bias"
            if layer.groups > 1:
                yield "groups in a fully-connected layer"
        case TreeConnected():
            yield from _tree(layer, network)
        case _:
            assert_never(layer)


def _tree(layer: TreeConnected, network: Network) -> Iterator[str]:
    """There is one tree for all layers, as 2012's data had one (layer.py), and what its file can
    hold is what `read_class_tree` reads.
    """
    if isinstance(layer.initial, Shared):
        yield "shared weights in a tree"
    first = next(x for x in network if isinstance(x, TreeConnected))
    if first.parents != layer.parents:
        yield f"another tree of classes than '{first.name}'"
    count = len(layer.parents)
    inner = {parent for node, parent in enumerate(layer.parents) if parent != node}
    if count >= MOST_NODES:
        yield f"a tree of {count} nodes, where its file holds fewer than {MOST_NODES}"
    elif inner != set(range(layer.outputs, count)):
        yield "nodes of a tree that are neither classes nor above any"


def _bias(layer: Conv | Local) -> Iterator[str]:
    if layer.bias == "none":
        yield "no bias"
    elif isinstance(layer, Local) and layer.bias == "shared":
        yield "one bias per filter (a local layer has one per output unit)"


def _pool(layer: Pool, network: Network) -> Iterator[str]:
    if isinstance(layer, AveragePool) and layer.divisor != "inside":
        yield f"averages divided by '{layer.divisor}' (theirs divide by 'inside')"
    yield from _rule(layer, network)


def _norm(layer: Norm) -> Iterator[str]:
    if not layer.alpha_divided:
        yield "alpha not divided by the window's size (scale always is)"
    if isinstance(layer, CrossMapNorm):
        if layer.groups > 1:
            yield "a norm in groups"
    elif layer.k != 1:
        yield "k other than 1 (minDiv is read for cmrnorm only)"


def _rule(layer: Conv | Local | Pool, network: Network) -> Iterator[str]:
    """Another size rule is refused even where it gives the same windows: read back, the network
    would be another value.
    """
    if layer.rule == "cuda-convnet":
        return
    same = _same_windows(layer, network)
    said = "gives the same windows" if same else "gives other windows"
    how = "; convert --set rule=cuda-convnet" if same else ""
    yield f"the size rule '{layer.rule}' (cuda-convnet's {said}{how})"


def _same_windows(layer: Conv | Local | Pool, network: Network) -> bool:
    try:
        theirs = place(replace(layer, rule="cuda-convnet"), network.inputs_of(layer))
    except LayerError:
        return False
    ours = network.placed[layer.name]
    return [[(s.outputs, s.before) for s in sides] for sides in ours.sides] == [
        [(s.outputs, s.before) for s in sides] for sides in theirs.sides
    ]


def _rule_reasons(rules: LayerRules, layer: Weighted | None, known: list[str]) -> Iterator[str]:
    if layer is None:
        yield f"rules for no layer with weights{nearest(rules.layer, known)}"
        return
    weights = rules.weights
    if len(weights) != len(layer.reads):
        yield f"rules for {len(weights)} inputs where it reads {len(layer.reads)}"
    if len({w.schedule for w in weights}) > 1:
        yield "inputs with schedules of their own (schedW is one for all)"
    if any(w.norm_minimum or w.norm_maximum for w in weights):
        if not isinstance(layer, Conv):
            yield "limits of its filters' norm (wcNormMin and wcNormMax are read for conv only)"
        elif any(w.norm_minimum > w.norm_maximum for w in weights):
            yield "wcNormMin above wcNormMax"
    schedules = dict.fromkeys([*(w.schedule for w in weights), rules.bias_schedule])
    if isinstance(layer, TreeConnected) and any(rates != CONSTANT for rates in schedules):
        yield "a schedule in a tree (the original has none for treefc)"
    for rates in schedules:
        yield from _schedule_reasons(rates)


def _dialect_reasons(rules: LayerRules, dialect: Dialect) -> Iterator[str]:
    """What another release says in words of its own (semantics file, section 5)."""
    if rules.update_period > 1:
        yield "an update period (in 2012 an option of the command, wupdate_freq)"
    if dialect == "cuda-convnet2" and any(w.ball for w in rules.weights):
        yield "cuda-convnet2's wball, which sets a norm where that of 2012 limits it"


def _schedule_reasons(rates: RateSchedule) -> Iterator[str]:
    if rates.kind == "constant" and (rates.noise or rates.factor != 1):
        yield "a constant rate with noise or a factor (default takes no arguments)"
    if rates.kind not in ("dexp", "jdexp") and rates.stages:
        yield "stages in a schedule that has none (numSteps belongs to dexp and jdexp)"
