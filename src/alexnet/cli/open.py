"""What the verbs take as NETWORK and CHECKPOINT: names, files of any format, folders and runs,
opened. What a foreign file cannot say, and what had to be assumed, is said aloud.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.network.catalog import HEIRS, NETWORKS, get_network
from alexnet.network.codec import from_json
from alexnet.network.edit import with_input
from alexnet.network.spec import Network, NetworkError, nearest

if TYPE_CHECKING:
    from alexnet.formats import Beside, Checkpoint
    from alexnet.formats.cuda_convnet.reader import Definition
    from alexnet.images.store import Store

LARGEST_DESCRIPTION = 16 * 2**20
"""Bytes of a network description; more is no description."""

NOTHING_SAID = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A network, and the original files that it was read from, if it was."""

    network: Network
    definition: Definition | None = None


def open_network(
    text: str,
    *,
    side: int | None = None,
    parameters: Path | None = None,
    class_tree: Path | None = None,
    whose: str | None = None,
) -> Network:
    """The network that `text` names; see `open_described`."""
    return open_described(
        text, side=side, parameters=parameters, class_tree=class_tree, whose=whose
    ).network


def open_described(
    text: str,
    *,
    side: int | None = None,
    parameters: Path | None = None,
    class_tree: Path | None = None,
    whose: str | None = None,
) -> Opened:
    """The network that `text` names: a catalog name, a JSON description, a cuda-convnet definition
    file, a file of any format, a folder of the hub, a run. What had to be assumed is said aloud.

    Args:
        text: the name or path.
        side: of the picture, in pixels; None leaves the network's own.
        parameters, class_tree: only for a definition file.
        whose: the network that a file of bare arrays holds the arrays of.

    Raises:
        ValueError: nothing of that name, with the nearest; or a file that holds no network.
    """
    if not text.strip():
        raise NetworkError(f"no network is named; there are: {', '.join(NETWORKS)}")
    path = Path(text)
    if not _is_known(text) and _is_definition(path):
        _refuse_whose(text, whose)
        return _read_definition(path, side, parameters, class_tree)
    for option, given in (("--params", parameters), ("--class-tree", class_tree)):
        if given is not None:
            raise NetworkError(f"{option} goes with a cuda-convnet definition; '{text}' is none")
    network = _open_other(text, path, whose)
    return Opened(network=network if side is None else with_input(network, side))


def _open_other(text: str, path: Path, whose: str | None) -> Network:
    """Any network but one in a definition file."""
    if _is_known(text):
        _refuse_whose(text, whose)
        return get_network(text)
    if path.is_dir() or (path.is_file() and _is_checkpoint(path)):
        return _open_file(text, path, whose)
    if path.is_file():
        _refuse_whose(text, whose)
        return _read_description(text, path)
    if os.sep in text or path.suffix:
        raise NetworkError(f"{text}: no such file")
    near = nearest(text, [*NETWORKS, *HEIRS], NETWORKS)
    raise NetworkError(f"no network is called '{text}'{near}")


def _open_file(text: str, path: Path, whose: str | None) -> Network:
    """The network of a run, or in a file or folder of a format."""
    from alexnet.formats import describe

    if _holds_run(path):
        return open_checkpoint(text, whose=whose).network
    found = describe(path, beside=_beside(None, whose))
    if _is_news(path, whose):
        _say_notes(found.notes)
    return found.network


def _read_description(text: str, path: Path) -> Network:
    if path.stat().st_size > LARGEST_DESCRIPTION:
        raise NetworkError(f"{text}: too large for a network description")
    try:
        return from_json(path.read_text(encoding="utf-8"), text)
    except UnicodeDecodeError:
        raise NetworkError(f"{text}: not text, so no network description") from None


def _refuse_whose(text: str, whose: str | None) -> None:
    if whose is not None:
        raise NetworkError(f"--network does not go with '{text}', which is a network itself")


def _is_known(text: str) -> bool:
    return text in NETWORKS or text in HEIRS


def _is_definition(path: Path) -> bool:
    """By its name, or by its first bytes where the name does not tell."""
    if not path.is_file():
        return False
    if path.suffix == ".cfg":
        return True
    if path.suffix in (".json", ".safetensors"):
        return False
    from alexnet.formats.cuda_convnet.reader import is_definition

    return is_definition(_head(path), path.name)


