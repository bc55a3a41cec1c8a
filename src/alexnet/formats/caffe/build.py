"""A network in the making: Caffe's blobs, which layers may overwrite in place, and the layers that
make them, under names that are lawful here. What a layer means is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.formats.caffe.message import Message
from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import Notes, nearest, shown
from alexnet.network.layers import Layer
from alexnet.network.placement import place
from alexnet.network.shapes import LayerError, Shape
from alexnet.network.spec import NAME

UNLAWFUL = re.compile(r"[^A-Za-z0-9_/+-]")


@dataclass(frozen=True, slots=True)
class Blob:
    """What a name stands for at one place of the file.

    Attributes:
        layer: ours, whose output it is.
        flat: whether Caffe has it as a vector by now, where ours still is a map.
    """

    layer: str
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """A layer with weights: ours, and Caffe's by whose name its arrays lie in a model."""

    layer: str
    name: str
    message: Message


@dataclass(eq=False)
class Build:
    """What was made so far.

    Attributes:
        where: the file, for errors.
        folder: where a mean image may lie; None where nothing beside the file may be read.
        notes: what a network cannot hold.
        layers, shapes: ours by name, in order.
        blobs: what every blob's name stands for now.
        learned: the layers with weights.
        accuracies: of the scores that an Accuracy layer reads, the largest k of its top-k.
        taken: the names that ours have.
        numbers: of a name that several would have, the last number behind it.
    """

    where: str
    folder: Path | None
    notes: Notes
    layers: dict[str, Layer] = field(default_factory=dict[str, Layer])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    blobs: dict[str, Blob] = field(default_factory=dict[str, Blob])
    learned: list[Learned] = field(default_factory=list[Learned])
    accuracies: dict[str, int] = field(default_factory=dict[str, int])
    taken: set[str] = field(default_factory=set[str])
    numbers: dict[str, int] = field(default_factory=dict[str, int])

    def name(self, wanted: str, otherwise: str) -> str:
        """A lawful name that no other layer has, as like the wanted one as can be."""
        lawful = UNLAWFUL.sub("_", wanted) or otherwise
        if not NAME.fullmatch(lawful):
            lawful = "_" + lawful
        name, number = lawful, self.numbers.get(lawful, 1)
        while name in self.taken:
            number += 1
            name = f"{lawful}_{number}"
        self.numbers[lawful] = number
        self.taken.add(name)
        if name != wanted:
            self.notes.group(
                "names that are not lawful or not unique here", f"'{wanted}' is {name}"
            )
        return name

    def reads(self, message: Message) -> list[Blob]:
        """What a layer's bottoms stand for.

        Raises:
            FormatError: no earlier layer makes one of them.
        """
        found: list[Blob] = []
        for bottom in message.texts("bottom"):
            if bottom not in self.blobs:
                near = nearest(bottom, self.blobs)
                hint = f"; did you mean '{near}'?" if near else ""
                raise error(message, f"reads '{shown(bottom)}', which no earlier layer makes{hint}")
            found.append(self.blobs[bottom])
        return found

    def one(self, message: Message) -> Blob:
        """The only bottom of a layer."""
        reads = self.reads(message)
        if len(reads) != 1:
            raise error(message, f"has {len(reads)} bottoms; layers of its type have one")
        return reads[0]

    def top(self, message: Message) -> str:
        """The only top of a layer; further ones are refused."""
        tops = message.texts("top")
        if len(tops) != 1:
            raise error(message, f"has {len(tops)} tops; one is read")
        return tops[0]

    def add(self, message: Message, layer: Layer, top: str, *, flat: bool = False) -> None:
        """One more layer, whose output `top` stands for from now on.

        Raises:
            FormatError: it does not fit what it reads.
        """
        try:
            placed = place(layer, tuple(self.shapes[read] for read in layer.reads))
        except LayerError as wrong:
            raise error(message, str(wrong)) from None
        self.taken.add(layer.name)
        self.layers[layer.name] = layer
        self.shapes[layer.name] = placed.shape
        self.blobs[top] = Blob(layer.name, flat)

    def is_vector(self, blob: Blob) -> bool:
        """Whether a blob holds one number per channel, as a map or as a vector."""
        return self.shapes[blob.layer][1:] == (1, 1)


def error(message: Message, sentence: str) -> FormatError:
    """A FormatError that names the place, the layer and its type."""
    name, kind = shown(message.text("name")), shown(message.text("type"))
    return message.error(f"layer '{name}' of type {kind or 'none'}: {sentence}")
