"""What a person sees in a terminal: tables, bars, one error line. Knows nothing of networks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

PLAIN_WIDTH = 110
"""Columns when the output is a file or a pipe, where no terminal says how wide it is."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as a value: printed by `show`, or written as Markdown by `markdown`.

    Attributes:
        title: one line above it.
        columns: headings; one that begins with '#' holds numbers and is set to the right.
        rows: cells as text, one per column.
        footer: a last row set apart, usually the totals.
        dispensable: columns that may go where the terminal is too narrow, the first one first.
        notes: lines below it.
    """

    title: str = ""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    footer: Sequence[str] = ()
    dispensable: Sequence[str] = ()
    notes: Sequence[str] = field(default=())


def console(*, error: bool = False) -> Console:
    """A console for standard output, or standard error; wide enough where there is no terminal."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def print_table(table: Table, as_markdown: bool) -> None:
    """Prints a table for people, or as Markdown."""
    if as_markdown:
        say(markdown(table))
    else:
        show(table)


def say(line: str = "") -> None:
    """Prints a line as it is, without markup."""
    print(line)


def show(table: Table) -> None:
    """Prints a table."""
    out = console()
    table, gone = _narrowed(table, out.width)
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(
        title=Text(table.title, style="bold") if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_footer=bool(table.footer),
        pad_edge=False,
    )
    footer = table.footer or [""] * len(table.columns)
    for index, (name, last) in enumerate(zip(table.columns, footer, strict=True)):
        right = name.startswith("#")
        whole = right or index == 0  # names and numbers are never cut
        grid.add_column(
            Text(name.removeprefix("#")),
            Text(last),
            justify="right" if right else "left",
            no_wrap=whole,
            min_width=_least(table, index) if whole else None,
        )
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row))
    out.print(grid)
    for note in table.notes:
        out.print(Text(note))
    if gone:
        out.print(Text(f"left out for want of width: {', '.join(gone)}; --json has all"))


SEPARATOR = 3
"""Blanks between two columns."""


def _least(table: Table, index: int) -> int:
    """The width of a column in which nothing is wrapped or cut."""
    lines = [table.columns, *table.rows, *([table.footer] if table.footer else [])]
    return max(len(line[index].removeprefix("#")) for line in lines)


def _narrowed(table: Table, width: int) -> tuple[Table, list[str]]:
    """The table without as many dispensable columns as it takes to fit, and which those are."""
    gone: list[str] = []
    for name in table.dispensable:
        widths = [_least(table, index) for index in range(len(table.columns))]
        if sum(widths) + SEPARATOR * len(widths) <= width:
            break
        place = [column.removeprefix("#") for column in table.columns].index(name)
        keep = [index for index in range(len(table.columns)) if index != place]
        table = replace(
            table,
            columns=[table.columns[i] for i in keep],
            rows=[[row[i] for i in keep] for row in table.rows],
            footer=[table.footer[i] for i in keep] if table.footer else (),
        )
        gone.append(name)
    return table, gone


def show_entries(title: str, entries: Iterable[tuple[str, str, str]]) -> None:
    """Prints (key, head, body) one below the other: the body wrapped and set in under its head."""
    from rich.padding import Padding
    from rich.text import Text

    out = console()
    out.print(Text(title, style="bold"))
    listed = list(entries)
    width = max((len(key) for key, _, _ in listed), default=0) + 2
    for key, head, body in listed:
        out.print()
        out.print(Text(f"{key:<{width}}", style="bold") + Text(head))
        if body:
            out.print(Padding(Text(body), (0, 0, 0, width)))


def markdown(table: Table) -> str:
    """A table as GitHub Markdown, title and notes as paragraphs around it."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") or " " for cell in cells) + " |"

    rules = ["---:" if name.startswith("#") else "---" for name in table.columns]
    lines = [line(name.removeprefix("#") for name in table.columns), line(rules)]
    lines += [line(row) for row in table.rows]
    if table.footer:
        lines.append(line(f"**{cell}**" if cell else "" for cell in table.footer))
    head = [f"**{table.title}**", ""] if table.title else []
    tail = ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n".join([*head, *lines, *tail]) + "\n"


def print_json(tree: object) -> None:
    """Prints a JSON tree, for other programs to read."""
    print(json.dumps(tree, indent=2, ensure_ascii=False))


def error(sentence: str, remedy: str) -> None:
    """A person's mistake: one `error:` line and one `try:` line on standard error."""
    from rich.text import Text

    out = console(error=True)
    out.print(Text("error: ", style="bold red") + Text(_one_line(sentence)), soft_wrap=True)
    out.print(Text("try:   ", style="bold") + Text(remedy), soft_wrap=True)


def warn(sentence: str) -> None:
    """Something a person should know that stops nothing: one line on standard error."""
    from rich.text import Text

    line = Text("note:  ", style="bold yellow") + Text(_one_line(sentence))
    console(error=True).print(line, soft_wrap=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class Advance(Protocol):
    """Moves a bar: `done` of `total`, and what to say beside it."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Shows that `done` of `total` are through."""
        ...


@contextmanager
def bar(title: str, unit: str = "images") -> Iterator[Advance]:
    """A progress bar with rate and time left; silent where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total, text="": None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        task = progress.add_task(title, total=None, rate="", text="")
        yield lambda done, total, text="": _advance(progress, task, done, total, unit, text)


def _advance(progress: Progress, task: TaskID, done: int, total: int, unit: str, text: str) -> None:
    speed = progress.tasks[0].speed
    rate = f"{speed:,.0f} {unit}/s" if speed else ""
    progress.update(task, completed=done, total=total, rate=rate, text=text)
