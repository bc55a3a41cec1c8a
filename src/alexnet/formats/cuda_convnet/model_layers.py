"""The layers of a pickled model: dicts as the original parsers left them, each value asked for by
its name and kind, in an order in which each layer reads only earlier ones.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.safe_pickle import is_dict, is_list, is_tuple, text, told

MOST_LAYERS = 2000
MOST_VALUES = 4096
"""The longest list of numbers that a layer may have; released nets have two per input."""

UNLAWFUL = re.compile(r"[^A-Za-z0-9_/+-]")

Matrix = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class ModelLayer:
    """One layer's dict.

    Attributes:
        where: the file.
        name: as a network may have it; the file's own name where that is lawful.
        kind: its `type`.
        reads: the names of what it reads, from its `inputs`.
        fields: all that the file says of it.
    """

    where: str
    name: str
    kind: str
    reads: tuple[str, ...]
    fields: Mapping[str, object] = field(repr=False)

    def error(self, sentence: str) -> FormatError:
        """An error at this layer."""
        return FormatError(f"{self.where}: layer '{self.name}': {sentence}")

    def wrong(self, key: str, wanted: str) -> FormatError:
        """An error for a value of the wrong kind."""
        return self.error(f"'{key}' is {told(self.fields.get(key))}; it must be {wanted}")

    def has(self, key: str) -> bool:
        """Whether the file says anything under this name."""
        return self.fields.get(key) is not None

    def words(self, key: str) -> str:
        """A text, "" where it lacks."""
        value = self.fields.get(key)
        found = "" if value is None else text(value)
        if found is None:
            raise self.wrong(key, "a text")
        return found

    def whole(self, key: str) -> int:
        """A whole number."""
        value = self.fields.get(key)
        if isinstance(value, int) and value.bit_length() <= 60:
            return int(value)
        raise self.wrong(key, "a whole number")

    def number(self, key: str) -> float:
        """A number."""
        value = self.fields.get(key)
        if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 60):
            return float(value)
        raise self.wrong(key, "a number")

    def items(self, key: str) -> list[object]:
        """One value for each input; the earliest files of cuda-convnet have a single one."""
        value = self.fields.get(key)
        found = list(value) if is_list(value) or is_tuple(value) else [value]
        if len(found) != len(self.reads):
            raise self.wrong(key, f"a list with a value for each of {len(self.reads)} inputs")
        return found

    def wholes(self, key: str) -> list[int]:
        """A whole number for each input."""
        values = self.items(key)
        found = [v for v in values if isinstance(v, int) and v.bit_length() <= 60]
        if len(found) != len(values):
            raise self.wrong(key, "a list of whole numbers")
        return found

    def flags(self, key: str) -> list[bool]:
        """Whether it is on, for each input."""
        return [isinstance(value, int) and bool(value) for value in self.items(key)]

    def gpus(self) -> tuple[int, ...]:
        """The GPUs that it runs on, a list of them in cuda-convnet2; () where it says none."""
        value = self.fields.get("gpu")
        values = value if is_list(value) else [value]
        return tuple(gpu for gpu in values if isinstance(gpu, int))

    def matrix(self, key: str) -> Matrix:
        """An array of floating-point numbers."""
        return self._matrix(self.fields.get(key), key)

    def matrices(self, key: str) -> list[Matrix]:
        """Such an array for each input."""
        return [self._matrix(value, key) for value in self.items(key)]

    def _matrix(self, value: object, key: str) -> Matrix:
        if not isinstance(value, np.ndarray):
            raise self.error(f"'{key}' holds {told(value)}; it must hold arrays of numbers")
        array = cast("Matrix", value)
        if array.dtype.kind == "f":
            return array
        raise self.error(f"'{key}' holds {told(array)}; it must hold floating-point numbers")


def read_layers(layers: object, where: str) -> tuple[tuple[ModelLayer, ...], tuple[str, ...]]:
    """The layers of a model in order, and notes of what was renamed.

    cuda-convnet keeps a list, whose inputs are numbers in it; the later releases a dict by name,
    which Python 2 wrote in no order.

    Raises:
        FormatError: it is neither; a layer is no dict, has no name or type, or reads what is not
            there; layers read one another in a circle.
    """
    if is_list(layers):
        values = layers
    elif is_dict(layers):
        values = list(layers.values())
    else:
        raise FormatError(
            f"{where}: its 'layers' are {told(layers)}; they must be a list or a dict"
        )
    if not 0 < len(values) <= MOST_LAYERS:
        raise FormatError(f"{where}: has {len(values):,} layers; 1 to {MOST_LAYERS} are read")
    fields = [_fields(value, where) for value in values]
    names = [_text(entries, "name", where) for entries in fields]
    if len(set(names)) != len(names):
        raise FormatError(f"{where}: two layers have the same name; names must be unique")
    lawful, notes = _lawful(names)
    found = [
        ModelLayer(
            where=where,
            name=lawful[name],
            kind=_text(entries, "type", where),
            reads=_reads(entries, name, names, lawful, where),
            fields=entries,
        )
        for name, entries in zip(names, fields, strict=True)
    ]
    return _ordered(found, _ranks(found)), notes


def _fields(value: object, where: str) -> dict[str, object]:
    if not is_dict(value):
        raise FormatError(f"{where}: a layer is {told(value)}; it must be a dict")
    return {key: entry for name, entry in value.items() if (key := text(name)) is not None}


def _text(entries: Mapping[str, object], key: str, where: str) -> str:
    found = text(entries.get(key))
    if not found or len(found) > 200 or not found.isprintable():
        raise FormatError(
            f"{where}: a layer's '{key}' is {told(entries.get(key))}; it must say one"
        )
    return found


def _lawful(names: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Names as a network may have them."""
    found: dict[str, str] = {}
    taken = set(names)
    for name in names:
        plain = UNLAWFUL.sub("_", name)
        plain = plain if re.match(r"[A-Za-z0-9_]", plain) else f"_{plain}"
        number, new = 1, plain
        while new != name and new in taken:
            number += 1
            new = f"{plain}_{number}"
        taken.add(new)
        found[name] = new
    return found, tuple(
        f"the layer '{name}' is called '{new}', which a network can write down"
        for name, new in found.items()
        if name != new
    )


