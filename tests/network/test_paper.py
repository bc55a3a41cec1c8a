"""The audit: every verdict on the paper, that each is computed, and what a mutation changes."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.edit import with_input
from alexnet.network.layers import Conv, CrossMapNorm, Gaussian, Layer
from alexnet.network.ledger import ledger
from alexnet.network.paper import CLAIMS, Audit, Finding, as_tree, audit
from alexnet.network.paper.claims import (
    GRAVITY,
    VERDICTS,
    Computed,
    Printed,
    fit,
    number,
    plain,
    printed,
)
from alexnet.network.spec import Network


@pytest.fixture(scope="module")
def result() -> Audit:
    return audit(network("paper"))


@pytest.fixture(scope="module")
def findings(result: Audit) -> dict[str, Finding]:
    return {finding.id: finding for finding in result.findings}


VERDICT = {
    "S1": "exact",
    "S2": "slip",
    "S3": "exact",
    "S4": "rounds to",
    "S5": "contradicts another claim",
    "S6": "exact",
    "S7": "exact",
    "S8": "differs from the code that ran",
    "S9": "differs from the code that ran",
    "S10": "exact",
    "S11": "contradicts another claim",
    "S12": "rounds to",
    "T1": "recorded",
    "T2": "differs from the code that ran",
    "T3": "differs from the code that ran",
    "T4": "slip",
    "T5": "recorded",
    "T6": "differs from the code that ran",
    "T7": "exact",
    "T8": "differs from the code that ran",
    "R1": "recorded",
    "R2": "recorded",
    "R3": "recorded",
    "R4": "not checkable here",
    "R5": "recorded",
    "R6": "not checkable here",
    "R7": "recorded",
    "R8": "recorded",
    "R9": "recorded",
    "R10": "recorded",
    "R11": "not checkable here",
    "R12": "not checkable here",
    "C1": "contradicts another claim",
    "C2": "exact",
    "C3": "exact",
    "C4": "exact",
    "C5": "exact",
}


def test_every_claim_of_the_paper_has_its_verdict(findings: dict[str, Finding]) -> None:
    assert {name: finding.verdict for name, finding in findings.items()} == VERDICT


def test_nothing_about_the_paper_is_unexplained(result: Audit) -> None:
    assert result.unexplained == 0
    assert sum(result.counts.values()) == len(CLAIMS) == len(result.findings)
    assert result.counts["slip"] == 2


# --- single findings ------------------------------------------------------------------------------


def test_the_first_layer_is_a_slip_of_one_factor(findings: dict[str, Finding]) -> None:
    finding = findings["S2"]
    assert (finding.printed, finding.computed) == ("253,440 neurons", "290,400")
    reading = finding.checks[0].reading
    assert reading is not None
    assert reading.value == 55 * 48 * 96 == 253_440
    assert "55·48·96" in finding.sentence
    assert "290,400 = 55·55·96" in finding.sentence
    assert "279,936 (torch and caffe and valid)" in finding.sentence


def test_the_printed_total_contradicts_the_printed_list_and_not_the_corrected_one(
    findings: dict[str, Finding],
) -> None:
    computed, added = findings["S5"].checks
    assert (computed.verdict, computed.computed) == ("rounds to", "659,272")
    assert (added.verdict, added.computed) == ("contradicts another claim", "622,312")
    assert added.others == ("S2", "S3")
    for said in ("nearest 50,000", "660,000", "622,312", "650,080", "648,808"):
        assert said in findings["S5"].sentence


def test_sixty_million_is_told_with_its_rounding(findings: dict[str, Finding]) -> None:
    for said in ("nearest 5,000,000", "61,000,000", "61,100,840", "62,378,344"):
        assert said in findings["S4"].sentence


def test_the_share_of_one_percent_fails_for_two_layers(findings: dict[str, Finding]) -> None:
    checks = findings["S11"].checks
    assert [check.computed for check in checks] == ["0.06", "0.5", "1.45", "1.09", "0.73"]
    assert [check.verdict == "exact" for check in checks] == [True, True, False, False, True]
    assert checks[2].others == ("S6",)
    assert "conv3 1.45%, conv4 1.09%" in findings["S11"].sentence


def test_lists_are_checked_part_by_part(findings: dict[str, Finding]) -> None:
    assert len(findings["S3"].checks) == 7
    assert len(findings["S6"].checks) == 8
    assert [c.verdict for c in findings["S8"].checks] == [
        "exact",
        "exact",
        "differs from the code that ran",
        "exact",
    ]
    assert [c.verdict for c in findings["T3"].checks] == [
        "recorded",
        "recorded",
        "differs from the code that ran",
        "recorded",
        "not checkable here",
        "not checkable here",
    ]


def test_what_ran_is_told_beside_what_is_printed(findings: dict[str, Finding]) -> None:
    assert "as_run 0.00002" in findings["S8"].sentence
    assert "norm across maps, max-pool, ReLU" in findings["S9"].sentence
    assert "norm within maps" in findings["S9"].sentence
    assert "conv3 N(0, 0.03)" in findings["T2"].sentence
    assert "227 pictures a second" in findings["T3"].sentence
    assert "conv1" in findings["T3"].checks[2].computed


def test_patches_are_a_slip_in_counting(findings: dict[str, Finding]) -> None:
    assert findings["T4"].computed == "2,178"
    assert "last offset" in findings["T4"].sentence


def test_the_227_reading_contradicts_the_paper_and_covers_the_same_side(
    findings: dict[str, Finding],
) -> None:
    picture, covered, side = findings["C1"].checks
    assert (picture.verdict, picture.others) == ("contradicts another claim", ("S7",))
    assert (covered.verdict, covered.computed) == ("exact", "227")
    assert side.verdict == "exact"


def test_results_name_their_run(findings: dict[str, Finding]) -> None:
    assert findings["R1"].computed == "37.4727 / 16.9987 %"
    assert findings["R7"].computed == "1.6953 / 1.23 %"
    assert findings["R8"].computed == "1.37 / 1.152 %"
    assert "less run 145" in findings["R9"].sentence
    assert "158" in findings["R9"].sentence


# --- verdicts are computed ------------------------------------------------------------------------


def with_layers(net: Network, name: str, how) -> Network:
    layers: list[Layer] = [how(x) if x.name.startswith(name) else x for x in net]
    return replace(net, layers=tuple(layers))


def verdicts(net: Network, against: Network | None = None) -> dict[str, str]:
    return {finding.id: finding.verdict for finding in audit(net, against).findings}


def test_fifty_kernels_a_tower_change_the_verdicts() -> None:
    mutant = with_layers(network("paper"), "conv1", lambda x: replace(x, filters=50))
    seen = verdicts(mutant)
    changed = {name for name in VERDICT if seen[name] != VERDICT[name]}
    assert {"S6", "S11", "C2", "C4", "C5"} <= changed
    assert seen["S6"] == seen["C2"] == "unexplained"
    assert audit(mutant).unexplained > 0
    # with S6 gone, the shares no longer contradict it
    assert seen["S11"] != "contradicts another claim"


def test_a_corrected_alpha_in_the_code_makes_the_claim_exact() -> None:
    ran = with_layers(
        network("as_run"),
        "rnorm",
        lambda x: replace(x, alpha_divided=False) if isinstance(x, CrossMapNorm) else x,
    )
    assert verdicts(network("paper"), ran)["S8"] == "exact"


def test_other_first_weights_in_both_differ_from_the_code_or_are_unexplained() -> None:
    def wider(layer: Layer) -> Layer:
        assert isinstance(layer, Conv)
        return replace(
            layer, kernels=tuple(replace(k, initial=Gaussian(0.05)) for k in layer.kernels)
        )

    mutant = with_layers(network("paper"), "conv2", wider)
    assert verdicts(mutant)["T2"] == "unexplained"
    assert verdicts(network("as_run"))["T2"] == "differs from the code that ran"


def test_a_picture_of_227_turns_the_two_contradictory_claims_round() -> None:
    seen = verdicts(with_input(network("paper"), 227))
    assert seen["S7"] == "unexplained"
    assert seen["C1"] == "differs from the code that ran"


def test_a_network_without_counterparts_is_not_checkable_rather_than_wrong() -> None:
    found = {f.id: f for f in audit(network("one_weird_trick")).findings}
    assert found["S8"].verdict == "not checkable here"
    assert "no response norm" in found["S8"].sentence
    found = {f.id: f for f in audit(network("tiny")).findings}
    assert found["S3"].checks[-1].verdict == "not checkable here"
    assert "no layer 8" in found["S3"].checks[-1].sentence
    assert found["S1"].verdict == "unexplained"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_catalog_network_can_be_audited(name: str) -> None:
    result = audit(network(name))
    json.dumps(as_tree(result))
    assert all(finding.sentence for finding in result.findings)
    assert all(finding.verdict in VERDICTS for finding in result.findings)


def test_differences_are_listed_where_they_are_asked_for(result: Audit) -> None:
    assert result.differences == ()
    assert any(d.aspect == "alpha" for d in audit(network("paper"), network("as_run")).differences)


def test_claims_are_well_formed() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)
    assert all(claim.place and claim.says.endswith(".") and claim.parts for claim in CLAIMS)
    assert sorted(GRAVITY) == sorted(VERDICTS)


def test_the_tree_has_stable_keys(result: Audit) -> None:
    tree = json.loads(json.dumps(as_tree(result)))
    assert list(tree) == [
        "network",
        "against",
        "findings",
        "verdicts",
        "unexplained",
        "differences",
    ]
    assert list(tree["findings"][1]) == [
        "id",
        "place",
        "says",
        "verdict",
        "printed",
        "computed",
        "sentence",
        "run",
        "parts",
    ]
    assert tree["findings"][1]["parts"][0]["reading"]["cost"] > 0


# --- printed values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "steps"),
    [
        ("253,440", 253_440, []),
        ("60 million", 60_000_000, [1_000_000, 5_000_000, 10_000_000]),
        ("650,000", 650_000, [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000]),
        ("about 90", 90, [1, 5, 10]),
        ("~61M", 61_000_000, [1_000_000]),
        ("61.1M", 61_100_000, [100_000]),
        ("1.20 billion", 1_200_000_000, [10_000_000]),
        ("37.5", "37.5", ["0.1"]),
        ("1,000", 1_000, []),
        (4096, 4_096, []),
        (0.75, "0.75", ["0.01"]),
        (60_000_000, 60_000_000, None),
    ],
)
def test_printed_numbers_carry_their_roundings(text, value, steps) -> None:
    claim = printed(text)
    assert claim.value == Decimal(str(value))
    if steps is not None:
        assert list(claim.steps) == [Decimal(str(step)) for step in steps]
    else:
        assert claim.steps


@pytest.mark.parametrize("text", ["55×55", "none", "3 at stride 2", "1.2.3", "twelve"])
def test_everything_else_is_words(text: str) -> None:
    assert printed(text).value is None
    assert fit(printed(text), Computed(text.upper())) is not None
    assert fit(printed(text), Computed("other")) is None


@pytest.mark.parametrize(
    ("text", "value", "verdict"),
    [
        ("60 million", 60_965_224, "rounds to"),
        ("60 million", 65_000_001, None),
        ("61 million", 60_965_224, "rounds to"),
        ("650,000", 659_272, "rounds to"),
        ("650,000", 622_312, None),
        ("650,000", 650_000, "exact"),
        ("1,000", 1_010, None),
        ("37.5", 37.4727, "rounds to"),
        ("37.5", 37.44, None),
    ],
)
def test_fit_is_exact_rounded_or_nothing(text: str, value: float, verdict: str | None) -> None:
    found = fit(printed(text), number(value))
    assert (found[0] if found else None) == verdict


def test_upper_bounds() -> None:
    bound = printed("1", "%", at_most=True)
    assert isinstance(bound, Printed)
    assert bound.shown == "at most 1 %"
    assert fit(bound, number(1.0)) is not None
    assert fit(bound, number(1.01)) is None


def test_numbers_are_written_without_exponents() -> None:
    assert plain(Decimal("0.00002")) == "0.00002"
    assert plain(Decimal(60_965_224)) == "60,965,224"
    assert plain(Decimal("16.9987")) == "16.9987"
    assert ledger(network("paper")).total.parameters == 60_965_224
