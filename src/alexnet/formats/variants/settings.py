"""The same checkpoint under another convention of a layer's settings: towers or groups, size rules,
a norm's alpha, dropout's scaling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from alexnet.formats.checkpoint import Checkpoint, FormatError, TrainingState
from alexnet.formats.variants.carrying import FACTOR, carry, refuse
from alexnet.formats.variants.pictures import untrained
from alexnet.formats.variants.weights import divided
from alexnet.network.edit import with_rule
from alexnet.network.layers import CrossMapNorm, Dropout, Layer, Norm
from alexnet.network.sizes import Rule
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import Assembly, assemble, fold, unfold


def folded(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with twin layers of its towers as one; velocities fold with the weights.

    Raises:
        FormatError: something cannot be folded; says which layer and why.
    """
    try:
        network, assemblies = fold(checkpoint.network)
    except NetworkError as error:
        raise FormatError(str(error)) from None
    return _assembled(checkpoint, network, assemblies)


def unfolded(checkpoint: Checkpoint, towers: int = 2) -> Checkpoint:
    """The checkpoint with its layers split between towers; velocities split with the weights.

    Raises:
        FormatError: something cannot be split; says which layer and why.
    """
    if checkpoint.network.towers:
        raise FormatError(
            f"network '{checkpoint.network.name}' has {len(checkpoint.network.towers)} towers"
            " already; fold them first"
        )
    try:
        network, assemblies = unfold(checkpoint.network, towers)
    except NetworkError as error:
        raise FormatError(str(error)) from None
    return _assembled(checkpoint, network, assemblies)


def _assembled(
    checkpoint: Checkpoint, network: Network, assemblies: Mapping[str, Assembly]
) -> Checkpoint:
    training = checkpoint.training
    if training is not None:
        velocities = assemble(assemblies, training.velocities, np.concatenate)
        training = TrainingState(velocities, training.progress)
    arrays = assemble(assemblies, checkpoint.arrays, np.concatenate)
    return replace(checkpoint, network=network, arrays=arrays, training=training)


def with_size_rule(checkpoint: Checkpoint, rule: Rule) -> Checkpoint:
    """The checkpoint whose windows are laid by another tradition's rule, at the same places.

    Raises:
        FormatError: that rule lays some layer's windows elsewhere; names it.
    """
    network = checkpoint.network
    try:
        ruled = with_rule(network, rule)
    except NetworkError as error:
        raise FormatError(str(error)) from None
    for layer in network:
        if _places(network, layer) != _places(ruled, layer):
            refuse(network, layer, f"the size rule '{rule}' lays its windows elsewhere")
    return replace(checkpoint, network=ruled)


def _places(network: Network, layer: Layer) -> list[tuple[int, int]]:
    """How many windows a layer has along each side of each input, and where they begin."""
    every = network.placed[layer.name].sides
    return [(side.outputs, side.before) for sides in every for side in sides]


def with_divided_alpha(checkpoint: Checkpoint, divided: bool) -> Checkpoint:
    """The checkpoint whose norms say their alpha before it is divided by the number of squares that
    they add (Caffe, torch), or after (the paper, cuda-convnet's files).
    """
    layers = tuple(_with_alpha(layer, divided) for layer in checkpoint.network)
    return replace(checkpoint, network=replace(checkpoint.network, layers=layers))


def _with_alpha(layer: Layer, divided: bool) -> Layer:
    if not isinstance(layer, Norm) or layer.alpha_divided == divided:
        return layer
    squares = layer.size if isinstance(layer, CrossMapNorm) else layer.size**2
    alpha = layer.alpha * squares if divided else layer.alpha / squares
    return replace(layer, alpha=alpha, alpha_divided=divided)


def with_dropout_scaling(checkpoint: Checkpoint, scaling: Literal["test", "train"]) -> Checkpoint:
    """The checkpoint whose dropout scales at test time (2012) or while training (today).

    What a layer gave keep times as much of, it now gives whole, or the other way round; the next
    weights take up the difference, so that training passes keep their outputs too.

    Raises:
        FormatError: before the next weights stands what is not homogeneous; names the layer.
    """
    network = checkpoint.network
    changes = {
        layer.name: 1 / layer.keep if scaling == "train" else layer.keep
        for layer in network
        if isinstance(layer, Dropout) and layer.scaling != scaling
    }
    if not changes:
        return checkpoint
    layers = tuple(
        replace(layer, scaling=scaling) if isinstance(layer, Dropout) else layer
        for layer in network
    )
    arrays = divided(network, checkpoint.arrays, carry(FACTOR, network, {}, changes))
    return replace(untrained(checkpoint), network=replace(network, layers=layers), arrays=arrays)
