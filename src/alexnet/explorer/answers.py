"""Which address gives which answer: those that depend on nothing but their address, which an export
carries too, and those of one server.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from urllib.parse import quote
from weakref import WeakKeyDictionary

from alexnet.explorer.account import account_tree, summary_tree
from alexnet.explorer.asking import AskError, Parameters, Tree, known, text, whole
from alexnet.explorer.claims import claims_tree
from alexnet.explorer.decoding import MOST_PIXELS, Decoder
from alexnet.explorer.gallery import Gallery
from alexnet.explorer.kinds import kinds
from alexnet.explorer.looking import Looker
from alexnet.explorer.numbers import canonical, number_tree
from alexnet.explorer.opening import opened_tree, readable
from alexnet.explorer.reading import json_bytes
from alexnet.explorer.runs import Runs
from alexnet.explorer.session import Opened, Session
from alexnet.explorer.side_by_side import catalog_network, compare_tree, difference_answer
from alexnet.explorer.story import story_tree
from alexnet.explorer.window import LIMITS, START, rules_about, window_tree
from alexnet.explorer.writing import writable
from alexnet.network.catalog import NETWORKS
from alexnet.network.codec import to_json
from alexnet.network.spec import Network

UPLOAD_BYTES = 2**30
PICTURE_BYTES = 32 * 2**20
NETWORK_BYTES = 4 * 2**20
"""The most that is taken in: a file, a picture, a network's JSON."""

COMPARED = ("paper", "as_run", "caffe", "one_weird_trick", "soumith", "cs231n")
"""The networks that stand side by side at first."""

GROUPS = {
    "2012": ("paper", "as_run", "one_gpu"),
    "frameworks": ("one_weird_trick", "soumith", "caffe", "caffenet", "cs231n"),
    "ours": ("tiny",),
}
"""What the catalog's networks are; others are for CIFAR-10, or of the framework's other papers."""

SESSION_ID = re.compile(r"o[1-9]\d{0,8}")


def address(path: str, **parameters: object) -> str:
    """An address as the page writes it and an export is keyed: `encodeURIComponent`, in order."""
    asked = "&".join(f"{k}={quote(str(v), safe=UNRESERVED)}" for k, v in parameters.items())
    parts = "/".join(quote(part, safe=UNRESERVED) for part in path.split("/"))
    return f"api/{parts}?{asked}" if asked else f"api/{parts}"


UNRESERVED = "-_.!~*'()"
"""What `encodeURIComponent` leaves as it is, beside letters and digits."""


def pure(path: str, given: Parameters) -> Tree | None:
    """The answer of an address that depends on nothing else; None where it is no such address.

    Raises:
        AskError: asked wrongly.
    """
    match path.split("/"):
        case ["networks"]:
            known(given)
            return {"networks": [summary_tree(make()) for make in NETWORKS.values()]}
        case ["network", name]:
            known(given)
            return account_tree(catalog_network(name))
        case ["claims", name]:
            known(given)
            return claims_tree(catalog_network(name))
        case ["number"]:
            return number_tree(given, catalog_network(given.get("network", "paper")))
        case ["compare"]:
            return compare_tree(given)
        case ["difference"]:
            return difference_answer(given)
        case ["window"]:
            return window_tree(given)
        case ["story"]:
            known(given)
            return story_tree()
        case _:
            return None


class Kept:
    """Answers that are computed once, however many ask for one at the same time."""

    def __init__(self, most: int = 512) -> None:
        """Keeps the `most` last ones."""
        self.most = most
        self._lock = Lock()
        self._held: dict[Hashable, Future[bytes | None]] = {}

    def get(self, path: str, given: Parameters) -> bytes | None:
        """`pure`, written down; errors are not kept."""
        return self._get((path, frozenset(given.items())), lambda: pure(path, given))

    def of_network(self, answer: Callable[[Network], Tree], network: Network) -> bytes:
        """`answer` about a network of anyone's, by all that it says."""
        said = hashlib.sha256(to_json(network).encode(errors="surrogatepass")).hexdigest()
        found = self._get((answer.__name__, said), lambda: answer(network))
        assert found is not None, "every network has an account"
        return found

    def _get(self, key: Hashable, make: Callable[[], Tree | None]) -> bytes | None:
        with self._lock:
            found = self._held.get(key)
            mine = found is None
            if found is None:
                found = self._held[key] = Future()
                while len(self._held) > self.most:
                    del self._held[next(iter(self._held))]
        if mine:
            try:
                tree = make()
                found.set_result(None if tree is None else json_bytes(tree))
            except BaseException as error:
                with self._lock:
                    self._held.pop(key, None)
                found.set_exception(error)
        return found.result()


KEPT = Kept()
"""The answers of this process."""


