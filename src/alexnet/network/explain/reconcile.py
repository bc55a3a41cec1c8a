"""A list of numbers read together: the one way of counting that explains most of them, what stays
outside, and what the list adds up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alexnet.network.explain.answer import Answer, answered
from alexnet.network.explain.changes import ROUNDINGS, Change, change, cost, listed
from alexnet.network.explain.counts import ADDITIVE
from alexnet.network.explain.derivations import Part, parts
from alexnet.network.explain.finds import Finds, Several, unit_changes
from alexnet.network.explain.forensics import search
from alexnet.network.explain.readings import MARGIN, Reading
from alexnet.network.explain.variants import Variant, others, variants
from alexnet.network.explain.written import Quantity, Written, counted_in_words, parse
from alexnet.network.ledger import Ledger, ledger
from alexnet.network.spec import Network

QUANTITIES: tuple[Quantity, ...] = (*ADDITIVE, "activation bytes", "positions")
"""The quantities that a list of numbers, one for each layer, may be of."""


@dataclass(frozen=True, slots=True)
class ListedNumber:
    """One number of the list.

    Attributes:
        number: as it was understood.
        layer: the layer it stands for, or None where none is left for it.
        expected: what the common way of counting gives there, or None.
        explained: whether that is the number.
        reading: for a number outside the common way its cheapest own reading, if there is one.
    """

    number: Written
    layer: str | None
    expected: int | None
    explained: bool
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A list of numbers, reconciled.

    Attributes:
        network: the name of the network.
        quantity: what most of the numbers count.
        changes: what that way of counting changes in the correct derivation, in words.
        numbers: the list, each with its layer and its reading.
        sum: what the list adds up to.
        corrected_sum: the same with every number that stays outside as the common way has it; None
            where one has no layer.
        sum_answer: the readings of the sum.
        total: the total printed beside the list, or None.
        sentences: the findings, one after another.
    """

    network: str
    quantity: Quantity
    changes: tuple[str, ...]
    numbers: tuple[ListedNumber, ...]
    sum: int
    corrected_sum: int | None
    sum_answer: Answer
    total: Written | None
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of counting: a quantity, the changes, and the value of each layer in order."""

    quantity: Quantity
    changes: tuple[Change, ...]
    layers: tuple[str, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """A way laid on the list: for each number the place of its layer, or None."""

    way: Way
    places: tuple[int | None, ...]
    price: float

    @property
    def backward(self) -> int:
        """How often a number stands before one whose layer comes first."""
        taken = [place for place in self.places if place is not None]
        return sum(later < earlier for earlier, later in pairwise(taken))

    @property
    def explained(self) -> int:
        """How many numbers it explains."""
        return sum(place is not None for place in self.places)


def reconcile(
    numbers: Sequence[str | int], network: Network, *, total: str | int | None = None
) -> Reconciliation:
    """Reads a list of numbers together.

    Args:
        numbers: as people write them, one for each layer, in order.
        network: any network.
        total: the total printed beside the list, if any, to be held against its sum.

    Raises:
        NumberError: one of them is no count, or there are none.
    """
    written = [parse(number) for number in numbers] or [parse("")]
    account = ledger(network)
    fit = _best(written, account)
    layers = _layers(fit)
    sums = sum(number.value for number in written)
    answers = _own_readings(written, fit, layers, sums, account)
    found = tuple(
        ListedNumber(
            number,
            None if place is None else fit.way.layers[place],
            None if place is None else fit.way.values[place],
            fitted is not None,
            next(iter(answers[i].readings), None) if fitted is None else None,
        )
        for i, (number, place, fitted) in enumerate(zip(written, layers, fit.places, strict=True))
    )
    expected = [number.expected for number in found]
    whole = all(number.explained for number in found)
    corrected = None if None in expected else sums if whole else sum(e or 0 for e in expected)
    printed = None if total is None else parse(total)
    sentences = (
        *_findings(found, fit.way),
        _sum_sentence(sums, corrected, answers[-1]),
        *_total_sentences(sums, corrected, printed),
    )
    changes = tuple(c.text for c in fit.way.changes)
    return Reconciliation(
        network.name,
        fit.way.quantity,
        changes,
        found,
        sums,
        corrected,
        answers[-1],
        printed,
        sentences,
    )


# --- the common way -------------------------------------------------------------------------------


def _best(written: list[Written], account: Ledger) -> Fit:
    """The way that explains most numbers; of equals the one in order, then the cheapest."""
    fits = (_laid(way, written) for way in _ways(account))
    return min(
        fits,
        key=lambda fit: (
            -fit.explained,
            fit.backward,
            fit.price,
            QUANTITIES.index(fit.way.quantity),
        ),
    )


def _ways(account: Ledger) -> Iterator[Way]:
    base = Variant(account.network, account.stages)
    for variant in (base, *variants(base), *others(account.network)):
        counted = parts(variant.network, variant.stages)
        yield from _counted(variant.changes, [p for p in counted if p.weighted])
        if any(part.towers > 1 for part in counted):
            half = change("one tower", "in one tower")
            halves = [p.one_tower() if p.towers > 1 else p for p in counted if p.weighted]
            yield from _counted((*variant.changes, half), halves)


def _counted(changes: tuple[Change, ...], counted: list[Part]) -> Iterator[Way]:
    derived = [(part.name, part.derivations()) for part in counted]
    for quantity in QUANTITIES:
        rows = [(name, d[quantity].value) for name, d in derived if quantity in d]
        if rows:
            names, values = zip(*rows, strict=True)
            yield Way(quantity, changes, names, values)


def _laid(way: Way, written: list[Written]) -> Fit:
    """Gives each number the first layer still free whose count it is, exactly or rounded."""
    free = list(range(len(way.values)))
    places: list[int | None] = []
    last, price = -1, cost((*way.changes, *unit_changes(way.quantity)))
    for number in written:
        hits = [(i, number.how(way.values[i])) for i in free if number.may_be(way.values[i])]
        kept = [
            (cost(how), i < last, i) for i, how in hits if how is not None and _is_rounding(how)
        ]
        price += min(kept)[0] if kept else 0.0
        places.append(min(kept)[2] if kept else None)
        if kept:
            last = min(kept)[2]
            free.remove(last)
    return Fit(way, tuple(places), price)


def _is_rounding(how: tuple[Change, ...]) -> bool:
    return all(c.kind in ROUNDINGS for c in how)


def _layers(fit: Fit) -> list[int | None]:
    """The place of every number's layer: a number outside takes the free layer between its
    neighbours', if there is just one.
    """
    taken = {place for place in fit.places if place is not None}
    found: list[int | None] = list(fit.places)
    for index, place in enumerate(fit.places):
        if place is not None:
            continue
        before = next((p for p in reversed(found[:index]) if p is not None), -1)
        after = next((p for p in fit.places[index + 1 :] if p is not None), len(fit.way.layers))
        between = [i for i in range(before + 1, after) if i not in taken]
        outside = 1 + _run(fit.places[index + 1 :])
        if len(between) == outside:
            found[index] = between[0]
            taken.add(between[0])
    return found


def _run(places: tuple[int | None, ...]) -> int:
    """How many numbers in a row stay outside."""
    return next((i for i, place in enumerate(places) if place is not None), len(places))


# --- what stays outside ---------------------------------------------------------------------------


def _own_readings(
    written: list[Written], fit: Fit, layers: list[int | None], sums: int, account: Ledger
) -> list[Answer]:
    """The answer for every number (empty where the common way has it), and last for the sum."""
    network, finds = account.network, [Finds(number, None) for number in written]
    for index, place in enumerate(layers):
        if place is not None:
            finds[index].layers = frozenset({fit.way.layers[place]})
    finds.append(Finds(parse(sums), None))
    outside = [f for f, place in zip(finds, (*fit.places, None), strict=True) if place is None]
    search(account, Several(outside))
    return [answered(f.found, f.written, network, None, 10, MARGIN) for f in finds]


# --- in words -------------------------------------------------------------------------------------


def _findings(found: tuple[ListedNumber, ...], way: Way) -> Iterator[str]:
    inside = [number for number in found if number.explained]
    if not inside:
        yield "No way of counting explains any of the numbers."
    else:
        names = listed([str(number.layer) for number in inside], "and")
        how = "".join(f", {c.text}" for c in way.changes)
        few, all_ = counted_in_words(len(inside)).capitalize(), counted_in_words(len(found))
        yield f"{few} of {all_} numbers: the {way.quantity} of {names}{how}."
    for number in found:
        if not number.explained:
            yield _outside(number)


def _outside(number: ListedNumber) -> str:
    place = f", in the place of {number.layer}'s {number.expected:,}," if number.expected else ""
    said = f"{number.number.value:,}{place} stays outside"
    if number.reading is None:
        return f"{said}; nothing within two changes explains it."
    return f"{said}: {number.reading.sentence}"


def _sum_sentence(sums: int, corrected: int | None, answer: Answer) -> str:
    if corrected == sums:
        return f"The list adds up to {sums:,}."
    right = f"; corrected, it adds up to {corrected:,}" if corrected else ""
    first = f" {answer.readings[0].sentence}" if answer.readings else ""
    return f"The list adds up to {sums:,}{right}.{first}"


def _total_sentences(sums: int, corrected: int | None, total: Written | None) -> Iterator[str]:
    if total is None:
        return
    yield _held(total, sums, "the sum of the list")
    if corrected is not None and corrected != sums:
        yield _held(total, corrected, "the corrected sum")


def _held(total: Written, value: int, what: str) -> str:
    how = total.how(value)
    if how is None or not _is_rounding(how):
        return f"The printed total {total.text} is not {what}, {value:,}, nor a rounding of it."
    words = f", {how[0].text}" if how else ""
    return f"The printed total {total.text} is {what}, {value:,}{words}."
