"""The layers of a network while a definition is read: each is placed as soon as it is made, so that
what does not fit is told with the line that says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.layers_sources import Files, Source
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.formats.cuda_convnet.settings import Settings
from alexnet.network.layers import Input, Layer
from alexnet.network.placement import place
from alexnet.network.shapes import LayerError, Shape


class Common(TypedDict):
    """What every layer has, for its constructor."""

    name: str
    reads: tuple[str, ...]
    tower: int | None
    source: str


@dataclass(frozen=True)
class Build:
    """What has been made so far.

    Attributes:
        files: both files, their release, their notes.
        sources: every layer to be, by its section's name.
        towers: the tower of every section, None for none.
        data: the data layers, by their sections' names.
        tree: of the classes, where one is given.
        seed: of what is drawn while reading.
        wanted: how to call the parameter file that lacks.
        layers: by the network's names, in order.
        outputs: the last layer that a section became, by the section's name.
        shapes: of every layer, by the network's names.
        names: that are taken, by a section or a layer.
    """

    files: Files
    sources: Mapping[str, Source]
    towers: Mapping[str, int | None]
    data: Mapping[str, Input]
    tree: ClassTree | None
    seed: int
    wanted: str
    layers: dict[str, Layer] = field(default_factory=dict[str, Layer])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    names: set[str] = field(default_factory=set[str])

    @property
    def notes(self) -> Notes:
        """Where sentences go."""
        return self.files.notes

    @property
    def dialect(self) -> Dialect:
        """The release that the files are written for."""
        return self.files.dialect

    @property
    def expands(self) -> bool:
        """Whether one value stands for all inputs."""
        return self.dialect == "cuda-convnet2"

    def common(self, source: Source) -> Common:
        """Name, reads, tower and source; it reads what stands above the sections that it names."""
        return {
            "name": source.name,
            "reads": tuple(self.outputs[read] for read in source.reads),
            "tower": self.towers[source.original],
            "source": f"[{source.original}]",
        }

    def inputs(self, source: Source) -> tuple[Shape, ...]:
        """The shapes of what a layer reads."""
        return tuple(self.shapes[self.outputs[read]] for read in source.reads)

    def check_reads(self, source: Source, count: int, what: str) -> None:
        """A layer must read so many others."""
        if len(source.reads) != count:
            raise source.settings.error(
                f"it reads {len(source.reads)} layers; {source.kind} reads {what}", "inputs"
            )

    def check_channels(self, source: Source, channels: tuple[int, ...]) -> None:
        """What `channels=` says must be so; the originals need it, for they keep no shapes."""
        for read, shape, said in zip(source.reads, self.inputs(source), channels, strict=True):
            if shape[0] != said:
                raise source.settings.error(f"'{read}' has {shape[0]} channels", "channels")

    def parameters(self, source: Source, what: str) -> Settings:
        """The section of a layer that cannot do without; FormatError where it lacks."""
        if source.parameters is not None:
            return source.parameters
        if self.files.parameters is None:
            raise source.settings.error(
                f"a layer of type {source.kind} needs {what} from a parameter file; {self.wanted}"
            )
        raise FormatError(
            f"{self.files.parameters.where}: has no section [{source.original}]; the layer of type"
            f" {source.kind} needs one, with {what} ({source.settings.place})"
        )

    def add(self, source: Source, layer: Layer) -> None:
        """Places a layer that a section gives, and makes it what readers of the section read."""
        try:
            placed = place(layer, tuple(self.shapes[read] for read in layer.reads))
        except LayerError as error:
            raise source.settings.error(str(error)) from None
        self.layers[layer.name] = layer
        self.names.add(layer.name)
        self.outputs[source.original] = layer.name
        self.shapes[layer.name] = placed.shape

    def new_name(self, source: Source, ending: str) -> str:
        """A name for a layer that has no section of its own: conv1_neuron above conv1."""
        wish = f"{source.name}_{ending}"
        name, number = wish, 0
        while name in self.names:
            number += 1
            name = f"{wish}_{number}"
        if number:
            self.notes.group(
                "layers above a section whose names are taken are called otherwise", name
            )
        return name
