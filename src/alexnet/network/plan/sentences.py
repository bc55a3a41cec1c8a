"""How each number of a plan comes about, in words; computes none but shares and ratios."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.network.plan.cluster import Cluster
from alexnet.network.plan.limits import FARTHEST, Limit
from alexnet.network.plan.quantities import (
    shown_bytes,
    shown_operations,
    shown_rate,
    shown_seconds,
)
from alexnet.network.plan.rates import Rates
from alexnet.network.plan.room import Room
from alexnet.network.plan.schemes import Scheme, Step
from alexnet.network.plan.work import Work


@dataclass(frozen=True, slots=True)
class Fact:
    """One number: what it is, how people write it, and how it comes about."""

    what: str
    shown: str
    sentence: str


def general(work: Work, cluster: Cluster, pictures: int, advice: Rates) -> tuple[Fact, ...]:
    """What hangs on no scheme."""
    alone = pictures * (work.forward + work.backward) / cluster.speed
    dense = sum(part.parameters for part in work.dense)
    size = work.parameters * cluster.number_bytes
    return (
        Fact(
            "batch",
            f"{advice.batch:,}",
            f"{cluster.devices:,} devices × {pictures:,} pictures",
        ),
        Fact(
            "forward",
            shown_operations(work.forward),
            f"2 × {work.forward // 2:,} multiply-adds of a picture",
        ),
        Fact(
            "backward",
            shown_operations(work.backward),
            f"2 × forward, less {shown_operations(2 * work.forward - work.backward)}: nobody needs"
            " the picture's own gradient",
        ),
        Fact(
            "arithmetic",
            shown_seconds(alone),
            f"{pictures:,} × {shown_operations(work.forward + work.backward)} /"
            f" ({cluster.efficiency:g} × {shown_operations(cluster.peak)}/s)",
        ),
        Fact(
            "parameters",
            shown_bytes(size),
            f"{work.parameters:,} × {cluster.number_bytes} bytes; {dense / work.parameters:.1%} of"
            " them in fully-connected layers, whose gradients are ready first",
        ),
        Fact("learning rate", f"{advice.linear:.4g}", _rate(advice)),
        Fact("how to", advice.means, advice.sentence),
        _warm_up(advice),
    )


def _rate(advice: Rates) -> str:
    return (
        f"0.01 × {advice.batch:,} / 128, the linear rule, momentum 0.9 as it is; by the square root"
        f" {advice.root:.4g}"
    )


def _warm_up(advice: Rates) -> Fact:
    if not advice.warm_up_steps:
        return Fact("warm-up", "none", "the batch is small enough to begin at the full rate")
    return Fact(
        "warm-up",
        f"{advice.warm_up_steps:,} steps",
        f"5 epochs × {advice.steps_per_epoch:,} steps, from 0.01 evenly up to the full rate"
        " (Goyal et al. 2017)",
    )


def of_scheme(
    work: Work, cluster: Cluster, found: Step, bound: Limit, needed: Room
) -> tuple[Fact, ...]:
    """What one scheme takes."""
    facts = [Fact("arithmetic", shown_seconds(found.compute), _compute(found))]
    if found.activations.sent:
        facts.append(
            Fact(
                "activations sent",
                shown_bytes(found.activations.sent),
                _activations(work, cluster, found),
            )
        )
    facts += [
        Fact("gradients sent", shown_bytes(found.gradients.sent), _gradients(work, cluster, found)),
        Fact("communication", shown_seconds(found.communication), _communication(cluster, found)),
        Fact("of it not hidden", shown_seconds(found.exposed), _exposed(found)),
        Fact(
            "step", shown_seconds(found.seconds), "arithmetic + what of communication is not hidden"
        ),
        Fact(
            "speed-up",
            f"{found.speed_up:.4g}",
            f"{found.devices:,} × {shown_seconds(found.alone)} / {shown_seconds(found.seconds)};"
            f" with nothing hidden {found.speed_up_apart:.4g}, with all hidden"
            f" {found.speed_up_hidden:.4g}",
        ),
        *_limits(cluster, found, bound),
        _memory(cluster, needed),
    ]
    if found.scheme.startswith("one-weird-trick"):
        facts.append(_less_up_to(work))
    return tuple(facts)


def _compute(found: Step) -> str:
    if found.compute == found.alone:
        return "an n-th of the batch's on each device"
    return (
        f"on the busiest device, {found.compute / found.alone:.4f} times an even share: what is"
        " dealt out does not divide evenly"
    )


def _activations(work: Work, cluster: Cluster, found: Step) -> str:
    if found.scheme == "towers":
        floats = sum(c.floats for c in work.crosses)
        count = len(work.network.towers)
        return (
            f"{floats:,} floats cross for a picture forward, as many gradients backward;"
            f" {count} × {found.pictures:g} pictures, {cluster.number_bytes} bytes each, shared by"
            f" {count} devices"
        )
    read = " + ".join(f"{floats:,}" for floats in work.gathered)
    return (
        f"(n − 1)/n × {found.devices * found.pictures:,.0f} pictures × (2·({read}) + {work.said:,})"
        f" floats × {cluster.number_bytes} bytes: forward and back, the outputs forward"
    )


def _gradients(work: Work, cluster: Cluster, found: Step) -> str:
    ring = "ring all-reduce, 2(n − 1)/n"
    match found.scheme:
        case "data":
            what = f"{work.parameters:,} parameters"
            count = found.devices
        case "towers":
            what = "the parameters of the larger tower"
            count = found.devices // len(work.network.towers)
        case _:
            what = f"{sum(p.parameters for p in work.spatial):,} parameters of the convolutions"
            count = found.devices
    if not found.gradients.sent:
        return "nobody else has the same weights: nothing is summed"
    sums = "1 sum" if found.messages == 1 else f"{found.messages} sums"
    return f"{ring} × {what} × {cluster.number_bytes} bytes, n = {count:,}, {sums}"


def _communication(cluster: Cluster, found: Step) -> str:
    hops = found.gradients.hops + found.activations.hops
    path = found.gradients.path + found.activations.path
    if not hops:
        return "nothing is sent"
    busiest = ", on the busiest link" if path > 1.001 * found.sent else ""
    return (
        f"{shown_bytes(path)}{busiest} / {shown_rate(cluster.link.rate)}"
        f" + {hops:,} steps × {shown_seconds(cluster.link.latency)}"
    )


def _exposed(found: Step) -> str:
    if not found.communication:
        return "nothing is sent"
    match found.scheme:
        case "data":
            return (
                "a layer's gradients go when they are ready, while the backward pass goes on below"
                f" ({shown_seconds(found.hides)} of it)"
            )
        case "towers":
            return "what crosses is waited for; sums of gradients run under the backward pass"
        case "one-weird-trick-a":
            return "the gathering is waited for; sums of gradients run under the backward pass"
        case _:
            return (
                "each turn's activations cross while the turn before is worked on; sums of"
                " gradients run under the backward pass"
            )


def _limits(cluster: Cluster, found: Step, bound: Limit) -> list[Fact]:
    if not bound.hidden:
        return [Fact("link is the limit", "always", "a layer waits for what crosses")]
    at = f"{bound.devices:,} devices" if bound.devices else f"not up to {FARTHEST:,}"
    told = [
        Fact(
            "link is the limit",
            at,
            "the fewest devices at which communication outlasts what hides it",
        )
    ]
    if bound.latency_alone:
        hops = found.gradients.hops + found.activations.hops
        why = f"{hops:,} steps × {shown_seconds(cluster.link.latency)} outlast it alone"
        told.append(Fact("link needed", "none is enough", why))
    elif bound.rate is not None:
        told.append(
            Fact(
                "link needed",
                shown_rate(bound.rate),
                f"{bound.rate * 8 / 1e9:,.4g} Gbit/s: communication then lasts"
                f" {shown_seconds(found.hides)}, as long as what hides it",
            )
        )
    return told


def _less_up_to(work: Work) -> Fact:
    """The batch at which gathered activations are as many bytes as the gradients they spare; the
    factor (n − 1)/n is in both, so that it holds for any number of devices.
    """
    spared = 2 * sum(part.parameters for part in work.dense)
    crossing = 2 * sum(work.gathered) + work.said
    return Fact(
        "sends less up to",
        f"{spared // crossing:,} pictures",
        f"the batch of all devices at which {crossing:,} floats a picture are as many as 2 ×"
        f" {spared // 2:,} gradients that data parallelism sends and this does not",
    )


def _memory(cluster: Cluster, needed: Room) -> Fact:
    said = needed.sentence
    if cluster.memory is not None:
        fits = "fits into" if needed.needed <= cluster.memory else "is more than"
        said += f"; it {fits} {shown_bytes(cluster.memory)}"
        if needed.largest is not None:
            said += f", in which {needed.largest:,} pictures fit"
    return Fact("memory", shown_bytes(needed.needed), said)


def of_run(
    found: Step, advice: Rates, seconds: float, epochs: int, pictures: int
) -> tuple[Fact, ...]:
    """How long the whole takes."""
    each = advice.batch / found.seconds
    return (
        Fact(
            "pictures a second",
            f"{each:,.0f}",
            f"{advice.batch:,} / {shown_seconds(found.seconds)}",
        ),
        Fact(
            "the whole run",
            shown_seconds(seconds),
            f"{epochs:,} epochs × {advice.steps_per_epoch:,} steps ({pictures:,} pictures /"
            f" {advice.batch:,}) × {shown_seconds(found.seconds)}",
        ),
    )


def assumptions(cluster: Cluster, schemes: tuple[Scheme, ...]) -> tuple[str, ...]:
    """What all of it takes for granted."""
    found = [
        f"arithmetic runs at {cluster.efficiency:g} of the device's peak: an assumption, not a"
        " measurement; small batches and fully-connected layers reach less",
        "pooling, normalisation, activation functions, dropout and the update cost no time, nor"
        " does reading and preparing pictures",
        "every device sends to its neighbour in the ring and receives at the link's full speed at"
        " once, and nobody else uses the link; communication takes nothing from arithmetic",
        f"gradients go as soon as {shown_bytes(cluster.bucket)} of them are ready, as PyTorch's"
        " DistributedDataParallel gathers them, whole layers at a time",
    ]
    if cluster.precision != "fp32":
        found.append(
            f"what crosses the link is in {cluster.precision}, 2 bytes a number; memory holds"
            " weights, gradients and velocities in 4"
        )
    if any(scheme.startswith("one-weird-trick") for scheme in schemes):
        found.append(
            "one weird trick: n devices each have an n-th of every fully-connected layer's outputs,"
            " however few that are; in (b) the sender's link is the bottleneck"
        )
    if "towers" in schemes:
        found.append(
            "towers: layers of no tower stand on the first one's device; a layer waits for all that"
            " crosses to it"
        )
    return tuple(found)
