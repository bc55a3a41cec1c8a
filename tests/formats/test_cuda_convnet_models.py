"""Pickled models of the three releases, put together by hand, read as checkpoints; what is written
is as their programs wrote it; hostile and damaged ones are refused.
"""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.formats import Checkpoint, FormatError, TrainingState
from alexnet.formats.cuda_convnet.model_file import (
    FORMAT,
    Model,
    arrays,
    definition,
    documents,
    load_model,
    newest,
    read_model,
    recognise,
    write_model,
)
from alexnet.formats.cuda_convnet.model_layers import read_layers
from alexnet.formats.cuda_convnet.rules import (
    Dialect,
    LayerRules,
    LearningRules,
    RateSchedule,
    WeightRules,
)
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Activation,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    LogisticLoss,
    TreeConnected,
)
from alexnet.network.spec import Network
from formats import by_hand as hand
from formats import models_by_hand as models
from formats.cuda_convnet_networks import every_kind
from formats.models_by_hand import RELEASES, matrix

RGB = InputContract(channel_order="RGB", pixel_maximum=255.0)


def put(folder: Path, data: bytes, name: str = "50.7") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def refused(path: Path) -> str:
    with pytest.raises(FormatError) as raised:
        read_model(path)
    message = str(raised.value)
    assert str(path.name) in message and "\n" not in message
    return message


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_a_model_of_every_release_is_the_same_network(release: str, tmp_path: Path) -> None:
    path = put(tmp_path / "ConvNet__2012-09-19", models.model(RELEASES[release]()))
    checkpoint = read_model(path)
    network = checkpoint.network
    assert network.name == "ConvNet__2012-09-19"
    assert load_model(path).dialect == release
    conv1, conv2 = network["conv1"], network["conv2"]
    assert isinstance(conv1, Conv) and isinstance(conv2, Conv)
    assert conv1.kernels[0] == Kernel(size=3, padding=1, initial=Gaussian(0.01))
    assert [kernel.groups for kernel in conv2.kernels] == [2, 2]
    assert (conv2.filters, conv2.bias, conv2.reads) == (32, "unshared", ("norm1", "pool1"))
    tanh = network["conv2_neuron"]
    assert isinstance(tanh, Activation)
    assert (tanh.function, tanh.parameters, tanh.reads) == ("tanh", (1.5, 0.5), ("conv2",))
    assert network["local3"].reads == ("conv2_neuron",)
    assert network.shape("pool1") == (16, 4, 4) and network.shape("data") == (3, 8, 8)
    norm, loss = network["norm1"], network["logprob"]
    assert isinstance(norm, CrossMapNorm) and isinstance(loss, LogisticLoss)
    early = release == "cuda-convnet"
    assert (norm.alpha, norm.k) == (0.0001, 1.0 if early else 2.0)
    assert loss.top == (1 if early else 3)
    assert checkpoint.training is not None
    assert checkpoint.training.progress == {"epoch": 50, "batchnum": 7}


def test_dropout_of_the_first_and_of_the_second_release(tmp_path: Path) -> None:
    first = definition(load_model(put(tmp_path, models.model(models.first_release())))).network
    lost = first["fc4_dropout"]
    assert isinstance(lost, Dropout) and (lost.keep, lost.reads) == (0.75, ("fc4",))
    second = definition(load_model(put(tmp_path, models.model(models.second_release())))).network
    kept = second["drop"]
    assert isinstance(kept, Dropout) and (kept.keep, kept.scaling) == (0.5, "test")


@pytest.mark.parametrize("release", RELEASES)
def test_how_it_learns_is_read_too(release: str, tmp_path: Path) -> None:
    rules = definition(load_model(put(tmp_path, models.model(RELEASES[release]())))).rules
    assert rules is not None and rules.dialect == release
    conv2 = {one.layer: one for one in rules.layers}["conv2"]
    assert [weights.lr for weights in conv2.weights] == [0.001, 0.002]
    assert (conv2.bias_lr, conv2.bias_momentum) == (0.002, 0.8)
    assert conv2.weights[0].weight_decay == 0.004
    falling = RateSchedule(kind="dexp", factor=250.0, stages=4)
    assert conv2.weights[1].schedule == (RateSchedule() if release == "cuda-convnet" else falling)
    assert conv2.bias_schedule == RateSchedule()


