"""Measured results: each a JSON file in docs/results/, all rendered as docs/results.md.

    python benchmarks/results.py            renders docs/results.md from the rows

Scripts here call `record` with what they measured; nobody types a figure.
"""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
ROWS = DOCS / "results"

HEAD = """# Results

Every figure here was measured by the command beside it and written by `benchmarks/`; the rows are
in `docs/results/`. Figures hold for the machine named with them.
"""


def machine() -> str:
    """The processor, its cores and torch's version, as far as the system tells."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    try:
        import torch

        version = f", torch {torch.__version__}"
    except ImportError:
        version = ""
    return f"{os.cpu_count()} cores of {cpu}{version}"


def record(
    name: str, *, title: str, command: str, wanted: str, columns: list[str], rows: list[list[str]],
    remark: str = "",
) -> Path:  # fmt: skip
    """Writes one result; `name` is its file's, `wanted` what it is held against."""
    ROWS.mkdir(parents=True, exist_ok=True)
    path = ROWS / f"{name}.json"
    tree = {
        "title": title,
        "command": command,
        "wanted": wanted,
        "columns": columns,
        "rows": rows,
        "remark": remark,
        "machine": machine(),
        "date": date.today().isoformat(),
    }
    path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write()
    return path


def render(folder: Path) -> str:
    """All rows under `folder` as one Markdown text, in the order of their files' names."""
    parts = [HEAD]
    for path in sorted(folder.glob("*.json")):
        tree = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"## {tree['title']}", "", f"`{tree['command']}`", ""]
        if tree["wanted"]:
            lines += [f"Wanted: {tree['wanted']}.", ""]
        lines.append("| " + " | ".join(tree["columns"]) + " |")
        lines.append("|" + " --- |" * len(tree["columns"]))
        lines += ["| " + " | ".join(row) + " |" for row in tree["rows"]]
        if tree["remark"]:
            lines += ["", tree["remark"]]
        lines += ["", f"{tree['date']}, {tree['machine']}."]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def summarised(page: str, folder: Path) -> str:
    """`page` with a line per result between its two marks."""
    begin, end = "<!-- measured -->", "<!-- /measured -->"
    head, _, rest = page.partition(begin)
    lines = ["| what | wanted | measured |", "|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        tree = json.loads(path.read_text(encoding="utf-8"))
        lines.append(f"| {tree['title']} | {tree['wanted']} | {_summary(tree)} |")
    return f"{head}{begin}\n{chr(10).join(lines)}\n{end}{rest.partition(end)[2]}"


def _summary(tree: dict[str, Any]) -> str:
    """A row per network or tool in short; of a series the last row."""
    rows, columns = tree["rows"], tree["columns"]
    if columns[0] in ("network", "tool"):
        of = " / ".join(columns[-2:])
        return f"{of}: " + ", ".join(f"{row[0]} {' / '.join(row[-2:])}" for row in rows)
    return ", ".join(
        f"{name} {value}" for name, value in zip(columns, rows[-1], strict=True) if value
    )


def write() -> None:
    """Renders the page of results, and their summary in the README."""
    (DOCS / "results.md").write_text(render(ROWS), encoding="utf-8")
    readme = DOCS.parent / "README.md"
    readme.write_text(summarised(readme.read_text(encoding="utf-8"), ROWS), encoding="utf-8")


if __name__ == "__main__":
    write()
