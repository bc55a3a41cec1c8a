"""Bare weights in numpy's files: .npy dicts as the TensorFlow ports of AlexNet keep them, and .npz;
whose they are a person says, or they are taken for Caffe's.
"""

from __future__ import annotations

from alexnet.formats.checkpoint import Format
from alexnet.formats.weight_files.npy import is_npy
from alexnet.formats.weight_files.reading import read
from alexnet.formats.weight_files.writing import write

__all__ = ["FORMAT", "read", "recognise", "write"]


def recognise(head: bytes, name: str) -> bool:
    """Whether a file is one of numpy's: an array, or a zip file whose first member is one."""
    if head[:4] != b"PK\x03\x04":
        return is_npy(head)
    size = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + size].endswith(b".npy")


FORMAT = Format(
    name="weight file",
    suffixes=(".npy", ".npz"),
    recognise=recognise,
    read=read,
    takes=frozenset({"network"}),
    write=write,
)
