"""Rounds, ratios and shares with processes that only pretend to measure; no timing is asserted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from alexnet.bench.flops import inference_flops, training_flops
from alexnet.bench.jobs import FULL, QUICK, BenchError, Job, Measurement
from alexnet.bench.outcome import Bench, as_tree, summed_up
from alexnet.bench.pairing import in_a_process, ratio, rounds, spread
from alexnet.bench.plan import SUBJECTS, chosen_subjects, plan
from alexnet.cli.bench import outcome_table, spread_text, tables
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json

PAPER = get_network("paper")

SECONDS = {"training-ours": 0.5, "training-stock": 4.0, "norm-ours": 0.01, "norm-stock": 0.3}


def pretended(job: Job) -> Measurement:
    """Seconds by the kind of job; the limits are round numbers."""
    detail: dict[str, float | int | str] = {"precision": "fp32", "parameters": 7}
    detail |= {"again": 0.001, "afterwards": 0.5}
    if job.what == "training-ours":
        detail["precision"] = "bf16"
    if job.what == "limits":
        detail = {"gemm_fp32": 1000.0, "gemm_bf16": 4000.0, "copy": 20.0}
        detail |= {"threads": 2, "cores": 2, "torch": "0", "instructions": "none"}
    return Measurement(
        seconds=SECONDS.get(job.what, 1.0),
        images=job.batch_size,
        steps=3,
        peak_bytes=2**30,
        wall_seconds=2.0,
        detail=detail,
    )


def benched(
    *subjects: str,
    measure: Callable[[Job], Measurement] = pretended,
    installed: Callable[[str], bool] = lambda _: True,
) -> Bench:
    contenders = plan(chosen_subjects(subjects), PAPER, 32)
    return summed_up(rounds(contenders, 3, QUICK, measure=measure, installed=installed))


def test_everybody_is_measured_in_turn() -> None:
    asked: list[str] = []

    def measure(job: Job) -> Measurement:
        asked.append(job.what)
        return pretended(job)

    benched("training", measure=measure)
    once = ["limits", "training-ours", "training-stock", "training-stock"]
    assert asked == 3 * once


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that gets ten times slower leaves them as they are."""
    found = ratio([8.0, 0.8, 4.0], [2.0, 0.2, 2.0])
    assert (found.median, found.least, found.most) == (4.0, 2.0, 4.0)
    assert spread([3.0, 1.0, 2.0]).median == 2.0


def test_shares_of_the_peak_are_computed_from_the_ledger() -> None:
    bench = benched("training")
    ours, theirs, other = bench.outcomes[0].lines
    flops = 2 * 3 * 724_406_816 - 2 * 105_415_200  # conv1 hands no gradient on
    assert training_flops(PAPER) == flops
    assert inference_flops(PAPER) == 2 * 724_406_816
    assert ours.share is not None and theirs.share is not None
    assert ours.share.median == pytest.approx(flops * 32 / 0.5 / 4000e9)
    assert theirs.share.median == pytest.approx(flops * 32 / 4.0 / 1000e9)
    assert ours.times["stock modules"].median == 8.0
    assert (ours.value.median, theirs.value.median) == (64.0, 8.0)
    assert other.network == "one_weird_trick"
    assert list(other.times) == ["stock modules"]


def test_norms_and_counting_are_told_in_seconds_and_ratios_still_in_speed() -> None:
    norm, counting = benched("norm", "ledger").outcomes
    assert norm.unit == counting.unit == "seconds"
    assert norm.lines[0].value.median == pytest.approx(0.01)
    assert norm.lines[0].times["nn.LocalResponseNorm"].median == pytest.approx(30)
    assert counting.lines[0].value.median == 2.0 - 0.5


