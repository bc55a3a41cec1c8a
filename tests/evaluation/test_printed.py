"""The paper's tables, as the claims have them."""

from __future__ import annotations

from alexnet.evaluation.printed import TEST_2012, printed_results
from alexnet.network.paper.protocol import RESULTS


def test_the_networks_rows_are_those_of_the_claims() -> None:
    rows = [(r.place, r.model, r.top1, r.top5) for r in printed_results() if "CNN" in r.model]
    assert rows == [
        ("Table 1", "CNN", "37.5", "17.0"),
        ("Table 2", "1 CNN", "40.7", "18.2"),
        ("Table 2", "5 CNNs", "38.1", "16.4"),
        ("Table 2", "5 CNNs", "", "16.4"),
        ("Table 2", "1 CNN*", "39.0", "16.6"),
        ("Table 2", "7 CNNs*", "36.7", "15.4"),
        ("Table 2", "7 CNNs*", "", "15.3"),
    ]


def test_what_the_claims_say_of_the_2012_test_set_stands_in_the_table() -> None:
    says = {claim.id: claim.says for claim in RESULTS}
    tested = {r.model: r.top5 for r in printed_results() if r.data == TEST_2012}
    assert f"{tested['5 CNNs']}% on test" in says["R4"]
    assert f"{tested['7 CNNs*']}% on test" in says["R6"]
