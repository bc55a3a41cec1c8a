"""A count as a person writes it ("253,440", "60 million", "0.71 GFLOPs") and which values it may
stand for.

It knows figures, rounding and slips of the pen; it knows no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from alexnet.network.explain.changes import Change, change

Quantity = Literal[
    "neurons",
    "parameters",
    "weights",
    "biases",
    "connections",
    "multiply-adds",
    "operations",
    "operations with bias additions",
    "input elements",
    "patches",
    "weights of one neuron",
    "positions",
    "map side",
    "receptive field",
    "floats crossing between towers",
    "parameter bytes",
    "activation bytes",
]
"""What can be counted, in the order in which readings of equal cost are listed."""

OPERATIONS: tuple[Quantity, ...] = (
    "multiply-adds",
    "operations",
    "operations with bias additions",
)
BYTES: tuple[Quantity, ...] = ("parameter bytes", "activation bytes")

UNITS: dict[str, tuple[Quantity, ...]] = {
    "flop": OPERATIONS,
    "op": OPERATIONS,
    "operation": OPERATIONS,
    "mac": ("multiply-adds",),
    "multiply-add": ("multiply-adds",),
    "neuron": ("neurons",),
    "unit": ("neurons",),
    "parameter": ("parameters", "weights", "connections"),
    "param": ("parameters", "weights", "connections"),
    "weight": ("weights", "parameters", "weights of one neuron"),
    "bias": ("biases",),
    "connection": ("connections", "multiply-adds"),
    "patch": ("patches",),
    "pixel": ("map side", "receptive field"),
    "float": ("floats crossing between towers",),
    "byte": BYTES,
    "b": BYTES,
}
"""Which quantities a unit behind the number can mean; people write FLOPs for either count."""

SCALES = {
    "": 1,
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "mn": 10**6,
    "million": 10**6,
    "g": 10**9,
    "b": 10**9,
    "bn": 10**9,
    "billion": 10**9,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
}
"""What the word or letter behind the digits multiplies them by."""

GROUP_MARK = "[,_' \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}]"

NUMBER = re.compile(
    r"(?P<about>~|≈|about|around|some|roughly|approximately|circa|nearly|almost)?\s*"
    rf"(?P<whole>\d{{1,3}}(?P<mark>{GROUP_MARK})\d{{3}}(?:(?P=mark)\d{{3}})*|\d+)"
    r"(?:\.(?P<fraction>\d+))?(?:e\+?(?P<exponent>\d{1,2}))?\s*"
    r"(?P<scale>thousand|million|billion|mn|bn|[kmg]i?(?=b?$|\s|flop|op|mac|byte)|b(?=$|\s))?\s*"
    rf"(?P<unit>{'|'.join(sorted(UNITS, key=len, reverse=True))})?(?:e?s)?",
    re.IGNORECASE,
)

NAMES = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

SHORTEST_FOR_SLIPS = 4
"""Digits a number must have before slips of the pen are tried: shorter ones match anything."""


LONGEST = 40
"""Characters of the longest text that is read as a count."""


class NumberError(ValueError):
    """A text that is no count: says what it is and how a count is written."""


@dataclass(frozen=True, slots=True)
class Place:
    """A decimal place that the last figure may stand for: `digits` times `worth`."""

    worth: Fraction
    digits: int

    @property
    def figures(self) -> int:
        """How many figures are meant if this is the last place."""
        return len(str(self.digits))


@dataclass(frozen=True, slots=True)
class Written:
    """A number as it was written and what it may stand for.

    Attributes:
        text: as it was written.
        value: the nearest whole number.
        places: where rounding may have ended, the finest first; empty for a number that can only
            be exact. Trailing zeros may be figures or not, so each of them is a place.
        quantities: what its unit allows; empty where it has none, then anything is allowed.
        low, high: no value outside low ≤ value ≤ high is a rounding or a cut of it.
        slips: values that one slip of the pen turns into it.
    """

    text: str
    value: int
    places: tuple[Place, ...]
    quantities: tuple[Quantity, ...]
    low: int
    high: int
    slips: dict[int, Change] = field(repr=False)

    @property
    def sentence(self) -> str:
        """How the number was understood."""
        said = (
            self.text if self.text == f"{self.value:,}" else f"{self.text}, that is {self.value:,}"
        )
        if not self.places:
            return f"{said}, exact"
        figures = sorted({place.figures for place in self.places})
        span = " to ".join(counted_in_words(n) for n in dict.fromkeys((figures[0], figures[-1])))
        exact = "exact or " if self.slips else ""
        return f"{said}, {exact}rounded to {span} figure{'s' if figures[-1] > 1 else ''}"

    def may_be(self, value: int) -> bool:
        """A quick refusal: False where `how` would find nothing."""
        return self.low <= value <= self.high or value in self.slips

    def how(self, value: int) -> tuple[Change, ...] | None:
        """What was done to `value` to write it so: nothing, a rounding, a cut, a slip; or None.

        Of several ways the cheapest is told, and of one way the one that keeps most figures.
        """
        if value == self.value:
            return ()
        found = [c for c in (self._rounded(value), self._cut(value)) if c is not None]
        if value in self.slips:
            found.append(self.slips[value])
        return (min(found, key=lambda c: c.cost),) if found else None

    def _rounded(self, value: int) -> Change | None:
        for place in self.places:
            if int(value / place.worth + Fraction(1, 2)) == place.digits:
                kind = "rounded" if place.figures > 1 else "rounded to one figure"
                return Change(kind, f"rounded to {_figures(place)}", figures=place.figures)
        return None

    def _cut(self, value: int) -> Change | None:
        for place in self.places:
            if place.figures > 1 and int(value / place.worth) == place.digits:
                return Change("cut", f"cut to {_figures(place)}", figures=place.figures)
        return None


def counted_in_words(number: int) -> str:
    """A small number as a word."""
    return NAMES[number] if number < len(NAMES) else str(number)


def _figures(place: Place) -> str:
    return f"{counted_in_words(place.figures)} figure{'s' if place.figures > 1 else ''}"


def parse(number: str | int) -> Written:
    """Reads a count as a person writes it.

    Digits may be grouped by commas, spaces, apostrophes or underscores; `k`, `M`, `G`, `million`,
    `e6` and the like multiply; a unit (`GFLOPs`, `MACs`, `parameters`, `MB`) narrows what is
    looked for. A plain whole number is exact; if it ends in zeros it is also tried as rounded to
    every figure that the zeros may hide. A number with a decimal point, a scale or a power of ten
    is tried as rounded to the figures that it shows.

    Raises:
        NumberError: it is no positive count.
    """
    text = str(number).strip()
    found = NUMBER.fullmatch(text)
    if found is None or len(text) > LONGEST:
        raise NumberError(
            f"'{text}' is no count; write it as in 253440, 253,440, 60 million, ~61M or 0.71 G"
        )
    whole, fraction = re.sub(r"\D", "", found["whole"]), found["fraction"] or ""
    digits = int(whole + fraction)
    if digits == 0:
        raise NumberError(f"'{text}' counts nothing; a number above zero can be explained")
    scale = SCALES[(found["scale"] or "").lower()] * 10 ** int(found["exponent"] or 0)
    worth = Fraction(scale, 10 ** len(fraction))
    plain = worth == 1
    value = digits * worth
    if value.denominator != 1 and found["scale"] is None:
        raise NumberError(
            f"'{text}' is no whole number; name its scale, as in 0.71 G or 60.9 million"
        )
    places = _places(digits, worth, plain)
    exact = plain and found["about"] is None
    return Written(
        text,
        round(value),
        places,
        UNITS[found["unit"].lower()] if found["unit"] else (),
        int(min((value - p.worth / 2 for p in places), default=value)),
        int(max((value + p.worth for p in places), default=value)),
        _slips(round(value)) if exact else {},
    )


def _places(digits: int, worth: Fraction, plain: bool) -> tuple[Place, ...]:
    places = [] if plain else [Place(worth, digits)]
    while digits % 10 == 0:
        digits, worth = digits // 10, worth * 10
        places.append(Place(worth, digits))
    return tuple(places)


def _slips(value: int) -> dict[int, Change]:
    """Every number that one slip of the pen turns into `value`, the cheapest slip for each."""
    text = str(value)
    if len(text) < SHORTEST_FOR_SLIPS:
        return {}
    found: dict[int, Change] = {}
    spots = range(len(text))
    mistyped = change("digit mistyped", "with one digit mistyped")
    found |= {int(text[:i] + d + text[i + 1 :]): mistyped for i in spots for d in "0123456789"}
    dropped = change("digit dropped", "with one digit dropped")
    found |= {
        int(text[:i] + d + text[i:]): dropped for i in (*spots, len(text)) for d in "0123456789"
    }
    swapped = change("digits swapped", "with two neighbouring digits swapped")
    found |= {int(text[:i] + text[i + 1] + text[i] + text[i + 2 :]): swapped for i in spots[:-1]}
    return {original: slip for original, slip in found.items() if original >= 10 ** (len(text) - 1)}
