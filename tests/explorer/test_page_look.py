"""A picture dropped on the page: what the network says, its maps, a unit's field, neighbours."""

from __future__ import annotations

import pytest

from explorer.served import picture
from explorer.watched import axe_violations, drop, overflow, shoot, where, words


def shown(visit, **options):
    page = visit("#/look", **options)
    drop(page, ".drop >> nth=0", "noise.png", picture(), "image/png")
    page.wait_for_selector(".sheet img")
    return page


@pytest.mark.parametrize("width", [1440, 375])
def test_a_dropped_picture_is_told_shown_and_given_neighbours(visit, width: int) -> None:
    page = shown(visit, width=width)
    page.wait_for_selector(".neighbours img")
    shares = [float(one.rstrip("%")) for one in page.locator(".share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 100.1
    assert page.locator(".neighbours li").count() == 6
    assert page.locator(".sheet").count() == 2, "one sheet for each tower"
    assert overflow(page) == 0
    assert axe_violations(page) == []
    shoot(page, f"look-picture-{width}-light", whole=True)


def test_the_field_of_a_unit_follows_the_cursor_and_the_arrow_keys(visit) -> None:
    page = shown(visit)
    page.locator(".sheet").first.hover(position={"x": 10, "y": 10})
    page.wait_for_selector(".sight.seen")
    page.focus(".sheet")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.unit').innerText.startsWith('Row ')")
    before = page.locator(".sight.seen").bounding_box()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(x) => document.querySelector('.sight.seen').getBoundingClientRect().x > x",
        arg=before["x"] + 1,
    )
    assert "5 pixels" in words(page, ".unit"), "conv1 of tiny has windows of 5"


def test_another_layer_has_an_address_that_a_reload_keeps(visit) -> None:
    page = shown(visit)
    page.select_option("#look-layer", "conv2")
    page.wait_for_function("() => document.querySelector('.sheet img').alt.includes('conv2')")
    assert "layer=conv2" in where(page)
    page.reload()
    page.wait_for_function("() => document.querySelector('.sheet img')?.alt.includes('conv2')")


def test_what_is_no_picture_is_refused_in_place(visit) -> None:
    page = visit("#/look")
    drop(page, ".drop >> nth=0", "notes.png", b"no picture at all", "image/png")
    page.wait_for_selector(".complaint")
    assert page.locator(".sheet").count() == 0
