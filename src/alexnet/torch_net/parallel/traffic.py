"""What a process or a device has sent to others, counted where it is sent. It sends nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Purpose = Literal["forward", "backward", "gradients", "told", "arrays"]
"""Why something is sent: activations; their gradients; gradients of weights that several ranks
hold; costs, outputs and batch sizes, for the others to know; weights and velocities of a
checkpoint.
"""


@dataclass(frozen=True, slots=True)
class Way:
    """What went from where to where: towers or ranks, as the module that sends counts them."""

    purpose: Purpose
    what: str
    source: int
    target: int


@dataclass
class Traffic:
    """Bytes sent from here since the last `clear`, by way."""

    sent: Counter[Way] = field(default_factory=Counter)

    def add(self, way: Way, size: int) -> None:
        """Counts `size` bytes more."""
        self.sent[way] += size

    def total(self, *purposes: Purpose) -> int:
        """The bytes of these purposes; of all where none is named."""
        return sum(n for way, n in self.sent.items() if not purposes or way.purpose in purposes)

    def clear(self) -> None:
        """Begins to count from 0."""
        self.sent.clear()
