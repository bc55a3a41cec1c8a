"""Numbers explained, claims audited, networks compared: the forensics on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli.arguments import Json
from alexnet.cli.open import open_network
from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import FORMAT

if TYPE_CHECKING:
    from alexnet.network.compare.stage import Difference
    from alexnet.network.paper import Audit

Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]

GROUPED = re.compile(r"\d{1,3}(,\d{3})+")
"""One number with commas between thousands, not a list of numbers."""


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    app.command(
        "audit",
        epilog="Example:  alexnet audit paper --against as_run",
        short_help="Hold every number that the paper prints against a network.",
    )(audit)
    app.command(
        "compare",
        epilog="Example:  alexnet compare paper one_weird_trick",
        short_help="List what differs between two networks, and what that does.",
    )(compare)


def is_number(text: str) -> bool:
    """Whether `text` is meant as a number, or a list of them, rather than a network's name."""
    return (
        bool(re.match(r"[~≈]?\s*[\d.]", text)) and text not in NETWORKS and not Path(text).exists()
    )


def explain_number(
    text: str,
    network: str,
    layer: str | None,
    total: str | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Prints the readings that yield a number, or how a list of numbers hangs together."""
    from alexnet.network.explain import as_tree, readings

    if "," in text.strip(",") and not GROUPED.fullmatch(text.strip()):
        if layer:
            raise ValueError("a layer does not go with several numbers; leave one of them out")
        listed = [part for part in text.split(",") if part.strip()]
        _reconcile(listed, network, total, as_json, as_markdown)
        return
    if total:
        raise ValueError("--total goes with several numbers, as in 253440,186624,64896")
    answer = readings(text, open_network(network), layer=layer)
    if as_json:
        terminal.print_json(as_tree(answer))
        return
    terminal.say(f"{text} on {network}: understood as {answer.number.sentence}")
    if not answer.readings:
        terminal.say(answer.sentence)
        return
    rows = [(str(r.rank), f"{r.cost:g}", r.sentence) for r in answer.readings]
    notes = ["cost: how much it changes the correct derivation; equal ranks are ties"]
    if answer.further:
        are = "reading is" if answer.further == 1 else "readings are"
        notes.append(f"{answer.further:,} dearer {are} left out")
    columns = ("#rank", "#cost", "reading")
    terminal.print_table(terminal.Table(columns=columns, rows=rows, notes=notes), as_markdown)


def _reconcile(
    numbers: list[str], network: str, total: str | None, as_json: bool, as_markdown: bool
) -> None:
    from alexnet.network.explain import as_tree, reconcile

    found = reconcile(numbers, open_network(network), total=total)
    if as_json:
        entries = [
            {
                "text": listed.number.text,
                "value": listed.number.value,
                "layer": listed.layer,
                "expected": listed.expected,
                "explained": listed.explained,
                "reading": listed.reading and asdict(listed.reading),
            }
            for listed in found.numbers
        ]
        terminal.print_json(
            {
                "network": found.network,
                "quantity": found.quantity,
                "changes": list(found.changes),
                "numbers": entries,
                "sum": found.sum,
                "corrected_sum": found.corrected_sum,
                "sum_readings": as_tree(found.sum_answer),
                "sentences": list(found.sentences),
            }
        )
        return
    rows = [
        (
            listed.number.text,
            listed.layer or "–",
            f"{listed.expected:,}" if listed.expected is not None else "–",
            "" if listed.explained else "≠",
        )
        for listed in found.numbers
    ]
    columns = ("#number", "layer", f"#{found.quantity} there", "")
    terminal.print_table(
        terminal.Table(columns=columns, rows=rows, notes=found.sentences), as_markdown
    )


def audit(
    network: Annotated[
        str, typer.Argument(help="A network, or a file of your own claims (.json).")
    ] = "paper",
    against: Annotated[
        str | None, typer.Option(help="List every difference to this network, the one that ran.")
    ] = None,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="List the recorded runs of 2012.")
    ] = False,
    as_json: Json = False,
    as_markdown: Markdown = False,
) -> None:
    """Hold every number that the paper prints against a network; exit 1 if one is unexplained."""
    from alexnet.network import paper
    from alexnet.network.paper.own_claims import audit_file

    if notebook:
        _print_notebook(as_json, as_markdown)
        return
    if _is_claims_file(Path(network)):
        if against:
            raise ValueError("--against does not go with a file of claims; leave one of them out")
        result = audit_file(Path(network))
    else:
        other = open_network(against) if against else None
        result = paper.audit(open_network(network), other)
    if as_json:
        terminal.print_json(paper.as_tree(result))
    else:
        _print_audit(result, as_markdown)
    if result.unexplained:
        raise typer.Exit(1)


def _print_audit(result: Audit, as_markdown: bool) -> None:
    counts = ", ".join(f"{n} {verdict}" for verdict, n in result.counts.items() if n)
    title = f"{len(result.findings)} claims held against {result.network.name}: {counts}"
    if as_markdown:
        rows = [(f.id, f.place, f.says, f.verdict, f.sentence) for f in result.findings]
        columns = ("id", "place", "claim", "verdict", "why")
        terminal.say(terminal.markdown(terminal.Table(title=title, columns=columns, rows=rows)))
    else:
        terminal.show_entries(
            title,
            [
                (f.id, f"{f.verdict.upper()} · {f.place}: {f.says}", f.sentence)
                for f in result.findings
            ],
        )
    if result.differences:
        terminal.say()
        other = result.ran.name if result.ran else ""
        _print_differences(result.differences, result.network.name, other, as_markdown)


def _is_claims_file(path: Path) -> bool:
    """Whether `path` is JSON that is no network description: then it must hold claims."""
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return True  # the claims reader says what is wrong, and where
    return not (isinstance(tree, dict) and tree.get("format") == FORMAT)


def _print_notebook(as_json: bool, as_markdown: bool) -> None:
    from alexnet.network.notebook import RUNS, key
    from alexnet.network.paper import matched_runs, results

    rows_of = matched_runs(results())
    if as_json:
        terminal.print_json([asdict(run) | {"matches": rows_of.get(key(run), ())} for run in RUNS])
        return
    rows = [
        (
            run.config,
            run.trained_on,
            run.evaluated,
            *(
                "" if error is None else f"{100 * float(error):.4f}"
                for error in (run.top1, run.top5)
            ),
            " ".join(rows_of.get(key(run), ())),
        )
        for run in RUNS
    ]
    columns = ("run", "trained on", "evaluated", "#top-1 %", "#top-5 %", "claim")
    terminal.print_table(terminal.Table(columns=columns, rows=rows), as_markdown)


def compare(
    first: Annotated[str, typer.Argument(help="A network's name or file.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    as_json: Json = False,
    as_markdown: Markdown = False,
) -> None:
    """List what differs between two networks, and what each difference does to the counts."""
    from alexnet.network.compare import as_tree
    from alexnet.network.compare import compare as hold

    result = hold(open_network(first), open_network(second))
    if as_json:
        terminal.print_json(as_tree(result))
        return
    if not result.differences:
        terminal.say(f"{first} and {second} are the same network")
        return
    _print_differences(result.differences, first, second, as_markdown)
    if not result.counts:
        terminal.say("no count differs")
        return
    rows = [
        (c.place, c.quantity, f"{c.first:,}", f"{c.second:,}", f"{c.second - c.first:+,}")
        for c in result.counts
    ]
    columns = ("place", "count", f"#{first}", f"#{second}", "#change")
    terminal.print_table(
        terminal.Table(title="counts that differ", columns=columns, rows=rows), as_markdown
    )


def _print_differences(
    found: Sequence[Difference], first: str, second: str, as_markdown: bool
) -> None:
    title = f"{len(found)} differences between {first} and {second}"
    if as_markdown:
        rows = [(d.place, d.aspect, d.first, d.second, d.effect) for d in found]
        columns = ("place", "aspect", first, second, "effect")
        terminal.say(terminal.markdown(terminal.Table(title=title, columns=columns, rows=rows)))
        return
    terminal.show_entries(
        title, [(d.place, f"{d.aspect}: {d.first} → {d.second}", d.effect) for d in found]
    )
    terminal.say()
