"""torchvision's state dicts: the same keys, the same arrays, the same outputs, both ways."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.formats import Checkpoint, FormatError, TrainingState
from alexnet.formats.torchvision import FORMAT, read, write
from alexnet.formats.torchvision.makes import CONTRACT, makes
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.catalog import vgg as vgg_room
from alexnet.network.catalog.vgg import vgg
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes, with_input, with_loss
from alexnet.network.layers import Dropout
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network
from alexnet.network.towers import fold
from alexnet.torch_net import build

ALEXNET_KEYS = [
    "features.0.weight", "features.0.bias",
    "features.3.weight", "features.3.bias",
    "features.6.weight", "features.6.bias",
    "features.8.weight", "features.8.bias",
    "features.10.weight", "features.10.bias",
    "classifier.1.weight", "classifier.1.bias",
    "classifier.4.weight", "classifier.4.bias",
    "classifier.6.weight", "classifier.6.bias",
]  # fmt: skip
"""What torchvision.models.alexnet().state_dict() lists."""

VGG_CONVOLUTIONS = {
    "vgg11": [0, 3, 6, 8, 11, 13, 16, 18],
    "vgg13": [0, 2, 5, 7, 10, 12, 15, 17, 20, 22],
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg19": [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
}
"""The convolutions' places in `features` of each of torchvision's VGG models."""


class Structure(nn.Module):
    """Modules arranged as torchvision arranges them."""

    def __init__(self, features: list[nn.Module], side: int, classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d((side, side))
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def alexnet(classes: int) -> Structure:
    def conv(*sizes: int, **more: int) -> list[nn.Module]:
        return [nn.Conv2d(*sizes, **more), nn.ReLU()]

    pool = nn.MaxPool2d(3, 2)
    with torch.device("meta"):
        features = [
            *conv(3, 64, 11, stride=4, padding=2), pool, *conv(64, 192, 5, padding=2), pool,
            *conv(192, 384, 3, padding=1), *conv(384, 256, 3, padding=1),
            *conv(256, 256, 3, padding=1), pool,
        ]  # fmt: skip
        classifier = [
            nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(),
            nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes),
        ]  # fmt: skip
    return filled(Structure(features, 6, classifier))


def small_vgg(name: str, filters: tuple[int, ...], classes: int) -> Structure:
    """torchvision's `make_layers` with fewer filters: convolutions up to the next pool's place."""
    places, features, channels = set(VGG_CONVOLUTIONS[name]), [], 3
    stage = 0
    while stage < 5:
        if len(features) in places:
            features += [nn.Conv2d(channels, filters[stage], 3, padding=1), nn.ReLU()]
            channels = filters[stage]
        else:
            features.append(nn.MaxPool2d(2, 2))
            stage += 1
    classifier: list[nn.Module] = []
    with torch.device("meta"):
        for inputs in (channels * 49, 4096):
            classifier += [nn.Linear(inputs, 4096), nn.ReLU(), nn.Dropout()]
        classifier.append(nn.Linear(4096, classes))
    return filled(Structure(features, 7, classifier))


def filled(module: Structure) -> Structure:
    module = module.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        bound = (parameter[0].numel() or 1) ** -0.5
        parameter.data.uniform_(-bound, bound, generator=generator)
    return module.eval()


def same_outputs(module: Structure, found: Checkpoint) -> None:
    picture = torch.from_numpy(np.random.default_rng(3).normal(size=(1, 3, 224, 224)))
    with torch.no_grad():
        ours = build(found.network, arrays=found.arrays, dtype=torch.float64).eval()(picture)
        theirs = module.double()(picture)
    assert theirs.abs().max() > 1e-6
    torch.testing.assert_close(ours.reshape(theirs.shape), theirs, rtol=1e-10, atol=1e-12)


def test_alexnet_gives_what_torchs_module_gives_and_goes_back_as_it_came(tmp_path: Path) -> None:
    module = alexnet(classes=10)
    torch.save(module.state_dict(), tmp_path / "alexnet-owt.pth")
    found = read(tmp_path / "alexnet-owt.pth")
    assert found.network == with_classes(get_network("one_weird_trick"), 10)
    assert (found.contract, found.classes, found.notes) == (CONTRACT, (), ())
    assert all(array.base is not None for array in found.arrays.values())  # views, no copies
    written = write(found, tmp_path / "out.pth")
    assert written.files == (tmp_path / "out.pth",) and written.notes == ()
    back = torch.load(tmp_path / "out.pth", weights_only=True, mmap=True)
    assert type(back) is OrderedDict and list(back) == ALEXNET_KEYS
    state = module.state_dict()
    for key, tensor in back.items():
        assert tensor.dtype == torch.float32 and tensor.is_contiguous()
        assert torch.equal(tensor, state[key])
    same_outputs(module, found)


@pytest.mark.parametrize("name", VGG_CONVOLUTIONS)
def test_torchvisions_names_are_theirs(name: str) -> None:
    make = next(make for make in makes() if make.name == name)
    modules = [f"features.{place}" for place in VGG_CONVOLUTIONS[name]]
    modules += ["classifier.0", "classifier.3", "classifier.6"]
    kinds = ("weight", "bias")
    assert list(make.keys.values()) == [f"{m}.{kind}" for m in modules for kind in kinds]
    assert list(makes()[0].keys.values()) == ALEXNET_KEYS


@pytest.mark.parametrize("name", ["vgg11", "vgg16"])
def test_vgg_gives_what_torchs_module_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = (2, 3, 4, 4, 4)
    monkeypatch.setattr(vgg_room, "FILTERS", filters)
    module = small_vgg(name, filters, classes=7)
    torch.save(module.state_dict(), tmp_path / "vgg.pth")
    found = read(tmp_path / "vgg.pth")
    assert found.network == with_classes(vgg(int(name[3:])), 7)
    assert found.network.name == name
    same_outputs(module, found)
    write(found, tmp_path / "again.pth")
    assert list(torch.load(tmp_path / "again.pth", weights_only=True)) == list(module.state_dict())


@pytest.mark.parametrize(
    ("depth", "count"),
    [(11, 132_863_336), (13, 133_047_848), (16, 138_357_544), (19, 143_667_240)],
)
def test_vgg_has_the_parameters_that_torchvision_counts(depth: int, count: int) -> None:
    assert ledger(vgg(depth)).total.parameters == count


def test_there_is_no_vgg_of_another_depth() -> None:
    with pytest.raises(ValueError, match="has 12 layers; there are 11, 13, 16, 19"):
        vgg(12)


def test_reading_does_not_import_torch(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.zeros(2, 3)}, tmp_path / "a.pth")
    code = (
        "import sys; from pathlib import Path; from alexnet.formats.torchvision import read, "
        f"UnknownArrays\ntry: read(Path({str(tmp_path / 'a.pth')!r}))\nexcept UnknownArrays: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what is written, and what is refused ---------------------------------------------------------


def light(network: Network, **more: object) -> Checkpoint:
    """A checkpoint of a network whose arrays take no memory: one zero, seen again and again."""
    arrays = {p.name: np.broadcast_to(np.float32(0), p.shape) for p in network_parameters(network)}
    return replace(Checkpoint(network=network, arrays=arrays, contract=CONTRACT), **more)


OWT = get_network("one_weird_trick")


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is not written; what is said of it is."""
    monkeypatch.setattr("alexnet.formats.torchvision.writing._save", lambda *_: None)


