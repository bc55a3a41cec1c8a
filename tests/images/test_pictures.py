"""A split becomes one array: in order, with the bad pictures named, and divided class by class."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.images import PictureError, SourceError, Split, hold_out, load, open_source, subset
from alexnet.images.pictures import _allocate
from alexnet.images.splits import whole


@dataclass(frozen=True)
class Numbered:
    """Pictures of one colour, their row number; the rows in `bad` cannot be decoded."""

    bad: frozenset[int] = frozenset()

    def name(self, row: int) -> str:
        return f"picture {row}"

    def read(self, row: int, channels: int) -> np.ndarray:
        if row in self.bad:
            raise PictureError(self.name(row), "is spoilt")
        return np.full((4 + row % 3, 5, channels), row % 256, dtype=np.uint8)


def numbered(count: int, bad: frozenset[int] = frozenset()) -> Split:
    return whole(("even", "odd"), np.arange(count) % 2, Numbered(bad))


def test_order_is_kept_whatever_the_number_of_threads() -> None:
    for workers in (1, 4):
        pictures = load(numbered(700), channels=3, side=4, workers=workers)
        assert pictures.images.shape == (700, 3, 4, 4)
        assert pictures.images.dtype == torch.uint8
        assert pictures.images[:, 0, 0, 0].tolist() == [row % 256 for row in range(700)]
        assert pictures.labels.tolist() == [row % 2 for row in range(700)]
        assert pictures.names[699] == "picture 699"


def test_rejected_pictures_are_named_and_left_out() -> None:
    bad = frozenset({0, 63, 64, 199})
    pictures = load(numbered(200, bad), channels=1, side=4)
    kept = [row for row in range(200) if row not in bad]
    assert len(pictures) == 196
    assert pictures.images[:, 0, 0, 0].tolist() == kept
    assert pictures.labels.tolist() == [row % 2 for row in kept]
    assert list(pictures.names) == [f"picture {row}" for row in kept]
    assert [(entry.name, entry.reason) for entry in pictures.rejected] == [
        (f"picture {row}", "is spoilt") for row in sorted(bad)
    ]


def test_where_every_picture_is_rejected_there_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"none of the 3 pictures.*picture 0, is spoilt"):
        load(numbered(3, frozenset(range(3))), channels=3, side=4)


def test_an_empty_split_gives_an_empty_set() -> None:
    pictures = load(numbered(0), channels=3, side=4)
    assert pictures.images.shape == (0, 3, 4, 4) and len(pictures) == 0


def test_progress_counts_up_to_all_on_the_calling_thread() -> None:
    calls: list[tuple[int, int, int]] = []
    load(
        numbered(150),
        channels=1,
        side=4,
        progress=lambda done, total: calls.append((done, total, threading.get_ident())),
    )
    assert [call[0] for call in calls] == [64, 128, 150]
    assert {call[1:] for call in calls} == {(150, threading.get_ident())}


def test_an_interrupted_load_stops_at_once() -> None:
    read: list[int] = []

    class Counting(Numbered):
        def read(self, row: int, channels: int) -> np.ndarray:
            read.append(row)
            return super().read(row, channels)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    many = whole(("only",), np.zeros(200_000), Counting())
    with pytest.raises(KeyboardInterrupt):
        load(many, channels=1, side=4, progress=interrupt)
    assert len(read) < 100_000


def test_above_the_memory_bound_pictures_lie_in_a_file_that_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    split = numbered(100, frozenset({7}))
    mapped = load(split, channels=3, side=8, memory_bound=1000)
    assert isinstance(_allocate((100, 3, 8, 8), memory_bound=1000), np.memmap)
    assert torch.equal(mapped.images, load(split, channels=3, side=8).images)
    del mapped
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_room_for_the_file_that_is_said(tmp_path: Path) -> None:
    huge = whole(("only",), np.zeros(1), Numbered())
    with pytest.raises(SourceError, match="no room for"):
        load(huge, channels=3, side=2**24, memory_bound=1000)


def test_subset_copies_in_the_order_asked_for() -> None:
    pictures = load(numbered(20), channels=1, side=4)
    part = subset(pictures, [5, 2, 2])
    assert part.images[:, 0, 0, 0].tolist() == [5, 2, 2]
    assert part.labels.tolist() == [1, 0, 0]
    assert part.names == ("picture 5", "picture 2", "picture 2")
    part.images.zero_()
    assert pictures.images[5].max() == 5


def test_hold_out_divides_each_class_by_the_seed() -> None:
    pictures = load(numbered(200), channels=1, side=4)
    train, validation = hold_out(pictures, 0.1, seed=3)
    assert (len(train), len(validation)) == (180, 20)
    assert validation.labels.bincount().tolist() == [10, 10]
    assert sorted(train.names + validation.names) == sorted(pictures.names)
    assert hold_out(pictures, 0.1, seed=3)[1].names == validation.names
    assert hold_out(pictures, 0.1, seed=4)[1].names != validation.names
    assert len(hold_out(pictures, 0.0, seed=3)[1]) == 0


def test_bad_files_of_a_folder_are_reported_by_path(
    tmp_path: Path, photograph: np.ndarray, encode: Callable[..., bytes]
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            (tmp_path / name / f"{number}.png").write_bytes(encode(photograph, "PNG"))
    (tmp_path / "cat" / "bad.jpg").write_bytes(b"")
    (tmp_path / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    source = open_source(str(tmp_path))
    loaded = [load(split, channels=3, side=16) for split in (source.train, source.test)]
    rejected = {Path(entry.name).name: entry.reason for part in loaded for entry in part.rejected}
    assert rejected["bad.jpg"] == "is empty (0 bytes)"
    assert "No such file" in rejected["gone.jpg"]
    assert sum(len(part) for part in loaded) == 8


def test_the_176_imagenet_pictures_all_load_at_256(shared_data: Path) -> None:
    source = open_source(str(shared_data / "imagenet-sample"))
    pictures = load(source.train, channels=3, side=256)
    assert pictures.images.shape == (176, 3, 256, 256)
    assert pictures.rejected == ()
    assert len(source.classes) == 176 and len(source.test) == 0
    assert "176 classes of a single picture" in source.note
