"""The exported folder, opened from the file system: the same page, saying what needs the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet.explorer.export import Scope, export
from explorer.watched import Visits, axe_violations, drop, shoot, words

SCOPE = Scope(
    networks=("paper", "cs231n"),
    compared=("paper", "cs231n"),
    windows={
        "input": [224, 227], "kernel": [7, 11], "stride": [4], "padding": [0], "filters": [96],
    },
    counted=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported")
    export(path, SCOPE)
    return path


@pytest.fixture
def still(chromium, folder: Path) -> Iterator:
    visits = Visits(chromium, (folder / "index.html").as_uri())
    yield visits.page
    visits.close()


def test_what_is_carried_is_shown_without_a_server(still) -> None:
    page = still("")
    assert page.locator(".answers .value").all_inner_texts() == ["54", "55", "56"]
    page.focus("#why-input")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelectorAll('.answers .value').length === 2")
    assert page.get_attribute("#why-input", "aria-valuetext") == "227 pixels"
    page.click("nav a[href='#/network']")
    page.click(".figure2 [data-layer=conv1a]")
    page.wait_for_selector(".claims .verdict.bad")
    page.select_option("label:has-text('Beside it') select", "cs231n")
    page.wait_for_selector(".beside .differs")
    page.select_option("label:has-text('Beside it') select", "*")
    page.wait_for_selector(".view-compare .marked")
    page.click("nav a[href='#/number']")
    page.click("#claim-S2 >> xpath=../.. >> a")
    page.wait_for_selector(".found table")
    assert "55·48·96" in words(page, ".found")
    shoot(page, "export-number")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#/build/paper", "Editing a network needs the server"),
        ("#/look", "Looking at pictures needs the server"),
        ("#/runs", "Curves of runs need the server"),
        ("#/why?input=300", "Only some windows are here"),
        ("#/network/tiny", "Only the catalog's networks are here"),
        ("#/number/12345", "needs"),
    ],
)
def test_what_needs_the_server_says_so_in_place(still, address: str, said: str) -> None:
    page = still(address)
    page.wait_for_selector(".needs")
    assert said in words(page, ".needs") or said == "needs"
    assert "alexnet explore" in words(page, ".needs") or "server" in words(page, ".needs")


def test_build_shows_the_layers_and_lets_nothing_be_changed(still) -> None:
    page = still("#/build/paper")
    page.click("details[data-layer=conv1a] summary")
    page.wait_for_selector("details[data-layer=conv1a] fieldset[disabled]")
    assert "17,472" in words(page, "details[data-layer=conv1a] summary")
    assert axe_violations(page) == []
    drop(page, ".drop", "mine.json", b"{}")
    page.wait_for_function("() => document.querySelectorAll('.needs').length === 2")
