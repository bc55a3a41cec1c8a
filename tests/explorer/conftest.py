"""What browser tests share: one Chromium, one server over a small checkpoint, and pages of both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def _lacking(what: str) -> None:
    """Skips by name; but never in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and in CI it must not be")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for all tests."""
    if not CHROMIUM.exists():
        _lacking(f"Chromium ({CHROMIUM})")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _lacking("playwright (pip install playwright)")
        raise
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run of a network of milliseconds."""
    from training.runs import go

    folder = tmp_path_factory.mktemp("runs")
    go(folder / "small")
    return folder


@pytest.fixture(scope="session")
def site(runs_folder: Path) -> Iterator[str]:
    """The address of a server over a checkpoint with drawn weights, digits and a run."""
    import uvicorn

    from alexnet.explorer.gallery import open_gallery
    from alexnet.explorer.guard import LOOPBACK
    from alexnet.explorer.runs import Runs
    from alexnet.explorer.server import create_app
    from alexnet.explorer.serving import place
    from explorer.served import looking_desk

    desk, _ = looking_desk()
    desk.gallery, desk.runs = open_gallery("digits"), Runs(runs_folder)
    at = place("127.0.0.1", 0)
    app = create_app(desk, hosts=LOOPBACK)
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [at.listening]}, daemon=True)
    thread.start()
    yield at.address
    server.should_exit = True
    thread.join(timeout=10)
    at.listening.close()
    desk.close()


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Callable[..., Any]]:
    """`visit("#/why", width=375, dark=True)`: a page there, watched until the test ends."""
    from explorer.watched import Visits

    visits = Visits(chromium, site)
    yield visits.page
    visits.close()
