"""Other tools' numbers by our rules: against what the tools themselves printed, and re-added."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alexnet.cli.tools import print_tools
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import (
    Activation,
    Conv,
    CrossMapPool,
    FullyConnected,
    Input,
    Layer,
    Shared,
    Softmax,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network, NetworkError
from alexnet.network.tool_rules import PARTS, RULES, ToolRule
from alexnet.network.tools import as_tree, tool_counts
from every_kind import PICTURE_LAYERS, every_kind

PRINTED = {
    "one_weird_trick": {
        "torchinfo, Total mult-adds": 714_682_664,
        "fvcore, FlopCountAnalysis.total()": 714_188_480,
        "ptflops, MACs, backend pytorch": 716_422_696,
        "ptflops, MACs, backend aten": 714_682_664,
        "thop, MACs": 714_188_480,
        "calflops, fwd FLOPs": 1_429_731_968,
        "calflops, fwd MACs": 714_188_480,
    },
    "cs231n": {
        "torchinfo, Total mult-adds": 1_135_915_368,
        "fvcore, FlopCountAnalysis.total()": 1_135_256_096,
        "ptflops, MACs, backend pytorch": 1_138_730_072,
        "ptflops, MACs, backend aten": 1_135_915_368,
        "thop, MACs": 1_135_259_095,
        "calflops, fwd FLOPs": 2_272_798_416,
        "calflops, fwd MACs": 1_135_256_096,
    },
    "tiny": {
        "torchinfo, Total mult-adds": 1_335_434,
        "fvcore, FlopCountAnalysis.total()": 1_314_560,
        "ptflops, MACs, backend pytorch": 1_507_348,
        "ptflops, MACs, backend aten": 1_335_434,
        "thop, MACs": 1_314_589,
        "calflops, fwd FLOPs": 2_780_170,
        "calflops, fwd MACs": 1_314_560,
    },
    "80sec": {
        "torchinfo, Total mult-adds": 12_399_306,
        "fvcore, FlopCountAnalysis.total()": 12_354_176,
        "ptflops, MACs, backend pytorch": 12_530_516,
        "ptflops, MACs, backend aten": 12_399_306,
        "thop, MACs": 12_357_277,
        "calflops, fwd FLOPs": 24_819_018,
        "calflops, fwd MACs": 12_354_176,
    },
}
"""What the tools printed for plain torch modules, in the versions that the rules name."""

TORCHVISION = {
    "fvcore, FlopCountAnalysis.total()": 714_197_696,
    "ptflops, MACs, backend pytorch": 716_441_128,
    "thop, MACs": 714_206_912,
    "calflops, fwd FLOPs": 1_429_741_184,
}
"""What those that count an adaptive average pool printed for torchvision's own module."""

PARAMETERS = {"Total params", "parameter_count", "params", "Total Training Params"}


@pytest.mark.parametrize("name", PRINTED)
def test_every_number_is_what_the_tool_printed(name: str) -> None:
    network = get_network(name)
    counts = {f"{x.tool}, {x.quantity}": x.value for x in tool_counts(network)}
    parameters = ledger(network).total.parameters
    wanted = {key: parameters for key in counts if key.split(", ")[-1] in PARAMETERS}
    assert counts == PRINTED[name] | wanted
    assert len(wanted) == 5


def test_torchvisions_idle_pool_is_counted_by_some() -> None:
    counts = tool_counts(get_network("one_weird_trick"))
    found = {f"{x.tool}, {x.quantity}": x.value + x.idle_pool for x in counts if x.idle_pool}
    assert found == TORCHVISION


@pytest.mark.parametrize("name", NETWORKS)
def test_contributions_add_up_or_the_layer_is_named(name: str) -> None:
    network = get_network(name)
    try:
        counts = tool_counts(network)
    except NetworkError as error:
        assert "torch has no module for" in str(error) and "layer '" in str(error)
        return
    assert len(counts) == len(RULES)
    for count in counts:
        assert count.value == sum(x.count for x in count.contributions)


def test_the_arithmetic_of_a_contribution_is_written_out() -> None:
    counts = {(x.tool, x.quantity): x for x in tool_counts(get_network("tiny"))}
    softmax = counts["thop", "MACs"].contributions[-1]
    assert (softmax.part, softmax.count) == ("softmax", 29)
    assert softmax.sentence == "3 · 10 numbers written − 1 layers"


def test_every_rule_speaks_of_every_part() -> None:
    for rule in RULES:
        assert {*rule.rates, *rule.uncounted} == set(PARTS)
    with pytest.raises(AssertionError, match="does not say each part once"):
        ToolRule(
            tool="mine",
            version="1",
            quantity="MACs",
            file="",
            sentence="",
            rates={},
            uncounted=("linear",),
        )


