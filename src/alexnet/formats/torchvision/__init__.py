"""State dicts of torch (.pth), torchvision's AlexNet and VGG first: read without torch, nothing
executed, and written so that torchvision loads them.
"""

from __future__ import annotations

from alexnet.formats.checkpoint import Format
from alexnet.formats.torchvision.reading import read
from alexnet.formats.torchvision.torch_file import recognise
from alexnet.formats.torchvision.unknown import Nearest, Row, UnknownArrays
from alexnet.formats.torchvision.writing import write

__all__ = ["FORMAT", "Nearest", "Row", "UnknownArrays", "read", "recognise", "write"]

FORMAT = Format(
    name="torchvision",
    suffixes=(".pth", ".pt"),
    recognise=recognise,
    read=read,
    takes=frozenset({"network"}),
    write=write,
)
