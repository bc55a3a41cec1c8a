"""The catalog against the paper, the original parsers and closed forms; ledgers against rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.edit import with_input, with_rule
from alexnet.network.layers import Local, WithinMapNorm
from alexnet.network.ledger import as_tree, ledger, stem
from alexnet.network.spec import NetworkError

FIXED = {
    "paper": (60_965_224, 724_406_816, 659_272),
    "as_run": (60_965_224, 724_406_816, 659_272),
    "caffe": (60_965_224, 724_406_816, 659_272),
    "caffenet": (60_965_224, 724_406_816, 659_272),
    "one_weird_trick": (61_100_840, 714_188_480, 494_184),
    "soumith": (60_522_856, 649_646_624, 659_272),
    "cs231n": (62_378_344, 1_135_256_096, 659_272),
    "80sec": (145_578, None, 45_130),
    "18pct": (89_578, None, 45_066),
    "13pct": (1_116_490, None, 48_394),
    "11pct": (2_112_970, None, 49_546),
}
"""Parameters, multiply-adds, neurons: the paper, torchvision and the original parsers."""


@pytest.mark.parametrize("name", FIXED)
def test_totals_are_the_published_ones(name: str) -> None:
    parameters, work, neurons = FIXED[name]
    sums = ledger(network(name)).total
    assert sums.parameters == parameters
    assert sums.neurons == neurons
    assert work is None or sums.multiply_adds == work


def test_the_one_gpu_net_has_the_parameters_of_145_half() -> None:
    assert ledger(network("one_gpu")).total.parameters == 59_798_312


def test_the_unconnected_towers_by_closed_form() -> None:
    # alexnet.lua: filters · (channels · size²) and a bias per filter, twice; then the dense layers
    rows = ((48, 3 * 121), (128, 48 * 25), (192, 128 * 9), (192, 192 * 9), (128, 192 * 9))
    maps = (55 * 55, 27 * 27, 13 * 13, 13 * 13, 13 * 13)
    tower = sum(filters * seen + filters for filters, seen in rows)
    dense = sum(a * b + b for a, b in ((9216, 4096), (4096, 4096), (4096, 1000)))
    work = sum(2 * f * seen * n for (f, seen), n in zip(rows, maps, strict=True))
    account = ledger(network("soumith"))
    assert account.total.parameters == 2 * tower + dense
    assert account.total.multiply_adds == work + 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert account.per_tower[0] == account.per_tower[1]
    assert account.per_tower[0].parameters == tower


def test_the_features_of_unconnected_towers_never_cross() -> None:
    account = ledger(network("soumith"))
    assert account.crossings == ()
    joined = next(layer for layer in network("soumith") if len(layer.reads) > 1)
    assert (joined.name, joined.kind, joined.reads) == ("features", "concat", ("pool5a", "pool5b"))
    assert [network("soumith").shape(f"pool{n}b")[1] for n in (1, 2, 5)] == [27, 13, 6]


def test_alexnetowt_is_torchvisions_network() -> None:
    # soumith/imagenet-multiGPU.torch, models/alexnetowt.lua: its layers as (outputs, inputs, size)
    features = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
    dense = ((4096, 256 * 6 * 6), (4096, 4096), (1000, 4096))
    shapes = [(f, c, s, s) for f, c, s in features] + list(dense)
    found = [p.shape for p in network_parameters(network("one_weird_trick")) if not p.is_bias]
    assert found == shapes


def test_first_layer_shared_and_unshared_as_cs231n_counts_them() -> None:
    row = next(r for r in ledger(network("cs231n")).rows if r.name == "conv1")
    assert row.parameters == 96 * (11 * 11 * 3) + 96 == 34_944
    assert row.connections == 55 * 55 * 96 * (11 * 11 * 3 + 1) == 105_705_600
    assert row.multiply_adds == 55 * 55 * 96 * (11 * 11 * 3) == 105_415_200


def test_lenet_style_connections_include_the_bias() -> None:
    # LeCun et al. 1998: layer C1 has 156 parameters and 122,304 connections (28·28·6·(25 + 1))
    from alexnet.network.layers import Conv, Gaussian, Input, Kernel
    from alexnet.network.spec import Network

    c1 = Conv(
        name="c1",
        reads=("data",),
        filters=6,
        rule="torch",
        kernels=(Kernel(size=5, initial=Gaussian(0.1)),),
    )
    row = ledger(Network("lenet", (Input(name="data", shape=(1, 32, 32)), c1))).rows[1]
    assert (row.parameters, row.connections) == (156, 122_304)


def test_paper_and_as_run_have_the_same_shapes_in_each_stage() -> None:
    def weighted(name: str) -> list[tuple[int, ...]]:
        return [s.rows[0].shape for s in ledger(network(name)).stages if s.total.parameters]

    assert weighted("paper") == weighted("as_run")


def test_as_run_differs_from_the_paper_where_the_2012_files_do() -> None:
    kinds = [layer.kind for layer in network("as_run") if layer.name.endswith("1a")][:2]
    assert kinds == ["conv", "cross-map-norm"]  # layer 1: norm before pool and ReLU
    assert isinstance(network("as_run")["cnorm2a"], WithinMapNorm)
    assert isinstance(network("13pct")["local3"], Local)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_total_is_the_sum_of_its_column(name: str) -> None:
    tree: Any = as_tree(ledger(network(name)))
    for key, value in tree["total"].items():
        assert value == sum(layer[key] for layer in tree["layers"]), key
    assert tree["total"]["parameters"] == sum(p.count for p in network_parameters(network(name)))
    assert json.loads(json.dumps(tree)) == tree


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_the_catalog_says_where_its_weights_come_from(name: str) -> None:
    account = ledger(network(name))
    assert account.network.source
    for row in account.rows:
        assert all(row.why.values())


def test_towers_share_the_paper_evenly_up_to_the_last_layer() -> None:
    account = ledger(network("paper"))
    first, second = account.per_tower[0], account.per_tower[1]
    assert first == second
    assert first.parameters * 2 + 1000 * 4096 + 1000 == account.total.parameters


def test_twins_become_one_stage() -> None:
    stages = {s.name: s for s in ledger(network("paper")).stages}
    assert stages["conv1"].total.neurons == 290_400
    assert [r.name for r in stages["conv1"].rows] == ["conv1a", "conv1b"]
    assert stem("pool1a_neuron", 0) == "pool1_neuron"
    assert stem("data", None) == "data"


def test_feature_maps_cross_only_at_conv3_and_the_fully_connected_layers() -> None:
    crossings = ledger(network("paper")).crossings
    assert sorted((c.layer, c.floats) for c in crossings) == [
        ("drop6a", 2048),
        ("drop6b", 2048),
        ("pool2a", 128 * 13 * 13),
        ("pool2b", 128 * 13 * 13),
        ("pool5a", 128 * 6 * 6),
        ("pool5b", 128 * 6 * 6),
    ]


def test_receptive_fields_of_the_paper() -> None:
    fields = {r.name: r.receptive_field for r in ledger(network("paper")).rows}
    sizes = {name: field.size for name, field in fields.items() if field}
    # by hand: 11; +2·4 = 19; +4·8 = 51; +2·8 = 67; +2·16 = 99, 131, 163; +2·16 = 195
    assert [sizes[n] for n in ("conv1a", "pool1a", "conv2a", "pool2a")] == [11, 19, 51, 67]
    assert [sizes[n] for n in ("conv3a", "conv4a", "conv5a", "pool5a")] == [99, 131, 163, 195]
    assert sizes["fc6a"] == 195 + 5 * 32
    assert fields["labels"] is None and fields["logprob"] is None


@pytest.mark.parametrize(
    ("rule", "side"),
    [("torch", 54), ("caffe", 54), ("cuda-convnet", 55), ("same", 56), ("valid", 54)],
)
def test_the_paper_re_read_under_each_rule(rule: Any, side: int) -> None:
    assert with_rule(network("paper"), rule).shape("conv1a") == (48, side, side)


def test_another_input_size_changes_the_maps() -> None:
    assert with_input(network("one_weird_trick"), 227).shape("conv1") == (64, 56, 56)
    with pytest.raises(NetworkError, match="does not fit into"):
        with_input(network("paper"), 16)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no network is called 'papper'; did you mean 'paper'\?"):
        network("papper")


def test_the_original_parsers_counted_the_same(shared: Path) -> None:
    oracle = json.loads((shared / "configs" / "oracle.json").read_text())["configs"]
    pairs = {
        "as_run": ("chm:layers/layers-145.cfg", 224),
        "one_gpu": ("chm:layers/layers-145-half.cfg", 224),
        "80sec": ("dnouri:example-layers/layers-80sec.cfg", 32),
        "18pct": ("dnouri:example-layers/layers-18pct.cfg", 32),
        "13pct": ("dnouri:example-layers/layers-conv-local-13pct.cfg", 24),
        "11pct": ("cc2:layers/layers-cifar10-11pct.cfg", 24),
    }
    for name, (config, pixels) in pairs.items():
        row = next(r for r in oracle if r["config"] == config and r["input_dims"][0] == pixels)
        ours = {r.name: r for r in ledger(network(name)).rows}
        for layer in row["layers"]:
            if layer["type"].startswith("cost"):
                continue
            height, width = ours[layer["name"]].shape[1:]
            assert ours[layer["name"]].shape[0] * height * width == layer["outputs"], layer["name"]
            shapes = layer.get("weight_shapes", [])
            assert ours[layer["name"]].weights == sum(a * b for a, b in shapes), layer["name"]
        sums = ledger(network(name)).total
        assert sums.parameters == row["total_params"]
        assert sums.neurons == row["total_neurons_conv_fc"]
