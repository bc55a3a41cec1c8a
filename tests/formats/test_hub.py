"""Folders as the hub has them: what is in them, that they read back, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.formats import Beside, Checkpoint, FormatError, read, safetensors
from alexnet.formats.hub import CARD, CONFIG, FILES, FORMAT, PREPROCESSOR, WEIGHTS, write_hub
from alexnet.network.contract import InputContract
from alexnet.network.ledger import ledger
from formats.small import arrays, checkpoint
from formats.variants_shown import CAFFES, TORCHVISIONS, checkpoint_of, shown
from reduced import reduced


def same(one: Checkpoint, other: Checkpoint) -> bool:
    assert one.mean_image is not None and other.mean_image is not None
    return (
        (one.network, one.contract, one.classes, one.notes)
        == (other.network, other.contract, other.classes, other.notes)
        and all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())
        and np.array_equal(one.mean_image, other.mean_image)
    )


def tree(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_folder_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_hub(checkpoint(), tmp_path / "net")
    assert [path.name for path in written.files] == list(FILES)
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == sorted(FILES)
    assert same(read(tmp_path / "net"), checkpoint())
    assert "mean image" in written.notes[0]
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"


def test_the_configuration_says_what_the_hub_asks_for(tmp_path: Path) -> None:
    write_hub(checkpoint(), tmp_path / "net")
    found = tree(tmp_path / "net" / CONFIG)
    assert found["model_type"] == "alexnet" and found["architectures"] == ["AlexNet"]
    assert found["num_labels"] == len(found["id2label"]) == 3
    assert found["id2label"] == {"0": "cat", "1": "Hündin", "2": "船"}
    assert found["label2id"] == {"cat": 0, "Hündin": 1, "船": 2}
    assert (found["num_channels"], found["image_size"]) == (3, 6)


GREY = InputContract(channel_order="grey", pixel_maximum=1.0, mean=(0.2,), deviation=(0.5,))
SCALAR = InputContract(channel_order="RGB", pixel_maximum=255.0, mean=(120.0,), border_pixels=4)


@pytest.mark.parametrize(
    ("contract", "name"),
    [(CAFFES, "caffe"), (TORCHVISIONS, "one_weird_trick"), (GREY, "tiny"), (SCALAR, "18pct")],
)
def test_the_preprocessor_makes_of_pictures_what_the_contract_says(
    contract: InputContract, name: str, tmp_path: Path
) -> None:
    one = checkpoint_of(reduced(name), contract)
    write_hub(one, tmp_path / "net")
    said = tree(tmp_path / "net" / PREPROCESSOR)
    _, height, width = one.network.picture.shape
    assert said["crop_size"] == {"height": height, "width": width}
    assert said["size"] == {"shortest_edge": height + 2 * contract.border_pixels}
    shape = (2, *one.network.picture.shape)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    made = images * said["rescale_factor"]
    if said["do_normalize"]:
        made = (made - np.reshape(said["image_mean"], (-1, 1, 1))) / np.reshape(
            said["image_std"], (-1, 1, 1)
        )
    if said["do_flip_channel_order"]:
        made = made[:, ::-1]
    np.testing.assert_allclose(made, shown(one, images), rtol=1e-9, atol=1e-9)


def test_the_card_has_the_ledgers_numbers_and_the_notes(tmp_path: Path) -> None:
    hostile = replace(checkpoint(), notes=("a | note <script>\n# of others",))
    write_hub(hostile, tmp_path / "net")
    card = (tmp_path / "net" / CARD).read_text(encoding="utf-8")
    sums = ledger(checkpoint().network).total
    assert f"{sums.parameters:,} parameters" in card
    assert f"{sums.multiply_adds:,} multiply-adds" in card
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card.splitlines()
        if line.startswith("| ")
    ]
    body = rows[2:-1]
    for place, total in ((3, sums.neurons), (4, sums.parameters), (5, sums.multiply_adds)):
        printed = [int(row[place].replace(",", "")) for row in body if row[place]]
        assert sum(printed) == total == int(rows[-1][place].replace(",", ""))
    assert r"- a \| note &lt;script> # of others" in card
    assert card.startswith("---\nlibrary_name: alexnet\n")
    assert 'read("net")' in card and "alexnet predict net picture.jpg" in card


def test_a_folder_is_replaced_by_a_newer_one_and_by_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    write_hub(checkpoint(), folder)
    write_hub(replace(checkpoint(), notes=("newer",)), folder)
    assert read(folder).notes == ("newer",)
    (folder / "mine.txt").write_text("precious")
    with pytest.raises(FormatError, match=r"holds 'mine.txt', which is no part of such a folder"):
        write_hub(checkpoint(), folder)
    assert read(folder).notes == ("newer",)
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="is a file; name a folder"):
        write_hub(checkpoint(), tmp_path / "file")
    with pytest.raises(FormatError, match="cannot be written"):
        write_hub(checkpoint(), tmp_path / "no" / "where")
    other = tmp_path / "other"
    other.mkdir()
    (other / CONFIG).write_text('{"model_type": "vit"}')
    with pytest.raises(FormatError, match="files of another make"):
        write_hub(checkpoint(), other)


def test_a_failure_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "net"
    write_hub(checkpoint(), folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alexnet.formats.hub._json", full)
    with pytest.raises(FormatError, match="No space left"):
        write_hub(replace(checkpoint(), notes=("newer",)), folder)
    assert same(read(folder), checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


class Killed(BaseException):
    """What no handler catches."""


@pytest.mark.parametrize("moved", range(len(FILES)))
def test_a_folder_keeps_its_name_and_whole_files_wherever_it_is_interrupted(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = tmp_path / "net", [moved]
    newer = {name: array + 1 for name, array in arrays().items()}
    write_hub(checkpoint(), folder)
    move, rename = Path.replace, Path.rename

    def interrupted(source: Path, to: Path) -> Path:
        if folder in (source, to, to.parent):
            if not left[0]:
                raise Killed
            left[0] -= 1
        return (rename if source.is_dir() else move)(source, to)

    monkeypatch.setattr(Path, "replace", interrupted)
    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(Killed):
        write_hub(replace(checkpoint(), arrays=newer), folder)
    monkeypatch.undo()
    found = read(folder)
    kept = newer if moved else arrays()
    assert all(np.array_equal(array, kept[name]) for name, array in found.arrays.items())
    write_hub(replace(checkpoint(), notes=("newer",)), folder)
    assert read(folder).notes == ("newer",)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    write_hub(checkpoint(), tmp_path / "net")
    assert same(read(tmp_path / "net"), checkpoint())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.__setitem__("num_labels", 4), "num_labels is 4 there and 3 here"),
        (
            lambda t: t["contract"].__setitem__("channel_order", "BGR"),
            r'contract.channel_order is "BGR" there and "RGB" here',
        ),
        (
            lambda t: t["network"]["layers"][2].__setitem__("filters", 5),
            "network.layers.2.filters is 5 there and 4 here",
        ),
        (lambda t: t.pop("id2label"), "id2label is null there"),
        (lambda t: t.__setitem__("format", "other"), r"is of another make \(\"alexnet\"\)"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused(change: Any, why: str, tmp_path: Path) -> None:
    write_hub(checkpoint(), tmp_path / "net")
    said = tree(tmp_path / "net" / CONFIG)
    change(said)
    (tmp_path / "net" / CONFIG).write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(FormatError, match=why) as raised:
        read(tmp_path / "net")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is not JSON"), (b"[1]", "holds no object"), (b"[" * 200_000, "is not JSON"),
     (b"\xff\xfe", "is not JSON"), (b" " * (16 * 2**20 + 1), "is larger than")],
)  # fmt: skip
def test_a_configuration_that_is_none_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    write_hub(checkpoint(), tmp_path / "net")
    (tmp_path / "net" / CONFIG).write_bytes(content)
    with pytest.raises(FormatError, match=why):
        read(tmp_path / "net")


def test_a_folder_without_its_weights_is_refused(tmp_path: Path) -> None:
    write_hub(checkpoint(), tmp_path / "net")
    (tmp_path / "net" / WEIGHTS).unlink()
    with pytest.raises(FormatError, match=WEIGHTS):
        read(tmp_path / "net")


# --- safetensors of other programs ----------------------------------------------------------------


def test_bare_safetensors_are_read_as_state_dicts_are(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "theirs.safetensors"
    save_file(arrays(), path)
    with pytest.raises(FormatError, match="4 arrays of unknown make"):
        read(path)
    found = read(path, beside=Beside(network=checkpoint().network))
    assert all(np.array_equal(found.arrays[name], array) for name, array in arrays().items())
    safetensors.write(checkpoint(), path)
    with pytest.raises(FormatError, match="says its own network; name none"):
        read(path, beside=Beside(network=checkpoint().network))


def test_arrays_of_bare_files_are_taken_in_the_order_in_which_people_count() -> None:
    from alexnet.formats.arrays_in_order import naturally

    names = ["a.10.weight", "a.2.bias", "a.2.weight", "b.weight", "a.10.bias", "bias", "weight"]
    assert naturally(names) == [
        *("weight", "bias", "a.2.weight", "a.2.bias", "a.10.weight", "a.10.bias", "b.weight"),
    ]  # fmt: skip


def test_the_format_is_the_tables() -> None:
    assert FORMAT.suffixes == () and FORMAT.write is write_hub
    assert re.fullmatch(r"[a-z ]+", FORMAT.name)
