"""The layer over a tree of classes (2012's `treefc`), forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from alexnet.network.layers import TreeConnected
from alexnet.numpy_net.windows import Array


def tree_connected(layer: TreeConnected, pictures: Array, leaves: Array, inner: Array) -> Array:
    """Each leaf's output is its effective weights times the units, flattened channel, row, column.

    `leaves` is [outputs, inputs], `inner` [inner nodes, inputs].
    """
    effective = effective_leaves(layer, leaves, inner)
    return (pictures.reshape(len(pictures), -1) @ effective.T)[:, :, None, None]


def effective_leaves(layer: TreeConnected, leaves: Array, inner: Array) -> Array:
    """The sum of the vectors along each leaf's path to the root, its own and the root's included
    (2012's softmaxtree.cu, kSoftmaxTreeFwd).
    """
    nodes = np.concatenate([leaves, inner])
    paths = (list(path_to_root(layer, leaf)) for leaf in range(layer.outputs))
    return np.stack([nodes[path].sum(axis=0) for path in paths])


def path_to_root(layer: TreeConnected, node: int) -> Iterator[int]:
    """The node, the one above it, …, the root."""
    yield node
    while layer.parents[node] != node:
        node = layer.parents[node]
        yield node


class Flowing(NamedTuple):
    """What flows back from a layer over a tree."""

    pictures: Array
    leaves: Array
    inner: Array


def tree_connected_backward(
    layer: TreeConnected, pictures: Array, leaves: Array, inner: Array, gradient: Array
) -> Flowing:
    """A node's gradient is the sum of those of the leaves below it (kSoftmaxTreeBwd)."""
    units, arriving = pictures.reshape(len(pictures), -1), gradient[:, :, 0, 0]
    into_leaves = arriving.T @ units
    into_nodes = np.zeros((len(layer.parents), units.shape[1]))
    for leaf in range(layer.outputs):
        for node in path_to_root(layer, leaf):
            into_nodes[node] += into_leaves[leaf]
    into_units = arriving @ effective_leaves(layer, leaves, inner)
    return Flowing(
        into_units.reshape(pictures.shape), into_nodes[: len(leaves)], into_nodes[len(leaves) :]
    )
