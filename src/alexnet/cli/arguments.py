"""Options that several verbs take, or that would crowd the one verb that takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Parameters = Annotated[
    Path | None,
    typer.Option("--params", metavar="FILE", help="Parameters of a .cfg not beside it."),
]
Side = Annotated[
    int | None,
    typer.Option("--input", metavar="N", min=1, help="Side of the picture, in pixels."),
]
ClassTree = Annotated[
    Path | None,
    typer.Option("--class-tree", metavar="FILE", help="The class tree of a .cfg with treefc."),
]
Whose = Annotated[
    str | None,
    typer.Option("--network", metavar="NAME", help="Of bare arrays: whose they are."),
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Of a description: its weights."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DataFolder = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Where data that go by a name lie.")
]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=V", help="Change the recipe: lr=0.02, epochs=3."),
]
Start = Annotated[
    str | None, typer.Option("--from", metavar="FILE", help="Begin with a checkpoint's weights.")
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER", help="Not to be learned: conv1, conv*."),
]
Order = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the pictures: file, or shuffled.")
]
Notebook = Annotated[
    str | None,
    typer.Option("--notebook-schedule", metavar="RUN", help="Rates of a run of 2012: 145."),
]
Run = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Its folder (runs/DATA-NETWORK)."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run there.")]
SaveEvery = Annotated[
    int,
    typer.Option(min=1, metavar="N", show_default=False, help="Epochs between checkpoints (1)."),
]
KeepEvery = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Epochs between those that stay.")
]
Arithmetic = Annotated[str, typer.Option(metavar="NAME", help="fp32, bf16, or auto: the faster.")]
BatchSize = Annotated[
    str | None, typer.Option(metavar="N", help="Pictures a step; auto: as memory has.")
]
