"""Network: layers in order that name what they read, checked once when made.

Every later reader (ledger, torch, NumPy, formats) may take a Network's shapes as true.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from alexnet.network.layers import Conv, FullyConnected, Input, Layer, Local, Loss, Shared
from alexnet.network.placement import place
from alexnet.network.placement.weighted import initials, weight_shapes
from alexnet.network.shapes import LayerError, Placed, Shape

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/+-]*")


class NetworkError(ValueError):
    """A description that is no network: names the network, the layer, what it says and what would
    be right.
    """


@dataclass(frozen=True)
class Network:
    """A network as a value: layers in an order in which each reads only earlier ones.

    Attributes:
        name: what people call it; takes no part in equality.
        layers: the layers, inputs first.
        source: what the whole is taken from; takes no part in equality.
        placed: for every layer name its output shape, the sentence for it, and its windows'
            places (derived).

    Raises:
        NetworkError: duplicated or unlawful name, an unknown input, shapes or groups that do
            not fit.
    """

    name: str = field(compare=False)
    layers: tuple[Layer, ...]
    source: str = field(default="", compare=False)
    placed: Mapping[str, Placed] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Walks the layers once; `placed` is what the walk finds."""
        placed: dict[str, Placed] = {}
        for layer in self.layers:
            try:
                _check_names(layer, placed)
                placed[layer.name] = place(layer, tuple(placed[r].shape for r in layer.reads))
                _check_shared(layer, self.layers, placed)
            except LayerError as error:
                raise NetworkError(
                    f"network '{self.name}', layer '{layer.name}': {error}"
                ) from None
        if not any(isinstance(layer, Input) for layer in self.layers):
            raise NetworkError(
                f"network '{self.name}' has no input layer; the first layer must be one"
            )
        object.__setattr__(self, "placed", MappingProxyType(placed))

    def __iter__(self) -> Iterator[Layer]:
        """The layers in order."""
        return iter(self.layers)

    def __getitem__(self, name: str) -> Layer:
        """The layer called `name`; a KeyError-like NetworkError names the nearest."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise NetworkError(f"network '{self.name}' has no layer '{name}'{nearest(name, names)}")

    def __contains__(self, name: object) -> bool:
        """Whether a layer is called `name`."""
        return any(layer.name == name for layer in self.layers)

    def __reduce__(self) -> tuple[type[Network], tuple[str, tuple[Layer, ...], str]]:
        """Pickles and copies by its three values; what is derived is derived again."""
        return Network, (self.name, self.layers, self.source)

    def shape(self, name: str) -> Shape:
        """The output shape (channels, height, width) of the layer called `name`."""
        return self.placed[name].shape

    def inputs_of(self, layer: Layer) -> tuple[Shape, ...]:
        """The shapes of what `layer` reads, in order."""
        return tuple(self.placed[read].shape for read in layer.reads)

    @property
    def picture(self) -> Input:
        """The input that takes the picture (the first, should there be several)."""
        for layer in self.layers:
            if isinstance(layer, Input) and layer.content == "picture":
                return layer
        raise NetworkError(f"network '{self.name}' has no input that takes a picture")

    @property
    def outputs(self) -> Layer:
        """The last layer that is no loss: what the network says of a picture."""
        for layer in reversed(self.layers):
            if not isinstance(layer, Loss | Input):
                return layer
        raise NetworkError(f"network '{self.name}' has no layer that says anything of a picture")

    @property
    def towers(self) -> tuple[int, ...]:
        """The towers that layers name, in order; empty where the network has none."""
        return tuple(sorted({x.tower for x in self.layers if x.tower is not None}))


def nearest(name: str, known: list[str], listed: Iterable[str] | None = None) -> str:
    """'; did you mean …?' where a known name is near, else the whole list of what there is.

    Args:
        name: what is not known.
        known: what is.
        listed: what is listed, where that is less than what is known.
    """
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there are: {', '.join(known if listed is None else listed)}"


def _check_names(layer: Layer, earlier: Mapping[str, Placed]) -> None:
    if not NAME.fullmatch(layer.name):
        raise LayerError("a name is made of letters, digits, '_', '-', '+' and '/'")
    if layer.tower is not None and not 0 <= layer.tower < 26:
        raise LayerError(f"tower is {layer.tower}; towers are counted from 0 to 25")
    if layer.name in earlier:
        raise LayerError("this name is taken by an earlier layer; names must be unique")
    for read in layer.reads:
        if read not in earlier:
            raise LayerError(
                f"reads '{read}', which no earlier layer is called{nearest(read, list(earlier))}"
            )


def _check_shared(layer: Layer, layers: tuple[Layer, ...], placed: Mapping[str, Placed]) -> None:
    """Shared weights are those of an earlier input of the same kind of layer, of one shape, and its
    own (cuda-convnet layer.py).
    """
    if not isinstance(layer, Conv | Local | FullyConnected):
        return
    for index, initial in enumerate(initials(layer)):
        if not isinstance(initial, Shared):
            continue
        said = f"weights {index} are those of '{initial.layer}' input {initial.index}"
        owner = next((x for x in layers if x.name == initial.layer and x.name in placed), None)
        if not isinstance(owner, Conv | Local | FullyConnected) or owner.kind != layer.kind:
            raise LayerError(f"{said}; that must be this or an earlier layer of its own kind")
        own = initials(owner)
        if not 0 <= initial.index < (index if owner is layer else len(own)):
            raise LayerError(f"{said}; that must be an input that comes before this one")
        if isinstance(own[initial.index], Shared):
            raise LayerError(f"{said}, which are shared themselves; name their owner")
        shapes = [_weight_shapes(x, placed) for x in (owner, layer)]
        if shapes[0][initial.index] != shapes[1][index]:
            raise LayerError(f"{said}, which have another shape; shared weights must be alike")


def _weight_shapes(
    layer: Conv | Local | FullyConnected, placed: Mapping[str, Placed]
) -> tuple[tuple[int, ...], ...]:
    inputs = tuple(placed[read].shape for read in layer.reads)
    return weight_shapes(layer, inputs, placed[layer.name].shape)
