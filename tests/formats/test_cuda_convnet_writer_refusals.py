"""What the files of 2012 cannot say of a network, or of how it learns, is refused by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.formats import FormatError
from alexnet.formats.cuda_convnet.class_tree import MOST_NODES
from alexnet.formats.cuda_convnet.rules import LearningRules, RateSchedule
from alexnet.formats.cuda_convnet.writer import definition_text, parameters_text
from alexnet.formats.cuda_convnet.writer_parameters import start_rules
from alexnet.network.catalog import get_network as network
from alexnet.network.layers import (
    AveragePool,
    BinaryCrossEntropyLoss,
    ColourTransform,
    Constant,
    ContrastNorm,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    FanInGaussian,
    Gaussian,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Shared,
    SumOfSquaresLoss,
    TreeConnected,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from formats.cuda_convnet_networks import CUDA, conv, fc, labels, neuron, picture


def refusal(*layers: Layer) -> str:
    with pytest.raises(FormatError) as raised:
        definition_text(Network("n", layers))
    with pytest.raises(FormatError):
        parameters_text(Network("n", layers))
    text = str(raised.value)
    assert text.startswith("network 'n' cannot be written as files of 2012: ")
    return text.split("2012: ", 1)[1]


def test_refusal_of_another_size_rule_says_whether_the_windows_are_the_same() -> None:
    pool = MaxPool(name="p", reads=("c",), window=Window(size=3, stride=2), rule="torch")
    same = replace(conv("c", "data"), rule="torch")
    assert refusal(picture(16), same, pool) == (
        "the size rule 'torch' (cuda-convnet's gives the same windows; convert --set "
        "rule=cuda-convnet) (c); the size rule 'torch' (cuda-convnet's gives other windows) (p)"
    )


def test_refusals_of_kernels_and_weights() -> None:
    base = conv("c", "data")
    for changed, why in (
        ({"initial": FanInGaussian(1.0)}, "first weights that are not Gaussian"),
        ({"initial": Constant(0.0)}, "first weights that are not Gaussian"),
        ({"outputs": 9}, "an explicit output side, which came with cuda-convnet2 (modulesX)"),
    ):
        kernel = replace(base.kernels[0], **changed)
        assert refusal(picture(), replace(base, kernels=(kernel,))) == f"{why} (c)"
    for changed, why in (
        ({"bias": "none"}, "no bias"),
        ({"initial_bias": Gaussian(0.1)}, "drawn first biases (initB is one number)"),
    ):
        assert refusal(picture(), replace(base, **changed)) == f"{why} (c)"
        assert refusal(picture(), replace(fc("f", "data", 4), **changed)) == f"{why} (f)"
    assert refusal(picture(), replace(fc("f", "data", 6), groups=3)) == (
        "groups in a fully-connected layer (f)"
    )
    local = Local(name="l", reads=("data",), filters=16, kernels=base.kernels, rule=CUDA)
    assert refusal(picture(), replace(local, bias="shared")) == (
        "one bias per filter (a local layer has one per output unit) (l)"
    )
    assert refusal(picture(), replace(local, bias="none")) == "no bias (l)"


def test_refusals_of_norms_and_pools() -> None:
    numbers = {"size": 3, "alpha": 1.0, "alpha_divided": True, "beta": 0.75}
    cross = CrossMapNorm(name="n", reads=("data",), k=2.0, **numbers)
    within = WithinMapNorm(name="n", reads=("data",), k=2.0, **numbers)
    contrast = ContrastNorm(name="n", reads=("data",), k=2.0, **numbers)
    window = Window(size=3, stride=2)
    for layer, why in (
        (replace(cross, alpha_divided=False), "alpha not divided by the window's size (scale"),
        (replace(cross, groups=3), "a norm in groups (n)"),
        (within, "k other than 1 (minDiv is read for cmrnorm only) (n)"),
        (contrast, "k other than 1 (minDiv is read for cmrnorm only) (n)"),
        (
            AveragePool(name="n", reads=("data",), window=window, rule=CUDA, divisor="window"),
            "averages divided by 'window' (theirs divide by 'inside') (n)",
        ),
        (
            CrossMapPool(name="n", reads=("data",), size=2, stride=2, outputs=2),
            "pooling across maps, which came with cuda-convnet2 (n)",
        ),
    ):
        assert refusal(picture(), layer).startswith(why)


def test_refusals_of_the_rest() -> None:
    net = (picture(), fc("f", "data", 4), labels(), labels("targets", 4))
    for layer, why in (
        (
            Dropout(name="d", reads=("f",), keep=0.5, scaling="train"),
            "dropout scaled while training (hs scales at test time) (d)",
        ),
        (neuron("a", "f", "log", (1.0,)), "the function log, which came with cuda-convnet2 (a)"),
        (
            BinaryCrossEntropyLoss(name="b", reads=("targets", "f"), positive_weight=2.0),
            "a weight of positive targets, which came with cuda-convnet2 (b)",
        ),
        (
            ColourTransform(name="c", reads=("data",), space="yuv", centred=True),
            "centred, which only rgb2lab can be (c)",
        ),
        (
            LogisticLoss(name="l", reads=("labels", "f")),
            "outputs that are no softmax (cost.logreg and cost.crossent demand one) (l)",
        ),
        (neuron("DEFAULT", "f"), "a section of this name is ConfigParser's own (DEFAULT)"),
    ):
        assert refusal(*net, layer) == why


def test_refusals_of_inputs_and_towers() -> None:
    assert refusal(Input(name="data", shape=(3, 8, 9))) == (
        "a picture of 8×9, and theirs are square (data)"
    )
    assert refusal(labels()) == "no picture among its inputs (labels)"
    assert refusal(picture(), replace(labels(), shape=(1, 2, 2))) == (
        "labels that are no vector (labels)"
    )
    left, right = (replace(fc(name, "data", 4), tower=i) for i, name in enumerate("fg"))
    assert refusal(picture(), left, right, fc("h", "g", 4)) == (
        "no tower where other layers have one, and every layer runs on some GPU (h)"
    )
    assert refusal(picture(), right, fc("h", "g", 4)) == (
        "a tower 1 beside no other (files for one GPU name no towers) (g, h)"
    )
    assert refusal(replace(picture(), tower=0), left, right) == (
        "an input in a tower, and data runs on no GPU (data)"
    )
    cost = SumOfSquaresLoss(name="cost", reads=("data",))
    assert refusal(picture(), cost, fc("f", "cost", 4)) == (
        "a loss among what it reads, and costs give nothing to read (f)"
    )


def test_refusals_of_trees() -> None:
    tree = TreeConnected(
        name="t", reads=("data",), outputs=3, parents=(3, 3, 4, 4, 4), initial=Gaussian(0.1)
    )
    other = replace(tree, name="u", parents=(3, 3, 3, 3))
    assert refusal(picture(), tree, other) == "another tree of classes than 't' (u)"
    assert refusal(picture(), replace(tree, initial=Shared("t"))) == "shared weights in a tree (t)"
    childless = replace(tree, parents=(4, 4, 4, 4, 4))
    assert refusal(picture(), childless) == (
        "nodes of a tree that are neither classes nor above any (t)"
    )
    many = replace(tree, outputs=MOST_NODES, parents=(MOST_NODES,) * (MOST_NODES + 1))
    assert refusal(picture(1), many) == (
        f"a tree of {MOST_NODES + 1} nodes, where its file holds fewer than {MOST_NODES} (t)"
    )
    net = Network("n", (picture(), tree))
    (whole,) = start_rules(net).layers
    drawn_out = replace(whole, bias_schedule=RateSchedule(kind="exp", factor=2.0))
    assert refused_rules(net, LearningRules(dialect="2012", layers=(drawn_out,))) == (
        "a schedule in a tree (the original has none for treefc) (t)"
    )


def test_what_no_list_foresees_is_found_by_reading_back() -> None:
    assert refusal(picture(channels=1), fc("f", "data", 4)) == (
        "shape that would read back otherwise (data)"
    )
    assert refusal(picture(), labels(count=4), fc("f", "data", 4)) == (
        "shape that would read back otherwise (labels)"
    )
    assert refusal(picture(), replace(picture(), name="other"), fc("f", "data", 4)) == (
        "shape, content that would read back otherwise (other)"
    )
    assert refusal(picture(), neuron("a", "data", "linear", (1e-200, 0.0))).startswith(
        "files of which ours would say: the definition:"
    )
    endless = conv("c", "data", deviation=float("inf"))
    assert "[c]: initW is 'inf'; it must be a number" in refusal(picture(), endless)
    far = RateSchedule(kind="dexp", factor=2.0, stages=1)
    net = network("18pct")
    first, *rest = start_rules(net).layers
    rules = LearningRules(dialect="2012", layers=(replace(first, bias_schedule=far), *rest))
    with pytest.raises(FormatError, match="numSteps must be a whole number from 2"):
        parameters_text(net, rules)


def test_one_sentence_names_all_layers_and_all_reasons() -> None:
    with pytest.raises(FormatError) as raised:
        definition_text(network("tiny"))
    assert str(raised.value) == (
        "network 'tiny' cannot be written as files of 2012: alpha not divided by the window's size"
        " (scale always is) (norm1a, norm1b, norm2a, norm2b); no tower where other layers have"
        " one, and every layer runs on some GPU (fc4, probs, logprob)"
    )


def test_refusals_of_rules() -> None:
    net = network("18pct")
    whole = start_rules(net)
    first, *rest = whole.layers
    start = first.weights[0]
    noisy = RateSchedule(noise=0.5)
    for changed, why in (
        ({"layer": "conv9"}, "rules for no layer with weights; did you mean 'conv3'? (conv9)"),
        ({"weights": (start, start)}, "rules for 2 inputs where it reads 1 (conv1)"),
        ({"update_period": 2}, "an update period (in 2012 an option of the command, wupdate_freq)"),
        ({"bias_schedule": noisy}, "a constant rate with noise or a factor (default takes no"),
        (
            {"bias_schedule": RateSchedule(kind="exp", stages=2)},
            "stages in a schedule that has none (numSteps belongs to dexp and jdexp) (conv1)",
        ),
        (
            {"weights": (replace(start, norm_minimum=1.0),)},
            "wcNormMin above wcNormMax (conv1)",
        ),
    ):
        assert why in refused_rules(net, replace(whole, layers=(replace(first, **changed), *rest)))
    assert refused_rules(net, replace(whole, layers=tuple(rest))) == (
        "no rules, which the original demands of every layer with weights (conv1)"
    )
    limited = replace(rest[-1], weights=(replace(start, norm_maximum=1.0),))
    assert refused_rules(net, replace(whole, layers=(first, *rest[:-1], limited))) == (
        "limits of its filters' norm (wcNormMin and wcNormMax are read for conv only) (fc10)"
    )
    ball = replace(first, weights=(replace(start, ball=0.5),))
    other = LearningRules(dialect="cuda-convnet2", layers=(ball, *rest))
    assert refused_rules(net, other) == (
        "cuda-convnet2's wball, which sets a norm where that of 2012 limits it (conv1)"
    )
    assert parameters_text(net, replace(other, layers=whole.layers)) == parameters_text(net, whole)


def test_inputs_with_schedules_of_their_own_are_refused() -> None:
    net = network("as_run")
    whole = start_rules(net)
    index = next(i for i, layer in enumerate(whole.layers) if layer.layer == "conv3a")
    one, two = whole.layers[index].weights
    apart = replace(two, schedule=RateSchedule(kind="exp", factor=2.0))
    layers = list(whole.layers)
    layers[index] = replace(layers[index], weights=(one, apart))
    assert refused_rules(net, replace(whole, layers=tuple(layers))) == (
        "inputs with schedules of their own (schedW is one for all) (conv3a)"
    )


def refused_rules(net: Network, rules: LearningRules) -> str:
    with pytest.raises(FormatError) as raised:
        parameters_text(net, rules)
    text = str(raised.value)
    start = f"the rules for network '{net.name}' cannot be written as parameters of 2012: "
    assert text.startswith(start)
    return text.removeprefix(start)
