"""Names and paths become sources: digits, folders, and errors that say what would be right."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet.images import SourceError, open_source, user_data_folder
from alexnet.images.splits import divide


def write_picture(path: Path, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 6), colour).save(path)


def class_folders(root: Path, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        for number in range(size):
            write_picture(root / name / f"{number:02}.png")


def failure(data: str | Path, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(data), **options)
    return str(caught.value)


def test_digits_hold_out_the_last_writers() -> None:
    source = open_source("digits")
    assert (len(source.train), len(source.test)) == (1437, 360)
    assert source.classes == tuple("0123456789")
    assert source.train.labels[:5].tolist() == [0, 1, 2, 3, 4]
    picture = source.train.read(0, 1)
    assert picture.shape == (8, 8, 1) and picture.dtype == np.uint8
    assert picture[0, :4, 0].tolist() == [0, 0, 80, 207]  # 0, 0, 5, 13 of 16
    assert source.test.name(0) == "digits, picture 1437"
    assert source.train.read(0, 3).shape == (8, 8, 3)
    assert "file order" in source.note


def test_train_and_val_folders_are_the_splits(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"dog": 3, "ant": 2})
    class_folders(tmp_path / "val", {"dog": 2})
    source = open_source(str(tmp_path))
    assert source.classes == ("ant", "dog")
    assert source.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert source.test.labels.tolist() == [1, 1]
    assert source.test.name(1) == str(tmp_path / "val" / "dog" / "01.png")
    assert source.note == "train/ to learn from, val/ to be tested on"


def test_test_is_preferred_to_val_where_it_has_class_folders(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"a": 2})
    class_folders(tmp_path / "val", {"a": 1})
    class_folders(tmp_path / "test", {"a": 3})
    assert len(open_source(str(tmp_path)).test) == 3


def test_a_flat_test_folder_without_labels_is_passed_over(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"a": 2})
    class_folders(tmp_path / "validation", {"a": 1})
    write_picture(tmp_path / "test" / "0001.png")
    source = open_source(str(tmp_path))
    assert len(source.test) == 1 and "validation/" in source.note


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    class_folders(tmp_path, {"car": 5, "train": 5})
    assert open_source(str(tmp_path)).classes == ("car", "train")


def test_one_folder_is_split_class_by_class_by_the_seed(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 10, "b": 2, "c": 1})
    source = open_source(str(tmp_path), seed=0)
    assert np.bincount(source.train.labels).tolist() == [8, 1, 1]
    assert np.bincount(source.test.labels).tolist() == [2, 1]
    assert source.note == (
        "folder split by seed 0: 20% of each class held out; "
        "1 class of a single picture, kept for training"
    )
    names = {split.name(i) for split in (source.train, source.test) for i in range(len(split))}
    assert len(names) == 13
    again = open_source(str(tmp_path), seed=0)
    assert again.test.name(0) == source.test.name(0)
    tests = {open_source(str(tmp_path), seed=seed).test.name(0) for seed in range(8)}
    assert len(tests) > 1


def test_train_without_a_test_folder_is_split_by_the_seed(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"a": 10})
    source = open_source(str(tmp_path))
    assert (len(source.train), len(source.test)) == (8, 2)
    assert "no test/ or val/" in source.note


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.99])
def test_division_keeps_every_class_in_training(share: float) -> None:
    labels = np.repeat(np.arange(6), [1, 2, 3, 10, 50, 100])
    kept, held = divide(labels, share, seed=1)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert set(labels[kept]) == set(range(6))
    expected = [0, 1, 1, 1, 1, 1]
    if share:
        for n, count, least in zip(
            [1, 2, 3, 10, 50, 100], np.bincount(labels[held], minlength=6), expected, strict=True
        ):
            assert count == min(n - 1, max(least, int(share * n + 0.5)))
    else:
        assert len(held) == 0


def test_other_files_are_counted_and_hidden_ones_skipped(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 4, ".git": 2})
    write_picture(tmp_path / "a" / "LOUD.PNG")
    write_picture(tmp_path / "a" / "deeper" / "x.png")
    write_picture(tmp_path / "a" / ".hidden.png")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "README").write_text("x")
    (tmp_path / "empty").mkdir()
    source = open_source(str(tmp_path))
    assert len(source.train) + len(source.test) == 6
    assert source.note.endswith("2 other files left aside; no pictures in the folder empty")


def test_a_symlink_loop_ends(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 4})
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    source = open_source(str(tmp_path))
    assert len(source.train) + len(source.test) == 4


def test_a_pipe_called_jpg_does_not_hang(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 1})
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    source = open_source(str(tmp_path))
    indices = {
        Path(split.name(i)).name: (split, i)
        for split in (source.train, source.test)
        for i in range(len(split))
    }
    split, index = indices["pipe.jpg"]
    with pytest.raises(ValueError, match="not a regular file"):
        split.read(index, 3)


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 1})
    write_picture(tmp_path / "a" / os.fsdecode(b"\xff.png"))
    source = open_source(str(tmp_path))
    names = [split.name(i) for split in (source.train, source.test) for i in range(len(split))]
    assert any(name.encode().endswith(b"\\xff.png") for name in names)


def test_a_test_class_that_is_never_learnt_is_an_error(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"a": 2})
    class_folders(tmp_path / "val", {"a": 1, "zebra": 1})
    message = failure(tmp_path)
    assert "'zebra'" in message and str(tmp_path / "val") in message


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("x")
    message = failure(tmp_path)
    assert str(tmp_path) in message and "class folders" in message and ".jpeg" in message


def test_unknown_names_list_the_known_ones_and_the_nearest() -> None:
    assert "did you mean 'cifar10'?" in failure("CIFAR-10")
    assert "did you mean 'digits'?" in failure("digit")
    message = failure("/no/such/folder")
    assert "'/no/such/folder'" in message and "(cifar10, digits)" in message


@pytest.mark.parametrize("data", ["", "a\0b", "x" * 5000, "~nobody-of-that-name/x"])
def test_impossible_paths_are_unknown_names(data: str) -> None:
    assert "neither a file or folder that exists nor a known name" in failure(data)


def test_a_file_that_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("x")
    assert re.search(r"notes\.txt: .*\.parquet", failure(path))


def test_cifar10_that_is_nowhere_says_which_files_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    message = failure("cifar10", data_folder=tmp_path)
    assert str(tmp_path / "cifar10") in message
    assert str(user_data_folder() / "alexnet" / "cifar10") in message
    for file in ("train-00000-of-00001.parquet", "cifar-10-python.tar.gz", "data_batch_1"):
        assert file in message


def test_cifar10_may_be_class_folders(tmp_path: Path) -> None:
    from alexnet.images.cifar import CLASSES

    for split in ("train", "test"):
        class_folders(tmp_path / "cifar10" / split, dict.fromkeys(CLASSES, 1))
    source = open_source("cifar10", data_folder=tmp_path)
    assert (source.name, source.classes) == ("cifar10", CLASSES)


def test_another_set_in_the_cifar10_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    class_folders(tmp_path / "cifar10", {"a": 2, "b": 2})
    assert "not CIFAR-10's" in failure("cifar10", data_folder=tmp_path)


def test_the_user_data_folder_of_each_platform() -> None:
    home = Path("/home/u")

    def folder(platform: str, **environ: str) -> str:
        return user_data_folder(platform=platform, environ=environ, home=home).as_posix()

    assert folder("linux") == "/home/u/.local/share"
    assert folder("linux", XDG_DATA_HOME="/data") == "/data"
    assert folder("linux", XDG_DATA_HOME="not/absolute") == "/home/u/.local/share"
    assert folder("darwin") == "/home/u/Library/Application Support"
    assert folder("win32", LOCALAPPDATA="/appdata") == "/appdata"
    assert folder("win32") == "/home/u/AppData/Local"


def test_pictures_are_read_with_the_channels_asked_for(
    tmp_path: Path, photograph: np.ndarray, encode: Callable[..., bytes]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(encode(photograph, "PNG"))
    split = open_source(str(tmp_path)).train
    np.testing.assert_array_equal(split.read(0, 3), photograph)
    assert split.read(0, 1).shape == (40, 56, 1)
