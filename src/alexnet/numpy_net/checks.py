"""What must hold of the arrays, inputs, draws and seeds that a person gives; it makes them float64
and computes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.network.arithmetic import network_parameters
from alexnet.network.layers import (
    Activation,
    Dropout,
    Input,
    Layer,
    LogisticLoss,
    Loss,
    RandomPool,
    RandomScale,
    SubsetSoftmaxLoss,
)
from alexnet.network.spec import Network, nearest
from alexnet.numpy_net.windows import Array

Given = Mapping[str, NDArray[Any]]

UNIFORM = "uniform numbers"
"""What a draw of numbers from 0 on and below 1 is called."""


class RunError(ValueError):
    """Arrays, inputs, draws or seeds that do not fit the network; says which and what would."""


def checked_arrays(network: Network, arrays: Given) -> dict[str, Array]:
    """Every learned array of the network; others are none of its business."""
    learned: dict[str, Array] = {}
    for parameter in network_parameters(network):
        if parameter.name not in arrays:
            there = ", ".join(arrays) or "nothing"
            raise RunError(f"array '{parameter.name}' is missing; given: {there}")
        what = f"array '{parameter.name}'"
        learned[parameter.name] = _shaped(what, arrays[parameter.name], parameter.shape)
    return learned


def checked_inputs(network: Network, inputs: Given) -> dict[str, Array]:
    """Every input given, as (N, C, H, W); each picture must be there, labels may be missing."""
    wanted = {layer.name: layer for layer in network if isinstance(layer, Input)}
    _refuse_unknown("input", inputs, list(wanted))
    checked: dict[str, Array] = {}
    for name, layer in wanted.items():
        if name in inputs:
            checked[name] = _batch(layer, np.asarray(inputs[name]))
        elif layer.content == "picture":
            raise RunError(f"input '{name}' is missing; give pictures of {layer.shape}")
    if not checked:
        raise RunError(f"no input is given; network '{network.name}' takes: {', '.join(wanted)}")
    counts = {name: len(batch) for name, batch in checked.items()}
    if len(set(counts.values())) > 1:
        raise RunError(f"inputs differ in how many pictures they hold: {counts}")
    return checked


def checked_draws(network: Network, draws: Given | None, pictures: int) -> dict[str, Array | None]:
    """The draw of every layer that takes one: None for each at test time, all there in training."""
    takers = {layer.name: what for layer in network if (what := _draw_of(layer))}
    if draws is None:
        return dict.fromkeys(takers)
    _refuse_unknown("draw", draws, list(takers))
    checked: dict[str, Array | None] = {}
    for name, what in takers.items():
        alone = isinstance(network[name], RandomScale)  # one scale and one crop for the batch
        shape = (4,) if alone else (pictures, *network.shape(name))
        if name not in draws:
            raise RunError(
                f"layer '{name}': training needs its draw, {what} of shape {shape}; "
                "draws=None is test time"
            )
        draw = _shaped(f"draw '{name}'", draws[name], shape)
        if isinstance(network[name], Dropout) and not np.isin(draw, (0, 1)).all():
            raise RunError(f"draw '{name}' holds more than 0 and 1; a mask is only these")
        if what == UNIFORM and not ((draw >= 0) & (draw < 1)).all():
            raise RunError(f"draw '{name}' leaves 0 … 1; its numbers lie from 0 on and below 1")
        checked[name] = draw
    return checked


def checked_seeds(network: Network, outputs: Given, seeds: Given | None) -> dict[str, Array]:
    """The gradients that backward starts from: as given, or coefficient / N at every loss."""
    if seeds is not None:
        _refuse_unknown("seed", seeds, list(outputs))
        return {
            name: _shaped(f"seed '{name}'", seed, outputs[name].shape)
            for name, seed in seeds.items()
        }
    losses = [layer for layer in network if isinstance(layer, Loss) and layer.name in outputs]
    if not losses:
        raise RunError(
            f"outputs of network '{network.name}' hold no loss to differentiate; "
            "give forward the labels, or give seeds"
        )
    shapes = {layer.name: outputs[layer.name].shape for layer in losses}
    return {
        layer.name: np.full(shapes[layer.name], layer.coefficient / shapes[layer.name][0])
        for layer in losses
    }


def check_labels(layer: Layer, reads: list[Array]) -> None:
    """Losses that index by their labels need them whole and below the class count."""
    if not isinstance(layer, LogisticLoss | SubsetSoftmaxLoss):
        return
    labels, classes = reads[0].ravel(), reads[1][0].size
    wrong = labels[(labels != np.floor(labels)) | (labels < 0) | (labels >= classes)]
    if wrong.size:
        raise RunError(
            f"layer '{layer.name}': label {wrong[0]:g} is none of its {classes} classes; "
            f"labels are whole numbers 0 … {classes - 1}"
        )


def _draw_of(layer: Layer) -> str | None:
    if isinstance(layer, Dropout) and layer.enabled:
        return "a mask of 0 and 1"
    if isinstance(layer, Activation) and layer.function == "noisy-relu":
        return "standard normal noise"
    if isinstance(layer, RandomPool | RandomScale):
        return UNIFORM
    return None


def _batch(layer: Input, values: NDArray[Any]) -> Array:
    """(N, C, H, W); labels may leave off the trailing ones of their shape."""
    shape = layer.shape
    full = values
    if layer.content == "labels" and 1 <= values.ndim < 4 and all(n == 1 for n in shape[1:]):
        full = values.reshape(*values.shape, *[1] * (4 - values.ndim))
    if full.ndim != 4 or full.shape[1:] != shape or not len(full):
        raise RunError(
            f"input '{layer.name}' has shape {values.shape}; it must be "
            f"(N, {', '.join(map(str, shape))}), N at least 1"
        )
    return full.astype(np.float64)


def _shaped(what: str, values: NDArray[Any], shape: tuple[int, ...]) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise RunError(f"{what} has shape {array.shape}; it must be {shape}")
    return array


def _refuse_unknown(what: str, given: Given, known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise RunError(f"no layer takes the {what} '{name}'{nearest(name, known)}")
