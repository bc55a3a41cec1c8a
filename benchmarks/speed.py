"""Training, inference, norm, loading and counting against named peers, at full size.

    python benchmarks/speed.py [SUBJECT …] [--pairs 5] [--batch 128] [--quick] [--record]

What `alexnet bench` prints, with more rounds; each measurement has a process of its own, and they
take turns. Needs the packages of `pip install 'alexnet[bench]'`; a peer that is not there is named,
and nothing is recorded without it. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import sys

from results import record

from alexnet.bench.jobs import FULL, QUICK
from alexnet.bench.outcome import Bench, Line, Outcome, summed_up
from alexnet.bench.pairing import rounds
from alexnet.bench.plan import SUBJECTS, chosen_subjects, plan
from alexnet.cli.bench import outcome_table, spread_text, tables
from alexnet.network.catalog import get_network
from alexnet.terminal import show

WANTED = {
    "training": "at least 4.5 times the stock modules, and 75% of the bf16 gemm peak",
    "inference": "2 times onnxruntime at batch 64, 1.5 times in fp32",
}


def write_speeds(outcome: Outcome, name: str, remark: str) -> None:
    """The table as it is printed; ours last, since the README shows the last row."""
    table = outcome_table(outcome)
    ours = [line.name for line in outcome.lines if line.ours]
    own = list(reversed([list(row) for row in table.rows if row[0] in ours]))
    record(
        name,
        title=table.title[:1].upper() + table.title[1:],
        command=COMMAND,
        wanted=WANTED[outcome.subject],
        columns=[column.removeprefix("#") for column in table.columns],
        rows=[*(list(row) for row in table.rows if row[0] not in ours), *own],
        remark=f"{remark} {' '.join(f'{note}.' for note in table.notes)}",
    )


def write_rest(found: Bench, remark: str) -> None:
    """The other subjects in one row: how many times as fast as its peer each is."""
    cells: dict[str, str] = {}
    for outcome in found.outcomes:
        if outcome.subject in WANTED:
            continue
        for line in outcome.lines:
            cells |= {
                f"{outcome.subject}: {line.name}, times {peer}": spread_text(times)
                for peer, times in line.times.items()
                if line.ours
            }
    figures = [shown(line, outcome) for outcome in found.outcomes for line in outcome.lines]
    assert found.limits is not None, "shares need the limits"
    cells |= {
        "matrix products fp32, GFLOP/s": spread_text(found.limits.gemm_fp32),
        "bf16, GFLOP/s": spread_text(found.limits.gemm_bf16),
        "copy, GB/s": spread_text(found.limits.copy),
    }
    record(
        "23-bench",
        title="alexnet bench: norm, loading and counting against peers, and the machine's limits",
        command=COMMAND,
        wanted="faster than each peer",
        columns=list(cells),
        rows=[list(cells.values())],
        remark=f"{remark} {'; '.join(figures)}.",
    )


def shown(line: Line, outcome: Outcome) -> str:
    """One contender's figure in words."""
    if outcome.unit == "images/s":
        return f"{outcome.subject}, {line.name}: {spread_text(line.value)} images/s"
    return f"{outcome.subject}, {line.name}: {spread_text(line.value, 1000)} ms"


COMMAND = "python benchmarks/speed.py --record"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subjects", nargs="*")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--quick", action="store_true", help="short measurements, to try it out")
    parser.add_argument("--record", action="store_true", help="write docs/results")
    options = parser.parse_args()
    subjects = chosen_subjects(options.subjects)
    measured = rounds(
        plan(subjects, get_network("paper"), options.batch),
        options.pairs,
        QUICK if options.quick else FULL,
        progress=lambda done, total, name: print(f"{done}/{total} {name}", file=sys.stderr),
    )
    found = summed_up(measured)
    for table in tables(found):
        show(table)
    if not options.record:
        return
    skipped = [f"{k}: {v}" for outcome in found.outcomes for k, v in outcome.skipped.items()]
    if skipped or options.quick or subjects != SUBJECTS:
        parser.error(f"only a full run of everybody is recorded {'; '.join(skipped)}")
    remark = f"Medians of {options.pairs} rounds, least to most in brackets; network `paper`."
    by_name = {outcome.subject: outcome for outcome in found.outcomes}
    write_speeds(by_name["training"], "21-training-speed", remark)
    write_speeds(by_name["inference"], "22-inference-speed", remark)
    write_rest(found, remark)


if __name__ == "__main__":
    main()
