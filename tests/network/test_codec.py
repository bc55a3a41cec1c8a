"""Networks to JSON and back: lossless for the whole catalog, strict about everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import from_json, to_json
from alexnet.network.spec import NetworkError


@pytest.mark.parametrize("name", NETWORKS)
def test_every_catalog_network_comes_back_the_same(name: str) -> None:
    network = NETWORKS[name]()
    back = from_json(to_json(network))
    assert back == network
    assert to_json(back) == to_json(network)  # names and sources too, which equality leaves out


def tree() -> Any:
    return json.loads(to_json(NETWORKS["80sec"]()))


def change(path: list[str | int], value: object) -> Callable[[], Any]:
    def changed() -> Any:
        whole = tree()
        place = whole
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return whole

    return changed


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            change(["layers", 2, "filtres"], 3),
            "layer conv1: unknown key 'filtres'; did you mean 'filters'?",
        ),
        (
            change(["layers", 2, "kind"], "covn"),
            "layer conv1: unknown kind 'covn'; did you mean 'conv'?",
        ),
        (
            change(["layers", 2, "filters"], "many"),
            'layer conv1.filters is "many"; it must be a whole number',
        ),
        (
            change(["layers", 2, "filters"], True),
            "layer conv1.filters is true; it must be a whole number",
        ),
        (
            change(["layers", 2, "filters"], 1.5),
            "layer conv1.filters is 1.5; it must be a whole number",
        ),
        (
            change(["layers", 2, "rule"], "theano"),
            'layer conv1.rule is "theano"; it must be one of torch,',
        ),
        (change(["layers", 2, "kernels"], 3), "layer conv1.kernels is 3; it must be a list"),
        (change(["layers", 2, "kernels", 0, "initial", "deviation"], 10**400), "it must be finite"),
        (
            change(["layers", 2, "kernels", 0, "initial", "deviation"], float("nan")),
            "it must be finite",
        ),
        (change(["layers", 0, "shape"], [3, 32]), "layer data.shape has 2 entries; it must have 3"),
        (change(["layers", 2], 7), 'layer 2 must be an object with a "kind"'),
        (change(["layers"], {}), "layers must be a list"),
        (change(["name"], 5), "name is 5; it must be a text"),
        (change(["colour"], "red"), "unknown key 'colour'"),
        (change(["format"], "other"), 'it must have "format": "alexnet-network/1"'),
        (change(["layers", 2, "reads"], ["nowhere"]), "layer 'conv1': reads 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_refused_by_place(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(NetworkError) as caught:
        from_json(json.dumps(make()), "net.json")
    assert sentence in str(caught.value)


def test_a_missing_value_without_default_is_named() -> None:
    whole = tree()
    del whole["layers"][2]["rule"]
    with pytest.raises(NetworkError, match=r"net.json: layer conv1 lacks rule"):
        from_json(json.dumps(whole), "net.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, "1" * 5000, '"x"'])
def test_what_is_no_network_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(NetworkError, match=r"^net.json"):
        from_json(text, "net.json")


def test_a_parse_error_says_the_line() -> None:
    with pytest.raises(NetworkError, match=r"^net.json:3: not JSON"):
        from_json('{\n"name": "x",\n"layers" 5}', "net.json")
