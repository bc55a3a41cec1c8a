"""What the search offers its numbers to: it keeps those that may be the number asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alexnet.network.explain.changes import (
    CONVENTIONS,
    ROUNDINGS,
    SCOPES,
    SLIPS,
    Change,
    change,
    counted,
)
from alexnet.network.explain.readings import Candidate
from alexnet.network.explain.written import BYTES, Quantity, Written

MOST_CHANGES = 2
"""Changes that may meet in one reading of an exact number."""

MOST_CHANGES_ROUNDED = 1
"""Changes that may meet beside a rounding: a rounded number fits too much already."""

FIGURES_FOR_SLIPS = 4
"""Figures that a rounded number must keep before a slip beside the rounding is believed."""


class Taker(Protocol):
    """What the search offers its numbers to."""

    def may_be(self, value: int) -> bool:
        """A quick refusal: False where `offer` would keep nothing."""
        ...

    def offer(
        self,
        quantity: Quantity,
        layer: str,
        value: int,
        arithmetic: Callable[[], str],
        changes: tuple[Change, ...] = (),
        where: str = "",
        because: str = "",
        place: int = 0,
        alias: str = "",
    ) -> None:
        """Looks at one derived number; the words are those of a `Candidate`.

        `alias` is a second layer that may be asked for it.
        """
        ...


class Finds:
    """Keeps of the numbers that the search comes upon those that may be the one asked for."""

    def __init__(self, written: Written, layers: frozenset[str] | None) -> None:
        """For the number `written`; with `layers` only what belongs to one of them."""
        self.written = written
        self.layers = layers
        self.found: list[Candidate] = []

    def may_be(self, value: int) -> bool:
        """A quick refusal."""
        return self.written.may_be(value)

    def offer(
        self,
        quantity: Quantity,
        layer: str,
        value: int,
        arithmetic: Callable[[], str],
        changes: tuple[Change, ...] = (),
        where: str = "",
        because: str = "",
        place: int = 0,
        alias: str = "",
    ) -> None:
        """Keeps the number if it may be the one asked for."""
        if not self.written.may_be(value):
            return
        if alias and self.layers is not None and alias in self.layers:
            layer = alias
        if not self._wanted(quantity, layer):
            return
        how = self.written.how(value)
        if how is None or not _believable(changes, how):
            return
        unit = () if self.written.quantities else unit_changes(quantity)
        told = (*changes, *unit, *how)
        subject = where or layer
        self.found.append(
            Candidate(quantity, layer, value, arithmetic(), told, subject, because, place)
        )

    def _wanted(self, quantity: Quantity, layer: str) -> bool:
        allowed = self.written.quantities
        return (not allowed or quantity in allowed) and (
            self.layers is None or layer in self.layers
        )


def unit_changes(quantity: Quantity) -> tuple[Change, ...]:
    """What it asks for that a number without a unit should be of this quantity."""
    if quantity == "floats crossing between towers":
        return (change("floats", "counted between towers", told=True),)
    if quantity in BYTES:
        return (change("bytes", "counted in bytes", told=True),)
    if quantity == "operations":
        return (change("two operations", "two operations each multiply-add", told=True),)
    if quantity == "operations with bias additions":
        return (change("bias additions", "two operations, and one each bias", told=True),)
    return ()


def _believable(changes: tuple[Change, ...], how: tuple[Change, ...]) -> bool:
    """Whether so many changes may meet; a slip in typing meets at most another scope."""
    many = len(counted(changes))
    kinds = {c.kind for c in how}
    if kinds & ROUNDINGS:
        sure = how[0].figures >= FIGURES_FOR_SLIPS
        sane = sure or all(c.kind in CONVENTIONS for c in changes)
        return many <= MOST_CHANGES_ROUNDED and sane
    if kinds & SLIPS:
        return many < MOST_CHANGES and all(c.kind in SCOPES for c in changes)
    return many <= MOST_CHANGES


class Several:
    """Offers each number to several finds, so that one search serves a list."""

    def __init__(self, finds: list[Finds]) -> None:
        """For these."""
        self.finds = finds

    def may_be(self, value: int) -> bool:
        """A quick refusal by all of them."""
        return any(find.may_be(value) for find in self.finds)

    def offer(
        self,
        quantity: Quantity,
        layer: str,
        value: int,
        arithmetic: Callable[[], str],
        changes: tuple[Change, ...] = (),
        where: str = "",
        because: str = "",
        place: int = 0,
        alias: str = "",
    ) -> None:
        """Offers the number to each."""
        for find in self.finds:
            find.offer(quantity, layer, value, arithmetic, changes, where, because, place, alias)
