"""Readings of a number, asked by keyboard; and the paper's own numbers below."""

from __future__ import annotations

from alexnet.network.paper import CLAIMS
from explorer.watched import where, words


def test_a_number_is_typed_and_its_reading_leads_to_its_layer(visit) -> None:
    page = visit("#/number")
    page.fill("#number", "253,440")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found table")
    assert where(page) == "#/number/253440"
    assert "253,440 = 55·48·96" in words(page, ".found")
    page.click(".found a:text-is('conv1')")
    page.wait_for_selector(".panel h2")
    assert where(page) == "#/network/paper/conv1"
    page.go_back()
    page.wait_for_selector(".found table")
    assert page.input_value("#number") == "253440"


def test_a_number_in_words_of_another_network(visit) -> None:
    page = visit("#/number/61%20million?network=one_weird_trick")
    page.wait_for_selector(".found table")
    assert "61,100,840" in words(page, ".found")
    assert page.input_value("#number-of") == "one_weird_trick"


def test_what_is_no_number_is_refused_in_place(visit) -> None:
    page = visit("#/number/fifty")
    page.wait_for_selector(".found .complaint")
    assert "fifty" in words(page, ".found .complaint")


def test_every_claim_of_the_paper_has_its_verdict_and_its_numbers_lead_on(visit) -> None:
    page = visit("#/number")
    page.wait_for_selector("#claim-S2")
    rows = page.locator(".view-number section tbody tr")
    assert rows.count() == len(CLAIMS)
    assert rows.locator(".verdict").count() == len(CLAIMS)
    page.click("a:text-is('186,624') >> nth=0")
    page.wait_for_selector(".found table")
    assert where(page) == "#/number/186624"
