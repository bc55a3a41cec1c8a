"""Finds the shared library that setup.py builds from the C files beside this one, and says what its
functions take; which kernel applies where is for the files that call them.

To add a kernel: a C file here with a PUBLIC function, its line in SIGNATURES, and a Python file
that calls it.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from ctypes import c_double, c_int, c_int64, c_void_p
from enum import IntEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PLACE = Path(__file__).parent / "alexnet_kernels.so"

POINTER, INT, LONG, REAL = c_void_p, c_int, c_int64, c_double

SIGNATURES: dict[str, list[Any]] = {
    "alexnet_processor": [],
    "alexnet_has_openmp": [],
    "alexnet_response_norm": (
        [POINTER, POINTER, POINTER, INT, INT, INT, LONG, LONG, LONG, LONG, INT] + [REAL, REAL, REAL]
    ),
    "alexnet_momentum": [POINTER, POINTER, POINTER, INT, INT, INT, LONG, REAL, REAL, REAL],
    "alexnet_stage": (
        [POINTER, POINTER, POINTER, INT, INT, INT, LONG, LONG, LONG, LONG, LONG]
        + [INT, LONG, REAL, REAL, REAL, LONG, LONG, LONG, LONG, LONG, LONG, INT]
    ),
}
"""What each function takes, as the C file declares it; all return an int, 0 for success."""


class Processor(IntEnum):
    """The kinds of processor that the kernels are compiled for (processor.h)."""

    PORTABLE = 0
    AVX2 = 1
    AVX512 = 2


KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.float64: 2}
"""The kinds of numbers that the kernels know (processor.h)."""


class Library:
    """The loaded functions."""

    def __init__(self, path: Path) -> None:
        """Loads the library at `path`; OSError when it is missing or for another machine."""
        # torch, imported above, has loaded the OpenMP runtime that share.c looks for
        self.functions = ctypes.CDLL(str(path))
        for name, takes in SIGNATURES.items():
            function = getattr(self.functions, name)
            function.argtypes, function.restype = takes, c_int
        self.processor = Processor(self.functions.alexnet_processor())

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function without Python's lock; MemoryError when it finds no scratch space."""
        if getattr(self.functions, name)(*arguments) != 0:
            raise MemoryError(f"{name} found no memory for its scratch space")


@functools.cache
def library() -> Library | None:
    """The library; None, said once in the log, where the installation could not build it."""
    return load(PLACE)


def load(path: Path) -> Library | None:
    """The library at `path`; None, said in the log, when that does not load."""
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        logging.getLogger(__name__).warning(
            "no kernels in C (%s): torch operations are used in their place, which are slower; "
            "install a C compiler and install alexnet again to have them",
            error,
        )
        return None


def layout(x: Tensor) -> torch.memory_format:
    """The memory format in which a kernel takes `x`, to which it is copied if it is in neither."""
    if x.is_contiguous() or x.dim() != 4:
        return torch.contiguous_format
    return torch.channels_last
