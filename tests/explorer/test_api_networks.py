"""Answers about networks: they are what the command line prints, and what docs/explorer.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.cli.tables import ledger_table, rules_table, story_table
from alexnet.explorer.account import account_tree
from alexnet.explorer.answers import COMPARED, Desk, about_tree, pure
from alexnet.explorer.claims import claims_tree
from alexnet.explorer.side_by_side import compare_tree, difference_answer
from alexnet.explorer.story import story_tree
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.codec import from_json
from alexnet.network.compare import compare
from alexnet.network.ledger import as_tree, ledger
from alexnet.network.paper import audit

DOCS = Path(__file__).parents[2] / "docs" / "explorer.md"


@pytest.fixture(scope="module", params=list(NETWORKS))
def tree(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(json.dumps(account_tree(get_network(request.param))))


def test_a_networks_counts_are_the_ledgers(tree: dict[str, Any]) -> None:
    told = json.loads(json.dumps(as_tree(ledger(get_network(tree["name"])))))
    counted = list(told["total"])
    for row, own in zip(tree["layers"], told["layers"], strict=True):
        assert {key: row[key] for key in counted} == {key: own[key] for key in counted}
        assert row["shape"] == own["output_shape"]
    assert tree["total"] == told["total"]
    assert [{**t, "tower": None} for t in tree["per_tower"]] == [
        {**sums, "tower": None} for sums in told["towers"].values()
    ]
    for key in counted:
        assert sum(stage[key] for stage in tree["stages"]) == tree["total"][key]


def test_facts_are_those_that_explain_prints(tree: dict[str, Any]) -> None:
    account = ledger(get_network(tree["name"]))
    for stage, own in zip(tree["stages"], account.stages, strict=True):
        printed = story_table(account, own.rows, own.name).rows
        assert [tuple(fact.values()) for fact in stage["facts"]] == list(printed)
    printed = {row[0]: row[2] for row in ledger_table(account).rows}
    assert {stage["name"]: stage["shape_text"] for stage in tree["stages"]} == printed


def test_the_traditions_are_those_that_explain_prints(tree: dict[str, Any]) -> None:
    printed = rules_table(get_network(tree["name"]))
    told = [(r["stage"], r["own"], *(c["text"] for c in r["cells"])) for r in tree["rules"]["rows"]]
    assert told == [row[:-1] for row in printed.rows]
    for row in tree["rules"]["rows"]:
        assert all(c["differs"] == (c["text"] != row["own"]) for c in row["cells"])
    assert tree["rules"]["notes"] == list(printed.notes)


def test_a_description_is_read_back_as_the_network(tree: dict[str, Any]) -> None:
    assert from_json(json.dumps(tree["description"])) == get_network(tree["name"])


def test_windows_lie_where_their_ends_say(tree: dict[str, Any]) -> None:
    for layer in tree["layers"]:
        for window in layer["windows"]:
            rows, (pixels, _) = window["rows"], window["input"]
            starts = [rows["first"] + i * window["stride"] for i in range(rows["outputs"])]
            assert rows["last"] == [starts[-1], starts[-1] + window["kernel"]]
            assert rows["last"][1] - pixels == rows["after"]
            assert rows["first"] == -rows["before"]
            assert rows["unused"] == max(0, pixels - rows["last"][1])
            assert rows["outputs"] == layer["shape"][1]


def points(tree: Any) -> Iterator[tuple[float, float]]:
    if isinstance(tree, list) and len(tree) == 2 and all(isinstance(x, int | float) for x in tree):
        yield tree[0], tree[1]
    elif isinstance(tree, list):
        for each in tree:
            yield from points(each)


def test_every_point_of_a_drawing_lies_inside_it(tree: dict[str, Any]) -> None:
    drawn = tree["drawing"]
    found = 0
    for part in (*drawn["blocks"], *drawn["links"]):
        for key in ("near", "above", "right", "label", "title", "window", "from", "to"):
            for x, y in points(part.get(key, [])):
                assert 0 <= x <= drawn["width"], (part, key)
                assert 0 <= y <= drawn["height"], (part, key)
                found += 1
    blocks = {block["name"] for block in drawn["blocks"]}
    assert all({link["source"], link["target"]} <= blocks for link in drawn["links"])
    assert found > 20


@pytest.fixture(scope="module")
def claims() -> dict[str, Any]:
    return claims_tree(get_network("paper"))


def test_claims_stand_at_the_layers_that_they_are_about(claims: dict[str, Any]) -> None:
    found = claims
    told = audit(get_network("paper"))
    by_id = {claim["id"]: claim for claim in found["claims"]}
    assert [(c["id"], c["verdict"], c["sentence"]) for c in by_id.values()] == [
        (f.id, f.verdict, f.sentence) for f in told.findings
    ]
    assert by_id["S2"]["stages"] == ["conv1"]
    assert by_id["S3"]["stages"] == ["conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert by_id["S8"]["stages"] == ["norm1", "norm2"]
    assert by_id["S10"]["stages"] == ["pool1", "pool2", "pool5"]
    assert by_id["T7"]["stages"] == ["drop6", "drop7"]
    assert by_id["R1"]["stages"] == []
    assert "S2" in found["stages"]["conv1"]
    known = {stage.name for stage in ledger(get_network("paper")).stages}
    assert set(found["stages"]) <= known


def test_side_by_side_marks_what_differs_from_the_first() -> None:
    found: Any = compare_tree({"networks": ",".join(COMPARED)})
    rows = [row for section in found["sections"] for row in section["rows"]]
    for row in rows:
        assert len(row["cells"]) == len(COMPARED)
        texts = [cell["text"] for cell in row["cells"]]
        if row["aspect"] != "called":
            assert [c["differs"] for c in row["cells"]] == [t != texts[0] for t in texts]
    whole = {row["aspect"]: row["cells"] for row in found["sections"][0]["rows"]}
    counted = [f"{ledger(get_network(name)).total.neurons:,}" for name in COMPARED]
    assert [cell["text"] for cell in whole["neurons"]] == counted
    first = {row["aspect"]: row["cells"][2]["text"] for row in found["sections"][1]["rows"]}
    assert first["size rule"] == "caffe"
    assert first["output"] == "96×55×55"
    for said, name in zip(found["differences"], COMPARED[1:], strict=True):
        told = compare(get_network("paper"), get_network(name)).differences
        assert said["count"] == len(told)


def test_a_difference_names_the_stages_of_both() -> None:
    found: Any = difference_answer({"first": "paper", "second": "as_run"})
    told = compare(get_network("paper"), get_network("as_run")).differences
    assert [d["effect"] for d in found["differences"]] == [d.effect for d in told]
    stages = {d["place"]: d["stages"] for d in found["differences"]}
    assert stages["network"] == {"paper": None, "as_run": None}
    assert stages["conv2"] == {"paper": "conv2", "as_run": "conv2"}
    assert stages["fc8"] == {"paper": "fc8", "as_run": "fc1000"}


def test_the_story_adds_up_and_each_link_answers() -> None:
    steps: Any = story_tree()["steps"]
    assert len(steps) == 5
    last = {line["what"]: line for line in steps[4]["arithmetic"]}
    for what in ("as printed", "as counted"):
        parts = [int(n.replace(",", "")) for n in last[what]["sentence"].split(" + ")]
        assert f"{sum(parts):,}" == last[what]["value"]
    assert (last["as printed"]["value"], last["as counted"]["value"]) == ("622,312", "659,272")
    for step in steps:
        for link in step["links"]:
            view, given = link["view"], link["parameters"]
            path = {"why": "window", "network": f"network/{given.get('network')}"}.get(view, view)
            asked = {} if view == "network" else given
            assert pure(path, asked) is not None
        assert step["arithmetic"]
        assert step["checks"]


def documented(title: str) -> set[str]:
    """The keys in the first JSON block under a heading of the contract."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]
    block = section.split("```json\n", 1)[1].split("\n```", 1)[0]
    return set(re.findall(r'"([a-z_0-9]+)":', block))