def _is_checkpoint(path: Path) -> bool:
    if path.suffix == ".json":
        return False
    from alexnet.formats import recognised

    return recognised(path) is not None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _read_definition(
    path: Path, side: int | None, parameters: Path | None, class_tree: Path | None
) -> Opened:
    from alexnet.formats.cuda_convnet.reader import read_definition

    definition = read_definition(path, parameters, side=side, class_tree=class_tree)
    _say_notes(definition.notes)
    return Opened(network=definition.network, definition=definition)


# --- checkpoints ----------------------------------------------------------------------------------


def open_checkpoint(
    text: str, *, weights: Path | None = None, whose: str | None = None
) -> Checkpoint:
    """The checkpoint at `text`: a file of any format, a folder of the hub, or a run folder, whose
    final or newest whole one is taken. What a foreign file leaves unsaid is said aloud.

    Args:
        text: the path; with `weights` also a network as `open_described` takes it.
        weights: the file with the arrays of what only describes a network.
        whose: the network that a file of bare arrays holds the arrays of.

    Raises:
        ValueError: there is none, or none that is whole.
    """
    from alexnet.formats import read

    path = Path(text)
    if _only_describes(text, path):
        return _with_weights(text, weights, whose)
    if not text.strip() or not path.exists():
        raise ValueError(f"{text}: no such checkpoint; give a file of weights or a run folder")
    if _holds_run(path):
        if (weights, whose) != NOTHING_SAID:
            raise ValueError(f"{text}: is a run, which has its own network and weights; name none")
        return _of_run(text, path)
    found = read(path, beside=_beside(weights, whose))
    if _is_news(path, whose):
        _say_notes(found.notes)
    return found


def open_beginning(text: str, network: str | None) -> Checkpoint:
    """The checkpoint that a run begins with; bare arrays are those of the network that is taught.

    Raises:
        ValueError: as `open_checkpoint`.
    """
    from alexnet.formats import recognised, safetensors

    path = Path(text)
    known = recognised(path) if path.is_file() else None
    bare = known is not None and known != safetensors.FORMAT and "network" in known.takes
    return open_checkpoint(text, whose=network if bare else None)


def _only_describes(text: str, path: Path) -> bool:
    """Whether it is a network by itself; a format's own descriptions are the format's matter."""
    if path.exists() and not _is_known(text):
        return path.is_file() and (path.suffix == ".json" or _is_definition(path))
    return _is_known(text)


def _with_weights(text: str, weights: Path | None, whose: str | None) -> Checkpoint:
    from alexnet.formats import Beside, read

    if weights is None:
        raise ValueError(
            f"'{text}' describes a network and holds no weights; name the file that does, with"
            " --weights FILE"
        )
    _refuse_whose(text, whose)
    found = read(weights, beside=Beside(network=open_network(text)))
    _say_notes(found.notes)
    return found


def _of_run(text: str, path: Path) -> Checkpoint:
    from alexnet.formats import read
    from alexnet.training.run_folder import RunFolder

    folder = RunFolder(path)
    found = read(folder.final) if folder.final.exists() else folder.newest(terminal.warn)
    if found is None:
        raise ValueError(f"{text}: holds no checkpoint; give a file of weights or a run folder")
    return found


def _holds_run(path: Path) -> bool:
    if not path.is_dir():
        return False
    from alexnet.training.run_folder import holds_run

    return holds_run(path)


def _beside(weights: Path | None, whose: str | None) -> Beside:
    from alexnet.formats import Beside

    network = None if whose is None else open_network(whose)
    return Beside(network=network, weights=weights)


def _is_news(path: Path, whose: str | None) -> bool:
    """Whether a file's notes came up as it was read: our own formats keep those of before."""
    from alexnet.formats import hub, recognised, safetensors

    return whose is not None or recognised(path) not in (safetensors.FORMAT, hub.FORMAT)


def _say_notes(notes: Iterable[str]) -> None:
    for note in notes:
        terminal.warn(note)


def stored(data: str) -> Store | None:
    """The store of records that DATA is, if it is one."""
    from alexnet.images.sources import NAMES
    from alexnet.images.store import is_store, read_store

    path = Path(data).expanduser()
    return None if data in NAMES or not is_store(path) else read_store(path)
