"""Ledgers as tables: which numbers stand in which column. Computes none of them."""

from __future__ import annotations

from alexnet.network.edit import with_rule
from alexnet.network.ledger import Ledger, Row, Stage, ledger
from alexnet.network.memory import TrainingMemory, training_memory
from alexnet.network.shapes import text
from alexnet.network.sizes import RULES
from alexnet.network.spec import Network, NetworkError
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


def stage_shape(stage: Stage) -> str:
    """A stage's output, twins as 2 × 48×55×55."""
    shape = text(stage.rows[0].shape)
    return shape if len(stage.rows) == 1 else f"{len(stage.rows)} × {shape}"


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
    accounts = {rule: _ledger_under(network, rule) for rule in RULES}
    rows: list[tuple[str, ...]] = []
    for stage in ledger(network).stages:
        first = stage.rows[0].name
        if not network.placed[first].sides:
            continue
        own = text(network.shape(first))
        sides = [
            "–" if isinstance(account, str) else text(account.network.shape(first))
            for account in accounts.values()
        ]
        parts = "" if set(sides) == {own} else "≠"
        rows.append((stage.name, own, *sides, parts))
    totals = [
        ("–", "–") if isinstance(a, str) else (f"{a.total.neurons:,}", f"{a.total.parameters:,}")
        for a in accounts.values()
    ]
    sums = ledger(network).total
    rows.append(("neurons", f"{sums.neurons:,}", *(n for n, _ in totals), ""))
    rows.append(("parameters", f"{sums.parameters:,}", *(p for _, p in totals), ""))
    return Table(
        title=f"{network.name} under each tradition's size rule",
        columns=("layer", "#its own", *(f"#{rule}" for rule in RULES), "parts"),
        dispensable=("its own", "parts", "valid"),
        rows=rows,
        notes=[
            f"{rule}: {account}" for rule, account in accounts.items() if isinstance(account, str)
        ],
    )


def _ledger_under(network: Network, rule: str) -> Ledger | str:
    """The ledger under another rule, or the sentence why the network does not fit under it."""
    try:
        return ledger(with_rule(network, rule))  # type: ignore[arg-type]
    except NetworkError as error:
        return str(error)


def rules_tree(network: Network) -> dict[str, object]:
    """`rules_table` as JSON: per rule every windowed layer's output and the totals, or why none."""
    found: dict[str, object] = {}
    for rule in RULES:
        account = _ledger_under(network, rule)
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
    network, first, twins = account.network, rows[0], len(rows)
    times = f"{twins} × " if twins > 1 else ""
    cells = [
        ("kind", first.kind, network[first.name].source),
        ("reads", ", ".join(f"{r} {text(network.shape(r))}" for r in first.reads) or "–", ""),
        *_window_cells(network, first),
        *_connection_cells(network, first),
        ("output", times + text(first.shape), first.why["output_shape"]),
    ]
    for label, count, key in (
        ("neurons", first.neurons, "neurons"),
        ("weights", first.weights, "weights"),
        ("biases", first.biases, "biases"),
        ("unshared", first.connections, "connections"),
        ("multiply-adds", first.multiply_adds, "multiply_adds"),
    ):
        cells.append((label, f"{count * twins:,}", times + first.why[key]))
    cells.append(("parameters", f"{first.parameters * twins:,}", "weights + biases"))
    cells.append(
        ("activations", f"{first.activation_bytes * twins:,} bytes", "4 bytes a number, a picture")
    )
    if first.receptive_field:
        field = first.receptive_field
        place = field.sentence
        if field.jump:  # 0: every unit may see the whole picture
            place += f"; every {field.jump} pixels from pixel {field.start}"
        cells.append(("field", str(field.size), place))
    towers = f" (towers {', '.join(str(r.tower) for r in rows)})" if twins > 1 else ""
    return Table(
        title=f"{name} of {network.name}{towers}",
        columns=("what", "value", "how it comes about"),
        rows=cells,
    )


def _window_cells(network: Network, row: Row) -> list[tuple[str, str, str]]:
    """How the windows lie over each input: size, stride, what they read beyond the far edge."""
    from alexnet.network.layers import AveragePool, Conv, Local, MaxPool, RandomPool

    layer = network[row.name]
    match layer:
        case Conv() | Local():
            windows = [(k.size, k.stride, k.padding) for k in layer.kernels]
        case MaxPool() | AveragePool() | RandomPool():
            windows = [(layer.window.size, layer.window.stride, layer.window.padding)]
        case _:
            return []
    cells: list[tuple[str, str, str]] = []
    sides = network.placed[row.name].sides
    for (size, stride, padding), (rows, _) in zip(windows, sides, strict=True):
        value = f"{size}×{size}, stride {stride}, padding {padding}"
        if rows.after > padding:
            edge = f"the last window reaches {rows.after} pixels beyond the far edge"
        elif rows.after < 0:
            edge = f"the last {-rows.after} pixels are never read"
        else:
            edge = f"{rows.before} pixels of padding before, {rows.after} after"
        cells.append(("window", value, f"rule {layer.rule}: {edge}"))
    return cells


def _connection_cells(network: Network, row: Row) -> list[tuple[str, str, str]]:
    """Which maps the groups see, where they were chosen one by one."""
    from alexnet.network.layers import Conv, Local

    layer = network[row.name]
    cells: list[tuple[str, str, str]] = []
    for read, kernel in (
        zip(layer.reads, layer.kernels, strict=True) if isinstance(layer, Conv | Local) else ()
    ):
        if kernel.connections:
            each = len(kernel.connections) // kernel.groups
            value = f"{kernel.groups} × {each} of {network.shape(read)[0]}"
            shown = ", ".join(map(str, kernel.connections[:8]))
            more = " …" if len(kernel.connections) > 8 else ""
            cells.append(("connections", value, f"maps of {read}, group by group: {shown}{more}"))
    return cells
