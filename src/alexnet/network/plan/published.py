"""The model held against two published measurements, with its assumptions named: what it predicts,
what was measured, and where that lies outside.

Nothing is fitted. The one figure taken from each measurement is how fast a single device was; where
only a time and a speed-up are published, it follows from these two, and is said to.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from alexnet.network.catalog import get_network
from alexnet.network.plan.cluster import DEVICES, Cluster, Link, Precision
from alexnet.network.plan.quantities import shown_rate, shown_seconds
from alexnet.network.plan.schemes import Scheme, step
from alexnet.network.plan.work import Work, work_of

PICTURES = 1_281_167
"""Training pictures of ILSVRC-2012."""

PCI_EXPRESS = 6e9
"""Bytes a second between GPUs of one switch (arXiv 1404.5997, its section on experiments)."""

INFINIBAND = 56e9 / 8
"""Bytes a second of the 56 Gbps network of arXiv 1902.06855."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A speed-up under named assumptions."""

    assumption: str
    speed_up: float


@dataclass(frozen=True, slots=True)
class Published:
    """One measurement and what the model says of it.

    Attributes:
        what, source: the measurement, and where it stands.
        devices, speed_up: as published.
        predictions: the range is from the least to the most of them.
        others: speed-ups under assumptions that are not this measurement's, to compare.
        one_device: how fast one device was, and how that is known.
        why: what the model leaves out, or does not know.
    """

    what: str
    source: str
    devices: int
    speed_up: float
    predictions: tuple[Prediction, ...]
    others: tuple[Prediction, ...]
    one_device: str
    why: str

    @property
    def low(self) -> float:
        """The least that is predicted."""
        return min(p.speed_up for p in self.predictions)

    @property
    def high(self) -> float:
        """The most that is predicted."""
        return max(p.speed_up for p in self.predictions)

    @property
    def inside(self) -> bool:
        """Whether the measurement lies in the predicted range."""
        return self.low <= self.speed_up <= self.high

    @property
    def verdict(self) -> str:
        """The comparison in a sentence."""
        between = f"{self.low:.4g} to {self.high:.4g}"
        if self.inside:
            return f"published {self.speed_up:g}, predicted {between}: inside; {self.why}"
        side, edge = ("below", self.low) if self.speed_up < self.low else ("above", self.high)
        apart = abs(edge - self.speed_up) / self.speed_up
        return (
            f"published {self.speed_up:g}, predicted {between}: outside, {apart:.1%} {side};"
            f" {self.why}"
        )


def published() -> tuple[Published, ...]:
    """The measurements: Krizhevsky's on 2, 4 and 8 GPUs, and Sun's on 512."""
    return (*(_krizhevsky(n, times) for n, times in KRIZHEVSKY), _sun())


HOURS = 98.05
"""Of 90 epochs on one K20 with batches of 128 (arXiv 1404.5997, its table of results)."""

KRIZHEVSKY = ((2, 1.95), (4, 3.74), (8, 6.25))
"""GPUs and speed-up with 128 pictures for each, weights updated once a batch (the same table)."""


def _krizhevsky(devices: int, speed_up: float) -> Published:
    work = work_of(get_network("one_weird_trick"))
    each_second = 90 * PICTURES / (HOURS * 3600)
    rates = (PCI_EXPRESS,) if devices <= 4 else (PCI_EXPRESS, PCI_EXPRESS / 2)
    crowded = (
        ""
        if devices <= 4
        else (
            "; between the two groups of four GPUs traffic goes through the host's memory, where it"
            " is halved when all speak at once, so that both rates are worked out"
        )
    )
    return Published(
        what=f"Krizhevsky 2014, {devices} × K20 over PCI Express 2.0, 128 pictures each",
        source="arXiv 1404.5997; scheme (b), as in cuda-convnet2's layer.cu",
        devices=devices,
        speed_up=speed_up,
        predictions=_under(work, devices, rates, (0.0,), "one-weird-trick-b", each_second, "fp32"),
        others=(
            *_under(work, devices, rates, (0.0,), "one-weird-trick-c", each_second, "fp32"),
            *_under(work, devices, rates, (0.0,), "data", each_second, "fp32"),
        ),
        one_device=_told(work, each_second, "k20", "fp32", "90 × 1,281,167 / 98.05 h"),
        why="latencies, waiting for the slowest and the smaller products of dealt-out layers are"
        f" left out{crowded}",
    )