def chain(*layers: Layer) -> Network:
    found: list[Layer] = [Input(name="data", shape=(4, 6, 6))]
    for index, layer in enumerate(layers):
        found.append(replace(layer, name=f"layer{index}", reads=(found[-1].name,)))
    return Network("mine", tuple(found))


@pytest.mark.parametrize(
    ("function", "parameters", "calflops"),
    [("relu", (), 144), ("bounded-relu", (6.0,), 0), ("bounded-relu", (5.0,), 0),
     ("logistic", (), 0), ("soft-threshold", (1.0,), 0)],
)  # fmt: skip
def test_activations_count_by_their_module(
    function: str, parameters: tuple[float, ...], calflops: int
) -> None:
    layer = Activation(name="", function=function, parameters=parameters)  # type: ignore[arg-type]
    counts = {(x.tool, x.quantity): x.value for x in tool_counts(chain(layer))}
    assert counts["calflops", "fwd FLOPs"] == calflops


CONV, LINEAR = (get_network("one_weird_trick")[name] for name in ("conv3", "fc6"))
assert isinstance(CONV, Conv) and isinstance(LINEAR, FullyConnected)
ACROSS = every_kind()["across"]
assert isinstance(ACROSS, CrossMapPool)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Activation(name="", function="abs"), "torch has no module for the function abs"),
        (Activation(name="", function="tanh", parameters=(1.7, 0.7)), "function tanh, 1.7, 0.7"),
        (replace(CONV, bias="unshared", filters=6), "Conv2d shares its biases"),
        (replace(LINEAR, groups=2), "Linear has no groups"),
        (
            replace(CONV, kernels=(replace(CONV.kernels[0], connections=(1, 0)),)),
            "Conv2d deals its channels out in order",
        ),
        (
            replace(every_kind()["farthest"], tower=None),
            "MaxPool2d takes no value by its magnitude",
        ),
        (every_kind()["random"], "torch has no module for a random-pool layer"),
        (replace(ACROSS, outputs=2), "torch has no module for a cross-map-pool layer"),
        (every_kind()["tree"], "torch has no module for a tree-connected layer"),
    ],
)
def test_what_torch_has_no_module_for_is_refused_by_name(layer: Layer, said: str) -> None:
    with pytest.raises(NetworkError, match=f"network 'mine', layer 'layer0': .*{said}"):
        tool_counts(chain(layer))


@pytest.mark.parametrize("layer", PICTURE_LAYERS, ids=lambda x: x.kind)
def test_what_prepares_pictures_is_refused_by_name(layer: Layer) -> None:
    prepared = replace(layer, name="prepared", reads=("data",))
    network = Network("mine", (Input(name="data", shape=(3, 20, 20)), prepared))
    with pytest.raises(
        NetworkError, match=f"layer 'prepared': torch has no module for a {layer.kind}"
    ):
        tool_counts(network)


def test_weights_of_another_module_are_refused() -> None:
    network = chain(CONV, replace(CONV, kernels=(replace(CONV.kernels[0]),)))
    first, second = network["layer0"], network["layer1"]
    assert isinstance(second, Conv)
    layers = (*network.layers[:1], replace(first, filters=4), replace(second, filters=4))
    tool_counts(Network("apart", layers))
    shared = replace(
        second, filters=4, kernels=(replace(second.kernels[0], initial=Shared("layer0")),)
    )
    with pytest.raises(NetworkError, match="layer 'layer1': its weights are another module's"):
        tool_counts(Network("mine", (*layers[:2], shared)))


def test_new_losses_stand_outside_of_the_module() -> None:
    network = every_kind()
    dense = replace(LINEAR, name="tree", reads=("data",), outputs=4)
    gate = replace(LINEAR, name="gate", reads=("data",), outputs=1)
    losses = [x for x in network if x.name in ("gated", "robust", "subset")]
    inputs = (*network.layers[:3], gate, dense)
    with_losses, without = (tool_counts(Network("mine", (*inputs, *x))) for x in (losses, ()))
    assert [x.value for x in with_losses] == [x.value for x in without]


def test_without_a_linear_layer_there_is_no_idle_pool() -> None:
    assert not any(count.idle_pool for count in tool_counts(chain(Softmax(name=""))))


def test_it_prints_a_table_markdown_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    network = get_network("one_weird_trick")
    print_tools(network, False, False)
    assert "714,682,664" in capsys.readouterr().out
    print_tools(network, False, True)
    out = capsys.readouterr().out
    assert "| thop 0.1.1.post2209072238 | MACs | 714,188,480 |" in out
    assert "fvcore, FlopCountAnalysis.total() 714,197,696" in out
    print_tools(network, True, False)
    tree = json.loads(capsys.readouterr().out)
    assert tree == json.loads(json.dumps(as_tree(tool_counts(network))))
    assert tree[0]["contributions"][0]["why"] == (
        "655,566,528 multiply-adds + 484,992 biases added"
    )
