"""Files of bare arrays that no network is known for: what is inside them, as a table."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alexnet import terminal

if TYPE_CHECKING:
    from alexnet.formats import UnknownArrays

MOST_ROWS = 60


@contextmanager
def inside_shown(again: str, *, quiet: bool = False) -> Generator[None]:
    """Prints what is in a file of bare arrays before the error that names none leaves.

    Args:
        again: the command, to which `--network` would be added to say whose they are.
        quiet: whether nothing but the error is told.
    """
    try:
        yield
    except ValueError as error:
        from alexnet.formats import UnknownArrays

        if isinstance(error, UnknownArrays):
            if not quiet:
                terminal.show(_table(error))
            if error.nearest.agree == error.nearest.of:
                error.remedy = f"alexnet {again} --network {error.nearest.name}"
        raise


def _table(error: UnknownArrays) -> terminal.Table:
    near = error.nearest
    free = _names_by_shape(error)
    rows: list[tuple[str, str, str, str]] = []
    for row in error.rows:
        like = free.get(row.shape, [])
        shape = "×".join(map(str, row.shape)) or "one number"
        rows.append((row.name, shape, row.dtype, like.pop(0) if like else ""))
    more = len(rows) - MOST_ROWS
    return terminal.Table(
        columns=("array", "#shape", "type", f"shape of {near.name}'s"),
        rows=rows[:MOST_ROWS],
        notes=[
            *([f"and {more:,} more"] if more > 0 else []),
            f"nearest: {near.name}, {near.agree} of whose {near.of} shapes are here",
        ],
    )


def _names_by_shape(error: UnknownArrays) -> dict[tuple[int, ...], list[str]]:
    """The names of the nearest network's arrays by their shapes, in its order."""
    from alexnet.formats.arrays_in_order import forms
    from alexnet.network.arithmetic import network_parameters
    from alexnet.network.catalog import get_network

    there = {row.shape for row in error.rows}
    every = [network_parameters(form.network) for form in forms(get_network(error.nearest.name))]
    best = max(every, key=lambda parameters: sum(p.shape in there for p in parameters))
    found: dict[tuple[int, ...], list[str]] = {}
    for parameter in best:
        found.setdefault(parameter.shape, []).append(parameter.name)
    return found
