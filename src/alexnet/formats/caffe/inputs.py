"""Where Caffe's pictures and labels come from, and what is done to the pictures: input layers and
the input contract. No picture is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from alexnet.formats.caffe.blobs import blob_shape
from alexnet.formats.caffe.build import Build, error
from alexnet.formats.caffe.means import read_mean
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.selection import SOURCES
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.network.contract import ChannelOrder, InputContract
from alexnet.network.layers import Input
from alexnet.network.shapes import Shape, elements

IGNORED = ("source", "batch_size", "backend", "prefetch", "rand_skip", "shuffle", "root_folder")
MOST_SIDE = 1 << 20


@dataclass(slots=True)
class Pictures:
    """What a file says of its pictures.

    Attributes:
        message: the layer that says it; None where they are bare inputs of the net.
        scale: every pixel is multiplied by it, after the mean is subtracted.
        mean: one value, or one per channel.
        image: the mean image, where the file that is named lies beside.
        wanted: the mean file's name, where it does not.
        side: what the pictures are resized to, before any crop; 0 where nothing says so.
    """

    message: Message | None = None
    scale: float = 1.0
    mean: list[float] = field(default_factory=list[float])
    image: Array | None = None
    wanted: str = ""
    side: int = 0


def net_inputs(net: Message, build: Build) -> None:
    """The inputs that a net names itself, the way of all deploy files once."""
    names, dims = net.texts("input"), net.integers("input_dim")
    shapes = [shape.integers("dim") for shape in net.messages("input_shape")]
    if not shapes:
        shapes = [dims[i : i + 4] for i in range(0, len(dims), 4)]
    if len(shapes) == 1:
        shapes *= len(names)
    if len(shapes) != len(names):
        raise net.error(
            f"names {len(names)} inputs and has {len(shapes)} shapes; each input needs one"
        )
    for name, shape in zip(names, shapes, strict=True):
        _add(net, name, shape, build)


def input_layer(message: Message, build: Build) -> Pictures | None:
    """An Input layer; ours carry transform_param, which Caffe passes over there."""
    tops = message.texts("top")
    shapes = [x.integers("dim") for x in message.message("input_param").messages("shape")]
    if len(shapes) == 1:
        shapes *= len(tops)
    if len(shapes) != len(tops):
        raise error(message, f"has {len(tops)} tops and {len(shapes)} shapes; each top needs one")
    for top, shape in zip(tops, shapes, strict=True):
        _add(message, top, shape, build)
    if "transform_param" not in message:
        return None
    said = _transformed(message, build)
    _set_side(said)
    return said


def model_pictures(layers: Sequence[Message], build: Build) -> Pictures:
    """What the data layer of a model says of its pictures, where a definition does not."""
    for layer in layers:
        if layer.text("type") in SOURCES and "transform_param" in layer:
            said = _transformed(layer, build)
            _set_side(said)
            build.notes.add("what is done to pictures is what the data layer of the model says")
            return said
    return Pictures()


def _set_side(said: Pictures) -> None:
    """Pictures are as large as their mean image."""
    if said.image is not None and said.image.shape[1] == said.image.shape[2]:
        said.side = said.image.shape[1]


def _add(message: Message, top: str, dims: list[int], build: Build) -> None:
    """One input: N, channels, rows, columns; fewer are channels alone, or a label each."""
    if len(dims) not in (1, 2, 4) or not all(0 < side <= MOST_SIDE for side in dims):
        raise message.error(
            f"input '{shown(top)}' has shape {dims[:6]}; pictures have 4 sides: N, channels, rows,"
            " columns"
        )
    sides = [*dims[1:], 1, 1, 1][:3]
    shape: Shape = (sides[0], sides[1], sides[2])
    labels = elements(shape) == 1 and bool(build.layers)
    name = build.name(top, "data")
    layer = Input(
        name=name, shape=shape, content="labels" if labels else "picture", source=message.where
    )
    build.add(message, layer, top)


def data_layer(message: Message, layers: list[Message], build: Build) -> Pictures:
    """A layer that reads pictures, and labels with them, from a store.

    Args:
        layers: all of the net, whose arrays may tell the channels.

    Raises:
        FormatError: nothing says the size of the pictures.
    """
    tops = message.texts("top")
    if not 1 <= len(tops) <= 2:
        raise error(message, f"has {len(tops)} tops; pictures and labels are read")
    for name in list(message.fields):
        if name.endswith("_data_param") or name == "data_param":
            for below in message.messages(name):
                below.look_over(*IGNORED)
    pictures = _transformed(message, build)
    shape = _data_shape(message, pictures, tops[0], layers, build)
    picture = Input(name=build.name(tops[0], "data"), shape=shape, source=message.where)
    build.add(message, picture, tops[0])
    if len(tops) == 2:
        labels = Input(
            name=build.name(tops[1], "labels"),
            shape=(1, 1, 1),
            content="labels",
            source=message.where,
        )
        build.add(message, labels, tops[1])
    return pictures


def _transformed(message: Message, build: Build) -> Pictures:
    """What transform_param says of scale, mean and crop; mirrored pictures are training's."""
    settings = message.message("transform_param")
    settings.look_over("mirror")
    said = Pictures(message, settings.number("scale", 1.0), settings.numbers("mean_value"))
    if not said.scale > 0:
        raise error(message, f"scale is {said.scale:g}; it must be above 0")
    file = settings.text("mean_file")
    if file and said.mean:
        raise error(message, "has mean_file and mean_value; one of them is subtracted")
    if file:
        said.image = _mean_beside(file, build)
        said.wanted = "" if said.image is not None else file
    return said


