"""What parameter files say of learning, in the words of each release."""

from __future__ import annotations

import pytest

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.rules import (
    CONSTANT,
    LayerRules,
    LearningRules,
    RateSchedule,
    WeightRules,
)
from formats.cuda_convnet_texts import CONV, DATA, END, LEARN, read

SECOND = CONV.replace("partialSum", "sumWidth")
TWO = CONV.replace("[conv1]", "[conv2]")
BOTH = END.replace("inputs=conv1", "inputs=conv1,conv2").replace("0.1", "0.1,0.1")


def rules(definition: str, parameters: str) -> LearningRules:
    found = read(definition, parameters).rules
    assert found is not None
    return found


def learned(extra: str, definition: str = DATA + CONV + END) -> LayerRules:
    """What conv1 learns by, with more keys in its section."""
    return rules(definition, LEARN.replace("[fc10]", f"{extra}\n[fc10]")).layers[0]


def test_the_first_release() -> None:
    found = rules(DATA + CONV + END, LEARN)
    own = WeightRules(lr=0.001, momentum=0.9, weight_decay=0.0005)
    layer = LayerRules(layer="conv1", weights=(own,), bias_lr=0.002, bias_momentum=0.8)
    assert found.dialect == "cuda-convnet"
    assert found.layers[0].weights == layer.weights
    assert found.layers[0].bias_lr == layer.bias_lr
    assert [x.layer for x in found.layers] == ["conv1", "fc10"]
    assert (found.layers[0].bias_momentum, found.layers[0].bias_schedule) == (0.8, CONSTANT)


def test_without_parameters_there_are_no_rules() -> None:
    assert read(DATA + CONV + END).rules is None


def test_one_entry_for_each_input() -> None:
    parameters = (
        LEARN.replace("[fc10]\nepsW=0.001", "[conv2]\nepsW=0\nepsB=0\nmomW=0\nmomB=0\n[fc10]\n"
                      "epsW=0.01,0.02\nwball=0,3")
        .replace("momB=0.8\nwc=0.0005\n[logprob]", "momB=0.8\nwc=0.1,0.2\n[logprob]")
    )  # fmt: skip
    parameters = parameters.replace(
        "wball=0,3\nepsB=0.002\nmomW=0.9", "wball=0,3\nepsB=0\nmomW=1,2"
    )
    found = rules(DATA + CONV + TWO + BOTH, parameters)
    assert found.dialect == "2012"
    assert found.layers[2].weights == (
        WeightRules(lr=0.01, momentum=1.0, weight_decay=0.1),
        WeightRules(lr=0.02, momentum=2.0, weight_decay=0.2, ball=3.0),
    )
    assert found.layers[1].weights == (WeightRules(lr=0.0, momentum=0.0, weight_decay=0.0),)


def test_limits_of_norms() -> None:
    layer = learned("wcNormMin=0.001\nwcNormMax=0.002\nwball=0.5")
    assert layer.weights[0].norm_minimum == 0.001
    assert layer.weights[0].norm_maximum == 0.002
    assert layer.weights[0].ball == 0.5
    with pytest.raises(FormatError, match="wcNormMin is '3'; it must not be above wcNormMax"):
        learned("wcNormMin=3\nwcNormMax=2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default", CONSTANT),
        (
            "dexp[tgtFactor=250,noiseStdev=0,numSteps=4]",
            RateSchedule(kind="dexp", factor=250.0, stages=4),
        ),
        ("exp[tgtFactor=1000,noiseStdev=0.5]", RateSchedule(kind="exp", factor=1000.0, noise=0.5)),
        (
            "JDEXP [ numSteps = 4 , tgtFactor = 10 ]",
            RateSchedule(kind="jdexp", factor=10.0, stages=4),
        ),
        ("linear[1000]", RateSchedule(kind="linear", factor=1000.0)),
        ("linear[1,1]", RateSchedule(kind="linear", factor=1.0, noise=1.0)),
        ("exp[4000]", RateSchedule(kind="exp", factor=4000.0)),
        ("dexp[1000,4]", RateSchedule(kind="dexp", factor=1000.0, stages=4)),
        ("jdexp[500,0.25,4]", RateSchedule(kind="jdexp", factor=500.0, stages=4, noise=0.25)),
    ],
)
def test_schedules_of_2012(text: str, expected: RateSchedule) -> None:
    layer = learned(f"schedW={text}\nschedB=dexp[tgtFactor=10,noiseStdev=0,numSteps=2]")
    assert layer.weights[0].schedule == expected
    assert layer.bias_schedule == RateSchedule(kind="dexp", factor=10.0, stages=2)


def test_numbers_without_names_are_noted() -> None:
    text = LEARN.replace("[fc10]", "schedW=dexp[250,0,4]\n[fc10]")
    assert (
        "schedW=dexp[250,0,4] is read as dexp[tgtFactor=250,noiseStdev=0,numSteps=4]; the original"
        " wants names: conv1"
    ) in read(DATA + CONV + END, text).notes


def test_the_older_key_is_for_weights() -> None:
    layer = learned("sched=exp[4000]")
    assert layer.weights[0].schedule == RateSchedule(kind="exp", factor=4000.0)
    assert layer.bias_schedule == CONSTANT
    found = read(DATA + CONV + END, LEARN.replace("[fc10]", "sched=exp[10]\n[fc10]"))
    assert any(note.startswith("sched, which the released parser ignores") for note in found.notes)


