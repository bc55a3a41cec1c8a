"""Foreign models as networks: what the first output needs, node by node, as layers of ours. What a
network cannot express is refused, and the sentence names the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from alexnet.formats.checkpoint import Array, Checkpoint, Described, FormatError
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.onnx import (
    read_constants,
    read_scales,
    read_shapes,
    read_units,
    read_weighted,
    read_windows,
)
from alexnet.formats.onnx.build import Build
from alexnet.formats.onnx.loading import load_each
from alexnet.formats.onnx.model import Model, Node
from alexnet.formats.onnx.own import not_finite
from alexnet.formats.onnx.patterns import Pattern, patterns_of
from alexnet.formats.onnx.read_inputs import add_picture, check_real, contract_of
from alexnet.formats.onnx.read_patterns import add_pattern
from alexnet.formats.onnx.tensors import LARGEST_SPREAD
from alexnet.formats.onnx.values import Value
from alexnet.network.arithmetic import network_parameters
from alexnet.network.spec import Network, NetworkError

Rule = Callable[[Node, Build], None]

SOURCES: dict[str, Rule] = {
    "Constant": read_constants.constant,
    "ConstantOfShape": read_constants.constant_of_shape,
    "Shape": read_constants.shape_of,
}
"""Operators whose outputs are no pictures' values."""

OPERATORS: dict[str, Rule] = {
    "Conv": read_weighted.conv,
    "Gemm": read_weighted.gemm,
    "MatMul": read_weighted.matmul,
    "MaxPool": read_windows.max_pool,
    "AveragePool": read_windows.average_pool,
    "GlobalAveragePool": read_windows.global_pool,
    "GlobalMaxPool": read_windows.global_pool,
    "ReduceMean": read_windows.reduced,
    "ReduceMax": read_windows.reduced,
    "BatchNormalization": read_scales.batch_norm,
    "LRN": read_units.norm,
    "Clip": read_units.clip,
    "Pow": read_units.power,
    "LeakyRelu": read_units.leaky,
    "Dropout": read_units.dropout,
    "Softmax": read_units.softmax,
    "LogSoftmax": read_units.log_softmax,
    "Concat": read_units.concat,
    "Sum": read_units.summed,
    "Mean": read_units.summed,
    "Max": read_units.largest,
    "Identity": read_shapes.same,
    "Cast": read_shapes.same,
    "Flatten": read_shapes.flatten,
    "Reshape": read_shapes.reshape,
    "Squeeze": read_shapes.squeeze,
    "Unsqueeze": read_shapes.unsqueeze,
    "Transpose": read_shapes.transpose,
    "Pad": read_shapes.pad,
    "Slice": read_shapes.cut,
    "Split": read_shapes.split,
    "Gather": read_shapes.gather,
    **dict.fromkeys(read_units.FUNCTIONS, read_units.function),
}
"""Every operator that is read over a picture's values, beside sums and products."""

MOVING = frozenset(
    {"Cast", "Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Pad", "Slice"}
    | {"Split", "Gather", "Shape"}
)
"""Those that compute nothing, so that bytes may be what they read."""

ARITHMETIC: dict[str, Rule] = {
    "Add": read_units.summed,
    "Sub": read_units.summed,
    "Mul": read_units.product,
    "Div": read_units.product,
}
"""What these are between two layers' outputs; with a constant they scale and shift."""


def foreign_network(model: Model) -> Described:
    """The network of a model that was not written here.

    Raises:
        FormatError: a network cannot express it; names the node.
    """
    build = _built(model)
    network, notes = _network(build), build.notes
    contract_of(build)
    return Described(network=network, notes=notes.sentences())


def foreign_checkpoint(model: Model) -> Checkpoint:
    """The network with its arrays; those that several layers share are the same ones in memory.

    Raises:
        FormatError: as `foreign_network`, or its numbers cannot be read.
    """
    build = _built(model)
    network = _network(build)
    contract, image = contract_of(build)
    arrays = _arrays(network, build)
    strange = not_finite(arrays)
    try:
        return Checkpoint(
            network=network,
            arrays=arrays,
            contract=contract,
            notes=(*build.notes.sentences(), *strange),
            mean_image=image,
        )
    except FormatError as error:
        raise FormatError(f"{model.path}: {error}") from None


