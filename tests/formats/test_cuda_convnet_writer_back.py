"""Networks and rules written as files of 2012 and read from them again are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from alexnet.formats import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.reader import Definition, read_definition, read_documents
from alexnet.formats.cuda_convnet.rules import LayerRules, LearningRules, RateSchedule, WeightRules
from alexnet.formats.cuda_convnet.writer import (
    class_tree_text,
    definition_text,
    definition_warnings,
    parameters_text,
    write_definition,
)
from alexnet.formats.cuda_convnet.writer_parameters import start_rules
from alexnet.formats.cuda_convnet.writer_sections import written_as_neuron
from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.layers import (
    Conv,
    Gaussian,
    Kernel,
    TreeConnected,
)
from alexnet.network.spec import Network
from formats.cuda_convnet_drawn import networks
from formats.cuda_convnet_networks import (
    CUDA,
    conv,
    every_kind,
    fc,
    labels,
    neuron,
    picture,
    scores,
    section,
)

WRITABLE = ("as_run", "one_gpu", "80sec", "18pct", "13pct", "11pct", "cifar_relu", "cifar_tanh")


def read_back(net: Network, rules: LearningRules | None = None) -> Definition:
    definition = parse_document(definition_text(net), "layers.cfg")
    parameters = parse_document(parameters_text(net, rules), "layer-params.cfg")
    return read_documents(definition, parameters, side=net.picture.shape[1], classes_tree=tree(net))


def tree(net: Network) -> ClassTree | None:
    found = [ClassTree(x.parents, x.outputs) for x in net if isinstance(x, TreeConnected)]
    return found[0] if found else None


@pytest.mark.parametrize("name", WRITABLE)
def test_catalog_networks_read_back_equal(name: str) -> None:
    net = network(name)
    read = read_back(net)
    assert read.network == net
    assert read.rules == start_rules(net)
    assert read.notes == ()
    assert definition_warnings(net) == ()


def test_every_other_catalog_network_is_refused() -> None:
    for name in NETWORKS.keys() - WRITABLE:
        with pytest.raises(FormatError, match="cannot be written as files of 2012"):
            definition_text(network(name))


def test_every_kind_reads_back_equal() -> None:
    net = every_kind()
    read = read_back(net)
    for written, back in zip(net, read.network, strict=True):
        assert written == back
    assert read.rules == start_rules(net)
    assert read.notes == ()
    assert definition_warnings(net) == ()


@settings(max_examples=60, deadline=None)
@given(networks())
def test_drawn_networks_read_back_equal(net: Network) -> None:
    read = read_back(net)
    assert read.network == net
    assert read.rules == start_rules(net)
    warned = {line[1:].split("]")[0] for line in definition_warnings(net)}
    assert all(warned.isdisjoint(note.split(": ")[0]) for note in read.notes)


def test_a_tree_of_classes_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    leaves = TreeConnected(
        name="tree", reads=("data",), outputs=3, parents=(3, 3, 4, 4, 4), initial=Gaussian(0.01)
    )
    net = Network("n", (picture(), leaves, *scores("tree")))
    assert section(definition_text(net), "tree") == {
        "type": "treefc",
        "inputs": "data",
        "initW": "0.01",
        "gpu": "0",
    }
    assert class_tree_text(net) == '{"parents": [3, 3, 4, 4, 4], "leaves": 3}\n'
    assert class_tree_text(network("18pct")) is None
    paths = write_definition(net, tmp_path / "layers-x.cfg")
    assert [path.name for path in paths] == [
        "layers-x.cfg",
        "layer-params-x.cfg",
        "layers-x-tree.json",
    ]
    assert read_definition(paths[0], side=9, class_tree=paths[2]).network == net


def test_connections_that_the_reader_draws_are_written() -> None:
    kernel = Kernel(size=3, padding=1, groups=2, initial=Gaussian(0.1))
    layers = [
        picture(),
        conv("conv1", "data"),
        Conv(name="conv2", reads=("conv1",), filters=32, kernels=(kernel,), rule=CUDA),
        fc("fc1", "conv2", 4),
        *scores("fc1"),
    ]
    dealt = definition_text(Network("n", tuple(layers)))
    sparse = dealt.replace("groups=2\n", "groups=2\nrandSparse=1\nfilterChannels=8\n")
    drawn = read_documents(
        parse_document(sparse, "sparse"),
        parse_document(parameters_text(Network("n", tuple(layers))), "parameters"),
        side=9,
    ).network
    (found,) = drawn["conv2"].kernels  # type: ignore[union-attr]
    assert sorted(found.connections) == list(range(16))
    assert definition_text(replace(drawn, name="n")) == sparse
    swapped = replace(found, connections=(*found.connections[1:], found.connections[0]))
    other = replace(drawn["conv2"], kernels=(swapped,))
    layers = [other if layer.name == "conv2" else layer for layer in drawn]
    with pytest.raises(FormatError) as raised:
        definition_text(Network("n", tuple(layers)))
    assert str(raised.value) == (
        "network 'n' cannot be written as files of 2012: sparse connections of its own, which the"
        " files do not hold (they are drawn) (conv2)"
    )


def test_networks_with_a_tower_on_every_layer_read_back_equal() -> None:
    layers = (
        picture(),
        labels(),
        replace(conv("conv1", "data"), tower=2),
        replace(neuron("conv1_neuron", "conv1"), tower=2),
        replace(conv("conv2", "data"), tower=0),
        replace(neuron("conv2_neuron", "conv2"), tower=2),
        replace(fc("fc1", "conv1_neuron", 4), tower=0),
        replace(fc("fc2", "conv2_neuron", 4), tower=2),
    )
    net = Network("towers", layers)
    assert written_as_neuron(net) == {"conv1_neuron": "conv1"}
    text = definition_text(net)
    gpus = {name: section(text, name).get("gpu") for name in ("conv1", "conv2", "conv2_neuron")}
    assert gpus == {"conv1": "2", "conv2": "0", "conv2_neuron": "2"}
    assert read_back(net).network == net


def test_a_second_picture_reads_back_equal() -> None:
    second = replace(picture(channels=1), name="other")
    joined = Conv(
        name="conv1",
        reads=("other", "data"),
        filters=16,
        kernels=conv("c", "data", "data").kernels,
        rule=CUDA,
    )
    net = Network("two", (second, picture(), labels(), joined, fc("fc1", "conv1", 4)))
    text = definition_text(net)
    indices = {name: section(text, name)["dataIdx"] for name in ("other", "labels", "data")}
    assert indices == {"other": "0", "labels": "1", "data": "2"}
    assert read_back(net).network == net


SCHEDULES = (
    RateSchedule(),
    RateSchedule(kind="linear", factor=3.0),
    RateSchedule(kind="exp", factor=250.0, noise=0.3),
    RateSchedule(kind="dexp", factor=250.0, stages=4),
    RateSchedule(kind="jdexp", factor=1e-3, stages=7, noise=0.25),
)


@pytest.mark.parametrize("weights", SCHEDULES, ids=lambda s: s.kind)
@pytest.mark.parametrize("biases", SCHEDULES, ids=lambda s: s.kind)
def test_rules_read_back_equal(weights: RateSchedule, biases: RateSchedule) -> None:
    net = network("18pct")
    limits = {"conv1": (0.5, 0.001, 0.002), "conv2": (0.0, 0.0, 0.25)}
    layers = list[LayerRules]()
    for number, layer in enumerate(start_rules(net).layers):
        ball, low, high = limits.get(layer.layer, (0.0, 0.0, 0.0))
        moved = WeightRules(
            lr=0.1 / (3 + number),
            momentum=0.1 * number,
            weight_decay=1e-5 * number,
            schedule=weights,
            ball=ball,
            norm_minimum=low,
            norm_maximum=high,
        )
        layers.append(
            replace(
                layer,
                weights=(moved,),
                bias_lr=0.0,
                bias_momentum=1 / 3,
                bias_schedule=biases,
            )
        )
    rules = LearningRules(dialect="2012", layers=tuple(layers))
    assert read_back(net, rules).rules == rules


def test_the_files_of_2012_read_back_equal(shared: Path) -> None:
    counted = 0
    for definition, parameters in pairs(shared / "configs" / "chm"):
        read = read_definition(definition, parameters, side=224)
        assert read.rules is not None
        again = read_back(read.network, read.rules)
        assert again.network == read.network, definition.name
        assert again.rules == read.rules, parameters.name
        counted += 1
    assert counted == 32


def pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Every parameter file with the definition of its number, or of the number it begins with."""
    borrowed = {"136": "135", "139": "137", "155": "153", "165": "153", "170": "153", "172": "153"}
    for parameters in sorted(folder.glob("layers*/layer-params-*.cfg")):
        number = parameters.stem.removeprefix("layer-params-")
        for stem in (borrowed.get(number, number), *_shortened(number)):
            definition = parameters.with_name(f"layers-{stem}.cfg")
            if definition.exists():
                yield definition, parameters
                break


def _shortened(number: str) -> Iterator[str]:
    while "-" in number:
        number = number.rpartition("-")[0]
        yield number
