"""What a person sees of formats: any file into any other, forms of the same, checks, mistakes."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.cli import run
from alexnet.cli.checking import Answers
from alexnet.cli.convert import check_written
from alexnet.cli.variants import changes
from alexnet.formats import Beside, Checkpoint, read, write
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes, with_input
from alexnet.network.layers import CrossMapNorm, Dropout
from alexnet.network.spec import Network
from alexnet.numpy_net import forward, initial_arrays
from formats.variants_shown import shown
from reduced import reduced


def outcome(command: str, status: int = 0) -> None:
    with pytest.raises(SystemExit) as left:
        run(shlex.split(command))
    assert left.value.code == status


def checkpoint(network: Network, contract: InputContract) -> Checkpoint:
    draw = np.random.default_rng(3)
    arrays = {
        name: (draw.standard_normal(array.shape) / np.sqrt(max(1, array[0].size))).astype("f4")
        for name, array in initial_arrays(network, 0).items()
    }
    return Checkpoint(network=network, arrays=arrays, contract=contract)


PLAIN = InputContract(channel_order="RGB", pixel_maximum=255.0)
CAFFES = InputContract(channel_order="BGR", pixel_maximum=255.0, mean=(104.0, 117.0, 123.0))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few small checkpoints and one's description."""
    folder = tmp_path_factory.mktemp("prepared")
    small = with_classes(with_input(get_network("cifar_relu"), 16), 3)
    write(checkpoint(small, PLAIN), folder / "small.safetensors")
    write(checkpoint(reduced("as_run"), PLAIN), folder / "towers.safetensors")
    write(checkpoint(reduced("caffe"), CAFFES), folder / "caffe.safetensors")
    (folder / "small.json").write_text(to_json(small))
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, a copy in which the commands run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return tmp_path


TARGETS = ("x.safetensors", "--hub x", "x.npy", "x.npz", "x.caffemodel", "x.onnx", "x.convnet")


def source_of(target: str) -> str:
    name = target.split()[-1]
    return f"{name} --network small.json" if name.endswith((".npy", ".npz")) else name


FROM_CAFFE = " --set channels=RGB --set rule=cuda-convnet"
"""Caffe's and bare arrays are of BGR pictures, cuda-convnet's of RGB; rules of sizes have names."""

THROUGH = [
    *itertools.pairwise([*TARGETS, TARGETS[0]]),
    *itertools.pairwise([*TARGETS[::3], *TARGETS[1::3], *TARGETS[2::3], TARGETS[0]]),
    *itertools.pairwise([*TARGETS[::2], *TARGETS[1::2], TARGETS[0]][::-1]),
]
"""Each format to three others and from three others; the benchmark converts between every two."""


