"""What a pickled model says beside its layers: the options of its run and what it reported, as
sentences. A network holds neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from alexnet.formats.safe_pickle import Record, is_dict, is_list, is_tuple, text, told

LONGEST = 400
SHOWN = 8
STATE = ("layers", "epoch", "batchnum", "train_outputs", "test_outputs")
"""What the state of a model is made of (gpumodel.py)."""

OWN = ("notes", "progress")
"""What ours adds to it: a list of sentences, and JSON."""


def options_of(op: object) -> dict[str, object]:
    """The values of the run's options by name, from the OptionsParser saved with a model."""
    options = op.attributes.get("options") if isinstance(op, Record) else None
    found: dict[str, object] = {}
    for name, option in options.items() if is_dict(options) else ():
        known = text(name)
        if known is not None and isinstance(option, Record):
            found[known] = option.attributes.get("value")
    return found


def options_note(options: Mapping[str, object]) -> tuple[str, ...]:
    """One sentence with the options that have a value."""
    given = [
        f"{name}={_plain(value)}"
        for name, value in sorted(options.items())
        if isinstance(value, int | float) or ((is_list(value) or isinstance(value, str)) and value)
    ]
    return (_short(f"the options of its run: {', '.join(given)}"),) if given else ()


def outputs_notes(state: Mapping[str, object]) -> tuple[str, ...]:
    """What the last training batch and the last test came to.

    A report is (cost's name to list of numbers, number of cases); the numbers are sums over the
    cases where nothing was printed yet, else means (convnet.py, `print_costs`).
    """
    found: list[str] = []
    for key, what in (("train_outputs", "training batches"), ("test_outputs", "tests")):
        reports = state.get(key)
        if is_list(reports) and reports:
            found.append(
                _short(f"{len(reports):,} {what} are reported, the last: {_report(reports[-1])}")
            )
    return tuple(found)


def spare_note(state: Mapping[str, object]) -> tuple[str, ...]:
    """What else stands in the state."""
    spare = sorted(name for name in state if name not in STATE + OWN)
    return (_short(f"its state also holds {', '.join(spare)}, which is not read"),) if spare else ()


def saved_notes(state: Mapping[str, object]) -> tuple[str, ...]:
    """The notes of a checkpoint that was written as a model."""
    notes = state.get("notes")
    found = [text(note) for note in notes[:1000]] if is_list(notes) else []
    return tuple(note for note in found if note)


def progress(state: Mapping[str, object]) -> dict[str, object]:
    """Where the run stands: epoch and batch, or what ours had that was written as a model."""
    saved = text(state.get("progress"))
    if saved:
        try:
            found: object = json.loads(saved)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return cast("dict[str, object]", found)
    counts = {name: state.get(name) for name in ("epoch", "batchnum")}
    return {name: value for name, value in counts.items() if type(value) is int}


def _report(report: object) -> str:
    parts = report if is_tuple(report) or is_list(report) else ()
    if len(parts) != 2 or not is_dict(parts[0]):
        return told(report)
    costs = [
        f"{text(name) or told(name)} {_plain(values)}"
        for name, values in [*parts[0].items()][:SHOWN]
    ]
    return f"{'; '.join(costs)} over {_plain(parts[1])} cases (sums or means)"


def _plain(value: object) -> str:
    if (is_list(value) or is_tuple(value)) and value:
        if _is_range(value):
            return f"{value[0]}-{value[-1]}"
        shown = ", ".join(_plain_one(item) for item in value[:SHOWN])
        return f"{shown} ..." if len(value) > SHOWN else shown
    return _plain_one(value)


def _is_range(values: list[object] | tuple[object, ...]) -> bool:
    """Batches are given as a range, and kept number by number."""
    first, last = values[0], values[-1]
    return (
        len(values) > 2
        and type(first) is int
        and type(last) is int
        and first.bit_length() < 60
        and last - first + 1 == len(values)
    )


def _plain_one(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    known = text(value) if isinstance(value, str | bytes) else None
    return known if known is not None and known.isprintable() and len(known) < 120 else told(value)


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 3] + "..."
