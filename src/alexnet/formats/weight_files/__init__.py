"""Bare weights in numpy's files: .npy dicts as the TensorFlow ports of AlexNet keep them, and .npz;
whose they are a person says, or they are taken for Caffe's.
"""

from __future__ import annotations

from alexnet.formats.checkpoint import Format
from alexnet.formats.weight_files.npy import is_npy
from alexnet.formats.weight_files.reading import read
from alexnet.formats.weight_files.writing import write

__all__ = ["NPY", "NPZ", "is_npz", "read", "write"]


def is_npz(head: bytes) -> bool:
    """Whether a file begins as a zip file whose first member is an array of numpy's."""
    size = int.from_bytes(head[26:28], "little")
    return head[:4] == b"PK\x03\x04" and head[30 : 30 + size].endswith(b".npy")


NPY = Format(
    name="npy",
    suffixes=(".npy",),
    recognise=lambda head, _: is_npy(head),
    read=read,
    takes=frozenset({"network"}),
    write=write,
)

NPZ = Format(
    name="npz",
    suffixes=(".npz",),
    recognise=lambda head, _: is_npz(head),
    read=read,
    takes=frozenset({"network"}),
    write=write,
)
