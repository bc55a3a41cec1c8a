"""The documents are what their scripts write, and what they link to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import script

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_papers_numbers_are_what_the_commands_print_today() -> None:
    script(ROOT / "docs" / "blocks.py")  # which the other imports
    made = script(ROOT / "docs" / "make_paper.py").page()
    written = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert made == written, "run: python docs/make_paper.py"


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/tutorial.md"])
def test_a_page_shows_what_the_commands_print_today(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert script(ROOT / "docs" / "blocks.py").refreshed(page) == page, (
        f"run: python docs/blocks.py {name}"
    )


def test_the_training_guide_has_the_fields_of_the_recipes() -> None:
    made = script(ROOT / "docs" / "make_training.py").page()
    written = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert made == written, "run: python docs/make_training.py"


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
