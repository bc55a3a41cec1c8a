"""What the verbs take as NETWORK and CHECKPOINT: names, files and run folders, opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import from_json
from alexnet.network.spec import Network, NetworkError, nearest

if TYPE_CHECKING:
    from alexnet.formats import Checkpoint

LARGEST_DESCRIPTION = 16 * 2**20
"""Bytes of a network description; more is no description."""


def open_network(text: str) -> Network:
    """The network that `text` names: a catalog name, a JSON description, a checkpoint or a run.

    Raises:
        NetworkError: nothing of that name, with the nearest; or a file that holds no network.
    """
    if not text.strip():
        raise NetworkError(f"no network is named; there are: {', '.join(NETWORKS)}")
    if text in NETWORKS:
        return NETWORKS[text]()
    path = Path(text)
    if path.is_dir() or path.suffix == ".safetensors":
        return open_checkpoint(text).network
    if path.is_file():
        if path.stat().st_size > LARGEST_DESCRIPTION:
            raise NetworkError(f"{text}: too large for a network description")
        try:
            return from_json(path.read_text(encoding="utf-8"), text)
        except UnicodeDecodeError:
            raise NetworkError(f"{text}: not text, so no network description") from None
    if os.sep in text or path.suffix:
        raise NetworkError(f"{text}: no such file")
    raise NetworkError(f"no network is called '{text}'{nearest(text, list(NETWORKS))}")


def open_checkpoint(text: str) -> Checkpoint:
    """The checkpoint at `text`: a file, or a run folder, whose final or newest whole one is taken.

    Raises:
        ValueError: there is none, or none that is whole.
    """
    from alexnet.formats import read
    from alexnet.training.run_folder import RunFolder

    path = Path(text)
    if not text.strip() or not path.exists():
        raise ValueError(f"{text}: no such checkpoint; give a .safetensors file or a run folder")
    if not path.is_dir():
        return read(path)
    folder = RunFolder(path)
    found = read(folder.final) if folder.final.exists() else folder.newest(terminal.warn)
    if found is None:
        raise ValueError(f"{text}: holds no checkpoint; give a .safetensors file or a run folder")
    return found
