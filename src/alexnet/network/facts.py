"""One layer's numbers, each with its sentence, twins told as so many times one; it counts nothing
anew and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alexnet.network.layers import (
    AveragePool,
    Conv,
    Kernel,
    Layer,
    Local,
    MaxPool,
    Pool,
    RandomPool,
    Window,
)
from alexnet.network.ledger import Ledger, Row, Stage
from alexnet.network.shapes import text
from alexnet.network.sizes import Side
from alexnet.network.spec import Network


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is told of a layer: what, the value as it is written, how it comes about."""

    what: str
    value: str
    sentence: str


def stage_shape(stage: Stage) -> str:
    """A stage's output, twins as 2 × 48×55×55."""
    shape = text(stage.rows[0].shape)
    return shape if len(stage.rows) == 1 else f"{len(stage.rows)} × {shape}"


def facts(account: Ledger, rows: Sequence[Row]) -> tuple[Fact, ...]:
    """What is told of one layer, or of twins that are alike.

    Args:
        account: the ledger that the rows are of.
        rows: one layer's, or those of a stage.
    """
    network, first, twins = account.network, rows[0], len(rows)
    times = f"{twins} × " if twins > 1 else ""
    found = [
        Fact("kind", first.kind, network[first.name].source),
        Fact("reads", ", ".join(f"{r} {text(network.shape(r))}" for r in first.reads) or "–", ""),
        *_window_facts(network, first),
        *_connection_facts(network, first),
        Fact("output", times + text(first.shape), first.why["output_shape"]),
    ]
    for label, count, key in (
        ("neurons", first.neurons, "neurons"),
        ("weights", first.weights, "weights"),
        ("biases", first.biases, "biases"),
        ("unshared", first.connections, "connections"),
        ("multiply-adds", first.multiply_adds, "multiply_adds"),
    ):
        found.append(Fact(label, f"{count * twins:,}", times + first.why[key]))
    found.append(Fact("parameters", f"{first.parameters * twins:,}", "weights + biases"))
    held = f"{first.activation_bytes * twins:,} bytes"
    found.append(Fact("activations", held, "4 bytes a number, a picture"))
    if first.receptive_field:
        field = first.receptive_field
        place = field.sentence
        if field.jump:  # 0: every unit may see the whole picture
            place += f"; every {field.jump} pixels from pixel {field.start}"
        found.append(Fact("field", str(field.size), place))
    return tuple(found)


def windows(layer: Layer) -> tuple[Kernel | Window, ...]:
    """The windows that a layer lays over its inputs, one for each that has any."""
    match layer:
        case Conv() | Local():
            return layer.kernels
        case MaxPool() | AveragePool() | RandomPool():
            return (layer.window,)
        case _:
            return ()


def edge(side: Side, padding: int) -> str:
    """What becomes of the far edge, in a few words."""
    if side.after > padding:
        return f"the last window reaches {_pixels(side.after)} beyond the far edge"
    if side.after < 0:
        last = "pixel is" if side.after == -1 else f"{-side.after} pixels are"
        return f"the last {last} never read"
    return f"{_pixels(side.before)} of padding before, {side.after} after"


def _pixels(count: int) -> str:
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def _window_facts(network: Network, row: Row) -> Iterator[Fact]:
    """How the windows lie over each input: size, stride, what they read beyond the far edge."""
    layer = network[row.name]
    if not isinstance(layer, Conv | Local | Pool):
        return
    sides = network.placed[row.name].sides
    for each, (rows, _) in zip(windows(layer), sides, strict=True):
        value = f"{each.size}×{each.size}, stride {each.stride}, padding {each.padding}"
        yield Fact("window", value, f"rule {layer.rule}: {edge(rows, each.padding)}")


def _connection_facts(network: Network, row: Row) -> Iterator[Fact]:
    """Which maps the groups see, where they were chosen one by one."""
    layer = network[row.name]
    for read, kernel in (
        zip(layer.reads, layer.kernels, strict=True) if isinstance(layer, Conv | Local) else ()
    ):
        if kernel.connections:
            each = len(kernel.connections) // kernel.groups
            value = f"{kernel.groups} × {each} of {network.shape(read)[0]}"
            shown = ", ".join(map(str, kernel.connections[:8]))
            more = " …" if len(kernel.connections) > 8 else ""
            sentence = f"maps of {read}, group by group: {shown}{more}"
            yield Fact("connections", value, sentence)