@dataclass(eq=False)
class Desk:
    """One server's answers.

    Attributes:
        session: what was opened and dropped.
        runs: where run folders lie.
        gallery: pictures among which neighbours are sought, or None.
        start: what is shown first: a catalog name, or the id of what was opened.
        view: the view that is shown first.
        decoder: of pictures.
    """

    session: Session = field(default_factory=Session)
    runs: Runs = field(default_factory=Runs)
    gallery: Gallery | None = None
    start: str = "paper"
    view: str = "network"
    decoder: Decoder = field(default_factory=Decoder)
    _lookers: WeakKeyDictionary[Opened, Looker] = field(default_factory=WeakKeyDictionary)

    def get(self, path: str, given: Parameters) -> bytes:
        """The answer to an address.

        Raises:
            AskError: there is none, or it was asked wrongly.
        """
        given = _canonical(path, given)
        parts = path.split("/")
        match parts:
            case ["about"]:
                known(given)
                return json_bytes(self.about())
            case ["runs"]:
                known(given)
                return json_bytes(self.runs.list_tree())
            case ["run", *name] if name:
                return json_bytes(self.runs.run_tree("/".join(name), given))
            case ["look", identity, what]:
                return json_bytes(self._look(identity, what, given))
            case ["network" | "claims" as kind, identity] if SESSION_ID.fullmatch(identity):
                known(given)
                network = self.session.opened.get(identity).network
                answer = account_tree if kind == "network" else claims_tree
                return KEPT.of_network(answer, network)
            case ["number"] if SESSION_ID.fullmatch(given.get("network", "")):
                return json_bytes(number_tree(given, self.network(given["network"])))
            case _:
                found = KEPT.get(path, given)
        if found is None:
            raise AskError(404, f"nothing is called 'api/{path[:80]}'", "api/about")
        return found

    def network(self, name: str) -> Network:
        """The network of that id or catalog name."""
        if SESSION_ID.fullmatch(name):
            return self.session.opened.get(name).network
        return catalog_network(name)

    def about(self) -> Tree:
        """The answer to `api/about`."""
        opened = None
        if SESSION_ID.fullmatch(self.start):
            opened = opened_tree(self.start, self.session.opened.get(self.start))
        return about_tree(self, opened)

    def warm(self) -> None:
        """Has the checkpoint that was named built before a picture is dropped."""
        opened = self.session.opened.get(self.start)
        if opened.checkpoint is not None:
            self._looker(opened).built()

    def _looker(self, opened: Opened) -> Looker:
        return self._lookers.setdefault(opened, Looker(opened, self.decoder, self.gallery))

    def _look(self, identity: str, what: str, given: Parameters) -> Tree:
        looker = self._looker(self.session.opened.get(identity))
        if what == "layers":
            known(given)
            return looker.layers()
        if what not in LOOKS:
            raise AskError(404, f"nothing is called '{what[:40]}' of what is looked at", "layers")
        known(given, "picture", *LOOKS[what])
        name = text(given, "picture")
        picture = self.session.pictures.get(name)
        match what:
            case "predictions":
                found = looker.predictions(picture)
            case "maps":
                found = looker.maps(picture, text(given, "layer"))
            case "field":
                row, column = (whole(given, k, 0, 10**6) for k in ("row", "column"))
                found = looker.field(picture, text(given, "layer"), row, column)
            case _:
                found = looker.neighbours(picture, whole(given, "k", 1, 50, 6))
        return {"picture": name, **found}

    def close(self) -> None:
        """Removes what was dropped, and ends what decodes."""
        self.decoder.close()
        self.session.close()


LOOKS: Mapping[str, tuple[str, ...]] = {
    "predictions": (),
    "maps": ("layer",),
    "field": ("layer", "row", "column"),
    "neighbours": ("k",),
}
"""What can be asked of a picture, and with which further parameters."""


def _canonical(path: str, given: Parameters) -> dict[str, str]:
    """Equal questions in one form."""
    found = dict(given)
    if path == "number" and "text" in found:
        found["text"] = canonical(found["text"])
    return found


def about_tree(desk: Desk | None, opened: Tree | None = None) -> Tree:
    """What there is: of a server, or without one of an export."""
    gallery = None if desk is None else desk.gallery
    start = "paper" if desk is None else desk.start
    return {
        "version": own_version(),
        "live": desk is not None,
        "start": {
            "network": None if opened else start,
            "opened": start if opened else None,
            "view": "network" if desk is None else desk.view,
        },
        "available": {
            "look": opened is not None and opened["look"] is True,
            "neighbours": gallery is not None,
            "runs": desk is not None and bool(desk.runs.all()),
        },
        "opened": opened,
        "networks": networks_tree(),
        "compare": list(COMPARED),
        "rules": rules_about(),
        "window": {"start": START, "limits": {k: list(v) for k, v in LIMITS.items()}},
        "formats": {"read": readable(), "write": writable()},
        "kinds": kinds(),
        "limits": {
            "upload_bytes": UPLOAD_BYTES,
            "picture_bytes": PICTURE_BYTES,
            "picture_pixels": MOST_PIXELS,
            "network_bytes": NETWORK_BYTES,
        },
        "data": gallery and {"name": gallery.name, "pictures": gallery.count},
    }


def networks_tree() -> list[Tree]:
    """The catalog, for a choice of networks."""
    return [
        {"name": name, "group": group_of(name), "source": make().source}
        for name, make in NETWORKS.items()
    ]


def group_of(name: str) -> str:
    """What kind of network a catalog name is."""
    for group, names in GROUPS.items():
        if name in names:
            return group
    return "ImageNet" if name.startswith("vgg") else "CIFAR-10"


def own_version() -> str:
    """The package's version, or where it is run from its source a word for that."""
    try:
        return version("alexnet")
    except PackageNotFoundError:
        return "source"
