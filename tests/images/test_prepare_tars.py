"""Walking a tar's headers finds what tarfile finds, and damage wherever it is."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.images import SourceError
from alexnet.images.preparing.tars import Member, read_slice, walk
from images.ilsvrc_files import tar_of

FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}
FILES = {"a.jpg": b"one", "folder/b": b"", "folder/c.JPEG": bytes(range(256)) * 4}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refusal(path: Path, inside: Member | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        list(walk(path, inside))
    return str(caught.value)


@pytest.mark.parametrize("format", FORMATS)
def test_every_file_is_found_with_its_bytes(format: str, tmp_path: Path) -> None:
    path = written(tmp_path / "x.tar", tar_of(FILES, FORMATS[format]))
    found = {one.name.decode(): read_slice(str(path), one.offset, one.size) for one in walk(path)}
    assert found == FILES


@pytest.mark.parametrize("format", ["gnu", "pax"])
def test_long_and_foreign_names_are_read(format: str, tmp_path: Path) -> None:
    files = {"x" * 300 + "/é.jpg": b"1", "short": b"2"}
    path = written(tmp_path / "x.tar", tar_of(files, FORMATS[format]))
    assert [one.name.decode() for one in walk(path)] == list(files)


def test_ustar_prefixes_are_read(tmp_path: Path) -> None:
    files = {"f" * 100 + "/" + "n" * 90: b"1"}
    path = written(tmp_path / "x.tar", tar_of(files, tarfile.USTAR_FORMAT))
    assert [one.name.decode() for one in walk(path)] == list(files)


def test_a_tar_inside_a_tar_is_read_where_it_lies(tmp_path: Path) -> None:
    path = written(tmp_path / "x.tar", tar_of({"first": b"0", "in.tar": tar_of(FILES)}))
    inner = next(one for one in walk(path) if one.name == b"in.tar")
    found = {one.name.decode(): read_slice(str(path), one.offset, one.size)
             for one in walk(path, inner)}  # fmt: skip
    assert found == FILES


def test_sizes_that_octal_has_no_room_for(tmp_path: Path) -> None:
    """A sparse file of 9 GiB: GNU tar writes its size as a binary number, pax as a record."""
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        entry = tarfile.TarInfo("large")
        entry.size = 9 * 2**30
        head = entry.tobuf(format)
        path = tmp_path / f"{format}.tar"
        with path.open("wb") as file:
            file.write(head)
            file.truncate(len(head) + entry.size + 1024)
        assert list(walk(path)) == [Member(b"large", len(head), entry.size)]


def test_folders_are_passed_over_and_links_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for kind, name in ((tarfile.DIRTYPE, "folder"), (tarfile.SYMTYPE, "folder/link")):
            entry = tarfile.TarInfo(name)
            entry.type = kind
            entry.linkname = "elsewhere"
            archive.addfile(entry)
    path = written(tmp_path / "x.tar", packed.getvalue())
    assert "at byte 512 of the file: folder/link is a link" in refusal(path)


@pytest.mark.parametrize(("pack", "kind"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_compressed_tars_are_refused(
    pack: Callable[[bytes], bytes], kind: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "x.tar", pack(tar_of(FILES)))
    assert f"x.tar: is compressed ({kind})" in refusal(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert "is no tar: its first 0 bytes" in refusal(written(tmp_path / "a", b""))
    assert "is no tar: its first 512" in refusal(written(tmp_path / "b", b"x" * 1024))
    assert "cannot be read" in refusal(tmp_path / "none")


@pytest.mark.parametrize("format", FORMATS)
def test_a_tar_cut_short_anywhere_is_refused_with_the_place(format: str, tmp_path: Path) -> None:
    whole = tar_of(FILES, FORMATS[format])
    end = max(
        one.offset + -(-one.size // 512) * 512 for one in walk(written(tmp_path / "w", whole))
    )
    for length in range(0, end + 512, 64):
        sentence = refusal(written(tmp_path / "x.tar", whole[:length]))
        assert "at byte" in sentence or "is no tar" in sentence, length
    assert len(list(walk(written(tmp_path / "x.tar", whole[: end + 512])))) == len(FILES)


@given(place=st.integers(0, 4095), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_in_a_files_bytes(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    whole = tar_of(FILES, tarfile.PAX_FORMAT)
    data = bytearray(whole)
    data[place % len(data)] ^= 1 << bit
    path = written(tmp_path_factory.mktemp("tar") / "x.tar", bytes(data))
    try:
        found = [one.name.decode() for one in walk(path)]
    except SourceError as error:
        assert str(path) in str(error)
    else:
        assert found == list(FILES)


def test_a_file_that_became_shorter_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b"12345")
    assert read_slice(str(path), 1, 3) == b"234"
    with pytest.raises(SourceError, match="ends before byte 6; it became shorter"):
        read_slice(str(path), 1, 5)