def test_the_documents_say_what_the_files_said(tmp_path: Path) -> None:
    defined, learned = documents(load_model(put(tmp_path, models.model(models.of_2012()))))
    keys = {s.name: {k: e.value for k, e in s.entries.items()} for s in defined.sections}
    assert "conv1_neuron" not in keys
    wanted = {"type": "conv", "inputs": "norm1,pool1", "neuron": "tanh[1.5,0.5]", "groups": "2,2",
              "filters": "16,16", "padding": "1,1", "channels": "16,16", "gpu": "0",
              "sharedbiases": "0", "initw": "0.01,0.01", "initb": "0.5"}  # fmt: skip
    assert wanted.items() <= keys["conv2"].items()
    assert keys["local3"]["inputs"] == "conv2"
    assert keys["pool1"]["inputs"] == "conv1" and "outputsx" not in keys["pool1"]
    rates = {s.name: {k: e.value for k, e in s.entries.items()} for s in learned.sections}
    assert rates["norm1"] == {"scale": "0.0001", "pow": "0.75", "mindiv": "2"}
    assert rates["conv2"]["epsw"] == "0.001,0.002"
    assert rates["conv2"]["schedw"] == "dexp[tgtFactor=250,noiseStdev=0,numSteps=4]"
    assert all(
        entry.line == 0 for section in defined.sections for entry in section.entries.values()
    )
    assert defined.where == f"{tmp_path / '50.7'} layer"


@pytest.mark.parametrize("release", RELEASES)
def test_every_number_lands_where_it_belongs(release: str, tmp_path: Path) -> None:
    model = load_model(put(tmp_path, models.model(RELEASES[release]())))
    network = definition(model).network
    learned, moved = arrays(model, network)
    assert moved is not None
    for found, offset in ((learned, 0), (moved, 50)):
        conv = matrix(72, 32, 201 + offset)  # rows by channel, row, column; filters in columns
        assert found["conv2.weight_1"].shape == (32, 8, 3, 3)
        assert found["conv2.weight_1"][17, 5, 2, 1] == conv[5 * 9 + 2 * 3 + 1, 17]
        local = matrix(16 * 288, 16, 300 + offset)  # such a matrix for each position, row by row
        assert found["local3.weight"].shape == (4, 4, 16, 32, 3, 3)
        place = 2 * 4 + 3
        assert found["local3.weight"][2, 3, 11, 30, 1, 2] == local[place * 288 + 30 * 9 + 5, 11]
        fc = matrix(256, 5, 400 + offset)
        np.testing.assert_array_equal(found["fc4.weight"], fc.T)
    for found, seed in ((learned, 90), (moved, 91)):
        np.testing.assert_array_equal(found["conv1.bias"], matrix(16, 1, 100 + seed)[:, 0])
        unshared = matrix(512, 1, 200 + seed)  # filter by filter
        assert found["conv2.bias"].shape == (32, 4, 4)
        assert found["conv2.bias"][9, 1, 2] == unshared[9 * 16 + 1 * 4 + 2, 0]
        np.testing.assert_array_equal(found["fc4.bias"], matrix(1, 5, 400 + seed)[0])
    assert all(array.flags.c_contiguous for array in learned.values())
    assert set(learned) == {parameter.name for parameter in network_parameters(network)}


def test_the_graph_of_layers_that_hold_their_inputs(tmp_path: Path) -> None:
    """As originals do: every layer's dict holds the dicts of what it reads."""
    layers = models.of_2012()
    for fields in layers.values():
        if "inputs" in fields:
            fields["inputLayers"] = [layers[name] for name in fields["inputs"]]
    data = pickle.dumps({"model_state": {"layers": layers}, "op": None}, 2)
    assert read_model(put(tmp_path, data)).network["fc4"].reads == ("local3",)


