"""The samples of docs/explorer.md against the answers of today: every key, and every value that is
not "…". Of answers that depend on what was opened, dropped or taught the keys alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from alexnet.evaluation.looking import Unit, field
from alexnet.explorer.gallery import open_gallery
from alexnet.explorer.runs import Runs
from alexnet.network.catalog import get_network
from explorer.served import description, got, looking_desk, picture, posted, served

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "explorer.md"

MORE = "…"

STABLE = [
    "api/about", "api/networks", "api/network/NAME", "api/claims/NAME",
    "api/compare?networks=paper,as_run,caffe", "api/difference?first=paper&second=one_gpu",
    "api/window?input=224&kernel=11&stride=4&padding=0&filters=96", "api/story",
    "api/number?network=paper&text=253440",
]  # fmt: skip


def samples() -> dict[str, Any]:
    """The JSON of the document by the address that stands before it."""
    found: dict[str, Any] = {}
    address = ""
    for part in re.split(r"(?ms)^(```json\n.*?^```$)", DOCUMENT.read_text(encoding="utf-8")):
        if part.startswith("```json"):
            text = part.removeprefix("```json\n").removesuffix("```").replace("{…}", '{"…": 0}')
            found.setdefault(address, json.loads(text))
            continue
        named = re.findall(r"(?m)^(?:## (?:GET|POST) |`)(api/[^\s`]+)", part)
        address = named[-1] if named else address
    return found


SAMPLES = samples()


def untrue(sample: Any, live: Any, where: str = "", *, values: bool = True) -> Iterator[str]:
    """What the sample says and the answer does not."""
    if isinstance(sample, str) and sample.endswith(MORE):
        if not (sample == MORE or not values or str(live).startswith(sample.removesuffix(MORE))):
            yield f"{where}: {sample!r} is {live!r}"
    elif isinstance(sample, dict) and isinstance(live, dict):
        yield from (f"{where}.{key}: is not there" for key in sample if key not in {*live, MORE})
        if MORE not in sample:
            yield from (f"{where}.{key}: is not told" for key in live if key not in sample)
        for key in sample.keys() & live.keys():
            yield from untrue(sample[key], live[key], f"{where}.{key}", values=values)
    elif isinstance(sample, list) and isinstance(live, list):
        yield from _items(sample, live, where, values)
    elif values and (sample != live or type(sample) is not type(live)):
        yield f"{where}: {sample!r} is {live!r}"


def _items(sample: list[Any], live: list[Any], where: str, values: bool) -> Iterator[str]:
    """Lists of plain values are told whole; of others each sample is like one that there is."""
    if not any(isinstance(each, dict | list) or each == MORE for each in sample):
        if values and sample != live:
            yield f"{where}: {sample!r} is {live!r}"
        return
    if sample and not live and not all(each == MORE for each in sample):
        yield f"{where}: is empty"
    for index, each in enumerate(sample):
        wrong = [list(untrue(each, other, f"{where}[{index}]", values=values)) for other in live]
        if wrong:
            yield from min(wrong, key=len)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, runs_folder: Path) -> Iterator[httpx.Client]:
    desk, _ = looking_desk()
    desk.start = "paper"
    desk.gallery, desk.runs = open_gallery("digits"), Runs(runs_folder)
    with served(desk) as found:
        yield found


@pytest.mark.parametrize("address", STABLE)
def test_every_sample_is_what_is_answered_today(address: str, client: httpx.Client) -> None:
    live = got(client, address.replace("NAME", "paper"))
    assert "\n".join(untrue(SAMPLES[address], live)) == ""


def test_the_answers_of_a_session_have_the_keys_that_are_told(client: httpx.Client) -> None:
    shown = posted(client, "api/picture?name=x.png", picture())["picture"]
    text = json.dumps(description("tiny")).encode()
    wrong_network = description("paper")
    wrong_network["layers"][9]["reads"] = ["pool1"]
    asked = {
        "api/runs": got(client, "api/runs"),
        "api/run/NAME?after=0": got(client, "api/run/small?after=0"),
        "api/check": posted(client, "api/check", wrong_network, status=422),
        "api/open?name=layers-145.cfg": posted(client, "api/open?name=x.json", text),
    }
    for address in SAMPLES:
        if address.startswith("api/look/ID/"):
            own = re.sub("row=6&column=6", "row=3&column=3", address.replace("ID", "o1"))
            own = own.replace("picture=p4", f"picture={shown}").replace("conv3", "conv2")
            asked[address] = got(client, own)
    assert set(asked) | set(STABLE) == set(SAMPLES) - {""}
    wrong = [
        f"{address}{each}"
        for address, live in asked.items()
        for each in untrue(SAMPLES[address], live, values=False)
    ]
    assert "\n".join(wrong) == ""


def test_the_field_that_is_told_is_the_papers() -> None:
    sample = SAMPLES["api/look/ID/field?picture=p4&layer=conv3&row=6&column=6"]
    own = field(get_network("paper"), Unit("conv3a", 0, sample["row"], sample["column"]))
    box = {"top": own.top, "left": own.left, "bottom": own.bottom - 1, "right": own.right - 1}
    assert {key: sample["theoretical"][key] for key in box} == box
    assert sample["theoretical"]["size"] == own.bottom - own.top
    assert sample["seen"] == box  # inside the picture


def test_an_untrue_sample_is_noticed() -> None:
    live = {"a": 1, "b": [{"c": "long text", "d": 2}], "e": [1, 2]}
    assert not list(untrue({"a": 1, "b": [{"c": "long …", "d": 2}], "e": [1, 2]}, live))
    assert not list(untrue({"a": 1, "…": 0}, live))
    for said in ({"a": 1}, {"a": 2, "…": 0}, {"e": [1], "…": 0}, {"b": [{"c": "x"}], "…": 0}):
        assert list(untrue(said, live))
