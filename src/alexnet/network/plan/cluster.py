"""What is planned for: devices with their peak speeds, the link between them, and what moving an
array over a ring of them costs. Figures of devices are their makers'; nothing is measured here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from alexnet.network.plan.quantities import PlanError

Precision = Literal["fp32", "fp16", "bf16"]
"""Of the arithmetic, and of every number that crosses a link: 4, 2 and 2 bytes."""

NUMBER_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "bf16": 2}

BUCKET = 25 * 2**20
"""Bytes of gradients that are waited for before they are sent together: what PyTorch's
DistributedDataParallel does by default (bucket_cap_mb=25)."""


MOST = 1_000_000
"""Devices, and pictures for each, that a plan is made for."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device as its maker describes it.

    Attributes:
        name: as `--device` takes it.
        label: its name in words.
        peak: operations a second in each precision it has; matrix units where there are any,
            without sparsity, and without TF32 in fp32.
        memory: bytes.
        source: where the figures stand.
    """

    name: str
    label: str
    peak: dict[Precision, float]
    memory: int
    source: str


def _device(
    name: str, label: str, fp32: float, fp16: float, bf16: float, memory: float, source: str
) -> Device:
    peaks: dict[Precision, float] = {"fp32": fp32, "fp16": fp16, "bf16": bf16}
    given: dict[Precision, float] = {p: x * 1e12 for p, x in peaks.items() if x}
    return Device(name, label, given, int(memory * 2**30), source)


DEVICES: dict[str, Device] = {
    each.name: each
    for each in (
        _device("gtx580", "GeForce GTX 580", 1.581, 0, 0, 3, "512 cores × 1.544 GHz × 2"),
        _device("k20", "Tesla K20", 3.52, 0, 0, 5, "2,496 cores × 706 MHz × 2"),
        _device("p100", "Tesla P100 SXM2", 10.6, 21.2, 0, 16, "NVIDIA's data sheet"),
        _device("v100", "Tesla V100 SXM2", 15.7, 125, 0, 16, "NVIDIA's data sheet"),
        _device("a100", "A100 SXM4", 19.5, 312, 312, 40, "NVIDIA's data sheet"),
        _device("h100", "H100 SXM5", 66.9, 989.4, 989.4, 80, "NVIDIA's data sheet"),
        _device("h200", "H200 SXM5", 66.9, 989.4, 989.4, 141, "NVIDIA's data sheet"),
    )
}
"""The devices that have a name; every other is described by --flops and --memory."""


@dataclass(frozen=True, slots=True)
class Link:
    """Between neighbours in a ring: bytes a second each way at once, seconds until the first."""

    rate: float
    latency: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Devices alike, and a link alike between every two.

    Attributes:
        devices: how many.
        link: from each to the next.
        peak: operations a second of one device.
        efficiency: the share of `peak` that training reaches, more than 0 and at most 1.
        precision: of the arithmetic and of what crosses the link.
        memory: bytes of one device; None where nobody says.
        bucket: bytes of gradients that are sent together, at least; 0 sends every layer's alone.

    Raises:
        PlanError: no devices or absurdly many, or an efficiency that is no such share.
    """

    devices: int
    link: Link
    peak: float
    efficiency: float = 0.5
    precision: Precision = "fp32"
    memory: int | None = None
    bucket: int = BUCKET

    def __post_init__(self) -> None:
        """Checks what a person may get wrong."""
        if not 1 <= self.devices <= MOST:
            raise PlanError(f"--devices is {self.devices}; it must be from 1 to {MOST:,}")
        if not 0 < self.efficiency <= 1:
            raise PlanError(
                f"--efficiency is {self.efficiency:g}; it must be a share of the peak, more than 0"
                " and at most 1"
            )
        assert self.peak > 0 and self.link.rate > 0, "peak and rate are more than nothing"
        assert self.link.latency >= 0 and math.isfinite(self.link.latency), "a latency is a time"

    @property
    def speed(self) -> float:
        """Operations a second that one device is taken to reach."""
        return self.peak * self.efficiency

    @property
    def number_bytes(self) -> int:
        """Bytes of one number on the link."""
        return NUMBER_BYTES[self.precision]


@dataclass(frozen=True, slots=True)
class Transfer:
    """What moving something costs, kept apart so that the needed link can be solved for.

    Attributes:
        sent: bytes that one device sends (each sends as many).
        path: bytes that pass one after the other over the busiest link.
        hops: how often the latency is waited for.
    """

    sent: float = 0.0
    path: float = 0.0
    hops: int = 0

    def __add__(self, other: Transfer) -> Transfer:
        """One after the other."""
        return Transfer(self.sent + other.sent, self.path + other.path, self.hops + other.hops)

    def times(self, count: int) -> Transfer:
        """`count` of them, one after the other."""
        return Transfer(self.sent * count, self.path * count, self.hops * count)

    def seconds(self, link: Link) -> float:
        """How long it takes."""
        return self.hops * link.latency + self.path / link.rate


def all_reduce(devices: int, size: float) -> Transfer:
    """Sums an array of `size` bytes over a ring, everyone having the sum: scatter the sums, gather
    them, n − 1 steps of size/n bytes each. No algorithm sends fewer bytes (Patarasuk & Yuan 2009).
    """
    moved = 2 * (devices - 1) * size / devices
    return Transfer(moved, moved, 2 * (devices - 1)) if devices > 1 and size else Transfer()


def all_gather(devices: int, size: float) -> Transfer:
    """Brings everyone the whole of an array of `size` bytes that lies in n parts; the way back, a
    sum of gradients of which everyone keeps a part, costs the same.
    """
    moved = (devices - 1) * size / devices
    return Transfer(moved, moved, devices - 1) if devices > 1 and size else Transfer()


def send_to_all(devices: int, size: float) -> Transfer:
    """One device sends `size` bytes to each other one; it is seldom its turn, so that on average a
    device sends an n-th of what passes.
    """
    path = (devices - 1) * size
    return Transfer(path / devices, path, devices - 1) if devices > 1 and size else Transfer()
