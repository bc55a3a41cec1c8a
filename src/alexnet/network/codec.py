"""Frozen values ⇄ plain JSON trees, lossless and strict: an unknown key or a wrong type is an error
that says where.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, cast, get_args, get_origin, get_type_hints

from alexnet.network.layers import Layer
from alexnet.network.spec import Network, NetworkError, nearest

FORMAT = "alexnet-network/1"


class CodecError(ValueError):
    """A JSON tree that does not describe the wanted value; says where, what it says, what would be
    right.
    """


def to_json(network: Network, indent: int | None = None) -> str:
    """A network as JSON text; `from_json` gives the same network back."""
    tree = {
        "format": FORMAT,
        "name": network.name,
        "source": network.source,
        "layers": [encode(layer) for layer in network.layers],
    }
    return json.dumps(tree, indent=indent, ensure_ascii=False)


def from_json(text: str, where: str = "network") -> Network:
    """Reads what `to_json` wrote, or what a person wrote in its manner.

    Args:
        text: the JSON.
        where: what to call it in an error, a file's name say.

    Raises:
        NetworkError: not JSON, an unknown key or kind, a value of the wrong type, or layers
            that do not fit.
    """
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as error:
        raise NetworkError(
            f"{where}:{error.lineno}: not JSON ({error.msg}); "
            "a network is written as 'alexnet explain NETWORK --spec' prints it"
        ) from None
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        raise NetworkError(
            f"{where}: nested too deeply or a number too long for a network"
        ) from None
    return network_from_tree(tree, where)


def network_from_tree(tree: object, where: str = "network") -> Network:
    """As `from_json`, from JSON already parsed (a checkpoint's header holds one)."""
    if not _is_object(tree) or tree.get("format") != FORMAT:
        raise NetworkError(f'{where}: no network description; it must have "format": "{FORMAT}"')
    try:
        _refuse_unknown(tree, ["format", "name", "source", "layers"], where)
        name = decode(str, tree.get("name", ""), f"{where}: name")
        source = decode(str, tree.get("source", ""), f"{where}: source")
        layers = tree.get("layers")
        if not _is_list(layers):
            raise CodecError(f"{where}: layers must be a list")
        return Network(
            name, tuple(_layer(entry, index, where) for index, entry in enumerate(layers)), source
        )
    except CodecError as error:
        raise NetworkError(str(error)) from None


def _layer(entry: object, index: int, where: str) -> Any:
    called = entry.get("name") if _is_object(entry) else None
    return decode(Layer, entry, f"{where}: layer {called or index}")


def encode(value: object) -> Any:
    """A frozen value as a JSON tree: fields at their defaults are left out, a union's member names
    its `kind`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        kind: str | None = getattr(value, "kind", None)
        tree: dict[str, object] = {"kind": kind} if kind else {}
        for entry in fields(value):
            item = getattr(value, entry.name)
            if not entry.init or (entry.default is not MISSING and item == entry.default):
                continue
            tree[entry.name] = encode(item)
        return tree
    if isinstance(value, tuple):
        return [encode(item) for item in cast("tuple[object, ...]", value)]
    return value


def decode(kind: Any, tree: object, where: str) -> Any:
    """A JSON tree as a value of type `kind`: a frozen dataclass, a union of them, a tuple, a
    literal or a plain type.

    Raises:
        CodecError: the tree does not fit.
    """
    origin = get_origin(kind)
    if origin is Literal:
        if tree in get_args(kind) and isinstance(tree, str):
            return tree
        raise CodecError(
            f"{where} is {_shown(tree)}; it must be one of {', '.join(get_args(kind))}"
        )
    if origin in (UnionType, Union):
        return _union(get_args(kind), tree, where)
    if origin is tuple:
        return _tuple(get_args(kind), tree, where)
    if is_dataclass(kind):
        return _dataclass(kind, tree, where)
    return _plain(kind, tree, where)


def _plain(kind: type, tree: object, where: str) -> Any:
    if kind is float and isinstance(tree, int | float) and not isinstance(tree, bool):
        if abs(tree) <= sys.float_info.max:  # false for infinities, NaN and too large integers
            return float(tree)
        raise CodecError(f"{where} is {_shown(tree)}; it must be finite")
    if isinstance(tree, kind) and (kind is bool or not isinstance(tree, bool)):
        return tree
    names = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        NoneType: "null",
    }
    raise CodecError(f"{where} is {_shown(tree)}; it must be {names[kind]}")


def _union(members: tuple[Any, ...], tree: object, where: str) -> Any:
    if NoneType in members:
        (rest,) = (member for member in members if member is not NoneType)
        return None if tree is None else decode(rest, tree, where)
    kinds = {member.kind: member for member in members}
    kind = tree.get("kind") if _is_object(tree) else None
    if not _is_object(tree) or not isinstance(kind, str):
        raise CodecError(f'{where} must be an object with a "kind": one of {", ".join(kinds)}')
    if kind not in kinds:
        raise CodecError(f"{where}: unknown kind '{kind}'{nearest(kind, list(kinds))}")
    return _dataclass(kinds[kind], {k: v for k, v in tree.items() if k != "kind"}, where)


def _tuple(members: tuple[Any, ...], tree: object, where: str) -> tuple[Any, ...]:
    if not _is_list(tree):
        raise CodecError(f"{where} is {_shown(tree)}; it must be a list")
    if members and members[-1] is Ellipsis:
        members = (members[0],) * len(tree)
    if len(members) != len(tree):
        raise CodecError(f"{where} has {len(tree)} entries; it must have {len(members)}")
    return tuple(
        decode(m, item, f"{where}[{i}]")
        for i, (m, item) in enumerate(zip(members, tree, strict=True))
    )


def _dataclass(kind: Any, tree: object, where: str) -> Any:
    if not _is_object(tree):
        raise CodecError(f"{where} is {_shown(tree)}; it must be an object")
    hints = _hints(kind)
    entries = {entry.name: entry for entry in fields(kind) if entry.init}
    _refuse_unknown(tree, list(entries), where)
    missing = [
        name
        for name, entry in entries.items()
        if name not in tree and entry.default is MISSING and entry.default_factory is MISSING
    ]
    if missing:
        raise CodecError(f"{where} lacks {', '.join(missing)}; no default stands in for it")
    return kind(
        **{name: decode(hints[name], item, f"{where}.{name}") for name, item in tree.items()}
    )


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _is_object(tree: object) -> TypeGuard[dict[str, object]]:
    return isinstance(tree, dict)


def _is_list(tree: object) -> TypeGuard[list[object]]:
    return isinstance(tree, list)


def _refuse_unknown(tree: Mapping[str, object], known: list[str], where: str) -> None:
    for key in tree:
        if key not in known:
            raise CodecError(f"{where}: unknown key '{key}'{nearest(key, known)}")


def _shown(tree: object) -> str:
    text = json.dumps(tree, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