def _mean_beside(file: str, build: Build) -> Array | None:
    """The mean file of that name in the folder of the file that names it, and in no other."""
    name = PurePosixPath(file.replace("\\", "/")).name
    if build.folder is None or name in ("", ".", "..") or "\0" in name or len(name) > 200:
        return None
    path = build.folder / name
    try:
        there = path.is_file()
    except OSError:
        there = False
    return read_mean(path) if there else None


def _data_shape(
    message: Message, pictures: Pictures, top: str, layers: list[Message], build: Build
) -> Shape:
    transform, memory = message.message("transform_param"), message.message("memory_data_param")
    images = message.message("image_data_param")
    resized = (images.integer("new_height", 0), images.integer("new_width", 0))
    colour = images.flag("is_color", True)
    grey, forced = transform.flag("force_gray", False), transform.flag("force_color", False)
    sides = (memory.integer("height", 0), memory.integer("width", 0))
    channels = memory.integer("channels", 0) or _dummy(message, 1)
    if not all(sides):
        sides = (_dummy(message, 2), _dummy(message, 3))
    if not all(sides):
        sides = resized
        pictures.side = resized[0] if resized[0] == resized[1] else 0
    if not all(sides) and pictures.image is not None:
        sides = (pictures.image.shape[1], pictures.image.shape[2])
        pictures.side = sides[0] if sides[0] == sides[1] else 0
    crop = transform.integer("crop_size", 0)
    sides = (crop, crop) if crop else sides
    if not all(0 < side <= MOST_SIDE for side in sides):
        raise error(
            message,
            "nothing says the size of its pictures, no crop_size and no mean image beside the file;"
            " give a deploy definition, which does, and the weights with it (--weights)",
        )
    if not channels:
        channels = 1 if grey or not colour else 3 if forced else 0
    channels = channels or _seen_channels(top, layers) or _mean_channels(pictures)
    if not channels:
        channels = 3
        build.notes.add(f"nothing says the channels of '{shown(top)}'; 3 are assumed")
    return channels, sides[0], sides[1]


