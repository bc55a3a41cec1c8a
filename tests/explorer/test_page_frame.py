"""The page as a whole: keys alone, schemes, its load by the browser's own clock, and what its files
may hold.
"""

from __future__ import annotations

import json
import re

import pytest

from explorer.watched import ROOT, SHOTS, words

PAGE = ROOT / "src" / "alexnet" / "explorer" / "page"
VIEWS = ("why", "network", "number", "build", "look", "runs")


def test_keys_alone_lead_through_every_view(visit) -> None:
    page = visit("#/why")
    page.keyboard.press("Tab")
    assert words(page, ":focus") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for view in VIEWS[1:]:
        page.focus(f"nav a[href='#/{view}']")
        page.keyboard.press("Enter")
        page.wait_for_selector(f".view-{view}")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.get_attribute(f"nav a[href='#/{view}']", "aria-current") == "page"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
    for view in reversed(VIEWS[:-1]):
        page.go_back()
        page.wait_for_selector(f".view-{view}")


def test_the_switch_wins_over_the_system_and_is_kept(visit) -> None:
    page = visit("#/number", dark=True)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.click("#scheme")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == light
    assert page.inner_text("#scheme") == "Dark"


WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
TIMES = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return { loaded_ms: page.loadEventEnd, painted_ms: paint ? paint.startTime : null,
        ready_ms: performance.now(), files: performance.getEntriesByType("resource").length,
        shift: window.shifts };
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_shifts_while_a_view_loads_and_its_times_are_kept(visit, view: str) -> None:
    page = visit(f"#/{view}", script=WATCH_SHIFTS)
    times = page.evaluate(TIMES)
    page.wait_for_timeout(200)
    times["shift"] = page.evaluate("window.shifts")
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / f"times-{view}.json").write_text(json.dumps(times))
    assert times["shift"] < 0.1, "the measure's own bound for a page that holds still"
    assert 0 < times["painted_ms"] <= times["ready_ms"]


ANSWERED = """async ([act, sign]) => {
    const text = () => document.querySelector(sign)?.textContent ?? "";
    const [before, began] = [text(), performance.now()];
    const [selector, value] = act;
    const control = document.querySelector(selector);
    if (value === null) control.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else {
        control.value = value;
        control.dispatchEvent(new Event("input", { bubbles: true }));
        control.dispatchEvent(new Event("change", { bubbles: true }));
    }
    while (text() === before) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
"""Milliseconds from an act until its answer has been painted, by the browser's clock."""

ACTS = {
    "why": ("#why-input", "230", ".answers"),
    "network": (".figure2 [data-layer=fc6a]", None, ".panel"),
    "build": ("#build-start", "tiny", ".totals"),
}


@pytest.mark.parametrize("view", ACTS)
def test_an_act_is_answered_and_the_time_it_took_is_kept(visit, view: str) -> None:
    selector, value, sign = ACTS[view]
    page = visit(f"#/{view}/paper" if view != "why" else "#/why")
    page.wait_for_selector(sign)
    took = page.evaluate(ANSWERED, [[selector, value], sign])
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / f"act-{view}.json").write_text(json.dumps({"milliseconds": took}))
    assert took > 0


def test_the_page_asks_nothing_of_other_hosts_and_holds_no_inline_code() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        bare = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", bare), path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", text)
        assert not re.search(r"""setAttribute\(["']style""", text), path.name
        assert text.count("\n") <= 400, path.name
        assert path.suffix != ".js" or max(map(len, text.splitlines())) <= 100, path.name
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|onclick=|<script(?![^>]*src=)", index)
    named = set(re.findall(r'(?:src|href)="page/([^"]+)"', index))
    assert named == {path.name for path in PAGE.iterdir()} - {"index.html"}


def test_every_script_says_what_it_is() -> None:
    for path in PAGE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("/* "), path.name
        assert '\n"use strict";\n' in text, path.name


def test_what_was_opened_is_shown_first(visit) -> None:
    page = visit("")
    assert words(page, "h1").startswith("tiny")
    assert page.get_attribute("nav a[href='#/network']", "aria-current") == "page"
