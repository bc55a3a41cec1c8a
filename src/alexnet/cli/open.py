"""What the verbs take as NETWORK and CHECKPOINT: names, files and run folders, opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import from_json
from alexnet.network.edit import with_input
from alexnet.network.spec import Network, NetworkError, nearest

if TYPE_CHECKING:
    from alexnet.formats import Checkpoint
    from alexnet.formats.cuda_convnet.reader import Definition
    from alexnet.images.store import Store

LARGEST_DESCRIPTION = 16 * 2**20
"""Bytes of a network description; more is no description."""


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
) -> Network:
    """The network that `text` names; see `open_described`."""
    return open_described(text, side=side, parameters=parameters, class_tree=class_tree).network


def open_described(
    text: str,
    *,
    side: int | None = None,
    parameters: Path | None = None,
    class_tree: Path | None = None,
) -> Opened:
    """The network that `text` names: a catalog name, a JSON description, a cuda-convnet definition
    file, a checkpoint or a run. What had to be assumed is said aloud.

    Args:
        text: the name or path.
        side: of the picture, in pixels; None leaves the network's own.
        parameters, class_tree: only for a definition file.

    Raises:
        ValueError: nothing of that name, with the nearest; or a file that holds no network.
    """
    if not text.strip():
        raise NetworkError(f"no network is named; there are: {', '.join(NETWORKS)}")
    path = Path(text)
    if text not in NETWORKS and _is_definition(path):
        return _read_definition(path, side, parameters, class_tree)
    for option, given in (("--params", parameters), ("--class-tree", class_tree)):
        if given is not None:
            raise NetworkError(f"{option} goes with a cuda-convnet definition; '{text}' is none")
    network = _open_other(text, path)
    return Opened(network=network if side is None else with_input(network, side))


def _open_other(text: str, path: Path) -> Network:
    """Any network but one in a definition file."""
    if text in NETWORKS:
        return NETWORKS[text]()
    if path.is_dir() or path.suffix == ".safetensors":
        return open_checkpoint(text).network
    if path.is_file():
        if _is_checkpoint(path):
            return open_checkpoint(text).network
        if path.stat().st_size > LARGEST_DESCRIPTION:
            raise NetworkError(f"{text}: too large for a network description")
        try:
            return from_json(path.read_text(encoding="utf-8"), text)
        except UnicodeDecodeError:
            raise NetworkError(f"{text}: not text, so no network description") from None
    if os.sep in text or path.suffix:
        raise NetworkError(f"{text}: no such file")
    raise NetworkError(f"no network is called '{text}'{nearest(text, list(NETWORKS))}")


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
    for note in definition.notes:
        terminal.warn(note)
    return Opened(network=definition.network, definition=definition)


def open_checkpoint(text: str) -> Checkpoint:
    """The checkpoint at `text`: a file, or a run folder, whose final or newest whole one is taken.

    Raises:
        ValueError: there is none, or none that is whole.
    """
    from alexnet.formats import read
    from alexnet.training.run_folder import RunFolder, holds_run

    path = Path(text)
    if not text.strip() or not path.exists():
        raise ValueError(f"{text}: no such checkpoint; give a .safetensors file or a run folder")
    if not path.is_dir() or not holds_run(path):
        return read(path)
    folder = RunFolder(path)
    found = read(folder.final) if folder.final.exists() else folder.newest(terminal.warn)
    if found is None:
        raise ValueError(f"{text}: holds no checkpoint; give a .safetensors file or a run folder")
    return found


def stored(data: str) -> Store | None:
    """The store of records that DATA is, if it is one."""
    from alexnet.images.sources import NAMES
    from alexnet.images.store import is_store, read_store

    path = Path(data).expanduser()
    return None if data in NAMES or not is_store(path) else read_store(path)
