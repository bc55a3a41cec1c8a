"""Asks the C library to keep the memory that it is given back, instead of handing it to the system;
it allocates nothing itself.
"""

from __future__ import annotations

import ctypes

NEVER = -1
MOST_MAPPED, TRIM_THRESHOLD = -4, -1
"""M_MMAP_MAX and M_TRIM_THRESHOLD of glibc's malloc.h."""


def keep_memory() -> bool:
    """From now on this process keeps what it frees, until it ends: returns whether it will.

    Every step of a training asks for the same large tensors again. glibc maps each of them anew and
    gives it back, and the system then fills every page with zeros when it is first touched, which
    may take a third of a step. Elsewhere than under glibc nothing is done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; TypeError is Windows's
        return False
    return bool(mallopt(MOST_MAPPED, 0)) and bool(mallopt(TRIM_THRESHOLD, NEVER))
