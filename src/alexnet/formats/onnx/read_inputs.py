"""The picture that a foreign model takes, and what it does to it before any layer, as the input
layer and the input contract.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.onnx.build import Build, decimal
from alexnet.formats.onnx.model import Entry
from alexnet.formats.onnx.own import PIXEL_FORMAT, PIXEL_FORMATS, PIXEL_RANGE, PIXEL_RANGES
from alexnet.formats.onnx.tensors import Tensor
from alexnet.formats.onnx.values import Prepared, Value
from alexnet.network.contract import ChannelOrder, ContractError, InputContract
from alexnet.network.layers import Input
from alexnet.network.shapes import Shape

BYTES = 2
REAL = (1, 10, 11)
"""TensorProto.DataType: uint8; float, float16 and double."""

MOST_SIDE = 2**20


def add_picture(build: Build) -> None:
    """The input layer. Where the channels stand the sides say: three or one.

    Raises:
        FormatError: no input, several, or none of four sides that are said.
    """
    model = build.model
    pictures = [entry for entry in model.inputs if build.uses.get(entry.name)]
    if len(pictures) != 1:
        names = ", ".join(f"'{shown(entry.name)}'" for entry in model.inputs[:4]) or "none"
        raise FormatError(
            f"{model.path}: its output needs {len(pictures)} inputs (there are: {names}); one, the"
            " picture, is read"
        )
    entry = pictures[0]
    shape, last = _shape(entry, build)
    batch = entry.sides[0] if entry.sides else None
    build.batch = batch if batch and batch > 0 else None
    build.picture = build.name(entry.name, "data")
    layer = Input(name=build.picture, shape=shape, source=model.path.name)
    build.layers[layer.name] = layer
    build.shapes[layer.name] = shape
    channels = shape[0]
    prepared = Prepared((1.0,) * channels, (0.0,) * channels, order=tuple(range(channels)))
    view = (*shape[1:], channels) if last else shape
    build.values[entry.name] = Value(
        layer=layer.name,
        shape=shape,
        view=view,
        last=last,
        prepared=prepared,
        of_bytes=entry.type == BYTES,
    )


def _shape(entry: Entry, build: Build) -> tuple[Shape, bool]:
    """Channels, rows and columns, and whether the channels stand last."""
    sides = entry.sides or ()
    said = "×".join("?" if side is None else str(side) for side in sides[:6]) or "no shape"
    where = f"{build.model.path}: input '{shown(entry.name)}'"
    if entry.type not in (BYTES, *REAL):
        raise FormatError(f"{where} is of type {entry.type}; pictures are real numbers or bytes")
    rest = [side or 0 for side in sides[1:]]
    if len(sides) != 4 or not all(0 < side <= MOST_SIDE for side in rest):
        raise FormatError(
            f"{where} is {said}; it must be N×channels×rows×columns, all but N said outright"
        )
    first, second, third = rest
    if third in (1, 3) and first not in (1, 3):
        return (third, first, second), True
    return (first, second, third), False


def contract_of(build: Build) -> tuple[InputContract, Array | None]:
    """What the weights expect of a picture: what the graph does to one, and what the model says.

    Raises:
        FormatError: it cannot be said, or not of so many channels.
    """
    model = build.model
    shape = build.shapes[build.picture]
    channels = shape[0]
    if channels not in (1, 3):
        raise FormatError(f"{model.path}: takes pictures of {channels} channels; 3 or 1 are read")
    first = next(entry for entry in model.inputs if build.uses.get(entry.name))
    prepared = build.prepared
    assert prepared is not None, "some layer reads the picture"
    order = _order(prepared, channels, build)
    maximum = _maximum(prepared, first, build)
    # the graph's own units; a division by 255 makes them those of white as 1
    unit = 255.0 if prepared.of_one and maximum == 255.0 else 1.0
    image = None if prepared.image is None else _image(prepared, unit, build)
    mean = tuple(decimal(value / unit) for value in prepared.mean)
    deviation = tuple(decimal(1 / (scale * unit)) for scale in prepared.scale)
    if not any(mean) and set(deviation) == {1.0}:
        build.notes.add(
            "the file subtracts no mean in its graph; what is subtracted before is not said"
        )
    try:
        return InputContract(
            channel_order=order,
            pixel_maximum=maximum / unit,
            mean=mean if any(mean) and image is None else (),
            mean_image=image is not None,
            deviation=() if set(deviation) == {1.0} else deviation,
        ), image
    except ContractError as error:
        raise FormatError(f"{model.path}: {error}") from None


def _order(prepared: Prepared, channels: int, build: Build) -> ChannelOrder:
    """The order in which the first layer meets the channels."""
    said = PIXEL_FORMATS.get(build.model.metadata.get(PIXEL_FORMAT, ""))
    if channels == 1:
        return "grey"
    if said not in ("RGB", "BGR"):
        build.notes.add("the order of the channels is not said; RGB is assumed")
        said = "RGB"
    if prepared.order == (0, 1, 2):
        return said
    if prepared.order == (2, 1, 0):
        return "BGR" if said == "RGB" else "RGB"
    raise FormatError(
        f"{build.model.path}: puts the picture's channels in the order {list(prepared.order)};"
        " RGB and BGR are read"
    )


def _maximum(prepared: Prepared, entry: Entry, build: Build) -> float:
    """What a white pixel is worth as it enters the graph."""
    said = PIXEL_RANGES.get(build.model.metadata.get(PIXEL_RANGE, ""))
    if entry.type == BYTES:
        return 255.0
    if said is not None:
        return said
    if prepared.of_one:
        return 255.0
    small = 0 < max(prepared.mean) <= 1 and min(prepared.scale) >= 1
    build.notes.add(
        f"what a white pixel is worth is not said; {1 if small else 255} is assumed"
        + (", for the mean that is subtracted is below 1" if small else "")
    )
    return 1.0 if small else 255.0


def _image(prepared: Prepared, unit: float, build: Build) -> Array:
    assert prepared.image is not None, "the caller has looked"
    check_real(prepared.image, build)
    image = cast("Array", prepared.image.load())
    return image if unit == 1.0 else (image / unit).astype(np.float32)


def check_real(tensor: Tensor, build: Build) -> None:
    """Refuses a tensor whose numbers are no floating-point ones."""
    if not tensor.is_real:
        raise FormatError(
            f"{build.model.path}: '{shown(tensor.name)}' holds {tensor.dtype}; weights and pictures"
            " are real numbers"
        )
