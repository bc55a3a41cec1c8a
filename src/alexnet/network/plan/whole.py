"""A whole plan: every number of a training run over many devices with the sentence behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from alexnet.network.plan import sentences
from alexnet.network.plan.cluster import MOST, Cluster
from alexnet.network.plan.limits import limit
from alexnet.network.plan.quantities import PlanError
from alexnet.network.plan.rates import Rates, rates
from alexnet.network.plan.room import Room, room
from alexnet.network.plan.schemes import SCHEMES, Scheme, Step, step
from alexnet.network.plan.sentences import Fact
from alexnet.network.plan.work import Work, work_of
from alexnet.network.spec import Network


@dataclass(frozen=True, slots=True)
class Dealt:
    """One scheme's part of a plan."""

    step: Step
    room: Room
    run_seconds: float
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan.

    Attributes:
        work, cluster: what is learned, and on what.
        pictures_per_device, batch: in a step.
        rates: how to learn with such a batch.
        general: the numbers that hang on no scheme.
        dealt: by scheme, in the order asked for.
        refused: the schemes that do not suit, and why.
        assumptions: what all of it takes for granted.
    """

    work: Work
    cluster: Cluster
    pictures_per_device: int
    batch: int
    rates: Rates
    general: tuple[Fact, ...]
    dealt: tuple[Dealt, ...]
    refused: dict[Scheme, str]
    assumptions: tuple[str, ...]


def plan(
    network: Network,
    cluster: Cluster,
    *,
    batch_per_device: int | None = None,
    batch: int | None = None,
    schemes: tuple[Scheme, ...] = SCHEMES,
    pictures: int = 1_281_167,
    epochs: int = 90,
) -> Plan:
    """Plans a run.

    Args:
        network: what is to learn.
        cluster: on what.
        batch_per_device, batch: one of the two, not both; 128 for each device where neither is
            given.
        schemes: which to work out.
        pictures, epochs: how much is learned from.

    Raises:
        PlanError: both batches, a batch that the devices cannot share evenly, a network without
            weights, or a single scheme that does not suit.
    """
    each = _share(cluster, batch_per_device, batch)
    work = work_of(network)
    if not work.forward:
        raise PlanError(f"network '{network.name}' has no layer with weights to plan for")
    whole = each * cluster.devices
    advice = rates(whole, pictures)
    dealt: list[Dealt] = []
    refused: dict[Scheme, str] = {}
    for scheme in schemes:
        try:
            found = step(work, cluster, scheme, each)
        except PlanError as mistake:
            if len(schemes) == 1:
                raise
            refused[scheme] = str(mistake)
            continue
        needed = room(work, cluster, scheme, each)
        seconds = epochs * advice.steps_per_epoch * found.seconds
        bound = limit(work, cluster, scheme, each, whole_batch=batch is not None)
        facts = sentences.of_scheme(work, cluster, found, bound, needed)
        facts += sentences.of_run(found, advice, seconds, epochs, pictures)
        dealt.append(Dealt(found, needed, seconds, facts))
    return Plan(
        work=work,
        cluster=cluster,
        pictures_per_device=each,
        batch=whole,
        rates=advice,
        general=sentences.general(work, cluster, each, advice),
        dealt=tuple(dealt),
        refused=refused,
        assumptions=sentences.assumptions(cluster, tuple(d.step.scheme for d in dealt)),
    )


def _share(cluster: Cluster, batch_per_device: int | None, batch: int | None) -> int:
    if batch is not None and batch_per_device is not None:
        raise PlanError("--batch does not go with --batch-per-device; leave one of them out")
    for option, given in (("--batch", batch), ("--batch-per-device", batch_per_device)):
        most = MOST * (cluster.devices if option == "--batch" else 1)
        if given is not None and not 1 <= given <= most:
            raise PlanError(f"{option} is {given}; it must be from 1 to {most:,}")
    if batch is None:
        return batch_per_device or 128
    if batch % cluster.devices:
        near = max(1, round(batch / cluster.devices)) * cluster.devices
        raise PlanError(
            f"--batch is {batch:,}, which {cluster.devices:,} devices cannot share evenly; {near:,}"
            " they can"
        )
    return batch // cluster.devices


def as_tree(found: Plan) -> dict[str, object]:
    """The plan as a JSON tree: exact numbers in bytes and seconds, and every sentence."""
    cluster = found.cluster
    return {
        "network": found.work.network.name,
        "devices": cluster.devices,
        "link": {"bytes_per_second": cluster.link.rate, "latency_seconds": cluster.link.latency},
        "peak": cluster.peak,
        "efficiency": cluster.efficiency,
        "precision": cluster.precision,
        "memory": cluster.memory,
        "bucket": cluster.bucket,
        "batch_per_device": found.pictures_per_device,
        "batch": found.batch,
        "parameters": found.work.parameters,
        "rates": asdict(found.rates),
        "facts": [asdict(fact) for fact in found.general],
        "schemes": {each.step.scheme: _dealt_tree(each) for each in found.dealt},
        "refused": dict(found.refused),
        "assumptions": list(found.assumptions),
    }


def _dealt_tree(each: Dealt) -> dict[str, object]:
    found = each.step
    return {
        "compute_seconds": found.compute,
        "communication_seconds": found.communication,
        "exposed_seconds": found.exposed,
        "step_seconds": found.seconds,
        "sent_bytes": found.sent,
        "messages": found.messages,
        "speed_up": found.speed_up,
        "speed_up_nothing_hidden": found.speed_up_apart,
        "speed_up_all_hidden": found.speed_up_hidden,
        "memory_bytes": each.room.needed,
        "run_seconds": each.run_seconds,
        "facts": [asdict(fact) for fact in each.facts],
    }
