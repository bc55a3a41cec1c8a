"""A claim and how it is judged: the printed value, what it is held against, and the verdict.

The same judge serves the paper's claims and a claims file of anyone's own; it prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from alexnet.network.compare.profile import Profile, WeightedStage
from alexnet.network.explain import readings
from alexnet.network.explain.readings import Reading
from alexnet.network.explain.written import Quantity
from alexnet.network.spec import Network

Verdict = Literal[
    "exact",
    "rounds to",
    "recorded",
    "slip",
    "differs from the code that ran",
    "contradicts another claim",
    "not checkable here",
    "unexplained",
]
"""How a claim comes out, see `docs/claims.md`."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

GRAVITY: tuple[Verdict, ...] = (
    "unexplained",
    "contradicts another claim",
    "slip",
    "differs from the code that ran",
    "rounds to",
    "recorded",
    "exact",
    "not checkable here",
)
"""Which part's verdict speaks for a claim of several parts: the first of these that occurs."""

PLAUSIBLE = 4.0
"""The dearest reading that explains a slip, in the costs of `changes`: a digit lost in typing.

Dearer ones (any one digit another, a number of a different network) fit too many numbers.
"""

PLAUSIBLE_OTHER = 1.0
"""The dearest reading as another quantity (weights for parameters, one tower's neurons)."""

ABOUT = re.compile(r"(?:about|roughly|around|some|approximately)\s+|[~≈]\s*", re.IGNORECASE)
FIGURES = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?\s*([a-z]*)", re.IGNORECASE)
SCALES = {
    "": 0,
    "k": 3,
    "thousand": 3,
    "m": 6,
    "million": 6,
    "g": 9,
    "b": 9,
    "billion": 9,
    "t": 12,
}
"""Powers of ten of the words and letters behind a number."""

ROUND = 4
"""Zeros at the end of a bare whole number from which on it is taken for a rounded one."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A value as it is printed.

    Attributes:
        text: the printed words.
        unit: what it counts.
        value: the number; None for words ("55×55").
        steps: the roundings that it may have gone through, the finest first: a number is a
            multiple of each. Empty where only the exact value will do.
        at_most: it is an upper bound.
    """

    text: str
    unit: str
    value: Decimal | None = None
    steps: tuple[Decimal, ...] = ()
    at_most: bool = False

    @property
    def shown(self) -> str:
        """The text with its unit."""
        return f"{'at most ' if self.at_most else ''}{self.text} {self.unit}".strip()


def printed(text: str | float, unit: str = "", *, at_most: bool = False) -> Printed:
    """Reads a printed value.

    A scale ("60 million", "1.5k"), an "about" or a decimal point marks a number as rounded to the
    figures it shows; so do four zeros at the end of a bare whole number. Zeros at the end of a
    rounded whole number may be figures or not: 650,000 may stand for the nearest 50,000, 10,000
    and so on down to 1. Everything that is no number is words, which only equal words match.
    """
    said = str(text) if isinstance(text, str) else plain(Decimal(str(text)))
    bare = ABOUT.sub("", said.strip(), count=1)
    found = FIGURES.fullmatch(bare)
    if found is None or found[3].lower() not in SCALES:
        return Printed(said, unit)
    whole, fraction, scale = found[1].replace(",", ""), found[2] or "", found[3].lower()
    place = Decimal(1).scaleb(SCALES[scale] - len(fraction))
    value = Decimal(whole + fraction) * place
    steps: tuple[Decimal, ...] = (place,) if fraction else _steps(int(whole), place)
    zeros = len(whole) - len(whole.rstrip("0"))
    rounded = bool(fraction or scale) or bare != said.strip() or zeros >= ROUND
    return Printed(said, unit, value, steps if rounded else (), at_most)


def _steps(digits: int, place: Decimal) -> tuple[Decimal, ...]:
    """Every 1 and 5 times a power of ten that divides the figures and lies below their first."""
    found: list[Decimal] = []
    for power in range(len(str(digits))):
        for step in (10**power, 5 * 10**power):
            if digits % step == 0 and step <= 10 ** (len(str(digits)) - 1):
                found.append(step * place)
    return tuple(found) or (place,)


def plain(value: Decimal) -> str:
    """A number with its thousands marked and no exponent: 60,965,224, 0.0001."""
    if value == value.to_integral_value():
        return f"{int(value):,}"
    return f"{value.normalize():,f}"


def matching_step(claim: Printed, value: Decimal) -> Decimal | None:
    """The finest rounding that turns `value` into the printed number, or None."""
    assert claim.value is not None, "words are not rounded"
    return next((s for s in claim.steps if abs(value - claim.value) * 2 <= s), None)


@dataclass(frozen=True, slots=True)
class Computed:
    """What a claim is held against: a number or words, and how it comes about."""

    value: Decimal | str
    sentence: str = ""

    @property
    def shown(self) -> str:
        """The value as people write it."""
        return plain(self.value) if isinstance(self.value, Decimal) else self.value

    @property
    def told(self) -> str:
        """The value with how it comes about: '35 = 5·7', '35 (the output layer)'."""
        if not self.sentence:
            return self.shown
        if isinstance(self.value, Decimal) and self.sentence[0] in "(0123456789":
            return f"{self.shown} = {self.sentence}"
        return f"{self.shown} ({self.sentence})"


def number(value: float, sentence: str = "") -> Computed:
    """A computed number."""
    return Computed(Decimal(str(value)), sentence)


