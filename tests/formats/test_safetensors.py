"""Our own format: lossless, written atomically, and damaged files refused with one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from alexnet.formats import Checkpoint, FormatError, read, write
from alexnet.formats.safetensors import MARK
from formats.small import arrays, checkpoint


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(one: Checkpoint, other: Checkpoint) -> bool:
    assert one.training is not None
    assert other.training is not None
    pairs = [
        (one.arrays, other.arrays),
        (one.training.velocities, other.training.velocities),
        ({"mean": one.mean_image}, {"mean": other.mean_image}),
    ]
    return (
        (one.network, one.contract, one.classes, one.notes)
        == (other.network, other.contract, other.classes, other.notes)
        and one.training.progress == other.training.progress
        and all(
            a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a) for a, b in pairs
        )
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    write(checkpoint(), path)
    assert same(read(path), checkpoint())
    assert read(path).network.name == "small"
    assert names(tmp_path) == ["run.safetensors"]


def test_arrays_in_another_memory_order_are_written_as_they_read(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    turned = {name: np.asfortranarray(array) for name, array in arrays().items()}
    write(replace(checkpoint(), arrays=turned), path)
    assert same(read(path), checkpoint())


def test_the_weights_open_in_any_program_under_their_names(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    write(replace(checkpoint(), training=None), path)
    assert set(load_file(path)) == {*arrays(), "input:mean_image"}
    assert read(path).training is None


@pytest.mark.parametrize("failing", ["fsync", "replace", "save_file"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "run.safetensors"
    write(checkpoint(seed=1), path)

    def fail(*_: object, **__: object) -> None:
        raise error

    target = {"fsync": "os.fsync", "replace": "pathlib.Path.replace"}
    monkeypatch.setattr(target.get(failing, "alexnet.formats.safetensors.save_file"), fail)
    with pytest.raises(FormatError if isinstance(error, OSError) else KeyboardInterrupt):
        write(checkpoint(seed=2), path)
    monkeypatch.undo()
    assert names(tmp_path) == ["run.safetensors"]
    assert same(read(path), checkpoint(seed=1))


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        write(checkpoint(), tmp_path / "nowhere" / "run.safetensors")


def test_every_truncated_file_is_refused(tmp_path: Path) -> None:
    path, cut = tmp_path / "run.safetensors", tmp_path / "cut.safetensors"
    write(checkpoint(), path)
    whole = path.read_bytes()
    lengths = [*range(64), *range(64, len(whole), 97), len(whole) - 1]
    for length in lengths:
        cut.write_bytes(whole[:length])
        with pytest.raises(FormatError, match="cut.safetensors"):
            read(cut)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(FormatError):
        read(cut)


def test_every_changed_byte_of_the_header_is_survived(tmp_path: Path) -> None:
    path, spoilt = tmp_path / "run.safetensors", tmp_path / "spoilt.safetensors"
    write(checkpoint(), path)
    whole = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(whole[:8], "little")
    for place in range(0, end, 3):
        for change in (0x01, 0x80):
            changed = bytearray(whole)
            changed[place] ^= change
            spoilt.write_bytes(changed)
            try:
                read(spoilt)
            except FormatError as error:
                assert "\n" not in str(error)


def altered(path: Path, **changes: str | None) -> None:
    """Rewrites the header's entries; None takes one out."""
    tensors = load_file(path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"] | changes
    save_file(tensors, path, metadata={k: v for k, v in header.items() if v is not None})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "other/1"}, f"without '{MARK}' in its header"),
        ({"network": "{"}, "not JSON"),
        ({"network": None}, "network"),
        ({"contract": None}, "lacks 'contract'"),
        ({"contract": '{"channel_order": "RBG", "pixel_maximum": 1}'}, "RGB, BGR, grey"),
        ({"contract": '{"channel_order": "RGB", "pixel_maximum": 7}'}, "must be 1 or 255"),
        ({"contract": '{"channel_order": "RGB", "pixel_maximum": 1}'}, "mean image is there"),
        ({"classes": "[1]"}, "must be a text"),
        ({"notes": "[" * 100_000}, "not JSON"),
        ({"progress": "3"}, "must be an object"),
        ({"progress": None}, "holds velocities"),
    ],
)
def test_a_wrong_header_is_said(tmp_path: Path, changes: dict[str, str | None], why: str) -> None:
    path = tmp_path / "run.safetensors"
    write(checkpoint(), path)
    altered(path, **changes)
    with pytest.raises(FormatError, match=why) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))


def test_claims_beyond_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    claim = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(claim).encode()
    for length in (len(text), 2**62):
        path.write_bytes(length.to_bytes(8, "little") + text)
        with pytest.raises(FormatError, match="no whole safetensors file"):
            read(path)


def test_weights_that_are_not_finite_are_read_and_noted_once(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    spoilt = arrays()
    spoilt["fc2.bias"][:2] = np.nan, np.inf
    write(replace(checkpoint(), arrays=spoilt), path)
    note = "'fc2.bias' holds 2 numbers that are not finite"
    assert read(path).notes == ("a note", note)
    write(read(path), path)
    assert read(path).notes == ("a note", note)


def test_other_types_of_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    write(checkpoint(), path)
    tensors = load_file(path)
    tensors["conv1.bias"] = tensors["conv1.bias"].astype(np.int32)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    save_file(tensors, path, metadata=header)
    with pytest.raises(FormatError, match="'conv1.bias' holds I32"):
        read(path)


def test_files_of_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read(tmp_path / "nothing.safetensors")
    with pytest.raises(FormatError, match="no format that is known"):
        read(tmp_path)
    (tmp_path / "text").write_text("hello, world")
    with pytest.raises(FormatError, match="no format that is known"):
        read(tmp_path / "text")
    with pytest.raises(FormatError, match="must be one of .safetensors"):
        write(checkpoint(), tmp_path / "run.zip")


def test_a_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    write(checkpoint(), tmp_path / "run.safetensors")
    (tmp_path / "run.safetensors").rename(tmp_path / "run")
    assert same(read(tmp_path / "run"), checkpoint())
