"""How networks with weights are written down: the checkpoint, and the table of formats."""

from __future__ import annotations

import os
from pathlib import Path

from alexnet.formats import safetensors
from alexnet.formats.checkpoint import Checkpoint, Format, FormatError, TrainingState

__all__ = ["FORMATS", "Checkpoint", "Format", "FormatError", "TrainingState", "read", "write"]

FORMATS: tuple[Format, ...] = (safetensors.FORMAT,)
"""Every format, in the order in which they are asked whether a file is theirs."""

HEAD = 4096
"""Bytes that a format is shown to recognise a file."""


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint in a file of any known format.

    Raises:
        FormatError: no such file, no known format, or a damaged file.
    """
    path = Path(path)
    head = _head(path)
    for known in FORMATS:
        if known.recognise(head, path.name):
            return known.read(path)
    names = ", ".join(known.name for known in FORMATS)
    raise FormatError(f"{path}: is in no format that is known ({names})")


def write(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> None:
    """Writes a checkpoint in the format that the name's ending asks for.

    Raises:
        FormatError: no format of that ending can be written, or the file cannot.
    """
    path = Path(path)
    for known in FORMATS:
        if known.write is not None and path.name.endswith(known.suffixes):
            return known.write(checkpoint, path)
    endings = ", ".join(ending for known in FORMATS if known.write for ending in known.suffixes)
    raise FormatError(f"{path}: its ending says no format; it must be one of {endings}")


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; a checkpoint is a file")
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
