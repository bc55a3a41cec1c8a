"""A reading: one way in which a network yields a given number; how readings compete, and how they
are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from alexnet.network.explain.changes import (
    ROUNDINGS,
    SLIPS,
    Change,
    cost,
)
from alexnet.network.explain.written import Quantity, Written

MARGIN = 1.5
"""How much more than the cheapest a reading may cost and still be told."""

ORDER: tuple[Quantity, ...] = get_args(Quantity)

SUBJECTS: dict[Quantity, str] = {
    "connections": "the connections of {} (the parameters, if no weight were shared)",
    "operations": "the operations of {} (two for each multiply-add)",
    "operations with bias additions": "the operations of {} (two for each multiply-add, one "
    "for each bias)",
    "input elements": "the numbers in one picture",
    "positions": "the positions in a map of {}",
    "map side": "the side in pixels of a map of {}",
    "receptive field": "the side in pixels of the receptive field of {}",
    "parameter bytes": "the bytes of the parameters of {} (four each)",
    "activation bytes": "the bytes of the activations of {} (four each)",
    "floats crossing between towers": "the floats per picture that cross between towers from {}",
}
"""How a sentence tells a quantity of {}, where not as "the quantity of {}"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to the number.

    Attributes:
        rank: 1 for the cheapest; readings of equal cost share their rank.
        value: what this reading gives; it differs from the number where that was rounded.
        cost: what it costs to believe; 0 is the correct derivation.
        quantity: what is counted.
        layer: the stage it belongs to, or "total".
        changes: each change to the correct derivation, in words.
        arithmetic: the sum written out.
        sentence: all of it as one sentence.
    """

    rank: int
    value: int
    cost: float
    quantity: Quantity
    layer: str
    changes: tuple[str, ...]
    arithmetic: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading before it has competed.

    Attributes:
        where: whose quantity it is, as the sentence says it.
        because: a clause that says how a side in the arithmetic comes about, or "".
        place: its layer's place in the network, for the order of ties.
        also: other quantities of the same layer that come to the same by the same arithmetic.
    """

    quantity: Quantity
    layer: str
    value: int
    arithmetic: str
    changes: tuple[Change, ...]
    where: str
    because: str
    place: int

    also: tuple[Quantity, ...] = ()

    @property
    def cost(self) -> float:
        """What it costs to believe."""
        return cost(self.changes)

    @property
    def words(self) -> frozenset[str]:
        """Its changes, to be compared with others'."""
        return frozenset(c.text for c in self.changes)


def ranked(found: Iterable[Candidate], written: Written) -> list[Reading]:
    """The readings in order: the cheapest first, equals under one rank, each told once."""
    survivors = _merged(_undominated(_distinct(found)))
    survivors.sort(key=lambda c: (*_order(c, written), c.arithmetic, sorted(c.words)))
    readings: list[Reading] = []
    for index, item in enumerate(survivors):
        same = bool(readings) and readings[-1].cost == item.cost
        readings.append(_reading(item, readings[-1].rank if same else index + 1, written))
    return readings


def _order(item: Candidate, written: Written) -> tuple[float, int, int, int, int]:
    return (
        item.cost,
        len(item.changes),
        ORDER.index(item.quantity),
        abs(item.value - written.value),
        item.place,
    )


def _distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """One of each; and a slip that spells the sum of a cheaper reading is not told."""
    once = {(c.quantity, c.layer, c.where, c.words): c for c in reversed(list(found))}
    items = list(once.values())[::-1]
    cheapest: dict[tuple[str, str, tuple[str, ...]], float] = {}
    for item in items:
        spelt = _spelt(item)
        cheapest[spelt] = min(item.cost, cheapest.get(spelt, item.cost))
    return [
        c
        for c in items
        if not any(x.kind.startswith("factor") for x in c.changes) or c.cost == cheapest[_spelt(c)]
    ]


def _spelt(item: Candidate) -> tuple[str, str, tuple[str, ...]]:
    return item.quantity, item.layer, tuple(sorted(item.arithmetic.split("·")))


def _undominated(items: Iterable[Candidate]) -> list[Candidate]:
    """Leaves out a reading that makes all the changes of another of the same quantity, and more."""
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for item in sorted(items, key=lambda c: len(c.changes)):
        kept = groups.setdefault((item.quantity, item.layer), [])
        if not any(other.words < item.words for other in kept):
            kept.append(item)
    return [item for kept in groups.values() for item in kept]


def _merged(items: Iterable[Candidate]) -> list[Candidate]:
    """Readings that differ only in the value of one change are told as one; so are those that
    differ only in the quantity.
    """
    groups: dict[tuple[object, ...], list[Candidate]] = {}
    for item in items:
        kinds = tuple(replace(c, values=()) for c in item.changes)
        key = (item.quantity, item.layer, item.value, item.arithmetic, item.where, kinds)
        groups.setdefault(key, []).append(item)
    told = [item for group in groups.values() for item in _joined(group)]
    alike: dict[tuple[object, ...], Candidate] = {}
    for item in sorted(told, key=lambda c: (c.cost, ORDER.index(c.quantity))):
        key = (item.layer, item.value, item.arithmetic, item.where, item.words)
        if key in alike:
            first = alike[key]
            alike[key] = replace(first, also=(*first.also, item.quantity))
        else:
            alike[key] = item
    return list(alike.values())


def _joined(group: list[Candidate]) -> list[Candidate]:
    """Candidates with the same kinds of change, those that differ in one value joined."""
    kept: list[Candidate] = []
    for item in group:
        for index, other in enumerate(kept):
            unlike = [i for i, c in enumerate(other.changes) if c != item.changes[i]]
            if len(unlike) == 1:
                kept[index] = _with_value(other, unlike[0], item.changes[unlike[0]])
                break
        else:
            kept.append(item)
    return kept


def _with_value(item: Candidate, index: int, other: Change) -> Candidate:
    own = item.changes[index]
    both = replace(own, values=tuple(dict.fromkeys((*own.values, *other.values))))
    changes = tuple(both if i == index else c for i, c in enumerate(item.changes))
    return replace(item, changes=changes)


def _reading(item: Candidate, rank: int, written: Written) -> Reading:
    return Reading(
        rank,
        item.value,
        item.cost,
        item.quantity,
        item.layer,
        tuple(c.text for c in item.changes),
        item.arithmetic,
        _sentence(item, written),
    )


def _sentence(item: Candidate, written: Written) -> str:
    spoken = [c.text for c in item.changes if not c.told and c.kind not in ROUNDINGS | SLIPS]
    written_as = [c.text for c in item.changes if c.kind in ROUNDINGS | SLIPS]
    subject = SUBJECTS.get(item.quantity, f"the {item.quantity} of {{}}").format(item.where)
    if item.also:
        subject += f" (and as many {' and '.join(item.also)})"
    clause = ", ".join([subject + "".join(f" {text}" for text in spoken[:1]), *spoken[1:]])
    reason = f"; {item.because}" if item.because else ""
    equation = f"{item.value:,} = {item.arithmetic}"
    if item.arithmetic == str(item.value):
        equation = f"{item.value:,}"
    if not written_as:
        return f"{equation}: {clause}{reason}."
    return f"{written.text} is {item.value:,} {written_as[0]}; {equation}: {clause}{reason}."
