"""Files that are dropped on the page become what is opened: every format of `alexnet.formats`, the
definitions of 2012 with their parameters, and descriptions in JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from alexnet.explorer.account import account_tree
from alexnet.explorer.asking import AskError, Tree
from alexnet.explorer.checking import checked, countable
from alexnet.explorer.session import Opened
from alexnet.network.catalog import get_network
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, NetworkError

if TYPE_CHECKING:
    from alexnet.formats import Format

MOST_TEXT = 16 * 2**20
"""Bytes of a description or a definition."""

LONGEST_NAME = 200
"""Bytes of a file's name in the server's own folder; file systems take 255."""

MOST_FILES = 8
"""Files dropped together."""

WITHOUT = "this file describes a network and holds no weights"


def safe_name(name: str, taken: Sequence[str] = ()) -> str:
    """A file name of the server's own folder, as near to the stranger's as is safe: no folders, no
    hidden names, of ordinary length.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(c if c.isalnum() or c in "._-+" else "_" for c in last).lstrip(".")
    kept = _short(kept) or "file"
    while kept in taken:
        kept = f"_{kept}"
    return kept


def _short(name: str) -> str:
    """The name with its suffix in at most LONGEST_NAME bytes of UTF-8."""
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix.encode()) < LONGEST_NAME else ""
    stem = name.removesuffix(suffix).encode()[: LONGEST_NAME - len(suffix.encode())]
    return stem.decode("utf-8", errors="ignore") + suffix


def open_files(paths: Sequence[Path], *, network: str = "", side: int | None = None) -> Opened:
    """What the files hold, which were dropped together.

    Args:
        paths: in a folder of their own.
        network: the catalog network whose arrays a file of bare arrays holds, or "".
        side: of the picture, which definitions of 2012 do not say; or None.

    Raises:
        AskError: 415 in no known format, 422 damaged or not fitting; names the file.
    """
    try:
        found = _open(paths, network, side)
        countable(found.network)
    except AskError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise AskError(422, _without_folder(str(error), paths[0].parent), ADVICE) from None
    except OSError as error:
        raise AskError(422, f"cannot be read ({error.strerror or 'no such file'})") from None
    except MemoryError:
        raise AskError(413, "needs more memory than there is") from None
    notes = tuple(_without_folder(note, paths[0].parent) for note in found.notes)
    return Opened(**{**vars(found), "notes": notes, "folder": paths[0].parent})


ADVICE = "alexnet convert says more about a file"


def opened_tree(identity: str, opened: Opened) -> Tree:
    """The answer to `api/open`."""
    checkpoint = opened.checkpoint
    look = "" if checkpoint is not None else f"Look needs weights: {WITHOUT}."
    outputs = 0
    if checkpoint is not None:
        outputs = elements(opened.network.shape(opened.network.outputs.name))
    return {
        "id": identity,
        "name": opened.name,
        "format": opened.format,
        "notes": list(opened.notes),
        "has_weights": checkpoint is not None,
        "look": checkpoint is not None,
        "look_sentence": look,
        "classes": outputs,
        "network": account_tree(opened.network),
    }


def readable() -> list[Tree]:
    """The formats that are read, for `api/about`."""
    from alexnet.formats import FORMATS

    own: list[Tree] = [
        {"name": "description", "suffixes": [".json"]},
        {"name": "cuda-convnet definition", "suffixes": [".cfg"]},
    ]
    files = [f for f in FORMATS if f.suffixes]  # folders cannot be dropped
    return own + [{"name": f.name, "suffixes": list(f.suffixes)} for f in files]


@dataclass(frozen=True, slots=True)
class _Known:
    path: Path
    format: Format


def _open(paths: Sequence[Path], network: str, side: int | None) -> Opened:
    texts = [path for path in paths if path.suffix.lower() == ".json"]
    definitions = [path for path in paths if path not in texts and _is_definition(path)]
    if definitions:
        return _open_definition(definitions[0], paths, side)
    if len(texts) == len(paths):
        return _open_description(texts[0])
    return _open_format(paths, network)


def _open_description(path: Path) -> Opened:
    from alexnet.explorer.reading import json_of

    network = checked(json_of(_bytes(path), path.name))
    return Opened(name=path.name, format="description", network=network)


def _is_definition(path: Path) -> bool:
    """A layer definition of 2012; its parameters are none."""
    from alexnet.formats.cuda_convnet.reader import is_definition

    with path.open("rb") as file:
        return is_definition(file.read(65536), path.name) and not path.name.startswith(PARAMETERS)


PARAMETERS = "layer-params"
"""How the files of 2012 with parameters are called."""


def _open_definition(path: Path, paths: Sequence[Path], side: int | None) -> Opened:
    from alexnet.formats.cuda_convnet.reader import read_definition

    _bytes(path)
    others = [other for other in paths if other != path and other.suffix.lower() == ".cfg"]
    trees = [other for other in paths if other.suffix.lower() == ".json"]
    found = read_definition(
        path,
        others[0] if others else None,
        side=side,
        class_tree=trees[0] if trees else None,
    )
    return Opened(
        name=path.name,
        format="cuda-convnet definition",
        network=found.network,
        notes=tuple(found.notes),
        rules=found.rules,
    )


def _open_format(paths: Sequence[Path], network: str) -> Opened:
    from alexnet.formats import recognised

    known = [_Known(path, found) for path in paths if (found := recognised(path)) is not None]
    if not known:
        names = ", ".join(str(f["name"]) for f in readable())
        raise AskError(
            415, f"{paths[0].name}: is in no format that is known", f"drop one of: {names}"
        )
    first = next((each for each in known if "weights" in each.format.takes), known[0])
    return _read(first, [each.path for each in known if each is not first], network)


def _read(known: _Known, others: Sequence[Path], network: str) -> Opened:
    """A file of a known format, and what is said of it by those beside it."""
    from alexnet.formats import Beside

    path, found = known.path, known.format
    if "weights" in found.takes and not others:
        from alexnet.formats import describe

        said = describe(path)
        return Opened(name=path.name, format=found.name, network=said.network, notes=said.notes)
    beside = Beside(
        network=_named(network) if "network" in found.takes else None,
        weights=others[0] if "weights" in found.takes else None,
    )
    checkpoint = found.read(path, beside)
    return Opened(
        name=path.name,
        format=found.name,
        network=checkpoint.network,
        notes=tuple(checkpoint.notes),
        checkpoint=checkpoint,
    )


def _named(network: str) -> Network | None:
    return get_network(network) if network else None


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_TEXT:
        raise NetworkError(
            f"{path.name}: has {size:,} bytes; a description has up to {MOST_TEXT:,}"
        )
    return path.read_bytes()


def _without_folder(text: str, folder: Path) -> str:
    """The server's own folder is nobody's business."""
    return text.replace(f"{folder}/", "").replace(str(folder), "")
