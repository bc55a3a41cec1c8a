"""A network edited in the browser: numbers follow at once, errors stand at their layer, the address
carries the edits, files come in and go out.
"""

from __future__ import annotations

import json
from pathlib import Path

import alexnet
from alexnet.network.codec import from_json, to_json
from explorer.watched import drop, where, words


def totals(page) -> str:
    return words(page, ".totals")


def field(page, layer: str, path: str):
    """The control of a layer's field; opens the layer."""
    row = page.locator(f"details[data-layer={layer}]")
    if row.get_attribute("open") is None:
        row.locator("summary").click()
    return row.locator(f"[data-path='{path}']").first


def test_an_edit_changes_the_ledger_at_once_and_twins_with_it(visit) -> None:
    page = visit("#/build/paper")
    field(page, "conv1a", "kernels.0.padding").fill("2")
    page.wait_for_function("() => document.querySelector('.totals').innerText.includes('711,656')")
    assert "was 659,272" in totals(page)
    assert page.locator("details[data-layer=conv1b] .shape").inner_text() == "48×56×56"
    page.wait_for_function("() => location.hash.includes('edited=')")
    page.reload()
    page.wait_for_function("() => document.querySelector('.totals')?.innerText.includes('711,656')")


def test_without_twins_one_tower_changes_alone(visit) -> None:
    page = visit("#/build/tiny")
    page.uncheck("#build-twins")
    field(page, "conv1a", "filters").fill("20")
    page.wait_for_function(
        "() => document.querySelector('details[data-layer=conv1a] .shape').innerText === '20×24×24'"
    )
    assert page.locator("details[data-layer=conv1b] .shape").inner_text() == "12×24×24"


def test_an_error_stands_at_its_layer_and_goes_when_it_is_mended(visit) -> None:
    page = visit("#/build/paper")
    size = field(page, "conv2a", "kernels.0.size")
    size.fill("900")
    row = page.locator("details[data-layer=conv2a]")
    row.locator(".complaint").wait_for()
    assert "900" in row.locator(".complaint").inner_text()
    assert "wrong" in (row.get_attribute("class") or "")
    assert page.locator("details[data-layer=conv4a].wrong").count() == 0
    size.fill("5")
    row.locator(".complaint").wait_for(state="detached")
    assert "659,272" in totals(page)


def test_layers_are_taken_out_put_in_and_moved_by_keys(visit) -> None:
    page = visit("#/build/one_weird_trick")
    page.focus("details[data-layer=pool1] summary")
    page.keyboard.press("Enter")
    names = page.locator("details.layer .name")
    before = names.all_inner_texts()
    page.click("details[data-layer=pool1] button:text-is('Take out')")
    page.wait_for_function("() => !document.querySelector('details[data-layer=pool1]')")
    assert names.all_inner_texts() == [name for name in before if name != "pool1"]
    page.wait_for_function(
        "() => !document.querySelector('.totals b').innerText.includes('494,184')"
    )
    page.locator("details[data-layer=relu1] summary").click()
    page.select_option("details[data-layer=relu1] .actions select", "max-pool")
    page.click("details[data-layer=relu1] button:has-text('Add behind it')")
    page.wait_for_function("() => document.querySelector('.totals b').innerText === '494,184'")
    assert page.locator(".complaint").count() == 0


def test_the_description_is_saved_as_it_was_edited(visit, tmp_path: Path) -> None:
    page = visit("#/build/one_weird_trick")
    field(page, "conv1", "filters").fill("32")
    page.wait_for_function("() => document.querySelector('.totals b.marked')")
    with page.expect_download() as held:
        page.click(".exports button:has-text('.json')")
    path = tmp_path / "saved.json"
    held.value.save_as(path)
    saved = from_json(path.read_text(encoding="utf-8"))
    assert saved["conv1"].filters == 32
    shown = page.locator(".totals .parameters b").inner_text()
    assert shown == f"{alexnet.ledger(saved).total.parameters:,}"


def test_a_dropped_file_is_opened_and_a_broken_one_refused(visit) -> None:
    page = visit("#/build/paper")
    page.wait_for_selector(".totals dd")
    mine = json.loads(to_json(alexnet.get_network("tiny"))) | {"name": "mine"}
    drop(page, ".drop", "broken.json", b'{"format": "alexnet-network/1", "layers": 3}')
    page.wait_for_selector(".complaint")
    drop(page, "main", "mine.json", json.dumps(mine).encode())
    page.wait_for_function("() => location.hash.startsWith('#/build/o')")
    page.wait_for_function("() => document.querySelector('.totals').innerText.includes('228,458')")
    assert page.locator("#build-start option:checked").inner_text() == "mine.json"
    assert page.locator(".complaint").count() == 0
    page.click("a:text-is('Take it apart')")
    page.wait_for_selector(".figure2 .chosen")
    page.select_option("#beside", "paper")
    page.wait_for_selector(".beside .figure2")
    assert words(page, "h1").startswith("mine")


def test_what_a_file_leaves_open_can_be_said_when_it_is_opened_again(visit) -> None:
    page = visit("#/build/paper")
    drop(page, ".drop", "broken.json", b'{"format": "alexnet-network/1", "layers": 3}')
    page.wait_for_selector(".unsaid")
    page.select_option("#open-network", "tiny")
    page.fill("#open-side", "24")
    with page.expect_request("**/api/open?**") as asked:
        page.click(".unsaid button")
    assert asked.value.url.endswith("api/open?name=broken.json&network=tiny&side=24")
    page.wait_for_selector(".complaint")


def test_an_address_that_was_cut_off_says_so(visit) -> None:
    page = visit("#/build/paper?edited=5VnLbuM2FP0V")
    page.wait_for_selector(".complaint")
    assert "cut off" in words(page, ".complaint")
    assert where(page).startswith("#/build/paper")


def test_another_kind_of_first_weights_brings_its_own_fields(visit) -> None:
    page = visit("#/build/tiny")
    kind = field(page, "conv2a", "kernels.0.initial")
    kind.focus()
    kind.select_option("constant")
    value = field(page, "conv2a", "kernels.0.initial.value")
    value.wait_for()
    assert page.evaluate("document.activeElement.dataset.path") == "kernels.0.initial"
    value.fill("0.5")
    page.wait_for_function("() => location.hash.includes('edited=')")
    assert page.locator(".complaint").count() == 0


def test_a_kernel_more_than_there_are_inputs_is_an_error_until_it_goes(visit) -> None:
    page = visit("#/build/one_weird_trick")
    field(page, "conv3", "kernels.0.size").wait_for()
    page.click("details[data-layer=conv3] button:text-is('One more of kernels')")
    page.wait_for_selector("details[data-layer=conv3] .complaint")
    page.click("details[data-layer=conv3] button:text-is('One fewer')")
    page.wait_for_selector("details[data-layer=conv3] .complaint", state="detached")


def test_the_picture_is_edited_as_three_numbers(visit) -> None:
    page = visit("#/build/one_weird_trick")
    shape = field(page, "data", "shape")
    assert shape.input_value() == "3, 224, 224"
    shape.fill("3, 227, ")
    page.wait_for_selector("details[data-layer=data] .complaint")
    shape.fill("3, 227, 227")
    page.wait_for_function(
        "() => document.querySelector('details[data-layer=conv1] .shape').innerText === '64×56×56'"
    )
