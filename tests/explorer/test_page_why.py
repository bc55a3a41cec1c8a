"""The view that answers "why 55?": at first sight, by sliders and keys, and to scale."""

from __future__ import annotations

import math

import pytest

from explorer.watched import NARROW, WIDE, where, words


def test_a_newcomer_reads_the_answers_without_scrolling(visit) -> None:
    for width, height in (WIDE, NARROW):
        page = visit("#/why", width=width)
        page.wait_for_selector(".answers .chosen")
        assert words(page, "h1") == "Why 55?"
        values = page.locator(".answers .value")
        assert values.all_inner_texts() == ["54", "55", "56"]
        bounds = page.locator(".answers").bounding_box()
        assert bounds is not None
        assert bounds["y"] + bounds["height"] < height


def test_a_slider_moved_by_keys_changes_address_and_answers_at_once(visit) -> None:
    page = visit("#/why")
    page.focus("#why-input")
    for pixels in (225, 226, 227):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "(n) => document.querySelector('.lead b:nth-of-type(2)')?.textContent === n",
            arg=str(pixels),
        )
    assert "input=227" in where(page)
    assert page.locator(".answers .value").all_inner_texts() == ["55", "57"]
    page.go_back()
    page.wait_for_function("() => document.getElementById('why-input').value === '224'")
    assert page.evaluate("document.activeElement.id") == "why-input"


@pytest.mark.parametrize(
    ("pixels", "kernel", "stride", "padding"), [(224, 11, 4, 0), (13, 3, 1, 1), (27, 3, 2, 0)]
)
def test_windows_are_drawn_to_scale(visit, pixels, kernel, stride, padding) -> None:
    page = visit(f"#/why?input={pixels}&kernel={kernel}&stride={stride}&padding={padding}")
    page.wait_for_selector(".strip .window")
    drawn = page.eval_on_selector_all(
        ".strip .window", "all => all.map((one) => Number(one.getAttribute('x')))"
    )
    left, right = page.eval_on_selector_all(
        ".strip .edge", "all => all.map((one) => Number(one.getAttribute('x1')))"
    )
    scale = (right - left) / pixels
    assert len(drawn) == 1 + math.ceil((pixels + 2 * padding - kernel) / stride)
    for index, x in enumerate(drawn):
        assert (x - left) / scale == pytest.approx(index * stride - padding, abs=0.02)


def test_the_rule_is_chosen_and_back_leads_to_the_one_before(visit) -> None:
    page = visit("#/why")
    page.check("input[name=why-rule][value=torch]", force=True)
    page.wait_for_function("() => document.querySelector('.formula.big b').textContent === '54'")
    assert "rule=torch" in where(page)
    assert page.locator("tr.chosen th").inner_text() == "PyTorch: convolution"
    page.go_back()
    page.wait_for_function("() => document.querySelector('.formula.big b').textContent === '55'")
    page.go_forward()
    page.wait_for_function("() => document.querySelector('.formula.big b').textContent === '54'")


def test_what_does_not_fit_is_said_where_the_drawing_was(visit) -> None:
    page = visit("#/why?input=5&kernel=11&stride=4&padding=0&filters=96")
    page.wait_for_selector(".complaint")
    assert "11" in words(page, ".complaint")
    assert page.locator(".strip").count() == 0


def test_a_window_beyond_the_limits_is_refused_in_words(visit) -> None:
    page = visit("#/why?input=99999")
    page.wait_for_selector(".complaint")
    assert "512" in words(page, ".complaint")


def test_the_story_has_five_steps_and_its_links_lead_to_what_they_say(visit) -> None:
    page = visit("#/why")
    page.wait_for_selector(".steps li")
    assert page.locator(".steps > li").count() == 5
    page.click(".steps a:text-is('Ask for 253,440')")
    page.wait_for_selector(".found table")
    assert where(page) == "#/number/253440"
    assert "55·48·96" in words(page, ".found")
