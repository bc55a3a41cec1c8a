"""The quantities that a claims file can name, their units, and how each is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from alexnet.network.explain import written
from alexnet.network.ledger import Ledger, Row, total
from alexnet.network.paper.claims import Computed, Evidence, Of, Slippable
from alexnet.network.shapes import Shape, elements
from alexnet.network.spec import nearest

Quantity = Literal[
    "neurons",
    "parameters",
    "weights",
    "biases",
    "connections",
    "multiply_adds",
    "operations",
    "receptive_field",
    "output_shape",
    "input_elements",
    "activation_bytes",
]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

CHANNELS_FIRST, CHANNELS_LAST = "channels×height×width", "height×width×channels"
SIDES = "height×width"

UNITS: dict[Quantity, tuple[str, ...]] = {
    "neurons": ("neurons",),
    "parameters": ("parameters",),
    "weights": ("weights",),
    "biases": ("biases",),
    "connections": ("connections",),
    "multiply_adds": ("multiply-adds",),
    "operations": ("operations",),
    "receptive_field": ("pixels",),
    "output_shape": (CHANNELS_FIRST, CHANNELS_LAST, SIDES),
    "input_elements": ("numbers",),
    "activation_bytes": ("bytes", "kB", "MB", "KiB", "MiB"),
}
"""The units that each quantity can be printed in."""

BYTES = {"bytes": 1, "kB": 10**3, "MB": 10**6, "KiB": 2**10, "MiB": 2**20}

SLIPS: dict[Quantity, written.Quantity] = {
    "neurons": "neurons",
    "parameters": "parameters",
    "weights": "weights",
    "biases": "biases",
    "connections": "connections",
    "multiply_adds": "multiply-adds",
    "operations": "operations",
    "receptive_field": "receptive field",
    "input_elements": "input elements",
    "activation_bytes": "activation bytes",
}
"""What number forensics calls each; a shape is no number."""


@dataclass(frozen=True, slots=True)
class Shape3:
    """A shape as it is printed, in whichever order."""

    sides: Shape

    @staticmethod
    def read(numbers: Sequence[int], unit: str) -> Shape3 | None:
        """The shape that `numbers` mean in `unit`; one number is a vector's length."""
        if min(numbers, default=0) < 1:
            return None
        if unit == SIDES:
            return Shape3((0, numbers[0], numbers[1])) if len(numbers) == 2 else None
        if len(numbers) == 1:
            return Shape3((numbers[0], 1, 1))
        if len(numbers) != 3:
            return None
        first, second, third = numbers
        return Shape3((first, second, third) if unit == CHANNELS_FIRST else (third, first, second))

    def shown(self, unit: str) -> str:
        """The shape in the order of `unit`."""
        channels, rows, columns = self.sides
        if unit == SIDES:
            return f"{rows}×{columns}"
        order = (channels, rows, columns) if unit == CHANNELS_FIRST else (rows, columns, channels)
        return "×".join(map(str, order))


def slippable(quantity: Quantity, layer: str, unit: str) -> Slippable | None:
    """Where a slip may be looked for; shapes and scaled bytes have no such search."""
    if quantity not in SLIPS or unit not in (UNITS[quantity][0], "bytes"):
        return None
    return Slippable(SLIPS[quantity], None if layer == "total" else layer)


def computed(quantity: Quantity, layer: str, unit: str) -> Of:
    """Computes a quantity of a layer, a stage or the whole.

    The function that comes back raises LookupError where the network has no such layer, or the
    layer no such quantity.
    """

    def of(evidence: Evidence) -> Computed:
        account = evidence.profile.account
        rows = _rows(account, layer)
        match quantity:
            case "receptive_field":
                return _field(rows, layer)
            case "output_shape":
                return _shape(rows, layer, unit)
            case "input_elements":
                return _inputs(evidence, rows, layer)
            case "operations":
                value = total(rows).multiply_adds
                return Computed(Decimal(2 * value), f"2·{value:,} multiply-adds")
            case "activation_bytes":
                value = total(rows).activation_bytes
                return Computed(Decimal(value) / BYTES[unit], f"{value:,} bytes")
            case _:
                return _count(rows, quantity)

    return of


def _rows(account: Ledger, layer: str) -> tuple[Row, ...]:
    if layer == "total":
        return account.rows
    for stage in account.stages:
        if stage.name == layer:
            return stage.rows
        for row in stage.rows:
            if row.name == layer:
                return (row,)
    names = [stage.name for stage in account.stages]
    raise LookupError(
        f"network '{account.network.name}' has no layer '{layer}'"
        f"{nearest(layer, [*names, 'total'])}"
    )


def _count(rows: tuple[Row, ...], quantity: Quantity) -> Computed:
    value = int(getattr(total(rows), quantity))
    parts = [row for row in rows if getattr(row, quantity)]
    if len(parts) == 1 and quantity == "parameters":
        said = f"{parts[0].weights:,} weights + {parts[0].biases:,} biases"
        return Computed(Decimal(value), said)
    if len(parts) == 1 and quantity in parts[0].why:
        return Computed(Decimal(value), parts[0].why[quantity])
    said = " + ".join(f"{int(getattr(row, quantity)):,}" for row in parts)
    return Computed(Decimal(value), said if len(parts) > 1 else "")


def _one_layer(rows: tuple[Row, ...], layer: str, what: str) -> Row:
    if layer == "total":
        raise LookupError(f"layer is 'total', but {what} belongs to one layer; name it")
    return rows[0]


def _field(rows: tuple[Row, ...], layer: str) -> Computed:
    field = _one_layer(rows, layer, "a receptive field").receptive_field
    if field is None:
        raise LookupError(f"layer '{layer}' sees no picture, so it has no receptive field")
    return Computed(Decimal(field.size), field.sentence)


def _shape(rows: tuple[Row, ...], layer: str, unit: str) -> Computed:
    first = _one_layer(rows, layer, "a shape")
    channels = sum(row.shape[0] for row in rows)
    shape = Shape3((channels, *first.shape[1:]))
    return Computed(shape.shown(unit), first.why["output_shape"])


def _inputs(evidence: Evidence, rows: tuple[Row, ...], layer: str) -> Computed:
    """What a layer reads; in total, the picture."""
    network = evidence.network
    names = [network.picture.name]
    if layer != "total":
        names = [*dict.fromkeys(read for row in rows for read in row.reads)]
    if not names:
        raise LookupError(f"layer '{layer}' reads nothing")
    counts = [elements(network.shape(name)) for name in names]
    said = " + ".join("·".join(map(str, network.shape(name))) for name in names)
    return Computed(Decimal(sum(counts)), said)
