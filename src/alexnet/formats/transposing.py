"""Large matrices with rows and columns exchanged, faster than numpy copies a transpose."""

from __future__ import annotations

import numpy as np

from alexnet.formats.checkpoint import Array

ROWS = 16
"""Rows that are written as columns at a time: a line of a processor's cache in single precision."""


def transposed(matrix: Array) -> Array:
    """A copy of `matrix`, (rows, columns), as (columns, rows), contiguous."""
    found = np.empty(matrix.shape[::-1], matrix.dtype)
    for start in range(0, matrix.shape[0], ROWS):
        found[:, start : start + ROWS] = matrix[start : start + ROWS].T
    return found
