"""Which of many vectors lie nearest to a given one, exactly and in bounded memory. It knows neither
networks nor pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

import numpy as np

from alexnet.evaluation.tally import EvaluationError

Metric = Literal["euclidean", "cosine"]
"""How far two vectors are apart: √Σ(x − y)², or 1 − the cosine of their angle."""

MEMORY = 2**26
"""Bytes of one block: of vectors in double precision, and of distances."""

ROOM = 8.0
"""How much more than the rounding errors of a product are allowed for."""


def nearest(
    features: np.ndarray, queries: np.ndarray, k: int, metric: Metric = "euclidean"
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` vectors that are nearest to each query, the nearest first; where two are equally far,
    that of the lower index.

    §6.1 compares pictures by the Euclidean distance of the feature vectors of their last hidden
    layer. A first look by matrix products finds all that may be among the k; their distances are
    then summed one by one in double precision, so that they depend on nothing but the two vectors.

    Args:
        features: (N, numbers), of any real type.
        queries: (Q, numbers).
        k: at least 1; where there are fewer vectors, all of them are given.
        metric: how far is measured. Of nothing but zeros the cosine is taken for 0.

    Returns:
        Indices into `features`, int64 (Q, k), and distances, float64 (Q, k).

    Raises:
        EvaluationError: vectors of other lengths, none at all, or numbers that are not finite.
    """
    assert k >= 1, f"k is {k}; it must be at least 1"
    _check(features, queries)
    k = min(k, len(features))
    indices = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k))
    lengths = _lengths(features)
    at_once = max(1, MEMORY // (8 * len(features)))
    for start in range(0, len(queries), at_once):
        some = queries[start : start + at_once].astype(np.float64)
        own = np.sqrt((some**2).sum(axis=1))
        if metric == "cosine":
            some, own = _scaled(some, own), (own > 0).astype(np.float64)
        rough = _rough(features, lengths, some, own, metric)
        room = _room(features.shape[1], lengths, own, metric)
        for row, query in enumerate(some):
            kth = np.partition(rough[row], k - 1)[k - 1]
            may_be = np.flatnonzero(rough[row] <= kth + 2 * room[row])
            exact = _exact(features, lengths, may_be, query, metric)
            order = np.lexsort((may_be, exact))[:k]
            indices[start + row], distances[start + row] = may_be[order], exact[order]
    return indices, distances


def _check(features: np.ndarray, queries: np.ndarray) -> None:
    if features.ndim != 2 or queries.ndim != 2 or features.shape[1] != queries.shape[1]:
        raise EvaluationError(
            f"the vectors are {features.shape} and the queries {queries.shape}; both must be rows"
            " of equally many numbers"
        )
    if not features.size:
        raise EvaluationError("there are no vectors to be near to")
    for what, array in (("vector", features), ("query", queries)):
        for start, block in _blocks(array):
            bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
            if len(bad):
                raise EvaluationError(
                    f"{what} {start + bad[0]:,} holds a number that is not finite; it is near to"
                    " nothing"
                )


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The rows of an array in double precision, MEMORY bytes at a time, each block with the index
    of its first row.
    """
    many = max(1, MEMORY // (8 * max(1, array.shape[1])))
    for start in range(0, len(array), many):
        yield start, array[start : start + many].astype(np.float64)


def _lengths(features: np.ndarray) -> np.ndarray:
    """The Euclidean length of every row, float64 (N,)."""
    return np.concatenate([np.sqrt((block**2).sum(axis=1)) for _, block in _blocks(features)])


def _scaled(vectors: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The vectors at length 1; those of length 0 as they are."""
    return vectors / np.where(lengths > 0, lengths, 1.0)[:, None]


def _rough(
    features: np.ndarray, lengths: np.ndarray, queries: np.ndarray, own: np.ndarray, metric: Metric
) -> np.ndarray:
    """What orders the vectors as their distances do, but for rounding: (Q, N)."""
    found = np.empty((len(queries), len(features)))
    for start, block in _blocks(features):
        span = slice(start, start + len(block))
        match metric:
            case "euclidean":
                found[:, span] = lengths[span] ** 2 - 2 * (queries @ block.T) + own[:, None] ** 2
            case "cosine":
                found[:, span] = 1 - queries @ _scaled(block, lengths[span]).T
            case _:
                assert_never(metric)
    return found


def _room(numbers: int, lengths: np.ndarray, own: np.ndarray, metric: Metric) -> np.ndarray:
    """A bound on the rounding errors of `_rough` and `_exact`, one for each query."""
    unit = ROOM * (numbers + ROOM) * np.finfo(np.float64).eps
    if metric == "cosine":
        return np.full(len(own), unit)
    return unit * (own + lengths.max()) ** 2


def _exact(
    features: np.ndarray, lengths: np.ndarray, rows: np.ndarray, query: np.ndarray, metric: Metric
) -> np.ndarray:
    """The distances of the vectors at `rows` from one query, each summed by itself."""
    found = np.empty(len(rows))
    many = max(1, MEMORY // (8 * features.shape[1]))
    for start in range(0, len(rows), many):
        some = rows[start : start + many]
        block = features[some].astype(np.float64)
        match metric:
            case "euclidean":
                sums = np.sqrt(((block - query) ** 2).sum(axis=1))
            case "cosine":
                sums = 1 - (_scaled(block, lengths[some]) * query).sum(axis=1)
            case _:
                assert_never(metric)
        found[start : start + many] = sums.clip(0.0)
    return found
