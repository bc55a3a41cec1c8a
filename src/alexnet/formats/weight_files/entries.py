"""What weight files hold, layer by layer: the dict of an .npy, as the TensorFlow ports of AlexNet
keep it, and the named arrays of an .npz.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np

from alexnet.formats.archive import RATIO, SMALL, mapped, members, shown, unpacked
from alexnet.formats.arrays_in_order import native
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.safe_pickle import is_dict, is_list, is_tuple, text, told
from alexnet.formats.weight_files.npy import is_npy, read_array, read_object

Layout = Literal["ours", "tensorflow"]
"""How the axes of weights lie: "ours" is Caffe's and torch's too, [outputs, inputs, ...]."""

OWN = re.compile(r"(.+)\.(?:weight(?:_[0-9]+)?|inner|bias)")
"""Names as `arithmetic.network_parameters` gives them."""

TENSORFLOW = re.compile(
    r"(?P<layer>.+?)[/_](?:(?P<weight>weights?|kernel|W|w)|(?P<bias>biases|bias|b))(?::0)?"
)
"""Names of variables: conv1/weights, conv1/kernel:0, conv1_W."""

WEIGHT, BIAS = ("weights", "weight", "kernel", "W"), ("biases", "bias", "b")


@dataclass(frozen=True, slots=True)
class Entries:
    """The arrays of a file.

    Attributes:
        layout: of all of them.
        arrays: by our names, `conv1.weight` and `conv1.bias`, axes as in the layout.
    """

    layout: Layout
    arrays: Mapping[str, Array] = field(repr=False)


def read_entries(path: Path) -> Entries:
    """The arrays of a file by their layers.

    The pickled dict of an .npy, and an .npz with names like `conv1/weights`, have TensorFlow's
    layout; an .npz with a checkpoint's own names, `conv1.weight`, has ours.

    Raises:
        FormatError: damaged, asking to run something, or named otherwise.
    """
    data = mapped(path)
    if is_npy(data[:8]):
        return Entries("tensorflow", _from_dict(read_object(data, str(path)), path))
    return _from_archive(data, path)


def _from_dict(content: object, path: Path) -> dict[str, Array]:
    if not is_dict(content) or not content:
        raise FormatError(f"{path}: holds {told(content)}; weights are kept in a dict of layers")
    found: dict[str, Array] = {}
    for key, value in content.items():
        layer = text(key)
        if layer is None:
            raise FormatError(f"{path}: holds a layer called {told(key)}; names are text")
        for name, part in _parts(value, f"{path}: layer {shown(layer)}").items():
            found[f"{layer}.{name}"] = part
    return found


def _parts(value: object, where: str) -> dict[str, Array]:
    """[weights, biases], or a dict of both."""
    if is_dict(value):
        named = {text(key): part for key, part in value.items()}
        weight = next((named.pop(name) for name in WEIGHT if name in named), None)
        bias = next((named.pop(name) for name in BIAS if name in named), None)
        parts: list[object] = [part for part in (weight, bias) if part is not None]
        if weight is None or named:
            parts = []
    else:
        parts = list(value) if is_list(value) or is_tuple(value) else []
    if not 1 <= len(parts) <= 2:
        raise FormatError(f"{where} is {told(value)}; it must be its weights and its biases")
    return {
        name: _numbers(part, f"{where}, {name}")
        for name, part in zip(("weight", "bias"), parts, strict=False)
    }


def _numbers(value: object, where: str) -> Array:
    if not isinstance(value, np.ndarray):
        raise FormatError(f"{where} is {told(value)}; it must be an array")
    array = cast("Array", value)
    if array.dtype.kind != "f" or not array.size:
        raise FormatError(f"{where} is {told(array)}; weights are floating-point numbers")
    return native(array)


def _from_archive(data: mmap.mmap, path: Path) -> Entries:
    found = members(data, path)
    if sum(member.size for member in found.values()) > RATIO * len(data) + SMALL:
        raise FormatError(f"{path}: would unpack to more than {RATIO} times its size")
    arrays: dict[str, Array] = {}
    for name, member in found.items():
        where = f"{path}: {shown(name)}"
        if not name.endswith(".npy"):
            raise FormatError(f"{where} is no array; an .npz of weights holds nothing else")
        key = name.removesuffix(".npy")
        if member.packed:
            arrays[key] = read_array(unpacked(data, member, path), where)
        else:
            arrays[key] = read_array(data, where, member.start, member.stop)
    if all(OWN.fullmatch(name) for name in arrays):
        return Entries("ours", arrays)
    return Entries("tensorflow", _renamed(arrays, path))


def _renamed(arrays: Mapping[str, Array], path: Path) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        match = TENSORFLOW.fullmatch(name)
        if match is None:
            raise FormatError(
                f"{path}: holds an array called {shown(name)}; names of weights are like"
                " 'conv1/weights' and 'conv1_W', or all as a checkpoint's, 'conv1.weight'"
            )
        own = f"{match['layer']}.{'weight' if match['weight'] else 'bias'}"
        if own in found:
            raise FormatError(f"{path}: holds two arrays for {shown(own)}")
        found[own] = array
    return found