@pytest.mark.usefixtures("unsaved")
def test_what_the_file_cannot_hold_is_said(tmp_path: Path) -> None:
    caffes = InputContract(channel_order="BGR", pixel_maximum=255.0, mean=(104.0, 117.0, 123.0))
    plain = light(OWT)
    assert write(plain, tmp_path / "x.pth").notes == ()
    run = TrainingState(plain.arrays, {"epoch": 1})
    full = light(with_loss(OWT), contract=caffes, classes=("cat",), notes=("a",), training=run)
    assert write(full, tmp_path / "x.pth").notes == (
        "it must be fed BGR of 0 to 255 minus 104, 117, 123, which is not what torchvision feeds",
        "the softmax is left out; torchvision's models end in scores",
        "the names of the classes are left out",
        "the state of the run is left out; a run cannot go on from it",
        "the checkpoint's notes are left out (1)",
    )
    wider = write(light(with_input(OWT, 227)), tmp_path / "x.pth")
    assert wider.notes == (
        "it must be fed pictures of 227 pixels; torchvision's alexnet takes 224",
    )


def scaled_while_testing(network: Network) -> Network:
    layers = (replace(x, scaling="test") if isinstance(x, Dropout) else x for x in network.layers)
    return replace(network, layers=tuple(layers))


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (get_network("paper"), "layer 'conv1a' belongs to a tower"),
        (fold(get_network("paper"))[0], "layer 'conv1' is not as in torchvision's alexnet"),
        (get_network("caffe"), "layer 'conv1' is not as in torchvision's alexnet"),
        (with_input(OWT, 256), "layer 'data' is not as in torchvision's"),
        (scaled_while_testing(OWT), "'drop6' multiplies by 0.5 while testing"),
    ],
    ids=["paper", "folded", "caffe", "256 pixels", "dropout of 2012"],
)
def test_other_networks_are_refused_by_the_layer_where_they_part(
    network: Network, why: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match=why) as raised:
        write(light(network), tmp_path / "x.pth")
    assert "write it as .safetensors or .onnx" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_numbers_that_float32_does_not_reach_are_refused(tmp_path: Path) -> None:
    plain = light(OWT)
    name = list(plain.arrays)[1]
    large = np.full(plain.arrays[name].shape, 1e39)
    with pytest.raises(FormatError) as raised:
        write(replace(plain, arrays={**plain.arrays, name: large}), tmp_path / "x.pth")
    assert f"x.pth: array '{name}' holds 1e+39, and the file's numbers are float32" in str(
        raised.value
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgg_room, "FILTERS", (1, 1, 1, 1, 1))
    with pytest.raises(FormatError, match="cannot be written"):
        write(light(with_classes(vgg(11), 2)), tmp_path / "nowhere" / "x.pth")


def test_the_format_says_what_it_takes() -> None:
    assert FORMAT.suffixes == (".pth", ".pt") and FORMAT.takes == {"network"}
