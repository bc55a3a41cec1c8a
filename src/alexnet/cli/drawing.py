"""How the verbs of `alexnet draw` write their figure; it draws none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Out = Annotated[
    Path | None,
    typer.Option(help="The file: .png, .svg or .pdf (default: in the run folder, or here)."),
]


def write(drawn: Figure, out: Path | None, source: str, name: str) -> None:
    """Writes a figure to `out`; without one into the run folder `source`, or here, under `name`."""
    from alexnet.pictures.style import save
    from alexnet.training.run_folder import holds_run

    folder = Path(source) if holds_run(Path(source)) else Path()
    terminal.say(f"wrote {save(drawn, out or folder / name)}")
