"""The audit: every number that the paper prints, held against a network, the code that ran and the
notes of 2012.

Each verdict is computed; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from alexnet.network.catalog import get_network
from alexnet.network.compare import difference_tree, differences
from alexnet.network.compare.profile import profile
from alexnet.network.compare.stage import Difference
from alexnet.network.layers import Weighted
from alexnet.network.notebook import RUNS, Match, key, matches
from alexnet.network.notebook.rows import Run
from alexnet.network.paper.claims import (
    VERDICTS,
    Check,
    Computed,
    Evidence,
    Of,
    Printed,
    Slippable,
    Verdict,
    fit,
    gravest,
    misfit,
    plain,
    value_of,
)
from alexnet.network.paper.parts import (
    Added,
    Claim,
    Counted,
    Errors,
    Part,
    Practised,
    Recorded,
    Unchecked,
)
from alexnet.network.paper.protocol import RESULTS, TRAINING
from alexnet.network.paper.structure import CS231N, STRUCTURE
from alexnet.network.spec import Network, NetworkError

CLAIMS: tuple[Claim, ...] = (*STRUCTURE, *TRAINING, *RESULTS, *CS231N)
"""Every claim, in the order in which it is told."""

RAN = "as_run"
"""The catalog network that the paper's published errors come from."""

PLAIN: tuple[Verdict, ...] = ("exact", "recorded", "not checkable here")
"""Verdicts on which a graver part's sentence need not dwell."""

HOLDS: tuple[Verdict, ...] = ("exact", "rounds to", "recorded")


@dataclass(frozen=True)
class Finding:
    """A claim and how it came out.

    Attributes:
        id, place, says: the claim.
        verdict: the gravest of its parts'.
        printed, computed: the values of all parts in words.
        sentence: why, for the parts that the verdict comes from.
        checks: every part, judged on its own.
        run: the run of the notes that carries it, or None.
    """

    id: str
    place: str
    says: str
    verdict: Verdict
    printed: str
    computed: str
    sentence: str
    checks: tuple[Check, ...]
    run: Run | None = None


@dataclass(frozen=True)
class Audit:
    """A network held against claims.

    Attributes:
        network: what was audited.
        ran: the network whose code ran, or None where none was looked at.
        findings: one for each claim, in order.
        differences: between the two, where the audit was asked for them.
    """

    network: Network
    ran: Network | None
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...] = ()

    @property
    def unexplained(self) -> int:
        """How many claims no verdict but "unexplained" applies to."""
        return sum(finding.verdict == "unexplained" for finding in self.findings)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many claims came out under each verdict."""
        verdicts = [finding.verdict for finding in self.findings]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def audit(network: Network, against: Network | None = None) -> Audit:
    """Holds the paper's claims, and those of the CS231n notes, against a network.

    Args:
        network: any network; what it has no counterpart for is not checkable.
        against: the network whose code ran, `as_run` unless given; if it is given, the audit
            also lists every difference between the two.
    """
    ran = get_network(RAN) if against is None else against
    for held in (network, ran):
        if not any(isinstance(layer, Weighted) for layer in held):
            raise NetworkError(f"network '{held.name}' has no layer with weights to audit")
    judge = Judge(Evidence(profile(network), profile(ran)))
    for claim in CLAIMS:
        judge.take(claim)
    listed = () if against is None else differences(network, against)
    return Audit(network, ran, tuple(judge.found.values()), listed)


def results() -> tuple[Finding, ...]:
    """The findings on the paper's results alone: each with the run of the notes that carries it."""
    judge = Judge(Evidence(profile(get_network(RAN))))
    return tuple(judge.take(claim) for claim in RESULTS)


