"""The page as a folder of plain files: its own, and its answers precomputed as classic scripts,
which work from the file system and from any web host.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet.explorer.answers import (
    COMPARED,
    about_tree,
    address,
    networks_tree,
    own_version,
    pure,
)
from alexnet.explorer.asking import AskError, Tree
from alexnet.explorer.numbers import canonical, many_numbers
from alexnet.explorer.server import EXPORT_MARK, PAGE, TYPES, page_file
from alexnet.explorer.story import story_tree
from alexnet.formats.atomic import replacing
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.ledger import Ledger, ledger
from alexnet.network.paper import CLAIMS
from alexnet.network.paper.parts import Counted

FORMAT = "alexnet-explorer-export/1"

INDEX = "data/index.js"
"""Where an export says what it holds."""

GRID: dict[str, list[int]] = {
    "input": [7, 13, 27, 28, 32, 55, 56, *range(216, 233), 256],
    "kernel": [2, 3, 5, 7, 11],
    "stride": [1, 2, 3, 4],
    "padding": [0, 1, 2],
    "filters": [96],
}
"""The windows that are carried: around the paper's, and its later layers'."""

LOOK = "Looking at pictures needs the server and a checkpoint: run `alexnet explore CHECKPOINT`."
RUNS = "Curves of runs need the server: run `alexnet explore --runs FOLDER`."

NEEDS_SERVER: tuple[tuple[str, str], ...] = (
    ("api/check", "Editing a network needs the server: run `alexnet explore`."),
    ("api/claims", "Only the catalog's networks are here: run `alexnet explore` for others."),
    ("api/network", "Only the catalog's networks are here: run `alexnet explore` for others."),
    ("api/open", "Opening files needs the server: run `alexnet explore`."),
    ("api/export", "Writing files needs the server: run `alexnet explore`, or `alexnet convert`."),
    (
        "api/picture",
        "Looking at pictures needs the server and a checkpoint: `alexnet explore RUN`.",
    ),
    ("api/look", "Looking at pictures needs the server and a checkpoint: `alexnet explore RUN`."),
    ("api/runs", "Curves of runs need the server: run `alexnet explore --runs FOLDER`."),
    ("api/run", "Curves of runs need the server: run `alexnet explore --runs FOLDER`."),
    ("api/number", "Only numbers of the catalog's ledgers are here; others need the server."),
    ("api/window", "Only some windows are here; others need the server: `alexnet explore`."),
    ("api/compare", "Only the usual networks are compared here; others need the server."),
    ("api/difference", "Only the usual networks are compared here; others need the server."),
)
"""What an export lacks, and what to do."""

Progress = Callable[[int, int], None]

Job = tuple[str, str]
"""What a script holds: a kind of answer, and the network or the side that it is about."""


@dataclass(frozen=True, slots=True)
class Part:
    """One script of the export.

    Attributes:
        file: its path in the folder.
        prefix: what the addresses of its answers begin with, where it is a pack of many; or "".
        answers: by their addresses.
    """

    file: str
    prefix: str
    answers: dict[str, Tree]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What an export carries.

    Attributes:
        networks: whose accounts and claims.
        compared: which stand side by side, and whose numbers are read.
        windows: the values of each parameter of `api/window`.
        counted: whether the numbers of every ledger are read, or those of the story alone.
    """

    networks: tuple[str, ...] = tuple(NETWORKS)
    compared: tuple[str, ...] = COMPARED
    windows: Mapping[str, Sequence[int]] = field(default_factory=lambda: GRID)
    counted: bool = True

    def numbers(self, name: str) -> list[str]:
        """The numbers whose readings are carried."""
        return numbers_of(name) if self.counted else list(_told()) if name == "paper" else []


WHOLE = Scope()


