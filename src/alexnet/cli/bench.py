"""`alexnet bench`: what this machine can do, and how near the product and its peers come to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli.open import open_network

if TYPE_CHECKING:
    from alexnet.bench.outcome import Bench, Limits, Line, Outcome
    from alexnet.bench.pairing import Spread

MILLISECONDS = 1000
MEGABYTE = 2**20

QUICK_BATCH = 16


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command(
        "bench",
        epilog="Example:  alexnet bench training norm --quick",
        short_help="Measure images/s on this machine against named peers.",
    )(bench)


def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help="limits, training, inference, norm, loading, ledger (default: all).",
            show_default=False,
        ),
    ] = None,
    network: Annotated[
        str, typer.Option(metavar="NAME", help="A network's name or file.")
    ] = "paper",
    batch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Pictures in a step (default: 128).")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rounds, in turn (default: 3).")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One round of small batches: about a minute.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the JSON there, too.")
    ] = None,
) -> None:
    """Measure images/s on this machine against named peers, paired, in processes of their own."""
    from alexnet.bench.jobs import FULL, QUICK
    from alexnet.bench.outcome import as_tree, summed_up
    from alexnet.bench.pairing import rounds
    from alexnet.bench.plan import chosen_subjects, plan

    described = open_network(network)
    size = batch or (QUICK_BATCH if quick else 128)
    count = pairs or (1 if quick else 3)
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {out.parent}")
    contenders = plan(chosen_subjects(subjects or []), described, size)
    with terminal.bar("measuring", "processes") as advance:
        measured = rounds(contenders, count, QUICK if quick else FULL, progress=advance)
    found = summed_up(measured)
    settings = {"network": described.name, "batch": size, "pairs": count, "quick": quick}
    tree = as_tree(found) | {"settings": settings}
    if out is not None:
        from alexnet.formats.atomic import replacing

        with replacing(out) as temporary:
            temporary.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    if as_json:
        terminal.print_json(tree)
        return
    for table in tables(found):
        terminal.show(table)
    terminal.say(f"medians of {count} round{'s' if count > 1 else ''}, least to most in brackets")
    if out is not None:
        terminal.say(f"wrote {out}")


def tables(found: Bench) -> list[terminal.Table]:
    """A table per subject; benchmarks print the same."""
    limits = [] if found.limits is None else [_limits_table(found.limits)]
    return limits + [outcome_table(outcome) for outcome in found.outcomes]


def _limits_table(limits: Limits) -> terminal.Table:
    machine = limits.detail
    return terminal.Table(
        title="limits: what this machine can do at most",
        columns=("what", "#measured", "unit"),
        rows=[
            ("matrix products, fp32", spread_text(limits.gemm_fp32), "GFLOP/s"),
            ("matrix products, bf16", spread_text(limits.gemm_bf16), "GFLOP/s"),
            ("copies of memory", spread_text(limits.copy), "GB/s, read and written"),
        ],
        notes=[
            f"{machine['threads']} threads on {machine['cores']} cores, torch {machine['torch']},"
            f" {machine['instructions']}"
        ],
    )


def outcome_table(outcome: Outcome) -> terminal.Table:
    """A row per contender; below, who was skipped and why."""
    peers = [name for line in outcome.lines for name in line.times]
    peers = list(dict.fromkeys(peers))
    shares = any(line.share is not None for line in outcome.lines)
    unit = outcome.unit if outcome.unit == "images/s" else "ms"
    return terminal.Table(
        title=f"{outcome.subject}: {outcome.title}{_of(outcome)}",
        columns=(
            "who",
            *(["in"] if shares else []),
            f"#{unit}",
            *(f"#times {name}" for name in peers),
            *(["#of peak"] if shares else []),
            "#MiB",
        ),
        rows=[_row(line, outcome, peers, shares) for line in outcome.lines],
        notes=[*_notes(outcome), *(f"skipped: {k}: {v}" for k, v in outcome.skipped.items())],
    )


def _of(outcome: Outcome) -> str:
    """What it was measured on."""
    first = outcome.lines[0]
    match outcome.subject:
        case "loading":
            return ""
        case "ledger":
            return f", {first.network}"
        case _:
            return f", {first.network}, batch {first.batch_size}"


def _row(line: Line, outcome: Outcome, peers: list[str], shares: bool) -> list[str]:
    scale = 1 if outcome.unit == "images/s" else MILLISECONDS
    precision = [str(line.detail.get("precision", ""))] if shares else []
    share = [f"{line.share.median:.1%}" if line.share else ""] if shares else []
    times = [spread_text(line.times[name]) if name in line.times else "" for name in peers]
    memory = f"{line.peak_bytes / MEGABYTE:,.0f}"
    return [line.name, *precision, spread_text(line.value, scale), *times, *share, memory]


def _notes(outcome: Outcome) -> list[str]:
    """What a reader must know to judge the figures."""
    if outcome.subject == "ledger":
        return [
            f"{line.name}: {line.detail['parameters']:,} parameters; counted again in"
            f" {_digits(float(line.detail['again']) * MILLISECONDS)} ms"
            for line in outcome.lines
        ]
    if outcome.subject in ("training", "inference"):
        return [
            "alexnet: from bytes in memory, pictures made ready included; the others: a tensor that"
            " is ready, in fp32 and as torch lays it out"
        ]
    if outcome.subject == "loading":
        return [
            "alexnet: records of 256 pixels that were prepared before, less a mean image, with"
            " colour noise; DataLoader: full-size files by Pillow, scaled, without noise"
        ]
    return []


def spread_text(value: Spread, scale: float = 1) -> str:
    """The median, and in brackets the least and the most where rounds differ."""
    median, least, most = (_digits(x * scale) for x in (value.median, value.least, value.most))
    return median if least == most else f"{median} [{least}–{most}]"


def _digits(number: float) -> str:
    """Three digits that count, or all before the point."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"
