"""The paper's claims held against a network, each part with the stages that it is about; the
verdicts are the audit's.
"""

from __future__ import annotations

from contextlib import suppress

from alexnet.explorer.asking import AskError, Tree
from alexnet.network.compare.profile import Profile, WeightedStage, profile
from alexnet.network.layers import CrossMapNorm, Dropout, MaxPool
from alexnet.network.ledger import ledger
from alexnet.network.paper import CLAIMS, Audit, audit
from alexnet.network.paper.claims import Check, Evidence
from alexnet.network.paper.parts import Counted, Part
from alexnet.network.spec import Network, NetworkError

ABOUT: dict[str, type] = {"S8": CrossMapNorm, "S9": CrossMapNorm, "S10": MaxPool, "T7": Dropout}
"""Claims about all layers of a kind, as far as their parts name no layer with weights."""


def claims_tree(network: Network) -> Tree:
    """The answer to `api/claims/NAME`.

    Raises:
        AskError: the network has no weights to audit.
    """
    try:
        result = audit(network)
    except NetworkError as error:
        raise AskError(422, str(error)) from None
    claims, stages = _findings(result, profile(network))
    counts = {verdict: count for verdict, count in result.counts.items() if count}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return {
        "network": network.name,
        "verdicts": counts,
        "sentence": f"{len(claims)} claims held against {network.name}: {said}",
        "stages": stages,
        "claims": claims,
    }


def _findings(result: Audit, of: Profile) -> tuple[list[Tree], dict[str, list[str]]]:
    """Every claim as it came out, and by stage the claims about it."""
    parts_of = {claim.id: claim.parts for claim in CLAIMS}
    claims: list[Tree] = []
    by_stage: dict[str, list[str]] = {}
    for finding in result.findings:
        about = _of_kind(ABOUT.get(finding.id), of.network)
        each = [
            _stages(part, of) or (about if isinstance(part, Counted) else [])
            for part in parts_of[finding.id]
        ]
        stages = list(dict.fromkeys(stage for some in each for stage in some))
        for stage in stages:
            by_stage.setdefault(stage, []).append(finding.id)
        claims.append(
            {
                "id": finding.id,
                "place": finding.place,
                "says": finding.says,
                "verdict": finding.verdict,
                "printed": finding.printed,
                "computed": finding.computed,
                "sentence": finding.sentence,
                "stages": stages,
                "parts": [
                    _part(check, some) for check, some in zip(finding.checks, each, strict=True)
                ],
            }
        )
    return claims, by_stage


def _part(check: Check, stages: list[str]) -> Tree:
    return {
        "what": check.what,
        "verdict": check.verdict,
        "printed": check.printed,
        "computed": check.computed,
        "sentence": check.sentence,
        "stages": stages,
    }


class _Watched(Evidence):
    """Evidence that remembers which layers with weights were asked for."""

    def __init__(self, of: Profile) -> None:
        super().__init__(of)
        object.__setattr__(self, "seen", [])

    def stage(self, place: int) -> WeightedStage:
        """As `Evidence.stage`."""
        found = super().stage(place)
        vars(self)["seen"].append(found.name)
        return found


def _stages(part: Part, of: Profile) -> list[str]:
    """The stages that a part's quantity is computed from, where it names any."""
    if not isinstance(part, Counted):
        return []
    watched = _Watched(of)
    with suppress(LookupError):  # it has none such; what it looked at is what it is about
        part.of(watched)
    return list(dict.fromkeys(vars(watched)["seen"]))


def _of_kind(kind: type | None, network: Network) -> list[str]:
    """The stages whose layers are of that kind."""
    if kind is None:
        return []
    return [
        stage.name
        for stage in ledger(network).stages
        if isinstance(network[stage.rows[0].name], kind)
    ]
