"""The search: walks every reading of a network within two changes and offers each number it meets.

What is offered is judged elsewhere; here nothing is printed and no answer is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alexnet.network.arithmetic import receptive_fields
from alexnet.network.explain.changes import CONVENTIONS, Change, change
from alexnet.network.explain.counts import (
    ADDITIVE,
    Account,
    Counts,
    account_of,
    counts_of,
    scopes,
    summed,
    value_of,
)
from alexnet.network.explain.derivations import Derivation, Factor, Part
from alexnet.network.explain.finds import Taker
from alexnet.network.explain.slips import offer_slips
from alexnet.network.explain.variants import (
    Variant,
    others,
    picture_side,
    variants,
    windows_alone,
)
from alexnet.network.explain.written import Quantity, counted_in_words
from alexnet.network.ledger import Ledger

POOLS = ("max-pool", "average-pool", "random-pool")

RECORD_SIDES = {256: "ILSVRC pictures as they are stored (§4.1)", 32: "CIFAR-10 pictures"}
"""Sides of the stored pictures out of which patches are cut, in pixels."""


def search(account: Ledger, finds: Taker) -> None:
    """Offers every number within two changes of the network that `account` counts."""
    known: dict[Part, Counts] = {}
    base = account_of(Variant(account.network, account.stages), known)
    _offer_parts(base, None, finds)
    _offer_sums(base, finds)
    offer_slips(base, None, finds)
    for variant in variants(base.variant):
        counted = account_of(variant, known)
        _offer_parts(counted, base, finds)
        _offer_sums(counted, finds)
        if len(variant.changes) == 1 and variant.changes[0].kind in CONVENTIONS:
            offer_slips(counted, base, finds)
    _offer_windows(base, finds)
    _offer_ledger(account, finds)
    _offer_patches(account, finds)
    _offer_catalog(account, finds)


def _above(parts: tuple[Part, ...], index: int) -> int:
    """The place of the last part with weights before a pool; its own where there is none."""
    return next((i for i in range(index - 1, -1, -1) if parts[i].weighted), index)


# --- one layer ------------------------------------------------------------------------------------


def _offer_parts(account: Account, base: Account | None, finds: Taker) -> None:
    """The counts of every part that is not as in `base`."""
    untouched = set(base.parts) if base else set[Part]()
    changes = account.variant.changes
    for index, (part, counts) in enumerate(zip(account.parts, account.counts, strict=True)):
        if part in untouched:
            continue
        _offer_counts(part, counts, changes, part.name, index, finds)
        if part.towers > 1 and part.weighted and len(changes) < 2:
            halves = part.one_tower()
            tower = (*changes, _one_tower(part.towers))
            where = f"{part.name} in one of {counted_in_words(part.towers)} towers"
            _offer_counts(halves, counts_of(halves), tower, where, index, finds)
        if part.kind in POOLS:
            _offer_pooled(account, index, finds)


def _offer_counts(
    part: Part,
    counts: Counts,
    changes: tuple[Change, ...],
    where: str,
    index: int,
    finds: Taker,
) -> None:
    for quantity, value in counts.values.items():
        if not finds.may_be(value) or _begs(part, quantity, changes):
            continue
        finds.offer(
            quantity,
            part.name,
            value,
            lambda q=quantity: counts.derivations[q].text,
            changes,
            where,
            _because(part, quantity),
            index,
        )


def _begs(part: Part, quantity: Quantity, changes: tuple[Change, ...]) -> bool:
    """Whether the number would be explained by itself: the side of a picture by that picture."""
    return (
        bool(changes)
        and part.kind == "input"
        and quantity == "map side"
        and changes[0].kind != "another network"
    )


def _because(part: Part, quantity: Quantity) -> str:
    """How the side of a map comes about, where the quantity hangs on it."""
    if (
        not part.area
        or part.kind == "input"
        or quantity not in ("neurons", "map side", "positions")
    ):
        return ""
    return f"{part.area[0].value} is {part.sentence}"


def _one_tower(towers: int) -> Change:
    return change("one tower", f"in one of {counted_in_words(towers)} towers", told=True)


def _offer_pooled(account: Account, index: int, finds: Taker) -> None:
    """A pooled map taken for the map of the layer before it."""
    pool = account.parts[index]
    above = account.parts[_above(account.parts, index)].name
    pooled = change("after pooling", f"counted after pooling, at {pool.name}")
    units = Derivation((*pool.area, pool.maps))
    finds.offer(
        "neurons",
        above,
        units.value,
        lambda: units.text,
        (pooled, *account.variant.changes),
        above,
        f"{pool.area[0].value} is {pool.sentence}",
        index,
        pool.name,
    )


def _offer_windows(base: Account, finds: Taker) -> None:
    """Rule, padding, stride and picture changed, also in pairs, in one layer at a time."""
    places = {part.name: index for index, part in enumerate(base.parts)}
    for stage in base.variant.stages:
        index = places.get(stage.name)
        if index is None:
            continue
        part = base.parts[index]
        for variant in windows_alone(base.variant.network, stage):
            placed = variant.network.placed[stage.rows[0].name]
            rows, columns = placed.shape[1:]
            if (rows, columns) != tuple(f.value for f in part.area):
                area = (Factor(rows, part.area[0].label), Factor(columns, part.area[1].label))
                moved = replace(part, area=area, sentence=placed.sentence)
                counts = counts_of(moved)
                _offer_counts(moved, counts, variant.changes, part.name, index, finds)


# --- sums of layers -------------------------------------------------------------------------------


def _offer_sums(account: Account, finds: Taker) -> None:
    """Every additive quantity over every scope, and neurons with the input or the pooled maps."""
    changes = account.variant.changes
    for scope in scopes(account):
        for quantity in ADDITIVE:
            terms = [value_of(account, i, quantity) for i in scope.members]
            finds.offer(
                quantity,
                "total",
                sum(terms),
                lambda terms=terms: summed(terms),
                (*changes, *scope.changes),
                scope.where,
            )
    for where, change_, members in _wider(account):
        terms = [account.areas[i] for i in members]
        told = (*changes, change_)
        finds.offer("neurons", "total", sum(terms), lambda terms=terms: summed(terms), told, where)


def _wider(account: Account) -> Iterator[tuple[str, Change, tuple[int, ...]]]:
    """Sums of neurons over more, or other, maps than those of layers with weights."""
    kinds = [part.kind for part in account.parts]
    pools = {i for i, kind in enumerate(kinds) if kind in POOLS}
    pooled = {_above(account.parts, i) for i in pools}
    weighted = set(account.weighted)
    yield (
        "all layers, the input counted as one",
        change("input layer", "with the input counted as a layer", told=True),
        tuple(sorted(weighted | {i for i, kind in enumerate(kinds) if kind == "input"})),
    )
    if pools:
        for where, members in (
            ("all layers, pooled maps counted as well", weighted | pools),
            ("all layers, each counted after its pooling", (weighted - pooled) | pools),
        ):
            told = change("after pooling", where.removeprefix("all layers, "), told=True)
            yield where, told, tuple(sorted(members))


# --- numbers that are no layer's product ----------------------------------------------------------


def _offer_ledger(account: Ledger, finds: Taker) -> None:
    """What else the ledger has: sums per tower, floats that cross, activations, fields."""
    _offer_towers(account, finds)
    terms = [row.activation_bytes for row in account.rows]
    total = account.total.activation_bytes
    finds.offer("activation bytes", "total", total, lambda: summed(terms), where="all layers")
    floats = [crossing.floats for crossing in account.crossings]
    crossing: Quantity = "floats crossing between towers"
    for stage in account.stages:
        names = {row.name for row in stage.rows}
        for number in dict.fromkeys(c.floats for c in account.crossings if c.layer in names):
            where = f"{stage.name} to each tower that reads them"
            finds.offer(crossing, stage.name, number, lambda n=number: f"{n}", where=where)
    if floats:
        forward = "all layers, forward"
        finds.offer(crossing, "total", sum(floats), lambda: summed(floats), where=forward)
        both = "all layers, forward and backward"
        finds.offer(crossing, "total", 2 * sum(floats), lambda: f"2·({summed(floats)})", where=both)
    names = {row.name: stage.name for stage in account.stages for row in stage.rows}
    fields = receptive_fields(account.network)
    for row in account.rows:
        field, read = fields[row.name], [fields[name] for name in row.reads]
        if field and not any(other and other.size == field.size for other in read):
            # a layer that sees what its input sees has no number of its own; a union has no sum
            told = field.sentence if field.sentence[0].isdigit() else f"{field.size}"
            finds.offer("receptive field", names[row.name], field.size, lambda told=told: told)


def _offer_towers(account: Ledger, finds: Taker) -> None:
    """The sums of one tower's layers."""
    towers = len(account.network.towers)
    for tower, sums in account.per_tower.items():
        rows = [row for row in account.rows if row.tower == tower]
        alike = len(set(account.per_tower.values())) == 1
        which = f"one of {counted_in_words(towers)} towers" if alike else f"tower {tower}"
        told = change("one tower", f"in {which}", told=True)
        values: dict[Quantity, tuple[int, list[int]]] = {
            "neurons": (sums.neurons, [row.neurons for row in rows]),
            "parameters": (sums.parameters, [row.parameters for row in rows]),
            "weights": (sums.weights, [row.weights for row in rows]),
            "biases": (sums.biases, [row.biases for row in rows]),
            "connections": (sums.connections, [row.connections for row in rows]),
            "multiply-adds": (sums.multiply_adds, [row.multiply_adds for row in rows]),
            "operations": (2 * sums.multiply_adds, [2 * row.multiply_adds for row in rows]),
        }
        for quantity, (value, terms) in values.items():
            finds.offer(
                quantity,
                "total",
                value,
                lambda t=terms: summed(t),
                (told,),
                f"all layers of {which}",
            )


