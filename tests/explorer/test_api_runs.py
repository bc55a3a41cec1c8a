"""Curves of run folders: all rows, only the new ones, and runs that go on or begin anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alexnet.explorer import runs as runs_module
from alexnet.explorer.answers import Desk
from alexnet.explorer.runs import Runs
from alexnet.network.catalog import get_network
from alexnet.training.recipes import RECIPES
from alexnet.training.run_folder import RunFolder, create
from explorer.served import got, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "deep/two"):
        run = create(tmp_path / "runs" / name, RECIPES["digits"], get_network("tiny"))
        for epoch in (1, 2, 3):
            run.append({"kind": "step", "epoch": epoch, "step": epoch * 10, "loss": 1 / epoch})
            row = {"kind": "epoch", "epoch": epoch, "step": epoch * 10, "train_loss": 2 / epoch}
            run.append({**row, "train_error": 0.5 / epoch, "validation_error": 0.6 / epoch})
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "elsewhere").mkdir()
    create(tmp_path / "elsewhere" / "secret", RECIPES["digits"], get_network("tiny"))
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "runs"


def test_runs_are_found_by_name_and_no_link_leads_out(folder: Path) -> None:
    with served(Desk(runs=Runs(folder))) as client:
        found = got(client, "api/runs")
        assert sorted(run["name"] for run in found["runs"]) == ["deep/two", "one"]
        for run in found["runs"]:
            assert (run["rows"], run["epochs"], run["network"]) == (6, 3, "tiny")
            assert run["planned_epochs"] == RECIPES["digits"].epochs
            assert not run["finished"]
            assert run["error"] is None
        assert got(client, "api/run/deep%2Ftwo")["rows"] == got(client, "api/run/deep/two")["rows"]
        got(client, "api/run/link/secret", 404)
        got(client, "api/run/other", 404)


def test_only_new_rows_are_sent_and_half_written_ones_wait(folder: Path) -> None:
    with served(Desk(runs=Runs(folder))) as client:
        whole: Any = got(client, "api/run/one")
        assert (len(whole["rows"]), whole["next"]) == (6, 6)
        assert whole["rows"] == RunFolder(folder / "one").rows()
        assert whole["recipe"]["epochs"] == RECIPES["digits"].epochs
        assert {s["key"] for s in whole["series"]} == {
            "train_loss", "train_error", "validation_error", "loss",
        }  # fmt: skip
        path = folder / "one" / "metrics.jsonl"
        with path.open("a") as file:
            file.write('{"kind": "step", "ep')
        assert got(client, "api/run/one?after=6")["rows"] == []
        with path.open("a") as file:
            file.write('och": 4, "loss": NaN, "lr": 1e999, "x": -1e999, "y": 0.5}\nno row\n')
        new = got(client, "api/run/one?after=6")
        row = {"kind": "step", "epoch": 4, "loss": None, "lr": None, "x": None, "y": 0.5}
        assert new["rows"] == [row]
        assert (new["next"], new["restarted"]) == (7, False)
        assert "recipe" not in new


def test_a_run_that_was_taken_back_is_told_from_its_beginning(folder: Path) -> None:
    RunFolder(folder / "one").truncate(2)
    with served(Desk(runs=Runs(folder))) as client:
        found = got(client, "api/run/one?after=6")
        assert found["restarted"]
        assert (len(found["rows"]), found["next"]) == (2, 2)


def test_long_runs_come_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "MOST_ROWS", 4)
    with served(Desk(runs=Runs(folder))) as client:
        first = got(client, "api/run/one")
        assert (len(first["rows"]), first["next"], first["more"]) == (4, 4, True)
        rest = got(client, "api/run/one?after=4")
        assert (len(rest["rows"]), rest["next"], rest["more"]) == (2, 6, False)


def test_a_finished_run_and_a_damaged_one(folder: Path) -> None:
    (folder / "one" / "checkpoints" / "final.safetensors").write_bytes(b"")
    (folder / "deep" / "two" / "recipe.json").write_text("{")
    (folder / "deep" / "two" / "metrics.jsonl").write_bytes(b"\xff\n[1]\n")
    with served(Desk(runs=Runs(folder))) as client:
        found = {run["name"]: run for run in got(client, "api/runs")["runs"]}
        assert found["one"]["finished"]
        assert "recipe.json" in found["deep/two"]["error"]
        assert got(client, "api/run/deep/two")["rows"] == []


def test_without_runs_it_says_how_to_name_some(tmp_path: Path) -> None:
    with served(Desk(runs=Runs())) as client:
        found = got(client, "api/runs")
        assert found["folder"] is None
        assert "--runs" in found["sentence"]
    single = create(tmp_path / "mine", RECIPES["digits"], get_network("tiny")).path
    with served(Desk(runs=Runs(None, single))) as client:
        assert [run["name"] for run in got(client, "api/runs")["runs"]] == ["mine"]
        assert json.dumps(got(client, "api/run/mine")["rows"]) == "[]"


def test_the_run_that_was_named_has_a_name_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = create(folder.parent / "mine" / "one", RECIPES["digits"], get_network("tiny")).path
    assert Runs(folder, named).all() == {
        "one": folder / "one", "deep/two": folder / "deep" / "two", "mine/one": named,
    }  # fmt: skip
    assert set(Runs(folder, folder / "one").all()) == {"one", "deep/two"}
    monkeypatch.chdir(named)
    assert Runs(None, Path()).all() == {"one": named}
    assert Runs(None, Path("checkpoints/..")).all() == {"one": named}
