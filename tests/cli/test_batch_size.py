"""`--batch-size`: a number, or what memory holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet.cli import batch_size
from alexnet.cli.batch_size import free_memory, settings_of, with_batch_size
from alexnet.network.catalog import get_network
from alexnet.network.memory import training_memory
from alexnet.training.recipes import recipe
from alexnet.training.run_folder import create

PAPER = get_network("paper")


def chosen(asked: str | None, *, pictures: int = 10**6, resumed: Path | None = None) -> int:
    given = recipe("paper")
    found = with_batch_size(given, asked, PAPER, "bf16", pictures=pictures, resumed=resumed)
    return found.batch_size


def test_a_number_is_taken_and_none_leaves_the_recipe_alone() -> None:
    assert chosen(None) == 128
    assert settings_of(None) == settings_of("auto") == []
    assert settings_of("32") == ["batch_size=32"]


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1.5"])
def test_what_is_no_size_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="a number from 1 on, or auto"):
        settings_of(wrong)


def test_auto_fills_the_memory_that_is_free(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = 3 * 2**30
    monkeypatch.setattr(batch_size, "free_memory", lambda: free)
    found = chosen("auto")
    room = batch_size.SHARE * free
    assert training_memory(PAPER, found, "mixed").peak <= room
    assert training_memory(PAPER, found + 1, "mixed").peak > room
    assert "the recipe has 128" in capsys.readouterr().err
    assert chosen("auto", pictures=7) == 7


def test_auto_of_a_run_that_goes_on_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size, "free_memory", lambda: 3 * 2**30)
    begun = with_batch_size(recipe("paper"), "auto", PAPER, "bf16", pictures=10**6, resumed=None)
    create(tmp_path / "run", begun, PAPER)
    monkeypatch.setattr(batch_size, "free_memory", lambda: 2 * 2**30)
    assert chosen("auto", resumed=tmp_path / "run") == begun.batch_size


def test_free_memory_is_some() -> None:
    assert free_memory() > 2**20
