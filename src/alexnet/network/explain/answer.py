"""The answer to one number: its readings, the cheapest first, cut where they stop being sane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from alexnet.network.explain.finds import Finds
from alexnet.network.explain.forensics import search
from alexnet.network.explain.readings import MARGIN, Candidate, Reading, ranked
from alexnet.network.explain.written import Written, parse
from alexnet.network.ledger import Ledger, ledger
from alexnet.network.spec import Network, NetworkError, nearest


@dataclass(frozen=True, slots=True)
class Answer:
    """What a number may be.

    Attributes:
        network: the name of the network that was asked.
        layer: the layer that was asked about, or None for all.
        number: the number as it was understood.
        readings: the cheapest ones, in order; ties share a rank.
        further: how many dearer readings were left out.
    """

    network: str
    layer: str | None
    number: Written
    readings: tuple[Reading, ...]
    further: int

    @property
    def sentence(self) -> str:
        """The outcome in one sentence, also where nothing was found."""
        if self.readings:
            return self.readings[0].sentence
        of = f"layer {self.layer} of network {self.network}" if self.layer else self.network
        return f"No reading of {of} within two changes gives {self.number.text}."


def readings(
    number: str | int,
    network: Network,
    *,
    layer: str | None = None,
    limit: int = 10,
    margin: float = MARGIN,
) -> Answer:
    """Searches the readings of `network` that yield `number`.

    Args:
        number: as a person writes it; see `written.parse`.
        network: any network.
        layer: a stage or a layer (conv1, conv1a) to which the number belongs, or None.
        limit: how many readings are told at most; the rest are counted.
        margin: what costs more than the cheapest by more than this is counted, not told.

    Raises:
        NumberError: `number` is no count.
        NetworkError: no layer is called so.
    """
    account = ledger(network)
    finds = Finds(parse(number), None if layer is None else stage_names(account, layer))
    search(account, finds)
    return answered(finds.found, finds.written, network, layer, limit, margin)


def answered(
    found: Iterable[Candidate],
    written: Written,
    network: Network,
    layer: str | None,
    limit: int,
    margin: float,
) -> Answer:
    """The answer made of what a search found."""
    order = ranked(found, written)
    told = tuple(r for r in order if r.cost <= order[0].cost + margin)[:limit]
    return Answer(network.name, layer, written, told, len(order) - len(told))


def stage_names(account: Ledger, layer: str) -> frozenset[str]:
    """The names under which the numbers of `layer` are told: its own and its stage's.

    Raises:
        NetworkError: no layer is called so; the message gives the nearest.
    """
    for stage in account.stages:
        if layer in (stage.name, *(row.name for row in stage.rows)):
            return frozenset({stage.name, layer})
    known = [stage.name for stage in account.stages]
    raise NetworkError(
        f"network '{account.network.name}' has no layer '{layer}'{nearest(layer, known)}"
    )


def as_tree(answer: Answer) -> dict[str, object]:
    """The answer as a JSON tree with stable keys."""
    return {
        "network": answer.network,
        "layer": answer.layer,
        "number": {
            "text": answer.number.text,
            "value": answer.number.value,
            "understood": answer.number.sentence,
        },
        "readings": [asdict(reading) for reading in answer.readings],
        "further": answer.further,
        "sentence": answer.sentence,
    }
