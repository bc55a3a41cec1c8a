"""Definitions as a whole: weights and what they share, data, towers, trees, and the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree, read_class_tree
from alexnet.formats.cuda_convnet.reader import (
    is_definition,
    read_definition,
)
from alexnet.network.layers import (
    Activation,
    Constant,
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Local,
    LogisticLoss,
    Shared,
    Softmax,
    TreeConnected,
)
from formats.cuda_convnet_texts import CONV, DATA, END, LEARN, LOGISTIC, above_conv, read


def test_a_whole_definition() -> None:
    found = read(DATA + CONV + "neuron=relu\n" + END, LEARN)
    assert found.network.layers == (
        Input(name="data", shape=(3, 8, 8)),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
        Conv(
            name="conv1",
            reads=("data",),
            filters=16,
            kernels=(Kernel(size=5, padding=2, initial=Gaussian(0.01)),),
            rule="cuda-convnet",
        ),
        Activation(name="conv1_neuron", reads=("conv1",), function="relu"),
        FullyConnected(name="fc10", reads=("conv1_neuron",), outputs=10, initial=(Gaussian(0.1),)),
        Softmax(name="probs", reads=("fc10",)),
        LogisticLoss(name="logprob", reads=("labels", "probs")),
    )
    assert (found.network.name, found.network.source) == ("layers-x", "layers-x.cfg")
    assert (found.dialect, found.notes) == ("cuda-convnet", ())
    assert [layer.source for layer in found.network][2:4] == ["[conv1]", "[conv1] neuron=relu"]


def test_windows_of_a_convolution() -> None:
    text = CONV.replace("partialSum=1", "partialSum=1\nstride=2\ninitB=1\nsharedBiases=0")
    conv = read(DATA + text + END).network["conv1"]
    assert isinstance(conv, Conv)
    assert conv.kernels == (Kernel(size=5, stride=2, padding=2, initial=Gaussian(0.01)),)
    assert (conv.bias, conv.initial_bias) == ("unshared", Constant(1.0))


def test_filters_are_those_of_one_group() -> None:
    section = "type=conv\ninputs=conv1\nchannels=16\nfilters=8\ngroups=4\nfilterSize=3\n"
    conv = above_conv(section + "initW=0.01\npartialSum=1\n")
    assert isinstance(conv, Conv)
    assert (conv.filters, conv.kernels[0].groups) == (32, 4)


def test_several_inputs_have_a_kernel_each() -> None:
    text = (
        DATA
        + CONV
        + """[nails]
