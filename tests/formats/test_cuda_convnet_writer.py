"""Networks and rules written as files of 2012: the text, the warnings and the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet.formats import FormatError
from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.writer import (
    definition_text,
    definition_warnings,
    parameters_beside,
    parameters_text,
    write_definition,
)
from alexnet.formats.cuda_convnet.writer_parameters import start_rules
from alexnet.formats.cuda_convnet.writer_sections import partial_sum, written_as_neuron
from alexnet.network.catalog import get_network as network
from alexnet.network.layers import (
    CrossMapNorm,
    ElementwiseMax,
    MaxPool,
    Resize,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from formats.cuda_convnet_networks import (
    CUDA,
    conv,
    fc,
    labels,
    neuron,
    picture,
    scores,
    section,
)

# --- the text -------------------------------------------------------------------------------------


def test_a_section_has_its_keys_in_the_order_of_2012() -> None:
    text = definition_text(network("as_run"))
    assert text.startswith(
        "# as_run: layer definition\n# picture: 3 channels, 224 pixels (--input 224)\n\n[data]\n"
    )
    assert (
        "\n[conv2a]\ntype=conv\ninputs=pool1a\nchannels=48\nfilters=128\npadding=2\nstride=1\n"
        "filterSize=5\ninitW=0.01\ninitB=1\npartialSum=3\nsharedBiases=1\nneuron=relu\n\n"
    ) in text
    assert "\n[conv3b]\ntype=conv\ninputs=pool2a,pool2b\nchannels=128,128\n" in text


def test_a_gpu_is_named_where_the_first_input_runs_on_another() -> None:
    text = definition_text(network("as_run"))
    named = {
        name: section(text, name).get("gpu")
        for name in ("conv1a", "conv1b", "rnorm1b", "conv3a", "conv3b", "fc2048bb", "logprob")
    }
    assert named == {
        "conv1a": "0",
        "conv1b": "1",
        "rnorm1b": None,
        "conv3a": None,
        "conv3b": "1",
        "fc2048bb": None,
        "logprob": "0",
    }


def test_parameters_say_where_rates_come_from() -> None:
    text = parameters_text(network("as_run"))
    assert "# rates are where the notebook's runs start: epsW 0.01, epsB 0.02," in text
    assert section(text, "rnorm1a") == {"scale": "0.0001", "pow": "0.75", "minDiv": "2"}
    assert section(text, "cnorm2a") == {"scale": "0.001", "pow": "0.75"}
    assert section(text, "hs1a") == {"enable": "true"}
    assert section(text, "logprob") == {"coeff": "1", "topk": "5"}
    assert section(text, "conv3a") == {
        "epsW": "0.01,0.01",
        "epsB": "0.02",
        "momW": "0.9,0.9",
        "momB": "0.9",
        "wc": "0.0005,0.0005",
    }
    given_rules = parameters_text(network("as_run"), start_rules(network("as_run")))
    assert "notebook" not in given_rules


def test_a_partial_sum_divides_the_places_and_is_as_in_the_released_files() -> None:
    known = {55 * 55: 5, 27 * 27: 3, 13 * 13: 13, 32 * 32: 4, 24 * 24: 3, 1: 1, 4: 4}
    assert {places: partial_sum(places) for places in known} == known


def test_an_activation_is_a_neuron_only_where_the_parser_would_detach_it_so() -> None:
    base = [picture(), conv("conv1", "data"), neuron("conv1_neuron", "conv1")]
    end = [fc("fc1", "conv1_neuron", 4), *scores("fc1")]
    plain = Network("n", (*base, *end))
    assert written_as_neuron(plain) == {"conv1_neuron": "conv1"}
    assert section(definition_text(plain), "fc1")["inputs"] == "conv1"

    two_readers = Network("n", (*base, fc("fc1", "conv1", 4), fc("fc2", "conv1_neuron", 4)))
    other_name = Network("n", (*base[:2], neuron("relu1", "conv1"), fc("fc1", "relu1", 4)))
    apart = Network("n", (*base[:2], labels(), base[2], fc("fc1", "conv1_neuron", 4)))
    on_data = Network("n", (picture(), neuron("data_neuron", "data"), fc("fc1", "data_neuron", 4)))
    for net in (two_readers, other_name, apart, on_data):
        assert written_as_neuron(net) == {}
        assert "type=neuron\n" in definition_text(net)


def test_numbers_of_neurons_have_no_exponent_and_others_are_the_shortest() -> None:
    layers = (
        picture(),
        conv("conv1", "data", deviation=1e-5),
        neuron("conv1_neuron", "conv1", "linear", (1e-7, -2.5e21)),
        fc("fc1", "conv1_neuron", 4),
    )
    text = definition_text(Network("n", layers))
    assert section(text, "conv1")["neuron"] == "linear[0.0000001,-2500000000000000000000]"
    assert section(text, "conv1")["initW"] == "1e-05"


def test_a_name_with_line_breaks_stays_in_its_comment() -> None:
    net = replace(network("18pct"), name="one\n[two]\u2028three=4")
    text = definition_text(net)
    assert text.splitlines()[0] == "# one [two] three=4: layer definition"
    assert parse_document(text, "text").notes == ()


# --- warnings ---------------------------------------------------------------------------------


def test_what_the_original_would_refuse_is_written_and_warned_of() -> None:
    layers = (
        picture(channels=5),
        labels(),
        conv("conv1", "data", filters=6, stride=4),
        CrossMapNorm(
            name="norm1", reads=("conv1",), size=9, alpha=1.0, alpha_divided=True, beta=0.5, k=1.0
        ),
        WithinMapNorm(
            name="norm2", reads=("norm1",), size=9, alpha=1.0, alpha_divided=True, beta=0.5, k=1.0
        ),
        MaxPool(name="pool1", reads=("norm2",), window=Window(size=1, stride=2), rule=CUDA),
        Resize(name="resize1", reads=("pool1",), scale=1.0),
        ElementwiseMax(name="max1", reads=("resize1",)),
        fc("fc1", "max1", 4),
        fc("fc2", "max1", 4),
        *scores("fc1")[1:],
    )
    net = Network("odd", layers)
    assert "[norm2]" in definition_text(net)
    assert definition_warnings(net) == tuple(
        f"[{name}]: the original refuses {why}"
        for name, why in (
            ("conv1", "channels that are more than 3 and no multiple of 4 ('data' has 5)"),
            ("conv1", "6 filters, no multiple of 16 (16 · groups)"),
            ("conv1", "a stride of 4 over windows of 3"),
            ("norm1", "6 channels, no multiple of 16"),
            ("norm1", "a norm over 9 of 6 channels"),
            ("norm2", "channels that are more than 3 and no multiple of 4 (6)"),
            ("norm2", "windows of 9 over 3 pixels"),
            ("pool1", "a stride of 2 over windows of 1"),
            ("pool1", "6 channels, no multiple of 16, over layers with weights"),
            ("resize1", "this kind over layers with weights"),
            ("max1", "the largest of fewer than two inputs"),
            ("fc2", "an output that no layer reads"),
        )
    )


def test_groups_the_original_would_refuse_are_warned_of() -> None:
    layers = (
        picture(channels=8),
        conv("conv1", "data", filters=16, groups=4),
        fc("fc1", "conv1", 4),
        *scores("fc1"),
    )
    assert definition_warnings(Network("n", layers)) == (
        "[conv1]: the original refuses 16 filters, no multiple of 64 (16 · groups)",
        "[conv1]: the original refuses 8 channels, no multiple of 16 (4 · groups)",
    )


# --- files ----------------------------------------------------------------------------------------


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    net = network("18pct")
    paths = write_definition(net, tmp_path / "layers-18pct.cfg")
    assert paths == (tmp_path / "layers-18pct.cfg", tmp_path / "layer-params-18pct.cfg")
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert paths[0].read_bytes().decode() == definition_text(net)
    assert paths[1].read_bytes().decode() == parameters_text(net)
    other = tmp_path / "rates.cfg"
    assert write_definition(net, paths[0], parameters_path=other) == (paths[0], other)
    assert other.read_text() == paths[1].read_text()


def test_parameters_stand_beside_the_definition() -> None:
    for name, beside in (
        ("layers-145.cfg", "layer-params-145.cfg"),
        ("layers.gc.cfg", "layer-params.gc.cfg"),
        ("mine.cfg", "mine-params.cfg"),
    ):
        assert parameters_beside(Path("a") / name) == Path("a") / beside


def test_a_refusal_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "layers-x.cfg"
    path.write_text("old")
    with pytest.raises(FormatError, match="cannot be written as files of 2012"):
        write_definition(network("caffe"), path)
    with pytest.raises(FormatError, match="they are two files"):
        write_definition(network("18pct"), path, parameters_path=path)
    with pytest.raises(FormatError, match="p.cfg: cannot be written"):
        write_definition(network("18pct"), path, parameters_path=tmp_path / "no" / "p.cfg")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
