"""A model as plain values: its nodes in order, its constants, what goes in and what comes out. What
the operators mean is read elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.onnx.tensors import Tensor, tensor_of
from alexnet.formats.onnx.wire import Blob, Description, description_of

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

Value = int | float | str | tuple[int, ...] | tuple[float, ...] | Tensor
"""What an attribute may be."""

MOST_NODES = 20_000
PASSING = ("Constant", "Identity", "Squeeze")
"""Operators that compute nothing."""

HIGHEST = 2**40
"""Whole numbers beyond it are no sizes of anything."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator: what it reads and what its outputs are called; '' is an input left out."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Value]

    @property
    def called(self) -> str:
        """How to name it to a person."""
        name = shown(self.name or next(iter(self.outputs), ""))
        return f"node '{name}' ({shown(self.operator)})"


@dataclass(frozen=True, slots=True)
class Entry:
    """An input of the graph: its type of number and its sides, None where one is left open."""

    name: str
    type: int
    sides: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model file.

    Attributes:
        path: the file.
        name: of the graph.
        opset: the version of the standard operators.
        nodes: in an order in which each reads only what stands before it.
        constants: the initializers by name.
        inputs: those of the graph that are no constants.
        outputs: names of values.
        metadata: what else it says.
    """

    path: Path
    name: str
    opset: int
    nodes: tuple[Node, ...]
    constants: Mapping[str, Tensor]
    inputs: tuple[Entry, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def model_of(path: Path) -> Model:
    """The model in a file, its large numbers left there.

    Raises:
        FormatError: it cannot be read, is no model, or contradicts itself.
    """
    found = description_of(path)
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    try:
        return _plain(ModelProto.FromString(found.message), found, path)
    except DecodeError:
        raise FormatError(f"{path}: is no ONNX model; its fields are not a model's") from None
    except UnicodeError:
        raise FormatError(f"{path}: is no ONNX model; a name in it is not UTF-8") from None


def _plain(proto: ModelProto, found: Description, path: Path) -> Model:
    if not proto.HasField("graph"):
        raise FormatError(f"{path}: is no ONNX model; it has no graph")
    graph = proto.graph
    if len(graph.node) > MOST_NODES or len(graph.initializer) > MOST_NODES:
        raise FormatError(f"{path}: has more than {MOST_NODES:,} nodes or initializers")
    if graph.sparse_initializer:
        raise FormatError(f"{path}: has sparse initializers, which are not read; store them dense")

    met: list[Tensor] = []

    def tensor(proto: TensorProto, name: str) -> Tensor:
        met.append(tensor_of(proto, name, found.blobs, path))
        return met[-1]

    constants = {_text(each.name): tensor(each, each.name) for each in graph.initializer}
    if len(constants) < len(graph.initializer):
        raise FormatError(f"{path}: has two initializers of one name")
    nodes = tuple(_node(each, tensor, path) for each in graph.node)
    _check_places(met, path)
    inputs = tuple(_entry(each) for each in graph.input if each.name not in constants)
    outputs = tuple(_text(each.name) for each in graph.output)
    _check_order(nodes, [*constants, *(each.name for each in inputs)], outputs, path)
    return Model(
        path=path,
        name=_text(graph.name),
        opset=_opset(proto, path),
        nodes=nodes,
        constants=constants,
        inputs=inputs,
        outputs=outputs,
        metadata={_text(entry.key): _text(entry.value) for entry in proto.metadata_props},
    )


def _check_places(tensors: Iterable[Tensor], path: Path) -> None:
    """Places in files beside the model are the same or apart, so that no byte is read often."""
    places = {each.origin[0] for each in tensors if isinstance(each.origin[0], Blob)}
    last: Blob | None = None
    for blob in sorted(places, key=lambda blob: (blob.path, blob.offset, blob.length)):
        if last is not None and last.path == blob.path and blob.offset < last.offset + last.length:
            raise FormatError(
                f"{path}: has tensors that overlap in {shown(blob.path.name)}, at byte"
                f" {blob.offset:,}; they must be apart, or the same"
            )
        last = blob if blob.length else last


def nodes_of(protos: Iterable[NodeProto]) -> tuple[Node, ...]:
    """Nodes as they are read from a file, of a model that is being written."""
    path = Path()
    return tuple(_node(each, lambda t, name: tensor_of(t, name, [], path), path) for each in protos)


def _text(value: object) -> str:
    """A text; the library gives bytes for one that is none."""
    if not isinstance(value, str):
        raise UnicodeError
    return value


def _opset(proto: ModelProto, path: Path) -> int:
    versions = [each.version for each in proto.opset_import if each.domain in ("", "ai.onnx")]
    if len(set(versions)) > 1:
        raise FormatError(f"{path}: says two versions of the standard operators, {versions[:4]}")
    version = versions[0] if versions else 1  # ir_version 1 and 2 say none
    if not 1 <= version < 1000:
        raise FormatError(
            f"{path}: says version {version} of the standard operators; there is none"
        )
    return version


def _node(proto: NodeProto, tensor: Callable[[TensorProto, str], Tensor], path: Path) -> Node:
    inputs, outputs = (tuple(map(_text, names)) for names in (proto.input, proto.output))
    node = Node(_text(proto.op_type), _text(proto.name), inputs, outputs, {})
    if _text(proto.domain) not in ("", "ai.onnx"):
        raise FormatError(
            f"{path}: {node.called} is an operator of '{shown(proto.domain)}'; only the standard"
            " ones are read"
        )
    if proto.op_type == "If":
        return _passing(node, proto, path)
    attributes: dict[str, Value] = {}
    for each in proto.attribute:
        name = _text(each.name)
        if name in attributes:
            raise FormatError(f"{path}: {node.called} has two attributes '{shown(name)}'")
        attributes[name] = _value(each, node, tensor, path)
    return Node(node.operator, node.name, node.inputs, node.outputs, attributes)


def _passing(node: Node, proto: NodeProto, path: Path) -> Node:
    """An If whose branches pass one value on, which a norm exported by torch has; others are
    refused. What it passes is its last input here.
    """
    passed = set[str]()
    for attribute in proto.attribute:
        inside = {name for each in attribute.g.node for name in each.output}
        if any(each.op_type not in PASSING for each in attribute.g.node):
            raise FormatError(f"{path}: {node.called} has graphs of its own, which are not read")
        passed |= {_text(each.input[0]) for each in attribute.g.node if each.input} - inside
    if len(passed) != 1:
        raise FormatError(f"{path}: {node.called} has graphs of its own, which are not read")
    return Node(node.operator, node.name, (*node.inputs, passed.pop()), node.outputs, {})


def _value(
    proto: AttributeProto, node: Node, tensor: Callable[[TensorProto, str], Tensor], path: Path
) -> Value:
    match proto.type:
        case 1:
            return proto.f
        case 2 if abs(proto.i) < HIGHEST or node.operator == "Slice":
            return proto.i
        case 3:
            return proto.s.decode("utf-8")
        case 4:
            return tensor(proto.t, f"{''.join(node.outputs[:1]) or node.name}:{proto.name}")
        case 6:
            return tuple(proto.floats)
        case 7 if all(abs(i) < HIGHEST for i in proto.ints) or node.operator == "Slice":
            return tuple(proto.ints)
        case 8:
            return " ".join(each.decode("utf-8") for each in proto.strings)
        case _:
            raise FormatError(
                f"{path}: {node.called} has attribute '{shown(proto.name)}' of type {proto.type} or"
                " of an impossible size, which is not read"
            )


def _entry(proto: ValueInfoProto) -> Entry:
    kind = proto.type.tensor_type
    sides = None
    if kind.HasField("shape"):
        sides = tuple(
            each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim[:16]
        )
    return Entry(_text(proto.name), kind.elem_type, sides)


def _check_order(
    nodes: Iterable[Node], given: Iterable[str], outputs: tuple[str, ...], path: Path
) -> None:
    """Every value is made once, and before it is read: so there is no circle."""
    known = set[str](given)
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                raise FormatError(
                    f"{path}: {node.called} reads '{shown(name)}', which nothing before it makes;"
                    " nodes must stand in the order in which they read one another"
                )
        for name in node.outputs:
            if name in known:
                raise FormatError(f"{path}: '{shown(name)}' is made twice, again by {node.called}")
            if name:
                known.add(name)
    if not outputs:
        raise FormatError(f"{path}: its graph has no output")
    for name in outputs:
        if name not in known:
            raise FormatError(f"{path}: its graph's output '{shown(name)}' is made by no node")


def ints(value: Value | None) -> tuple[int, ...] | None:
    """An attribute of whole numbers; None where it is none."""
    if isinstance(value, tuple) and all(type(each) is int for each in value):
        return cast("tuple[int, ...]", value)
    return None