def _offer_patches(account: Ledger, finds: Taker) -> None:
    """How many patches of the picture's size a stored picture holds, with their mirror images."""
    side = picture_side(account.network)
    last = change("last offset", "with the last offset left out")
    plain = change("no mirrors", "without mirror images", told=True)
    stored = min((s for s in RECORD_SIDES if side and s > side), default=None)
    if side is None or stored is None:
        return
    offsets = stored - side + 1
    for n, fewer in ((offsets, ()), (offsets - 1, (last,))):
        for mirrors, how in ((2, ()), (1, (plain,))):
            text = f"{n}·{n}·2" if mirrors == 2 else f"{n}·{n}"
            images = " and their mirror images" if mirrors == 2 else " without their mirror images"
            where = (
                f"{side} by {side} pixels{images}, at offsets 0 to {n - 1} each way in a picture"
            )
            finds.offer(
                "patches",
                account.network.picture.name,
                n * n * mirrors,
                lambda t=text: t,
                (*fewer, *how),
                f"{where} of {stored}{',' if fewer else ''}",
            )


def _offer_catalog(account: Ledger, finds: Taker) -> None:
    """The plain counts of the other networks of the catalog."""
    for variant in others(account.network):
        counted = account_of(variant, {})
        _offer_parts(counted, None, finds)
        _offer_sums(counted, finds)
