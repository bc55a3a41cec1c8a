"""A net of Caffe's in the making: its layers in order, and what blob each layer of ours became.
What a layer means is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alexnet.formats.caffe.blobs import blob_message
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.schema import BY_NAME
from alexnet.formats.checkpoint import Array, Arrays
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.network.spec import Network

Setting = bool | int | float | str | Sequence[int] | Sequence[float] | Message
Settings = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Blob:
    """What a layer of ours is in Caffe.

    Attributes:
        name: the blob's.
        vector: whether it has two axes, pictures and units, as after an InnerProduct; else four.
    """

    name: str
    vector: bool = False


@dataclass(eq=False)
class Draft:
    """What was made so far.

    Attributes:
        network, arrays: what is written.
        notes: what Caffe has otherwise than a network.
        layers: Caffe's, in order, their arrays in them.
        blobs: of each layer of ours that was written.
    """

    network: Network
    arrays: Arrays
    notes: Notes
    layers: list[Message] = field(default_factory=list[Message])
    blobs: dict[str, Blob] = field(default_factory=dict[str, Blob])
    made: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def add(
        self,
        kind: str,
        name: str,
        bottoms: Sequence[str],
        param: str = "",
        settings: Settings | None = None,
        arrays: Sequence[Array] = (),
        *,
        fixed: bool = False,
    ) -> str:
        """One layer with one top of its own name, which is returned.

        Args:
            kind: Caffe's type.
            name: the layer's.
            bottoms: blobs that it reads.
            param, settings: its message of settings, and those in their order.
            arrays: what it has learned.
            fixed: whether Caffe must leave its arrays as they are, should it learn on.
        """
        layer = Message("LayerParameter").add("name", name).add("type", kind)
        for bottom in bottoms:
            layer.add("bottom", bottom)
        layer.add("top", name)
        for array in arrays:
            layer.add("blobs", blob_message(array))
            if fixed:
                still = message_of("ParamSpec", {"lr_mult": 0.0, "decay_mult": 0.0})
                layer.add("param", still)
        if settings:
            layer.add(param, message_of(BY_NAME["LayerParameter"][param].kind, settings))
        self.layers.append(layer)
        return name

    def inner(self, name: str, what: str) -> str:
        """A name for a layer that stands inside of one of ours; no other has it."""
        taken = {layer.text("name") for layer in self.layers} | {x.name for x in self.network}
        found = f"{name}/{what}"
        while found in taken:
            found += "_"
        return found

    def map(self, read: str) -> str:
        """A layer's output as a blob of four axes."""
        blob = self.blobs[read]
        return blob.name if not blob.vector else self._once(read, "map")

    def units(self, read: str) -> str:
        """A layer's output as a blob of two axes."""
        blob = self.blobs[read]
        return blob.name if blob.vector else self._once(read, "units")

    def alike(self, reads: Sequence[str]) -> tuple[list[str], bool]:
        """Several layers' outputs with equally many axes, and whether these are two."""
        vector = any(self.blobs[read].vector for read in reads)
        return [self.units(read) if vector else self.map(read) for read in reads], vector

    def _once(self, read: str, what: str) -> str:
        if (read, what) not in self.made:
            name, bottom = self.inner(read, what), self.blobs[read].name
            if what == "units":
                self.add("Flatten", name, [bottom])
            else:
                shape = message_of("BlobShape", {"dim": (0, *self.network.shape(read))})
                self.add("Reshape", name, [bottom], "reshape_param", {"shape": shape})
            self.made[read, what] = name
        return self.made[read, what]


def message_of(kind: str, settings: Settings) -> Message:
    """A message of settings, each a value or several."""
    found = Message(kind)
    for name, value in settings.items():
        if isinstance(value, Message | str | int | float):
            found.add(name, value)
        else:
            for one in value:
                found.add(name, one)
    return found
