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
    "compare": ("#/compare?networks=paper,as_run,cs231n", ".marked"),
    "number": ("#/number/253440", "#claim-S2"),
    "build": ("#/build/tiny", ".totals dd"),
    "look": ("#/look", ".drop"),
    "runs": ("#/runs", ".plot polyline"),
}


@pytest.mark.parametrize("width", [WIDE[0], NARROW[0]])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws_fits_and_passes_axe(visit, view: str, width: int) -> None:
    address, sign = VIEWS[view]
    page = visit(address, width=width)
    page.wait_for_selector(sign)
    assert overflow(page) == 0
    shoot(page, f"{view}-{width}-light", whole=True)
    assert axe_violations(page) == []
    page.emulate_media(color_scheme="dark")
    shoot(page, f"{view}-{width}-dark", whole=True)
    assert axe_violations(page, "color-contrast") == []
