"""The same checkpoint for pictures from which something else is subtracted, or nothing: the first
biases take up the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alexnet.formats.checkpoint import Array, Checkpoint, FormatError
from alexnet.formats.variants.carrying import Vector, refuse
from alexnet.formats.variants.pictures import only_picture, untrained
from alexnet.formats.variants.weights import rounded
from alexnet.network.arithmetic import weight_names
from alexnet.network.contract import ContractError
from alexnet.network.layers import Conv, FullyConnected, Kernel, Layer, Local, TreeConnected
from alexnet.network.sizes import Side
from alexnet.network.spec import Network

Sides = tuple[Side, Side]


def with_mean(
    checkpoint: Checkpoint, mean: tuple[float, ...] | Array, *, unshared: bool = False
) -> Checkpoint:
    """The checkpoint for pictures from which `mean` is subtracted.

    One bias per filter is exact only where the filter meets the same difference at every place: a
    mean per channel, and no window over the border, where padding's zeros stand in for pixels from
    which the mean was taken already. A bias per place is exact always.

    Args:
        checkpoint: of any mean.
        mean: () for none, a number for all channels or one per channel, or an image of (channels,
            height, width) at least the picture's size; in the contract's order and units.
        unshared: whether a convolution may be given a bias per place.

    Raises:
        FormatError: a layer's bias cannot take up the difference; names it, and says what could.
    """
    network, contract = checkpoint.network, checkpoint.contract
    image = mean if isinstance(mean, np.ndarray) else None
    try:
        wanted = replace(
            contract,
            mean=mean if isinstance(mean, tuple) else (),
            mean_image=image is not None,
        )
    except ContractError as error:
        raise FormatError(f"network '{network.name}': {error}") from None
    changed = replace(checkpoint, contract=wanted, mean_image=image)
    more = _plane(changed) - _plane(checkpoint)  # what was not subtracted before, and is now
    if not more.any():
        return changed
    deviation = np.asarray(contract.deviation or 1.0, np.float64).reshape(-1, 1, 1)
    difference = _Difference(more / deviation, only_picture(network).name, unshared)
    arrays, layers = dict(checkpoint.arrays), list[Layer]()
    for layer in network:
        if difference.picture in layer.reads:
            layers.append(_taken_up(layer, difference, network, arrays))
        else:
            layers.append(layer)
    return replace(
        untrained(changed), network=replace(network, layers=tuple(layers)), arrays=arrays
    )


@dataclass(frozen=True, eq=False)
class _Difference:
    """What the first layers no longer see.

    Attributes:
        plane: (channels, height, width), float64.
        picture: the input's name.
        unshared: whether a bias may become one per place.
    """

    plane: Vector
    picture: str
    unshared: bool

    @property
    def is_flat(self) -> bool:
        """Whether it is the same at every place."""
        return bool((self.plane == self.plane[:, :1, :1]).all())


def _plane(checkpoint: Checkpoint) -> Vector:
    """What is subtracted, (channels, height, width) in float64; of a larger image the centre."""
    shape, mean = checkpoint.network.picture.shape, checkpoint.contract.mean
    image = checkpoint.mean_image
    if image is None:
        return np.broadcast_to(np.asarray(mean or 0.0, np.float64).reshape(-1, 1, 1), shape)
    top, left = ((image.shape[axis] - shape[axis]) // 2 for axis in (1, 2))
    return image[:, top : top + shape[1], left : left + shape[2]].astype(np.float64)


def _taken_up(
    layer: Layer, difference: _Difference, network: Network, arrays: dict[str, Array]
) -> Layer:
    """The layer, perhaps with another kind of bias; its bias in `arrays` is replaced."""
    name = f"{layer.name}.bias"
    if isinstance(layer, Conv | Local):
        shift = _weighted(layer, difference, network, arrays)
        owned = layer if layer.bias == "unshared" else _rebiased(layer, difference, network)
        if owned.bias == "shared":
            shift = shift[:, 0, 0]
    elif isinstance(layer, FullyConnected) and layer.bias == "shared":
        owned, shift = layer, _dense(layer, difference, network, arrays)
    else:
        why = "it reads the picture and has no bias to take up the mean"
        if isinstance(layer, TreeConnected):
            why = "its weights are sums along a tree, which are not folded with a mean"
        refuse(network, layer, why)
    arrays[name] = _biased(name, layer, shift, arrays)
    return owned


def _rebiased(layer: Conv | Local, difference: _Difference, network: Network) -> Conv | Local:
    """The layer with the kind of bias that is exact: as it is, or one per place.

    Raises:
        FormatError: that is not allowed.
    """
    placed = network.placed[layer.name]
    sides = [
        (kernel, sides)
        for read, kernel, sides in zip(layer.reads, layer.kernels, placed.sides, strict=True)
        if read == difference.picture
    ]
    places = placed.shape[1] * placed.shape[2]
    reaching = max(places - _within(kernel, both, network.picture.shape) for kernel, both in sides)
    why = ""
    if isinstance(layer, Local):
        why = "its weights differ from place to place"
    elif not difference.is_flat:
        why = "the mean differs from place to place"
    elif reaching:
        why = (
            f"{reaching:,} of its {places:,} windows reach over the picture's border, where zeros"
            " stand and no mean"
        )
    elif layer.bias == "none":
        why = "it has no bias"
    if why and not difference.unshared:
        refuse(
            network,
            layer,
            f"{why}, so that a bias per filter cannot take up the mean; a bias per place (unshared)"
            " would be exact",
        )
    return replace(layer, bias="unshared") if why else layer


def _within(kernel: Kernel, sides: Sides, shape: tuple[int, int, int]) -> int:
    """How many windows lie wholly within the picture."""
    counts = [0, 0]
    for axis, side in enumerate(sides):
        for index in range(side.outputs):
            start = index * kernel.stride - side.before
            counts[axis] += start >= 0 and start + kernel.size <= shape[1 + axis]
    return counts[0] * counts[1]


def _biased(name: str, layer: Layer, shift: Vector, arrays: dict[str, Array]) -> Array:
    """The bias plus `shift`, in the type that it, or the weights, have."""
    old = arrays.get(name)
    if old is None:
        weight = next(array for key, array in arrays.items() if key.startswith(f"{layer.name}."))
        old = np.zeros(shift.shape, weight.dtype)
    if old.ndim < shift.ndim:
        old = np.broadcast_to(old.reshape(-1, 1, 1), shift.shape)
    return rounded(name, old, np.add, shift)


def _dense(
    layer: FullyConnected, difference: _Difference, network: Network, arrays: dict[str, Array]
) -> Vector:
    units = difference.plane.reshape(layer.groups, -1)
    total = np.zeros(layer.outputs)
    for read, name in zip(layer.reads, weight_names(layer, network), strict=True):
        if read == difference.picture:
            weight = arrays[name].reshape(layer.groups, -1, units.shape[1])
            total += np.einsum("gou,gu->go", weight, units).ravel()
    return total


def _weighted(
    layer: Conv | Local, difference: _Difference, network: Network, arrays: dict[str, Array]
) -> Vector:
    """What the weights make of the difference, (filters, rows, columns)."""
    total = np.zeros(network.shape(layer.name))
    for read, kernel, sides, name in zip(
        layer.reads,
        layer.kernels,
        network.placed[layer.name].sides,
        weight_names(layer, network),
        strict=True,
    ):
        if read == difference.picture:
            total += _correlated(layer, kernel, sides, difference.plane, arrays[name])
    return total


def _correlated(
    layer: Conv | Local, kernel: Kernel, sides: Sides, plane: Vector, weight: Array
) -> Vector:
    """One input's part of a convolution or local layer, zeros around the plane."""
    windows = _windows(kernel, sides, plane[list(kernel.connections) or slice(None)])
    made = np.zeros((layer.filters, *windows.shape[1:3]))
    for group in range(kernel.groups):
        seen, filters = (
            slice(group * n // kernel.groups, (group + 1) * n // kernel.groups)
            for n in (len(windows), layer.filters)
        )
        if isinstance(layer, Local):
            own = weight[:, :, filters]
            made[filters] = np.einsum("rwfcij,crwij->frw", own, windows[seen])
        else:
            own = weight[filters].astype(np.float64)
            made[filters] = np.tensordot(own, windows[seen], ((1, 2, 3), (0, 3, 4)))
    return made


def _windows(kernel: Kernel, sides: Sides, plane: Vector) -> Vector:
    """What every window sees: (channels, rows, columns, size, size)."""
    reach = [(s.outputs - 1) * kernel.stride + kernel.size for s in sides]
    framed = np.zeros(
        (
            len(plane),
            *(
                max(many, side.before + pixels)
                for many, side, pixels in zip(reach, sides, plane.shape[1:], strict=True)
            ),
        )
    )
    rows, columns = sides
    framed[
        :,
        rows.before : rows.before + plane.shape[1],
        columns.before : columns.before + plane.shape[2],
    ] = plane
    seen = sliding_window_view(framed, (kernel.size, kernel.size), axis=(1, 2))
    return seen[:, :: kernel.stride, :: kernel.stride][:, : rows.outputs, : columns.outputs]
