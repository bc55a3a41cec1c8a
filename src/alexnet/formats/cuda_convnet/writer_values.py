"""How single values stand in the files of 2012: numbers, lists, words for functions and schedules,
and the text of sections. It knows no layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from alexnet.formats.cuda_convnet.rules import RateSchedule
from alexnet.network.layers import Function

NEURONS: Mapping[Function, str] = {
    "relu": "relu",
    "bounded-relu": "brelu",
    "noisy-relu": "nrelu",
    "soft-relu": "softrelu",
    "logistic": "logistic",
    "tanh": "tanh",
    "soft-threshold": "drelu",
    "abs": "abs",
    "square": "square",
    "sqrt": "sqrt",
    "linear": "linear",
    "identity": "ident",
}
"""2012's words for functions (layer.py, `neuron_parsers`); it has none for "log"."""


@dataclass(frozen=True, slots=True)
class Written:
    """One `[name]` with its `key=value` lines, in order."""

    name: str
    keys: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """The section as it stands in a file, without a blank line at its end."""
        return "\n".join([f"[{self.name}]", *(f"{key}={value}" for key, value in self.keys)])


def document(comments: Iterable[str], sections: Iterable[Written]) -> str:
    """A whole file: comment lines, then the sections with a blank line before each."""
    head = "\n".join(f"# {' '.join(comment.split())}" for comment in comments)
    return "\n\n".join([head, *map(str, sections)]) + "\n"


def number(value: float) -> str:
    """The shortest text that reads back as the same number; exponents are lawful (ConfigParser
    calls float).
    """
    return repr(float(value)).removesuffix(".0")


def decimal(value: float) -> str:
    """As `number`, but without an exponent: a neuron's brackets admit none (semantics file, section
    8).
    """
    return f"{Decimal(number(value)):f}"


def listed(values: Iterable[object]) -> str:
    """A list as the files write it: commas, no blanks."""
    return ",".join(map(str, values))


def neuron(function: Function, parameters: tuple[float, ...]) -> str:
    """What stands behind `neuron=`: relu, or tanh[1,1]."""
    word = NEURONS[function]
    return f"{word}[{listed(map(decimal, parameters))}]" if parameters else word


def schedule(rates: RateSchedule) -> str:
    """What stands behind `schedW=`: every argument is named and none may lack (layer.py,
    `lrs_parsers`).
    """
    if rates.kind == "constant":
        return "default"
    arguments = [f"tgtFactor={number(rates.factor)}", f"noiseStdev={number(rates.noise)}"]
    if rates.kind in ("dexp", "jdexp"):
        arguments.append(f"numSteps={rates.stages}")
    return f"{rates.kind}[{listed(arguments)}]"
