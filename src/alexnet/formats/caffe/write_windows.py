"""Pooling and the norms as Caffe's: its windows begin in equal padding on both edges and are
counted up, so that some need one more layer.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from alexnet.formats.caffe.draft import Blob, Draft
from alexnet.formats.caffe.write_units import write_scaled
from alexnet.formats.variants.carrying import refuse
from alexnet.network.layers import (
    AveragePool,
    CrossMapNorm,
    MaxPool,
    Pool,
    RandomPool,
    Window,
    WithinMapNorm,
)
from alexnet.network.shapes import Shape
from alexnet.network.sizes import Side, side

Sides = tuple[Side, Side]
Divisor = Literal["inside", "padded", "window", "one"]


def write_max_pool(draft: Draft, layer: MaxPool) -> None:
    """The largest of each window."""
    if layer.by_magnitude:
        refuse(draft.network, layer, "Caffe has no pooling by magnitude")
    _pooling(draft, layer, "MAX", layer.name, _left_over(draft, layer))


def write_average_pool(draft: Draft, layer: AveragePool | RandomPool) -> None:
    """The mean of each window, whose divisor must be Caffe's, or so many times it everywhere; of a
    random pool what its draws expect.
    """
    name, rest = layer.name, _left_over(draft, layer)
    divisor: Divisor = "inside"
    if isinstance(layer, AveragePool):
        divisor = layer.divisor
    else:
        draft.notes.group("a random pool is written as the mean that it is at test time", name)
    factor = _factor(draft, layer, divisor)
    if factor is None:
        refuse(
            draft.network,
            layer,
            f"its average divides by '{divisor}', and Caffe by the map and its padding; at the"
            " edges they differ",
        )
    if factor == 1:
        _pooling(draft, layer, "AVE", name, rest)
        return
    inner = draft.inner(name, "mean")
    _pooling(draft, layer, "AVE", inner, rest)
    write_scaled(draft, name, inner, factor)
    draft.blobs[name] = Blob(name)


def _laid(draft: Draft, layer: Pool) -> tuple[Sides, Shape]:
    """How a layer's windows lie along rows and columns, and over what."""
    network = draft.network
    return network.placed[layer.name].sides[0], network.shape(layer.reads[0])


def _left_over(draft: Draft, layer: Pool) -> int:
    """How many windows more Caffe lays along each side than the layer has."""
    sides, shape = _laid(draft, layer)
    window = layer.window
    why = "its windows do not begin where Caffe's can"
    if len({one.before for one in sides}) > 1 or not 0 <= sides[0].before < window.size:
        refuse(draft.network, layer, why)
    try:
        rests = {
            side("caffe", "pool", n, window.size, window.stride, one.before).outputs - one.outputs
            for one, n in zip(sides, shape[1:], strict=True)
        }
    except ValueError as error:
        refuse(draft.network, layer, str(error))
    if len(rests) > 1 or min(rests) < 0:
        refuse(
            draft.network, layer, "Caffe would lay fewer windows, or not as many along each side"
        )
    return rests.pop()


def _pooling(
    draft: Draft, layer: Pool, method: Literal["MAX", "AVE"], name: str, rest: int
) -> None:
    """The layer, and behind it what drops the windows that Caffe has beyond the others."""
    window, before = layer.window, _laid(draft, layer)[0][0].before
    settings: dict[str, int | str] = {"pool": method, "kernel_size": window.size}
    if before:
        settings["pad"] = before
    settings["stride"] = window.stride
    own = draft.inner(name, "all") if rest else name
    draft.add("Pooling", own, [draft.map(layer.reads[0])], "pooling_param", settings)
    if rest:
        channels = draft.network.shape(layer.name)[0]
        weight = np.zeros((channels, 1, rest + 1, rest + 1), np.float32)
        weight[:, :, 0, 0] = 1
        draft.add(
            "Convolution",
            name,
            [own],
            "convolution_param",
            {
                "num_output": channels, "bias_term": False, "kernel_size": rest + 1,
                "group": channels,
            },
            [weight],
            fixed=True,
        )  # fmt: skip
        draft.notes.group(
            "Caffe lays a further window at the far edge; a convolution with one weight of 1 drops"
            " it",
            layer.name,
        )
    draft.blobs[layer.name] = Blob(name)


def _factor(draft: Draft, layer: AveragePool | RandomPool, divisor: Divisor) -> float | None:
    """What Caffe's mean is multiplied by to be ours; None where that differs among places."""
    sides, shape = _laid(draft, layer)
    window, counts = layer.window, list[list[tuple[int, int]]]()
    same = layer.rule == "same"
    for one, pixels in zip(sides, shape[1:], strict=True):
        counts.append(
            [
                (
                    _covered(start, window, -one.before, pixels + one.before),
                    _ours(start, window, one, pixels, divisor, same=same),
                )
                for start in range(
                    -one.before, one.outputs * window.stride - one.before, window.stride
                )
            ]
        )
    rows, columns = counts
    factors = {(a * c) / (b * d) for a, b in rows for c, d in columns}
    return factors.pop() if len(factors) == 1 else None


def _ours(
    start: int, window: Window, one: Side, pixels: int, divisor: Divisor, *, same: bool
) -> int:
    """What we divide by along one side, for a window that starts there."""
    match divisor:
        case "one":
            return 1
        case "window":
            return window.size
        case "inside":
            return _covered(start, window, 0, pixels)
        case "padded":
            far = one.after if same else one.before
            return _covered(start, window, -one.before, pixels + max(far, 0))


def _covered(start: int, window: Window, first: int, end: int) -> int:
    """How many of the places from `first` to before `end` a window covers."""
    return min(start + window.size, end) - max(start, first)


def write_norm(draft: Draft, layer: CrossMapNorm | WithinMapNorm) -> None:
    """An LRN with k = 1, times k to the power of −beta: within a map Caffe has no other k, and
    OpenCV knows none at all.
    """
    name = layer.name
    if layer.size % 2 == 0:
        refuse(draft.network, layer, f"its size is {layer.size}; Caffe takes odd ones only")
    if isinstance(layer, CrossMapNorm) and layer.blocked:
        refuse(draft.network, layer, "its neighbourhoods are fixed blocks, which Caffe has not")
    if isinstance(layer, CrossMapNorm) and layer.groups > 1:
        refuse(draft.network, layer, "it stays within groups of maps; Caffe's knows none")
    across = isinstance(layer, CrossMapNorm)
    alpha = layer.alpha
    if not layer.alpha_divided:
        alpha *= layer.size if across else layer.size**2
    settings: dict[str, int | float | str] = {
        "local_size": layer.size, "alpha": alpha / layer.k, "beta": layer.beta,
    }  # fmt: skip
    if not across:
        settings["norm_region"] = "WITHIN_CHANNEL"
    own = name if layer.k == 1 else draft.inner(name, "of_one")
    draft.add("LRN", own, [draft.map(layer.reads[0])], "lrn_param", settings)
    if layer.k != 1:
        write_scaled(draft, name, own, layer.k**-layer.beta)
        draft.notes.group("a norm with k of 1, and its output times k to the power of −beta", name)
    draft.blobs[name] = Blob(name)
