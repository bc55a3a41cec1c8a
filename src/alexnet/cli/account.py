"""`alexnet list` and `explain`: the account of a network, in tables or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from alexnet import terminal
from alexnet.cli import numbers, tables, tools
from alexnet.cli.arguments import ClassTree, Json, Parameters, Side
from alexnet.cli.open import open_network
from alexnet.cli.unknown import inside_shown
from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import to_json
from alexnet.network.edit import with_rule
from alexnet.network.ledger import Ledger, Row, as_tree, ledger
from alexnet.network.sizes import RULES
from alexnet.network.spec import Network, NetworkError, nearest

SOURCES = ("--input", "--params", "--class-tree")
"""What else says which network is meant."""


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    app.command("list", epilog="Example:  alexnet list")(list_networks)
    app.command(
        "explain", epilog="Examples:  alexnet explain paper conv1 · alexnet explain 253440"
    )(explain)


def list_networks(as_json: Json = False) -> None:
    """List the networks that have a name."""
    accounts = [ledger(make()) for make in NETWORKS.values()]
    if as_json:
        terminal.print_json([_summary(account) for account in accounts])
        return
    rows = [
        (
            str(s["name"]),
            "×".join(str(n) for n in account.network.picture.shape),
            f"{s['neurons']:,}",
            f"{s['parameters']:,}",
            f"{s['multiply_adds']:,}",
            str(s["source"]),
        )
        for account in accounts
        for s in [_summary(account)]
    ]
    columns = ("name", "picture", "#neurons", "#parameters", "#multiply-adds", "source")
    terminal.show(terminal.Table(columns=columns, rows=rows))


def _summary(account: Ledger) -> dict[str, object]:
    sums = account.total
    return {
        "name": account.network.name,
        "picture": list(account.network.picture.shape),
        "neurons": sums.neurons,
        "parameters": sums.parameters,
        "multiply_adds": sums.multiply_adds,
        "source": account.network.source,
    }


def explain(
    what: Annotated[
        str, typer.Argument(help="A network's name or file; or a number, or several with commas.")
    ],
    layer: Annotated[str | None, typer.Argument(help="One layer, or a stage of twins.")] = None,
    network: Annotated[
        str | None, typer.Option(help="For a number: where from (paper); of bare arrays: whose.")
    ] = None,
    of_layer: Annotated[
        str | None, typer.Option("--layer", help="For a number: the layer it may belong to.")
    ] = None,
    printed_total: Annotated[
        str | None, typer.Option("--total", help="For several numbers: the printed total.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help=f"Re-read it under {', '.join(RULES)}, or all of them.")
    ] = None,
    pixels: Side = None,
    parameters: Parameters = None,
    class_tree: ClassTree = None,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    batch: Annotated[
        int | None, typer.Option(help="Memory of a training step of this many pictures.")
    ] = None,
    counters: Annotated[
        bool, typer.Option("--tools", help="What other tools report for it, and by which rule.")
    ] = False,
    spec: Annotated[
        bool, typer.Option("--spec", help="Print the description, to edit and read back.")
    ] = False,
) -> None:
    """Account for a network or one of its layers; or say how a number comes about."""
    whose = network if Path(what).is_file() else None
    given = {
        "a layer": layer or of_layer,
        "--network": None if whose else network,
        "--total": printed_total,
        "--rule": rule,
        "--input": pixels,
        "--params": parameters,
        "--class-tree": class_tree,
        "--batch": batch,
        "--tools": counters,
        "--spec": spec,
    }
    if numbers.is_number(what):
        _refuse_others(given, "a number", {"a layer", "--network", "--total"})
        asked = network or "paper"
        numbers.explain_number(what, asked, layer or of_layer, printed_total, as_json, as_markdown)
        return
    with inside_shown(f"explain {what}", quiet=as_json):
        described = _described(what, pixels, rule, parameters, class_tree, whose)
    if rule == "all":
        _refuse_others(given, "--rule all", {"--rule", *SOURCES})
        _print_rules(described, as_json, as_markdown)
        return
    changes = {"--rule", *SOURCES}
    if spec:
        _refuse_others(given, "--spec", {"--spec", *changes})
        terminal.say(to_json(described, indent=1))
    elif batch is not None:
        _refuse_others(given, "--batch", {"--batch", *changes})
        _print_memory(described, batch, as_json, as_markdown)
    elif counters:
        _refuse_others(given, "--tools", {"--tools", *changes})
        tools.print_tools(described, as_json, as_markdown)
    else:
        _refuse_others(given, "a network", {"a layer", *changes})
        _print_account(ledger(described), layer or of_layer, as_json, as_markdown)


def _described(
    what: str,
    pixels: int | None,
    rule: str | None,
    parameters: Path | None,
    class_tree: Path | None,
    whose: str | None,
) -> Network:
    """The network, over another picture and under another rule where they are asked for."""
    network = open_network(
        what, side=pixels, parameters=parameters, class_tree=class_tree, whose=whose
    )
    if rule in (None, "all"):
        return network
    for known in RULES:
        if known == rule:
            return with_rule(network, known)
    raise NetworkError(f"no size rule is called '{rule}'{nearest(rule or '', [*RULES, 'all'])}")


def _refuse_others(given: dict[str, object], what: str, allowed: set[str]) -> None:
    """An option that has no say in what is printed is refused, rather than passed over.

    Raises:
        ValueError: one was given.
    """
    for name, value in given.items():
        if value not in (None, False) and name not in allowed:
            raise ValueError(f"{name} does not go with {what}; leave one of them out")


def _print_rules(network: Network, as_json: bool, as_markdown: bool) -> None:
    if as_json:
        terminal.print_json(tables.rules_tree(network))
    else:
        terminal.print_table(tables.rules_table(network), as_markdown)


def _print_memory(network: Network, batch: int, as_json: bool, as_markdown: bool) -> None:
    if as_json:
        terminal.print_json([asdict(found) for found in tables.memories(network, batch)])
    else:
        terminal.print_table(tables.memory_table(network, batch), as_markdown)


def _print_account(account: Ledger, layer: str | None, as_json: bool, as_markdown: bool) -> None:
    if layer:
        _explain_layer(account, layer, as_json, as_markdown)
    elif as_json:
        terminal.print_json(as_tree(account))
    else:
        terminal.print_table(tables.ledger_table(account), as_markdown)


def _explain_layer(account: Ledger, name: str, as_json: bool, as_markdown: bool) -> None:
    rows = find_rows(account, name)
    if as_json:
        names = {row.name for row in rows}
        tree = json.loads(json.dumps(as_tree(account)))
        terminal.print_json([entry for entry in tree["layers"] if entry["name"] in names])
    else:
        terminal.print_table(tables.story_table(account, rows, name), as_markdown)


def find_rows(account: Ledger, name: str) -> tuple[Row, ...]:
    """The rows of the layer or stage called `name`.

    Raises:
        NetworkError: there is none; the nearest is named.
    """
    rows = tuple(row for row in account.rows if row.name == name)
    stages = [stage for stage in account.stages if stage.name == name]
    if rows or stages:
        return rows or stages[0].rows
    known = [*(stage.name for stage in account.stages), *(row.name for row in account.rows)]
    raise NetworkError(
        f"network '{account.network.name}' has no layer '{name}'"
        f"{nearest(name, list(dict.fromkeys(known)))}"
    )