def test_the_earliest_files_have_one_value_where_later_ones_have_a_list(tmp_path: Path) -> None:
    """Before layers could have several inputs, or neurons become layers of their own."""
    fields = models.first_release()[2]
    for key in (
        "channels",
        "padding",
        "stride",
        "filterSize",
        "groups",
        "imgSize",
        "initW",
        "epsW",
    ):
        fields[key] = fields[key][0]
    for key in ("weights", "weightsInc", "momW", "wc"):
        fields[key] = fields[key][0]
    for key in [key for key in fields if key.startswith(("weightSource", "randSparse"))]:
        del fields[key]
    fields["neuron"] = {"type": "relu", "params": {}}
    layers = [*models.first_release()[:2], fields]
    layers.append(
        models.layer(
            "pool1",
            "pool",
            16,
            inputs=[2],
            channels=16,
            sizeX=8,
            stride=8,
            start=0,
            outputsX=1,
            pool="avg",
            imgSize=8,
        )
    )
    checkpoint = read_model(put(tmp_path, models.model(layers)))
    assert [layer.name for layer in checkpoint.network][2:] == ["conv1", "conv1_neuron", "pool1"]
    np.testing.assert_array_equal(
        checkpoint.arrays["conv1.weight"][3].ravel(), matrix(27, 16, 100)[:, 3]
    )


def test_shared_weights_are_read_once(tmp_path: Path) -> None:
    layers = models.of_2012()
    conv2 = layers["conv2"]
    conv2["weightSourceLayers"], conv2["weightSourceMatrixIndices"] = ["", "conv2"], [-1, 0]
    conv2["weights"][1] = conv2["weights"][0]
    found = read_model(put(tmp_path, models.model(layers))).arrays
    assert "conv2.weight_0" in found and "conv2.weight_1" not in found
    layers = models.first_release()  # type: ignore[assignment]
    layers[6]["weightSourceLayerIndices"] = [-1, 6]  # type: ignore[index]
    layers[6]["weightSourceMatrixIndices"] = [-1, 0]  # type: ignore[index]
    found = read_model(put(tmp_path, models.model(layers))).arrays
    assert "conv2.weight_1" not in found


def test_sparse_connections_are_the_models_own(tmp_path: Path) -> None:
    layers = models.of_2012()
    order = [int(channel) for channel in np.random.default_rng(1).permutation(16)]
    layers["conv2"] |= {"randSparse": [True, False], "filterConns": [order, []]}
    layers["conv2"]["filterChannels"] = [8, 8]
    found = definition(load_model(put(tmp_path, models.model(layers))))
    conv2 = found.network["conv2"]
    assert isinstance(conv2, Conv)
    assert [list(kernel.connections) for kernel in conv2.kernels] == [order, []]
    assert not any("drawn" in note for note in found.notes)
    layers["conv2"]["filterConns"] = [order[:3], []]
    assert "'filterConns' is a list of 2; it must be 16 channels" in refused(
        put(tmp_path, models.model(layers))
    )


def test_a_tree_of_classes(tmp_path: Path) -> None:
    layers = models.of_2012()
    tree: list[list[int]] = [[], [], [], [], [], [0, 1], [2, 3, 4], [5, 6]]
    fields = layers["fc4"] | models.weights("treefc", [(256, 8)], (1, 5), 400)
    layers["fc4"] = fields | {"type": "treefc", "tree": tree, "rootLabel": 7}
    checkpoint = read_model(put(tmp_path, models.model(layers)))
    layer = checkpoint.network["fc4"]
    assert isinstance(layer, TreeConnected) and layer.parents == (5, 5, 6, 6, 6, 7, 7, 7)
    whole = matrix(256, 8, 400).T
    np.testing.assert_array_equal(checkpoint.arrays["fc4.weight"], whole[:5])
    np.testing.assert_array_equal(checkpoint.arrays["fc4.inner"], whole[5:])
    layers["fc4"]["tree"] = [[9], [0]]
    assert "node 0 of its tree has the child 9" in refused(put(tmp_path, models.model(layers)))


