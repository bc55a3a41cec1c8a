"""Edited networks: counted at once, or every flaw placed at its layer."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from alexnet.explorer.checking import MOST_LAYERS
from alexnet.explorer.kinds import kinds
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.codec import decode
from alexnet.network.edit import with_classes
from alexnet.network.layers import Layer
from alexnet.network.ledger import ledger
from explorer.served import description, got, posted, served

Change = Callable[[dict[str, Any]], object]


def changed(change: Change, name: str = "paper") -> dict[str, Any]:
    tree = copy.deepcopy(description(name))
    change(tree)
    return tree


def layer(tree: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in tree["layers"] if entry["name"] == name)


def test_an_edited_network_is_counted() -> None:
    def widen(tree: dict[str, Any]) -> None:
        layer(tree, "fc8")["outputs"] = 10

    with served() as client:
        found = posted(client, "api/check", changed(widen, "caffe"))
        own = got(client, "api/network/caffe")
    assert found["total"]["parameters"] == (
        ledger(with_classes(get_network("caffe"), 10)).total.parameters
    )
    assert found["total"]["parameters"] < own["total"]["parameters"]


def test_an_unchanged_description_gives_the_catalogs_answer() -> None:
    with served() as client:
        for name in NETWORKS:
            assert posted(client, "api/check", description(name)) == got(
                client, f"api/network/{name}"
            )


@pytest.mark.parametrize(
    ("change", "place", "field", "words"),
    [
        (lambda t: layer(t, "conv1a").update(filters="a"), "conv1a", "filters", "a whole number"),
        (lambda t: layer(t, "conv1a").update(filters=0), "conv1a", "filters", "at least 1"),
        (
            lambda t: layer(t, "conv1a")["kernels"][0].update(stride=0),
            "conv1a", "kernels.0.stride", "at least 1",
        ),
        (
            lambda t: layer(t, "conv1a")["kernels"][0].update(stride=1.5),
            "conv1a", "kernels.0.stride", "a whole number",
        ),
        (lambda t: layer(t, "conv2a").update(reads=["pool1"]), "conv2a", "reads", "did you mean"),
        (lambda t: layer(t, "pool1a")["window"].update(size=99), "pool1a", "window", "not fit"),
        (lambda t: layer(t, "relu1a").update(function="rel"), "relu1a", "function", "relu"),
        (lambda t: layer(t, "conv1b").update(name="conv1a"), "conv1a", "name", "taken"),
        (lambda t: layer(t, "conv1a").update(kind="conf"), "conv1a", None, "did you mean 'conv'"),
        (lambda t: layer(t, "conv1a").update(tower=30), "conv1a", "tower", "from 0 to 25"),
        (lambda t: t.update(layers=[]), None, None, "input"),
        (lambda t: t.update(format="other"), None, None, "alexnet-network/1"),
        (lambda t: t.update(layers=t["layers"] * 20), None, None, "layers"),
        (lambda t: layer(t, "data").update(shape=[3, 10**9, 10**9]), None, None, "smaller sizes"),
        (lambda t: layer(t, "conv1a").update(filters=10**400), None, None, "smaller sizes"),
    ],
)  # fmt: skip
def test_a_flaw_is_placed(change: Change, place: str | None, field: str | None, words: str) -> None:
    with served() as client:
        found = posted(client, "api/check", changed(change), status=422)
    assert (found["place"], found["field"]) == (place, field), found["error"]
    assert words in found["error"]
    first = found["errors"][0]
    assert (first["layer"], first["field"]) == (place, field)
    if place:
        assert changed(change)["layers"][first["index"]]["name"] == place


def test_a_name_that_no_encoding_can_write_is_counted_all_the_same() -> None:
    with served() as client:
        found = posted(client, "api/check", changed(lambda t: t.update(name="\ud800"), "tiny"))
    assert found["name"] == "?"
    assert found["total"]["parameters"] == ledger(get_network("tiny")).total.parameters


def test_two_flaws_are_told_at_once_and_what_depends_on_them_is_not() -> None:
    def change(tree: dict[str, Any]) -> None:
        layer(tree, "conv1a")["filters"] = 0
        layer(tree, "conv2b")["kernels"][0]["size"] = "five"

    with served() as client:
        found = posted(client, "api/check", changed(change), status=422)
    assert [flaw["layer"] for flaw in found["errors"]] == ["conv1a", "conv2b"]


def test_the_longest_network_is_checked_in_time() -> None:
    def change(tree: dict[str, Any]) -> None:
        tree["layers"] = [
            {"kind": "input", "name": "data", "shape": [1, 8, 8]},
            *(
                {"kind": "activation", "name": f"a{i}", "reads": ["data"], "function": "relu"}
                for i in range(MOST_LAYERS - 2)
            ),
            {"kind": "activation", "name": "last", "reads": ["none"], "function": "relu"},
        ]

    with served() as client:
        found = posted(client, "api/check", changed(change), status=422)
    assert [flaw["layer"] for flaw in found["errors"]] == ["last"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"a": NaN}', 400),
        (b"9" * 5000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'{"format": "alexnet-network/1", "layers": 5}', 422),
        (b'{"format": "alexnet-network/1", "layers": [5, null, {}]}', 422),
    ],
)
def test_a_body_that_is_no_network_is_refused(body: bytes, status: int) -> None:
    with served() as client:
        found = posted(client, "api/check", body, status=status)
    assert found["error"]


def test_an_example_of_every_kind_is_a_layer() -> None:
    for kind in kinds():
        assert decode(Layer, kind["example"], str(kind["kind"])).kind == kind["kind"]
        names = {entry["name"] for entry in kind["fields"]}  # pyright: ignore
        assert set(kind["example"]) - {"kind"} <= names  # pyright: ignore


def test_edits_at_random_are_counted_or_refused_and_never_fail() -> None:
    chance = random.Random(1)
    values = [
        0,
        -1,
        1,
        2,
        3,
        10**6,
        2**31,
        10**30,
        1.5,
        True,
        None,
        "",
        "relu",
        "data",
        [],
        {},
        [1],
    ]
    with served() as client:
        for _ in range(120):
            tree = description(chance.choice(["tiny", "11pct"]))
            for _ in range(chance.randint(1, 3)):
                mutate(tree, values, chance)
            answer = client.post("/api/check", content=json.dumps(tree))
            assert answer.status_code in (200, 400, 422), answer.text[:300]
            json.loads(answer.content)


def mutate(tree: dict[str, Any], values: list[Any], chance: random.Random) -> None:
    """One value somewhere in a description replaced, or one entry taken out."""
    place: Any = chance.choice(tree["layers"])
    while True:
        key = (
            chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        )
        inner = place[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            place = inner
            continue
        if isinstance(place, dict) and chance.random() < 0.2:
            del place[key]
        else:
            place[key] = chance.choice(values)
        return
