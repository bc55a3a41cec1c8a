"""The documentation site: it builds without a warning, no link in it leads nowhere, and nothing
that it loads lies elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parent.parent


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(found["href"])
        if "src" in found:
            self.loads.append(found["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs mkdocs, which 'pip install .[develop]' brings")
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_no_link_of_the_site_leads_nowhere(site: Path) -> None:
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > 15
    lost: list[str] = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are from the root, wherever it is shown
        for link in [*page.links, *page.loads]:
            target, place = urldefrag(link)
            if "://" in target or target.startswith(("mailto:", "data:", "javascript:")):
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            explorer = "explorer" in file.relative_to(site).parts[:1]  # its places are views
            if not file.is_file():
                lost.append(f"{path.name}: {link}")
            elif place and file in pages and not explorer and place not in pages[file].places:
                lost.append(f"{path.name}: {link} (no such place)")
    assert not lost


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        elsewhere = [load for load in Page(path).loads if "://" in load or load.startswith("//")]
        assert not elsewhere, f"{path.name} loads {elsewhere}"


@pytest.mark.slow
def test_the_explorer_lies_inside_the_site(site: Path) -> None:
    assert (site / "explorer" / "index.html").is_file()
    assert 'href="explorer/index.html"' in (site / "index.html").read_text(encoding="utf-8")
