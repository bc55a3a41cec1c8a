"""How rates and their schedules stand in a parameter file, as plain values: 2012's `schedW` and
`schedB`, and what cuda-convnet2 writes into `epsW` and `epsB`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.formats.cuda_convnet.rules import CONSTANT, RateSchedule, ScheduleKind
from alexnet.formats.cuda_convnet.settings import NUMBER, Settings

KINDS: Mapping[str, ScheduleKind] = {
    "default": "constant",
    "const": "constant",
    "linear": "linear",
    "exp": "exp",
    "dexp": "dexp",
    "jdexp": "jdexp",
}
ARGUMENTS = {"tgtfactor": "tgtFactor", "noisestdev": "noiseStdev", "numsteps": "numSteps"}
STAGED = ("dexp", "jdexp")
MOST_STAGES = 100_000

SCHEDULE = re.compile(r"\s*(\w{1,40})\s*(?:\[([^\[\]]{0,300})\])?\s*")


def read_schedule(settings: Settings, key: str, notes: Notes) -> RateSchedule:
    """2012's type[tgtFactor=F,noiseStdev=s,numSteps=n]; CONSTANT where the key lacks.

    Older files give the numbers without their names: the factor, then the noise where there is one
    more number than the type needs, then the steps.
    """
    text = settings.text(key)
    if text is None:
        return CONSTANT
    match = SCHEDULE.fullmatch(text)
    if match is None or match[1].lower() not in KINDS:
        raise settings.error(f"it must be {_form('dexp')}, or another of {', '.join(KINDS)}", key)
    word = match[1].lower()
    parts = [part.strip() for part in re.split("[,;]", match[2])] if match[2] is not None else []
    if word in ("default", "const"):
        if parts:
            raise settings.error(f"{word} takes no arguments", key)
        return CONSTANT
    if parts and not any("=" in part for part in parts):
        arguments = _positional(parts, word, settings, key)
        notes.group(
            f"{key}={text.strip()} is read as {_named(word, arguments)}; the original wants names",
            settings.section.name,
        )
    else:
        arguments = _arguments(parts, settings, key)
    return _schedule(word, arguments, settings, key)


def read_rate(text: str, settings: Settings, key: str) -> tuple[float, RateSchedule]:
    """A number, or cuda-convnet2's type[base=b;tgtFactor=F;numSteps=n]."""
    text = text.strip()
    if NUMBER.fullmatch(text):
        return _number(text, settings, key), CONSTANT
    match = SCHEDULE.fullmatch(text)
    word = match[1].lower() if match else ""
    if match is None or match[2] is None or word not in KINDS or word == "default":
        raise settings.error(
            "it must be a number, or one of const[base=…], linear[…], exp[…] and dexp[base=…;"
            "tgtFactor=…;numSteps=…]",
            key,
        )
    arguments = _arguments([part.strip() for part in re.split("[,;]", match[2])], settings, key)
    if "base" not in arguments:
        raise settings.error(f"{word} lacks its base", key)
    base = _number(arguments.pop("base"), settings, key)
    if word == "const":
        return base, CONSTANT
    return base, _schedule(word, arguments, settings, key)


def split_rates(text: str) -> list[str]:
    """A list of rates: commas between them, but not those inside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _positional(parts: list[str], word: str, settings: Settings, key: str) -> dict[str, str]:
    """Factor, noise, steps; the noise may lack, as it did when the files were older."""
    names = ["tgtfactor", "noisestdev", *(["numsteps"] if word in STAGED else [])]
    if len(parts) == len(names) - 1:
        names.remove("noisestdev")
    if len(parts) != len(names):
        raise settings.error(f"it must be {_form(word)}", key)
    return dict(zip(names, parts, strict=True))


def _arguments(parts: list[str], settings: Settings, key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or name in found or (name not in ARGUMENTS and name != "base"):
            known = ", ".join(ARGUMENTS.values())
            raise settings.error(f"its arguments are {known} and in cuda-convnet2 base", key)
        found[name] = value.strip()
    return found


def _schedule(
    word: str, arguments: Mapping[str, str], settings: Settings, key: str
) -> RateSchedule:
    wanted = {"tgtfactor", "numsteps"} if word in STAGED else {"tgtfactor"}
    if not wanted <= arguments.keys() or not arguments.keys() <= wanted | {"noisestdev"}:
        raise settings.error(f"it must be {_form(word)}", key)
    factor = _number(arguments["tgtfactor"], settings, key)
    noise = _number(arguments.get("noisestdev", "0"), settings, key)
    steps = _number(arguments.get("numsteps", "0"), settings, key)
    if factor <= 0 or noise < 0:
        raise settings.error("tgtFactor must be above 0 and noiseStdev not below", key)
    if word in STAGED and not (2 <= steps <= MOST_STAGES and steps == int(steps)):
        raise settings.error(f"numSteps must be a whole number from 2 to {MOST_STAGES}", key)
    return RateSchedule(kind=KINDS[word], factor=factor, stages=int(steps), noise=noise)


def _number(text: str, settings: Settings, key: str) -> float:
    if not NUMBER.fullmatch(text) or not abs(float(text)) <= 1e30:
        raise settings.error("its numbers must be plain ones", key)
    return float(text)


def _form(word: str) -> str:
    return f"{word}[tgtFactor=…,noiseStdev=…{',numSteps=…' if word in STAGED else ''}]"


def _named(word: str, arguments: Mapping[str, str]) -> str:
    return f"{word}[{','.join(f'{ARGUMENTS[k]}={v}' for k, v in arguments.items())}]"
