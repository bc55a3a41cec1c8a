"""A claims file of one's own: numbers that somebody printed of a network, read strictly and judged
as the paper's are. The format is described in `docs/claims.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from alexnet.network.catalog import get_network
from alexnet.network.codec import CodecError, decode, from_json, network_from_tree
from alexnet.network.compare.profile import profile
from alexnet.network.paper import Audit, Finding, check_quantity
from alexnet.network.paper.claims import Evidence, Printed, printed
from alexnet.network.paper.own_quantities import (
    QUANTITIES,
    UNITS,
    Quantity,
    Shape3,
    computed,
    slippable,
)
from alexnet.network.spec import Network, NetworkError, nearest

FORMAT = "alexnet-claims/1"

TOP_KEYS = ("format", "network", "source", "claims")
CLAIM_KEYS = ("id", "place", "says", "quantity", "layer", "printed", "unit")
OPTIONAL = ("source", "says", "place")

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')

Place = tuple[str | int, ...]
Tree = dict[str, object]


class ClaimsError(ValueError):
    """A claims file that cannot be read: file and line, what it says, what would be right."""


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """One claim of a claims file.

    Attributes:
        id, place, says: as the file has them; `says` and `place` may be "".
        quantity: what is counted.
        layer: a layer, a stage, or "total".
        printed: the printed value.
        line: where it begins in the file.
    """

    id: str
    place: str
    says: str
    quantity: Quantity
    layer: str
    printed: Printed
    line: int


@dataclass(frozen=True)
class ClaimsFile:
    """A claims file that was read.

    Attributes:
        name: the file's name.
        network: the network that the claims are about.
        source: who printed the numbers.
        claims: in the order of the file.
    """

    name: str
    network: Network
    source: str
    claims: tuple[OwnClaim, ...]


def audit_file(path: Path) -> Audit:
    """Reads a claims file and judges every claim in it.

    Raises:
        ClaimsError: see `read_claims`.
    """
    return audit_claims(read_claims(path))


def audit_claims(file: ClaimsFile) -> Audit:
    """Judges the claims of a file against its network."""
    evidence = Evidence(profile(file.network))
    return Audit(file.network, None, tuple(_finding(claim, evidence) for claim in file.claims))


def _finding(claim: OwnClaim, evidence: Evidence) -> Finding:
    where = "" if claim.layer == "total" else f" of {claim.layer}"
    check = check_quantity(
        f"{claim.quantity.replace('_', ' ')}{where}",
        claim.printed,
        computed(claim.quantity, claim.layer, claim.printed.unit),
        evidence,
        slippable(claim.quantity, claim.layer, claim.printed.unit),
    )
    return Finding(
        id=claim.id,
        place=claim.place,
        says=claim.says or f"{check.what}: {claim.printed.shown}",
        verdict=check.verdict,
        printed=check.printed,
        computed=check.computed or "–",
        sentence=check.sentence,
        checks=(check,),
    )


def read_claims(path: Path) -> ClaimsFile:
    """Reads a claims file.

    Args:
        path: the file; a network file that it names is looked for beside it.

    Raises:
        ClaimsError: the file cannot be read, is no JSON, has an unknown, missing or repeated key,
            a quantity, unit, layer or value that does not fit, or a network that is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ClaimsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ClaimsError(f"{path}: is not UTF-8 text; a claims file is JSON") from None
    return Reader(path, text).read()


