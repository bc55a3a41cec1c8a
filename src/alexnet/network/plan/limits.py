"""Where the link becomes the limit: from how many devices on communication outlasts what hides it,
and how fast a link would have to be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alexnet.network.plan.cluster import Cluster
from alexnet.network.plan.quantities import PlanError
from alexnet.network.plan.schemes import Scheme, Step, step
from alexnet.network.plan.work import Work

FARTHEST = 4096
"""Devices up to which the limit is looked for."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where the link becomes the limit.

    Attributes:
        hidden: whether any communication may run under arithmetic; where activations are waited
            for, no link hides them, and the next two are None.
        devices: the fewest for which communication outlasts what hides it; None: not up to
            `FARTHEST`.
        rate: bytes a second at which it lasts as long, for the devices asked for; None where
            nothing is sent, or the latency alone outlasts what hides it.
        latency_alone: the latency alone outlasts it.
    """

    hidden: bool
    devices: int | None
    rate: float | None
    latency_alone: bool


def limit(
    work: Work, cluster: Cluster, scheme: Scheme, pictures: float, *, whole_batch: bool
) -> Limit:
    """Finds both.

    Args:
        work, cluster, scheme, pictures: as `step` takes them.
        whole_batch: with other numbers of devices the whole batch stays, not each device's share.
    """
    found = step(work, cluster, scheme, pictures)
    if not found.hides:
        return Limit(hidden=False, devices=None, rate=None, latency_alone=False)
    rate, alone = _needed(found, cluster)
    batch = pictures * cluster.devices
    for count in range(2, FARTHEST + 1):
        share = batch / count if whole_batch else pictures
        try:
            tried = step(work, replace(cluster, devices=count), scheme, share)
        except PlanError:
            continue
        if tried.communication > tried.hides:
            return Limit(hidden=True, devices=count, rate=rate, latency_alone=alone)
    return Limit(hidden=True, devices=None, rate=rate, latency_alone=alone)


def _needed(found: Step, cluster: Cluster) -> tuple[float | None, bool]:
    """The rate, solved from: hops × latency + path / rate = what hides it."""
    moved = found.gradients + found.activations
    left = found.hides - moved.hops * cluster.link.latency
    if not moved.path:
        return None, False
    return (moved.path / left, False) if left > 0 else (None, True)