@pytest.mark.parametrize(("first", "second"), dict.fromkeys(THROUGH))
def test_formats_follow_one_another(
    first: str, second: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome(f"convert small.safetensors {first}")
    source = source_of(first)
    if second == "x.convnet" and first in ("x.npy", "x.npz", "x.caffemodel"):
        source += FROM_CAFFE
    outcome(f"convert {source} {second.replace('x', 'y', 1) if second[0] == 'x' else '--hub y'}"
            " --check")  # fmt: skip
    assert capsys.readouterr().out.count("check: read back, the scores of 4 pictures") == 1


def _flat(network: Network) -> dict[str, np.ndarray]:
    from alexnet.network.arithmetic import network_parameters

    return {p.name: np.broadcast_to(np.float32(0), p.shape) for p in network_parameters(network)}


@pytest.mark.parametrize(
    ("source", "setting"),
    [
        ("towers", "towers=1"),
        ("caffe", "channels=RGB"),
        ("caffe", "white=1"),
        ("caffe", "alpha=undivided"),
        ("caffe", "dropout=test"),
        ("caffe", "rule=cuda-convnet"),
        ("caffe", "mean=none"),
        ("caffe", "mean=100"),
        ("towers", "mean=10,20,30 --set bias=unshared"),
    ],
)
def test_another_form_of_the_same_keeps_every_output(
    source: str, setting: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome(f"convert {source}.safetensors x.safetensors --set {setting} --check")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{setting.split()[0]}: the scores of 4 pictures of noise")
    assert lines[-1].startswith("check: read back, the scores of 4 pictures of noise")
    before, after = read(f"{source}.safetensors"), read("x.safetensors")
    assert Answers(before).difference(after) < 1e-5
    assert (before.network, before.contract) != (after.network, after.contract)


def test_forms_follow_one_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "--set white=1 --set channels=RGB --set mean=none --set dropout=test"
    outcome(f"convert caffe.safetensors x.safetensors {asked} --set alpha=undivided --check")
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == [
        *("dropout=test", "alpha=undivided", "white=1", "channels=RGB", "mean=none"),
        *("wrote x.safetensors", "check"),
    ]  # fmt: skip
    found = read("x.safetensors")
    assert found.contract == InputContract(channel_order="RGB", pixel_maximum=1.0)
    assert {x.scaling for x in found.network if isinstance(x, Dropout)} == {"test"}
    assert {x.alpha_divided for x in found.network if isinstance(x, CrossMapNorm)} == {False}


def test_a_mean_image_in_a_file_is_turned_to_the_order_of_the_channels(here: Path) -> None:
    network = reduced("18pct")
    image = np.random.default_rng(0).uniform(0, 255, network.picture.shape).astype("f4")
    np.save("mean.npy", image[::-1])  # Caffe's, BGR
    write(checkpoint(network, PLAIN), "a.safetensors")
    outcome("convert a.safetensors b.safetensors --set mean=mean.npy --set bias=unshared --check")
    found = read("b.safetensors")
    assert found.mean_image is not None and np.array_equal(found.mean_image, image)


def test_a_check_tells_what_is_no_rounding(here: Path) -> None:
    one = read("small.safetensors")
    spoilt = dict(one.arrays) | {"conv1.weight": one.arrays["conv1.weight"] * np.float32(1.01)}
    write(replace(one, arrays=spoilt), "x.safetensors")
    with pytest.raises(ValueError, match="no rounding"):
        check_written(one, Answers(one), Path("x.safetensors"))
    check_written(one, Answers(one), Path("small.safetensors"))
    for name, said in (("towers", "takes pictures of"), ("other", "gives 10 scores where")):
        if name == "other":
            wider = with_input(get_network("cifar_relu"), 16)
            write(checkpoint(wider, PLAIN), "other.safetensors")
        with pytest.raises(ValueError, match=said):
            check_written(one, Answers(one), Path(f"{name}.safetensors"))


def test_weights_join_what_describes_their_network(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome("convert small.safetensors bare.npz")
    outcome("convert small.json whole.safetensors --weights bare.npz --check")
    one, other = read("small.safetensors"), read("whole.safetensors")
    assert one.network.layers == other.network.layers
    assert all(np.array_equal(x, other.arrays[name]) for name, x in one.arrays.items())
    assert "pictures are taken as B, G, R" in capsys.readouterr().err


def test_descriptions_are_checked_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome("convert as_run layers-mine.cfg --check")
    outcome("convert small.safetensors net.json --check")
    outcome("convert caffe layers-c.cfg --set rule=cuda-convnet --set dropout=test --check")
    assert capsys.readouterr().out.count("check: every layer reads back equal") == 3


def test_a_definition_of_caffe_takes_the_weights_of_a_model(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome("convert small.safetensors x.caffemodel")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save("p.png")
    outcome("explain x.prototxt --json")
    outcome("predict x.prototxt p.png --weights x.caffemodel")
    outcome("predict x.prototxt p.png", status=2)
    assert "holds no weights; name the model file that does" in capsys.readouterr().err


def test_a_graph_of_bytes_does_what_the_contract_says(here: Path) -> None:
    import onnxruntime

    outcome("convert caffe.safetensors x.onnx --bytes --check")
    one = read("caffe.safetensors")
    images = np.random.default_rng(2).integers(0, 256, (2, *one.network.picture.shape))
    session = onnxruntime.InferenceSession("x.onnx")
    given = {session.get_inputs()[0].name: images.astype(np.uint8).transpose(0, 2, 3, 1)}
    (found,) = session.run(None, given)
    wanted = forward(one.network, one.arrays, {one.network.picture.name: shown(one, images)})
    last = wanted[one.network.outputs.name].reshape(2, -1)
    np.testing.assert_allclose(found.reshape(2, -1), last, rtol=1e-4, atol=1e-7)


def test_every_verb_opens_every_format(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save("p.png")
    for target in TARGETS:
        outcome(f"convert small.safetensors {target}")
        source = source_of(target)
        outcome(f"predict {source} p.png --json")
        outcome(f"explain {source} --json")
        capsys.readouterr()
    outcome("draw filters x --out f.png")
    capsys.readouterr()
    outcome("explain x --json")
    assert json.loads(capsys.readouterr().out)["total"]["parameters"]
    outcome("compare x x.convnet")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("convert small.safetensors", "name what to write"),
        ("convert small.safetensors x.npz --hub x", "and not both"),
        ("convert small.safetensors x.prototxt", "lies beside a .caffemodel, so name that"),
        ("convert small.safetensors x.npz --bytes", "--bytes goes with .onnx"),
        ("convert small.json x.cfg --set white=1", "white=1 is about weights"),
        ("convert small.json x.cfg --weights small.safetensors", ".cfg holds none"),
        ("convert paper x.json --set rule=torch", "'conv1a': the size rule 'torch' lays its"),
        ("convert small.safetensors x.npz --set rule=theano", "must be torch or caffe or"),
        ("convert small.safetensors x.zip", "its ending says no format"),
        ("convert nothing.pth x.npz", "nothing.pth: no such checkpoint"),
        ("convert paper x.npz", "holds no weights; name the file that does, with --weights FILE"),
        ("convert small.json x.npz", "holds no weights"),
        ("convert small.safetensors x.npz --input 3", "--input goes with .cfg and .json"),
        ("convert small.safetensors x.npz --network paper", "says its own network; name none"),
        ("convert small.safetensors x.npz --weights x", "has its own weights; name none"),
        ("convert small.safetensors x.npz --set mena=none", "did you mean 'mean'"),
        ("convert small.safetensors x.npz --set white", "is no KEY=VALUE"),
        ("convert small.safetensors x.npz --set white=2", "white=2: must be 1 or 255"),
        ("convert small.safetensors x.npz --set towers=x", "must be a number from 1 to 26"),
        ("convert small.safetensors x.npz --set white=1 --set white=1", "white is asked for twice"),
        ("convert small.safetensors x.npz --set mean=x.png", "or a mean file"),
        ("convert small.safetensors x.npz --set mean=1,2", "takes 1 or 3"),
        ("convert small.safetensors x.npz --set mean=5", "reach over the picture's border"),
        ("convert small.safetensors x.npz --set bias=unshared", "goes with mean="),
        ("convert small.safetensors x.npz --set bias=no --set mean=1", "only bias=unshared"),
        ("convert towers.safetensors x.npz --set towers=2", "towers=2: network 'as_run' has 2"),
        ("convert towers.safetensors x.pth", "is none of torchvision's: layer 'conv1a' belongs"),
        ("convert small.safetensors m.1 --as 2013", "no release is called '2013'"),
        ("explain small.json --network paper", "--network does not go with"),
        ("explain small.safetensors --network paper", "says its own network; name none"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    command: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.iterdir())
    outcome(command, status=2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and said in lines[0]
    assert sorted(here.iterdir()) == before, "nothing is written"


def test_what_is_in_a_file_of_unknown_make_is_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = [array.shape for array in _flat(get_network("18pct")).values()]
    state = {f"x.{index}": torch.zeros(shape) for index, shape in enumerate(shapes)}
    torch.save(state, "odd.pth")
    for command in ("explain odd.pth", "convert odd.pth x.npz"):
        outcome(command, status=2)
        captured = capsys.readouterr()
        assert re.search(r"x\.0 +32×3×5×5 +float32 +conv1\.weight", captured.out)
        assert "nearest: 18pct, 8 of whose 8 shapes are here" in captured.out
        assert captured.err.splitlines()[-1] == f"try:   alexnet {command} --network 18pct"
    outcome("explain odd.pth --json", status=2)
    assert capsys.readouterr().out == ""
    outcome("explain odd.pth --network 18pct --json")
    captured = capsys.readouterr()
    assert json.loads(captured.out)["total"]["parameters"] == 89_578
    assert "the arrays are taken as those of network '18pct', in order" in captured.err
    state["x.0"] = torch.zeros(7)
    torch.save(state, "odd.pth")
    outcome("explain odd.pth", status=2)
    assert "try:   alexnet explain --help" in capsys.readouterr().err


def test_a_mean_is_taken_in_the_range_and_order_asked_for() -> None:
    one = checkpoint(reduced("caffe"), CAFFES)
    for _, change in changes(["mean=0.1,0.2,0.3", "white=1", "channels=RGB"]):
        one = change(one)
    assert one.contract == InputContract(
        channel_order="RGB", pixel_maximum=1.0, mean=(0.1, 0.2, 0.3)
    )


def test_bare_arrays_begin_a_run_of_the_network_that_is_named(here: Path) -> None:
    outcome("convert small.safetensors bare.npz")
    found = read("bare.npz", beside=Beside(network=read("small.safetensors").network))
    from alexnet.cli.open import open_beginning

    begun = open_beginning("bare.npz", "small.json")
    assert begun.arrays.keys() == found.arrays.keys()
