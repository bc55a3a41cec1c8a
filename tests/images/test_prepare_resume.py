"""Preparing goes on after any interruption, and ends with the same bytes as without one."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet.images.names import Names
from alexnet.images.preparing import PrepareError, Settings, prepare
from alexnet.images.preparing.shards import Job
from alexnet.images.preparing.workers import write_shards
from alexnet.images.store import StoreError, open_store
from images.ilsvrc_files import SIDE, Miniature, miniature, write_tars

SETTINGS = Settings(side=SIDE, shard_pictures=20)


@pytest.fixture(scope="module")
def year() -> Miniature:
    return miniature()


@pytest.fixture(scope="module")
def tars(year: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tars(tmp_path_factory.mktemp("source") / "ILSVRC", year)


def go(tars: Path, out: Path, settings: Settings = SETTINGS, workers: int = 1) -> None:
    prepare(str(tars), out, settings=settings, workers=workers)


def checksums(folder: Path) -> dict[str, str]:
    """Of every file, hidden ones included."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


@pytest.fixture(scope="module")
def undisturbed(tars: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed") / "store"
    go(tars, out)
    return checksums(out)


def cut_off(patch: pytest.MonkeyPatch, at: int) -> None:
    """Stops the process's work, as Ctrl-C does, when its `at`-th file is to take its name."""
    left, real = [at], Path.replace

    def replace(source: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return real(source, target)

    patch.setattr(Path, "replace", replace)


def test_cut_off_at_every_file_it_comes_to_the_same(
    tars: Path, undisturbed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 0
    for at in range(1, 100):
        out = tmp_path / str(at)
        with monkeypatch.context() as patch:
            cut_off(patch, at)
            try:
                go(tars, out)
                break
            except KeyboardInterrupt:
                pass
        if at > 1:  # the first file is the manifest
            with pytest.raises(StoreError, match="incomplete; the command that began it goes on"):
                open_store(out)
        go(tars, out)
        assert checksums(out) == undisturbed, at
    # the manifest begun, three files for each of four shards, statistics, rejected, the manifest
    assert at == 1 + 3 * 4 + 3 + 1


def test_killed_in_the_middle_of_a_shard_it_comes_to_the_same(
    tars: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "store"
    program = f"""
import os, signal
from pathlib import Path
from alexnet.images.preparing import Settings, prepare, shards
encode, count = shards.encode, [0]
def killed(pixels, quality):
    count[0] += 1
    if count[0] == 25:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(pixels, quality)
shards.encode = killed
prepare({str(tars)!r}, Path({str(out)!r}), settings={SETTINGS!r}, workers=1)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    left = {path.name for path in out.iterdir()}
    assert "train-00000.finished" in left and "train-00001.finished" not in left
    assert any(name.endswith(".partial") for name in left)
    go(tars, out)
    assert checksums(out) == undisturbed


def test_many_workers_come_to_the_same_as_one(
    tars: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    go(tars, tmp_path / "store", workers=2)
    assert checksums(tmp_path / "store") == undisturbed


def test_progress_begins_where_it_was_cut_off(
    tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_off(patch, 5)  # the manifest begun, a shard's three files, and one of the next
        with pytest.raises(KeyboardInterrupt):
            go(tars, tmp_path / "store")
    steps: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        steps.append((done, total))

    prepare(str(tars), tmp_path / "store", settings=SETTINGS, workers=1, progress=watch)
    assert steps == [(20, 45), (35, 45), (42, 45), (45, 45)]


def test_a_complete_store_is_left_as_it_is(tars: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    go(tars, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    (out / "train-00000.finished").write_bytes(b"of a run that was killed while it swept")
    go(tars, out)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"side": 8}, "its side is 16, not 8"),
        ({"quality": None}, "its encoding is jpeg, not raw"),
        ({"quality": 90}, "its quality is 95, not 90"),
        ({"seed": 1}, "its seed is 0, not 1"),
    ],
)
def test_other_settings_are_refused(
    change: dict[str, int | None], sentence: str, tars: Path, tmp_path: Path
) -> None:
    go(tars, tmp_path / "store")
    with pytest.raises(PrepareError) as caught:
        go(tars, tmp_path / "store", replace(SETTINGS, **change))
    assert sentence in str(caught.value) and "or a new folder" in str(caught.value)


def test_another_source_is_refused(year: Miniature, tmp_path: Path) -> None:
    tars = write_tars(tmp_path / "ILSVRC", year)
    go(tars, tmp_path / "store")
    write_tars(tmp_path / "ILSVRC", replace(year, test=[]))
    with pytest.raises(PrepareError, match="the source has other pictures, or other lengths"):
        go(tars, tmp_path / "store")


def test_a_folder_of_other_files_and_a_file_are_refused(tars: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(PrepareError, match=r"holds other files \(thesis.tex\); give a new folder"):
        go(tars, tmp_path)
    with pytest.raises(PrepareError, match="thesis.tex: is no folder; give a new one"):
        go(tars, tmp_path / "thesis.tex")


def test_a_store_inside_its_source_is_refused(tars: Path) -> None:
    for out in (tars, tars / "store", tars / "a" / ".." / "b"):
        with pytest.raises(PrepareError, match="lies in the source, .*; give a folder outside it"):
            go(tars, out)
    assert not (tars / "store").exists()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full (no space left on device); the store is incomplete"),
        (errno.EROFS, "cannot be written to (read-only file system); give a folder that can"),
        (errno.EIO, "cannot be written (input/output error); the store is incomplete"),
    ],
)
def test_a_full_or_closed_disk_is_a_sentence_and_the_store_goes_on(
    number: int,
    sentence: str,
    tars: Path,
    undisturbed: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "store"

    def fail(job: Job) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("alexnet.images.preparing.workers.write_shard", fail)
        with pytest.raises(PrepareError) as caught:
            go(tars, out)
    assert sentence in str(caught.value)
    with pytest.raises(StoreError, match="incomplete"):
        open_store(out)
    go(tars, out)
    assert checksums(out) == undisturbed


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")
def test_two_commands_do_not_write_to_one_folder(tars: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "store"
    out.mkdir()
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(PrepareError, match="another 'alexnet prepare' is at work there"):
        go(tars, out)
    os.close(handle)
    go(tars, out)


class Deadly:
    """Pictures that end the process which reads them."""

    names = Names.of([b"a", b"b"])

    def part(self, rows: np.ndarray) -> Deadly:
        return self

    def read(self, row: int) -> bytes:
        os._exit(9)

    def mark(self) -> bytes:
        return b""


def test_a_worker_that_dies_is_an_error_and_not_a_hang(tmp_path: Path) -> None:
    job = Job(tmp_path, "train-00000", "train", Deadly(), np.zeros(2, np.int64), 8, 95, False)
    with pytest.raises(PrepareError, match="a worker ended abruptly"):
        list(write_shards([job], 2))
