"""Run folders as the page draws their curves: which there are, and the rows of their metrics, also
of runs that go on. It writes nothing and reads no checkpoint.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet.explorer.asking import AskError, Parameters, Tree, known, whole

DEPTH = 3
"""How far below the folder of runs a run may lie."""

MOST_RUNS = 500
MOST_ROWS = 5_000
"""Rows in one answer."""

POLL_SECONDS = 1.0

SERIES: tuple[tuple[str, str, str, str, str], ...] = (
    ("train_loss", "epoch", "training loss", "nats per picture", "loss"),
    ("train_error", "epoch", "training error", "share wrong", "error"),
    ("validation_error", "epoch", "validation error", "share wrong", "error"),
    ("loss", "step", "loss of a batch", "nats per picture", "loss of batches"),
    ("lr", "step", "learning rate", "of the weights", "rate"),
    ("test_error", "test", "test error", "share wrong", "error"),
)
"""What is drawn of the rows: key, kind of row, title, unit, and with what it shares its axes."""


@dataclass(frozen=True)
class Runs:
    """Where runs lie.

    Attributes:
        folder: a folder of runs, or None.
        single: one run that was named itself, or None.
    """

    folder: Path | None = None
    single: Path | None = None

    def all(self) -> dict[str, Path]:
        """Every run folder by its name, found anew each time."""
        found: dict[str, Path] = {}
        if self.folder is not None:
            own = self.folder.resolve()
            for path in _run_folders(own, DEPTH):
                name = path.relative_to(own).as_posix()
                found[own.name if name == "." else name] = path
                if len(found) >= MOST_RUNS:
                    break
        if self.single is not None and (single := self.single.resolve()) not in found.values():
            found[_free(single, found)] = single
        return found

    def list_tree(self) -> Tree:
        """The answer to `api/runs`."""
        runs = [_summary(name, path) for name, path in self.all().items()]
        sentence = ""
        if not runs:
            where = f"in {self.folder}" if self.folder else "known"
            sentence = f"No run is {where}; `alexnet explore --runs FOLDER` names a folder of runs."
        return {
            "folder": None if self.folder is None else str(self.folder),
            "sentence": sentence,
            "runs": sorted(runs, key=_newest_first),
        }

    def run_tree(self, name: str, given: Parameters) -> Tree:
        """The answer to `api/run/NAME`.

        Raises:
            AskError: 404, no run is called so.
        """
        known(given, "after")
        after = whole(given, "after", 0, 10**9, 0)
        path = self.all().get(name)
        if path is None:
            raise AskError(404, f"no run is called '{name[:100]}'", "api/runs")
        rows = list(_rows(path))
        restarted = after > len(rows)
        start = 0 if restarted else after
        told = rows[start : start + MOST_ROWS]
        summary = _summary(name, path)
        keys = {key for row in rows for key in row}
        tree: Tree = {
            "name": name,
            "network": summary["network"],
            "finished": summary["finished"],
            "planned_epochs": summary["planned_epochs"],
            "error": summary["error"],
            "rows": told,
            "next": start + len(told),
            "more": start + len(told) < len(rows),
            "restarted": restarted,
            "poll_seconds": POLL_SECONDS,
            "series": [_series(*each) for each in SERIES if each[0] in keys],
        }
        if after == 0:
            tree["recipe"] = _json(path / "recipe.json")
        return tree


def _free(path: Path, taken: Mapping[str, Path]) -> str:
    """A run's name, with that of the folder that it lies in where the name is taken."""
    name = path.name or "run"
    for folder in path.parents:
        if name not in taken:
            return name
        name = f"{folder.name}/{name}".lstrip("/")
    while name in taken:
        name = f"{name}-"
    return name


def _series(key: str, kind: str, title: str, unit: str, group: str) -> Tree:
    x = "step" if kind == "step" else "epoch"
    return {"key": key, "kind": kind, "title": title, "unit": unit, "group": group, "x": x}


def _newest_first(tree: Tree) -> tuple[float, str]:
    modified = tree["modified"]
    return (-modified if isinstance(modified, float) else 0.0, str(tree["name"]))


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that hold a run, in order of their names; no link leads elsewhere."""
    try:
        if (folder / "recipe.json").is_file():
            yield folder
            return
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if depth and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _run_folders(Path(entry.path), depth - 1)


def _summary(name: str, path: Path) -> Tree:
    recipe, network = _json(path / "recipe.json"), _json(path / "network.json")
    rows = list(_rows(path))
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    called = network.get("name") if isinstance(network, dict) else None
    lacking = "" if recipe is not None else f"{name}: its recipe.json cannot be read"
    return {
        "name": name,
        "network": called if isinstance(called, str) else None,
        "rows": len(rows),
        "epochs": sum(row.get("kind") == "epoch" for row in rows),
        "planned_epochs": epochs if isinstance(epochs, int) else None,
        "finished": (path / "checkpoints" / "final.safetensors").is_file(),
        "modified": _modified(path / "metrics.jsonl"),
        "precision": _precision(path),
        "error": lacking or None,
    }


def _precision(path: Path) -> str | None:
    try:
        return (path / "precision").read_text(encoding="utf-8").strip()[:20]
    except (OSError, ValueError):
        return None


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _json(path: Path) -> object:
    try:
        return _parsed(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _parsed(data: bytes) -> object:
    """JSON whose numbers an answer can carry: what is not finite, as 1e999, is None."""
    return json.loads(data, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _rows(path: Path) -> Iterator[Tree]:
    """The whole rows of the metrics; the last line of a run that goes on may be half written."""
    try:
        data = (path / "metrics.jsonl").read_bytes()
    except OSError:
        return
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            row = _parsed(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row
