"""The run notes as data: against the reference text row by row, against their own arithmetic."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from alexnet.network.notebook import (
    NotebookError,
    fits,
    formula,
    key,
    ladder,
    matches,
    noise_at,
    prints_as,
    rate_at,
    runs_tree,
    schedule,
)
from alexnet.network.notebook.remarks import CIFAR_NOTES, REMARKS
from alexnet.network.notebook.results import RUNS
from alexnet.network.notebook.rows import Run, Schedule
from alexnet.network.notebook.schedules import FORMULAS, SCHEDULES
from alexnet.network.paper import matched_runs, results

STATED = [run for run in RUNS if run.cases is not None]


# --- against the reference text -------------------------------------------------------------------


def table(notes: str, title: str) -> list[list[str]]:
    part = notes.split(f"## {title}", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def notes(shared: Path) -> str:
    return (shared / "reference" / "lab-notebook.md").read_text(encoding="utf-8")


def number(cell: str) -> float | None:
    return None if cell in ("", "-") else float(cell.replace(",", ""))


def test_every_result_is_the_notes(notes: str) -> None:
    rows = table(notes, "Results")
    assert len(rows) == len(RUNS) > 60
    for row, run in zip(rows, RUNS, strict=True):
        config, trained_on, evaluated, logprob, top1, top5, cases, remark = row
        kept = [part for part in remark.split("; ") if not part.startswith(("paper ", "minus "))]
        expected = Run(
            config,
            trained_on,
            evaluated,
            number(logprob),
            number(top1),
            number(top5),
            None if not cases else int(cases.replace(",", "")),
            "; ".join(part for part in kept if part),
        )
        assert run == expected


SPLIT = {
    "106 first run; restarts 106a, 106b": ["106, first run", "106a", "106b"],
    "129 / 130": ["129", "130"],
    "132 (full, by mistake; restart)": ["132 (full, by mistake)", "132, restart"],
    "137 on 2012": ["137 on 2012", "137 on 2012, side branch"],
    "141-2009-half": ["141-2009-half", "141-2009-half, restart"],
}
"""Rows of the reference that record several branches."""


def stated_steps(cell: str) -> list[tuple[float, float]]:
    """Every 'epoch: rate' of a row, the rate being the first that is named there."""
    found: list[tuple[float, float]] = []
    for item in re.split(r"; | / ", cell):
        step = re.search(
            r"(\d+(?:\.\d+)?|4x)(?: \(sic\))?: (?:.*?[ ,])??(?<![\d.])(\.?\d[\d.]*)", item
        )
        if step and not re.search(r": (dropout|brightness)", item):
            epoch = 40.0 if step[1] == "4x" else float(step[1])
            found.append((epoch, float(step[2])))
    return found


def test_every_hand_made_step_is_the_notes(notes: str) -> None:
    rows = table(notes, "Schedules: hand-lowered runs (2012)")
    names = [name for row in rows for name in SPLIT.get(row[0], [row[0]])]
    assert names == [entry.run for entry in SCHEDULES]
    for run, cell, end in rows:
        entries = [entry for entry in SCHEDULES if entry.run in SPLIT.get(run, [run])]
        made = {
            (step.epoch, step.rate)
            for entry in entries
            for step in entry.steps
            if step.rate is not None
        }
        for step in stated_steps(cell):
            if step[1] == 256:  # a minibatch, stated before its rate
                continue
            assert step in made, (run, step)
        ended = re.match(r"(?:\w+ at |on hold at |lost / )?(\d+(?:\.\d+)?)", end)
        last = entries[-1] if run != "137 on 2012" else entries[0]
        assert last.end == (float(ended[1]) if ended else None), run


def test_every_frozen_layer_and_silenced_noise_is_the_notes(notes: str) -> None:
    for run, cell, _ in table(notes, "Schedules: hand-lowered runs (2012)"):
        entries = [entry for entry in SCHEDULES if entry.run in SPLIT.get(run, [run])]
        steps = [step for entry in entries for step in entry.steps]
        frozen = [step.on for step in steps if step.rate == 0]
        text = f"{run} {cell}"
        assert len(frozen) == len(re.findall(r"\bc(?:12|1) 0\b|\(c1 0,", text)), run
        assert all(on == ("conv1", "conv2") for on in frozen if "c12" in cell), run
        assert sum(step.noise == 0 for step in steps) == len(re.findall(r"\bN0\b", cell)), run


def test_every_formula_is_the_notes(notes: str) -> None:
    rows = table(notes, "Schedules: formula-driven runs")
    assert [row[0] for row in rows] == [entry.run for entry in FORMULAS]
    for (_, kind, rates, noise, conv1), entry in zip(rows, FORMULAS, strict=True):
        said = re.match(r"(\w+) (\d+)(?:.*?, (\d+))?", kind)
        assert said is not None
        assert (said[1], float(said[2])) == (entry.kind, entry.factor)
        assert (int(said[3]) if said[3] else None) == entry.levels
        printed = [] if rates == "continuous" else [float(rate) for rate in rates.split(", ")]
        assert list(entry.ladder) == printed
        assert entry.noise_off == (int(m[0]) if (m := re.match(r"\d+", noise)) else None)
        assert entry.conv1_frozen == (int(m[0]) if (m := re.match(r"\d+", conv1)) else None)
        base = re.search(r"\((0\.\d+) to", kind)
        assert base is None or float(base[1]) == entry.base


# --- their own arithmetic -------------------------------------------------------------------------


@pytest.mark.parametrize("run", STATED, ids=key)
def test_stated_rates_are_counts(run: Run) -> None:
    assert run.cases is not None
    assert run.top1 is not None
    assert run.top5 is not None
    assert fits(run.top1, run.cases)
    assert fits(run.top5, run.cases)


def test_other_rates_are_no_counts_of_either_set() -> None:
    for run in RUNS:
        if run.cases is None and run.top1 is not None and run.top5 is not None:
            assert not any(fits(run.top1, n) and fits(run.top5, n) for n in (50_000, 150_000)), run


def test_some_runs_left_two_pictures_out() -> None:
    for run in RUNS:
        if "149,998" in run.remark:
            assert run.top1 is not None
            assert run.top5 is not None
            assert fits(run.top1, 149_998)
            assert fits(run.top5, 149_998)
            assert not fits(run.top1, 150_000) or not fits(run.top5, 150_000)


def test_fits_knows_counts() -> None:
    assert fits("0.374727", 150_000)
    assert fits("0.333333", 3)
    assert not fits("0.374727", 50_000)
    assert not fits("0.333343", 3)
    assert fits("0.4", 10, places=1)
    assert all(fits(f"{n / 50_000:.6f}", 50_000) for n in range(0, 50_001, 997))


def test_rounding_is_half_up() -> None:
    assert prints_as(Decimal("1.152"), "1.2")
    assert prints_as(Decimal("16.95"), "17.0")
    assert not prints_as(Decimal("16.949"), "17.0")


def test_rows_are_told_apart() -> None:
    assert len({key(run) for run in RUNS}) == len(RUNS)
    assert len({entry.run for entry in SCHEDULES}) == len(SCHEDULES)
    assert len({entry.run for entry in FORMULAS}) == len(FORMULAS)
    assert all(note.error is None or 0 < note.error < 1 for note in CIFAR_NOTES)
    assert all(remark.says for remark in REMARKS)


def test_sets_and_views_are_read_from_the_words() -> None:
    by_key = {key(run): run for run in RUNS}
    table1 = by_key["145-2010, 2010, test multiview"]
    assert (table1.evaluated_set, table1.views) == ("test", 10)
    centre = by_key["145-2010, 2010, test centre patch"]
    assert (centre.evaluated_set, centre.views) == ("test", 1)
    assert (by_key["145, 2012 (implied), not stated (fits multiview)"].views) is None


# --- replaying ------------------------------------------------------------------------------------


def test_run_145_is_replayed() -> None:
    entry = schedule("145 (2012)")
    epochs = (0, 24.9, 25, 51, 67, 72, 79, 90)
    assert [rate_at(entry, e, "fc1000") for e in epochs] == [
        0.01,
        0.01,
        0.001,
        0.0001,
        0.0001,
        0.0001,
        0.00001,
        0.00001,
    ]
    # the released parameter file ends with conv1 at 0 and the others at .00001
    assert [rate_at(entry, e, "conv1a") for e in (51, 67, 72, 79)] == [0.0001, 0.00001, 0, 0]
    assert [noise_at(entry, e) for e in (66, 67, 90)] == [0.1, 0, 0]


def test_layers_with_a_start_of_their_own() -> None:
    entry = schedule("146-2009 (init 145; start .001 conv1-5, .01 fc and conv6)")
    assert rate_at(entry, 0, "conv3a") == 0.001
    assert rate_at(entry, 0, "conv6b") == 0.01
    assert rate_at(entry, 3, "fc2048a") == 0.001
    assert noise_at(schedule("145 second anneal"), 0) == 0.1
    assert rate_at(schedule("145 second anneal"), 110, "conv1b") == 0


@pytest.mark.parametrize("entry", SCHEDULES, ids=lambda entry: entry.run)
def test_steps_come_in_order_but_for_one_that_the_notes_mark(entry: Schedule) -> None:
    epochs = [step.epoch for step in entry.steps]
    assert epochs == sorted(epochs) or entry.run == "110"
    assert entry.end is None or not epochs or epochs[-1] <= entry.end or entry.run == "137 on 2012"


@pytest.mark.parametrize("entry", [f for f in FORMULAS if f.levels], ids=lambda entry: entry.run)
def test_ladders_follow_their_formula(entry) -> None:
    for computed, noted in zip(ladder(entry), entry.ladder, strict=True):
        assert computed == pytest.approx(noted, rel=2e-3)


def test_the_rates_that_the_notes_quote() -> None:
    assert ladder(formula("170")) == pytest.approx((0.01, 0.0015874011, 0.00025198421, 0.00004))


def test_unknown_runs_are_named_with_the_nearest() -> None:
    with pytest.raises(NotebookError, match=r"did you mean '145 \(2012\)'"):
        schedule("145 (2021)")
    with pytest.raises(NotebookError, match="formula-driven run '999'"):
        formula("999")


# --- the paper's rows -----------------------------------------------------------------------------


def test_each_result_of_the_paper_has_its_run() -> None:
    found = {f.id: f.run.config if f.run else None for f in results()}
    assert found == {
        "R1": "145-2010",
        "R2": "145-2010",
        "R3": "145",
        "R4": None,
        "R5": "146-2012-2011",
        "R6": None,
        "R7": "145-half",
        "R8": "148 (no norm)",
        "R9": "147 (2/2 pooling)",
        "R10": None,
        "R11": None,
        "R12": None,
    }


def test_plain_errors_name_one_run_alone() -> None:
    for top1, top5 in (("37.5", "17.0"), ("39.0", "18.3"), ("40.7", "18.2"), ("39.0", "16.6")):
        assert len(matches(top1, top5)) == 1


def test_differences_are_sought_over_the_same_cases() -> None:
    base = matches("40.7", "18.2")[0].run
    found = matches("0.4", "0.3", minus=base)
    assert [m.run.config for m in found] == ["147 (2/2 pooling)", "158"]
    assert all(m.run.cases == base.cases for m in found)
    assert (found[0].top1, found[0].top5) == (Decimal("0.394"), Decimal("0.300"))


def test_the_tree_is_json_with_the_claims_beside_the_runs() -> None:
    tree = json.loads(json.dumps(runs_tree(matched_runs(results()))))
    assert len(tree["runs"]) == len(RUNS)
    named = {row["config"]: row["claims"] for row in tree["runs"] if row["claims"]}
    assert named["146-2012-2011"] == ["R5"]
    assert tree["schedules"][0]["steps"][0] == {
        "epoch": 13,
        "rate": 0.001,
        "on": [],
        "noise": None,
        "note": "",
    }