@dataclass
class Judge:
    """Judges claims one after another; a later one may lean on an earlier."""

    evidence: Evidence
    found: dict[str, Finding] = field(default_factory=dict[str, Finding])
    claims: dict[str, Claim] = field(default_factory=dict[str, Claim])

    def take(self, claim: Claim) -> Finding:
        """Judges one claim and remembers the finding."""
        runs: list[Run] = []
        checks = tuple(self._check(part, runs) for part in claim.parts)
        verdict = gravest(checks)
        said = [c.sentence for c in checks if c.verdict == verdict or c.verdict not in PLAIN]
        if claim.remark is not None and self._has_counterpart(checks):
            said.append(claim.remark(self.evidence))
        finding = Finding(
            id=claim.id,
            place=claim.place,
            says=claim.says,
            verdict=verdict,
            printed="; ".join(check.printed for check in checks),
            computed="; ".join(check.computed or "–" for check in checks),
            sentence="; ".join(text for text in said if text),
            checks=checks,
            run=runs[0] if runs else None,
        )
        self.found[claim.id], self.claims[claim.id] = finding, claim
        return finding

    @staticmethod
    def _has_counterpart(checks: Sequence[Check]) -> bool:
        return any(check.verdict != "not checkable here" for check in checks)

    def _check(self, part: Part, runs: list[Run]) -> Check:
        match part:
            case Counted():
                return self._counted(part)
            case Added():
                return self._added(part)
            case Practised():
                return _practised(part)
            case Recorded():
                return _recorded(part)
            case Errors():
                return self._errors(part, runs)
            case Unchecked():
                shown = part.printed.shown
                return Check(part.what, "not checkable here", shown, "", part.reason)
            case _:
                assert_never(part)

    def _counted(self, part: Counted) -> Check:
        rivals = tuple(c for c in part.rivals if self._holds(c))
        return check_quantity(part.what, part.printed, part.of, self.evidence, part.slip, rivals)

    def _holds(self, claim: str) -> bool:
        return claim in self.found and self.found[claim].verdict in HOLDS

    def _added(self, part: Added) -> Check:
        """A printed total against the printed numbers that it should be the sum of."""
        numbers = [
            piece.printed.value
            for claim in part.claims
            for piece in self.claims[claim].parts
            if isinstance(piece, Counted) and piece.printed.value is not None
        ]
        said = " + ".join(plain(n) for n in numbers)
        computed = Computed(sum(numbers, Decimal(0)), f"{said} as printed")
        carried = fit(part.printed, computed)
        if carried is not None:
            return Check(part.what, carried[0], part.printed.shown, computed.shown, carried[1])
        others = " and ".join(part.claims)
        sentence = (
            f"the printed numbers of {others} add up to {computed.shown}, which no rounding "
            f"makes {part.printed.text}"
        )
        return Check(
            part.what,
            "contradicts another claim",
            part.printed.shown,
            computed.shown,
            sentence,
            others=part.claims,
        )

    def _errors(self, part: Errors, runs: list[Run]) -> Check:
        shown = f"{part.top1} / {part.top5} %"
        base = self.found[part.minus].run if part.minus else None
        if part.minus and base is None:
            reason = f"the run behind {part.minus} was not found"
            return Check(part.what, "not checkable here", shown, "", reason)
        found = matches(part.top1, part.top5, minus=base)
        named = [m for m in found if part.words in f"{m.run.config} {m.run.remark}"]
        if not named:
            reason = (
                f"no run of the notes {'less ' + base.config + ' ' if base else ''}rounds to it"
            )
            return Check(part.what, "not checkable here", shown, "", reason)
        runs.append(named[0].run)
        others = [m.run.config for m in found if m is not named[0]]
        computed = f"{plain(named[0].top1)} / {plain(named[0].top5)} %"
        return Check(part.what, "recorded", shown, computed, _run_sentence(named[0], others))


