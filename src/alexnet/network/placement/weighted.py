"""The shapes that windows and weights give, and the shapes of the weights themselves."""

from __future__ import annotations

from typing import assert_never

from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Initial,
    Kernel,
    Local,
    TreeConnected,
    Weighted,
    Window,
)
from alexnet.network.shapes import LayerError, Placed, Shape, elements, require, text
from alexnet.network.sizes import Operation, Rule, Side, side


def initials(layer: Weighted) -> tuple[Initial, ...]:
    """How the weights of each input start, in order."""
    match layer:
        case Conv() | Local():
            return tuple(kernel.initial for kernel in layer.kernels)
        case FullyConnected():
            return layer.initial
        case TreeConnected():
            return (layer.initial,)
        case _:
            assert_never(layer)


def weight_shapes(
    layer: Weighted, inputs: tuple[Shape, ...], placed: Shape
) -> tuple[tuple[int, ...], ...]:
    """The shape of the weights of each input: conv [filters, channels/groups, size, size]; local
    [rows, columns] before that; fully-connected [outputs, inputs/groups]; of a tree its leaves'.

    Args:
        layer: with weights.
        inputs: the shapes of what it reads.
        placed: the shape of its output.
    """
    match layer:
        case Conv():
            return tuple(
                (layer.filters, *window(kernel, shape))
                for kernel, shape in zip(layer.kernels, inputs, strict=True)
            )
        case Local():
            return tuple(
                (*placed[1:], layer.filters, *window(kernel, shape))
                for kernel, shape in zip(layer.kernels, inputs, strict=True)
            )
        case FullyConnected():
            return tuple((layer.outputs, elements(shape) // layer.groups) for shape in inputs)
        case TreeConnected():
            return ((layer.outputs, elements(inputs[0])),)
        case _:
            assert_never(layer)


def window(kernel: Kernel, shape: Shape) -> tuple[int, int, int]:
    """What one filter of a kernel sees at one place: (channels, size, size)."""
    return seen_channels(kernel, shape), kernel.size, kernel.size


def seen_channels(kernel: Kernel, shape: Shape) -> int:
    """How many of an input's channels one filter sees."""
    return (len(kernel.connections) or shape[0]) // kernel.groups


def _lay(
    rule: Rule, operation: Operation, shape: Shape, window: Kernel | Window
) -> tuple[Side, Side]:
    require(window.size >= 1, f"size is {window.size}; it must be at least 1")
    require(window.stride >= 1, f"stride is {window.stride}; it must be at least 1")
    require(
        window.padding >= 0 or (rule == "cuda-convnet" and operation == "pool"),
        f"padding is {window.padding}; it must not be negative",
    )
    require(
        rule not in ("same", "valid") or window.padding == 0,
        f"padding is {window.padding}, but the rule '{rule}' sets it; leave it 0",
    )
    try:
        rows, columns = (
            side(rule, operation, n, window.size, window.stride, window.padding, window.outputs)
            for n in shape[1:]
        )
    except ValueError as error:
        raise LayerError(str(error)) from None
    return rows, columns


def _sentence(sides: tuple[Side, Side]) -> str:
    """One side's sentence; both where the picture is not square."""
    rows, columns = sides
    if rows.sentence == columns.sentence:
        return rows.sentence
    return f"rows {rows.sentence}, columns {columns.sentence}"


def place_pool(window: Window, rule: Rule, shape: Shape) -> Placed:
    """Pooling windows over a map."""
    sides = _lay(rule, "pool", shape, window)
    return Placed((shape[0], sides[0].outputs, sides[1].outputs), _sentence(sides), (sides,))


def place_kernels(layer: Conv | Local, inputs: tuple[Shape, ...]) -> Placed:
    """One kernel for each input; all must give maps of one size."""
    require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    require(
        len(layer.kernels) == len(inputs),
        f"{len(layer.kernels)} kernels for {len(inputs)} inputs; give one for each",
    )
    require(layer.filters >= 1, f"filters is {layer.filters}; it must be at least 1")
    sides: list[tuple[Side, Side]] = []
    for read, kernel, shape in zip(layer.reads, layer.kernels, inputs, strict=True):
        _check_connections(kernel, shape[0])
        dealt = [(f"its {layer.filters} filters", layer.filters)]
        if not kernel.connections:
            dealt.insert(0, (f"the {shape[0]} channels of '{read}'", shape[0]))
        for what, count in dealt:
            require(
                kernel.groups >= 1 and count % kernel.groups == 0,
                f"groups is {kernel.groups}, which does not divide {what}",
            )
        sides.append(_lay(layer.rule, "conv", shape, kernel))
    sizes = [(rows.outputs, columns.outputs) for rows, columns in sides]
    require(
        len(set(sizes)) == 1,
        "its inputs give maps of different size: "
        + ", ".join(
            f"'{read}' {rows}×{columns}"
            for read, (rows, columns) in zip(layer.reads, sizes, strict=True)
        )
        + "; summed maps must be alike",
    )
    return Placed((layer.filters, *sizes[0]), _sentence(sides[0]), tuple(sides))


def _check_connections(kernel: Kernel, channels: int) -> None:
    """Sparse connections name channels that exist, as many for every group."""
    if not kernel.connections:
        return
    count = len(kernel.connections)
    require(
        kernel.groups >= 1 and count % kernel.groups == 0,
        f"{count} connections for {kernel.groups} groups; each group must have as many",
    )
    require(
        all(0 <= channel < channels for channel in kernel.connections),
        f"its connections name channels beyond the {channels} there are, counted from 0",
    )


def place_fully_connected(layer: FullyConnected, inputs: tuple[Shape, ...]) -> Placed:
    """A vector, whatever it reads."""
    require(len(inputs) >= 1, "reads nothing; it needs at least one input")
    require(layer.outputs >= 1, f"outputs is {layer.outputs}; it must be at least 1")
    require(
        len(layer.initial) == len(inputs),
        f"{len(layer.initial)} initial values for {len(inputs)} inputs; give one for each",
    )
    for what, count in [
        ("its outputs", layer.outputs),
        *zip(layer.reads, map(elements, inputs), strict=True),
    ]:
        require(
            layer.groups >= 1 and count % layer.groups == 0,
            f"groups is {layer.groups}, which does not divide {what} ({count})",
        )
    return Placed((layer.outputs, 1, 1), "given")


def place_tree(layer: TreeConnected, shape: Shape) -> Placed:
    """A vector of one unit per leaf; the parents must make one tree."""
    nodes = len(layer.parents)
    require(layer.outputs >= 1, f"outputs is {layer.outputs}; it must be at least 1")
    require(
        nodes > layer.outputs,
        f"its tree has {nodes} nodes and {layer.outputs} of them are leaves; a root is missing",
    )
    require(
        all(0 <= parent < nodes for parent in layer.parents),
        f"a parent is none of the {nodes} nodes, which are counted from 0",
    )
    inner = {parent for node, parent in enumerate(layer.parents) if parent != node}
    require(
        min(inner, default=nodes) >= layer.outputs,
        f"node {min(inner, default=nodes)} is a leaf and has nodes below it",
    )
    _check_rooted(layer.parents)
    return Placed((layer.outputs, 1, 1), f"one per leaf of a tree over {text(shape)}")


def _check_rooted(parents: tuple[int, ...]) -> None:
    """Every node leads up to the one root; a way up that never ends is no tree."""
    roots = [node for node, parent in enumerate(parents) if node == parent]
    require(len(roots) == 1, f"its tree has {len(roots)} roots; it must have one")
    known = {roots[0]}
    for node in range(len(parents)):
        path: list[int] = []
        while node not in known:
            path.append(node)
            known.add(node)
            node = parents[node]
        require(not path or node not in path, f"its tree has a circle through node {node}")