def export(
    folder: Path, scope: Scope = WHOLE, *, processes: int = 1, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Writes the page and its answers into `folder`, replacing what an earlier export wrote.

    Args:
        folder: made where there is none; empty, or that of an earlier export, in which other files
            stay.
        scope: what it carries.
        processes: among which the work is shared.
        progress: told after each script.

    Returns:
        The files, `index.html` first.

    Raises:
        ValueError: the folder cannot be written, or holds something else.
    """
    try:
        return _export(folder, scope, processes, progress)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _export(
    folder: Path, scope: Scope, processes: int, progress: Progress | None
) -> tuple[Path, ...]:
    _begin(folder)
    written: list[Path] = []
    files: dict[str, str] = {}
    packs: list[Tree] = []
    jobs = list(_jobs(scope))
    for done, part in enumerate(_made(jobs, scope, processes), 1):
        _write(folder / part.file, _script("alexnetAnswers", part.answers))
        written.append(folder / part.file)
        if part.prefix:
            packs.append({"prefix": part.prefix, "file": part.file})
        else:
            files |= dict.fromkeys(part.answers, part.file)
        if progress is not None:
            progress(done, len(jobs))
    index: Tree = {
        "format": FORMAT,
        "version": own_version(),
        "files": files,
        "packs": packs,
        "windows": {name: list(values) for name, values in scope.windows.items()},
        "numbers": {name: scope.numbers(name) for name in scope.compared},
        "needs_server": [{"address": a, "sentence": s} for a, s in NEEDS_SERVER],
    }
    _write(folder / INDEX, _script("alexnetExport", index))
    written.append(folder / INDEX)
    for path in sorted(PAGE.iterdir()):
        if path.suffix in TYPES and path.name != "index.html":
            _write(folder / "page" / path.name, path.read_bytes())
            written.append(folder / "page" / path.name)
    page = page_file("index.html").decode("utf-8")
    line = page.replace(EXPORT_MARK, '<script src="data/index.js"></script>')
    _write(folder / "index.html", line.encode("utf-8"))
    return (folder / "index.html", *written)


def _begin(folder: Path) -> None:
    """Makes the folder, and a first index in it, by which an export that was cut off is known.

    Raises:
        ValueError: it holds files, and no export's.
    """
    index = folder / INDEX
    if not index.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise ValueError(
                f"{folder}: holds files that are no export's; give a new folder, or an empty one"
            )
        for name in ("page", "data"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        _write(index, _script("alexnetExport", {"format": FORMAT}))
    elif FORMAT.encode() not in index.read_bytes()[:200]:
        raise ValueError(f"{index}: is no export's; give a new folder, or an empty one")


def _jobs(scope: Scope) -> Iterator[Job]:
    """Every script, in order; the longest work first."""
    yield from (("number", name) for name in scope.compared)
    yield from (("claims", name) for name in scope.networks)
    yield from (("compare", name) for name in scope.compared)
    yield from (("window", str(pixels)) for pixels in scope.windows["input"])
    yield from (("network", name) for name in scope.networks)
    yield from (("about", ""), ("story", ""))


def _made(jobs: Sequence[Job], scope: Scope, processes: int) -> Iterator[Part]:
    if processes == 1:
        yield from (_part(job, scope) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(_part, jobs, [scope] * len(jobs))


def _part(job: Job, scope: Scope) -> Part:
    """The script of a job."""
    match job:
        case "about", _:
            about = about_tree(None)
            about["compare"] = list(scope.compared)
            about["networks"] = [x for x in networks_tree() if x["name"] in scope.networks]
            return Part("data/about.js", "", {"api/about": about})
        case "story", _:
            told = {"api/story": _answer("story"), "api/networks": _answer("networks")}
            return Part("data/story.js", "", told)
        case "compare", name:
            return _compared(name, scope)
        case "window", pixels:
            return _windows(int(pixels), scope)
        case "number", name:
            return _numbers(name, scope)
        case kind, name:
            return _single(kind, name)


def _single(kind: str, name: str) -> Part:
    return Part(
        f"data/{kind}-{name}.js", "", {address(f"{kind}/{name}"): _answer(f"{kind}/{name}")}
    )


def _compared(first: str, scope: Scope) -> Part:
    """All usual networks against one of them, and each against it alone."""
    others = [name for name in scope.compared if name != first]
    asked: list[tuple[str, dict[str, object]]] = [
        ("compare", {"networks": ",".join([first, *others])})
    ]
    for second in others:
        asked.append(("compare", {"networks": f"{first},{second}"}))
        asked.append(("difference", {"first": first, "second": second}))
    return Part(f"data/compare-{first}.js", "", _answers(asked))


def _windows(pixels: int, scope: Scope) -> Part:
    asked: list[tuple[str, dict[str, object]]] = [
        ("window", {"input": pixels, "kernel": k, "stride": s, "padding": p, "filters": f})
        for k in scope.windows["kernel"]
        for s in scope.windows["stride"]
        for p in scope.windows["padding"]
        for f in scope.windows["filters"]
    ]
    return Part(f"data/window-{pixels}.js", f"api/window?input={pixels}&", _answers(asked))


def _numbers(name: str, scope: Scope) -> Part:
    found = many_numbers(scope.numbers(name), get_network(name))
    told = {address("number", network=name, text=text): tree for text, tree in found.items()}
    return Part(f"data/number-{name}.js", f"api/number?network={name}&", told)


def numbers_of(name: str) -> list[str]:
    """The numbers whose readings are carried: those of the network's ledger, and with the paper
    all that is printed of it.
    """
    account = ledger(get_network(name))
    found = dict.fromkeys(_counts(account))
    if name == "paper":
        found |= dict.fromkeys(_printed())
    return list(found)


def _counts(account: Ledger) -> Iterator[str]:
    for sums in (account.total, *(stage.total for stage in account.stages)):
        for count in (sums.neurons, sums.parameters, sums.connections, sums.multiply_adds):
            if count:
                yield str(count)


LEAST = 10
"""Smaller numbers are no counts that anybody asks for."""


def _printed() -> Iterator[str]:
    """Every count of the claims, as it is printed."""
    for claim in CLAIMS:
        for part in claim.parts:
            value = part.printed.value if isinstance(part, Counted) else None
            if isinstance(part, Counted) and value is not None and value >= LEAST:
                yield canonical(part.printed.text)
    yield from _told()


def _told() -> Iterator[str]:
    """The numbers that the story links to."""
    for step in _story_steps():
        for link in step["links"]:
            if link["view"] == "number":
                yield link["parameters"]["text"]


def _story_steps() -> list[Any]:
    steps = story_tree()["steps"]
    assert isinstance(steps, list), "a story has steps"
    return steps


def _answers(asked: list[tuple[str, dict[str, object]]]) -> dict[str, Tree]:
    """Answers by address; a question that has none is left out, as the server refuses it."""
    found: dict[str, Tree] = {}
    for path, parameters in asked:
        try:
            answer = pure(path, {k: str(v) for k, v in parameters.items()})
        except AskError:
            continue
        assert answer is not None, f"api/{path} depends on its address alone"
        found[address(path, **parameters)] = answer
    return found


def _answer(path: str) -> Tree:
    try:
        found = pure(path, {})
    except AskError as error:
        return error.tree
    assert found is not None, f"api/{path} depends on its address alone"
    return found


def _script(call: str, tree: object) -> bytes:
    """A classic script that hands `tree` to the page; JSON is no part of HTML here, and its two
    line separators are escaped for old engines.
    """
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"{call}({text})\n".encode()


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
