"""The released definitions beside the repository, held against what the original parsers computed
of them, and against the catalog.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.reader import Definition, is_definition, read_definition
from alexnet.network.arithmetic import nailbed_start, neurons, parameters
from alexnet.network.catalog import get_network
from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.placement.weighted import weight_shapes
from alexnet.network.shapes import elements
from alexnet.network.spec import Network

ROOT = Path(__file__).parent.parent.parent.parent / "shared" / "configs"
ORACLE = ROOT / "oracle.json"
ROWS: list[dict[str, Any]] = json.loads(ORACLE.read_text())["configs"] if ORACLE.exists() else []
needs_configs = pytest.mark.skipif(not ROWS, reason="needs ../shared, the released definitions")

KINDS = {
    "data": Input,
    "conv": Conv,
    "local": Local,
    "fc": FullyConnected,
    "treefc": TreeConnected,
    "neuron": Activation,
    "cmrnorm": CrossMapNorm,
    "rnorm": WithinMapNorm,
    "cnorm": ContrastNorm,
    "blur": Blur,
    "nailbed": Nailbed,
    "hs": Dropout,
    "dropout": Dropout,
    "dropout2": Dropout,
    "cost.logreg": LogisticLoss,
    "cost.crossent2": BinaryCrossEntropyLoss,
}
FUNCTIONS = {"ident": "identity"}


def path_of(text: str) -> Path:
    folder, _, rest = text.partition(":")
    return ROOT / folder / rest


def title(row: dict[str, Any]) -> str:
    names = [Path(row[key].partition(":")[2]).stem for key in ("config", "params")]
    return f"{names[0]}-{names[1]}-{row['input_dims'][0]}"


@cache
def read(config: str, params: str, side: int) -> Definition:
    return read_definition(path_of(config), path_of(params), side=side)


def definition_of(row: dict[str, Any]) -> Definition:
    return read(row["config"], row["params"], row["input_dims"][0])


def figures(layer: Layer, network: Network) -> dict[str, object]:
    """What the oracle has of a layer, from ours."""
    shape, inputs = network.shape(layer.name), network.inputs_of(layer)
    found: dict[str, object] = {"outputs": elements(shape), "inputs": list(layer.reads)}
    match layer:
        case Conv() | Local():
            shapes = weight_shapes(layer, inputs, shape)
            found |= {
                "filters": layer.filters,
                "channels": [channels for channels, _, _ in inputs],
                "filterSize": [kernel.size for kernel in layer.kernels],
                "padding": [kernel.padding for kernel in layer.kernels],
                "stride": [kernel.stride for kernel in layer.kernels],
                "groups": [kernel.groups for kernel in layer.kernels],
                "outputsX": shape[1],
                "weight_shapes": [[math.prod(x[-3:]) * math.prod(x[:-4]), x[-4]] for x in shapes],
            }
        case FullyConnected():
            found["weight_shapes"] = [[n, m] for m, n in weight_shapes(layer, inputs, shape)]
        case TreeConnected():
            found["weight_shapes"] = [[elements(inputs[0]), len(layer.parents)]]
        case MaxPool() | AveragePool():
            found |= {
                "pool": "max" if isinstance(layer, MaxPool) else "avg",
                "channels": shape[0],
                "sizeX": layer.window.size,
                "stride": layer.window.stride,
                "start": -layer.window.padding,
                "outputsX": shape[1],
            }
        case CrossMapNorm() | WithinMapNorm() | ContrastNorm():
            divisor = layer.size if isinstance(layer, CrossMapNorm) else layer.size**2
            found |= {
                "channels": shape[0],
                "outputsX": shape[1],
                "size": layer.size,
                "scale": pytest.approx(layer.alpha / divisor, rel=1e-12),
                "pow": layer.beta,
                "minDiv": layer.k,
            }
        case Blur():
            found |= {"channels": shape[0], "filterSize": layer.size, "outputsX": shape[1]}
        case Nailbed():
            start = nailbed_start(layer, inputs[0][1])
            found |= {"channels": shape[0], "stride": layer.stride, "start": start}
            found["outputsX"] = shape[1]
        case LogisticLoss() | BinaryCrossEntropyLoss():
            found["outputs"] = 0
        case _:
            pass
    return found


def check_layer(row: dict[str, Any], definition: Definition) -> None:
    network = definition.network
    layer = network[row["name"]]
    ours = figures(layer, network)
    for key, said in row.items():
        if key in ("name", "type", "gpu", "neuron"):
            continue
        if key == "start" and row["type"] == "data":
            assert said == 0
            continue
        assert ours[key] == said, f"{row['name']}: {key}"
    if row["type"] in KINDS:
        assert isinstance(layer, KINDS[row["type"]]), row["name"]
    if isinstance(layer, Activation):
        said = row["neuron"]
        assert layer.function == FUNCTIONS.get(said["type"], said["type"])
        assert list(layer.parameters) == [said["params"][k] for k in sorted(said["params"])]
    elif row.get("neuron"):
        assert f"{row['name']}_neuron" in network


@needs_configs
@pytest.mark.parametrize("row", ROWS, ids=title)
def test_every_figure_of_the_original_parsers_is_ours(row: dict[str, Any]) -> None:
    definition = definition_of(row)
    network = definition.network
    assert {layer.name for layer in network} == {layer["name"] for layer in row["layers"]}
    for layer in row["layers"]:
        check_layer(layer, definition)
    gpus = {x["name"]: x["gpu"] for x in row["layers"] if x.get("gpu") not in (None, -1, [-1])}
    several = len({str(gpu) for gpu in gpus.values()}) > 1
    for layer in network:
        gpu = gpus.get(layer.name)
        number = gpu[0] if isinstance(gpu, list) else gpu
        assert layer.tower == (number if several else None)


@needs_configs
@pytest.mark.parametrize("row", ROWS, ids=title)
def test_every_total_of_the_original_parsers_is_ours(row: dict[str, Any]) -> None:
    network = definition_of(row).network
    arrays = [parameters(layer, network) for layer in network]
    weights = sum(p.count for own in arrays for p in own if not p.is_bias)
    biases = sum(p.count for own in arrays for p in own if p.is_bias)
    units = sum(neurons(layer, network.placed[layer.name]).value for layer in network)
    assert (weights, biases, weights + biases) == (
        row["total_weights"],
        row["total_biases"],
        row["total_params"],
    )
    assert units == row["total_neurons_conv_fc"]
    assert len(network.layers) == row["n_layers"]
    assert sum(bool(own) for own in arrays) == row["n_weight_layers"]


@needs_configs
@pytest.mark.parametrize(
    ("name", "definition", "parameters", "side"),
    [
        ("as_run", "chm:layers/layers-145.cfg", "chm:layers/layer-params-145.cfg", None),
        (
            "one_gpu",
            "chm:layers/layers-145-half.cfg",
            "chm:layers/layer-params-145-half.cfg",
            None,
        ),
        (
            "80sec",
            "dnouri:example-layers/layers-80sec.cfg",
            "dnouri:example-layers/layer-params-80sec.cfg",
            None,
        ),
        (
            "18pct",
            "dnouri:example-layers/layers-18pct.cfg",
            "dnouri:example-layers/layer-params-18pct.cfg",
            None,
        ),
        (
            "18pct",
            "chm:layers-cifar/layers-18pct.cfg",
            "chm:layers-cifar/layer-params-18pct-noisylr.cfg",
            None,
        ),
        (
            "13pct",
            "dnouri:example-layers/layers-conv-local-13pct.cfg",
            "dnouri:example-layers/layer-params-conv-local-13pct.cfg",
            24,
        ),
        (
            "11pct",
            "cc2:layers/layers-cifar10-11pct.cfg",
            "cc2:layers/layer-params-cifar10-11pct.cfg",
            24,
        ),
    ],
)
def test_the_catalog_nets_are_what_their_files_say(
    name: str, definition: str, parameters: str, side: int | None
) -> None:
    found = read_definition(path_of(definition), path_of(parameters), side=side)
    expected = get_network(name)
    assert [layer.name for layer in found.network] == [layer.name for layer in expected]
    for ours, theirs in zip(found.network, expected, strict=True):
        assert ours == theirs
    assert found.network == expected


FILES = sorted(ROOT.rglob("*.cfg")) if ROWS else []
DEFINITIONS = [path for path in FILES if path.name.startswith("layers")]


@needs_configs
@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name)
def test_every_definition_is_read_with_the_parameters_beside_it(path: Path) -> None:
    assert is_definition(path.read_bytes()[:4096], path.name)
    beside = path.name.replace("layers", "layer-params", 1)
    if not path.with_name(beside).exists():
        why = rf"needs scale and pow from a parameter file; {beside} is not beside it; there is "
        with pytest.raises(FormatError, match=why):
            read_definition(path)
        return
    found = read_definition(path)
    assert found.parameters_path == path.with_name(beside)
    assert f"parameters are those of {beside}, beside it" in found.notes
    assert found.rules is not None and found.rules.dialect == found.dialect


@needs_configs
@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in DEFINITIONS], ids=lambda path: path.name
)
def test_a_parameter_file_alone_is_told_from_a_definition(path: Path) -> None:
    own = path.name.replace("layer-params", "layers")
    with pytest.raises(FormatError, match="looks like a parameter file") as raised:
        read_definition(path)
    assert f"give the definition ({own}) first" in str(raised.value)