def test_what_a_checkpoint_cannot_hold_is_noted(tmp_path: Path) -> None:
    data = models.model(models.of_2012(), stray=[1])
    notes = read_model(put(tmp_path, data)).notes
    assert "no batches.meta with one lies beside it" in notes[0]
    assert "the options of its run: data_path=/data, num_epochs=90, train_batch_range=1-5" in notes
    assert "1 training batches are reported, the last: logprob 2.5, 0.75 over 128" in notes[2]
    assert "2 tests are reported, the last: logprob 1.25, 0.5 over 1024 cases" in notes[3]
    assert "its state also holds stray, which is not read" in notes


def test_functions_that_a_layer_names_are_noted_and_not_run(tmp_path: Path) -> None:
    layers = models.of_2012()
    layers["conv1"]["initWFunc"] = "initw.makew(conv1a)"
    notes = read_model(put(tmp_path, models.model(layers))).notes
    assert any("initWFunc names a Python function" in note for note in notes)


def test_the_mean_of_a_meta_file_beside_the_model(tmp_path: Path) -> None:
    mean = np.random.default_rng(0).uniform(0, 255, (3 * 100, 1)).astype("f4")
    names = ["a", "b", "c", "d", "e"]
    meta = hand.pickled(hand.value({"data_mean": mean, "num_vis": 300, "label_names": names}))
    (tmp_path / "batches.meta").write_bytes(meta)
    checkpoint = read_model(put(tmp_path, models.model(models.of_2012())))
    assert checkpoint.contract == replace(RGB, mean_image=True, border_pixels=1)
    assert checkpoint.mean_image is not None
    np.testing.assert_array_equal(checkpoint.mean_image, mean.reshape(3, 10, 10))
    assert checkpoint.classes == tuple("abcde")
    small = hand.pickled(hand.value({"data_mean": mean[:48]}))
    (tmp_path / "batches.meta").write_bytes(small)
    checkpoint = read_model(tmp_path / "50.7")
    assert checkpoint.mean_image is None
    assert (
        "the mean in batches.meta is 3x4x4 and the network's pictures are 8" in checkpoint.notes[0]
    )


def test_the_border_and_the_number_that_the_options_say(tmp_path: Path) -> None:
    state = {"layers": models.of_2012()}
    run = models.options("options", crop_border=4, dp_type="cifar-cropped")
    data = hand.pickled(hand.pairs({"model_state": hand.value(state), "op": run}))
    assert read_model(put(tmp_path, data)).contract == replace(RGB, border_pixels=4)
    state = {"layers": models.second_release()}
    run = models.options("python_util.options", scalar_mean=120.0)
    data = hand.pickled(hand.pairs({"model_state": hand.value(state), "op": run}))
    assert read_model(put(tmp_path, data)).contract == replace(RGB, mean=(120.0,))


def test_a_model_without_velocities_is_read_without_a_runs_state(tmp_path: Path) -> None:
    layers = models.of_2012()
    for fields in layers.values():
        fields.pop("weightsInc", None)
    checkpoint = read_model(put(tmp_path, models.model(layers)))
    assert checkpoint.training is None
    assert "the model holds no velocities; a run cannot go on from it" in checkpoint.notes


# --- files and folders ----------------------------------------------------------------------------


