"""How networks with weights are written down: the checkpoint, and the table of formats."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from alexnet.formats import caffe, hub, onnx, safetensors, torchvision, weight_files
from alexnet.formats.checkpoint import (
    Beside,
    Checkpoint,
    Described,
    Format,
    FormatError,
    TrainingState,
    Written,
)
from alexnet.formats.cuda_convnet import model_file
from alexnet.formats.torchvision.unknown import UnknownArrays

__all__ = [
    "FORMATS",
    "Beside",
    "Checkpoint",
    "Described",
    "Format",
    "FormatError",
    "TrainingState",
    "UnknownArrays",
    "Written",
    "describe",
    "read",
    "recognised",
    "write",
    "written_by",
]

FORMATS: tuple[Format, ...] = (
    safetensors.FORMAT,
    hub.FORMAT,
    torchvision.FORMAT,
    weight_files.NPY,
    weight_files.NPZ,
    caffe.MODEL,
    caffe.DEFINITION,
    onnx.FORMAT,
    model_file.FORMAT,
)
"""Every format, in the order in which they are asked whether a file is theirs."""

HEAD = 4096
"""Bytes that a format is shown to recognise a file."""

NOTHING = Beside()


def read(path: str | os.PathLike[str], *, beside: Beside = NOTHING) -> Checkpoint:
    """The checkpoint in a file or folder of any known format.

    Args:
        path: the file, or a folder as the hub has them, or one of cuda-convnet's checkpoints.
        beside: what the file leaves open, where its format leaves anything open.

    Raises:
        FormatError: no such file, no known format, a damaged file, or `beside` says what the file
            says itself.
    """
    path = Path(path)
    known = _known(path, beside)
    with _naming(path, beside):
        return known.read(path, beside)


def describe(path: str | os.PathLike[str], *, beside: Beside = NOTHING) -> Described:
    """The network in a file of any known format, without its weights where it can do without.

    Args, Raises:
        as `read`.
    """
    path = Path(path)
    known = _known(path, beside)
    with _naming(path, beside):
        if known.describe is not None:
            return known.describe(path, beside)
        found = known.read(path, beside)
    return Described(network=found.network, notes=found.notes)


@contextmanager
def _naming(path: Path, beside: Beside) -> Generator[None]:
    """Puts the file before errors of what was read of it, which do not know it."""
    try:
        yield
    except FormatError as error:
        if any(str(known) in str(error) for known in (path, beside.weights) if known is not None):
            raise
        raise FormatError(f"{path}: {error}") from error


def _known(path: Path, beside: Beside) -> Format:
    known = recognised(path)
    if known is None:
        names = ", ".join(known.name for known in FORMATS)
        raise FormatError(f"{path}: is in no format that is known ({names})")
    for entry in fields(beside):
        if getattr(beside, entry.name) is not None and entry.name not in known.takes:
            raise FormatError(
                f"{path}: is in format '{known.name}', which has its own {entry.name}; name none"
            )
    return known


def recognised(path: Path) -> Format | None:
    """The format that a file or folder is in, by its first bytes and its name, or by what lies in
    it; None where it is in none.

    Raises:
        FormatError: no such file, or one that cannot be read.
    """
    if path.is_dir():
        return next((known for known in FORMATS if known.is_folder and known.is_folder(path)), None)
    head = _head(path)
    return next((known for known in FORMATS if known.recognise(head, path.name)), None)


def write(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> Written:
    """Writes a checkpoint in the format that the name's ending asks for.

    Returns:
        The files written, and what of the checkpoint they cannot hold.

    Raises:
        FormatError: no format of that ending can be written, the checkpoint cannot be written in
            it, or the file cannot.
    """
    path = Path(path)
    known = written_by(path)
    assert known.write is not None, "only formats that are written are found"
    return known.write(checkpoint, path)


def written_by(path: Path) -> Format:
    """The format that a name's ending asks for.

    Raises:
        FormatError: none that is written.
    """
    for known in FORMATS:
        if path.name.endswith(known.suffixes):
            if known.write is None:
                raise FormatError(
                    f"{path}: a {known.name} is not written alone; it lies beside a"
                    f" {caffe.MODEL.suffixes[0]}, so name that"
                )
            return known
    endings = ", ".join(ending for known in FORMATS if known.write for ending in known.suffixes)
    raise FormatError(f"{path}: its ending says no format; it must be one of {endings}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
