"""One network under every tradition's size rule, side by side; it prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.network.edit import with_rule
from alexnet.network.ledger import Ledger, ledger
from alexnet.network.shapes import Shape
from alexnet.network.sizes import RULES, Rule
from alexnet.network.spec import Network, NetworkError


@dataclass(frozen=True, slots=True)
class Sides:
    """A windowed stage's output as the network has it, and under each rule; None where the network
    does not fit under that rule.
    """

    stage: str
    own: Shape
    under: dict[Rule, Shape | None]

    @property
    def parts(self) -> bool:
        """Whether any tradition comes to another shape."""
        return set(self.under.values()) != {self.own}


@dataclass(frozen=True, slots=True)
class Traditions:
    """A network under each rule.

    Attributes:
        own: its ledger as it stands.
        accounts: by rule the ledger, or the sentence why the network does not fit.
        sides: of every stage with windows.
    """

    own: Ledger
    accounts: dict[Rule, Ledger | str]
    sides: tuple[Sides, ...]


def traditions(network: Network) -> Traditions:
    """Re-reads a network under every rule; where it does not fit, the sentence says why."""
    own = ledger(network)
    accounts: dict[Rule, Ledger | str] = {rule: _under(network, rule) for rule in RULES}
    sides: list[Sides] = []
    for stage in own.stages:
        first = stage.rows[0].name
        if network.placed[first].sides:
            under: dict[Rule, Shape | None] = {
                rule: None if isinstance(account, str) else account.network.shape(first)
                for rule, account in accounts.items()
            }
            sides.append(Sides(stage.name, network.shape(first), under))
    return Traditions(own, accounts, tuple(sides))


def _under(network: Network, rule: Rule) -> Ledger | str:
    try:
        return ledger(with_rule(network, rule))
    except NetworkError as error:
        return str(error)