def _dummy(message: Message, axis: int) -> int:
    """A side of the first top of a DummyData layer, 0 where there is none."""
    settings = message.message("dummy_data_param")
    shapes = settings.messages("shape")
    old = settings.integers(("num", "channels", "height", "width")[axis])
    dims = shapes[0].integers("dim") if shapes else []
    if len(dims) > axis:
        return dims[axis]
    return old[0] if old else 0


def _seen_channels(top: str, layers: list[Message]) -> int:
    """How many channels the first convolution over a blob sees, by its arrays; 0 if none says."""
    for layer in layers:
        if layer.text("type") != "Convolution" or top not in layer.texts("bottom"):
            continue
        blobs = layer.messages("blobs")
        shape = blob_shape(blobs[0]) if blobs else None
        if shape is not None and len(shape) == 4:
            return shape[1] * max(layer.message("convolution_param").integer("group", 1), 1)
    return 0


def _mean_channels(pictures: Pictures) -> int:
    if pictures.image is not None:
        return pictures.image.shape[0]
    return len(pictures.mean) if len(pictures.mean) == 3 else 0


# --- the contract ---------------------------------------------------------------------------------

ORDERS: dict[int, ChannelOrder] = {3: "BGR", 1: "grey"}


def contract(pictures: Pictures, shape: Shape, build: Build) -> tuple[InputContract, Array | None]:
    """What a network's weights expect: BGR of 0 to 255, minus the mean, times the scale
    (data_transformer.cpp).

    A scale of 1/255 is a white pixel of 1; any other is a deviation of 1/scale.

    Raises:
        FormatError: the pictures have neither 3 channels nor 1, or the mean not as many.
    """
    channels = shape[0]
    if channels not in ORDERS:
        raise FormatError(f"{build.where}: takes pictures of {channels} channels; 3 or 1 are read")
    mean, scale, image = tuple(pictures.mean), pictures.scale, pictures.image
    if len(mean) not in (0, 1, channels):
        assert pictures.message is not None, "a mean is said by a layer"
        raise error(
            pictures.message, f"has {len(mean)} mean_values; pictures have {channels} channels"
        )
    if pictures.wanted:
        build.notes.add(
            f"the mean image {shown(pictures.wanted)} does not lie beside the file; nothing is"
            " subtracted"
        )
    if image is not None and not _covers(image.shape, shape):
        build.notes.add(
            f"the mean image is {'×'.join(map(str, image.shape))} and the network's pictures are"
            f" {'×'.join(map(str, shape))}; nothing is subtracted"
        )
        image = None
    of_one = math.isclose(scale * 255.0, 1.0, rel_tol=float(np.finfo(np.float32).eps))
    factor = 1 / 255.0 if of_one else 1.0
    deviation = () if scale == 1 or of_one else (1 / scale,) * channels
    if pictures.message is None and not mean:
        build.notes.add("the file says no mean of its pictures; nothing is subtracted")
    return InputContract(
        channel_order=ORDERS[channels],
        pixel_maximum=1.0 if of_one else 255.0,
        mean=tuple(value * factor for value in mean),
        mean_image=image is not None,
        deviation=deviation,
        border_pixels=_border(pictures, shape, build),
    ), None if image is None else image * np.float32(factor)


def _covers(image: tuple[int, ...], shape: Shape) -> bool:
    """Whether a mean image has the pictures' channels, and no fewer rows or columns."""
    return image[0] == shape[0] and image[1] >= shape[1] and image[2] >= shape[2]


def _border(pictures: Pictures, shape: Shape, build: Build) -> int:
    """How much larger pictures are than the crop at every edge; Caffe rounds down too."""
    if shape[1] != shape[2] or pictures.side <= shape[1]:
        return 0
    if (pictures.side - shape[1]) % 2:
        build.notes.add(
            f"Caffe cuts {shape[1]} pixels out of {pictures.side}, one more behind than before; the"
            f" pictures are fitted to {pictures.side - 1} here"
        )
    return (pictures.side - shape[1]) // 2
