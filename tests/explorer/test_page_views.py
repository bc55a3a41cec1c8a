"""Every view in a real browser, at both widths and in both schemes: it draws, it fits, axe-core
finds nothing, and pictures of it are kept.
"""

from __future__ import annotations

import pytest

from explorer.watched import NARROW, WIDE, axe_violations, overflow, shoot

VIEWS = {
    "why": ("#/why", ".steps li:nth-child(5)"),
    "network": ("#/network/paper/conv1", ".claims table"),
    "beside": ("#/network/paper/conv4?beside=soumith", ".claims table"),
    "compare": ("#/compare?networks=paper,cs231n", ".marked"),
    "number": ("#/number/253440", "#claim-S2"),
    "build": ("#/build/tiny", ".totals dd"),
    "look": ("#/look", ".drop"),
    "runs": ("#/runs", ".plot polyline"),
}


@pytest.mark.parametrize(("width", "checked"), [(WIDE[0], "dark"), (NARROW[0], "light")])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws_fits_and_passes_axe(visit, view: str, width: int, checked: str) -> None:
    address, sign = VIEWS[view]
    page = visit(address, width=width)
    page.wait_for_selector(sign)
    assert overflow(page) == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"{view}-{width}-{scheme}", whole=scheme == "light")
        if scheme == checked:
            assert axe_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast_in_both_schemes(visit, scheme: str) -> None:
    page = visit("#/network/paper/conv4?beside=soumith", dark=scheme == "dark")
    page.wait_for_selector(".claims table")
    assert axe_violations(page, "color-contrast") == []