type=nailbed
inputs=data
channels=3
stride=2
[x]
type=conv
inputs=nails,conv1
channels=3,16
filters=32,16
groups=1,2
filterSize=3,5
stride=1,2
padding=1,1
initW=0.01,0.02
partialSum=0
"""
        + END.replace("conv1", "x")
    )
    conv = read(text).network["x"]
    assert isinstance(conv, Conv)
    assert conv.filters == 32
    assert conv.kernels == (
        Kernel(size=3, padding=1, initial=Gaussian(0.01)),
        Kernel(size=5, stride=2, padding=1, groups=2, initial=Gaussian(0.02)),
    )


def test_in_cuda_convnet2_one_value_stands_for_all_inputs() -> None:
    both = (
        DATA
        + CONV.replace("partialSum", "sumWidth")
        + CONV.replace("partialSum", "sumWidth").replace("[conv1]", "[conv2]")
        + "[x]\ntype=conv\ninputs=conv1,conv2\nchannels=16\nfilters=32\nfilterSize=3\n"
        + "initW=0.01\nsumWidth=2\nmodulesX=7\n"
        + END.replace("conv1", "x")
    )
    found = read(both)
    conv = found.network["x"]
    assert found.dialect == "cuda-convnet2" and isinstance(conv, Conv)
    assert conv.kernels == (Kernel(size=3, initial=Gaussian(0.01), outputs=7),) * 2
    assert found.network.shape("x") == (32, 7, 7)


def test_local_layers_have_a_bias_for_every_unit() -> None:
    section = (
        "type=local\ninputs=conv1\nchannels=16\nfilters=8\nfilterSize=3\ninitW=0.04\ninitB=2\n"
    )
    local = above_conv(section)
    assert local == Local(
        name="x",
        reads=("conv1",),
        filters=8,
        kernels=(Kernel(size=3, initial=Gaussian(0.04)),),
        rule="cuda-convnet",
        bias="unshared",
        initial_bias=Constant(2.0),
    )


def test_sparse_connections_are_whole_permutations_of_the_channels() -> None:
    section = (
        "type=conv\ninputs=conv1\nchannels=16\nfilters=8\nfilterSize=3\ninitW=0.01\npartialSum=1\n"
        "groups=4\nrandSparse=1\nfilterChannels=8\n"
    )
    text = DATA + CONV + f"[x]\n{section}" + END
    first, again, other = (read(text, seed=seed).network["x"] for seed in (0, 0, 1))
    assert isinstance(first, Conv) and isinstance(other, Conv)
    drawn = first.kernels[0].connections
    assert first == again and drawn != other.kernels[0].connections
    assert len(drawn) == 32
    assert sorted(drawn[:16]) == sorted(drawn[16:]) == list(range(16))
    assert "sparse connections are drawn, with seed 0: x[0]" in read(text).notes


def test_sparse_connections_see_by_themselves_what_groups_would() -> None:
    section = (
        "type=local\ninputs=conv1\nchannels=16\nfilters=8\nfilterSize=3\ninitW=0.01\n"
        "groups=2\nrandSparse=true\n"
    )
    local = above_conv(section)
    assert isinstance(local, Local)
    assert sorted(local.kernels[0].connections) == list(range(16))


def test_shared_weights_name_their_owner() -> None:
    two = CONV.replace("[conv1]", "[conv2]") + "weightSource=conv1\n"
    three = CONV.replace("[conv1]", "[conv3]") + "weightSource=conv2[0]\n"
    last = END.replace("inputs=conv1", "inputs=conv1,conv2,conv3").replace(
        "initW=0.1", "initW=0.1,0.1,0.1\nweightSource=,fc10[0],"
    )
    network = read(DATA + CONV + two + three + last).network
    kernels = [layer.kernels[0].initial for layer in network if isinstance(layer, Conv)]
    assert kernels == [Gaussian(0.01), Shared("conv1"), Shared("conv1")]
    scores = network["fc10"]
    assert isinstance(scores, FullyConnected)
    assert scores.initial == (Gaussian(0.1), Shared("fc10", 0), Gaussian(0.1))


def test_shared_sparse_weights_have_their_owners_connections() -> None:
    sparse = CONV.replace("inputs=data\nchannels=3", "inputs=conv1\nchannels=16") + (
        "groups=2\nrandSparse=1\n"
    )
    two = sparse.replace("[conv1]", "[a]")
    three = sparse.replace("[conv1]", "[b]") + "weightSource=a\n"
    network = read(DATA + CONV + two + three + END.replace("inputs=conv1", "inputs=b,a").replace(
        "initW=0.1", "initW=0.1,0.1")).network  # fmt: skip
    a, b = network["a"], network["b"]
    assert isinstance(a, Conv) and isinstance(b, Conv)
    assert a.kernels[0].connections == b.kernels[0].connections != ()


def test_pictures_of_many_classes_have_224_pixels_unless_said_otherwise() -> None:
    many = END.replace("outputs=10", "outputs=100")
    assert read(DATA + CONV + END, side=None).network.shape("data") == (3, 32, 32)
    found = read(DATA + CONV + many, side=None)
    assert found.network.shape("data") == (3, 224, 224)
    assert (
        "the file does not state its picture's side; 224 is taken (--input changes it)"
        in found.notes
    )
    assert read(DATA + CONV + many, side=64).network.shape("data") == (3, 64, 64)


def test_a_picture_has_the_channels_that_its_readers_name() -> None:
    grey = CONV.replace("channels=3", "channels=1")
    assert read(DATA + grey + END).network.shape("data") == (1, 8, 8)
    past = "[n]\ntype=neuron\nneuron=abs\ninputs=data\n" + grey.replace("inputs=data", "inputs=n")
    assert read(DATA + past + END).network.shape("data") == (1, 8, 8)
    dense = read(DATA + END.replace("conv1", "data"))
    assert dense.network.shape("data") == (3, 8, 8)
    assert any("no layer says how many channels" in note for note in dense.notes)


def test_cuda_convnet2_may_state_the_size_of_data() -> None:
    data = DATA.replace("dataIdx=0", "dataIdx=0\nstart=0\nend=75")
    assert read(data + CONV + END, side=None).network.shape("data") == (3, 5, 5)
    gate = "[gate]\ntype=data\ndataIdx=2\nstart=4\nend=14\n" + LOGISTIC.replace("=labels", "=gate")
    gate = gate.replace("cost.logreg", "cost.bce").replace("probs", "fc10")
    network = read(DATA + CONV + gate).network
    assert network["gate"] == Input(name="gate", shape=(10, 1, 1), content="labels")


def test_towers_are_gpus_where_there_are_several() -> None:
    one = DATA + CONV + "gpu=0\n" + END
    assert {layer.tower for layer in read(one).network} == {None}
    two = CONV.replace("[conv1]", "[conv2]") + "gpu=2\nneuron=relu\n"
    last = END.replace("inputs=conv1", "inputs=conv2,conv1").replace("=0.1", "=0.1,0.1")
    found = read(DATA + CONV + "gpu=0\n" + two + last)
    towers = {layer.name: layer.tower for layer in found.network}
    assert towers == {
        "data": None,
        "labels": None,
        "conv1": 0,
        "conv2": 2,
        "conv2_neuron": 2,
        "fc10": 2,
        "probs": 2,
        "logprob": 2,
    }


def test_copies_of_a_layer_on_several_gpus_are_one_layer() -> None:
    text = DATA + CONV.replace("partialSum", "sumWidth") + "gpu=0,1\n" + END
    found = read(text)
    assert {layer.tower for layer in found.network} == {None}
    assert any(note.startswith("gpu=0,1 trains copies") for note in found.notes)


def tree_definition(extra: str = "") -> str:
    return DATA + CONV + END.replace("type=fc\n", "type=treefc\n").replace("outputs=10\n", extra)


def test_a_tree_without_its_data_is_flat() -> None:
    found = read(tree_definition())
    layer = found.network["fc10"]
    assert isinstance(layer, TreeConnected)
    assert (layer.outputs, layer.parents) == (1000, (1000,) * 1001)
    assert any("1000 classes directly under one root are taken" in note for note in found.notes)
    smaller = read(tree_definition("outputs=12\n")).network["fc10"]
    assert isinstance(smaller, TreeConnected) and smaller.outputs == 12


def test_a_tree_of_classes_is_read(tmp_path: Path) -> None:
    parents, children = tmp_path / "a.json", tmp_path / "b.json"
    parents.write_text(json.dumps({"parents": [3, 3, 4, 4, 4], "leaves": 3}))
    children.write_text(json.dumps({"tree": {"3": [0, 1], "4": [2, 3]}, "root": 4}))
    tree = ClassTree((3, 3, 4, 4, 4), 3)
    assert read_class_tree(parents) == read_class_tree(children) == tree
    layer = read(tree_definition(), tree=tree).network["fc10"]
    assert isinstance(layer, TreeConnected)
    assert (layer.outputs, layer.parents) == (3, (3, 3, 4, 4, 4))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "is no class tree"),
        ('{"parents": [1]}', "a list of 2 to"),
        ('{"parents": [2, 2, 7]}', "a parent is 7; there are 3 nodes"),
        ('{"parents": [2, 2, "x"]}', "a node is 'x'"),
        ('{"parents": [2, 2, true]}', "a node is 'True'"),
        ('{"parents": [2, 2, 2], "leaves": 1}', "leaves is 1; 2 nodes come before"),
        ('{"parents": [0, 0, 0]}', "must be the first nodes"),
        ('{"parents": [2, 3, 3, 2]}', "must end at one root"),
        ('{"tree": [1]}', "must be an object"),
        ('{"tree": {"2": [0, 0]}}', "below two others"),
        ('{"tree": {"2": [0, 1], "3": [4]}}', "one root must be"),
        ('{"tree": {"9": [0, 1]}}', "numbered from 0 without a gap"),
        ('{"tree": {"2": [0, 1]}, "root": 1}', "one root must be"),
    ],
)
def test_what_is_no_tree_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "tree.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=why):
        read_class_tree(path)


def test_the_parameters_beside_a_definition_are_found(tmp_path: Path) -> None:
    path = tmp_path / "layers-7.cfg"
    path.write_text(DATA + CONV + END)
    alone = read_definition(path)
    assert (alone.rules, alone.parameters_path) == (None, None)
    assert "no parameters are read: layer-params-7.cfg is not beside it" in alone.notes
    assert "without parameters costs have a coefficient of 1: logprob" in alone.notes
    (tmp_path / "layer-params-7-full.cfg").write_text(LEARN)
    assert any("there is layer-params-7-full.cfg" in note for note in read_definition(path).notes)
    (tmp_path / "layer-params-7.cfg").write_text(LEARN)
    found = read_definition(path)
    assert found.parameters_path == tmp_path / "layer-params-7.cfg"
    assert "parameters are those of layer-params-7.cfg, beside it" in found.notes
    given = read_definition(path, tmp_path / "layer-params-7-full.cfg")
    assert given.parameters_path == tmp_path / "layer-params-7-full.cfg"
    assert given.rules == found.rules is not None


def test_files_are_told_by_their_first_bytes() -> None:
    head = (DATA + CONV).encode()
    assert is_definition(head, "145")
    assert is_definition(b"\xef\xbb\xbf# a note\r\n[data]\r\ntype = data\r\n", "x")
    assert is_definition(LEARN.encode(), "layer-params.cfg")
    assert not is_definition(LEARN.encode(), "as_run")
    assert not is_definition(b"\x80\x02}q\x00", "model.cfg")
    assert not is_definition(b'{"type": 1}', "x.json")
