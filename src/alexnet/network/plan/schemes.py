"""Ways to deal a training step over devices, and what a step takes under each: data parallelism,
the towers of 2012, and the three schemes of Krizhevsky's "one weird trick" (arXiv 1404.5997).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from alexnet.network.plan.cluster import Cluster, Transfer, all_gather, all_reduce, send_to_all
from alexnet.network.plan.quantities import PlanError
from alexnet.network.plan.work import Part, Work

Scheme = Literal["data", "towers", "one-weird-trick-a", "one-weird-trick-b", "one-weird-trick-c"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

MEANING: dict[Scheme, str] = {
    "data": "every device has the whole network and its own pictures; gradients are summed",
    "towers": "each tower on a device, the same pictures; groups of devices sum gradients",
    "one-weird-trick-a": "convolutions by data, fully-connected layers dealt over all devices; all"
    " activations are gathered, then the fully-connected layers run once",
    "one-weird-trick-b": "the same, but the devices take turns: one sends its activations to all"
    " others, which work on them while the next one sends",
    "one-weird-trick-c": "the same, but in every turn all devices send an n-th of theirs",
}
"""What each is, in a line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One training step.

    Attributes:
        scheme: how it is dealt.
        devices: over how many.
        pictures: for each device.
        alone: seconds in which one device learns from as many pictures as fall to each.
        compute: seconds of arithmetic on the busiest device.
        gradients: what the sums of gradients cost.
        activations: what activations and their gradients cost.
        communication: seconds of both, the link never idle.
        hides: seconds of arithmetic under which communication may run.
        exposed: seconds of communication that arithmetic does not hide, layer by layer.
        messages: how many sums of gradients there are.
    """

    scheme: Scheme
    devices: int
    pictures: float
    alone: float
    compute: float
    gradients: Transfer
    activations: Transfer
    communication: float
    hides: float
    exposed: float
    messages: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends."""
        return self.gradients.sent + self.activations.sent

    @property
    def seconds(self) -> float:
        """How long it takes, what can be hidden hidden layer by layer."""
        return self.compute + self.exposed

    @property
    def speed_up(self) -> float:
        """How many times one device's pictures a second; n at most."""
        return self.devices * (self.alone / self.seconds)

    @property
    def speed_up_apart(self) -> float:
        """As much, if nothing is hidden."""
        return self.devices * (self.alone / (self.compute + self.communication))

    @property
    def speed_up_hidden(self) -> float:
        """As much, if all is hidden that fits: the longer of arithmetic and communication."""
        return self.devices * (self.alone / max(self.compute, self.communication))


def step(work: Work, cluster: Cluster, scheme: Scheme, pictures: float) -> Step:
    """What a step takes with `pictures` for each device.

    Raises:
        PlanError: the network or the number of devices does not suit the scheme.
    """
    match scheme:
        case "data":
            return _data(work, cluster, pictures)
        case "towers":
            return _towers(work, cluster, pictures)
        case "one-weird-trick-a" | "one-weird-trick-b" | "one-weird-trick-c":
            return _weird(work, cluster, scheme, pictures)
        case _:
            assert_never(scheme)


def _data(work: Work, cluster: Cluster, pictures: float) -> Step:
    alone = _alone(work, cluster, pictures)
    sums, exposed, messages = _summed(work.parts, cluster, cluster.devices, pictures)
    return Step(
        scheme="data",
        devices=cluster.devices,
        pictures=pictures,
        alone=alone,
        compute=alone,
        gradients=sums,
        activations=Transfer(),
        communication=sums.seconds(cluster.link),
        hides=pictures * work.backward / cluster.speed,
        exposed=exposed,
        messages=messages,
    )


