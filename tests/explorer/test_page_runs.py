"""Curves of run folders, and one that grows while it is looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from explorer.watched import shoot, where, words


def test_a_finished_run_is_drawn_with_its_last_values(visit, runs_folder: Path) -> None:
    page = visit("#/runs/small")
    page.wait_for_selector(".plot polyline")
    rows = [
        json.loads(line)
        for line in (runs_folder / "small" / "metrics.jsonl").read_text().splitlines()
    ]
    last = [row for row in rows if row["kind"] == "epoch"][-1]
    shown = float(f"{last['train_loss']:.4g}")
    assert f"training loss {shown:g}" in words(page, ".legend >> nth=0")
    assert "finished" in words(page, ".curves-of h2")
    assert where(page) == "#/runs/small"


def test_a_run_that_learns_is_followed(visit, runs_folder: Path) -> None:
    run = runs_folder / "live"
    shutil.copytree(runs_folder / "small", run)
    rows = (run / "metrics.jsonl").read_text().splitlines()
    epochs = [i for i, row in enumerate(rows) if json.loads(row)["kind"] == "epoch"]
    (run / "metrics.jsonl").write_text("\n".join(rows[: epochs[0] + 1]) + "\n")
    shutil.rmtree(run / "checkpoints")
    try:
        page = visit("#/runs/live")
        page.wait_for_selector(".curves .plot")
        assert words(page, ".curves-of h2").endswith("; not finished")
        (run / "metrics.jsonl").write_text("\n".join(rows[: epochs[-1] + 1]) + "\n")
        page.wait_for_function(
            "(n) => document.querySelector('.plot polyline').points.numberOfItems === n",
            arg=len(epochs),
        )
        shoot(page, "runs-live")
    finally:
        shutil.rmtree(run)


def test_a_run_that_says_no_network_has_no_name_made_up_for_it(visit, runs_folder: Path) -> None:
    run = runs_folder / "bare"
    shutil.copytree(runs_folder / "small", run)
    (run / "network.json").unlink()
    try:
        page = visit("#/runs/bare")
        page.wait_for_selector(".plot polyline")
        assert words(page, ".curves-of h2").split() == ["bare", "finished"]
        page.evaluate("""() => {
          const get = Explorer.ask.get;
          Explorer.ask.get = async (address) => ({ ...(await get(address)), folder: null });
          location.hash = "#/runs";
        }""")
        page.wait_for_selector("caption:has-text('The run that was opened')")
        assert "null" not in words(page, "caption")
    finally:
        shutil.rmtree(run)


def test_a_run_that_is_not_there_is_told(visit) -> None:
    page = visit("#/runs/lost")
    page.wait_for_selector(".complaint")
    assert "lost" in words(page, ".complaint")
