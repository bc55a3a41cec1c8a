"""Ledgers as tables: which numbers stand in which column. Computes none of them."""

from __future__ import annotations

from alexnet.network.facts import facts, stage_shape
from alexnet.network.ledger import Ledger, Row, Stage
from alexnet.network.memory import TrainingMemory, training_memory
from alexnet.network.shapes import text
from alexnet.network.sizes import RULES
from alexnet.network.spec import Network
from alexnet.network.traditions import traditions
from alexnet.terminal import Table


def ledger_table(account: Ledger) -> Table:
    """A row per stage (twins of several towers are one), totals below, tower sums as notes."""
    sums = account.total
    network = account.network
    return Table(
        title=f"{network.name}: {network.source}" if network.source else network.name,
        columns=(
            "layer",
            "kind",
            "output",
            "#neurons",
            "#parameters",
            "#unshared",
            "#multiply-adds",
            "#field",
        ),
        dispensable=("unshared", "kind", "field"),
        rows=[_stage_cells(stage) for stage in account.stages],
        footer=(
            "total",
            "",
            "",
            f"{sums.neurons:,}",
            f"{sums.parameters:,}",
            f"{sums.connections:,}",
            f"{sums.multiply_adds:,}",
            "",
        ),
        notes=_notes(account),
    )


def _stage_cells(stage: Stage) -> tuple[str, ...]:
    sums, first = stage.total, stage.rows[0]
    field = first.receptive_field
    return (
        stage.name,
        first.kind,
        stage_shape(stage),
        _count(sums.neurons),
        _count(sums.parameters),
        _count(sums.connections),
        _count(sums.multiply_adds),
        str(field.size) if field else "",
    )


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _notes(account: Ledger) -> list[str]:
    sums = account.total
    notes = [
        f"weights {sums.weights:,} + biases {sums.biases:,} = parameters {sums.parameters:,}; "
        f"activations {sums.activation_bytes:,} bytes a picture"
    ]
    for tower, part in account.per_tower.items():
        notes.append(
            f"tower {tower}: neurons {part.neurons:,}, parameters {part.parameters:,}, "
            f"activations {part.activation_bytes:,} bytes"
        )
    if account.crossings:
        floats = sum(c.floats for c in account.crossings)
        layers = ", ".join(dict.fromkeys(c.layer for c in account.crossings))
        notes.append(
            f"between towers: {floats:,} floats a picture forward, as many backward ({layers})"
        )
    notes.append("unshared: connections, the parameters there would be without weight sharing")
    return notes


def rules_table(network: Network) -> Table:
    """The sides of every windowed stage under each tradition, and where they part."""
    found = traditions(network)
    rows: list[tuple[str, ...]] = [
        (
            each.stage,
            text(each.own),
            *("–" if shape is None else text(shape) for shape in each.under.values()),
            "≠" if each.parts else "",
        )
        for each in found.sides
    ]
    totals = [
        ("–", "–") if isinstance(a, str) else (f"{a.total.neurons:,}", f"{a.total.parameters:,}")
        for a in found.accounts.values()
    ]
    sums = found.own.total
    rows.append(("neurons", f"{sums.neurons:,}", *(n for n, _ in totals), ""))
    rows.append(("parameters", f"{sums.parameters:,}", *(p for _, p in totals), ""))
    return Table(
        title=f"{network.name} under each tradition's size rule",
        columns=("layer", "#its own", *(f"#{rule}" for rule in RULES), "parts"),
        dispensable=("its own", "parts", "valid"),
        rows=rows,
        notes=[
            f"{rule}: {account}"
            for rule, account in found.accounts.items()
            if isinstance(account, str)
        ],
    )


def rules_tree(network: Network) -> dict[str, object]:
    """`rules_table` as JSON: per rule every windowed layer's output and the totals, or why none."""
    found: dict[str, object] = {}
    for rule, account in traditions(network).accounts.items():
        if isinstance(account, str):
            found[rule] = {"does_not_fit": account}
            continue
        sides = {r.name: list(r.shape) for r in account.rows if network.placed[r.name].sides}
        found[rule] = {
            "output_shape": sides,
            "neurons": account.total.neurons,
            "parameters": account.total.parameters,
        }
    return {"network": network.name, "rules": found}


def memories(network: Network, batch_size: int) -> tuple[TrainingMemory, TrainingMemory]:
    """A training step in single precision, and mixed."""
    return (
        training_memory(network, batch_size, "fp32"),
        training_memory(network, batch_size, "mixed"),
    )


def memory_table(network: Network, batch_size: int) -> Table:
    """What a training step with momentum needs, in single precision and mixed."""
    found = memories(network, batch_size)
    parts = ("weights", "gradients", "velocities", "activations", "peak")
    return Table(
        title=f"memory of a training step of {network.name} on {batch_size} pictures, in bytes",
        columns=("what", "#fp32", "#mixed"),
        rows=[(part, *(f"{getattr(m, part):,}" for m in found)) for part in parts],
        notes=[
            "activations: what the forward pass keeps; they go as the gradients come, so the peak "
            "is less than the sum",
            f"the peak is at {found[0].peak_at} (fp32) and {found[1].peak_at} (mixed)",
        ],
    )


def story_table(account: Ledger, rows: tuple[Row, ...], name: str) -> Table:
    """One layer's numbers, each with its sentence; twins' sums are written as so many times one."""
    towers = f" (towers {', '.join(str(r.tower) for r in rows)})" if len(rows) > 1 else ""
    return Table(
        title=f"{name} of {account.network.name}{towers}",
        columns=("what", "value", "how it comes about"),
        rows=[(fact.what, fact.value, fact.sentence) for fact in facts(account, rows)],
    )
