"""`alexnet explore`: the page that takes networks apart, served here or written as a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli.arguments import ClassTree, DataFolder, Parameters
from alexnet.cli.open import open_checkpoint, open_described
from alexnet.network.catalog import NETWORKS

if TYPE_CHECKING:
    from alexnet.explorer.session import Opened


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    app.command(
        "explore",
        epilog="Example:  alexnet explore runs/digits --data digits",
        short_help="Open a page that takes a network apart.",
    )(explore)


def explore(
    what: Annotated[
        str | None, typer.Argument(help="A network's name or file, a checkpoint, a run.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Where to serve; 0: a free one.")
    ] = 0,
    host: Annotated[
        str, typer.Option(metavar="NAME", help="Another than this machine alone: with a token.")
    ] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or only serve it.")
    ] = True,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the page as a folder instead.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Pictures among which neighbours are found.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where runs lie (runs).")
    ] = None,
    data_folder: DataFolder = None,
    parameters: Parameters = None,
    class_tree: ClassTree = None,
) -> None:
    """Open a page that takes a network apart: its drawing, its numbers, a picture's way through."""
    if export is not None:
        if what or data or runs or parameters or class_tree:
            raise ValueError(
                "--export writes the catalog's networks; leave out what would be opened"
            )
        _export(export)
        return
    from alexnet.explorer.answers import Desk
    from alexnet.explorer.gallery import open_gallery
    from alexnet.explorer.serving import place, serve

    at = place(host, port)
    desk = Desk(runs=_runs(what, runs))
    try:
        if data is not None:
            desk.gallery = open_gallery(data, data_folder)
        if what in NETWORKS:
            desk.start = what
        elif what is not None:
            desk.start = desk.session.open(_opened(what, parameters, class_tree), pinned=True)
        serve(desk, at, browser=browser, say=terminal.say)
    finally:
        at.listening.close()
        desk.close()


def _export(folder: Path) -> None:
    from alexnet.explorer.export import export

    with terminal.bar("exporting") as advance:
        written = export(folder, processes=min(4, os.cpu_count() or 1), progress=advance)
    size = sum(path.stat().st_size for path in written)
    terminal.say(f"wrote {len(written)} files, {size / 2**20:.1f} MiB; open {written[0]}")


def _runs(what: str | None, folder: Path | None):  # noqa: ANN202
    """Where runs lie: the folder asked for, or `runs` here; and the one that is opened."""
    from alexnet.explorer.runs import Runs
    from alexnet.training.run_folder import holds_run

    if folder is not None and not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give one that holds runs")
    here = Path("runs")
    single = Path(what) if what is not None and holds_run(Path(what)) else None
    return Runs(folder or (here if here.is_dir() else None), single)


def _opened(what: str, parameters: Path | None, class_tree: Path | None) -> Opened:
    """What the command line names, with its weights where it has any."""
    from alexnet.explorer.session import Opened

    if _has_weights(Path(what)):
        found = open_checkpoint(what)
        return Opened(
            name=what, format="checkpoint", network=found.network, notes=found.notes,
            checkpoint=found,
        )  # fmt: skip
    _refuse_picture(Path(what))
    described = open_described(what, parameters=parameters, class_tree=class_tree)
    definition = described.definition
    return Opened(
        name=what,
        format="cuda-convnet definition" if definition else "description",
        network=described.network,
        notes=definition.notes if definition else (),
        rules=definition.rules if definition else None,
    )


def _refuse_picture(path: Path) -> None:
    """Raises ValueError where the file is a picture, by what it holds."""
    from PIL import Image, UnidentifiedImageError

    from alexnet.images.decode import FORMATS, quiet_pillow

    if not path.is_file():
        return
    try:
        with quiet_pillow(), Image.open(path, formats=FORMATS):
            pass
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return
    except Image.DecompressionBombError:
        pass
    raise ValueError(f"{path}: is a picture; open a network and drop the picture on Look")


def _has_weights(path: Path) -> bool:
    from alexnet.formats import recognised

    if path.is_dir():
        return True
    if not path.is_file() or path.suffix in (".json", ".cfg"):
        return False
    known = recognised(path)
    return known is not None and "weights" not in known.takes