def zipped(data: bytes, name: str = "data", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zipped, lambda data: zipped(data, method=zipfile.ZIP_STORED)]
)
def test_packed_models(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    data = pack(models.model(models.first_release()))
    path = put(tmp_path, data, "model")
    assert recognise(data[:4096], "model")
    assert read_model(path).network.name == "model"
    for length in (3, 30, 200, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        refused(path)


def test_what_unpacks_without_end_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.formats.safe_pickle.files.SMALL", 2**16)
    bomb = bytes(2**24)
    for data in (gzip.compress(bomb), zipped(bomb)):
        assert "unpacks to more than" in refused(put(tmp_path, data))
    assert "not one of them is called 'data'" in refused(put(tmp_path, zipped(b"", "other")))
    assert "is packed by method 12" in refused(
        put(tmp_path, zipped(b"x" * 99, method=zipfile.ZIP_BZIP2))
    )


def test_the_newest_checkpoint_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "ConvNet__2012"
    for name in ("9.120", "10.3", "10.21", "notes", "11.x"):
        put(folder, models.model(models.first_release()), name)
    assert newest(folder).name == "10.21"
    assert "10.21 is the newest checkpoint in ConvNet__2012" in read_model(folder).notes
    with pytest.raises(FormatError, match="holds no checkpoint called"):
        newest(tmp_path)


def test_models_are_known_by_their_first_bytes() -> None:
    model = models.model(models.of_2012())
    assert recognise(model[:4096], "anything")
    assert recognise(b"(dp1\nS'model_state'\np2\n(dp3\n", "anything")
    assert recognise(b"\x80\x02}q\x01", "50.7") and not recognise(b"\x80\x02}q\x01", "data_batch_1")
    assert not recognise(b"[layer]\ntype=data", "50.7")
    assert not recognise(zipped(model, "archive/data.pkl")[:4096], "model.pth")
    assert not recognise(b"\x1f\x8b rest", "x.gz")
    assert FORMAT.recognise is recognise and FORMAT.read is read_model


# --- what does not fit ----------------------------------------------------------------------------


def changed(**changes: dict[str, object]) -> bytes:
    """The model of 2012 with other fields in some layers; None takes one out."""
    layers = models.of_2012()
    for name, fields in changes.items():
        layers[name] |= fields
    return models.model(layers)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (hand.pickled(hand.value([1])), "holds a list of 1 without 'model_state'"),
        (hand.pickled(hand.value({"model_state": 1})), "'model_state' is 1 without 'layers'"),
        (models.model(5), "its 'layers' are 5; they must be a list or a dict"),
        (models.model([]), "has 0 layers"),
        (models.model([7]), "a layer is 7; it must be a dict"),
        (models.model([{"type": "data"}]), "a layer's 'name' is None"),
        (models.model([{"name": "a", "type": "data"}] * 2), "two layers have the same name"),
        (changed(conv1={"type": "convolve"}), "type is 'convolve', which is no layer's type"),
        (changed(conv1={"inputs": ["date"]}), "layer 'conv1' reads 'date'"),
        (changed(pool1={"inputs": ["norm1"]}), "it reads itself, through the layers that it reads"),
        (changed(conv1={"filters": "many"}), "'filters' is 'many'; it must be a whole number"),
        (changed(conv1={"groups": [3]}), "'groups' is a list of 1; it must be numbers that divide"),
        (changed(conv1={"padding": [1.5]}), "'padding' is a list of 1; it must be a list of whole"),
        (changed(conv1={"stride": {}}), "'stride' holds a dict of 0; it must hold numbers or text"),
        (changed(conv1={"outputs": 9}), "'outputs' is 9; it must be 1,024, which its settings"),
        (changed(data={"outputs": 193}), "'outputs' is 193; it must be that of a square picture"),
        (changed(conv1={"weights": None}), "'weights' holds None; it must hold arrays"),
        (changed(conv1={"weights": [np.zeros((2, 2), "i4")]}), "must hold floating-point numbers"),
        (
            changed(conv1={"weights": [np.zeros((16, 27), "f4")]}),
            "'weights' has shape (16, 27) for input 0; its settings make it (27, 16)",
        ),
        (
            changed(conv2={"biases": np.zeros((32, 1), "f4")}),
            "'biases' has shape (32, 1); its settings make it 512 numbers in one row or column",
        ),
        (changed(norm1={"scale": "x"}), "'scale' is 'x'; it must be a number"),
        (changed(norm1={"size": 0}), "it must be a number, and 'size' that of a window"),
        (changed(conv1={"epsW": [[1]]}), "'epsW' holds a list of 1; it must hold numbers"),
        (changed(conv1={"schedW": {"type": "dexp"}}), "'schedW' is a dict of 1; it must be"),
        (changed(conv2_neuron={"neuron": {"type": 1}}), "'neuron' is a dict of 1; it must be a"),
        (changed(conv2={"weightSourceLayers": [1, []]}), "must be"),
        (changed(conv1={"epsB": None, "momB": None}), "[conv1]: the key epsB is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(data: bytes, said: str, tmp_path: Path) -> None:
    assert said in refused(put(tmp_path, data))


def test_another_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_model(tmp_path / "nothing")


# --- hostile and damaged models -------------------------------------------------------------------


def test_a_hostile_model_is_not_obeyed(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    command = b"cos\nsystem\n" + hand.tuple_of(hand.text(f"touch {marker}")) + b"R"
    evaluated = (
        b"c__builtin__\neval\n" + hand.tuple_of(hand.text(f"open({str(marker)!r},'w')")) + b"R"
    )
    for attack, name in ((command, "os.system"), (evaluated, "__builtin__.eval")):
        for place in (
            hand.entries(model_state=attack),
            hand.entries(model_state=hand.entries(layers=hand.many(attack))),
            hand.entries(op=b"(coptions\nOptionsParser\no" + hand.entries(options=attack) + b"b"),
        ):
            assert f"for {name} while it is unpickled" in refused(
                put(tmp_path, hand.pickled(place))
            )
    stranger = hand.pickled(hand.entries(op=hand.instance("subprocess", "Popen", args=b"N")))
    assert "for subprocess.Popen" in refused(put(tmp_path, stranger))
    assert not marker.exists()


SMALL = models.model(
    {
        name: fields
        for name, fields in models.of_2012().items()
        if name in ("data", "labels", "probs", "logprob")
    }
    | {
        "fc4": models.layer("fc4", "fc", 5, "data", gpu=0, weightsPerFilter=[192])
        | {k: v for k, v in models.of_2012()["fc4"].items() if k not in ("inputs", "name", "type")}
        | models.weights("fc", [(192, 5)], (1, 5), 1),
    }
)


def test_a_model_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, SMALL)
    assert read_model(path).network.shape("fc4") == (5, 1, 1)
    last = len(SMALL)
    places = {*range(0, last, 101), *range(80), *range(last - 80, last)}
    for length in sorted(places):
        path.write_bytes(SMALL[:length])
        refused(path)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_model_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        if data.draw(st.booleans()):
            changed[place] = data.draw(st.integers(0, 255))
        else:
            other = data.draw(st.integers(0, len(changed) - 1))
            changed[place : place + 5] = changed[other : other + data.draw(st.integers(0, 30))]
    path = put(FUZZED, bytes(changed))
    try:
        read_model(path)
    except FormatError as error:
        assert "\n" not in str(error)


@pytest.fixture(autouse=True, scope="module")
def _fuzzed(tmp_path_factory: pytest.TempPathFactory) -> None:
    global FUZZED
    FUZZED = tmp_path_factory.mktemp("changed")


FUZZED = Path()


ANYTHING = (
    st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
    | st.lists(st.integers(-3, 70), max_size=3) | st.just(np.zeros((2, 3), "f4"))
    | st.just({"type": "dexp", "params": {"base": "x"}})
)  # fmt: skip


@given(st.sampled_from(sorted(RELEASES)), st.data())
@settings(max_examples=150, deadline=None)
def test_any_field_may_hold_anything(release: str, data: st.DataObject) -> None:
    layers: Any = RELEASES[release]()
    fields = data.draw(st.sampled_from(layers if release == "cuda-convnet" else [*layers.values()]))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(ANYTHING)
    try:
        read, _ = read_layers(layers, "x")
        model = Model(Path("x"), read, cast("Dialect", release), {}, {})
        arrays(model, definition(model).network)
    except FormatError as error:
        assert "\n" not in str(error)


# --- what is written ------------------------------------------------------------------------------


def drawn(network: Network, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {p.name: random.normal(size=p.shape).astype("f4") for p in network_parameters(network)}


def checkpoint_of(network: Network, **more: Any) -> Checkpoint:
    state = TrainingState(drawn(network, 1), {"epoch": 3, "batchnum": 4, "loss": 0.25})
    given = {"contract": RGB, "training": state, "notes": ("a note, ä",)} | more
    return Checkpoint(network=network, arrays=drawn(network, 0), **given)


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert one.network == other.network and one.contract == other.contract
    assert (one.training is None) == (other.training is None)
    pairs = [(one.arrays, other.arrays)]
    if one.training is not None and other.training is not None:
        pairs.append((one.training.velocities, other.training.velocities))
        assert one.training.progress == other.training.progress
    for mine, yours in pairs:
        assert mine.keys() == yours.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], yours[name])
            assert yours[name].dtype == np.float32


def test_every_kind_of_layer_of_2012_is_written_and_read_back(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(every_kind())
    path = tmp_path / "3.4"
    write_model(checkpoint, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["3.4"]
    found = read_model(path)
    assert_same(checkpoint, found)
    assert "a note, ä" in found.notes
    write_model(found, path)
    assert read_model(path).notes == found.notes


@pytest.mark.parametrize("kind", ["cuda-convnet", "2012", "cuda-convnet2"])
@pytest.mark.parametrize("name", ["13pct", "11pct"])
def test_the_networks_of_cifar_in_every_release(kind: Any, name: str, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(get_network(name))
    write_model(checkpoint, tmp_path / "3.4", kind=kind)
    assert load_model(tmp_path / "3.4").dialect == kind
    assert_same(checkpoint, read_model(tmp_path / "3.4"))


@pytest.mark.parametrize("kind", ["cuda-convnet", "2012", "cuda-convnet2"])
def test_the_rules_are_written_in_each_releases_words(kind: Any, tmp_path: Path) -> None:
    network = get_network("18pct")
    falls = RateSchedule() if kind == "cuda-convnet" else RateSchedule(kind="exp", factor=50.0)
    layers = tuple(
        LayerRules(
            layer=name,
            weights=(WeightRules(lr=0.01, momentum=0.9, weight_decay=0.001, schedule=falls),),
            bias_lr=0.02,
            bias_momentum=0.7,
            bias_schedule=falls,
            update_period=2 if kind == "cuda-convnet2" else 1,
        )
        for name in ("conv1", "conv2", "conv3", "fc10")
    )
    rules = LearningRules(dialect=kind, layers=layers)
    write_model(checkpoint_of(network), tmp_path / "1.1", kind=kind, rules=rules)
    assert definition(load_model(tmp_path / "1.1")).rules == rules


class Options:
    """What an independent unpickler makes of the classes of the options."""


class Theirs(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return Options if module.endswith("options") else super().find_class(module, name)


def test_what_is_written_is_what_the_programs_unpickled(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(get_network("13pct"))
    write_model(checkpoint, tmp_path / "a", kind="2012")
    state = Theirs(io.BytesIO((tmp_path / "a").read_bytes()), encoding="latin-1").load()
    assert set(state) == {"model_state", "op"} and isinstance(state["op"], Options)
    layers = state["model_state"]["layers"]
    conv2, local3, fc = layers["conv2"], layers["local3"], layers["fc10"]
    assert conv2["inputLayers"][0] is layers[conv2["inputs"][0]]
    assert (conv2["padding"], conv2["filters"]) == ([-2], 64)
    weight = checkpoint.arrays["conv2.weight"]
    np.testing.assert_array_equal(conv2["weights"][0], weight.reshape(64, -1).T)
    assert conv2["weights"][0].flags.c_contiguous and fc["weights"][0].flags.f_contiguous
    assert local3["weights"][0].shape == (36 * 64 * 9, 32) and local3["biases"].shape == (1152, 1)
    assert fc["biases"].shape == (1, 10)
    write_model(checkpoint, tmp_path / "b", kind="cuda-convnet")
    state = Theirs(io.BytesIO((tmp_path / "b").read_bytes()), encoding="latin-1").load()
    layers = state["model_state"]["layers"]
    assert isinstance(layers, list)
    assert [layers[i]["name"] for i in layers[-1]["inputs"]] == ["labels", "probs"]
    write_model(checkpoint, tmp_path / "c", kind="cuda-convnet2")
    state = Theirs(io.BytesIO((tmp_path / "c").read_bytes()), encoding="latin-1").load()
    conv1 = state["model_state"]["layers"]["conv1"]
    assert conv1["epsW"] == [{"type": "const", "params": {"base": 0.01}}]
    assert conv1["gpu"] == [0] and conv1["sumWidth"] == 24


def test_shared_weights_are_written_as_one_matrix(tmp_path: Path) -> None:
    write_model(checkpoint_of(every_kind()), tmp_path / "a")
    state = Theirs(io.BytesIO((tmp_path / "a").read_bytes()), encoding="latin-1").load()
    layers = state["model_state"]["layers"]
    assert layers["fc9"]["weights"][0] is layers["fc8"]["weights"][0]
    assert layers["fc9"]["weightSourceLayers"] == ["fc8"]


def test_mean_and_classes_go_into_a_meta_file_beside_the_model(tmp_path: Path) -> None:
    network = get_network("18pct")
    mean = np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype("f4")
    contract = replace(RGB, mean_image=True)
    checkpoint = checkpoint_of(network, contract=contract, mean_image=mean, classes=("a", "b"))
    write_model(checkpoint, tmp_path / "1.1")
    found = read_model(tmp_path / "1.1")
    assert found.mean_image is not None
    np.testing.assert_array_equal(found.mean_image, mean)
    assert (found.contract, found.classes) == (contract, ("a", "b"))
    write_model(checkpoint, tmp_path / "1.2")
    with pytest.raises(FormatError, match="is of other data"):
        write_model(replace(checkpoint, classes=("x",)), tmp_path / "1.3")
    assert not (tmp_path / "1.3").exists()


def test_a_mean_of_three_numbers_becomes_an_even_picture(tmp_path: Path) -> None:
    contract = replace(RGB, mean=(1.0, 2.0, 3.0), border_pixels=2)
    write_model(checkpoint_of(get_network("18pct"), contract=contract), tmp_path / "1.1")
    found = read_model(tmp_path / "1.1")
    assert found.contract == replace(RGB, mean_image=True, border_pixels=2)
    assert found.mean_image is not None and found.mean_image.shape == (3, 36, 36)
    assert found.mean_image[:, 5, 7].tolist() == [1.0, 2.0, 3.0]


def test_what_a_release_cannot_say_is_refused(tmp_path: Path) -> None:
    def failure(checkpoint: Checkpoint, **options: Any) -> str:
        with pytest.raises(FormatError) as raised:
            write_model(checkpoint, tmp_path / "1.1", **options)
        assert not (tmp_path / "1.1").exists()
        return str(raised.value)

    network = get_network("18pct")
    checkpoint = checkpoint_of(network)
    for bad in (
        replace(RGB, channel_order="BGR"),
        replace(RGB, pixel_maximum=1.0),
        replace(RGB, deviation=(1.0, 2.0, 3.0)),
    ):
        assert "theirs are RGB of 0 to 255" in failure(replace(checkpoint, contract=bad))
    third = {name: array / 3.0 for name, array in drawn(network, 0).items()}
    third["conv1.bias"] = third["conv1.bias"].astype("f8") / 3
    assert "'conv1.bias' holds float64 numbers that a float32 rounds" in failure(
        replace(checkpoint, arrays=third)
    )
    every = checkpoint_of(every_kind())
    assert "cannot be written for cuda-convnet: " in failure(every, kind="cuda-convnet")
    assert "cannot be written for cuda-convnet2: " in failure(every, kind="cuda-convnet2")
    other = Network(
        "other",
        (
            Input(name="data", shape=(3, 8, 8)),
            FullyConnected(
                name="fc", reads=("data",), outputs=2, initial=(Gaussian(0.1),), groups=2
            ),
        ),
    )
    assert "groups in a fully-connected layer (fc)" in failure(checkpoint_of(other))
    with pytest.raises(FormatError, match="cannot be written"):
        write_model(checkpoint, tmp_path / "nowhere" / "1.1")
