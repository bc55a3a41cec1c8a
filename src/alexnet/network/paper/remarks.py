"""One more sentence for a finding, where the reader will ask: computed from the same evidence."""

from __future__ import annotations

from decimal import Decimal

from alexnet.network.catalog import get_network
from alexnet.network.compare.profile import WeightedStage
from alexnet.network.edit import with_rule
from alexnet.network.ledger import ledger
from alexnet.network.notebook.results import RUNS
from alexnet.network.paper.claims import Evidence, nearest_multiple, plain
from alexnet.network.sizes import RULES
from alexnet.network.spec import NetworkError

SECONDS_A_DAY = 24 * 60 * 60


def first_layer(evidence: Evidence) -> str:
    """What layer 1 has under each tradition's rounding."""
    said = [f"{value:,} ({' and '.join(rules)})" for value, rules in _under_rules(evidence).items()]
    return "under each size rule layer 1 has " + ", ".join(said) + " neurons"


def _under_rules(evidence: Evidence) -> dict[int, list[str]]:
    stage = evidence.stage(1)
    found: dict[int, list[str]] = {}
    for rule in RULES:
        try:
            other = with_rule(evidence.network, rule)
        except NetworkError:
            continue
        _, rows, columns = other.shape(stage.layers[0].name)
        found.setdefault(rows * columns * stage.outputs, []).append(rule)
    return found


def first_map(evidence: Evidence) -> str:
    """Layer 1's map under each tradition's rounding."""
    stage = evidence.stage(1)
    sides: dict[int, list[str]] = {}
    for rule in RULES:
        try:
            side = with_rule(evidence.network, rule).shape(stage.layers[0].name)[1]
        except NetworkError:
            continue
        sides.setdefault(side, []).append(rule)
    said = [f"{side} ({' and '.join(rules)})" for side, rules in sides.items()]
    return "its side under each size rule: " + ", ".join(said)


def parameters(_: Evidence) -> str:
    """How many the well-known relatives have."""
    others = [get_network(name) for name in ("one_weird_trick", "cs231n")]
    said = [f"{net.name} has {ledger(net).total.parameters:,}" for net in others]
    return "of the nets without towers, " + " and ".join(said)


def neurons(evidence: Evidence) -> str:
    """The other sums that come near the printed total."""
    said = [f"its convolutional layers alone have {_sum(evidence.profile.spatial):,}"]
    try:
        floor = ledger(with_rule(evidence.network, "caffe")).total.neurons
        said.append(f"convolutions rounded down, as Caffe does, would give {floor:,}")
    except NetworkError:
        pass
    return "; ".join(said)


def _sum(stages: tuple[WeightedStage, ...]) -> int:
    return sum(stage.total.neurons for stage in stages)


def norm(evidence: Evidence) -> str:
    """Since when k is 2 in the runs, and how far the window reaches."""
    since = [run.config for run in RUNS if "k = 2" in run.remark]
    said = f"k = 2 came in with run {since[0]} of the notes" if since else ""
    towers = len(evidence.network.towers)
    return said + (f"; no window leaves its own of the {towers} towers" if towers else "")


def shares(evidence: Evidence) -> str:
    """Every convolutional layer's share, and what whole percents would hide."""
    whole = Decimal(evidence.profile.account.total.parameters)
    said: list[str] = []
    hidden: list[str] = []
    for stage in evidence.profile.spatial:
        part = 100 * Decimal(stage.total.parameters) / whole
        said.append(f"{stage.name} {part:.2f}%")
        if part > 1 and nearest_multiple(part, Decimal(1)) == 1:
            hidden.append(stage.name)
    tail = f"; in whole percents {' and '.join(hidden)} too would print as 1%" if hidden else ""
    return "the shares are " + ", ".join(said) + tail


def speed(cycles: int, pictures: int, days: tuple[int, int]) -> str:
    """What a printed duration means in pictures a second, at the middle of its range."""
    middle = Decimal(sum(days)) / 2
    rate = Decimal(cycles * pictures) / (middle * SECONDS_A_DAY)
    return (
        f"{cycles} cycles through {pictures:,} pictures in {plain(middle)} days are "
        f"{round(rate)} pictures a second"
    )