def _reads(
    entries: Mapping[str, object],
    name: str,
    names: Sequence[str],
    lawful: Mapping[str, str],
    where: str,
) -> tuple[str, ...]:
    inputs = entries.get("inputs")
    if inputs is None:
        return ()
    values = inputs if is_list(inputs) or is_tuple(inputs) else [inputs]
    found: list[str] = []
    for value in values:
        if isinstance(value, int) and 0 <= value < len(names):
            found.append(lawful[names[value]])
        elif (read := text(value)) is not None and read in lawful:
            found.append(lawful[read])
        else:
            raise FormatError(
                f"{where}: layer '{lawful[name]}' reads {told(value)}; it must be one of the layers"
            )
    return tuple(found)


def _ranks(layers: list[ModelLayer]) -> dict[str, int]:
    """Where a layer comes among those that could come: where it stands, if each stands after what
    it reads; else data first, then by cuda-convnet2's numbers, or by name.
    """
    places = {layer.name: place for place, layer in enumerate(layers)}
    if all(places[read] < places[layer.name] for layer in layers for read in layer.reads):
        return places
    numbered = all(isinstance(layer.fields.get("id"), int) for layer in layers)

    def key(layer: ModelLayer) -> tuple[bool, int, list[tuple[bool, int, str]]]:
        data = layer.kind == "data"
        number = layer.fields.get("id" if numbered else "dataIdx" if data else "")
        return not data, number if isinstance(number, int) else 0, _natural(layer.name)

    return {layer.name: rank for rank, layer in enumerate(sorted(layers, key=key))}


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """By letters and numbers in turn, so that conv10 comes after conv9."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    numbers = [int(part) if re.match("[0-9]", part) else -1 for part in parts]
    return [(n < 0, n, part) for n, part in zip(numbers, parts, strict=True)]


def _ordered(layers: list[ModelLayer], ranks: Mapping[str, int]) -> tuple[ModelLayer, ...]:
    """Each layer as soon as all that it reads is there, the lowest rank first."""
    by_rank = {ranks[layer.name]: layer for layer in layers}
    waiting = {layer.name: set(layer.reads) for layer in layers}
    readers: dict[str, list[str]] = {layer.name: [] for layer in layers}
    for layer in layers:
        for read in set(layer.reads):
            readers[read].append(layer.name)
    ready = [ranks[layer.name] for layer in layers if not layer.reads]
    heapq.heapify(ready)
    order: list[ModelLayer] = []
    while ready:
        layer = by_rank[heapq.heappop(ready)]
        order.append(layer)
        for reader in readers[layer.name]:
            waiting[reader].discard(layer.name)
            if not waiting[reader]:
                heapq.heappush(ready, ranks[reader])
    if len(order) < len(layers):
        stuck = next(layer for layer in layers if waiting[layer.name])
        raise stuck.error("it reads itself, through the layers that it reads")
    return tuple(order)
