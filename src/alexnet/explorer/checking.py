"""A network's JSON as a person edits it: the network, or every error that was found, each placed at
its layer. Layers that do not depend on a wrong one are checked all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.explorer.asking import AskError, Tree
from alexnet.network.codec import FORMAT, CodecError, decode, network_from_tree
from alexnet.network.facts import windows
from alexnet.network.layers import Conv, Input, Layer, Local
from alexnet.network.ledger import ledger
from alexnet.network.shapes import elements
from alexnet.network.spec import Network, NetworkError

MOST_LAYERS = 500
"""Layers of a network that is edited; the largest of 2012 have some hundred."""

GREATEST = 2**53
"""The greatest count that JSON carries exactly to a page."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a layer, or with the whole where `layer` and `index` are None."""

    layer: str | None
    index: int | None
    field: str | None
    error: str

    @property
    def tree(self) -> Tree:
        """The flaw as JSON."""
        return {
            "layer": self.layer,
            "index": self.index,
            "field": self.field,
            "error": self.error,
        }


def checked(tree: object) -> Network:
    """The network that a description describes.

    Raises:
        AskError: 422, with every flaw placed at its layer.
    """
    try:
        _refuse_endless(tree)
        return countable(network_from_tree(tree))
    except NetworkError as error:
        found = _flaws(tree) or [Flaw(None, None, None, str(error))]
    first = found[0]
    raise AskError(
        422,
        first.error if first.layer is None else f"layer '{first.layer}': {first.error}",
        "mend the layers that are marked; the rest is checked already",
        place=first.layer,
        field=first.field,
        more={"errors": [flaw.tree for flaw in found]},
    )


def countable(network: Network) -> Network:
    """The network, if it takes a picture and no count of it is beyond what a page can show.

    Raises:
        NetworkError: it takes none, or the count that is too large.
    """
    shape = network.picture.shape
    sums = ledger(network).total
    for what, count in (
        ("numbers in a picture", elements(shape)),
        ("connections", sums.connections),
        ("multiply-adds", sums.multiply_adds),
        ("bytes of activations", sums.activation_bytes),
        ("parameters", sums.parameters),
    ):
        if count > GREATEST:
            raise NetworkError(
                f"network '{network.name}' has more than {GREATEST:,} {what}, which is more than"
                " can be shown; use smaller sizes"
            )
    return network


def _refuse_endless(tree: object) -> None:
    """Descriptions that would take forever to count.

    Raises:
        NetworkError: too many layers.
    """
    layers = tree.get("layers") if isinstance(tree, dict) else None
    if isinstance(layers, list) and len(layers) > MOST_LAYERS:
        raise NetworkError(f"has {len(layers):,} layers; at most {MOST_LAYERS:,} are taken here")


def _flaws(tree: object) -> list[Flaw]:
    """Every flaw that can be told apart, in the order of the layers."""
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        return []
    entries = tree.get("layers")
    if not isinstance(entries, list) or len(entries) > MOST_LAYERS:
        return []
    found: list[Flaw] = []
    good: list[Any] = []
    wrong: set[str] = set()
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        called = name if isinstance(name, str) and name else None
        flaw, layer = _decoded(entry, called, index)
        if layer is not None and not wrong.intersection(layer.reads):
            flaw = _placed(good, layer, index)
            if flaw is None:
                good.append(layer)
                continue
        if flaw is not None:
            found.append(flaw)
        if called is not None:
            wrong.add(called)
    return found


def _decoded(entry: object, name: str | None, index: int) -> tuple[Flaw | None, Any]:
    """The layer that an entry describes, or its flaw."""
    try:
        return None, decode(Layer, entry, "layer")
    except CodecError as error:
        said = str(error).removeprefix("layer").removeprefix(":").strip()
        path, said = _path(said)
        return Flaw(name, index, path, said), None


def _path(said: str) -> tuple[str | None, str]:
    """The field that an error of the codec names, as kernels.0.stride, and the sentence."""
    field = re.match(r"\.([\w.\[\]]+?)(?=[ :])", said)
    if field:
        path = re.sub(r"\[(\d+)\]", r".\1", field[1])
        return path, said.removeprefix(".").replace(": ", " ", 1) if ":" in said[:60] else said[1:]
    unknown = re.match(r"unknown key '([^']+)'", said)
    lacks = re.match(r"lacks (\w+)", said)
    named = unknown or lacks
    return named[1] if named else None, said


def _placed(before: list[Any], layer: Any, index: int) -> Flaw | None:
    """What is wrong with a layer after those that are right, if anything is."""
    layers = (*before, layer)
    picture = Input(name="data", shape=(1, 1, 1))
    has_input = any(isinstance(x, Input) for x in layers)
    try:
        Network("network", layers if has_input else (picture, *layers))
    except NetworkError as error:
        said = re.sub(r"^network 'network', layer '[^']*': ", "", str(error))
        return Flaw(layer.name, index, _field(said, layer), said)
    return None


def _field(said: str, layer: Any) -> str | None:
    """The field that a sentence about a layer begins with, within its windows too."""
    first = re.match(r"(\w+)", said)
    name = first[1] if first else ""
    if name in vars(layer):
        return name
    if said.startswith(("this name", "a name")):
        return "name"
    laid = windows(layer)
    if not laid:
        return None
    place = "window"
    if isinstance(layer, Conv | Local):
        place = "kernels.0" if len(laid) == 1 else "kernels"
    if name in type(laid[0]).__dataclass_fields__ and place != "kernels":
        return f"{place}.{name}"
    return place if "window" in said else None
