"""The live Figure 2 and what is told of a layer, of two networks, and of all of them."""

from __future__ import annotations

import pytest

import alexnet
from explorer.watched import where, words


def test_a_click_on_a_layer_tells_its_numbers_beside_the_papers(visit) -> None:
    page = visit("#/network/paper/conv5")
    page.click(".figure2 [data-layer=conv1b]")
    page.wait_for_selector(".claims table")
    assert where(page) == "#/network/paper/conv1"
    stage = next(
        one for one in alexnet.ledger(alexnet.get_network("paper")).stages if one.name == "conv1"
    )
    told = words(page, ".panel")
    for number in ("neurons", "parameters", "connections", "multiply_adds"):
        assert f"{getattr(stage.total, number):,}" in told
    assert "1 + ceil((224 + 2·0 − 11) / 4)" in told
    claims = page.locator(".claims tr", has_text="253,440 neurons")
    assert "290,400" in claims.inner_text()
    assert claims.locator(".verdict").inner_text() == "slip"
    pressed = page.locator(".figure2 [aria-pressed=true]")
    assert pressed.evaluate_all("all => all.map((one) => one.dataset.layer)") == [
        "conv1a", "conv1b",
    ]  # fmt: skip


def test_the_drawing_is_walked_by_arrow_keys(visit) -> None:
    page = visit("#/network/paper/conv1")
    page.wait_for_selector(".figure2 .chosen")
    page.focus(".figure2 [tabindex='0']")
    for key, layer in (
        ("ArrowRight", "conv2a"), ("ArrowDown", "conv2b"), ("ArrowRight", "conv3b"),
        ("ArrowUp", "conv3a"), ("Home", "data"), ("End", "fc8"), ("ArrowLeft", None),
    ):  # fmt: skip
        page.keyboard.press(key)
        focused = page.evaluate("document.activeElement.dataset.layer")
        assert focused == layer or (layer is None and focused.startswith("fc7"))
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('.panel h2').textContent.startsWith('fc7')"
    )
    assert where(page) == "#/network/paper/fc7"
    assert page.evaluate("document.activeElement.dataset.layer").startswith("fc7")


def test_the_switch_keeps_the_layer_and_shows_another_network(visit) -> None:
    page = visit("#/network/paper/conv2")
    page.check("input[name=network][value=cs231n]", force=True)
    page.wait_for_function("() => document.querySelector('h1').textContent.startsWith('cs231n')")
    assert where(page) == "#/network/cs231n/conv2"
    assert "62,378,344" in words(page, ".ledger")
    page.go_back()
    page.wait_for_function("() => document.querySelector('h1').textContent.startsWith('paper')")


def test_two_networks_stand_side_by_side_with_what_differs_marked(visit) -> None:
    page = visit("#/network/paper/conv3")
    page.select_option("label:has-text('Beside it') select", "soumith")
    page.wait_for_selector(".beside .figure2")
    counted = {
        stage.name
        for stage, other in zip(
            (s for s in alexnet.ledger(alexnet.get_network("paper")).stages if s.total.parameters),
            (
                s
                for s in alexnet.ledger(alexnet.get_network("soumith")).stages
                if s.total.parameters
            ),
            strict=True,
        )
        if stage.total.parameters != other.total.parameters
    }
    marked = page.locator(".drawing .differs").evaluate_all(
        "all => all.map((one) => one.dataset.stage)"
    )
    assert set(marked) == counted == {"conv3", "conv6"} - {"conv6"}
    assert "885,120" in words(page, "main") and "442,752" in words(page, "main")
    assert where(page) == "#/network/paper/conv3?beside=soumith"


def test_the_table_of_all_marks_cells_that_differ_from_the_first(visit) -> None:
    page = visit("#/compare?networks=paper,cs231n")
    row = page.locator("tr", has=page.locator("th:text-is('parameters')")).first
    assert [cell.split()[0] for cell in row.locator("td").all_inner_texts()] == [
        "60,965,224", "62,378,344",
    ]  # fmt: skip
    assert row.locator(".marked").count() == 1
    page.check("input[value=caffe]", force=True)
    page.wait_for_function(
        "() => document.querySelectorAll('thead')[0].textContent.includes('caffe')"
    )
    assert where(page) == "#/compare?networks=paper%2Ccs231n%2Ccaffe"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#/network/papper", "did you mean 'paper'"),
        ("#/network/paper/conv9", "has no layer called conv9"),
        ("#/compare?networks=paper,papper", "papper"),
        ("#/nowhere", "There is no view called nowhere"),
    ],
)
def test_an_address_that_leads_nowhere_says_so_in_place(visit, address: str, said: str) -> None:
    page = visit(address)
    page.wait_for_function("(said) => document.querySelector('main').innerText.includes(said)",
                           arg=said)  # fmt: skip


def test_every_layer_of_a_network_can_be_addressed(visit) -> None:
    page = visit("#/network/paper")
    for stage in ("pool1", "norm2", "drop6", "logprob"):
        page.click(f".ledger a:text-is('{stage}')")
        page.wait_for_function(
            "(name) => document.querySelector('.panel h2').textContent.startsWith(name)", arg=stage
        )
        assert where(page) == f"#/network/paper/{stage}"


def test_the_switch_and_the_table_keep_the_focus_of_the_keyboard(visit) -> None:
    page = visit("#/network/paper/conv2")
    page.focus("input[name=network][value=paper]")
    for network in ("as_run", "caffe"):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "(name) => document.querySelector('h1').textContent.startsWith(name)", arg=network
        )
        assert page.evaluate("document.activeElement.value") == network
    page.goto(page.url.split("#")[0] + "#/compare?networks=paper,cs231n")
    page.focus(".view-compare input[value=caffe]")
    page.keyboard.press("Space")
    page.wait_for_function("() => location.hash.includes('caffe')")
    assert page.evaluate("document.activeElement.value") == "caffe"
