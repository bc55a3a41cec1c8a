"""Layers that a graph writes with several operators: norms, locally-connected layers, 2012's
soft-relu. Found before anything is read, by how the nodes hang together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alexnet.formats.onnx.model import Model, Node

EQUATION = "ngcriqj,rqgfcij->ngfrq"
"""Sums over the window of every place, as `write_weighted` writes them."""

PASSED = ("Reshape", "Squeeze", "Unsqueeze", "Identity", "If")
"""What may stand between the operators of a norm; it computes nothing."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Several nodes that are one layer.

    Attributes:
        kind: which.
        node: the last of them, whose output is the layer's.
        reads: the values that they need from outside, by what they are.
        parts: those of the nodes that say something.
    """

    kind: Literal["norm", "contrast", "local", "soft-relu"]
    node: Node
    reads: Mapping[str, str]
    parts: Mapping[str, Node]


def patterns_of(model: Model) -> dict[str, Pattern]:
    """What was found, by the name of its output."""
    makers = {name: node for node in model.nodes for name in node.outputs if name}
    found: dict[str, Pattern] = {}
    for node in model.nodes:
        pattern = None
        if node.operator == "Div":
            pattern = _norm(node, makers)
        elif node.operator == "Reshape":
            pattern = _local(node, makers)
        elif node.operator == "Where":
            pattern = _soft_relu(node, makers)
        if pattern is not None:
            found[node.outputs[0]] = pattern
    return found


def _norm(node: Node, makers: Mapping[str, Node]) -> Pattern | None:
    """x / (k + a · sums of squares) ^ beta."""
    if len(node.inputs) != 2:
        return None
    x, below = node.inputs
    power = _made(below, makers, "Pow")
    base = _made(power.inputs[0], makers, "Add") if power else None
    if power is None or base is None or len(power.inputs) != 2:
        return None
    for scaled, k in _both(base):
        product = _made(scaled, makers, "Mul")
        for sums, a in _both(product) if product else ():
            summing = _behind(sums, makers)
            if summing is None or summing.operator not in ("AveragePool", "Conv"):
                continue
            padding = _made(summing.inputs[0], makers, "Pad")
            squares = _behind((padding or summing).inputs[0], makers)
            measured = _squared(squares)
            reads = {"x": x, "k": k, "a": a, "beta": power.inputs[1]}
            parts = {"sums": summing}
            if padding is not None:
                parts["pad"] = padding
                reads["pads"] = padding.inputs[1] if len(padding.inputs) > 1 else ""
            if summing.operator == "Conv" and len(summing.inputs) == 2:
                reads["weights"] = summing.inputs[1]
            elif summing.operator == "Conv":
                continue
            if measured == x:
                return Pattern("norm", node, reads, parts)
            contrast = _made(measured or "", makers, "Sub")
            means = _made(contrast.inputs[1], makers, "AveragePool") if contrast else None
            if contrast and means and contrast.inputs[0] == x == means.inputs[0]:
                return Pattern("contrast", node, reads, {**parts, "means": means})
    return None


def _squared(node: Node | None) -> str | None:
    """What a node multiplies by itself."""
    if node is not None and node.operator == "Mul" and len(set(node.inputs)) == 1:
        return node.inputs[0]
    return None


def _local(node: Node, makers: Mapping[str, Node]) -> Pattern | None:
    """Windows laid out by two Gathers, and an Einsum over them."""
    sums = _made(node.inputs[0], makers, "Einsum") if node.inputs else None
    if sums is None or len(sums.inputs) != 2 or sums.attributes.get("equation") != EQUATION:
        return None
    sets = _made(sums.inputs[0], makers, "Reshape")
    wide = _made(sets.inputs[0], makers, "Gather") if sets else None
    high = _made(wide.inputs[0], makers, "Gather") if wide else None
    if wide is None or high is None or len(wide.inputs) != 2 or len(high.inputs) != 2:
        return None
    if (high.attributes.get("axis"), wide.attributes.get("axis")) != (2, 4):
        return None
    reads = {
        "x": high.inputs[0],
        "rows": high.inputs[1],
        "columns": wide.inputs[1],
        "weights": sums.inputs[1],
    }
    return Pattern("local", node, reads, {"sums": sums})


def _soft_relu(node: Node, makers: Mapping[str, Node]) -> Pattern | None:
    """log(1 + e^x), and x beyond a switch."""
    if len(node.inputs) != 3:
        return None
    beyond, x, below = node.inputs
    greater, soft = _made(beyond, makers, "Greater"), _made(below, makers, "Softplus")
    if greater is None or soft is None or len(greater.inputs) != 2:
        return None
    if greater.inputs[0] != x or soft.inputs[0] != x:
        return None
    return Pattern("soft-relu", node, {"x": x, "switch": greater.inputs[1]}, {})


def _made(name: str, makers: Mapping[str, Node], operator: str) -> Node | None:
    """The node that makes a value, if it is of that operator and reads something."""
    node = makers.get(name)
    return node if node is not None and node.operator == operator and node.inputs else None


def _behind(name: str, makers: Mapping[str, Node]) -> Node | None:
    """The node that makes a value, past those that only reshape."""
    node = makers.get(name)
    for _ in range(8):
        if node is None or not node.inputs or node.operator not in PASSED:
            break
        node = makers.get(node.inputs[-1 if node.operator == "If" else 0])
    return node if node is not None and node.inputs else None


def _both(node: Node) -> tuple[tuple[str, str], ...]:
    """The two inputs of a node in either order."""
    if len(node.inputs) != 2:
        return ()
    first, second = node.inputs
    return (first, second), (second, first)
