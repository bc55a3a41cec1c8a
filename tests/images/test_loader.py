"""Pictures of a store while one learns: the same in whatever order and by however many processes;
what becomes of damage, of processes that die, and of those that are left.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.images import PictureSet, load, views
from alexnet.images.blocks import BLOCK
from alexnet.images.learnable import (
    channel_statistics,
    colour_components,
    decoded,
    hold_out,
    mean_image,
    sample,
)
from alexnet.images.loader import Loader
from alexnet.images.pictures import hold_out as hold_out_decoded
from alexnet.images.readers import ReadingError
from alexnet.images.splits import SourceError
from alexnet.images.store import Store, read_store
from images.stores import SIDE, store_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("jpeg"), raw=False)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("raw"), raw=True)


@pytest.fixture(autouse=True)
def few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few blocks that a reading of some hundred pictures goes round them several times."""
    monkeypatch.setattr("alexnet.images.readers.AHEAD", 4 * BLOCK)


def loader(store: Store, workers: int, channels: int = 3, side: int = SIDE) -> Loader:
    return Loader(store, channels=channels, side=side, workers=workers)


def up_front(store: Store, channels: int = 3, side: int = SIDE) -> PictureSet:
    return load(store.splits["train"], channels=channels, side=side)


def copied(store: Store, folder: Path) -> Store:
    """The same store elsewhere, to be damaged."""
    for path in store.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return read_store(folder)


@pytest.mark.parametrize("workers", [0, 3])
def test_pictures_are_those_decoded_up_front(store: Store, workers: int) -> None:
    known = up_front(store).images
    order = torch.randint(len(known), (400,), generator=torch.Generator().manual_seed(1))
    with loader(store, workers) as opened:
        pictures = opened.pictures("train")
        assert tuple(pictures.images.shape) == tuple(known.shape)
        with pictures.reading(order[33:]):  # as a run does that goes on within an epoch
            place = 33
            for count in (16, 1, 100, 0, 7, 128, 64, 51):
                chosen = order[place : place + count]
                assert torch.equal(pictures.images[chosen], known[chosen])
                place += count
        assert place == 400


def test_what_was_not_announced_is_read_all_the_same(store: Store) -> None:
    known, every = up_front(store).images, torch.arange(90)
    with loader(store, 1) as opened:
        pictures, test = opened.pictures("train"), opened.pictures("test")
        with pictures.reading(every):
            assert torch.equal(pictures.images[:20], known[:20])
            assert torch.equal(pictures.images[torch.tensor([3, 3, 89])], known[[3, 3, 89]])
            assert torch.equal(
                test.images[20:40], load(test.split, channels=3, side=SIDE).images[20:]
            )
            assert torch.equal(pictures.images[20:40], known[20:40])  # the reading went on
            with test.reading(every[:31]):
                assert len(test.images[:16]) == 16
                assert torch.equal(pictures.images[40:60], known[40:60])
        assert torch.equal(pictures.images[-1], known[-1])
        assert torch.equal(pictures.images[5], known[5])


def test_grey_and_other_sides_are_what_load_makes_of_them(store: Store) -> None:
    for channels, side in ((1, SIDE), (3, 9), (1, 20)):
        known, every = up_front(store, channels, side).images, torch.arange(90)
        with loader(store, 0, channels, side) as opened:
            pictures = opened.pictures("train")
            with pictures.reading(every):
                assert torch.equal(pictures.images[every], known)


def test_labels_names_and_parts_are_those_of_the_split(store: Store) -> None:
    known = up_front(store)
    pictures = loader(store, 0).pictures("train")
    assert torch.equal(pictures.labels, known.labels)
    assert (pictures.names, pictures.classes) == (known.names, known.classes)
    assert pictures.names[-1] == known.names[-1] and pictures.names != known.names[1:]
    kept, held = hold_out(pictures, 0.2, 7)
    for part, same in zip((kept, held), hold_out_decoded(known, 0.2, 7), strict=True):
        assert torch.equal(part.images[:], same.images)
        assert torch.equal(part.labels, same.labels)
        assert part.names == same.names
    with pytest.raises(SourceError, match="has no split 'val'; it has train, test"):
        loader(store, 0).pictures("val")


def test_all_of_them_a_few_at_a_time_are_all_of_them(store: Store) -> None:
    known = up_front(store)
    pictures = loader(store, 0).pictures("train")
    parts = list(decoded(pictures, most=40))
    assert [len(part) for part in parts] == [40, 40, 10]
    assert torch.equal(torch.cat([part.images for part in parts]), known.images)
    assert torch.equal(torch.cat([part.labels for part in parts]), known.labels)
    assert sum((part.names for part in parts), ()) == known.names
    assert list(decoded(known)) == [known] == [sample(known)]
    assert torch.equal(sample(pictures).images, known.images[:1])
    assert len(sample(pictures.part(np.arange(0)))) == 0