def _built(model: Model) -> Build:
    patterns = patterns_of(model)
    needed = _needed(model, patterns)
    uses = Counter(name for node in needed for name in _reads(node, patterns))
    uses[model.outputs[0]] += 1
    build = Build(model, uses)
    build.values.update(model.constants)
    add_picture(build)
    for node in needed:
        _read(node, patterns, build)
    if len(model.outputs) > 1:
        others = ", ".join(f"'{shown(name)}'" for name in model.outputs[1:5])
        build.notes.add(f"the first output is read; left out with what only they need: {others}")
    return build


def _reads(node: Node, patterns: dict[str, Pattern]) -> list[str]:
    pattern = _pattern(node, patterns)
    names = node.inputs if pattern is None else pattern.reads.values()
    return [name for name in names if name]


def _pattern(node: Node, patterns: dict[str, Pattern]) -> Pattern | None:
    return patterns.get(node.outputs[0]) if node.outputs else None


def _needed(model: Model, patterns: dict[str, Pattern]) -> list[Node]:
    """The nodes that the first output depends on, in order; of a pattern its last."""
    wanted, found = {model.outputs[0]}, list[Node]()
    for node in reversed(model.nodes):
        if wanted.intersection(node.outputs):
            found.append(node)
            wanted.update(_reads(node, patterns))
    return found[::-1]


def _read(node: Node, patterns: dict[str, Pattern], build: Build) -> None:
    pattern = _pattern(node, patterns)
    read = [build.values.get(name) for name in _reads(node, patterns)]
    bytes_read = any(isinstance(value, Value) and value.of_bytes for value in read)
    if bytes_read and (pattern is not None or node.operator not in MOVING):
        raise build.error(node, "computes with bytes; they must be cast to real numbers first")
    if pattern is not None:
        add_pattern(pattern, build)
        return
    if not node.outputs or not node.outputs[0]:
        raise build.error(node, "has no first output, and another is read")
    rule = SOURCES.get(node.operator)
    if rule is None and read_constants.is_constant(node, build):
        rule = read_constants.compute
    if rule is None and node.operator in ARITHMETIC:
        values = [isinstance(build.known(node, index), Value) for index in range(len(node.inputs))]
        if len(values) != 2:
            raise build.error(node, f"has {len(values)} inputs; it takes 2")
        rule = ARITHMETIC[node.operator] if all(values) else read_scales.arithmetic
    rule = rule or OPERATORS.get(node.operator)
    if rule is None:
        raise build.error(node, "is an operator that no layer here is")
    rule(node, build)
    for name in node.outputs[1:]:
        if name and name not in build.values and build.uses[name]:
            raise build.error(node, f"makes '{shown(name)}', its further output, which is not read")


def _network(build: Build) -> Network:
    model = build.model
    last = build.values.get(model.outputs[0])
    if not isinstance(last, Value) or not last.is_whole or last.sets != 1:
        raise FormatError(
            f"{model.path}: its output '{shown(model.outputs[0])}' is not what a layer gives as a"
            " whole"
        )
    if last.is_turned:
        build.notes.add("the file has the output's channels last; here they stand first")
    if not any(name != build.picture for name in build.layers):
        raise FormatError(f"{model.path}: has no layer that says anything of a picture")
    build.note_names()
    build.notes.add("how weights start is not said; 0 stands in its place")
    try:
        return Network(model.name, tuple(build.layers.values()), source=model.path.name)
    except NetworkError as error:
        raise FormatError(f"{model.path}: {error}") from None


def _arrays(network: Network, build: Build) -> dict[str, Array]:
    """Every learned array, each distinct one loaded once."""
    spread = {t.origin: t.size * t.dtype.itemsize for t in build.learned.values() if t.spread}
    if sum(spread.values()) > LARGEST_SPREAD:
        raise FormatError(
            f"{build.model.path}: makes {sum(spread.values()):,} bytes of weights of single"
            f" numbers; {LARGEST_SPREAD:,} are the most"
        )
    wanted = {p.name: build.learned[p.name] for p in network_parameters(network)}
    for tensor in wanted.values():
        check_real(tensor, build)
    arrays = load_each(wanted, build.model.path)
    shared = len(arrays) - len({id(array) for array in arrays.values()})
    if shared:
        build.notes.add(
            f"{shared} arrays are those of other layers too; trained on, each goes its own way"
        )
    return arrays
