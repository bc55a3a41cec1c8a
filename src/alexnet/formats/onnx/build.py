"""A network in the making from a foreign graph: what each name stands for, and the layers so far.
What operators mean is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import Notes, shown
from alexnet.formats.onnx.model import Model, Node
from alexnet.formats.onnx.tensors import Tensor
from alexnet.formats.onnx.values import Known, Prepared, Sizes, Value
from alexnet.network.layers import Layer
from alexnet.network.placement import place
from alexnet.network.shapes import LayerError, Shape
from alexnet.network.spec import NAME

UNLAWFUL = re.compile(r"[^A-Za-z0-9_/+-]+")
GENERATED = re.compile(r"^/+|_output_0$|:0$")
"""What exporters put before and behind a name."""

STEM = re.compile(r"[._/:](weights?|kernel|filters?|w|W)(_\d+)?(/read)?(:0)?$")
"""What weights are called behind the name of their layer."""

MOST_LAYERS = 2_000
MOST_NUMBERS = 2**20
"""Of a constant that is looked into, as scales and shapes are."""


class Common(TypedDict):
    """What every layer has."""

    name: str
    reads: tuple[str, ...]
    source: str


@dataclass(eq=False)
class Build:
    """What was made so far.

    Attributes:
        model: what is read.
        uses: how many nodes read a name, or the graph gives it.
        batch: pictures at a time, None where that is left open.
        picture: the input layer's name.
        values: what the names stand for.
        layers, shapes: ours by name, in order.
        learned: their arrays by name.
        wanted: what layers are called in the file.
        prepared: what was done to the picture that the first layer reads.
        notes: what a network cannot hold.
    """

    model: Model
    uses: Mapping[str, int]
    batch: int | None = None
    picture: str = ""
    values: dict[str, Known] = field(default_factory=dict[str, Known])
    layers: dict[str, Layer] = field(default_factory=dict[str, Layer])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    learned: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    wanted: dict[str, str] = field(default_factory=dict[str, str])
    prepared: Prepared | None = None
    notes: Notes = field(default_factory=Notes)

    # --- what a node reads ------------------------------------------------------------------------

    def known(self, node: Node, index: int) -> Known | None:
        """What an input stands for; None where it is left out."""
        name = node.inputs[index] if index < len(node.inputs) else ""
        return self.values[name] if name else None

    def value(self, node: Node, index: int = 0) -> Value:
        """An input that depends on the picture."""
        found = self.known(node, index)
        if not isinstance(found, Value):
            what = "is missing" if found is None else "is constant"
            raise self.error(node, f"its input {index} {what}; it must be what a layer gives")
        return found

    def maps(self, node: Node, index: int = 0) -> Value:
        """An input of rows and columns, whole."""
        found = self.value(node, index)
        if not found.is_maps:
            raise self.error(node, f"reads {self.said(found)}; it must be whole maps")
        return found

    def units(self, node: Node, index: int = 0) -> Value:
        """An input of (N, units), whole."""
        found = self.value(node, index)
        if len(found.view) != 1 or not found.is_whole or found.sets != 1:
            raise self.error(node, f"reads {self.said(found)}; it must be N×units")
        return found

    def said(self, value: Value) -> str:
        """A value for a message."""
        if value.channels is not None:
            return f"some channels of '{value.layer}', which only a convolution does here"
        if value.spans is not None:
            return f"'{value.layer}' padded or cut, which only a convolution or a pool does here"
        order = ", the channels last" if value.is_turned else ""
        return f"'{value.layer}' as {value.sides}{order}"

    def tensor(self, node: Node, index: int) -> Tensor | None:
        """An input that is constant numbers; None where it is left out."""
        found = self.known(node, index)
        if found is None or isinstance(found, Tensor):
            return found
        raise self.error(node, f"its input {index} is computed in the graph; it must be constant")

    def weights(self, node: Node, index: int) -> Tensor:
        """An input that is learned."""
        found = self.tensor(node, index)
        if found is None:
            raise self.error(node, f"its input {index} is missing; it must be the weights")
        if not found.is_real or not found.size:
            raise self.error(
                node, f"its weights are {found.size:,} numbers of {found.dtype}; they must be real"
            )
        return found

    def numbers(self, node: Node, index: int) -> NDArray[np.generic] | None:
        """The numbers of a small constant."""
        found = self.tensor(node, index)
        if found is not None and found.size > MOST_NUMBERS:
            raise self.error(node, f"its input {index} holds {found.size:,} numbers, too many")
        return None if found is None else found.load()

    def number(self, node: Node, index: int, default: float) -> float:
        """A constant that is one number."""
        found = self.numbers(node, index)
        if found is None:
            return default
        if found.size != 1:
            raise self.error(node, f"its input {index} holds {found.size:,} numbers; one is read")
        return float(found.reshape(())[()])

    def sizes(self, node: Node, index: int) -> Sizes | None:
        """A shape, axes or places, computed or constant."""
        found = self.known(node, index)
        if found is None or isinstance(found, tuple):
            return found
        if isinstance(found, Value) or found.is_real or found.size > 4096:
            raise self.error(node, f"its input {index} is no short list of whole numbers")
        return tuple(int(number) for number in found.load().reshape(-1))

    # --- what it makes ----------------------------------------------------------------------------

    def give(self, node: Node, known: Known) -> None:
        """What a node's output stands for."""
        if isinstance(known, Value):
            known = replace(known, private=known.private and self.uses[node.outputs[0]] == 1)
        self.values[node.outputs[0]] = known

    def add(self, node: Node, layer: Layer, view: tuple[int, ...] | None = None) -> Value:
        """One more layer, whose output the node's is, in its own shape where none is said.

        Raises:
            FormatError: it does not fit what it reads, or there are too many.
        """
        value = self.place(node, layer)
        value = value if view is None else value.viewed(view)
        self.give(node, value)
        return value

    def place(self, node: Node, layer: Layer) -> Value:
        """One more layer, whose output has no name in the graph yet."""
        if len(self.layers) >= MOST_LAYERS:
            raise self.error(
                node, f"is one layer more than {MOST_LAYERS:,}, the most that are read"
            )
        try:
            placed = place(layer, tuple(self.shapes[read] for read in layer.reads))
        except LayerError as wrong:
            raise self.error(node, str(wrong)) from None
        self.layers[layer.name] = layer
        self.shapes[layer.name] = placed.shape
        return Value(layer=layer.name, shape=placed.shape, view=placed.shape, private=True)

    def common(self, node: Node, *reads: Value, weights: str = "") -> Common:
        """Name, reads and place; of a layer with weights the name that they give it."""
        for value in reads:
            if value.prepared is None:
                continue
            if self.prepared not in (None, value.prepared):
                raise self.error(
                    node, "reads the picture otherwise prepared than another node does"
                )
            self.prepared = value.prepared
        stem = STEM.sub("", weights)
        return {
            "name": self.name(stem if stem != weights else node.outputs[0], node.operator),
            "reads": tuple(value.layer for value in reads),
            "source": f"{self.model.path.name}, {node.called}",
        }

    def name(self, wanted: str, otherwise: str) -> str:
        """A lawful name that no other layer has, as like the wanted one as can be."""
        lawful = UNLAWFUL.sub("_", GENERATED.sub("", wanted[:200])) or otherwise
        if not NAME.fullmatch(lawful):
            lawful = "_" + lawful
        name, number = lawful, 2
        while name in self.layers:
            name, number = f"{lawful}_{number}", number + 1
        self.wanted[name] = wanted
        return name

    def note_names(self) -> None:
        """Says which names are not as in the file."""
        for name in self.layers:
            if self.wanted[name] != name:
                wanted = shown(self.wanted[name])
                self.notes.group("names that are not so here", f"'{wanted}' is {name}")

    def error(self, node: Node, sentence: str) -> FormatError:
        """A FormatError that names the file and the node."""
        return FormatError(f"{self.model.path}: {node.called}: {sentence}")

    # --- settings ---------------------------------------------------------------------------------

    def integer(self, node: Node, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        found = node.attributes.get(name, default)
        if not isinstance(found, int):
            raise self.error(node, f"its '{name}' must be a whole number")
        return found

    def real(self, node: Node, name: str, default: float) -> float:
        """An attribute that is a finite number."""
        found = node.attributes.get(name, default)
        if not isinstance(found, float) or not np.isfinite(found):
            raise self.error(node, f"its '{name}' must be a finite number")
        return decimal(found)

    def integers(self, node: Node, name: str) -> tuple[int, ...] | None:
        """An attribute that is several whole numbers; None where it is left out."""
        found = node.attributes.get(name)
        if found is None:
            return None
        if isinstance(found, tuple) and all(isinstance(each, int) for each in found):
            return tuple(int(each) for each in found[:4096])
        raise self.error(node, f"its '{name}' must be whole numbers")

    def text(self, node: Node, name: str, default: str) -> str:
        """An attribute that is a word."""
        found = node.attributes.get(name, default)
        if not isinstance(found, str):
            raise self.error(node, f"its '{name}' must be a word")
        return found


def decimal(number: float) -> float:
    """A number of single precision as a person wrote it: the shortest that rounds to it."""
    return float(str(np.float32(number)))
