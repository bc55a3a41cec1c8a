"""The exported folder, read back: the page's own files, and the server's answers to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from alexnet.cli import run
from alexnet.explorer.answers import COMPARED, address, pure
from alexnet.explorer.export import (
    GRID,
    NEEDS_SERVER,
    WHOLE,
    Scope,
    _part,
    _script,
    export,
    numbers_of,
)
from alexnet.explorer.server import EXPORT_MARK, PAGE
from explorer.served import got, served

SMALL = Scope(
    networks=("paper",),
    compared=("paper", "caffe"),
    windows={"input": [224, 7], "kernel": [11, 3], "stride": [4], "padding": [0], "filters": [96]},
    counted=False,
)

EMPTY = Scope(networks=(), compared=(), windows=dict.fromkeys(GRID, ()), counted=False)

LARGEST = 10 * 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("export")
    assert export(made, EMPTY)
    (made / "mine.txt").write_text("stays")
    written = export(made, SMALL)
    assert written[0] == made / "index.html"
    assert all(path.is_file() for path in written)
    return made


def told(path: Path) -> tuple[str, Any]:
    """The function that a script calls, and what it hands over."""
    call, rest = path.read_text(encoding="utf-8").split("(", 1)
    assert rest.endswith(")\n")
    return call, json.loads(rest.removesuffix(")\n"))


def answers(folder: Path) -> Iterator[tuple[str, str, Any]]:
    for path in sorted((folder / "data").iterdir()):
        if path.name != "index.js":
            call, tree = told(path)
            assert call == "alexnetAnswers"
            for asked, answer in tree.items():
                yield f"data/{path.name}", asked, answer


def test_every_answer_is_the_servers(folder: Path) -> None:
    with served() as client:
        for _, asked, answer in answers(folder):
            live = got(client, asked)
            if asked == "api/about":
                assert (answer.pop("live"), live.pop("live")) == (False, True)
                assert not any(answer.pop("available").values())
                live.pop("available")
                assert answer.pop("compare") == list(SMALL.compared)
                assert [x["name"] for x in answer.pop("networks")] == list(SMALL.networks)
                live = {k: v for k, v in live.items() if k not in ("compare", "networks")}
            assert answer == live, asked


def test_the_index_leads_to_every_answer(folder: Path) -> None:
    call, index = told(folder / "data" / "index.js")
    assert call == "alexnetExport"
    for file, asked, _ in answers(folder):
        packs = [p["file"] for p in index["packs"] if asked.startswith(p["prefix"])]
        assert index["files"].get(asked) == file or packs == [file], asked
    for file in [*index["files"].values(), *(pack["file"] for pack in index["packs"])]:
        assert (folder / file).is_file()
    assert index["windows"] == {k: list(v) for k, v in SMALL.windows.items()}
    carried = {asked for _, asked, _ in answers(folder)}
    for name, numbers in index["numbers"].items():
        for text in numbers:
            assert address("number", network=name, text=text) in carried
    for pixels in index["windows"]["input"]:
        for size in index["windows"]["kernel"]:
            given = {"input": pixels, "kernel": size, "stride": 4, "padding": 0, "filters": 96}
            assert address("window", **given) in carried


def test_every_link_of_the_story_is_carried(folder: Path) -> None:
    carried = {asked for _, asked, _ in answers(folder)}
    story = next(answer for _, asked, answer in answers(folder) if asked == "api/story")
    for step in story["steps"]:
        for link in step["links"]:
            view, given = link["view"], link["parameters"]
            if view == "network":
                assert address(f"network/{given['network']}") in carried
            else:
                assert address({"why": "window"}.get(view, view), **given) in carried


def test_addresses_are_written_as_the_page_writes_them() -> None:
    assert address("number", network="paper", text="60 million") == (
        "api/number?network=paper&text=60%20million"
    )
    assert address("compare", networks="a,b") == "api/compare?networks=a%2Cb"
    assert address("run/a b/c") == "api/run/a%20b/c"
    for given in ("it's (~!*)", "größer", "a&b=c"):
        asked = address("number", text=given)
        assert dict(parse_qsl(asked.split("?")[1])) == {"text": given}
        assert unquote(asked).endswith(given)


def test_the_page_is_the_servers_but_for_one_line(folder: Path) -> None:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    assert page.count(EXPORT_MARK) == 1
    exported = (folder / "index.html").read_text(encoding="utf-8")
    assert exported == page.replace(EXPORT_MARK, '<script src="data/index.js"></script>')
    for path in PAGE.iterdir():
        if path.name != "index.html":
            assert (folder / "page" / path.name).read_bytes() == path.read_bytes()
    assert (folder / "mine.txt").read_text() == "stays"


def test_nothing_comes_from_elsewhere_and_no_module_is_needed(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    for source in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert not re.match(r"[a-z]+:|/", source), source
        if not source.startswith("#"):
            assert (folder / source).is_file(), source
    assert 'type="module"' not in page
    assert "<script>" not in page
    for path in (folder / "page").iterdir():
        if path.suffix in (".js", ".css"):
            text = path.read_text(encoding="utf-8")
            named = re.findall(r"https?://[^\s\"'`)]+", text)
            assert [url for url in named if "www.w3.org" not in url] == [], path.name
            assert "@import" not in text


def test_what_an_export_lacks_is_told(folder: Path) -> None:
    _, index = told(folder / "data" / "index.js")
    lacking = {entry["address"]: entry["sentence"] for entry in index["needs_server"]}
    assert lacking == dict(NEEDS_SERVER)
    assert {"api/check", "api/open", "api/export", "api/picture", "api/look"} <= set(lacking)
    assert all("server" in sentence or "alexnet" in sentence for sentence in lacking.values())


def test_what_is_carried_by_default_is_some_hundred_numbers_and_windows() -> None:
    numbers = [text for name in COMPARED for text in numbers_of(name)]
    assert 150 <= len(numbers) <= 500
    assert {"253440", "290400", "60 million", "650000", "622312"} <= set(numbers_of("paper"))
    assert WHOLE.windows is GRID
    assert set(range(216, 233)) | {7, 13, 27, 55} <= set(GRID["input"])
    assert set(GRID["kernel"]) >= {3, 5, 7, 11}
    assert pure("window", {k: str(v[0]) for k, v in GRID.items()}) is not None


def test_an_export_again_by_several_processes_writes_the_same(tmp_path: Path) -> None:
    least = Scope(networks=(), compared=(), windows=SMALL.windows, counted=False)
    first = {path: path.read_bytes() for path in export(tmp_path, least)}
    second = {path: path.read_bytes() for path in export(tmp_path, least, processes=2)}
    assert first == second


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit) as left:
        run(["explore", "--export", str(tmp_path / "file")])
    assert left.value.code == 2
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(["explore", "paper", "--export", str(tmp_path / "x")])
    assert "leave out" in capsys.readouterr().err


def test_a_folder_of_other_files_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("stays")
    with pytest.raises(SystemExit) as left:
        run(["explore", "--export", str(tmp_path)])
    assert left.value.code == 2
    assert f"{tmp_path}: holds files that are no export's" in capsys.readouterr().err
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.js").write_text("mine()")
    with pytest.raises(ValueError, match=r"index.js: is no export's"):
        export(tmp_path, EMPTY)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "index.js", "mine.txt"]


def test_an_export_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    def cut(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(tmp_path, EMPTY, progress=cut)
    assert export(tmp_path, EMPTY)[0].is_file()


def test_the_whole_export_is_small() -> None:
    """By its largest scripts of each kind, since to make all of them takes a minute."""
    sizes = {
        job: len(_script("alexnetAnswers", _part(job, WHOLE).answers))
        for job in [
            *(("network", name) for name in WHOLE.networks),
            *(("about", ""), ("story", ""), ("window", "224"), ("window", "7")),
            *(("compare", "paper"), ("claims", "paper"), ("number", "paper")),
        ]
    }
    assert sizes["window", "224"] >= sizes["window", "7"]
    times = {
        ("window", "224"): len(GRID["input"]) - 1,
        ("compare", "paper"): len(COMPARED),
        ("claims", "paper"): len(WHOLE.networks),
        ("number", "paper"): len(COMPARED),
    }
    page = sum(path.stat().st_size for path in PAGE.iterdir())
    assert page + sum(size * times.get(job, 1) for job, size in sizes.items()) < LARGEST
