"""What becomes of learned arrays when a network's layers are joined or cut: small expressions, and
their evaluation for NumPy and torch alike. It knows no rule of joining or cutting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, assert_never

from alexnet.network.arithmetic import parameters
from alexnet.network.layers import Conv, FullyConnected, Layer, Local, Weighted
from alexnet.network.spec import Network, NetworkError


@dataclass(frozen=True, slots=True)
class Piece:
    """One of the old network's arrays, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Arrays joined along an axis."""

    axis: int
    parts: tuple[Assembly, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`part` from `start` up to `stop` along an axis."""

    axis: int
    start: int
    stop: int
    part: Assembly


Assembly = Piece | Stack | Slice
"""How an array of the new network is made of the old one's."""


def assemble(
    assemblies: Mapping[str, Assembly],
    arrays: Mapping[str, Any],
    concatenate: Callable[[Sequence[Any], int], Any],
) -> dict[str, Any]:
    """The new network's arrays.

    Args:
        assemblies: as `fold` or `unfold` gave them.
        arrays: the old network's, NumPy's or torch's.
        concatenate: `numpy.concatenate` or `torch.cat`.

    Raises:
        ValueError: an array is missing; it is named.
    """

    def made(assembly: Assembly) -> Any:
        match assembly:
            case Piece(name):
                if name not in arrays:
                    raise ValueError(f"array '{name}' is missing; given: {', '.join(arrays)}")
                return arrays[name]
            case Stack(axis, parts):
                return concatenate([made(part) for part in parts], axis)
            case Slice(axis, start, stop, part):
                return made(part)[(slice(None),) * axis + (slice(start, stop),)]
            case _:
                assert_never(assembly)

    return {name: made(assembly) for name, assembly in assemblies.items()}


def stack(axis: int, parts: Iterable[Assembly]) -> Assembly:
    """The parts joined; one part alone is itself."""
    parts = tuple(parts)
    return parts[0] if len(parts) == 1 else Stack(axis, parts)


def part_of(axis: int, index: int, count: int, length: int, whole: Assembly) -> Assembly:
    """The `index`-th of `count` equal parts of an axis of `length`."""
    return Slice(axis, index * length // count, (index + 1) * length // count, whole)


def axes(layer: Weighted) -> tuple[int, int]:
    """Which axes of its weights run over outputs and over inputs."""
    match layer:
        case Conv() | FullyConnected():
            return 0, 1
        case Local():
            return 2, 3
        case _:
            assert_never(layer)


def pieces_of(layer: Layer, network: Network) -> list[Assembly]:
    """The arrays of a layer as they are: its weights in the order of its reads, then its bias."""
    return [Piece(parameter.name) for parameter in parameters(layer, network)]


def named_by_parameter(
    network: Network, made: Sequence[tuple[Layer, Sequence[Assembly]]]
) -> tuple[Network, dict[str, Assembly]]:
    """The new network, and its assemblies under the names that it gives its arrays."""
    new = replace(network, layers=tuple(layer for layer, _ in made))
    return new, {
        parameter.name: assembly
        for layer, assemblies in made
        for parameter, assembly in zip(parameters(layer, new), assemblies, strict=True)
    }


def letters(towers: int) -> str:
    """What tells the names of twins apart: ab for two towers."""
    return "".join(chr(ord("a") + tower) for tower in range(towers))


def refuse(network: Network, layer: Layer, what: str, why: str) -> NoReturn:
    """Raises the error that says which layer cannot be `what` (folded, split) and why."""
    raise NetworkError(f"network '{network.name}', layer '{layer.name}' cannot be {what}: {why}")