def test_the_statistics_are_the_stores_and_right(store: Store, raw: Store) -> None:
    known, pictures = up_front(raw), loader(raw, 0).pictures("train")
    assert torch.equal(mean_image(pictures), views.mean_image(known.images))
    assert torch.equal(mean_image(pictures), mean_image(known))
    for one, other in zip(channel_statistics(pictures), channel_statistics(known), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(colour_components(pictures), colour_components(known), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        assert one.stride() == other.stride()
    # those of the pixels before they were encoded, of all of the pictures
    part = loader(store, 0).pictures("train").part(np.arange(3))
    assert torch.equal(mean_image(part), mean_image(known))


@pytest.mark.parametrize(("channels", "side"), [(1, SIDE), (3, SIDE - 2)])
def test_statistics_of_other_pictures_are_not_made_up(raw: Store, channels: int, side: int) -> None:
    pictures = loader(raw, 0, channels, side).pictures("train")
    with pytest.raises(SourceError, match=f"store: knows the mean .* of {SIDE} pixels, and not of"):
        mean_image(pictures)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_record_is_named(store: Store, tmp_path: Path, workers: int) -> None:
    damaged = copied(store, tmp_path)
    place = tmp_path / "train-00002.records"
    records = damaged.splits["train"].records
    row = 2 * 20 + 7  # record 7 of the third shard
    data = bytearray(place.read_bytes())
    begin = int(records.offsets[row])  # type: ignore[attr-defined]
    data[begin : begin + 40] = bytes(40)
    place.write_bytes(data)
    sentence = rf"^{place}, record 7: .*; 'alexnet prepare --verify' lists all damage$"
    with loader(damaged, workers) as opened:
        pictures, every = opened.pictures("train"), torch.arange(90)
        with pictures.reading(every):
            assert torch.equal(pictures.images[:40], up_front(store).images[:40])
            with pytest.raises(ReadingError, match=sentence):
                pictures.images[40:56]
        assert multiprocessing.active_children() == []
        with pictures.reading(every[48:]):  # the rest of the store is none the worse
            assert len(pictures.images[48:]) == 42


def test_a_process_that_is_killed_is_an_error_and_no_wait(store: Store) -> None:
    with loader(store, 2) as opened:
        pictures, every = opened.pictures("train"), torch.arange(90).repeat(4)
        with pictures.reading(every):
            pictures.images[every[:16]]
            victim = multiprocessing.active_children()[0]
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)
            with pytest.raises(ReadingError, match=r"train-0000\d.records, record .*SIGKILL"):
                for start in range(16, 360, 16):
                    pictures.images[every[start : start + 16]]
        assert multiprocessing.active_children() == []
        with pictures.reading(every):  # started anew
            assert len(pictures.images[every[:16]]) == 16
            for process in multiprocessing.active_children():
                process.kill()
                process.join()
        # whoever needs nothing more of them is not troubled
    assert multiprocessing.active_children() == []


def test_a_shard_that_is_cut_short_meanwhile_is_named(raw: Store, tmp_path: Path) -> None:
    cut = copied(raw, tmp_path)
    os.truncate(tmp_path / "train-00001.records", 100)
    with loader(cut, 1) as opened:
        pictures, every = opened.pictures("train"), torch.arange(90)
        with (
            pictures.reading(every),
            pytest.raises(ReadingError, match=r"train-0000[01].records, record "),
        ):
            for start in range(0, 90, 16):
                pictures.images[every[start : start + 16]]


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from alexnet.images.readers import Reading, Readers
from alexnet.images.store import read_store
def note(*_):
    print("noted", flush=True)
if __name__ == "__main__":
    # a shell that starts the tests in the background has its children ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    store = read_store(Path(sys.argv[1]))
    if sys.argv[2] == "noted":
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGTERM, note)
    readers = Readers([store.splits["train"].records], channels=3, side=12, workers=1)
    rows = np.arange(90).repeat(100)
    readers.begin(Reading(0, rows))
    print(*(worker.process.pid for worker in readers._workers), flush=True)
    if sys.argv[2] == "forgotten":
        sys.exit(3)
    time.sleep(0 if sys.argv[2] == "noted" else 60)
    for start in range(0, len(rows), 16):
        readers.images(0, rows[start : start + 16])
        if start == 3200:
            print("half", flush=True)
            time.sleep(0.5)
    readers.close()
"""


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2]
    except OSError:
        return False
    return not state.startswith("Z")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("end", ["noted", "interrupted", "killed", "forgotten"])
def test_no_process_outlives_its_parent(store: Store, tmp_path: Path, end: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM, encoding="utf-8")
    shared = set(Path("/dev/shm").glob("*"))
    command = [sys.executable, str(script), str(store.folder), end]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 1
        match end:
            case "noted":  # as Ctrl-C does: to all of them; the parent notes it and goes on
                for number in (signal.SIGINT, signal.SIGTERM):
                    os.killpg(parent.pid, number)
                    assert parent.stdout.readline() == "noted\n"
                assert parent.stdout.readline() == "half\n"
                os.killpg(parent.pid, signal.SIGINT)
            case "interrupted":
                os.killpg(parent.pid, signal.SIGINT)
            case "killed":
                parent.kill()
            case _:
                pass
        _, said = parent.communicate(timeout=60)
    expected = {"noted": 0, "interrupted": -signal.SIGINT, "killed": -signal.SIGKILL}
    assert parent.returncode == expected.get(end, 3), said
    assert said.count("Traceback") == (end == "interrupted"), said
    until = time.monotonic() + 30
    while any(running(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(running(pid) for pid in workers)
    assert set(Path("/dev/shm").glob("*")) <= shared
