"""Networks to JSON and back: lossless for the whole catalog, strict about everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import from_json, to_json
from alexnet.network.layers import Layer
from alexnet.network.spec import NetworkError
from every_kind import every_kind


@pytest.mark.parametrize("name", NETWORKS)
def test_every_catalog_network_comes_back_the_same(name: str) -> None:
    network = NETWORKS[name]()
    back = from_json(to_json(network))
    assert back == network
    assert to_json(back) == to_json(network)  # names and sources too, which equality leaves out


def test_every_kind_of_layer_comes_back_the_same() -> None:
    network = every_kind()
    assert from_json(to_json(network)) == network
    kinds = {layer["kind"] for layer in json.loads(to_json(network))["layers"]}
    known = {kind.kind for kind in get_args(Layer)}
    in_the_catalog = {layer.kind for make in NETWORKS.values() for layer in make()}
    elsewhere = {"contrast-norm", "concat", "elementwise-sum", "elementwise-max",
                 "cross-entropy-loss", "sum-of-squares-loss"}  # fmt: skip
    assert known <= kinds | in_the_catalog | elsewhere


def test_what_is_written_of_sparse_and_shared_weights() -> None:
    layers = {x["name"]: x for x in json.loads(to_json(every_kind()))["layers"]}
    assert layers["conv2"]["kernels"][0]["connections"] == [0, 3, 5, 6, 1, 2, 4, 7]
    assert layers["conv3"]["kernels"][0]["initial"] == {"kind": "shared", "layer": "conv2"}
    assert layers["farthest"]["by_magnitude"] is True
    assert layers["off"]["enabled"] is False
    assert layers["tree"]["parents"] == [4, 4, 5, 5, 6, 6, 6]


@pytest.mark.parametrize(
    ("layer", "key", "value", "sentence"),
    [
        ("lab", "space", "hsv", 'layer lab.space is "hsv"; it must be one of yuv, lab'),
        ("off", "enabled", 1, "layer off.enabled is 1; it must be true or false"),
        ("tree", "parents", [4, 4, 5, 5, 6, 6, 6.5], "tree.parents[6] is 6.5; it must be a whole"),
        ("tree", "initial", {"kind": "shared", "layer": "gate"}, "unknown kind 'shared'"),
        ("conv1", "initial_bias", {"kind": "shared", "layer": "conv1"}, "unknown kind 'shared'"),
        ("nails", "stride", 1.5, "layer nails.stride is 1.5; it must be a whole number"),
        ("scaled", "maximum", "2", 'layer scaled.maximum is "2"; it must be a number'),
    ],
)
def test_new_kinds_are_read_strictly(layer: str, key: str, value: object, sentence: str) -> None:
    whole = json.loads(to_json(every_kind()))
    next(x for x in whole["layers"] if x["name"] == layer)[key] = value
    with pytest.raises(NetworkError) as caught:
        from_json(json.dumps(whole), "net.json")
    assert sentence in str(caught.value)


def test_names_of_kinds_are_told_apart() -> None:
    kinds = [kind.kind for kind in get_args(Layer)]
    assert len(kinds) == len(set(kinds))


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
