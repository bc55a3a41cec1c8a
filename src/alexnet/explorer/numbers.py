"""What a number may be: the readings of `alexnet explain NUMBER`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alexnet.explorer.asking import AskError, Parameters, Tree, known, text
from alexnet.network.explain import NumberError, as_tree, readings
from alexnet.network.explain.answer import answered
from alexnet.network.explain.finds import Finds, Several
from alexnet.network.explain.forensics import search
from alexnet.network.explain.readings import MARGIN
from alexnet.network.explain.written import parse
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network, NetworkError

LONGEST = 60
"""Characters of a number."""

COSTS = "cost: how much it changes the correct derivation; equal ranks are ties"


def canonical(said: str) -> str:
    """A number as addresses have it: no commas between digits, no blanks around, lower case."""
    return re.sub(r"(?<=\d),(?=\d)", "", said).strip().lower()


def number_tree(given: Parameters, network: Network) -> Tree:
    """The answer to `api/number`.

    Raises:
        AskError: it is no number, or the layer is unknown.
    """
    known(given, "network", "text", "layer")
    said = canonical(text(given, "text"))
    if len(said) > LONGEST:
        raise AskError(400, f"a number has at most {LONGEST} characters here", field="text")
    try:
        answer = readings(said, network, layer=given.get("layer"))
    except NumberError as error:
        raise AskError(422, str(error), "253,440 · 60 million · 61.1M", field="text") from None
    except NetworkError as error:
        raise AskError(404, str(error), field="layer") from None
    return {**as_tree(answer), "costs": COSTS}


TOLD = 10
"""Readings of one number that are told, as `readings` has it."""


def many_numbers(texts: Sequence[str], network: Network) -> dict[str, Tree]:
    """`number_tree` of many numbers at once: one search serves them all.

    Raises:
        AskError: one of them is no number.
    """
    try:
        finds = [Finds(parse(canonical(text)), None) for text in texts]
    except NumberError as error:
        raise AskError(422, str(error), field="text") from None
    search(ledger(network), Several(finds))
    return {
        text: {
            **as_tree(answered(find.found, find.written, network, None, TOLD, MARGIN)),
            "costs": COSTS,
        }
        for text, find in zip(texts, finds, strict=True)
    }
