"""ONNX: models out, from the network itself, and in, of operators that a network can express."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alexnet.formats.checkpoint import Beside, Checkpoint, Described, Format, Written
from alexnet.formats.onnx import own
from alexnet.formats.onnx.model import model_of
from alexnet.formats.onnx.reading import foreign_checkpoint, foreign_network
from alexnet.formats.onnx.writing import write_model, write_to

__all__ = ["FORMAT", "describe", "read", "recognise", "write", "write_model", "write_to"]

SUFFIX = ".onnx"

OWN_HEAD = b"\x08\x08\x12\x07alexnet"
"""How a model of ours begins: version 8 of the representation, then its producer."""


def recognise(head: bytes, name: str) -> bool:
    """Whether a file is a model: by its ending, for foreign ones begin with nothing certain."""
    return name.endswith(SUFFIX) or head.startswith(OWN_HEAD)


def read(path: Path, _: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """The checkpoint in `path`: as it was written here, or what a foreign model's operators say;
    one that was written here and changed since is foreign too.

    Raises:
        FormatError: no whole model, or one that a network cannot express; says which node.
    """
    model = model_of(path)
    if own.is_own(model):
        return own.checkpoint_of(model)
    found = foreign_checkpoint(model)
    return replace(found, notes=(own.CHANGED, *found.notes)) if own.says_own(model) else found


def describe(path: Path, _: Beside = Beside()) -> Described:  # noqa: B008  # frozen
    """The network in `path`; none of its weights is read.

    Raises:
        FormatError: as `read`.
    """
    model = model_of(path)
    if own.is_own(model):
        return own.described(model)
    found = foreign_network(model)
    return replace(found, notes=(own.CHANGED, *found.notes)) if own.says_own(model) else found


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """The model in one file where it fits, taking pictures as the weights expect them.

    Raises:
        FormatError: as `write_model`.
    """
    return write_model(checkpoint, path)


FORMAT = Format(
    name="ONNX",
    suffixes=(SUFFIX,),
    recognise=recognise,
    read=read,
    describe=describe,
    write=write,
)
