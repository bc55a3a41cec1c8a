"""A network's parts counted, and the scopes over which counts are summed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from alexnet.network.explain.changes import Change, change
from alexnet.network.explain.derivations import Derivation, Part, parts
from alexnet.network.explain.variants import Variant
from alexnet.network.explain.written import Quantity

ADDITIVE: tuple[Quantity, ...] = (
    "neurons",
    "parameters",
    "weights",
    "biases",
    "connections",
    "multiply-adds",
    "operations",
    "operations with bias additions",
    "parameter bytes",
)
"""The quantities that are summed over layers."""


DENSE = ("fully-connected", "tree-connected")


@dataclass(frozen=True, slots=True)
class Counts:
    """The derivations of a part and what they come to."""

    derivations: dict[Quantity, Derivation]
    values: dict[Quantity, int]


def counts_of(part: Part) -> Counts:
    """A part's derivations and their values."""
    derivations = part.derivations()
    return Counts(derivations, {q: d.value for q, d in derivations.items()})


@dataclass(frozen=True)
class Account:
    """A variant, its parts and their counts."""

    variant: Variant
    parts: tuple[Part, ...]
    counts: tuple[Counts, ...]

    @property
    def areas(self) -> tuple[int, ...]:
        """How many units the map of each part has."""
        return tuple(p.maps.value * math.prod(f.value for f in p.area) for p in self.parts)

    @property
    def weighted(self) -> tuple[int, ...]:
        """The places of the parts with weights."""
        return tuple(i for i, part in enumerate(self.parts) if part.weighted)


def account_of(variant: Variant, known: dict[Part, Counts]) -> Account:
    """The account of a variant; parts that `known` holds are not counted anew."""
    found = parts(variant.network, variant.stages)
    for part in found:
        if part not in known:
            known[part] = counts_of(part)
    return Account(variant, found, tuple(known[part] for part in found))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which parts a sum runs over, by their places."""

    where: str
    changes: tuple[Change, ...]
    members: tuple[int, ...]


def scopes(account: Account) -> list[Scope]:
    """All layers, the convolutional ones, the dense ones, all but the last."""
    weighted = account.weighted
    local = any(account.parts[i].kind == "local" for i in weighted)
    dense = tuple(i for i in weighted if account.parts[i].kind in DENSE)
    convolutional = "the convolutional and local layers" if local else "the convolutional layers"
    narrower = (
        (f"{convolutional} alone", tuple(i for i in weighted if i not in dense)),
        ("the fully-connected layers alone", dense),
        ("all layers but the last", weighted[:-1]),
    )
    return [
        Scope("all layers", (), weighted),
        *(
            Scope(where, (change("some layers", f"of {where}", told=True),), members)
            for where, members in narrower
            if 1 < len(members) < len(weighted)
        ),
    ]


def value_of(account: Account, index: int, quantity: Quantity) -> int:
    """What the part at `index` has of a quantity."""
    values = account.counts[index].values
    if quantity == "operations with bias additions":  # those of a layer without biases
        return values.get(quantity, values["operations"])
    return values.get(quantity, 0)


def summed(terms: Iterable[int]) -> str:
    """A sum written out, zeros left away."""
    return " + ".join(f"{term:,}" for term in terms if term)