@dataclass(frozen=True)
class Evidence:
    """What claims are held against: the network, and the one whose code ran, if any."""

    profile: Profile
    ran: Profile | None = None

    @property
    def network(self) -> Network:
        """The network under audit."""
        return self.profile.network

    def stage(self, place: int) -> WeightedStage:
        """The layer with weights at `place`, counted from 1 as the paper does.

        Raises:
            LookupError: the network has fewer layers.
        """
        stages = self.profile.stages
        if not 1 <= place <= len(stages):
            raise LookupError(
                f"{self.network.name} has {len(stages)} layers with weights, no layer {place}"
            )
        return stages[place - 1]


Of = Callable[[Evidence], Computed]
"""Computes what a claim is held against; a LookupError says why there is no such thing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part of a claim, judged.

    Attributes:
        what: which quantity it is held against.
        printed, computed: both values in words; `computed` is "" where there is none.
        verdict: how it comes out.
        sentence: why.
        reading: the reading that explains a slip.
        others: the claims that it contradicts.
    """

    what: str
    verdict: Verdict
    printed: str
    computed: str
    sentence: str
    reading: Reading | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slippable:
    """Where a slip may be looked for: the quantity, and the stage (counted from 1) or layer."""

    quantity: Quantity
    layer: int | str | None = None


def fit(claim: Printed, computed: Computed) -> tuple[Verdict, str] | None:
    """Whether a computed value carries the printed one: exactly, rounded, or (None) not."""
    value = computed.value
    if isinstance(value, str) or claim.value is None:
        same = _words(computed.shown) == _words(claim.text)
        return ("exact", computed.told) if same else None
    if claim.at_most:
        return ("exact", computed.told) if value <= claim.value else None
    if value == claim.value:
        return "exact", computed.told
    step = matching_step(claim, value)
    if step is None:
        return None
    return "rounds to", f"{computed.told}; {rounding(claim, value, step)}"


def rounding(claim: Printed, value: Decimal, step: Decimal) -> str:
    """How a value becomes the printed one, and what its own figures would have been."""
    said = f"to the nearest {plain(step)} that is {claim.text}"
    finer = [s for s in _steps_below(claim, step) if nearest_multiple(value, s) != claim.value]
    if finer:
        said += f" (to the nearest {plain(finer[-1])} it is "
        said += f"{plain(nearest_multiple(value, finer[-1]))})"
    return said


def _steps_below(claim: Printed, step: Decimal) -> list[Decimal]:
    """The power of ten just below a coarse step, where the printed figures could have shown it."""
    power = Decimal(1).scaleb(step.adjusted() - (step == Decimal(1).scaleb(step.adjusted())))
    return [power] if power in claim.steps and power != step else []


def nearest_multiple(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`; halves go up."""
    return int(value / step + Decimal("0.5")) * step


def _words(text: str) -> str:
    """Words without what typing leaves open: case, spaces, x for ×."""
    plain_text = re.sub(r"(?<=\d)\s*[x×*·]\s*(?=\d)", "×", text.strip().lower())
    return re.sub(r"\s+", " ", plain_text)


def misfit(
    what: str,
    claim: Printed,
    computed: Computed,
    evidence: Evidence,
    of: Of,
    slippable: Slippable | None,
) -> Check:
    """Why a computed value does not carry the printed one: a slip, another code, or nothing."""
    reading = slip_of(claim, evidence, slippable) if slippable else None
    if reading is not None:
        sentence = f"{computed.told}; {reading.sentence.rstrip('.')}"
        return Check(what, "slip", claim.shown, computed.shown, sentence, reading)
    ran = value_of(evidence.ran, of)
    if evidence.ran is not None and ran is not None and ran.value == computed.value:
        name = evidence.ran.network.name
        sentence = f"{computed.told}, in {name} too: {aside(ran, claim)}"
        return Check(what, "differs from the code that ran", claim.shown, computed.shown, sentence)
    sentence = f"{evidence.network.name} has {computed.told} where {claim.shown} is printed"
    if slippable:
        sentence += ", and no plausible reading gives that"
    return Check(what, "unexplained", claim.shown, computed.shown, sentence)


def aside(ran: Computed, claim: Printed) -> str:
    """What the code that ran has in the place of a printed value."""
    return f"the code ran with {ran.shown} where {claim.text} is printed"


def value_of(profile: Profile | None, of: Of) -> Computed | None:
    """The same quantity of another network; None where it has no such thing."""
    if profile is None:
        return None
    try:
        return of(Evidence(profile))
    except LookupError:
        return None


def slip_of(claim: Printed, evidence: Evidence, slippable: Slippable) -> Reading | None:
    """The cheapest plausible reading of the network that yields the printed number."""
    value = claim.value
    if value is None or value < 1 or value != value.to_integral_value():
        return None
    layer = slippable.layer
    name = evidence.stage(layer).name if isinstance(layer, int) else layer
    answer = readings(int(value), evidence.network, layer=name, limit=50)
    own = slippable.quantity
    likely = [r for r in answer.readings if _plausible(r, own) and not _elsewhere(r)]
    return min(likely, key=lambda r: (r.cost, r.quantity != own), default=None)


def _plausible(reading: Reading, own: Quantity) -> bool:
    """Whether a reading explains a number printed for the quantity `own`."""
    if reading.quantity != own:
        return reading.cost <= PLAUSIBLE_OTHER
    return 0 < reading.cost <= PLAUSIBLE


def _elsewhere(reading: Reading) -> bool:
    """Whether the number is another network's: true of that one, no slip about this one."""
    return any(change.startswith("in the network") for change in reading.changes)


def gravest(checks: tuple[Check, ...]) -> Verdict:
    """The verdict that speaks for a claim."""
    verdicts: list[Verdict] = [check.verdict for check in checks]
    return min(verdicts, key=GRAVITY.index)
