"""The page as a folder of plain files: its own, and its answers precomputed as classic scripts,
which work from the file system and from any web host.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alexnet.explorer.answers import (
    COMPARED,
    about_tree,
    address,
    own_version,
    pure,
)
from alexnet.explorer.asking import AskError, Tree
from alexnet.explorer.numbers import canonical
from alexnet.explorer.server import EXPORT_MARK, PAGE, TYPES, page_file
from alexnet.formats.atomic import replacing
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.ledger import Ledger, ledger
from alexnet.network.paper import CLAIMS
from alexnet.network.paper.parts import Added, Counted

FORMAT = "alexnet-explorer-export/1"

GRID: dict[str, list[int]] = {
    "input": [7, 13, 27, 28, 32, 55, 56, *range(216, 233), 256],
    "kernel": [2, 3, 5, 7, 11],
    "stride": [1, 2, 3, 4],
    "padding": [0, 1, 2],
    "filters": [96],
}
"""The windows that are carried: around the paper's, and its later layers'."""

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


def export(folder: Path, progress: Progress | None = None) -> tuple[Path, ...]:
    """Writes the page and its answers into `folder`, replacing what an earlier export wrote.

    Args:
        folder: made where there is none; other files in it stay.
        progress: told after each script.

    Returns:
        The files, `index.html` first.

    Raises:
        ValueError: the folder cannot be written.
    """
    try:
        return _export(folder, progress)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _export(folder: Path, progress: Progress | None) -> tuple[Path, ...]:
    for name in ("page", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    files: dict[str, str] = {}
    packs: list[Tree] = []
    steps = list(_parts())
    for done, make in enumerate(steps, 1):
        part = make()
        _write(folder / part.file, _script("alexnetAnswers", part.answers))
        written.append(folder / part.file)
        if part.prefix:
            packs.append({"prefix": part.prefix, "file": part.file})
        else:
            files |= dict.fromkeys(part.answers, part.file)
        if progress is not None:
            progress(done, len(steps))
    index: Tree = {
        "format": FORMAT,
        "version": own_version(),
        "files": files,
        "packs": packs,
        "windows": GRID,
        "numbers": {name: numbers_of(name) for name in COMPARED},
        "needs_server": [{"address": a, "sentence": s} for a, s in NEEDS_SERVER],
    }
    _write(folder / "data" / "index.js", _script("alexnetExport", index))
    written.append(folder / "data" / "index.js")
    for path in sorted(PAGE.iterdir()):
        if path.suffix in TYPES and path.name != "index.html":
            _write(folder / "page" / path.name, path.read_bytes())
            written.append(folder / "page" / path.name)
    page = page_file("index.html").decode("utf-8")
    line = page.replace(EXPORT_MARK, '<script src="data/index.js"></script>')
    _write(folder / "index.html", line.encode("utf-8"))
    return (folder / "index.html", *written)


def _parts() -> Iterator[Callable[[], Part]]:
    """What makes each script, in order."""
    yield lambda: Part("data/about.js", "", {"api/about": about_tree(None)})
    yield lambda: Part(
        "data/story.js", "", {"api/story": _answer("story"), "api/networks": _answer("networks")}
    )
    for name in NETWORKS:
        yield lambda name=name: _single("network", name)
        yield lambda name=name: _single("claims", name)
    for name in COMPARED:
        yield lambda name=name: _compared(name)
    for pixels in GRID["input"]:
        yield lambda pixels=pixels: _windows(pixels)
    for name in COMPARED:
        yield lambda name=name: _numbers(name)


def _single(kind: str, name: str) -> Part:
    return Part(
        f"data/{kind}-{name}.js", "", {address(f"{kind}/{name}"): _answer(f"{kind}/{name}")}
    )


def _compared(first: str) -> Part:
    """All usual networks against one of them, and each against it alone."""
    others = [name for name in COMPARED if name != first]
    asked: list[tuple[str, dict[str, object]]] = [
        ("compare", {"networks": ",".join([first, *others])})
    ]
    for second in others:
        asked.append(("compare", {"networks": f"{first},{second}"}))
        asked.append(("difference", {"first": first, "second": second}))
    return Part(f"data/compare-{first}.js", "", _answers(asked))


def _windows(pixels: int) -> Part:
    asked: list[tuple[str, dict[str, object]]] = [
        ("window", {"input": pixels, "kernel": k, "stride": s, "padding": p, "filters": f})
        for k in GRID["kernel"]
        for s in GRID["stride"]
        for p in GRID["padding"]
        for f in GRID["filters"]
    ]
    return Part(f"data/window-{pixels}.js", f"api/window?input={pixels}&", _answers(asked))


def _numbers(name: str) -> Part:
    asked: list[tuple[str, dict[str, object]]] = [
        ("number", {"network": name, "text": text}) for text in numbers_of(name)
    ]
    return Part(f"data/number-{name}.js", f"api/number?network={name}&", _answers(asked))


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


def _printed() -> Iterator[str]:
    """Every number of the claims about the network, as it is printed; and what they add up to."""
    sums: dict[str, int] = {}
    for claim in CLAIMS:
        for part in claim.parts:
            if isinstance(part, Counted) and part.printed.value is not None:
                sums[claim.id] = sums.get(claim.id, 0) + int(part.printed.value)
                yield canonical(part.printed.text)
            elif isinstance(part, Added):
                yield str(sum(sums[other] for other in part.claims))


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
