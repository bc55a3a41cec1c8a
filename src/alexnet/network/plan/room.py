"""The memory of one device under each scheme. Data parallelism is followed through the step, as
`memory` does; the others are sums of shares, which no step exceeds by much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

from alexnet.network.memory import Precision as MemoryPrecision
from alexnet.network.memory import largest_batch, training_memory
from alexnet.network.plan.cluster import Cluster
from alexnet.network.plan.quantities import shown_bytes
from alexnet.network.plan.schemes import Scheme
from alexnet.network.plan.work import Work


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that one device needs, how that comes about, and, where it is known, the most pictures
    of which a step fits: 0 where not even one does.
    """

    needed: int
    sentence: str
    largest: int | None = None


def room(work: Work, cluster: Cluster, scheme: Scheme, pictures: int) -> Room:
    """What a step of `pictures` for each device needs on the device that needs the most."""
    kind: MemoryPrecision = "fp32" if cluster.precision == "fp32" else "mixed"
    match scheme:
        case "data":
            return _whole(work, cluster, pictures, kind)
        case "towers":
            return _tower(work, pictures, kind)
        case "one-weird-trick-a" | "one-weird-trick-b" | "one-weird-trick-c":
            turns = 1 if scheme == "one-weird-trick-a" else cluster.devices
            return _dealt(work, cluster, pictures, turns, kind)
        case _:
            assert_never(scheme)


def _whole(work: Work, cluster: Cluster, pictures: int, kind: MemoryPrecision) -> Room:
    found = training_memory(work.network, pictures, kind)
    largest = None
    if cluster.memory is not None:
        try:
            largest = largest_batch(work.network, cluster.memory, kind)
        except ValueError:  # not even one picture
            largest = 0
    sentence = (
        f"weights, gradients, velocities and what the forward pass keeps, followed to the peak, at"
        f" {found.peak_at}"
    )
    return Room(found.peak, sentence, largest)


def _each(kind: MemoryPrecision) -> int:
    """Bytes of a weight, its gradient, its velocity, and in mixed precision its short copy."""
    return 12 if kind == "fp32" else 14


def _tower(work: Work, pictures: int, kind: MemoryPrecision) -> Room:
    towers = work.network.towers
    kept = training_memory(work.network, pictures * len(towers), kind).activations
    everything = sum(work.activation_bytes.values())
    needed = 0
    for tower in towers:
        mine = {tower, None} if tower == towers[0] else {tower}
        learned = sum(p.parameters for p in work.parts if p.tower in mine)
        share = sum(x for t, x in work.activation_bytes.items() if t in mine) / everything
        needed = max(needed, round(_each(kind) * learned + share * kept))
    sentence = (
        f"{_each(kind)} bytes for each parameter of the larger tower, and its share of what the"
        f" forward pass keeps of {len(towers)} × {pictures} pictures"
    )
    return Room(needed, sentence)


def _dealt(work: Work, cluster: Cluster, pictures: int, turns: int, kind: MemoryPrecision) -> Room:
    devices = cluster.devices
    own = sum(math.ceil(p.outputs / devices) * p.parameters / p.outputs for p in work.dense)
    learned = sum(p.parameters for p in work.spatial) + own
    kept = training_memory(work.network, pictures, kind).activations
    at_once = pictures * devices // turns * (1 if turns == 1 else min(2, devices))
    width = 4 if kind == "fp32" else 2
    gathered = (sum(work.gathered) + work.said) * width * at_once
    sentence = (
        f"{_each(kind)} bytes for each of {round(learned):,} parameters, what the forward pass"
        f" keeps of {pictures} pictures, and {shown_bytes(gathered)} of gathered activations of"
        f" {at_once:,}"
    )
    return Room(round(_each(kind) * learned + kept + gathered), sentence)
