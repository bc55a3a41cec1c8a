"""What may have been done to the correct derivation of a number, and what each costs to believe.

The table of costs is the only place where a cost stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Cost:
    """How much belief a change asks for, and why so much."""

    cost: float
    reason: str


COSTS = MappingProxyType(
    {
        "rounded": Cost(0.5, "numbers in prose are rounded to two figures or more"),
        "rounded to one figure": Cost(2.5, "one figure alone fits very many numbers"),
        "cut": Cost(1.5, "figures are cut off less often than they are rounded"),
        "one tower": Cost(1.0, "a figure of the paper may show one tower's half"),
        "some layers": Cost(1.0, "people add up the convolutional or the dense layers alone"),
        "input layer": Cost(1.0, "older counts take the input units for neurons"),
        "after pooling": Cost(1.0, "a map may be measured before or after its pooling"),
        "no mirrors": Cost(1.0, "patches may be counted without their mirror images"),
        "last offset": Cost(0.5, "n + 1 offsets counted as n is the commonest slip in counting"),
        "rule": Cost(1.0, "programs round sizes differently; the commonest disagreement"),
        "known input": Cost(1.5, "the picture sizes that are in use get mixed up"),
        "no groups": Cost(1.5, "later nets connect every kernel to every map"),
        "near input": Cost(2.0, "a picture some pixels larger or smaller makes the sizes fit"),
        "padding": Cost(2.0, "the paper does not state its padding"),
        "stride": Cost(2.5, "the paper states its strides, but one may be misread"),
        "factor replaced": Cost(3.0, "a number of the same layer slips into the product"),
        "factor left out": Cost(3.5, "a factor is forgotten"),
        "digits swapped": Cost(4.0, "two neighbouring digits change places in typing"),
        "digit dropped": Cost(4.0, "a digit is lost in typing"),
        "digit mistyped": Cost(4.5, "one digit is another; this fits many numbers"),
        "another network": Cost(2.5, "the networks called AlexNet get mixed up"),
        "two operations": Cost(0.5, "a multiply-add may count as one operation or as two"),
        "bias additions": Cost(1.0, "few counts of operations go into the biases"),
        "floats": Cost(1.0, "few people count what crosses between towers"),
        "bytes": Cost(2.0, "a number of bytes seldom goes without its unit"),
        "second": Cost(1.0, "two changes at once are rarer than their costs add up to"),
    }
)
"""What it costs to believe each kind of change; the correct derivation costs 0, costs add up, and
`second` is added where two changes meet, roundings and units aside.
"""

ROUNDINGS = frozenset({"rounded", "rounded to one figure", "cut"})
SLIPS = frozenset({"digits swapped", "digit dropped", "digit mistyped"})
UNITS = frozenset({"two operations", "bias additions", "floats", "bytes"})
SCOPES = frozenset({"one tower", "some layers", "input layer", "after pooling"})
CONVENTIONS = SCOPES | {
    "no mirrors",
    "last offset",
    "rule",
    "known input",
    "no groups",
    "another network",
}
"""The changes that are a habit of counting or a network in use, no slip."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change to the correct derivation, in words.

    Attributes:
        kind: its row in the table of costs.
        before, values, after: the words; `values` are alternatives that come to the same.
        told: the reading's subject tells it already, so its sentence need not.
        figures: how many figures a rounding keeps.
    """

    kind: str
    before: str
    values: tuple[str, ...] = ()
    after: str = ""
    told: bool = False
    figures: int = 0

    @property
    def cost(self) -> float:
        """What it costs to believe."""
        return COSTS[self.kind].cost

    @property
    def text(self) -> str:
        """The change in words."""
        return self.before + listed(self.values) + self.after

    def alike(self, other: Change) -> bool:
        """Whether the two differ at most in their values."""
        return replace(self, values=()) == replace(other, values=())


def change(kind: str, text: str, *, told: bool = False) -> Change:
    """A change without alternatives."""
    return Change(kind, text, told=told)


def listed(values: Sequence[str], word: str = "or") -> str:
    """'a', 'a or b', 'a, b or c'."""
    return f" {word} ".join(part for part in (", ".join(values[:-1]), *values[-1:]) if part)


def cost(changes: Sequence[Change]) -> float:
    """What several changes cost together."""
    many = len(counted(changes)) > 1
    return sum(c.cost for c in changes) + (COSTS["second"].cost if many else 0.0)


def counted(changes: Sequence[Change]) -> list[Change]:
    """The changes that the limit of two counts: not a rounding, not a choice of unit."""
    return [c for c in changes if c.kind not in ROUNDINGS | UNITS]
