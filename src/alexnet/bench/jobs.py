"""What is asked of a process that measures, and what it answers: plain values that travel as JSON.
It loads no torch, so that the process that asks stays small.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

What = Literal[
    "limits",
    "training-ours",
    "training-stock",
    "inference-ours",
    "inference-ours-fp32",
    "inference-stock",
    "inference-onnxruntime",
    "norm-ours",
    "norm-ours-bf16",
    "norm-stock",
    "loading-ours",
    "loading-stock",
    "ledger-ours",
    "ledger-torchinfo",
]
"""The closed list of things that a process can measure."""


class BenchError(ValueError):
    """Something cannot be measured: says what, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long something is measured: after `warm_up` steps at least `steps` steps and `seconds`
    seconds.
    """

    warm_up: int
    steps: int
    seconds: float


FULL = Effort(warm_up=2, steps=3, seconds=6.0)
QUICK = Effort(warm_up=1, steps=2, seconds=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One measurement to take.

    Attributes:
        what: is measured.
        network: as `network.codec.to_json` writes it.
        batch_size: pictures in a step.
        effort: how long.
    """

    what: What
    network: str
    batch_size: int
    effort: Effort

    def to_json(self) -> str:
        """As a process reads it from its standard input."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """What `to_json` wrote."""
        tree = json.loads(text)
        return cls(**(tree | {"effort": Effort(**tree["effort"])}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a process found.

    Attributes:
        seconds: the median step's.
        images: pictures in a step; 0 where it is not pictures that are counted.
        steps: that were timed.
        peak_bytes: the most memory that was resident in the process, all its libraries included.
        wall_seconds: from the start of the process to its end, by the clock of who started it.
        detail: what else there is to know: figures and settings by name.
    """

    seconds: float
    images: int
    steps: int
    peak_bytes: int
    wall_seconds: float = 0.0
    detail: dict[str, float | int | str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Measurement:
        """What `to_json` wrote."""
        return cls(**json.loads(text))
