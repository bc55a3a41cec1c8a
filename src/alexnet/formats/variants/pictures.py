"""The same checkpoint for pictures given otherwise: channels in the other order, white worth 1 or
255, or not divided by a deviation. What is subtracted from them is `mean`'s matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from alexnet.formats.checkpoint import Array, Checkpoint, FormatError, TrainingState
from alexnet.formats.variants.carrying import FACTOR, ORDER, Vector, carry
from alexnet.formats.variants.weights import divided, reordered, rounded
from alexnet.network.contract import InputContract
from alexnet.network.layers import Input
from alexnet.network.spec import Network

DROPPED = "the state of training was left out: the weights are other ones, and it is not theirs"


def with_channel_order(checkpoint: Checkpoint, order: Literal["RGB", "BGR"]) -> Checkpoint:
    """The checkpoint for pictures whose channels come in `order`.

    The weights that meet the picture are turned round along its channels, and so are mean,
    deviation and mean image. No number changes, so that velocities keep their meaning too.

    Raises:
        FormatError: it takes grey pictures; or something between the picture and the first weights
            mixes channels; names the layer.
    """
    network, contract = checkpoint.network, checkpoint.contract
    if contract.channel_order == order:
        return checkpoint
    if contract.channel_order == "grey":
        raise FormatError(
            f"network '{network.name}' takes grey pictures; only RGB and BGR can be exchanged"
        )
    picture = only_picture(network)
    orders = carry(ORDER, network, {picture.name: np.arange(picture.shape[0])[::-1]})
    turned, arrays = reordered(network, checkpoint.arrays, orders)
    training, image = checkpoint.training, checkpoint.mean_image
    if training is not None:
        _, velocities = reordered(network, training.velocities, orders)
        training = TrainingState(velocities, training.progress)
    return replace(
        checkpoint,
        network=turned,
        arrays=arrays,
        contract=replace(
            contract,
            channel_order=order,
            mean=contract.mean[::-1],
            deviation=contract.deviation[::-1],
        ),
        mean_image=None if image is None else np.ascontiguousarray(image[::-1]),
        training=training,
    )


def with_pixel_maximum(checkpoint: Checkpoint, maximum: Literal[1, 255]) -> Checkpoint:
    """The checkpoint for pictures in which white is worth `maximum`.

    Mean and deviation are scaled, and where there is no deviation to take it up, the first weights.

    Raises:
        FormatError: something between the picture and the first weights is not linear; names the
            layer.
    """
    contract = checkpoint.contract
    if contract.pixel_maximum == maximum:
        return checkpoint
    ratio = maximum / contract.pixel_maximum
    scaled = replace(
        contract,
        pixel_maximum=float(maximum),
        mean=tuple(value * ratio for value in contract.mean),
        deviation=tuple(value * ratio for value in contract.deviation),
    )
    image = _scaled_image(checkpoint.mean_image, ratio)
    if contract.deviation:
        return replace(checkpoint, contract=scaled, mean_image=image)
    channels = checkpoint.network.picture.shape[0]
    return _with_factors(checkpoint, np.full(channels, ratio), scaled, image)


def without_deviation(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint for pictures that are divided by nothing: the first weights do it.

    Raises:
        FormatError: as `with_pixel_maximum`.
    """
    contract = checkpoint.contract
    if not contract.deviation:
        return checkpoint
    scaled = replace(contract, deviation=())
    return _with_factors(
        checkpoint, np.asarray(contract.deviation, np.float64), scaled, checkpoint.mean_image
    )


def only_picture(network: Network) -> Input:
    """The input that the contract is about.

    Raises:
        FormatError: there are several pictures; the contract is about one.
    """
    pictures = [x for x in network if isinstance(x, Input) and x.content == "picture"]
    if len(pictures) > 1:
        names = ", ".join(f"'{picture.name}'" for picture in pictures)
        raise FormatError(
            f"network '{network.name}' takes several pictures ({names}); an input contract is about"
            " one"
        )
    return network.picture


def untrained(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint without its state of training, noted; for where weights become other ones."""
    if checkpoint.training is None:
        return checkpoint
    return replace(checkpoint, training=None, notes=(*checkpoint.notes, DROPPED))


def _with_factors(
    checkpoint: Checkpoint, factors: Vector, contract: InputContract, image: Array | None
) -> Checkpoint:
    """The checkpoint for pictures whose channels are `factors` times as much."""
    network = checkpoint.network
    carried = carry(FACTOR, network, {only_picture(network).name: factors})
    arrays = divided(network, checkpoint.arrays, carried)
    return replace(untrained(checkpoint), arrays=arrays, contract=contract, mean_image=image)


def _scaled_image(image: Array | None, ratio: float) -> Array | None:
    if image is None:
        return None
    return rounded("the mean image", image, lambda slab, by: slab * by, np.asarray(ratio))
