"""Runs the commands that a page shows in blocks and puts what they print below them.

    python docs/blocks.py README.md

A block is refreshed where its first line is `$ alexnet VERB …` with a verb that prints the same
every time; ` | head -N` keeps the first N lines.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

from alexnet.cli import run

BLOCK = re.compile(r"```\n\$ alexnet ((?:list|explain|audit|compare)\b[^\n]*)\n.*?```", re.DOTALL)


def printed(command: str) -> str:
    """What `alexnet command` prints, blank lines at the ends and trailing blanks gone."""
    words, _, head = command.partition(" | head -")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        run(shlex.split(words))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    text = "\n".join(lines).strip("\n").splitlines()
    return "\n".join(text[: int(head)] if head else text)


def refreshed(page: str) -> str:
    """The page with the output of every such block as the command prints it today."""
    return BLOCK.sub(lambda m: f"```\n$ alexnet {m[1]}\n{printed(m[1])}\n```", page)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