def _towers(work: Work, cluster: Cluster, pictures: float) -> Step:
    """Groups of as many devices as towers; each group works on its devices' pictures together."""
    towers = work.network.towers
    if len(towers) < 2:
        raise PlanError(f"network '{work.network.name}' has no towers to deal over devices")
    if cluster.devices % len(towers):
        raise PlanError(
            f"{cluster.devices} devices are no whole number of groups of {len(towers)}, one for"
            f" each tower of '{work.network.name}'"
        )
    shared = len(towers) * pictures
    own = {t: _of_tower(work, t) for t in towers}
    busiest = max(own.values(), key=lambda parts: sum(p.operations for p in parts))
    largest = max(own.values(), key=lambda parts: sum(p.parameters for p in parts))
    crossed = _crossed(work, cluster, shared)
    sums, exposed, messages = _summed(largest, cluster, cluster.devices // len(towers), shared)
    waited = crossed.seconds(cluster.link)
    return Step(
        scheme="towers",
        devices=cluster.devices,
        pictures=pictures,
        alone=_alone(work, cluster, pictures),
        compute=shared * sum(p.operations for p in busiest) / cluster.speed,
        gradients=sums,
        activations=crossed,
        communication=waited + sums.seconds(cluster.link),
        hides=0.0,
        exposed=waited + exposed,
        messages=messages,
    )


def _of_tower(work: Work, tower: int) -> tuple[Part, ...]:
    """What stands on a tower's device; the first one's has the layers of no tower too."""
    first = work.network.towers[0]
    return tuple(p for p in work.parts if p.tower == tower or (p.tower is None and tower == first))


def _crossed(work: Work, cluster: Cluster, pictures: float) -> Transfer:
    """Forward activations, backward as many gradients; a device sends and receives at once."""
    out = {t: sum(c.floats for c in work.crosses if c.from_tower == t) for t in work.network.towers}
    into = {t: sum(c.floats for c in work.crosses if c.to_tower == t) for t in work.network.towers}
    size = pictures * cluster.number_bytes
    path = 2 * max([*out.values(), *into.values()]) * size
    sent = (sum(out.values()) + sum(into.values())) / len(out) * size
    hops = 2 * max(sum(1 for c in work.crosses if c.to_tower == t) for t in out)
    return Transfer(sent, path, hops)


def _weird(work: Work, cluster: Cluster, scheme: Scheme, pictures: float) -> Step:
    """Convolutions by data; every device has an n-th of each fully-connected layer's outputs and
    sees all pictures there: in one go (a), or in n turns (b, c), each turn's activations on their
    way while the turn before it is worked on.
    """
    if not work.dense:
        raise PlanError(f"network '{work.network.name}' has no fully-connected layer to deal out")
    devices, link = cluster.devices, cluster.link
    spatial = pictures * sum(p.operations for p in work.spatial) / cluster.speed
    dense = pictures * sum(p.operations * uneven(p, devices) for p in work.dense) / cluster.speed
    turns = 1 if scheme == "one-weird-trick-a" else devices
    turn = _turn(work, cluster, scheme, pictures * devices / turns)
    activations = turn.times(turns)
    waited = activations.seconds(link)
    if turns == 1:
        shown = waited
    else:
        shown = max(0.0, waited - dense) + min(turn.seconds(link), dense / turns)
    sums, exposed, messages = _summed(work.spatial, cluster, devices, pictures)
    alone = _alone(work, cluster, pictures)
    backward = pictures * sum(p.backward for p in work.spatial) / cluster.speed
    even = all(uneven(p, devices) == 1 for p in work.dense)
    return Step(
        scheme=scheme,
        devices=devices,
        pictures=pictures,
        alone=alone,
        compute=alone if even else spatial + dense,
        gradients=sums,
        activations=activations,
        communication=waited + sums.seconds(link),
        hides=0.0 if turns == 1 else dense + backward,
        exposed=shown + exposed,
        messages=messages,
    )


def uneven(part: Part, devices: int) -> float:
    """How many times an even share the busiest device has of a layer's outputs: of 1,000 over 512
    some have 2, which is 1.024 times."""
    return devices * math.ceil(part.outputs / devices) / part.outputs


def _turn(work: Work, cluster: Cluster, scheme: Scheme, pictures: float) -> Transfer:
    """What crosses for `pictures` in the fully-connected layers: what each stage reads, forward,
    and its gradient back; what the last one says, forward.
    """
    size = pictures * cluster.number_bytes
    first, *others = (floats * size for floats in work.gathered)
    one = send_to_all if scheme == "one-weird-trick-b" else all_gather
    found = one(cluster.devices, first).times(2)
    for other in others:
        found += all_gather(cluster.devices, other).times(2)
    return found + all_gather(cluster.devices, work.said * size)


def _alone(work: Work, cluster: Cluster, pictures: float) -> float:
    return pictures * (work.forward + work.backward) / cluster.speed


def _summed(
    parts: Sequence[Part], cluster: Cluster, devices: int, pictures: float
) -> tuple[Transfer, float, int]:
    """Follows the backward pass from the last layer to the first. A gradient is ready when its
    layer is through; buckets that are full go over the link one after the other meanwhile.

    Returns:
        what all sums cost; the seconds by which the last sum is later than the backward pass; how
        many sums there are.
    """
    now = free = 0.0
    waiting, total, messages = 0.0, Transfer(), 0
    for index in reversed(range(len(parts))):
        now += pictures * parts[index].backward / cluster.speed
        waiting += parts[index].parameters * cluster.number_bytes
        if waiting and (waiting >= cluster.bucket or index == 0):
            sent = all_reduce(devices, waiting)
            free = max(free, now) + sent.seconds(cluster.link)
            total, waiting, messages = total + sent, 0.0, messages + (sent.hops > 0)
    return total, max(0.0, free - now), messages
