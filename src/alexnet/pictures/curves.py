"""Learning curves: what the metrics of runs say, epoch by epoch (as the paper's Figure 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alexnet.pictures.style import ACCENT, GOOD, INK, SECOND, figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (ACCENT, SECOND, GOOD, "#7a4fa3", "#8a6d1f", INK)

NEEDED = ("epoch", "train_loss", "train_error")
"""What an epoch's row must hold."""

Rows = Sequence[Mapping[str, Any]]
"""The rows of a run's metrics.jsonl."""


def draw_curves(runs: Mapping[str, Rows]) -> Figure:
    """Draws the training loss, and the errors of training and validation, of each run by epoch.

    Raises:
        ValueError: no run has a whole epoch yet.
    """
    epochs = _epochs(runs)
    drawn = figure(9, 3.6)
    loss, error = drawn.subplots(1, 2)
    for colour, (name, rows) in zip(_cycle(len(epochs)), epochs.items(), strict=True):
        _draw(loss, error, rows, name if len(epochs) > 1 else "", colour)
    _finish(loss, "loss (nats per picture)")
    _finish(error, "error (%)")
    return drawn


def draw_race(runs: Mapping[str, Rows], line: float = 0.25) -> Figure:
    """Draws the training errors of runs in one panel, as the paper's Figure 1 compares ReLU with
    tanh: the first run's curve is solid, the others' dashed, and a level line stands at `line`.

    The legend says in which epoch each run first came below the line.

    Raises:
        ValueError: as `draw_curves`.
    """
    drawn = figure(5, 3.8)
    panel = drawn.subplots()
    for index, (name, rows) in enumerate(_epochs(runs).items()):
        errors = [row["train_error"] for row in rows]
        below = next((r["epoch"] for r in rows if r["train_error"] < line), None)
        reached = f"below {line:.0%} in epoch {below}" if below else f"never below {line:.0%}"
        panel.plot(
            [row["epoch"] for row in rows],
            errors,
            color=COLOURS[index % len(COLOURS)],
            linestyle="--" if index else "-",
            marker="o" if len(rows) == 1 else None,
            label=f"{name}: {reached}",
        )
    panel.axhline(line, color=INK, lw=0.6)
    _finish(panel, "training error rate")
    return drawn


def _epochs(runs: Mapping[str, Rows]) -> dict[str, Rows]:
    """The rows of whole epochs.

    Raises:
        ValueError: a run has none, or a row lacks a number.
    """
    epochs = {name: [r for r in rows if r.get("kind") == "epoch"] for name, rows in runs.items()}
    for name, rows in epochs.items():
        if not rows:
            raise ValueError(f"{name}: no whole epoch in metrics.jsonl yet; nothing to draw")
        lacking = [
            key for key in NEEDED for row in rows if not isinstance(row.get(key), int | float)
        ]
        if lacking:
            raise ValueError(f"{name}: a row of metrics.jsonl has no number for {lacking[0]}")
    return dict(epochs)


def _cycle(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _draw(loss: Axes, error: Axes, rows: Rows, name: str, colour: str) -> None:
    numbers = [row["epoch"] for row in rows]
    prefix = f"{name}: " if name else ""
    mark = "o" if len(rows) == 1 else None
    loss.plot(
        numbers,
        [r["train_loss"] for r in rows],
        color=colour,
        marker=mark,
        label=f"{prefix}training",
    )
    error.plot(
        numbers,
        [100 * r["train_error"] for r in rows],
        color=colour,
        linestyle="--",
        marker=mark,
        label=f"{prefix}training (augmented)",
    )
    judged = [row for row in rows if row.get("validation_error") is not None]
    if judged:
        error.plot(
            [row["epoch"] for row in judged],
            [100 * row["validation_error"] for row in judged],
            color=colour,
            marker=mark,
            label=f"{prefix}validation",
        )


def _finish(panel: Axes, label: str) -> None:
    plain(panel)
    panel.set_xlabel("epoch", color=INK)
    panel.set_ylabel(label, color=INK)
    panel.set_ylim(bottom=0)
    panel.legend(frameon=False, fontsize=8)
