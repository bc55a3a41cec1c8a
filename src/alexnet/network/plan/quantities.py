"""Quantities with units, read strictly and written for people: 100Gbit, 5us, 15.7T, 16GB, 1.28M."""

from __future__ import annotations

import re
from collections.abc import Mapping


class PlanError(ValueError):
    """A plan that cannot be made: names the option, what it says and what would be right."""


NUMBER = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)([^\d.\s].*)?")
"""Digits with an optional fraction, then the unit without a blank between."""

STEPS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
BYTES = {f"{letter}B": scale for letter, scale in {**STEPS, **BINARY}.items()}
RATES = {
    **{f"{unit}/s": scale for unit, scale in BYTES.items()},
    **{f"{x}bit{end}": STEPS[x] / 8 for x in STEPS for end in ("", "/s")},
    **{f"{x}bps": STEPS[x] / 8 for x in STEPS},
}
"""Bytes a second in each unit of a link's speed; a bit is an eighth of a byte."""

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
OPERATIONS = {f"{x}{end}": STEPS[x] for x in "GTP" for end in ("", "flop/s", "FLOPS")}
COUNTS = {"": 1.0, "k": 1e3, "M": 1e6}


def rate(text: str, option: str = "--link") -> float:
    """Bytes a second: '100Gbit', '56Gbps', '25GB/s', '900MB/s'.

    Raises:
        PlanError: no such quantity; so for each reader here.
    """
    return _read(text, option, RATES, "a speed such as 100Gbit, 25GB/s or 900MB/s")


def seconds(text: str, option: str = "--latency") -> float:
    """Seconds: '5us', '1.3ms'; 0 too, as '0us'."""
    return _read(text, option, SECONDS, "a time such as 5us or 1.3ms", zero=True)


def operations(text: str, option: str = "--flops") -> float:
    """Floating-point operations a second: '15.7T'."""
    return _read(text, option, OPERATIONS, "operations a second such as 15.7T or 900G")


def size(text: str, option: str = "--memory") -> int:
    """Bytes: '16GB' (10⁹ each) or '16GiB' (2³⁰ each)."""
    return int(_read(text, option, BYTES, "a size such as 16GB or 16GiB"))


def count(text: str, option: str) -> int:
    """A whole number of things: '1281167', '1.28M', '90'."""
    found = _read(text, option, COUNTS, "a whole number such as 1281167 or 1.28M")
    if abs(found - round(found)) > 1e-6 or round(found) < 1:
        raise PlanError(f"{option} is '{text}'; it must be a whole number from 1 on")
    return round(found)


def _read(
    text: str, option: str, units: Mapping[str, float], right: str, *, zero: bool = False
) -> float:
    found = NUMBER.fullmatch(text)
    unit = (found[2] or "") if found else ""
    if found is None or unit not in units:
        raise PlanError(f"{option} is '{text}'; it must be {right}{_hint(unit, units)}")
    value = float(found[1]) * units[unit]
    if value == 0 and not zero:
        raise PlanError(f"{option} is '{text}'; it must be more than nothing: {right}")
    return value


def _hint(unit: str, units: Mapping[str, float]) -> str:
    """What an ambiguous or foreign unit may have meant."""
    if units is RATES and re.fullmatch(r"[kMGTP]?b(/s)?", unit):
        return f" ('{unit}' may be bits or bytes: write bit or B/s)"
    if units is RATES and unit in BYTES:
        return f" ('{unit}' is a size: write {unit}/s)"
    near = [known for known in units if known.lower() == unit.lower()]
    return f" (did you mean '{near[0]}'?)" if near and unit else ""


def shown_seconds(value: float) -> str:
    """'1.5 min', '38.8 ms', '5 µs'."""
    if value >= 86400:
        return f"{value / 86400:,.4g} days"
    if value >= 3600:
        return f"{value / 3600:.4g} h"
    if value >= 60:
        return f"{value / 60:.4g} min"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.4g} {unit}"
    return f"{value / 1e-9:.4g} ns" if value else "0 s"


def shown_bytes(value: float) -> str:
    """'243.9 MB', in powers of ten."""
    return _scaled(value, "B")


def shown_rate(value: float) -> str:
    """'12.5 GB/s'."""
    return _scaled(value, "B/s")


def shown_operations(value: float) -> str:
    """'4.29 Gflop'."""
    return _scaled(value, "flop")


def _scaled(value: float, unit: str) -> str:
    letter = next((x for x in reversed(STEPS) if value >= STEPS[x]), "")
    return f"{value / STEPS[letter]:,.4g} {letter}{unit}"
