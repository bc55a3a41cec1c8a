"""A graph being written: nodes, constants and values in the order in which layers add them. It
knows operators and shapes, and no layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import Arrays
from alexnet.network.shapes import Shape, elements

if TYPE_CHECKING:
    from onnx import NodeProto

Attribute = int | float | str | list[int]
Constant = NDArray[np.generic]


@dataclass
class Graph:
    """What has been written so far.

    Values have a picture as their first side. Of the values that layers are called by, those in
    `flat` are (N, units), the others (N, channels, height, width). Names that no layer can have,
    for they hold a colon, are those of what stands between.

    Attributes:
        arrays: the learned arrays by name, which nodes read as they are.
        shapes: of every layer's output.
        nodes, constants: in order.
        flat: layers whose output has two sides.
    """

    arrays: Arrays
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    nodes: list[NodeProto] = field(default_factory=list["NodeProto"])
    constants: dict[str, Constant] = field(default_factory=dict[str, Constant])
    flat: set[str] = field(default_factory=set[str])
    _made: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        attributes: dict[str, Attribute] | None = None,
    ) -> str:
        """One node, called as its output."""
        self.add_two(operator, inputs, [output], **(attributes or {}))
        return output

    def add_two(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Attribute
    ) -> None:
        """One node with more outputs than one."""
        from onnx import helper

        node = helper.make_node(operator, list(inputs), list(outputs), name=outputs[-1])
        node.attribute.extend(
            helper.make_attribute(name, value) for name, value in attributes.items()
        )
        self.nodes.append(node)

    def constant(self, name: str, numbers: Constant) -> str:
        """A constant of the graph's own; `name` holds a colon."""
        assert ":" in name, "layers' arrays have names without one"
        self.constants[name] = numbers
        return name

    def whole(self, name: str, numbers: Sequence[int]) -> str:
        """A constant of whole numbers: a shape, axes, indices."""
        return self.constant(name, np.array(numbers, np.int64))

    def real(self, name: str, number: float) -> str:
        """A constant that is one number."""
        return self.constant(name, np.array(number, np.float32))

    def weights(self, name: str) -> str:
        """A learned array, as single-precision numbers whatever precision it has."""
        if self.arrays[name].dtype == np.float32:
            return name
        return self._once(name, "single", lambda to: self.add("Cast", [name], to, {"to": 1}))

    def reshaped_weights(self, name: str, shape: Sequence[int], what: str) -> str:
        """A learned array in another shape."""
        own = self.weights(name)

        def make(to: str) -> str:
            return self.add("Reshape", [own, self.whole(f"{to}:shape", shape)], to)

        return self._once(name, what, make)

    def units(self, name: str) -> str:
        """A layer's output as (N, units)."""
        if name in self.flat:
            return name
        return self._once(name, "units", lambda to: self.add("Flatten", [name], to, {"axis": 1}))

    def maps(self, name: str) -> str:
        """A layer's output as (N, channels, height, width)."""
        if name not in self.flat:
            return name
        sides = (0, elements(self.shapes[name]), 1, 1)
        return self._once(name, "maps", lambda to: self.reshaped(name, sides, to))

    def reshaped(self, value: str, sides: Sequence[int], output: str) -> str:
        """A value in another shape; 0 keeps a side, −1 is what is left."""
        return self.add("Reshape", [value, self.whole(f"{output}:shape", sides)], output)

    def sliced(
        self, value: str, output: str, axes: Sequence[int], spans: Sequence[tuple[int, int, int]]
    ) -> str:
        """First, end and step along each of `axes`."""
        names = [
            self.whole(f"{output}:{what}", numbers)
            for what, numbers in (
                ("starts", [span[0] for span in spans]),
                ("ends", [span[1] for span in spans]),
                ("axes", axes),
                ("steps", [span[2] for span in spans]),
            )
        ]
        return self.add("Slice", [value, *names], output)

    def _once(self, name: str, what: str, make: Callable[[str], str]) -> str:
        """The value that `make` makes when it is first asked for."""
        if (name, what) not in self._made:
            self._made[name, what] = make(f"{name}:{what}")
        return self._made[name, what]