@pytest.mark.parametrize(
    "text",
    [
        "tanh[1,2]",
        "dexp",
        "dexp[]",
        "dexp[4]",
        "exp[1,2,3]",
        "dexp[tgtFactor=2]",
        "dexp[tgtFactor=2,numSteps=1]",
        "dexp[tgtFactor=2,numSteps=2.5]",
        "dexp[tgtFactor=2,numSteps=1000000]",
        "exp[tgtFactor=0]",
        "exp[tgtFactor=2,noiseStdev=-1]",
        "exp[tgtFactor=two]",
        "exp[tgtFactor=2,tgtFactor=2]",
        "exp[factor=2]",
        "exp[base=1;tgtFactor=2]",
        "default[1]",
        "exp[tgtFactor=2",
    ],
)
def test_schedules_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"layer-params-x\.cfg:\d+, \[conv1\]: schedW is "):
        learned(f"schedW={text}")


def test_cuda_convnet2_writes_schedules_into_rates() -> None:
    parameters = LEARN.replace(
        "epsW=0.001\nepsB=0.002",
        "epsW=dexp[base=0.02;tgtFactor=250;numSteps=4]\nepsB=exp[base=0.04;tgtFactor=10]"
        "\nupdatePeriod=2",
    )
    found = rules(DATA + SECOND + END, parameters)
    assert found.dialect == "cuda-convnet2"
    layer = found.layers[0]
    assert layer.weights[0].lr == 0.02
    assert layer.weights[0].schedule == RateSchedule(kind="dexp", factor=250.0, stages=4)
    assert (layer.bias_lr, layer.update_period) == (0.04, 2)
    assert layer.bias_schedule == RateSchedule(kind="exp", factor=10.0)


def test_cuda_convnet2_lets_one_value_stand_for_all() -> None:
    two = TWO.replace("partialSum", "sumWidth")
    parameters = LEARN + LEARN.split("[fc10]")[0].replace("conv1", "conv2")
    mixed = parameters.replace(
        "[fc10]\nepsW=0.001", "[fc10]\nepsW=const[base=0.5],linear[base=1;tgtFactor=2]"
    )
    same = rules(DATA + SECOND + two + BOTH, parameters).layers[2]
    assert same.weights == (WeightRules(lr=0.001, momentum=0.9, weight_decay=0.0005),) * 2
    first, second = rules(DATA + SECOND + two + BOTH, mixed).layers[2].weights
    assert (first.lr, first.schedule) == (0.5, CONSTANT)
    assert (second.lr, second.schedule) == (1.0, RateSchedule(kind="linear", factor=2.0))


@pytest.mark.parametrize(
    "text", ["fast", "default", "dexp[0.02]", "dexp[tgtFactor=2;numSteps=2]", "const[base=x]", ""]
)
def test_rates_that_are_none_are_refused(text: str) -> None:
    parameters = LEARN.replace("epsB=0.002", f"epsB={text}", 1)
    with pytest.raises(FormatError, match=r"layer-params-x\.cfg:3, \[conv1\]: epsB is "):
        read(DATA + SECOND + END, parameters)


@pytest.mark.parametrize("key", ["epsW", "epsB", "momW", "momB", "wc"])
def test_a_key_that_lacks_is_named(key: str) -> None:
    lines = [line for line in LEARN.split("[fc10]")[0].splitlines() if not line.startswith(key)]
    parameters = "\n".join(lines) + "\n[fc10]" + LEARN.split("[fc10]")[1]
    with pytest.raises(FormatError, match=rf"\[conv1\]: the key {key} is missing"):
        read(DATA + CONV + END, parameters)


def test_decay_may_lack_in_the_later_releases() -> None:
    parameters = LEARN.replace("wc=0.0005", "wball=0")
    assert rules(DATA + CONV + END, parameters).layers[0].weights[0].weight_decay == 0.0


def test_lists_must_fit_the_inputs() -> None:
    with pytest.raises(FormatError, match="epsW is '0.001'; it has 1 value and the layer has 2"):
        read(DATA + CONV + TWO + BOTH, LEARN + LEARN.split("[fc10]")[0].replace("v1", "v2"))


def test_a_layer_with_weights_needs_its_section() -> None:
    with pytest.raises(FormatError, match=r"has no section \[fc10\]; the layer of type fc needs"):
        read(DATA + CONV + END, LEARN.replace("[fc10]", "[fc100]"))


def test_the_tree_knows_no_schedules() -> None:
    tree = DATA + CONV + END.replace("type=fc\n", "type=treefc\n").replace("outputs=10\n", "")
    parameters = LEARN.replace("[logprob]", "schedW=exp[10]\n[logprob]")
    found = read(tree, parameters)
    assert found.rules is not None and found.rules.layers[1].weights[0].schedule == CONSTANT
    assert any("no schedules for a treefc" in note for note in found.notes)


def test_what_rules_cannot_hold_is_noted() -> None:
    parameters = LEARN.replace("[fc10]", "superEps=1\nquantF=half\nquantB=default\n[fc10]")
    notes = read(DATA + CONV + END, parameters).notes
    assert "superEps is not read: conv1 1" in notes
    assert "quantF (16-bit floats between GPUs) is not carried: conv1 half" in notes
    assert not any("quantB" in note for note in notes)
