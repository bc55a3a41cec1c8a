"""The documents are what their scripts write, and what they link to exists."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def script(path: Path) -> ModuleType:
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_papers_numbers_are_what_the_commands_print_today() -> None:
    script(ROOT / "docs" / "blocks.py")  # which the other imports
    made = script(ROOT / "docs" / "make_paper.py").page()
    written = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert made == written, "run: python docs/make_paper.py"


def test_the_readme_shows_what_the_commands_print_today() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script(ROOT / "docs" / "blocks.py").refreshed(page) == page, (
        "run: python docs/blocks.py README.md"
    )


def test_the_results_are_the_recorded_rows() -> None:
    results, rows = script(ROOT / "benchmarks" / "results.py"), ROOT / "docs" / "results"
    written = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert results.render(rows) == written, "run: python benchmarks/results.py"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert results.summarised(readme, rows) == readme, "run: python benchmarks/results.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_a_page_links_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_example_claims_are_read_and_judged() -> None:
    from alexnet.network.paper.own_claims import audit_file

    result = audit_file(ROOT / "docs" / "example-claims.json")
    assert "slip" in {finding.verdict for finding in result.findings}
