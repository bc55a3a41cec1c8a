"""What was written is read back: the same checkpoint by the model's metadata, and without it a
network that computes the same, made of the operators alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from alexnet.formats import Beside, Checkpoint, FormatError
from alexnet.formats.onnx import FORMAT, describe, read, recognise, write, write_model
from alexnet.network.catalog import NETWORKS
from alexnet.network.layers import Activation, Dropout, Input, Loss
from every_kind import every_kind
from formats.onnx_made import close, drawn, our_output, pictures, theirs
from formats.small import checkpoint as small
from reduced import reduced


def stripped(path: Path) -> Path:
    """The file as any other program would have left it: no metadata of ours, no producer."""
    model = onnx.load(str(path), load_external_data=False)
    kept = [(e.key, e.value) for e in model.metadata_props if not e.key.startswith("alexnet.")]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(kept))
    model.producer_name = ""
    path.write_bytes(model.SerializeToString())
    return path


def equal(found: Checkpoint, expected: Checkpoint) -> None:
    assert found.network == expected.network and found.network.name == expected.network.name
    assert found.network.source == expected.network.source
    assert (found.contract, found.classes) == (expected.contract, expected.classes)
    assert found.notes == expected.notes
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    if expected.mean_image is None:
        assert found.mean_image is None
    else:
        np.testing.assert_array_equal(found.mean_image, expected.mean_image)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("beside", [False, True], ids=["one file", "weights beside"])
def test_every_catalog_network_comes_back_as_it_was(
    name: str, beside: bool, tmp_path: Path
) -> None:
    checkpoint = drawn(reduced(name))
    write_model(checkpoint, tmp_path / "a.onnx", external_data=beside)
    equal(read(tmp_path / "a.onnx"), checkpoint)
    assert describe(tmp_path / "a.onnx").network == checkpoint.network


def test_everything_that_a_checkpoint_holds_comes_back_but_its_run(tmp_path: Path) -> None:
    checkpoint = small()
    said = write(checkpoint, tmp_path / "a.onnx")
    assert any("run's state" in note for note in said.notes)
    found = read(tmp_path / "a.onnx")
    equal(found, checkpoint)
    assert found.training is None
    write_model(checkpoint, tmp_path / "b.onnx", preprocessing=True)
    equal(read(tmp_path / "b.onnx"), checkpoint)
    equal(read_by_the_table(tmp_path / "b.onnx"), checkpoint)


def read_by_the_table(path: Path) -> Checkpoint:
    assert recognise(path.read_bytes()[:4096], "no ending")
    return FORMAT.read(path, Beside())


@pytest.mark.parametrize("name", NETWORKS)
def test_without_its_metadata_every_catalog_network_computes_the_same(
    name: str, tmp_path: Path
) -> None:
    """Layers, names and kinds are the written ones. Towers, first values, labels and losses are
    gone; 2012's dropout is the scale that it is at test time.
    """
    checkpoint = drawn(reduced(name))
    write(checkpoint, tmp_path / "a.onnx")
    found = read(stripped(tmp_path / "a.onnx"))
    inputs = pictures(checkpoint.network)
    close(our_output(found, inputs), our_output(checkpoint, inputs), 1e-6)
    kept = [
        (x.name, "activation" if isinstance(x, Dropout) and x.scaling == "test" else x.kind)
        for x in checkpoint.network
        if not isinstance(x, Loss)
        and not (isinstance(x, Input) and x.content == "labels")
        and not (isinstance(x, Activation) and x.function == "identity")
    ]
    assert [(x.name, x.kind) for x in found.network] == kept
    for layer in found.network:
        assert found.network.shape(layer.name) == checkpoint.network.shape(layer.name)


@pytest.mark.parametrize(
    "contract",
    [
        {"mean": (104.0, 117.0, 123.0), "channel_order": "BGR"},
        {"mean": (120.0,)},
        {"mean_image": True},
        {"mean_image": True, "channel_order": "BGR", "pixel_maximum": 1.0},
        {"mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225), "pixel_maximum": 1.0},
    ],
    ids=lambda contract: "-".join(contract),
)
def test_a_preparation_inside_the_graph_is_read_as_the_contract(
    contract: dict[str, object], tmp_path: Path
) -> None:
    checkpoint = drawn(reduced("one_weird_trick", filters=4), **contract)
    write_model(checkpoint, tmp_path / "a.onnx", preprocessing=True)
    found = read(stripped(tmp_path / "a.onnx"))
    assert found.contract.channel_order == checkpoint.contract.channel_order
    assert found.contract.pixel_maximum == checkpoint.contract.pixel_maximum
    assert found.contract.deviation == pytest.approx(checkpoint.contract.deviation, rel=1e-6)
    if checkpoint.mean_image is None:
        mean = np.broadcast_to(np.array(checkpoint.contract.mean), 3)
        assert found.contract.mean == pytest.approx(tuple(mean), rel=1e-6)
    else:
        assert found.mean_image is not None
        np.testing.assert_allclose(
            found.mean_image, checkpoint.mean_image[:, 1:-1, 1:-1], rtol=1e-6
        )
    inputs = pictures(checkpoint.network)
    close(our_output(found, inputs), our_output(checkpoint, inputs), 1e-6)


def edited(path: Path, change: str) -> Path:
    """The model as a graph editor leaves it: changed, with the metadata that it had."""
    model = onnx.load(str(path))
    nodes, constants = model.graph.node, model.graph.initializer
    match change:
        case "operator":
            next(each for each in nodes if each.op_type == "Relu").op_type = "Sigmoid"
        case "attribute":
            norm = next(each for each in nodes if each.op_type == "LRN")
            next(each for each in norm.attribute if each.name == "beta").f = 0.5
        case "output":
            del nodes[-1]
            model.graph.output[0].name = nodes[-1].output[0]
        case "constant":
            share = next(each for each in constants if each.name.endswith(":keep"))
            share.CopyFrom(onnx.numpy_helper.from_array(np.float32(0.25), share.name))
        case _:
            kept = [e for e in model.metadata_props if e.key != "alexnet.graph"]
            del model.metadata_props[:]
            model.metadata_props.extend(kept)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("change", ["operator", "attribute", "output", "constant", "metadata"])
def test_a_model_of_ours_that_was_changed_is_read_by_its_operators(
    change: str, tmp_path: Path
) -> None:
    """Else the network that stood in it before would be computed with."""
    checkpoint = drawn(reduced("one_gpu", filters=4, outputs=4))
    write(checkpoint, tmp_path / "a.onnx")
    path = edited(tmp_path / "a.onnx", change)
    found, said = read(path), "the graph is not the one that alexnet wrote with this metadata"
    assert found.notes[0].startswith(said) and describe(path).notes[0].startswith(said)
    inputs = pictures(checkpoint.network)
    close(our_output(found, inputs), next(iter(theirs(path, inputs).values())), 1e-5)


def test_weights_of_a_model_of_ours_may_be_replaced(tmp_path: Path) -> None:
    checkpoint = drawn(reduced("tiny", filters=4, outputs=4))
    write(checkpoint, tmp_path / "a.onnx")
    model = onnx.load(str(tmp_path / "a.onnx"))
    bias = next(each for each in model.graph.initializer if each.name.endswith(".bias"))
    other = np.full(tuple(bias.dims), 3, np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(other, bias.name))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    arrays = {**checkpoint.arrays, bias.name: other}
    equal(read(tmp_path / "a.onnx"), replace(checkpoint, arrays=arrays))


def test_what_no_operator_says_needs_the_metadata(tmp_path: Path) -> None:
    write(drawn(every_kind()), tmp_path / "a.onnx")
    assert read(tmp_path / "a.onnx").network == every_kind()
    with pytest.raises(FormatError, match=r"node 'lab:\w+' \(\w+\): "):
        read(stripped(tmp_path / "a.onnx"))


def test_numbers_that_are_not_finite_are_read_and_noted(tmp_path: Path) -> None:
    checkpoint = drawn(reduced("tiny"))
    arrays = {name: array.copy() for name, array in checkpoint.arrays.items()}
    arrays["conv1a.bias"][:2] = np.nan, np.inf
    write(replace(checkpoint, arrays=arrays), tmp_path / "a.onnx")
    for path in (tmp_path / "a.onnx", stripped(tmp_path / "a.onnx")):
        notes = read(path).notes
        assert notes[-1] == "'conv1a.bias' holds 2 numbers that are not finite"