def check_quantity(
    what: str,
    claim: Printed,
    of: Of,
    evidence: Evidence,
    slip: Slippable | None = None,
    rivals: tuple[str, ...] = (),
) -> Check:
    """Holds one printed value against one quantity of a network."""
    try:
        computed = of(evidence)
    except LookupError as error:
        return Check(what, "not checkable here", claim.shown, "", str(error))
    carried = fit(claim, computed)
    if carried is None and rivals:
        sentence = (
            f"{what}: {computed.told}, which follows from {' and '.join(rivals)}; "
            "both cannot be true"
        )
        verdict: Verdict = "contradicts another claim"
        return Check(what, verdict, claim.shown, computed.shown, sentence, others=rivals)
    if carried is None:
        return misfit(what, claim, computed, evidence, of, slip)
    verdict, sentence = carried
    ran = value_of(evidence.ran, of)
    if evidence.ran is not None and ran is not None and fit(claim, ran) is None:
        name = evidence.ran.network.name
        said = (
            f"{what}: {evidence.network.name} has {computed.shown} as printed, {name} {ran.shown}"
        )
        tail = f" ({ran.sentence})" if ran.sentence else ""
        return Check(
            what, "differs from the code that ran", claim.shown, computed.shown, said + tail
        )
    return Check(what, verdict, claim.shown, computed.shown, sentence)


def _practised(part: Practised) -> Check:
    same = fit(part.printed, Computed(part.ran))
    if same is not None:
        sentence = f"the code does so: {part.source}"
        return Check(part.what, "exact", part.printed.shown, part.ran, sentence)
    sentence = (
        f"{part.what}: {part.printed.text} as printed, {part.ran} in the code ({part.source})"
    )
    return Check(
        part.what, "differs from the code that ran", part.printed.shown, part.ran, sentence
    )


def _recorded(part: Recorded) -> Check:
    try:
        computed = part.of()
    except LookupError as error:
        return Check(part.what, "not checkable here", part.printed.shown, "", str(error))
    carried = fit(part.printed, computed)
    if carried is not None:
        return Check(part.what, "recorded", part.printed.shown, computed.shown, carried[1])
    sentence = f"{part.what}: {part.printed.text} as printed, {computed.shown}: {computed.sentence}"
    return Check(
        part.what,
        "differs from the code that ran",
        part.printed.shown,
        computed.shown,
        sentence,
    )


def _run_sentence(match: Match, others: Sequence[str]) -> str:
    """Which run carries the errors, and which others would by number alone."""
    run = match.run
    said = f"run {run.config}, trained on {run.trained_on}, {run.evaluated}"
    if match.minus is not None:
        said = f"run {run.config} less run {match.minus.config}"
    said += f": {plain(match.top1)} / {plain(match.top5)}"
    if others:
        said += f" (run {', '.join(others)} would fit by number, but did not change this alone)"
    return said


def matched_runs(findings: Sequence[Finding]) -> dict[str, tuple[str, ...]]:
    """For each run of the notes that carries claims, by its `notebook.key`, their ids."""
    found: dict[str, tuple[str, ...]] = {}
    for run in RUNS:
        claims = tuple(f.id for f in findings if f.run is not None and f.run == run)
        if claims:
            found[key(run)] = claims
    return found


# --- JSON -----------------------------------------------------------------------------------------


def as_tree(result: Audit) -> dict[str, object]:
    """The audit as a JSON tree with stable keys (`docs/claims.md`)."""
    return {
        "network": result.network.name,
        "against": result.ran.name if result.ran else None,
        "findings": [_finding_tree(finding) for finding in result.findings],
        "verdicts": dict[str, int](result.counts.items()),
        "unexplained": result.unexplained,
        "differences": [difference_tree(d) for d in result.differences],
    }


def _finding_tree(finding: Finding) -> Mapping[str, object]:
    return {
        "id": finding.id,
        "place": finding.place,
        "says": finding.says,
        "verdict": finding.verdict,
        "printed": finding.printed,
        "computed": finding.computed,
        "sentence": finding.sentence,
        "run": finding.run and finding.run.config,
        "parts": [_check_tree(check) for check in finding.checks],
    }


def _check_tree(check: Check) -> Mapping[str, object]:
    reading = check.reading
    return {
        "what": check.what,
        "verdict": check.verdict,
        "printed": check.printed,
        "computed": check.computed or None,
        "sentence": check.sentence,
        "reading": reading and {"sentence": reading.sentence, "cost": reading.cost},
        "contradicts": list(check.others),
    }
