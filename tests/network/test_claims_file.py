"""Claims files: the example in the docs, every way to name a network, every error's sentence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from alexnet.network.catalog import get_network as network
from alexnet.network.codec import to_json
from alexnet.network.paper import Finding, as_tree
from alexnet.network.paper.own_claims import ClaimsError, audit_file, read_claims
from alexnet.network.paper.own_quantities import QUANTITIES, UNITS

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-claims.json"


def claim(**changes: object) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": "A",
        "quantity": "parameters",
        "layer": "total",
        "printed": "60 million",
        "unit": "parameters",
    }
    entry |= changes
    return entry


def write(folder: Path, *claims: dict[str, Any], **changes: object) -> Path:
    tree: dict[str, Any] = {
        "format": "alexnet-claims/1",
        "network": "paper",
        "claims": list(claims) or [claim()],
    }
    tree |= changes
    path = folder / "mine.json"
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def one(folder: Path, **changes: object) -> Finding:
    (finding,) = audit_file(write(folder, claim(**changes))).findings
    return finding


def refusal(path: Path) -> str:
    with pytest.raises(ClaimsError) as caught:
        read_claims(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_the_example_of_the_docs() -> None:
    result = audit_file(EXAMPLE)
    found = {finding.id: finding for finding in result.findings}
    assert result.unexplained == 0
    assert result.ran is None
    assert {f.verdict for f in found.values()} == {"exact", "rounds to", "slip"}
    slip = found["conv2 parameters"]
    assert slip.verdict == "slip"
    assert "the weights of conv2" in slip.sentence
    assert "25,600 weights + 32 biases" in slip.sentence
    json.dumps(as_tree(result))


# --- networks -------------------------------------------------------------------------------------


def test_a_network_written_out_or_in_a_file_beside(tmp_path: Path) -> None:
    tree = json.loads(to_json(network("paper")))
    assert audit_file(write(tmp_path, network=tree)).findings[0].verdict == "rounds to"
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "net.json").write_text(json.dumps(tree), encoding="utf-8")
    path = write(tmp_path, network="nets/net.json")
    assert audit_file(path).findings[0].verdict == "rounds to"


def test_networks_that_are_none(tmp_path: Path) -> None:
    assert "mine.json:3: no network is called 'papr'; did you mean 'paper'?" in refusal(
        write(tmp_path, network="papr")
    )
    assert refusal(write(tmp_path, network="gone.json")) == (
        "mine.json:3: network file gone.json cannot be read (No such file or directory)"
    )
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    assert "bad.json:1: not JSON" in refusal(write(tmp_path, network="bad.json"))
    assert "mine.json:3: network: no network description" in refusal(
        write(tmp_path, network={"layers": []})
    )
    tree = json.loads(to_json(network("paper")))
    wrong = copy.deepcopy(tree)
    wrong["layers"][2]["filterz"] = 3
    assert "layer conv1a: unknown key 'filterz'; did you mean 'filters'?" in refusal(
        write(tmp_path, network=wrong)
    )


# --- quantities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "layer", "value", "unit"),
    [
        ("neurons", "conv1", "290,400", "neurons"),
        ("neurons", "conv1a", 145_200, "neurons"),
        ("parameters", "conv1", "34,944", "parameters"),
        ("weights", "conv1", "34,848", "weights"),
        ("biases", "conv1", 96, "biases"),
        ("connections", "conv1", "105,705,600", "connections"),
        ("multiply_adds", "total", "724,406,816", "multiply-adds"),
        ("operations", "total", "1,448,813,632", "operations"),
        ("receptive_field", "pool5", 195, "pixels"),
        ("output_shape", "conv1", "96x55x55", "channels×height×width"),
        ("output_shape", "conv1", "55×55×96", "height×width×channels"),
        ("output_shape", "conv1", [55, 55], "height×width"),
        ("output_shape", "fc6", 4096, "channels×height×width"),
        ("input_elements", "total", "150,528", "numbers"),
        ("input_elements", "fc6", "9,216", "numbers"),
        ("activation_bytes", "conv1", "1,161,600", "bytes"),
        ("activation_bytes", "conv1", "1161.6", "kB"),
    ],
)
def test_quantities_of_layers_stages_and_the_whole(
    tmp_path: Path, quantity: str, layer: str, value: object, unit: str
) -> None:
    finding = one(tmp_path, quantity=quantity, layer=layer, printed=value, unit=unit)
    assert finding.verdict == "exact", finding.sentence


def test_operations_are_two_for_each_multiply_add(tmp_path: Path) -> None:
    finding = one(tmp_path, quantity="operations", printed="724,406,816", unit="operations")
    assert finding.computed == "1,448,813,632"
    assert finding.verdict == "slip"
    assert "multiply-adds" in finding.sentence


def test_rounding_slips_and_unexplained(tmp_path: Path) -> None:
    assert one(tmp_path, printed="1.45 G", quantity="operations", unit="operations").verdict == (
        "rounds to"
    )
    assert one(tmp_path, printed=62_378_344).verdict == "slip"  # without groups
    assert one(tmp_path, printed=60_965_242).verdict == "slip"  # digits swapped
    assert one(tmp_path, printed=987_654_321).verdict == "unexplained"
    result = audit_file(write(tmp_path, claim(printed=987_654_321)))
    assert result.unexplained == 1
    shape = one(
        tmp_path,
        quantity="output_shape",
        layer="conv1",
        printed="96×54×54",
        unit="channels×height×width",
    )
    assert shape.verdict == "unexplained"
    assert shape.computed == "96×55×55"


def test_every_quantity_has_a_unit() -> None:
    assert set(UNITS) == set(QUANTITIES)
    names = [unit for units in UNITS.values() for unit in units]
    assert len(set(names)) == len(names)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"quantity": "neuron"}, "7: claim A: quantity is \"neuron\"; did you mean 'neurons'?"),
        ({"quantity": 3}, "7: claim A: quantity is 3; there are: neurons, parameters, weights"),
        (
            {"quantity": "multiply_adds", "unit": "operations"},
            '10: claim A: unit is "operations"; multiply_adds is counted in multiply-adds '
            "(operations is the unit of operations)",
        ),
        ({"unit": "FLOPs"}, '10: claim A: unit is "FLOPs"; parameters is counted in parameters'),
        ({"layer": "conv9"}, "8: claim A: network 'paper' has no layer 'conv9'; did you mean"),
        ({"layer": 1}, "8: claim 1: layer is 1; it must be a text"),
        (
            {"quantity": "receptive_field", "unit": "pixels"},
            "8: claim A: layer is 'total', but a receptive field belongs to one layer; name it",
        ),
        (
            {"quantity": "receptive_field", "unit": "pixels", "layer": "labels"},
            "8: claim A: layer 'labels' sees no picture, so it has no receptive field",
        ),
        ({"printed": "sixty"}, '9: claim A: printed is "sixty"; a number is written as'),
        ({"printed": True}, "9: claim A: printed is true; a number is written as"),
        ({"printed": -3}, "9: claim A: printed is -3; a number is written as"),
        ({"printed": "0"}, '9: claim A: printed is "0"; a number is written as'),
        ({"printed": float("nan")}, "9: claim A: printed is NaN; it must be finite"),
        (
            {
                "quantity": "output_shape",
                "unit": "channels×height×width",
                "layer": "conv1",
                "printed": "96×55",
            },
            '9: claim A: printed is "96×55"; channels×height×width is written as 96×55×55',
        ),
        (
            {"quantity": "output_shape", "unit": "height×width", "layer": "conv1", "printed": None},
            "9: claim A: printed is null; height×width is written as 55×55",
        ),
        ({"page": 3}, "11: claim 1: unknown key 'page'; did you mean 'place'?"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    assert f"mine.json:{sentence}" in refusal(write(tmp_path, claim(**changes)))


def test_missing_keys_and_wrong_shapes_of_the_file(tmp_path: Path) -> None:
    bare = claim()
    del bare["unit"]
    assert refusal(write(tmp_path, bare)) == "mine.json:5: claim 1 lacks unit"
    assert refusal(write(tmp_path, format="2")) == (
        'mine.json:2: format is "2"; it must be "alexnet-claims/1"'
    )
    assert "claims must be a list" in refusal(write(tmp_path, claims=[]))
    assert "claim 1 is 3; it must be an object" in refusal(write(tmp_path, claims=[3]))
    assert "unknown key 'nework'; did you mean 'network'?" in refusal(write(tmp_path, nework="x"))
    assert "id 'A' is taken already" in refusal(write(tmp_path, claim(), claim()))
    assert "source is 3; it must be a text" in refusal(write(tmp_path, source=3))


def test_files_that_are_no_claims_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    assert refusal(path) == "mine.json: cannot be read (No such file or directory)"
    path.write_bytes(b"\xff\xfe")
    assert refusal(path) == "mine.json: is not UTF-8 text; a claims file is JSON"
    path.write_text('{"format": 1,\n}', encoding="utf-8")
    assert refusal(path).startswith("mine.json:2: not JSON")
    path.write_text("[" * 100_000, encoding="utf-8")
    assert "nested too deeply" in refusal(path)
    path.write_text('{"format": "a",\n "network": 1,\n "network": 2}', encoding="utf-8")
    assert refusal(path) == "mine.json:3: key 'network' stands twice"
    path.write_text("[]", encoding="utf-8")
    assert refusal(path) == "mine.json:1: a claims file is []; it must be an object"
    path.write_text(f'{{"format": {"9" * 5000}}}', encoding="utf-8")
    assert refusal(path).startswith("mine.json: ")


def test_lines_are_found_whatever_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        '{"format": "alexnet-claims/1", "network": "paper", "source": "a \\"x\\": {[,]}",\n'
        '"claims": [{"id": "A", "quantity": "biases",\n\n "layer": "conv1", "printed": 96,\n'
        '"unit": "bias"}]}',
        encoding="utf-8",
    )
    assert refusal(path).startswith('mine.json:5: claim A: unit is "bias"')
