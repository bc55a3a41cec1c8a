"""What becomes of learned arrays when a network's layers are joined or cut: small expressions, and
their evaluation for NumPy and torch alike. It knows no rule of joining or cutting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, assert_never

from alexnet.network.arithmetic import parameters, weight_names
from alexnet.network.layers import (
    Conv,
    CrossMapPool,
    FullyConnected,
    Initial,
    Layer,
    Local,
    Shared,
    Weighted,
)
from alexnet.network.placement.weighted import initials
from alexnet.network.spec import Network, NetworkError

Divisible = Conv | Local | FullyConnected
"""The kinds with weights whose outputs towers can share out; those of a tree hang together."""


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


def axes(layer: Divisible) -> tuple[int, int]:
    """Which axes of its weights run over outputs and over inputs."""
    match layer:
        case Conv() | FullyConnected():
            return 0, 1
        case Local():
            return 2, 3
        case _:
            assert_never(layer)


def pieces_of(layer: Layer, network: Network) -> list[Assembly]:
    """The arrays of a layer as they are: the weights that each of its reads meets, shared ones too,
    then what else it has, its bias last.
    """
    weights = weight_names(layer, network) if isinstance(layer, Weighted) else ()
    others = [p.name for p in parameters(layer, network) if p.name not in weights]
    return [Piece(name) for name in (*weights, *others)]


def named_by_parameter(
    network: Network, made: Sequence[tuple[Layer, Sequence[Assembly]]], what: str
) -> tuple[Network, dict[str, Assembly]]:
    """The new network, and its assemblies under the names that it gives its arrays.

    Weights are shared with the layer whose array is made in the same way.

    Args:
        network: the old one.
        made: every new layer with an assembly for each of `pieces_of`'s.
        what: has been done, for an error: folded, split.

    Raises:
        NetworkError: shared weights are no longer any one array, or a layer does not fit.
    """
    owners: dict[Assembly, Shared] = {}
    owned = [_owned(layer, assemblies, owners, network, what) for layer, assemblies in made]
    new = replace(network, layers=tuple(layer for layer, _ in owned))
    return new, {
        parameter.name: assembly
        for layer, assemblies in owned
        for parameter, assembly in zip(parameters(layer, new), assemblies, strict=True)
    }


def _owned(
    layer: Layer,
    assemblies: Sequence[Assembly],
    owners: dict[Assembly, Shared],
    network: Network,
    what: str,
) -> tuple[Layer, list[Assembly]]:
    """The layer with its shared weights named by their new owners, and its own arrays alone."""
    if not isinstance(layer, Divisible):
        return layer, list(assemblies)
    starts: list[Initial] = []
    own: list[Assembly] = []
    for index, (start, assembly) in enumerate(zip(initials(layer), assemblies, strict=False)):
        if not isinstance(start, Shared):
            owners[assembly] = Shared(layer.name, index)
            own.append(assembly)
        elif assembly not in owners:
            why = f"the weights that it shares with '{start.layer}' would be no array of that layer"
            refuse(network, layer, what, why)
        starts.append(owners[assembly] if isinstance(start, Shared) else start)
    return _started(layer, starts), [*own, *assemblies[len(starts) :]]


def _started(layer: Divisible, starts: Sequence[Initial]) -> Layer:
    """The layer with other initial values, one for each of its reads."""
    if isinstance(layer, FullyConnected):
        return replace(layer, initial=tuple(starts))
    kernels = zip(layer.kernels, starts, strict=True)
    return replace(layer, kernels=tuple(replace(k, initial=start) for k, start in kernels))


def is_tiled(pool: CrossMapPool, channels: int) -> bool:
    """Whether its windows lie side by side over all the maps, so that a border crosses none."""
    return pool.start == 0 and pool.size == pool.stride and pool.size * pool.outputs == channels


def letters(towers: int) -> str:
    """What tells the names of twins apart: ab for two towers."""
    return "".join(chr(ord("a") + tower) for tower in range(towers))


def refuse(network: Network, layer: Layer, what: str, why: str) -> NoReturn:
    """Raises the error that says which layer cannot be `what` (folded, split) and why."""
    raise NetworkError(f"network '{network.name}', layer '{layer.name}' cannot be {what}: {why}")
