"""Every layer kind with its fields, for the page's editor: read off the frozen dataclasses, so that
a new kind appears by itself.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from alexnet.explorer.asking import Tree
from alexnet.network.codec import encode
from alexnet.network.compare.words import NAMES
from alexnet.network.layers import Layer

PLAIN = {int: "whole number", float: "number", str: "text", bool: "yes or no"}
"""Types as the page calls them."""

GAUSSIAN: Tree = {"kind": "gaussian", "deviation": 0.01}

FIRST: dict[str, object] = {
    "shape": [3, 224, 224],
    "filters": 32,
    "kernels": [{"size": 3, "padding": 1, "initial": GAUSSIAN}],
    "window": {"size": 3, "stride": 2},
    "rule": "cuda-convnet",
    "outputs": 10,
    "initial": [GAUSSIAN],
    "divisor": "inside",
    "size": 5,
    "stride": 2,
    "alpha": 0.0001,
    "alpha_divided": False,
    "beta": 0.75,
    "k": 2.0,
    "function": "relu",
    "keep": 0.5,
    "scaling": "test",
    "coefficients": [1.0, 1.0],
    "set_size": 2,
    "deviation": 1.0,
    "scale": 2.0,
    "maximum": 1.25,
    "side": 16,
    "space": "yuv",
}
"""What fields without a default begin with in a new layer, by name."""

FIRST_OF: dict[tuple[str, str], object] = {
    ("tree-connected", "outputs"): 2,
    ("tree-connected", "parents"): [2, 2, 2],
    ("tree-connected", "initial"): GAUSSIAN,
    ("cross-map-pool", "size"): 2,
    ("cross-map-pool", "outputs"): 2,
}
"""Where a kind needs another value than others of that name."""


@cache
def kinds() -> list[Tree]:
    """Each kind with its fields and a layer of that kind to begin with."""
    return [_kind(kind) for kind in get_args(Layer)]


def _kind(kind: Any) -> Tree:
    needed = [entry.name for entry in fields(kind) if entry.default is MISSING]
    example: Tree = {"kind": kind.kind, "name": kind.kind.replace("-", "_")}
    for name in needed:
        if name != "name":
            example[name] = FIRST_OF.get((kind.kind, name), FIRST.get(name))
    if kind.kind != "input":
        example["reads"] = []
    return {
        "kind": kind.kind,
        "word": NAMES.get(kind.kind, kind.kind),
        "sentence": " ".join((kind.__doc__ or "").split("\n\n")[0].split()),
        "example": example,
        "fields": _fields(kind),
    }


def _fields(kind: Any) -> list[Tree]:
    """The fields of a dataclass, each with its type and its default."""
    hints = get_type_hints(kind)
    found: list[Tree] = []
    for entry in fields(kind):
        if not entry.init:
            continue
        required = entry.default is MISSING and entry.default_factory is MISSING
        default = None if required else encode(entry.default)
        shape = _type(hints[entry.name])
        if entry.name == "reads":
            shape = {"type": "names", "choices": None}
        found.append({"name": entry.name, **shape, "default": default, "required": required})
    return found


def _type(hint: Any) -> Tree:
    """A type as the page renders it."""
    origin = get_origin(hint)
    if origin is Literal:
        return {"type": "text", "choices": list(get_args(hint))}
    if origin in (UnionType, Union):
        members = [member for member in get_args(hint) if member is not NoneType]
        optional = {"optional": True} if len(members) < len(get_args(hint)) else {}
        if len(members) == 1:
            return {**_type(members[0]), **optional}
        variants = [{"kind": member.kind, "fields": _fields(member)} for member in members]
        return {"type": "variant", "choices": None, "variants": variants, **optional}
    if origin is tuple:
        members = get_args(hint)
        item = _type(members[0])
        length = None if members[-1] is Ellipsis else len(members)
        return {
            "type": "list",
            "choices": None,
            "of": item.get("of"),
            "item": item,
            "length": length,
        }
    if is_dataclass(hint):
        return {"type": "object", "choices": None, "of": _fields(hint)}
    return {"type": PLAIN[hint], "choices": None}
