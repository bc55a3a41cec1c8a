"""A softmax over sets of k classes: P(S) ∝ exp Σ_{i∈S} x_i. How likely each class is to be in the
set, by a forward and a backward pass over the classes in logarithms (2012's multisoftmax.cpp).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alexnet.numpy_net.windows import Array

Places = tuple[NDArray[np.intp], NDArray[np.intp]]
"""One class of each picture: its row and its column in (pictures, classes)."""


def marginals(scores: Array, size: int, held: Places | None = None) -> tuple[Array, Array]:
    """Over all sets of `size` classes, or only those that hold the class `held` of each picture.

    Args:
        scores: (pictures, classes).
        size: of the sets, at most the count of classes.

    Returns:
        log Σ_S exp Σ_{i∈S} (x_i − max x), (pictures,); and for each class the probability that the
        set holds it, (pictures, classes).
    """
    scores = scores - scores.max(axis=1, keepdims=True)
    left_out = np.zeros_like(scores)  # the logarithm of what leaving a class out weighs
    if held is not None:
        left_out[held] = -np.inf
    before = _sums(scores, left_out, size)
    after = _sums(scores[:, ::-1], left_out[:, ::-1], size)[::-1]
    total = before[-1][:, size]
    inside = np.empty_like(scores)
    for i in range(scores.shape[1]):
        # a set that holds i has j classes before it and size − 1 − j after it
        ways = [before[i][:, j] + after[i + 1][:, size - 1 - j] for j in range(size)]
        inside[:, i] = np.exp(np.logaddexp.reduce(ways) + scores[:, i] - total)
    return total, inside


def _sums(scores: Array, left_out: Array, size: int) -> list[Array]:
    """Entry i: the logarithms of the sums over sets of 0 … `size` of the first i classes, each
    (pictures, size + 1).
    """
    current = np.full((len(scores), size + 1), -np.inf)
    current[:, 0] = 0
    found = [current]
    for taken, omitted in zip(scores.T, left_out.T, strict=True):
        following = current + omitted[:, None]
        following[:, 1:] = np.logaddexp(following[:, 1:], current[:, :-1] + taken[:, None])
        current = following
        found.append(current)
    return found
