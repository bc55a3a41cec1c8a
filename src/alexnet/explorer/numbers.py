"""What a number may be: the readings of `alexnet explain NUMBER`."""

from __future__ import annotations

import re

from alexnet.explorer.asking import AskError, Parameters, Tree, known, text
from alexnet.network.explain import NumberError, as_tree, readings
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