SUN_SECONDS, SUN_EPOCHS, SUN_SPEED_UP, SUN_DEVICES = 90.0, 95, 410.2, 512
"""Of the abstract of arXiv 1902.06855: 95 epochs in 1.5 minutes."""

SUN_SLOWEST = 93.0
"""Seconds that are still printed as 1.5 minutes."""


def _sun() -> Published:
    work = work_of(get_network("one_weird_trick"))
    each_second = SUN_EPOCHS * PICTURES / SUN_SECONDS / SUN_SPEED_UP
    slower = each_second * SUN_SECONDS / SUN_SLOWEST
    return Published(
        what="Sun et al. 2019, 512 × V100 over 56 Gbps, 128 pictures each, fp16",
        source="arXiv 1902.06855",
        devices=SUN_DEVICES,
        speed_up=SUN_SPEED_UP,
        predictions=_dense(work, each_second, (0.0, 5e-6)),
        others=(
            Prediction(
                "the same without latency, hidden layer by layer, if 1.5 min were 1.55",
                max(p.speed_up for p in _dense(work, slower, (0.0,))),
            ),
            Prediction("nothing sent at all", float(SUN_DEVICES)),
        ),
        one_device=_told(work, each_second, "v100", "fp16", "95 × 1,281,167 / 1.5 min / 410.2"),
        why="the range is for every gradient sent over one flat ring, with 0 to 5 µs a step; the"
        " paper leaves most gradients unsent, by a share not known here, so that it may well lie"
        " above; 128 pictures for each GPU are taken for granted, and the speed of one follows from"
        " the published time and speed-up, no other being known here",
    )


def _dense(work: Work, each_second: float, latencies: tuple[float, ...]) -> tuple[Prediction, ...]:
    return _under(work, SUN_DEVICES, (INFINIBAND,), latencies, "data", each_second, "fp16")


def _under(
    work: Work,
    devices: int,
    rates: tuple[float, ...],
    latencies: tuple[float, ...],
    scheme: Scheme,
    each_second: float,
    precision: Precision,
) -> tuple[Prediction, ...]:
    """Nothing hidden and hidden layer by layer, at every rate and latency."""
    found: list[Prediction] = []
    speed = each_second * (work.forward + work.backward)
    for rate in rates:
        for latency in latencies:
            cluster = Cluster(
                devices=devices,
                link=Link(rate, latency),
                peak=speed,
                efficiency=1.0,
                precision=precision,
            )
            taken = step(work, cluster, scheme, 128)
            told = f"{scheme}, {shown_rate(rate)}, {shown_seconds(latency)} a step"
            found += [
                Prediction(f"{told}, nothing hidden", taken.speed_up_apart),
                Prediction(f"{told}, hidden layer by layer", taken.speed_up),
            ]
    return tuple(found)


def _told(work: Work, each_second: float, device: str, precision: Precision, how: str) -> str:
    known = DEVICES[device]
    share = each_second * (work.forward + work.backward) / known.peak[precision]
    return (
        f"one device learns from {each_second:,.0f} pictures a second ({how}), {share:.0%} of a"
        f" {known.label}'s peak"
    )


def published_tree() -> list[dict[str, object]]:
    """The comparisons as a JSON tree."""
    return [_tree(each) for each in published()]


def _tree(each: Published) -> dict[str, object]:
    return {
        **asdict(each),
        "low": each.low,
        "high": each.high,
        "inside": each.inside,
        "verdict": each.verdict,
    }
