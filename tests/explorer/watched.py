"""Pages that are watched: what they log, what they ask for, and pictures of them for people."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parent.parent.parent
SHOTS = ROOT / "build" / "screenshots"
WIDE, NARROW = (1440, 900), (375, 720)
PATIENCE = 60_000
"""Milliseconds that a page may take on a machine that others use too."""


class Visits:
    """Pages of one browser on one site; at the end none of them may have complained.

    A page may log nothing, throw nothing, and ask nothing of another origin. Answers that refuse
    (400 to 499) are part of what is tested, though the browser logs them.
    """

    def __init__(self, browser: Browser, base: str) -> None:
        self._browser, self._base = browser, base
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []

    def page(
        self, address: str = "", *, width: int = WIDE[0], dark: bool = False, script: str = ""
    ) -> Page:
        """A new page, shown and ready; `script` runs in it before its own."""
        height = dict((WIDE, NARROW)).get(width, 900)
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.troubles.append(f"thrown: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.goto(self._base + address)
        page.wait_for_selector("html[data-ready]")
        return page

    def _hear(self, kind: str, text: str) -> None:
        refused = text.startswith(
            "Failed to load resource: the server responded with a status of 4"
        )
        if kind in ("error", "warning") and not refused:
            self.troubles.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        origin = self._base.rsplit("/", 1)[0] + "/"
        if not url.startswith((origin, "data:", "blob:")):
            self.troubles.append(f"asked of elsewhere: {url}")

    def close(self) -> None:
        """Closes all pages, and tells what they complained of."""
        for context in self._contexts:
            context.close()
        assert self.troubles == []


def shoot(page: Page, name: str, *, whole: bool = False) -> Path:
    """Keeps a picture of the page among the run's artefacts."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    return path


def axe_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page as it is, one line each; by all its rules, or those named."""
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in found
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window; 0 where it fits."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return max(0, int(page.evaluate(script)))


def drop(page: Page, selector: str, name: str, data: bytes, kind: str = "") -> None:
    """Drops a file there, as a hand would."""
    held = page.evaluate_handle(
        """([name, text, type]) => {
            const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            const held = new DataTransfer();
            held.items.add(new File([bytes], name, { type }));
            return held;
        }""",
        [name, b64encode(data).decode(), kind],
    )
    for step in ("dragover", "drop"):
        page.dispatch_event(selector, step, {"dataTransfer": held})


def where(page: Page) -> str:
    """What stands behind the # of the page's address."""
    return page.evaluate("location.hash")


def words(page: Page, selector: str) -> str:
    """The text of the first such element, its blanks made single."""
    return " ".join(page.inner_text(selector).split())