class Reader:
    """Reads one claims file; it knows on which line every key and value stands."""

    def __init__(self, path: Path, text: str) -> None:
        """Parses the text and finds the lines.

        Raises:
            ClaimsError: it is no JSON, or a key stands twice in one object.
        """
        self.path = path
        try:
            self.tree: object = json.loads(text)
            tokens = [
                (match.group(), text.count("\n", 0, match.start()) + 1)
                for match in TOKEN.finditer(text)
            ]
            self.lines: dict[Place, int] = {}
            self._walk(tokens, 0, ())
        except json.JSONDecodeError as error:
            raise ClaimsError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None
        except RecursionError:
            raise ClaimsError(f"{path}: nested too deeply for a claims file") from None
        except ValueError as error:  # a repeated key, or an integer of thousands of digits
            message = str(error) if isinstance(error, ClaimsError) else f"{path}: {error}"
            raise ClaimsError(message) from None

    def _walk(self, tokens: Sequence[tuple[str, int]], at: int, path: Place) -> int:
        """Notes the line of every key and value of a text that is known to be JSON."""
        token, line = tokens[at]
        self.lines.setdefault(path, line)
        if token not in ("{", "["):
            return at + 1
        at, index = at + 1, 0
        while tokens[at][0] not in ("}", "]"):
            if token == "{":
                inner: Place = (*path, cast(str, json.loads(tokens[at][0])))
                if inner in self.lines:
                    raise self.error(inner, f"key '{inner[-1]}' stands twice", tokens[at][1])
                self.lines[inner] = tokens[at][1]
                at += 2
            else:
                inner = (*path, index)
                index += 1
            at = self._walk(tokens, at, inner)
            at += tokens[at][0] == ","
        return at + 1

    def error(self, path: Place, sentence: str, line: int | None = None) -> ClaimsError:
        """An error at a place of the file."""
        return ClaimsError(f"{self.path}:{line or self.line(path)}: {sentence}")

    def line(self, path: Place) -> int:
        """The line of a key or value; of what holds it, where it is missing itself."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def read(self) -> ClaimsFile:
        """The claims file as a value."""
        top = self._object((), "a claims file", TOP_KEYS)
        if top["format"] != FORMAT:
            raise self.error(
                ("format",), f'format is {_shown(top["format"])}; it must be "{FORMAT}"'
            )
        network = self._network(top["network"])
        source = str(self._decode(str, top.get("source", ""), ("source",), "source"))
        entries = top["claims"]
        if not isinstance(entries, list) or not entries:
            raise self.error(("claims",), "claims must be a list of at least one claim")
        claims = tuple(
            self._claim(index, network) for index in range(len(cast("list[object]", entries)))
        )
        for index, claim in enumerate(claims):
            if claim.id in [other.id for other in claims[:index]]:
                raise self.error(("claims", index, "id"), f"id '{claim.id}' is taken already")
        return ClaimsFile(self.path.name, network, source, claims)

    def _object(self, path: Place, what: str, keys: Sequence[str]) -> Tree:
        """An object with these keys and no others, found at `path`."""
        tree = self._at(path)
        if not isinstance(tree, dict):
            raise self.error(path, f"{what} is {_shown(tree)}; it must be an object")
        entries = cast(Tree, tree)
        for key in entries:
            if key not in keys:
                raise self.error(
                    (*path, key), f"{what}: unknown key '{key}'{nearest(key, [*keys])}"
                )
        missing = [key for key in keys if key not in entries and key not in OPTIONAL]
        if missing:
            raise self.error(path, f"{what} lacks {', '.join(missing)}")
        return entries

    def _at(self, path: Place) -> object:
        tree: Any = self.tree
        for step in path:
            tree = tree[step]
        return tree

    def _decode(self, kind: Any, value: object, path: Place, what: str) -> Any:
        try:
            return decode(kind, value, what)
        except CodecError as error:
            raise self.error(path, str(error)) from None

    def _network(self, tree: object) -> Network:
        """A catalog name, a file beside this one, or a network written out."""
        where = f"{self.path}:{self.line(('network',))}"
        try:
            if not isinstance(tree, str):
                return network_from_tree(tree, f"{where}: network")
            if not tree.endswith(".json"):
                return get_network(tree)
            beside = self.path.parent / tree
            return from_json(beside.read_text(encoding="utf-8"), str(beside))
        except OSError as error:
            reason = f"network file {tree} cannot be read ({error.strerror})"
            raise self.error(("network",), reason) from None
        except NetworkError as error:
            raise ClaimsError(str(error)) from None
        except ValueError as error:
            hint = "; a name that ends in .json is a file"
            raise self.error(("network",), f"{error}{hint}") from None

    def _claim(self, index: int, network: Network) -> OwnClaim:
        path: Place = ("claims", index)
        entry = self._object(path, f"claim {index + 1}", CLAIM_KEYS)
        texts = {
            key: str(
                self._decode(str, entry.get(key, ""), (*path, key), f"claim {index + 1}: {key}")
            )
            for key in ("id", "place", "says", "layer")
        }
        name = f"claim {texts['id']}"
        quantity = self._quantity(entry["quantity"], (*path, "quantity"), name)
        unit = self._unit(quantity, entry["unit"], (*path, "unit"), name)
        self._check_layer(quantity, texts["layer"], network, (*path, "layer"), name)
        value = self._printed(entry["printed"], unit, (*path, "printed"), name)
        return OwnClaim(
            texts["id"],
            texts["place"],
            texts["says"],
            quantity,
            texts["layer"],
            value,
            self.line(path),
        )

    def _quantity(self, value: object, path: Place, name: str) -> Quantity:
        for quantity in QUANTITIES:
            if value == quantity:
                return quantity
        near = nearest(value if isinstance(value, str) else "", [*QUANTITIES])
        raise self.error(path, f"{name}: quantity is {_shown(value)}{near}")

    def _unit(self, quantity: Quantity, value: object, path: Place, name: str) -> str:
        units = UNITS[quantity]
        if isinstance(value, str) and value in units:
            return value
        others = [q for q in QUANTITIES if value in UNITS[q]]
        said = f"{name}: unit is {_shown(value)}; {quantity} is counted in {' or '.join(units)}"
        if others:
            said += f" ({value} is the unit of {' and '.join(others)})"
        raise self.error(path, said)

    def _check_layer(
        self, quantity: Quantity, layer: str, network: Network, path: Place, name: str
    ) -> None:
        try:
            computed(quantity, layer, UNITS[quantity][0])(Evidence(profile(network)))
        except LookupError as error:
            raise self.error(path, f"{name}: {error.args[0]}") from None

    def _printed(self, value: object, unit: str, path: Place, name: str) -> Printed:
        if "×" in unit:
            return self._shape(value, unit, path, name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(path, f"{name}: printed is {_shown(value)}; {NUMBER_HINT}")
        number = (
            self._decode(float, value, path, f"{name}: printed")
            if isinstance(value, float)
            else value
        )
        claim = printed(number, unit)
        if claim.value is None or claim.value <= 0:
            raise self.error(path, f"{name}: printed is {_shown(value)}; {NUMBER_HINT}")
        return claim

    def _shape(self, value: object, unit: str, path: Place, name: str) -> Printed:
        sides = re.findall(r"\d+", value) if isinstance(value, str) else value
        wanted = unit.count("×") + 1
        hint = f"{unit} is written as {'×'.join(('96', '55', '55')[-wanted:])}"
        if isinstance(sides, int) and not isinstance(sides, bool):
            sides = [sides]
        try:
            numbers = [int(side) for side in cast("list[str | int]", sides)]
        except (TypeError, ValueError):
            numbers = []
        shape = Shape3.read(numbers, unit)
        if shape is None:
            raise self.error(path, f"{name}: printed is {_shown(value)}; {hint}")
        return Printed(shape.shown(unit), unit)


NUMBER_HINT = "a number is written as 253440, 253,440, 60 million or ~61M"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
