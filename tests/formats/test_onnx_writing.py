"""Models written from a network: onnxruntime computes what we compute, layer by layer, whatever the
network, and finds the contract's preparation inside where it was asked for.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from alexnet.formats import Checkpoint, FormatError
from alexnet.formats.onnx import write, write_model, write_to
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    Loss,
    MaxPool,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.torch_net import build, initial_arrays
from every_kind import every_kind
from formats.onnx_made import close, drawn, our_output, ours, pictures, session, theirs
from reduced import reduced


def written(checkpoint: Checkpoint, folder: Path, **options: bool) -> Path:
    path = folder / "model.onnx"
    write_model(checkpoint, path, **options)
    onnx.checker.check_model(str(path), full_check=True)
    return path


def with_every_layer(path: Path) -> onnx.ModelProto:
    """The model, with the output of every layer as one of its own."""
    model = onnx.load(str(path))
    model.graph.output.extend(model.graph.value_info)
    return model


def same_everywhere(checkpoint: Checkpoint, folder: Path, inputs: np.ndarray) -> None:
    """Every layer but inputs and losses is there under its name, and gives what ours gives."""
    found = theirs(with_every_layer(written(checkpoint, folder)), inputs)
    expected = ours(checkpoint, inputs)
    layers = [x.name for x in checkpoint.network if not isinstance(x, Input | Loss)]
    assert sorted(found) == sorted(layers)
    for name in layers:
        close(found[name], expected[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_every_catalog_network_is_as_ours(name: str, tmp_path: Path) -> None:
    network = reduced(name)
    same_everywhere(drawn(network), tmp_path, pictures(network))


def test_every_kind_that_only_old_files_say_is_as_ours(tmp_path: Path) -> None:
    network = every_kind()
    checkpoint, inputs = drawn(network), pictures(network, upto=1)
    found = theirs(written(checkpoint, tmp_path), inputs)
    close(found[network.outputs.name], our_output(checkpoint, inputs))
    model = with_every_layer(tmp_path / "model.onnx")
    expected = ours(checkpoint, inputs)
    for name, array in theirs(model, inputs).items():
        close(array, expected[name])


def layered(*layers: Layer, shape: tuple[int, int, int] = (4, 13, 11)) -> Network:
    return Network("layered", (Input(name="data", shape=shape), *layers))


FUNCTIONS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("relu", ()),
    ("bounded-relu", (1.5,)),
    ("noisy-relu", ()),
    ("soft-relu", ()),
    ("logistic", ()),
    ("tanh", (1.0, 1.0)),
    ("tanh", (1.7159, 0.6667)),
    ("soft-threshold", (2.0,)),
    ("abs", ()),
    ("square", ()),
    ("sqrt", ()),
    ("log", (0.5,)),
    ("linear", (2.0, 0.0)),
    ("linear", (1.0, 0.0)),
    ("linear", (-0.5, 3.0)),
    ("identity", ()),
)


@pytest.mark.parametrize(("function", "parameters"), FUNCTIONS)
def test_every_function_is_as_ours(
    function: str, parameters: tuple[float, ...], tmp_path: Path
) -> None:
    layer = Activation(name="f", reads=("data",), function=function, parameters=parameters)  # pyright: ignore
    network = layered(layer, shape=(3, 13, 11))
    lowest = 0.0 if function in ("sqrt", "log") else -3.0
    inputs = np.random.default_rng(1).uniform(lowest, 6, (2, 3, 13, 11)).astype(np.float32)
    same_everywhere(drawn_any(network), tmp_path, inputs)


def drawn_any(network: Network) -> Checkpoint:
    """A checkpoint of a network whose pictures have any number of channels."""
    channels = network.picture.shape[0]
    if channels in (1, 3):
        return drawn(network)
    layers = list(network.layers)
    spread = Conv(
        name="spread",
        reads=("picture",),
        filters=channels,
        kernels=(Kernel(size=1, initial=Gaussian(1.0)),),
        rule="torch",
    )
    picture = Input(name="picture", shape=(3, *network.picture.shape[1:]))
    rest = [
        replace(x, reads=tuple("spread" if r == "data" else r for r in x.reads)) for x in layers[1:]
    ]
    return drawn(Network(network.name, (picture, spread, *rest)))


POOLS: tuple[Layer, ...] = (
    MaxPool(name="p", reads=("data",), window=Window(size=3, stride=2), rule="cuda-convnet"),
    MaxPool(name="p", reads=("data",), window=Window(size=3, stride=2, padding=1), rule="caffe"),
    MaxPool(
        name="p",
        reads=("data",),
        window=Window(size=3, stride=2, padding=-1),
        rule="cuda-convnet",
    ),
    MaxPool(
        name="p",
        reads=("data",),
        window=Window(size=3, stride=2, outputs=4),
        rule="cuda-convnet",
    ),
    MaxPool(name="p", reads=("data",), window=Window(size=4, stride=3), rule="same"),
    *(
        MaxPool(
            name="p",
            reads=("data",),
            window=Window(size=size, stride=stride, padding=padding, outputs=outputs),
            rule=rule,
            by_magnitude=True,
        )
        for size, stride, padding, outputs, rule in (
            (3, 2, 0, None, "cuda-convnet"),
            (3, 2, 1, None, "torch"),
            (2, 2, 0, 4, "cuda-convnet"),
            (3, 3, 0, None, "torch"),
        )
    ),
    *(
        AveragePool(
            name="p",
            reads=("data",),
            window=Window(size=3, stride=2, padding=padding),
            rule=rule,
            divisor=divisor,
        )
        for divisor in ("inside", "padded", "window", "one")
        for padding, rule in ((0, "torch"), (1, "caffe"), (1, "torch"), (0, "same"))
    ),
    CrossMapNorm(
        name="p", reads=("data",), size=5, alpha=0.3, alpha_divided=True, beta=0.75, k=2, groups=2
    ),
    CrossMapNorm(name="p", reads=("data",), size=4, alpha=0.3, alpha_divided=False, beta=0.5, k=1),
    CrossMapNorm(
        name="p", reads=("data",), size=2, alpha=1, alpha_divided=True, beta=0.5, k=1, blocked=True
    ),
    WithinMapNorm(name="p", reads=("data",), size=4, alpha=0.3, alpha_divided=True, beta=1, k=1),
    WithinMapNorm(name="p", reads=("data",), size=3, alpha=0.3, alpha_divided=False, beta=1, k=1),
    ContrastNorm(name="p", reads=("data",), size=3, alpha=0.3, alpha_divided=True, beta=1, k=1),
)


@pytest.mark.parametrize("layer", POOLS, ids=lambda layer: layer.kind)
def test_every_window_and_norm_is_as_ours(layer: Layer, tmp_path: Path) -> None:
    checkpoint = drawn_any(layered(layer))
    inputs = np.random.default_rng(2).normal(0, 3, (2, 3, 13, 11)).astype(np.float32)
    same_everywhere(checkpoint, tmp_path, inputs)


def kernel(size: int, **more: int) -> Kernel:
    return Kernel(size=size, initial=Gaussian(0.3), **more)  # pyright: ignore


def test_what_joins_and_splits_is_as_ours(tmp_path: Path) -> None:
    """Two inputs with kernels of their own, biases of every kind, sets, sums and maxima."""
    layers: tuple[Layer, ...] = (
        Conv(
            name="a",
            reads=("data", "data"),
            filters=4,
            kernels=(kernel(3, padding=1, stride=2), kernel(5, padding=2, stride=2, groups=2)),
            rule="cuda-convnet",
        ),
        Conv(
            name="b",
            reads=("data",),
            filters=4,
            kernels=(kernel(3, stride=2, padding=1),),
            rule="cuda-convnet",
            bias="unshared",
        ),
        Local(
            name="c",
            reads=("a", "b"),
            filters=4,
            kernels=(kernel(3, groups=2), kernel(3)),
            rule="cuda-convnet",
            bias="shared",
        ),
        Conv(
            name="d",
            reads=("a",),
            filters=4,
            kernels=(kernel(3),),
            rule="torch",
            bias="none",
        ),
        ElementwiseSum(name="sum", reads=("c", "d"), coefficients=(1.0, -0.5)),
        ElementwiseMax(name="max", reads=("sum", "c")),
        Concat(name="both", reads=("max", "d")),
        Dropout(name="then", reads=("both",), keep=0.25, scaling="test"),
        FullyConnected(name="e", reads=("then",), outputs=6, initial=(Gaussian(0.1),), groups=2),
        FullyConnected(
            name="f", reads=("e", "b"), outputs=5, initial=(Gaussian(0.1), Gaussian(0.1))
        ),
        Activation(name="g", reads=("f",), function="relu"),
        Concat(name="h", reads=("f", "g")),
    )
    inputs = np.random.default_rng(3).normal(size=(2, 3, 13, 11)).astype(np.float32)
    same_everywhere(drawn_any(layered(*layers)), tmp_path, inputs)


def test_the_batch_is_open_and_names_and_arrays_are_kept(tmp_path: Path) -> None:
    network = reduced("paper")
    checkpoint = drawn(network)
    path = written(checkpoint, tmp_path)
    machine = session(path)
    assert machine.get_inputs()[0].shape == ["N", 3, 67, 67]
    for count in (1, 3):
        inputs = pictures(network, count)
        (found,) = machine.run(None, {"data": inputs})
        close(np.asarray(found), our_output(checkpoint, inputs))
    model = onnx.load(str(path))
    assert [each.version for each in model.opset_import] == [17]
    held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name, array in checkpoint.arrays.items():
        np.testing.assert_array_equal(held[name], array)


def test_overhang_is_explicit_padding_at_the_far_edge(tmp_path: Path) -> None:
    """2012's 224 pixels: the last window of conv1 reaches 3 pixels beyond the far edge, and torch's
    rule would leave it out.
    """
    network = reduced("paper", side=224)
    model = onnx.load(str(written(drawn(network), tmp_path)))
    pads = {
        each.name: onnx.helper.get_attribute_value(attribute)
        for each in model.graph.node
        for attribute in each.attribute
        if attribute.name == "pads"
    }
    assert pads["conv1a"] == [0, 0, 3, 3]
    assert "ceil_mode" not in {a.name for each in model.graph.node for a in each.attribute}


@pytest.mark.parametrize(
    "name",
    ["paper", *(pytest.param(x, marks=pytest.mark.slow) for x in ("as_run", "one_weird_trick"))],
)
def test_the_whole_networks_are_as_ours(name: str, tmp_path: Path) -> None:
    network = get_network(name)
    arrays = {name: array.numpy() for name, array in initial_arrays(network).items()}
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0)
    checkpoint = Checkpoint(network=network, arrays=arrays, contract=contract)
    module = build(network, arrays=arrays).eval()
    inputs = pictures(network, 1)
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs)).numpy()
    path = tmp_path / "model.onnx"
    write(checkpoint, path)
    onnx.checker.check_model(str(path))
    close(theirs(path, inputs)[network.outputs.name], expected)


# --- the preparation of pictures ------------------------------------------------------------------

CONTRACTS: tuple[dict[str, object], ...] = (
    {},
    {"mean": (104.0, 117.0, 123.0), "channel_order": "BGR"},
    {"mean": (120.0,)},
    {"mean_image": True, "border_pixels": 1},
    {"mean_image": True, "channel_order": "BGR", "pixel_maximum": 1.0},
    {
        "mean": (0.485, 0.456, 0.406),
        "deviation": (0.229, 0.224, 0.225),
        "pixel_maximum": 1.0,
    },
)


def prepared(checkpoint: Checkpoint, given: np.ndarray) -> np.ndarray:
    """(pixel · pixel_maximum / 255 − mean) / deviation, written out again."""
    contract = checkpoint.contract
    found = given.astype(np.float64).transpose(0, 3, 1, 2)
    if contract.channel_order == "BGR":
        found = found[:, ::-1]
    found = found * contract.pixel_maximum / 255
    if checkpoint.mean_image is not None:
        found = found - checkpoint.mean_image[:, 1:-1, 1:-1]
    if contract.mean:
        found = found - np.array(contract.mean).reshape(1, -1, 1, 1)
    if contract.deviation:
        found = found / np.array(contract.deviation).reshape(1, -1, 1, 1)
    return found


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: "-".join(c) or "nothing")
def test_bytes_are_prepared_inside_the_graph_where_asked(
    contract: dict[str, object], tmp_path: Path
) -> None:
    network = reduced("one_weird_trick", filters=4)
    checkpoint = drawn(network, **contract)
    path = written(checkpoint, tmp_path, preprocessing=True)
    given = np.random.default_rng(0).integers(0, 256, (2, 67, 67, 3)).astype(np.uint8)
    (entry,) = session(path).get_inputs()
    assert (entry.type, entry.shape) == ("tensor(uint8)", ["N", 67, 67, 3])
    expected = our_output(checkpoint, prepared(checkpoint, given).astype(np.float32))
    close(theirs(path, given)[network.outputs.name], expected)


def test_grey_bytes_are_prepared_too(tmp_path: Path) -> None:
    checkpoint = drawn(get_network("tiny"), mean=(33.0,))
    path = written(checkpoint, tmp_path, preprocessing=True)
    given = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1)).astype(np.uint8)
    expected = our_output(checkpoint, prepared(checkpoint, given).astype(np.float32))
    close(theirs(path, given)["probs"], expected)


# --- files ----------------------------------------------------------------------------------------


def test_weights_beside_the_model_are_the_same_weights(tmp_path: Path) -> None:
    network = reduced("caffe")
    checkpoint = drawn(network)
    said = write_model(checkpoint, tmp_path / "model.onnx", external_data=True)
    assert [file.name for file in said.files] == ["model.onnx", "model.onnx.data"]
    assert sum(file.stat().st_size for file in said.files) > said.files[0].stat().st_size
    onnx.checker.check_model(str(said.files[0]), full_check=True)
    outside = onnx.load(str(said.files[0]), load_external_data=False)
    for each in outside.graph.initializer:
        entries = {entry.key: entry.value for entry in each.external_data}
        if entries:
            assert int(entries["offset"]) % 4096 == 0
    inputs = pictures(network)
    close(theirs(said.files[0], inputs)["probs"], our_output(checkpoint, inputs))


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4"])
def test_weights_of_other_precisions_keep_it(dtype: str, tmp_path: Path) -> None:
    network = reduced("tiny")
    plain = drawn(network)
    arrays = {name: array.astype(dtype) for name, array in plain.arrays.items()}
    checkpoint = replace(plain, arrays=arrays)
    path = written(checkpoint, tmp_path)
    inputs = pictures(network)
    close(theirs(path, inputs)["probs"], our_output(checkpoint, inputs))
    notes = write(checkpoint, path).notes
    assert any("computed with as float32" in note for note in notes) == (dtype != ">f4")


def test_writing_into_a_file_that_is_open_gives_the_same_bytes(tmp_path: Path) -> None:
    checkpoint = drawn(reduced("tiny"))
    write(checkpoint, tmp_path / "a.onnx")
    file = io.BytesIO()
    write_to(checkpoint, file)
    assert file.getvalue() == (tmp_path / "a.onnx").read_bytes()


def test_what_the_graph_does_not_hold_is_said(tmp_path: Path) -> None:
    said = write(drawn(reduced("paper")), tmp_path / "a.onnx")
    assert "losses are not in the graph: logprob" in said.notes
    assert any("only the metadata says" in note for note in said.notes)


def test_a_file_that_cannot_be_written_is_said_and_left_alone(tmp_path: Path) -> None:
    checkpoint = drawn(reduced("tiny"))
    with pytest.raises(FormatError, match="cannot be written"):
        write(checkpoint, tmp_path / "nowhere" / "a.onnx")
    with pytest.raises(FormatError, match="holds longdouble|holds float128"):
        arrays = {name: array.astype(np.longdouble) for name, array in checkpoint.arrays.items()}
        write(replace(checkpoint, arrays=arrays), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