def keys(tree: Any) -> set[str]:
    if isinstance(tree, dict):
        return set(tree) | {key for value in tree.values() for key in keys(value)}
    return {key for value in tree for key in keys(value)} if isinstance(tree, list) else set()


FREE = ("description", "settings", "example", "stages", "verdicts", "default", "parameters")
"""Keys under which trees of other forms stand: networks, layers, counts by name."""


def cut(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: None if k in FREE and isinstance(v, dict) else cut(v) for k, v in tree.items()}
    return [cut(value) for value in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize(
    ("title", "answer"),
    [
        ("GET api/networks", lambda: pure("networks", {})),
        ("GET api/network/", lambda: pure("network/paper", {})),
        ("GET api/claims/", lambda: pure("claims/paper", {})),
        ("GET api/compare?", lambda: pure("compare", {"networks": "paper,as_run"})),
        ("GET api/difference?", lambda: pure("difference", {"first": "paper", "second": "caffe"})),
        (
            "GET api/window?",
            lambda: pure("window", {"input": "9", "kernel": "12", "stride": "1", "padding": "0"}),
        ),
        ("GET api/story", lambda: pure("story", {})),
        ("GET api/number?", lambda: pure("number", {"text": "253440"})),
        ("GET api/about", lambda: about_tree(Desk())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_have_the_keys_that_the_contract_names(title: str, answer: Any) -> None:
    found, said = keys(cut(json.loads(json.dumps(answer())))), documented(title)
    more = {"change", "quantity", "what", "value", "sentence", "optional"}  # told in words
    assert found - said - more == set(), "not in docs/explorer.md"
    assert {key for key in said - found if key not in FREE} <= KEYS_OF_OTHERS, "only in the docs"


KEYS_OF_OTHERS = {
    *("format", "layers", "name", "kind", "filters", "reads", "initial", "place", "alone"),
    *("exact", "slip", "conv1", "norm1", "rounds", "readers", "paper", "one_gpu", "pictures"),
    *("stage", "length"),
}
"""Keys of the examples that stand for any network's, verdict's or layer's."""


def test_answers_do_not_change_from_one_asking_to_the_next() -> None:
    for path, given in (("network/paper", {}), ("number", {"text": "253440"})):
        assert json.dumps(pure(path, given)) == json.dumps(pure(path, given))
