"""Reads the tree of classes that 2012's `treefc` learns over, from a JSON file; the original took
it from the data's meta file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from alexnet.formats.checkpoint import FormatError

MOST_BYTES = 1 << 22
MOST_NODES = 100_000

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class ClassTree:
    """A tree over nodes that are counted from 0.

    Attributes:
        parents: for every node the one above it; the root's is its own number.
        leaves: how many classes there are; they are the first nodes.
    """

    parents: tuple[int, ...]
    leaves: int


def flat_tree(classes: int) -> ClassTree:
    """All classes directly under one root."""
    return ClassTree((classes,) * (classes + 1), classes)


def read_class_tree(path: Path) -> ClassTree:
    """Reads a tree.

    The file is JSON, of one of two forms:

        {"parents": [3, 3, 4, 4, 4], "leaves": 3}
        {"tree": {"3": [0, 1], "4": [2, 3]}, "root": 4}

    The first has for every node the node above it, the root's being its own number; `leaves`, the
    number of classes, may lack. The second has for every inner node those below it, as the
    original's meta has it, where `root` may lack. Classes are numbered before inner nodes.

    Raises:
        FormatError: the file is none of these, or no tree.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > MOST_BYTES:
        raise FormatError(f"{path}: is longer than {MOST_BYTES} bytes; no class tree is")
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: is no JSON ({str(error)[:100]})") from error
    if isinstance(found, dict):
        tree = cast(Json, found)
        if "parents" in tree:
            return _from_parents(tree["parents"], tree.get("leaves"), path)
        if "tree" in tree:
            return _from_children(tree["tree"], tree.get("root"), path)
    raise FormatError(
        f'{path}: is no class tree; it must be {{"parents": […], "leaves": n}} or'
        ' {"tree": {"node": [children]}, "root": node}'
    )


def _node(value: object, path: Path) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST_NODES:
        raise FormatError(f"{path}: a node is {str(value)[:40]!r}; it must be a number from 0")
    return value


def _from_parents(value: object, leaves: object, path: Path) -> ClassTree:
    if not isinstance(value, list) or not 2 <= len(items := cast(list[object], value)) < MOST_NODES:
        raise FormatError(f"{path}: parents must be a list of 2 to {MOST_NODES} nodes")
    parents = tuple(_node(parent, path) for parent in items)
    if max(parents) >= len(parents):
        raise FormatError(f"{path}: a parent is {max(parents)}; there are {len(parents)} nodes")
    inner = {parent for node, parent in enumerate(parents) if parent != node}
    count = min(inner, default=0)
    if leaves is not None and leaves != count:
        raise FormatError(
            f"{path}: leaves is {str(leaves)[:40]}; {count} nodes come before the first that has"
            " others below it"
        )
    if count < 1 or inner != set(range(count, len(parents))):
        raise FormatError(f"{path}: the classes must be the first nodes, and only they be leaves")
    if not _reaches_one_root(parents):
        raise FormatError(f"{path}: is no tree: every way up must end at one root")
    return ClassTree(parents, count)


def _reaches_one_root(parents: tuple[int, ...]) -> bool:
    """Whether every node leads up to the same one."""
    roots = [node for node, parent in enumerate(parents) if node == parent]
    if len(roots) != 1:
        return False
    below: list[list[int]] = [[] for _ in parents]
    for node, parent in enumerate(parents):
        if node != parent:
            below[parent].append(node)
    reached = [roots[0]]
    for node in reached:
        reached += below[node]
    return len(reached) == len(parents)


def _from_children(value: object, root: object, path: Path) -> ClassTree:
    if not isinstance(value, dict):
        raise FormatError(f"{path}: tree must be an object of nodes, each with those below it")
    above: dict[int, int] = {}
    nodes = set[int]()
    for key, children in cast(Json, value).items():
        node = _node(key, path)
        nodes.add(node)
        for item in cast(list[object], children) if isinstance(children, list) else ():
            child = _node(item, path)
            if child in above:
                raise FormatError(f"{path}: node {child} is below two others; it is no tree")
            above[child] = node
            nodes.add(child)
    roots = sorted(nodes - above.keys())
    if len(roots) != 1 or (root is not None and _node(root, path) != roots[0]):
        raise FormatError(f"{path}: the nodes below no other are {roots[:5]}; one root must be")
    if nodes != set(range(len(nodes))):
        raise FormatError(f"{path}: its {len(nodes)} nodes must be numbered from 0 without a gap")
    parents: list[object] = [above.get(node, node) for node in range(len(nodes))]
    return _from_parents(parents, None, path)
