"""What a trained network makes of a dropped picture, against the command line and by hand."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.cli import run
from alexnet.explorer.asking import AskError
from alexnet.explorer.gallery import open_gallery
from alexnet.explorer.looking import Looker
from alexnet.explorer.session import Dropped, Opened
from alexnet.formats import Checkpoint, write
from alexnet.images.decode import decode, fit
from alexnet.network.arithmetic import network_parameters
from alexnet.network.codec import from_json
from alexnet.network.contract import InputContract
from alexnet.torch_net import build
from explorer.served import (
    description,
    got,
    looking_desk,
    picture,
    posted,
    served,
    tiny_checkpoint,
    written,
)

LOOKED = ["conv1", "pool1", "conv2", "pool2", "fc7"]


@dataclass(frozen=True)
class Look:
    client: httpx.Client
    identity: str
    picture: str
    data: bytes

    def at(self, what: str, status: int = 200) -> Any:
        glue = "&" if "?" in what else "?"
        address = f"api/look/{self.identity}/{what}{glue}picture={self.picture}"
        return got(self.client, address, status)


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    desk, identity = looking_desk()
    desk.gallery = open_gallery("digits")
    with served(desk) as client:
        data = picture()
        found = posted(client, "api/picture?name=noise.png", data)
        assert (found["width"], found["height"], found["name"]) == (40, 30, "noise.png")
        yield Look(client, identity, found["picture"], data)


def pixels_of(url: str) -> np.ndarray:
    head, data = url.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_predictions_are_those_of_predict(
    look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    path = written(tmp_path, "noise.png", look.data)
    with pytest.raises(SystemExit):
        run(["predict", str(tmp_path / "tiny.safetensors"), str(path), "--json"])
    printed = json.loads(capsys.readouterr().out)["predictions"][0]["classes"]
    found = look.at("predictions")
    assert [c["name"] for c in found["classes"]] == [c["name"] for c in printed]
    assert [c["probability"] for c in found["classes"]] == pytest.approx(
        [c["probability"] for c in printed], abs=1e-6
    )
    assert found["classes"][0]["text"] == f"{found['classes'][0]['probability']:.2%}"


def test_what_is_shown_is_the_centre_of_the_picture(look: Look) -> None:
    found = look.at("predictions")["shown"]
    own = fit(decode(look.data, "noise.png", channels=1), 24)[:, :, 0]
    assert np.array_equal(pixels_of(found["image"]), own)


def test_maps_are_the_networks_own_between_their_least_and_greatest(look: Look) -> None:
    checkpoint = tiny_checkpoint()
    module = build(checkpoint.network, arrays=checkpoint.arrays).eval()
    shown = torch.from_numpy(fit(decode(look.data, "noise.png", channels=1), 24)).permute(2, 0, 1)
    with torch.inference_mode():
        maps = module((shown[None].float() - 100.0), layers=["pool1a"])["pool1a"][0].numpy()
    found = look.at("maps?layer=pool1")
    tower = found["towers"][0]
    assert tower["layer"] == "pool1a"
    assert (tower["count"], tower["side"]) == (len(maps), list(maps.shape[1:]))
    sheet, (height, width) = pixels_of(tower["image"]), maps.shape[1:]
    for index, own in enumerate(maps):
        top = index // tower["columns"] * (height + tower["padding"])
        left = index % tower["columns"] * (width + tower["padding"])
        cell = sheet[top : top + height, left : left + width]
        wanted = 255 * (own - own.min()) / (np.ptp(own) or 1)
        assert np.abs(cell - wanted).max() <= 1
    assert tower["greatest"] == pytest.approx(maps.max(), rel=1e-4)


def test_every_layer_that_is_listed_has_maps_and_fields(look: Look) -> None:
    layers = got(look.client, f"api/look/{look.identity}/layers")["layers"]
    assert {"conv1", "pool2", "fc3"} & {layer["name"] for layer in layers}
    for layer in layers:
        found = look.at(f"maps?layer={layer['name']}")
        assert sum(tower["count"] for tower in found["towers"]) == layer["shape"][0]
        field = look.at(f"field?layer={layer['name']}&row=0&column=0")
        assert field["agrees"], layer
        assert field["rows"] == layer["shape"][1]


def test_a_field_is_where_the_gradient_is(look: Look) -> None:
    layers = got(look.client, f"api/look/{look.identity}/layers")["layers"]
    maps = [layer for layer in layers if layer["is_map"] and layer["kind"] == "conv"]
    for layer in maps:
        row = layer["shape"][1] // 2
        found = look.at(f"field?layer={layer['name']}&row={row}&column={row}")
        size = found["theoretical"]["size"]
        box = found["theoretical"]
        assert box["bottom"] - box["top"] + 1 == box["right"] - box["left"] + 1 == size
        lit = np.argwhere(pixels_of(found["measured"]["image"]) > 0)
        for axis, (low, high) in enumerate((("top", "bottom"), ("left", "right"))):
            assert found["seen"][low] <= lit[:, axis].min()
            assert lit[:, axis].max() <= found["seen"][high]
        assert found["measured"]["top"] >= max(0, box["top"])
    first = look.at(f"field?layer={maps[0]['name']}&row=3&column=3")
    assert first["seen"]["top"] == first["measured"]["top"]  # noise leaves no pixel of a kernel out


def test_neighbours_are_the_nearest_of_all(look: Look) -> None:
    found = look.at("neighbours?k=3")
    assert found["data"] == "digits"
    assert found["of"] == len(open_gallery("digits").split)
    distances = [each["distance"] for each in found["neighbours"]]
    assert distances == sorted(distances)
    assert len(distances) == 3
    split = open_gallery("digits").split
    index = 17
    digit = Image.fromarray(split.read(index, 1)[:, :, 0])
    into = io.BytesIO()
    digit.save(into, "PNG")
    other = posted(look.client, "api/picture", into.getvalue())["picture"]
    own = Look(look.client, look.identity, other, b"").at("neighbours?k=1")["neighbours"][0]
    assert own["name"] == split.name(index)
    assert own["distance"] < 1e-3
    assert own["class"] == split.classes[split.labels[index]]


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("maps?layer=conv9", 404),
        ("maps", 400),
        ("maps?layer=labels", 404),
        ("field?layer=conv1&row=1000&column=0", 400),
        ("field?layer=conv1&row=-1&column=0", 400),
        ("neighbours?k=1000", 400),
        ("nothing", 404),
        ("predictions?colour=red", 400),
    ],
)
def test_a_wrong_question_is_told(look: Look, what: str, status: int) -> None:
    assert look.at(what, status)["error"]


def test_an_unknown_picture_or_file_is_told(look: Look) -> None:
    got(look.client, f"api/look/{look.identity}/predictions?picture=p999", 404)
    got(look.client, f"api/look/o999/predictions?picture={look.picture}", 404)


def test_without_data_or_weights_it_says_what_is_missing() -> None:
    desk, identity = looking_desk()
    with served(desk) as client:
        shown = posted(client, "api/picture", picture())["picture"]
        found = got(client, f"api/look/{identity}/neighbours?picture={shown}", 409)
        assert "--data" in found["try"]
        text = json.dumps(got(client, "api/network/tiny")["description"]).encode()
        other = posted(client, "api/open?name=tiny.json", text)
        assert not other["look"]
        got(client, f"api/look/{other['id']}/predictions?picture={shown}", 409)


def test_a_file_that_asks_for_too_much_memory_is_refused_before_any_is_taken() -> None:
    text = json.dumps(description("tiny")).replace("[1, 24, 24]", "[1, 28000, 28000]")
    with pytest.raises(AskError, match=r"28,000×28,000 pixels; at most 40,000,000") as wide:
        look_with(json.loads(text), border=0)
    with pytest.raises(AskError, match=r"28,024×28,024 pixels") as bordered:
        look_with(json.loads(text), border=12)
    with pytest.raises(AskError, match="bytes of a picture; at most 1,073,741,824") as deep:
        look_with(json.loads(text.replace("28000", "6000")), border=0)
    assert [each.value.status for each in (wide, bordered, deep)] == [422, 422, 422]


def test_neighbours_that_would_need_too_much_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, identity = looking_desk()
    desk.gallery = open_gallery("digits")
    count = len(desk.gallery.split)
    monkeypatch.setattr("alexnet.explorer.gallery.MOST_BYTES", count * 24 * 24 - 1)
    with served(desk) as client:
        shown = posted(client, "api/picture", picture())["picture"]
        found = got(client, f"api/look/{identity}/neighbours?picture={shown}", 422)
        assert f"would have {count * 24 * 24:,} bytes at 24×24 pixels" in found["error"]


def look_with(tree: Any, border: int) -> None:
    """Shows noise to a network whose weights nobody reads; decoding it would fail."""
    network = from_json(json.dumps(tree))
    zeros = {
        p.name: np.broadcast_to(np.zeros((), "f4"), p.shape) for p in network_parameters(network)
    }
    contract = InputContract(channel_order="grey", pixel_maximum=255.0, border_pixels=border)
    found = Checkpoint(network=network, arrays=zeros, contract=contract)
    opened = Opened(name="wide", format="checkpoint", network=network, checkpoint=found)
    looker = Looker(opened, None)  # pyright: ignore[reportArgumentType]
    looker.predictions(Dropped(name="x", path=Path("x"), width=1, height=1))


def test_pictures_and_files_are_given_up_in_turn() -> None:
    desk, _ = looking_desk()
    with served(desk) as client:
        names = [posted(client, "api/picture", picture(seed=i))["picture"] for i in range(18)]
        folders = list(desk.session.folder.iterdir())
        assert len(set(names)) == 18
        assert len(folders) == 16
        got(client, f"api/look/o1/predictions?picture={names[0]}", 404)
        got(client, f"api/look/o1/predictions?picture={names[-1]}")
    assert not desk.session.folder.exists()
