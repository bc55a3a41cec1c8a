"""Files dropped on the page and taken away from it: what is written reads back, and strangers'
bytes are refused without a failure.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.explorer.answers import Desk
from alexnet.explorer.opening import safe_name
from alexnet.explorer.server import _noted
from alexnet.explorer.writing import writable
from alexnet.formats import read, write
from alexnet.network.catalog import get_network
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

DEFINITION = b"""[data]
type=data
dataIdx=0

[labels]
type=data
dataIdx=1

[conv1]
type=conv
inputs=data
channels=3
filters=16
padding=2
stride=1
filterSize=5
initW=0.01
partialSum=4
sharedBiases=1
neuron=relu

[fc2]
type=fc
inputs=conv1
outputs=10
initW=0.1

[probs]
type=softmax
inputs=fc2

[logprob]
type=cost.logreg
inputs=labels,probs
"""

PARAMETERS = b"""[conv1]
epsW=0.001
epsB=0.002
momW=0.9
momB=0.9
wc=0.004

[fc2]
epsW=0.001
epsB=0.002
momW=0.9
momB=0.9
wc=1

[logprob]
coeff=1
"""


def test_a_definition_and_its_parameters_dropped_together() -> None:
    parts = [
        ("files", ("layer-params-x.cfg", PARAMETERS)),
        ("files", ("layers-x.cfg", DEFINITION)),
    ]
    with served() as client:
        answer = client.post("/api/open", files=parts)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["name"] == "layers-x.cfg"
        assert [s["name"] for s in found["network"]["stages"]][2] == "conv1"
        assert not found["has_weights"]
        assert got(client, f"api/network/{found['id']}") == found["network"]
        taken = client.post("/api/export", json={"format": ".cfg", "id": found["id"]})
    archive = zipfile.ZipFile(io.BytesIO(taken.content))
    (params,) = [n for n in archive.namelist() if "params" in n]
    assert b"0.004" in archive.read(params)  # the file's own rules, not made up ones


def test_every_format_that_is_written_reads_back(tmp_path: Path) -> None:
    desk, identity = looking_desk()
    checkpoint = tiny_checkpoint()
    ways = [way for way in writable() if way["needs_weights"]]
    assert ".safetensors" in {way["format"] for way in ways}
    with served(desk) as client:
        told = got(client, "api/about")["formats"]["write"]
        assert told == writable()
        for way in ways:
            answer = client.post("/api/export", json={"format": way["format"], "id": identity})
            if answer.status_code == 422:  # it cannot hold this network, and says so
                assert answer.json()["error"]
                continue
            assert answer.status_code == 200, answer.text
            name = answer.headers["content-disposition"].split('"')[1]
            assert isinstance(json.loads(answer.headers["x-alexnet-notes"]), list)
            if not name.endswith(".safetensors"):
                continue
            back = read(written(tmp_path, name, answer.content))
            assert back.network == checkpoint.network
            assert all(np.array_equal(back.arrays[k], v) for k, v in checkpoint.arrays.items())


@pytest.mark.parametrize(
    ("name", "side"), [("as_run", ""), ("18pct", ""), ("cifar_tanh", ""), ("11pct", "?side=24")]
)
def test_a_network_goes_out_as_a_definition_and_comes_back(name: str, side: str) -> None:
    with served() as client:
        body = {"format": ".cfg", "network": description(name)}
        taken = client.post("/api/export", json=body)
        assert taken.status_code == 200, taken.text
        archive = zipfile.ZipFile(io.BytesIO(taken.content))
        parts = [("files", (n, archive.read(n))) for n in archive.namelist()]
        back = client.post(f"/api/open{side}", files=parts)
        assert back.status_code == 200, back.text
        own = got(client, f"api/network/{name}")
    counted = ("neurons", "parameters", "multiply_adds")
    total = back.json()["network"]["total"]
    assert [total[k] for k in counted] == [own["total"][k] for k in counted]


def test_a_description_goes_out_and_comes_back() -> None:
    with served() as client:
        taken = client.post("/api/export", json={"format": ".json", "network": "paper"})
        back = posted(client, "api/open?name=paper.json", taken.content)
        assert back["network"]["description"] == description("paper")
        assert back["format"] == "description"


def test_a_checkpoint_that_is_dropped_can_be_looked_with(tmp_path: Path) -> None:
    write(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    with served() as client:
        data = (tmp_path / "tiny.safetensors").read_bytes()
        found = posted(client, "api/open?name=tiny.safetensors", data)
        assert (found["look"], found["classes"]) == (True, 10)
        shown = posted(client, "api/picture", picture())["picture"]
        answer = got(client, f"api/look/{found['id']}/predictions?picture={shown}")
        assert sum(c["probability"] for c in answer["classes"]) <= 1.0001


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": ".exe", "network": "paper"}, 400),
        ({"format": ".safetensors", "network": "paper"}, 409),
        ({"format": ".cfg", "network": "papper"}, 404),
        ({"format": ".cfg", "id": "o77"}, 404),
        ({"format": ".cfg"}, 422),
        ({"format": 5}, 400),
        ([], 400),
        ({"format": "../../etc/x", "network": "paper"}, 400),
    ],
)
def test_what_cannot_be_written_says_why(body: Any, status: int) -> None:
    with served() as client:
        assert posted(client, "api/export", body, status=status)["error"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/abs/olute.cfg", "olute.cfg"),
        (".hidden", "hidden"),
        ("", "file"),
        ("..", "file"),
        ("a\0b\n.cfg", "a_b_.cfg"),
        ("x" * 300 + ".cfg", "x" * 196 + ".cfg"),
        ("ü" * 300 + ".cfg", "ü" * 98 + ".cfg"),
        ("漢" * 300 + ".cfg", "漢" * 65 + ".cfg"),
        ("a." + "漢" * 300, "a." + "漢" * 66),
        ("Größe 1.json", "Größe_1.json"),
    ],
)
def test_no_name_leads_out_of_the_servers_folder(name: str, kept: str) -> None:
    assert safe_name(name) == kept


def test_a_name_of_many_bytes_is_taken() -> None:
    name = "漢" * 250
    with served() as client:
        assert posted(client, f"api/picture?name={name}.png", picture())["width"] == 40
        text = json.dumps(description("tiny")).encode()
        assert posted(client, f"api/open?name={name}.json", text)["name"].endswith("漢.json")


def test_a_network_too_large_to_be_held_goes_out_as_no_definition_of_caffe() -> None:
    tree = description("tiny")
    for layer in tree["layers"]:
        if layer["name"].startswith("fc3"):
            layer["outputs"] = 10**7
    with served() as client:
        body = {"format": ".prototxt", "network": tree}
        found = posted(client, "api/export", body, status=422)
        assert "parameters; a definition of Caffe is written here of at most" in found["error"]


def test_notes_fit_into_a_header_and_stay_a_list() -> None:
    assert json.loads(_noted(("a", "größer"))) == ["a", "größer"]
    many = json.loads(_noted(tuple(f"note {i} " * 30 for i in range(100))))
    assert many[0].startswith("note 0")
    assert many[-1] == f"and {100 - (len(many) - 1)} more notes"
    assert len(_noted(tuple("x" * 300 for _ in range(100)))) <= 4000


def test_files_of_one_name_do_not_overwrite_one_another() -> None:
    assert safe_name("a.cfg", ["a.cfg"]) == "_a.cfg"


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("x.json", b"{", 400),
        ("x.json", b'{"format": "other"}', 422),
        ("x.txt", b"hello", 415),
        ("x.bin", bytes(100), 415),
        ("x.cfg", b"[conv1]\ntype=conv\n", 422),
        ("x.safetensors", b"\xff" * 64, 422),
        ("x.safetensors", b"", 400),
    ],
)
def test_what_is_no_file_of_ours_says_so_and_names_no_folder(
    name: str, data: bytes, status: int
) -> None:
    desk = Desk()
    with served(desk) as client:
        found = posted(client, f"api/open?name={name}", data, status=status)
        assert found["error"]
        assert str(desk.session.folder) not in json.dumps(found)
        assert list(desk.session.folder.iterdir()) == []


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, taken out, doubled or cut off."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                del found[at : at + chance.randint(1, 40)]
            case 2:
                found[at:at] = found[at : at + chance.randint(1, 40)]
            case _:
                found[at:] = found[at : at + max(8, (len(found) - at) // 2)]
        if len(found) < 8:
            return bytes(found) + bytes(8)
    return bytes(found)


def test_mutated_files_are_read_or_refused_and_never_fail(tmp_path: Path) -> None:
    chance = random.Random(3)
    write(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    whole = (tmp_path / "tiny.safetensors").read_bytes()
    files = {
        "layers.cfg": DEFINITION,
        "paper.json": json.dumps(description("tiny")).encode(),
        "tiny.safetensors": whole[:6000] + whole[-2000:],
    }
    seen: set[int] = set()
    with served() as client:
        for index in range(150):
            name = list(files)[index % len(files)]
            answer = client.post(f"/api/open?name={name}", content=mutated(files[name], chance))
            assert answer.status_code in (200, 400, 413, 415, 422), answer.text[:300]
            seen.add(answer.status_code)
        assert got(client, "api/story")["steps"]
    assert {200, 422} <= seen


def test_mutated_pictures_are_decoded_or_refused_and_never_fail() -> None:
    chance = random.Random(4)
    whole = picture(24, 16)
    with served() as client:
        for _ in range(90):
            answer = client.post("/api/picture?name=a.png", content=mutated(whole, chance))
            assert answer.status_code in (200, 422), answer.text[:300]
        assert posted(client, "api/picture", whole)["width"] == 24


def test_a_network_of_the_catalog_is_not_changed_by_what_is_opened() -> None:
    with served() as client:
        before = got(client, "api/network/tiny")
        posted(client, "api/open?name=paper.json", json.dumps(description("tiny")).encode())
        assert got(client, "api/network/tiny") == before
    assert get_network("tiny").name == "tiny"
