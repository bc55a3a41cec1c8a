"""Slips in a product: one factor replaced by another number of its layer, or left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alexnet.network.explain.changes import change
from alexnet.network.explain.counts import Account, Scope, scopes, summed, value_of
from alexnet.network.explain.derivations import Derivation, Factor, Part
from alexnet.network.explain.finds import Taker
from alexnet.network.explain.written import Quantity

SLIPPABLE: tuple[Quantity, ...] = (
    "neurons",
    "parameters",
    "weights",
    "connections",
    "multiply-adds",
)
"""The products in which a factor may be mistaken for another."""


def offer_slips(account: Account, base: Account | None, finds: Taker) -> None:
    """One factor of a product replaced by another number of its layer, or left out.

    The slip is tried in the layer's own count and carried into every sum that the layer is in.
    """
    untouched = set(base.parts) if base else set[Part]()
    everywhere = scopes(account)
    for index in account.weighted:
        part = account.parts[index]
        if part in untouched:
            continue
        for quantity in SLIPPABLE:
            homes = [
                (scope, sum(value_of(account, i, quantity) for i in scope.members))
                for scope in everywhere
                if index in scope.members
            ]
            right = account.counts[index].derivations.get(quantity)
            if right is None:  # of shared weights their owner has the count
                continue
            for slip in _slips(right, part):
                _offer_slip(account, index, quantity, slip, homes, finds)


def _offer_slip(
    account: Account,
    index: int,
    quantity: Quantity,
    slip: Slip,
    homes: list[tuple[Scope, int]],
    finds: Taker,
) -> None:
    """One slip, in its layer and in the sums that the layer is in."""
    part, changes = account.parts[index], account.variant.changes
    value = slip.wrong.value
    own = value_of(account, index, quantity)
    if finds.may_be(value):
        told = change(slip.kind, f"with {slip.words}")
        text = slip.wrong.text
        finds.offer(quantity, part.name, value, lambda: text, (*changes, told), place=index)
    for scope, total in homes:
        if finds.may_be(total - own + value):
            told = change(slip.kind, f"with {part.name} taken as {slip.wrong.text}, {slip.words}")
            terms = [value if i == index else value_of(account, i, quantity) for i in scope.members]
            finds.offer(
                quantity,
                "total",
                sum(terms),
                lambda terms=terms: summed(terms),
                (*changes, *scope.changes, told),
                scope.where,
            )


@dataclass(frozen=True, slots=True)
class Slip:
    """A wrong derivation and what went wrong in it."""

    wrong: Derivation
    old: Factor
    new: Factor | None
    times: int

    @property
    def kind(self) -> str:
        """Its row in the table of costs."""
        return "factor replaced" if self.new else "factor left out"

    @property
    def words(self) -> str:
        """What went wrong."""
        which = f"one {self.old.value}" if self.times > 1 else f"{self.old.value}"
        if self.new:
            return f"{which} written as {self.new.value}, the {self.new.label}"
        return f"{which}, the {self.old.label}, left out"


def _slips(right: Derivation, part: Part) -> Iterator[Slip]:
    several = len(right.outer) + len(right.inner) > 1
    for old in right.factors:
        times = right.times(old.value)
        for new in part.numbers:
            if new.value != old.value:
                yield Slip(right.but(old, new), old, new, times)
        if several:
            yield Slip(right.but(old, None), old, None, times)
