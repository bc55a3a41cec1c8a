"""The story of 253,440 in five steps, each with its arithmetic from the ledger and links to the
views of the page that check it. Only the words between the numbers are written here.
"""

from __future__ import annotations

from functools import cache

from alexnet.explorer.asking import Tree
from alexnet.explorer.window import START, window_tree
from alexnet.network.catalog import get_network
from alexnet.network.explain import Reading, readings
from alexnet.network.ledger import Stage, ledger
from alexnet.network.paper import CLAIMS
from alexnet.network.paper.claims import plain
from alexnet.network.paper.parts import Added, Claim, Counted

NETWORK = "paper"


@cache
def story_tree() -> Tree:
    """The answer to `api/story`."""
    teller = _Teller()
    return {
        "title": f"Why {teller.printed}?",
        "network": NETWORK,
        "steps": [
            teller.what_is_printed(),
            teller.how_wide_the_map_is(),
            teller.what_the_layer_has(),
            teller.how_the_slip_comes_about(),
            teller.what_it_does_to_the_sum(),
        ],
    }


class _Teller:
    """What all steps tell of: the claims, the network, and the readings of its numbers."""

    def __init__(self) -> None:
        self.claims = {claim.id: claim for claim in CLAIMS}
        self.account = ledger(get_network(NETWORK))
        first = next(s for s in self.account.stages if s.total.neurons)
        self.first: Stage = first
        self.neurons = first.total.neurons
        self.side = self.account.network.placed[first.rows[0].name].sides[0][0]
        self.rest = [s for s in self.account.stages if s.total.neurons and s is not first]
        self.printed = _number(self.claims["S2"])
        self.printed_sum = _number(self.claims["S5"])
        self.window = window_tree({name: str(value) for name, value in START.items()})

    def what_is_printed(self) -> Tree:
        """Step 1."""
        claim, others = self.claims["S2"], self.claims["S3"]
        text = (
            f"The caption of Figure 2 gives the neurons of every layer. Its first number,"
            f" {self.printed}, is not what the layer has."
        )
        arithmetic = [_line("neurons of layer 1, as printed", self.printed, claim.place)]
        for stage, part in zip(self.rest, _counted(others), strict=True):
            sentence = f"as {stage.name} of {NETWORK} has them: {stage.total.neurons:,}"
            arithmetic.append(_line(part.what, part.printed.text, sentence))
        links = [_link("The caption's claims, one by one", "network", network=NETWORK)]
        return _step("What is printed", ["S2", "S3"], text, arithmetic, links, ["alexnet audit"])

    def how_wide_the_map_is(self) -> Tree:
        """Step 2."""
        pixels, kernel, stride = START["input"], START["kernel"], START["stride"]
        left = (pixels - kernel) % stride
        text = (
            f"Windows of {kernel} pixels at stride {stride} leave {left} of {pixels} pixels over,"
            f" so the traditions part. The program of 2012 rounds up: its last window reaches"
            f" {self.side.after} pixels beyond the edge, and reads zeros there."
        )
        traditions = self.window["traditions"]
        assert isinstance(traditions, list), "the answer of api/window lists them"
        arithmetic = [
            _line(str(each["title"]), str(each["outputs"]), str(each["sentence"]))
            for each in traditions
            if each["operation"] == "conv"
        ]
        links = [_link("Lay the windows", "why", **{k: str(v) for k, v in START.items()})]
        checks = [f"alexnet explain {NETWORK} {self.first.name}"]
        return _step("How wide the map is", ["S7", "C1"], text, arithmetic, links, checks)

    def what_the_layer_has(self) -> Tree:
        """Step 3."""
        outputs, name = self.side.outputs, self.first.name
        maps = sum(row.shape[0] for row in self.first.rows)
        text = (
            f"With {outputs} positions along each side and {maps} kernels the layer has"
            f" {self.neurons:,} neurons, in two towers of {self.first.rows[0].neurons:,}."
        )
        arithmetic = [
            _line("positions along a side", str(outputs), self.side.sentence),
            _line(f"neurons of {name}", f"{self.neurons:,}", f"{outputs}·{outputs}·{maps}"),
        ]
        links = [_link(f"{name} of {NETWORK}", "network", network=NETWORK, stage=name)]
        checks = [f"alexnet explain {NETWORK} {name}"]
        return _step("What the layer has", ["C2"], text, arithmetic, links, checks)

    def how_the_slip_comes_about(self) -> Tree:
        """Step 4."""
        found = self._readings(self.printed)
        text = (
            f"Of all that the network could yield within two changes,"
            f" {len(found)} {'gives' if len(found) == 1 else 'give'} {self.printed}. The cheapest:"
            f" {_clause(found[0])}."
        )
        arithmetic = [
            _line(f"rank {r.rank}, cost {r.cost:g}", f"{r.value:,}", r.sentence) for r in found
        ]
        links = [self._ask(self.printed)]
        checks = [f"alexnet explain {_bare(self.printed)}"]
        return _step("How the slip comes about", ["S2"], text, arithmetic, links, checks)

    def what_it_does_to_the_sum(self) -> Tree:
        """Step 5."""
        added = next(p for p in self.claims["S5"].parts if isinstance(p, Added))
        numbers = [p for c in added.claims for p in _counted(self.claims[c])]
        values = [int(p.printed.value) for p in numbers if p.printed.value is not None]
        whole, total = sum(values), self.account.total.neurons
        text = (
            f"The printed numbers add up to {whole:,}; the abstract says {self.printed_sum}. With"
            f" the first layer put right the sum is {total:,}, {total - whole:,} more: as much as"
            f" {self.neurons:,} is more than {self.printed}."
        )
        as_printed = " + ".join(f"{value:,}" for value in values)
        counted = [self.first, *self.rest]
        as_counted = " + ".join(f"{s.total.neurons:,}" for s in counted)
        arithmetic = [
            _line("as printed", f"{whole:,}", as_printed),
            _line("as counted", f"{total:,}", as_counted),
            _line(
                "in the abstract", self.printed_sum, self._readings(self.printed_sum)[0].sentence
            ),
        ]
        links = [self._ask(f"{whole:,}"), self._ask(self.printed_sum), self._ask(f"{total:,}")]
        checks = [f"alexnet explain {_bare(text)}" for text in (f"{whole:,}", self.printed_sum)]
        return _step("What it does to the sum", ["S5"], text, arithmetic, links, checks)

    def _readings(self, number: str) -> tuple[Reading, ...]:
        return readings(_bare(number), self.account.network).readings

    @staticmethod
    def _ask(number: str) -> Tree:
        return _link(f"Ask for {number}", "number", network=NETWORK, text=_bare(number))


def _counted(claim: Claim) -> list[Counted]:
    return [part for part in claim.parts if isinstance(part, Counted)]


def _number(claim: Claim) -> str:
    """The number that a claim prints."""
    value = _counted(claim)[0].printed.value
    assert value is not None, f"claim {claim.id} prints a number"
    return f"{int(plain(value).replace(',', '')):,}"


def _bare(number: str) -> str:
    return number.replace(",", "")


def _clause(reading: Reading) -> str:
    return f"{reading.arithmetic}, {', '.join(reading.changes)}"


def _line(what: str, value: str, sentence: str) -> Tree:
    return {"what": what, "value": value, "sentence": sentence}


def _link(said: str, view: str, **parameters: str) -> Tree:
    return {"text": said, "view": view, "parameters": parameters}


def _step(
    title: str,
    claims: list[str],
    text: str,
    arithmetic: list[Tree],
    links: list[Tree],
    checks: list[str],
) -> Tree:
    return {
        "title": title,
        "claims": claims,
        "text": text,
        "arithmetic": arithmetic,
        "links": links,
        "checks": checks,
    }