def test_a_peer_that_is_not_installed_is_named_as_skipped() -> None:
    bench = benched("inference", "ledger", installed=lambda package: package != "onnxruntime")
    inference, counting = bench.outcomes
    assert "onnxruntime" not in [line.name for line in inference.lines]
    assert "not installed" in inference.skipped["onnxruntime"]
    assert "onnxruntime" not in inference.lines[0].times
    assert counting.skipped == {}
    notes = " ".join(outcome_table(inference).notes)
    assert "skipped: onnxruntime: onnxruntime is not installed; pip install" in notes


def test_a_peer_that_fails_is_skipped_and_ours_that_fails_is_an_error() -> None:
    def without(what: str) -> Callable[[Job], Measurement]:
        def measure(job: Job) -> Measurement:
            if job.what == what:
                raise BenchError("out of memory")
            return pretended(job)

        return measure

    (norm,) = benched("norm", measure=without("norm-stock")).outcomes
    assert norm.skipped == {"nn.LocalResponseNorm": "out of memory"}
    assert norm.lines[0].times == {}
    with pytest.raises(BenchError, match="out of memory"):
        benched("norm", measure=without("norm-ours"))


def test_the_shape_of_the_json() -> None:
    tree = json.loads(json.dumps(as_tree(benched())))
    assert set(tree) == {"format", "limits", "outcomes"}
    assert [one["subject"] for one in tree["outcomes"]] == list(SUBJECTS[1:])
    assert {"gemm_fp32", "gemm_bf16", "copy", "detail"} == set(tree["limits"])
    for one in tree["outcomes"]:
        assert {"subject", "title", "unit", "lines", "skipped"} == set(one)
        for line in one["lines"]:
            assert {"median", "least", "most"} == set(line["value"])
            assert {"name", "ours", "network", "batch_size", "times", "share"} <= set(line)
            assert {"peak_bytes", "detail"} <= set(line)


def test_a_table_for_every_subject() -> None:
    shown = tables(benched())
    assert [table.title.split(":")[0] for table in shown] == list(SUBJECTS)
    assert all(len(row) == len(table.columns) for table in shown for row in table.rows)
    assert spread_text(spread([0.5, 0.25, 1.0]), 1000) == "500 [250–1,000]"
    assert spread_text(spread([12.34])) == "12.3"


def test_subjects_are_chosen_by_name() -> None:
    assert chosen_subjects([]) == SUBJECTS
    assert chosen_subjects(["norm", "limits"]) == ("limits", "norm")
    with pytest.raises(ValueError, match="'trainig'; did you mean"):
        chosen_subjects(["trainig"])


def test_a_network_without_norms_borrows_one_and_has_no_twin() -> None:
    contenders = plan(SUBJECTS, get_network("one_weird_trick"), 128)
    names = {(one.subject, one.network.name) for one in contenders}
    assert ("norm", "paper") in names
    assert len({(one.subject, one.name) for one in contenders}) == len(contenders)
    assert sum(one.what == "training-stock" for one in contenders) == 1
    assert {x.batch_size for x in contenders if x.subject == "inference"} == {64}


def test_jobs_travel_as_json() -> None:
    job = Job(what="norm-ours", network=to_json(PAPER), batch_size=3, effort=FULL)
    assert Job.from_json(job.to_json()) == job
    found = pretended(job)
    assert Measurement.from_json(found.to_json()) == found


def test_a_process_measures_and_tells_its_own_memory() -> None:
    job = Job(what="ledger-ours", network=to_json(PAPER), batch_size=1, effort=QUICK)
    found = in_a_process(replace(job, effort=replace(QUICK, seconds=0.0)))
    assert found.detail["parameters"] == 60_965_224
    assert found.steps == 2
    assert 2**20 < found.peak_bytes < 2**28, "no torch in it, and not the memory of its parent"
    assert found.wall_seconds > found.seconds
    wrong = replace(job, network=job.network.replace("alexnet-network", "foreign"))
    with pytest.raises(BenchError, match="ended with status 1: network: no network"):
        in_a_process(wrong)
