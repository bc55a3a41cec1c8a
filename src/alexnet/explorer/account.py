"""The whole account of one network as the page shows it: layers, stages, totals, towers, what
crosses, the traditions side by side, and the drawing. Every number is the ledger's.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from alexnet.explorer.asking import Tree
from alexnet.explorer.drawing import drawing
from alexnet.network.codec import encode, to_json
from alexnet.network.compare.words import word
from alexnet.network.facts import Fact, edge, facts, stage_shape, windows
from alexnet.network.layers import Conv, Kernel, Layer, Local, Pool, Weighted, Window
from alexnet.network.ledger import Ledger, Row, Stage, Total, ledger
from alexnet.network.shapes import text
from alexnet.network.sizes import RULES, Side
from alexnet.network.spec import Network
from alexnet.network.traditions import traditions
from alexnet.pictures.architecture import caption

COUNTS = (
    "neurons",
    "weights",
    "biases",
    "parameters",
    "connections",
    "multiply_adds",
    "activation_bytes",
)
"""What is counted of a layer, a stage, a tower and the whole."""


def account_tree(network: Network) -> Tree:
    """The answer to `api/network/NAME`."""
    account = ledger(network)
    readers: dict[str, list[str]] = {layer.name: [] for layer in network}
    for layer in network:
        for read in dict.fromkeys(layer.reads):
            readers[read].append(layer.name)
    return {
        "name": network.name,
        "source": network.source,
        "picture": list(network.picture.shape),
        "picture_text": text(network.picture.shape),
        "towers": list(network.towers),
        "caption": caption(account, characters=100_000),
        "description": json.loads(to_json(network)),
        "layers": _layers(account, readers),
        "stages": _stages(account),
        "total": counts(account.total),
        "total_facts": _told(_total_facts(account)),
        "per_tower": [{"tower": t, **counts(sums)} for t, sums in account.per_tower.items()],
        "crossings": [
            {**asdict(crossing), "readers": list(crossing.readers)}
            for crossing in account.crossings
        ],
        "crossings_sentence": _crossings_sentence(account),
        "rules": rules_tree(network),
        "drawing": drawing(network),
    }


def counts(sums: Row | Total) -> Tree:
    """All that is counted, by name."""
    return {name: getattr(sums, name) for name in COUNTS}


def summary_tree(network: Network) -> Tree:
    """A network in the list of networks."""
    sums = ledger(network).total
    return {
        "name": network.name,
        "picture": list(network.picture.shape),
        "neurons": sums.neurons,
        "parameters": sums.parameters,
        "multiply_adds": sums.multiply_adds,
        "source": network.source,
        "towers": list(network.towers),
    }


def _layers(account: Ledger, readers: dict[str, list[str]]) -> list[Tree]:
    stage_of = {row.name: stage.name for stage in account.stages for row in stage.rows}
    return [
        _layer(account, row, stage_of[row.name], tuple(readers[row.name])) for row in account.rows
    ]


def _layer(account: Ledger, row: Row, stage: str, readers: tuple[str, ...]) -> Tree:
    network = account.network
    layer, field = network[row.name], row.receptive_field
    return {
        "name": row.name,
        "stage": stage,
        "kind": row.kind,
        "word": word(layer),
        "tower": row.tower,
        "reads": list(row.reads),
        "readers": list(readers),
        "source": layer.source,
        "settings": encode(layer),
        "shape": list(row.shape),
        "shape_text": text(row.shape),
        "input_shapes": [list(shape) for shape in network.inputs_of(layer)],
        **counts(row),
        "receptive_field": field and asdict(field),
        "windows": _windows(layer, network),
        "facts": _told(facts(account, (row,))),
    }


def _windows(layer: Layer, network: Network) -> list[Tree]:
    if not isinstance(layer, Conv | Local | Pool):
        return []
    found: list[Tree] = []
    laid = zip(layer.reads, windows(layer), network.placed[layer.name].sides, strict=True)
    for read, window, (rows, columns) in laid:
        _, height, width = network.shape(read)
        found.append(
            {
                "reads": read,
                "operation": "pool" if isinstance(layer, Pool) else "conv",
                "rule": layer.rule,
                "input": [height, width],
                "kernel": window.size,
                "stride": window.stride,
                "padding": window.padding,
                "groups": window.groups if isinstance(window, Kernel) else 1,
                "rows": side_tree(rows, window, height),
                "columns": side_tree(columns, window, width),
                "edge": edge(rows, window.padding),
                "why": f"input={height}&kernel={window.size}&stride={window.stride}"
                f"&padding={max(0, window.padding)}&filters={network.shape(layer.name)[0]}",
            }
        )
    return found


def side_tree(side: Side, window: Kernel | Window, pixels: int) -> Tree:
    """Where the windows along one side lie: the last one as [start, end), in pixels of the input
    from 0.
    """
    start = (side.outputs - 1) * window.stride - side.before
    return {
        "outputs": side.outputs,
        "first": -side.before,
        "before": side.before,
        "after": side.after,
        "last": [start, start + window.size],
        "over": max(0, side.after - max(0, window.padding)),
        "unused": max(0, -side.after),
        "input": pixels,
        "sentence": side.sentence,
    }


def _stages(account: Ledger) -> list[Tree]:
    found: list[Tree] = []
    place = 0
    for stage in account.stages:
        first = stage.rows[0]
        weighted = isinstance(account.network[first.name], Weighted)
        place += weighted
        found.append(
            {
                "name": stage.name,
                "layers": [row.name for row in stage.rows],
                "kind": first.kind,
                "word": word(account.network[first.name]),
                "place": place if weighted else None,
                "shape_text": stage_shape(stage),
                "tower_shapes": [text(row.shape) for row in stage.rows],
                **counts(stage.total),
                "facts": _told(facts(account, stage.rows)),
            }
        )
    return found


def _told(found: tuple[Fact, ...]) -> list[Tree]:
    return [asdict(fact) for fact in found]


def _total_facts(account: Ledger) -> tuple[Fact, ...]:
    """The totals, each as the sum of its stages."""
    found: list[Fact] = []
    for name in COUNTS:
        parts = [(s, getattr(s.total, name)) for s in account.stages]
        said = " + ".join(f"{count:,} ({stage.name})" for stage, count in parts if count)
        value = f"{getattr(account.total, name):,}"
        unit = " bytes" if name == "activation_bytes" else ""
        found.append(Fact(_words(name), value + unit, said or "none"))
    return tuple(found)


def _words(name: str) -> str:
    special = {"multiply_adds": "multiply-adds", "activation_bytes": "activations"}
    return special.get(name, {"connections": "unshared"}.get(name, name))


def _crossings_sentence(account: Ledger) -> str:
    if not account.crossings:
        return ""
    floats = sum(c.floats for c in account.crossings)
    layers = ", ".join(dict.fromkeys(c.layer for c in account.crossings))
    return f"between towers: {floats:,} floats a picture forward, as many backward ({layers})"


def stage_of(account: Ledger, layer: str) -> Stage:
    """The stage that a layer is of."""
    return next(s for s in account.stages if layer in (r.name for r in s.rows))


def rules_tree(network: Network) -> Tree:
    """Every windowed stage, and the totals, under each tradition; what differs is marked."""
    found = traditions(network)
    rows: list[Tree] = []
    for each in found.sides:
        cells = ["–" if shape is None else text(shape) for shape in each.under.values()]
        rows.append(_rules_row(each.stage, text(each.own), cells))
    for name in ("neurons", "parameters"):
        cells = [
            "–" if isinstance(a, str) else f"{getattr(a.total, name):,}"
            for a in found.accounts.values()
        ]
        rows.append(_rules_row(name, f"{getattr(found.own.total, name):,}", cells))
    return {
        "rules": list(RULES),
        "rows": rows,
        "notes": [f"{r}: {a}" for r, a in found.accounts.items() if isinstance(a, str)],
    }


def _rules_row(stage: str, own: str, cells: list[str]) -> Tree:
    return {
        "stage": stage,
        "own": own,
        "cells": [{"text": cell, "differs": cell != own} for cell in cells],
    }
