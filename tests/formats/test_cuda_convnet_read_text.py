"""The text of definition and parameter files, as Python 2's ConfigParser had it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.document import Document
from alexnet.formats.cuda_convnet.parsing import MOST_CHARACTERS, parse_document, read_text
from alexnet.formats.cuda_convnet.settings import Budget, Settings


def parse(text: str) -> Document:
    return parse_document(text, "x.cfg")


def values(text: str) -> dict[str, str]:
    """The values of the first section."""
    return {key: entry.value for key, entry in parse(text).sections[0].entries.items()}


def settings(text: str) -> Settings:
    document = parse(text)
    section = document.sections[-1]
    return Settings(document.where, section, section.entries, document.defaults, Budget())


def test_keys_are_alike_in_any_case_and_with_either_sign() -> None:
    text = "[a]\nFilterSize=11\nINITW : 0.01\n  \nx = = 1\n"
    assert values(text) == {"filtersize": "11", "initw": "0.01", "x": "= 1"}


def test_places_are_lines() -> None:
    document = parse("# note\n\n[a]\nx=1\n\n[b c]\ny=2\n")
    assert [(s.name, s.line) for s in document.sections] == [("a", 3), ("b c", 6)]
    assert document.sections[1].entries["y"].line == 7
    assert document.notes == ()


def test_comments() -> None:
    text = '; x=0\n#x=0\nREM x=0\n[a] ; first\nx=1 ; 2\ny=1;2\nz=\nw=""\nv=; nothing\n'
    assert values(text) == {"x": "1", "y": "1;2", "z": "", "w": "", "v": ""}
    assert values("[a]\nx=dexp[base=0.1 ;tgtFactor=2]\n") == {"x": "dexp[base=0.1 ;tgtFactor=2]"}


def test_a_hash_behind_a_value_is_noted() -> None:
    document = parse("[a]\nx=1 # was 2\ny=a#b\n")
    assert [e.value for e in document.sections[0].entries.values()] == ["1", "a#b"]
    assert "line 2" in document.notes[0] and "'#'" in document.notes[0]


def test_indented_lines_go_on_with_the_value_above() -> None:
    assert values("[a]\ninputs=one,\n\ttwo,\n  three\nx=1\n") == {
        "inputs": "one,\ntwo,\nthree",
        "x": "1",
    }
    assert settings("[a]\ninputs=one,\n two\n").texts("inputs") == ("one", "two")
    many = values("[a]\nschedW=dexp[tgtFactor=250,\n noiseStdev=0,\n numSteps=4]\n")
    assert many == {"schedw": "dexp[tgtFactor=250,\nnoiseStdev=0,\nnumSteps=4]"}


def test_indented_keys_sections_and_comments_are_read_and_noted() -> None:
    document = parse("[a]\n x=1\n  y=2\n  # z=3\n [b]\n z=4\n")
    assert [s.name for s in document.sections] == ["a", "b"]
    assert {k: e.value for k, e in document.sections[0].entries.items()} == {"x": "1", "y": "2"}
    assert any("indented lines" in note for note in document.notes)
    assert any("indented comments" in note for note in document.notes)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line(end: str) -> None:
    document = parse("\ufeff[a]\nx=1\ny=2\n".replace("\n", end))
    assert {k: e.value for k, e in document.sections[0].entries.items()} == {"x": "1", "y": "2"}
    assert document.sections[0].entries["y"].line == 3


def test_an_empty_file_has_no_sections() -> None:
    assert parse("").sections == parse("\n# note\n").sections == ()


def test_text_before_the_first_section_is_skipped_and_quoted() -> None:
    document = parse("as I said\nx=1\n[a]\ny=2\n")
    assert [s.name for s in document.sections] == ["a"]
    (note,) = document.notes
    assert "'as I said' (line 1), 'x=1' (line 2)" in note


def test_letters_before_the_first_name_are_skipped() -> None:
    document = parse("ano[conv1a]\nepsW=0.001\n")
    assert document.sections[0].name == "conv1a"
    assert document.notes == ("'ano' before the first section's name is skipped",)


def test_a_file_that_stands_twice_is_read_once() -> None:
    text = "[a]\nx=1\n[b]\ny=2\n"
    document = parse(text + text)
    assert [s.name for s in document.sections] == ["a", "b"]
    assert document.notes == ("sections that stand twice, alike, are read once: a, b",)


def test_a_section_that_stands_twice_and_differs_has_the_later_values() -> None:
    document = parse("[a]\nx=1\ny=1\n[a]\nx=2\n")
    assert {k: e.value for k, e in document.sections[0].entries.items()} == {"x": "2", "y": "1"}
    assert document.notes == (
        "sections that stand twice and differ have the later values: [a] from line 4 (x)",
    )


def test_a_section_may_go_on_later() -> None:
    document = parse("[a]\nx=1\n[a]\nquantF=half\n")
    assert {k: e.value for k, e in document.sections[0].entries.items()} == {
        "x": "1",
        "quantf": "half",
    }
    assert document.notes == ("sections that stand twice are read as one with all their keys: a",)


def test_a_key_that_stands_twice_has_the_later_value() -> None:
    document = parse("[a]\nx=1\nX=2\n")
    assert document.sections[0].entries["x"].value == "2"
    assert document.notes == (
        "keys that stand twice in a section have the later value: 'x' of [a] (line 3)",
    )


def test_defaults_hold_for_every_section() -> None:
    document = parse("[DEFAULT]\ninitW=0.01\n[a]\nx=1\n")
    assert [s.name for s in document.sections] == ["a"]
    assert document.defaults["initw"].value == "0.01"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[a\nx=1\n", r"x\.cfg:1: '\[a' opens a section name and lacks its '\]'"),
        ("[a]\nx=1\njust words\n", r"x\.cfg:3: \[a\] has 'just words', which is no key=value"),
        ("[ ]\n", "has 1 to 100 characters"),
        (f"[{'n' * 101}]\n", "this has 101"),
        ("".join(f"[a{i}]\n" for i in range(401)), "more than 400 sections"),
        ("x" * (MOST_CHARACTERS + 1), "is longer than"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        parse(text)


def test_values_may_name_one_another() -> None:
    text = "[DEFAULT]\nbase=0.1\n[a]\nsize=5\nboth=%(SIZE)s,%(size)s\nx=%(both)s %% %(base)s\n"
    found = settings(text)
    assert found.text("x") == "5,5 % 0.1"
    assert found.wholes("both", 2, False) == (5, 5)
    assert settings("[a]\nx=%(__name__)s\n").text("x") == "a"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x=%(y)s\n", "the section has no key 'y' to put in"),
        ("x=5%\n", "'%' must be followed by"),
        ("x=%(x)s\n", "more than 10 deep"),
        ("x=%(y)s%(y)s\ny=%(x)s%(x)s\n", "more than 10 deep"),
        (
            "x=%(a)s%(a)s\n"
            + "".join(f"{k}={f'%({n})s' * 60}\n" for k, n in zip("abcde", "bcdef", strict=True))
            + "f=1\n",
            "grow without end",
        ),
        ("x=" + "y" * 5000 + "\n", "longer than 4096"),
    ],
    ids=["missing", "bare", "itself", "circle", "explosion", "long"],
)
def test_values_that_name_no_value_are_refused(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why) as raised:
        settings(f"[a]\n{text}").text("x")
    assert str(raised.value).startswith("x.cfg:2, [a]: x is '")


def test_files_are_utf_8_or_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "x.cfg"
    for data in ("# Müller\n[a]\n".encode("utf-8-sig"), "# Müller\n[a]\n".encode("latin-1")):
        path.write_bytes(data)
        assert read_text(path) == "# Müller\n[a]\n"


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.cfg"
    path.write_bytes("[a]\n".encode("utf-16"))
    with pytest.raises(FormatError, match="holds zero bytes"):
        read_text(path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_text(tmp_path)
    with pytest.raises(FormatError, match="No such file"):
        read_text(tmp_path / "none.cfg")


@pytest.mark.parametrize(
    ("text", "ask", "why"),
    [
        ("x=1.5", "whole", "must be a whole number from 0 to 1000000"),
        ("x=1000000000000", "whole", "must be a whole number"),
        ("x=1_000", "whole", "must be a whole number"),
        ("x=" + "9" * 4000, "whole", "must be a whole number"),
        ("x=nan", "number", "must be a number"),
        ("x=1e400", "number", "must be a number"),
        ("x=1e99999", "number", "must be a number"),
        ("x=maybe", "flag", "true or false"),
        ("y=1", "number", "the key x is missing"),
    ],
)
def test_wrong_values_name_their_place(text: str, ask: str, why: str) -> None:
    with pytest.raises(FormatError, match=why) as raised:
        getattr(settings(f"[a]\n{text}\n"), ask)("x")
    assert str(raised.value).startswith("x.cfg:")


def test_lists_have_one_value_for_each_input() -> None:
    found = settings("[a]\nx=1, 2,3\ny=7\nz=1,0,True\n")
    assert found.wholes("x", 3, False) == (1, 2, 3)
    assert found.wholes("y", 3, True) == (7, 7, 7)
    assert found.flags("z", 3, False, False) == (True, False, True)
    assert found.numbers("w", 2, False, 0.5) == (0.5, 0.5)
    with pytest.raises(FormatError, match="y is '7'; it has 1 value and the layer has 3 inputs"):
        found.wholes("y", 3, False)
    with pytest.raises(FormatError, match="a list of 1 or 0"):
        settings("[a]\nx=yes\n").flags("x", 1, False, False)
    with pytest.raises(FormatError, match="it has 65 parts; there may be 64"):
        settings("[a]\nx=" + "1," * 64 + "1\n").wholes("x", 65, False)
