"""Files of torch.save: both forms are read as torch reads them; hostile and damaged ones get one
sentence and run nothing.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.formats import Beside, FormatError, safetensors
from alexnet.formats.cuda_convnet import model_file
from alexnet.formats.torchvision import read, recognise
from alexnet.formats.torchvision.torch_file import read_state
from formats.small import NETWORK, arrays, checkpoint

OLD = {"_use_new_zipfile_serialization": False}
FORMS = pytest.mark.parametrize("form", [{}, OLD], ids=["zip", "pickles"])


def state() -> OrderedDict[str, torch.Tensor]:
    found = nn.ParameterDict().state_dict()  # with the attributes that torch gives one
    for name, array in arrays().items():
        found[name] = torch.from_numpy(array)
    return found


def saved(content: object, **form: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **form)
    return file.getvalue()


def laid(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    return path


# --- what is sound --------------------------------------------------------------------------------


@FORMS
def test_tensors_of_every_kind_come_back_as_torch_saved_them(
    form: dict[str, bool], tmp_path: Path
) -> None:
    base = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    content = OrderedDict(
        float=base,
        double=base.double(),
        half=base.half(),
        parameter=nn.Parameter(base),
        turned=base.T,
        part=base[1:3, ::2],
        one=base[2, 3],
        shared=base.view(24),
        channels_last=torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    )
    found = read_state(laid(tmp_path, saved(content, **form)))
    assert list(found.arrays) == list(content) and found.notes == ()
    for name, tensor in content.items():
        expected = tensor.detach().numpy()
        assert found.arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(found.arrays[name], expected)


@FORMS
def test_bfloat16_is_widened_without_a_loss(form: dict[str, bool], tmp_path: Path) -> None:
    tensor = torch.randn(3, 5).bfloat16()
    found = read_state(laid(tmp_path, saved({"a": tensor}, **form)))
    assert found.arrays["a"].dtype == np.float32
    np.testing.assert_array_equal(found.arrays["a"], tensor.float().numpy())
    assert found.notes == ("1 arrays of bfloat16 are read as float32, which holds them exactly",)


@FORMS
def test_what_was_read_stays_when_the_file_is_written_over(
    form: dict[str, bool], tmp_path: Path
) -> None:
    path = laid(tmp_path, saved({"a": torch.ones(3, 5)}, **form))
    found = read_state(path)
    path.write_bytes(saved({"a": torch.zeros(3, 5)}, **form))  # into the same file
    assert (found.arrays["a"] == 1).all()
    path.write_bytes(b"")  # where a view of it would end the process
    assert (found.arrays["a"] == 1).all()


@FORMS
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_many_names_of_one_storage_take_its_memory_once(
    kind: torch.dtype, form: dict[str, bool], tmp_path: Path
) -> None:
    tensor = torch.ones(2**16, dtype=kind)
    path = laid(tmp_path, saved({f"a{i}": tensor for i in range(1000)}, **form))
    tracemalloc.start()
    found = read_state(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.arrays) == 1000 and peak < 2**23


def test_tensors_to_be_negated_or_conjugated_are_refused(tmp_path: Path) -> None:
    """torch keeps the imaginary part of a conjugate as it was, and says beside that it is −x."""
    tensor = torch.imag(torch.full((2,), 1 + 3j).conj())
    assert tensor.is_neg() and tensor.tolist() == [-3, -3]
    said = refused(tmp_path, saved({"a": tensor}))
    assert "a tensor whose numbers are still to be negated or conjugated" in said


@FORMS
def test_a_training_scripts_checkpoint_is_unwrapped_and_said(
    form: dict[str, bool], tmp_path: Path
) -> None:
    spread = OrderedDict((f"module.{name}", tensor) for name, tensor in state().items())
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], momentum=0.9)
    content = {"epoch": 3, "state_dict": spread, "optimizer": optimizer.state_dict()}
    found = read(laid(tmp_path, saved(content, **form)), Beside(network=NETWORK))
    assert all(np.array_equal(found.arrays[name], array) for name, array in arrays().items())
    assert found.notes[:2] == (
        "'state_dict' is read of a checkpoint that also holds epoch, optimizer",
        "'module.' in the names, which DataParallel puts there, is left out",
    )


def test_the_part_that_data_parallel_spreads_may_be_in_the_middle(tmp_path: Path) -> None:
    content = {"features.module.0.weight": torch.zeros(1), "classifier.1.weight": torch.zeros(1)}
    found = read_state(laid(tmp_path, saved(content)))
    assert list(found.arrays) == ["features.0.weight", "classifier.1.weight"]


def test_big_endian_files_of_todays_form_are_read(tmp_path: Path) -> None:
    content = rezipped(
        saved({"a": torch.tensor([1.0, 2.0])}),
        lambda name, data: (
            b"big" if name.endswith("byteorder") else data[::-1] if "/data/" in name else data
        ),
    )
    assert read_state(laid(tmp_path, content)).arrays["a"].tolist() == [2.0, 1.0]


def test_numbers_that_are_not_finite_are_noted(tmp_path: Path) -> None:
    content = state()
    content["fc2.bias"][:2] = torch.tensor([float("nan"), float("inf")])
    notes = read(laid(tmp_path, saved(content)), Beside(network=NETWORK)).notes
    assert notes[-1] == "'fc2.bias' holds 2 numbers that are not finite"


@FORMS
def test_only_torchs_files_are_recognised(form: dict[str, bool], tmp_path: Path) -> None:
    content = saved(state(), **form)
    assert recognise(content, "anything")
    assert not safetensors.recognise(content, "a.pth")
    assert not model_file.recognise(content, "a.pth")
    assert not recognise(b"\x80\x02}q\x01(U\x0bmodel_stateq\x02", "50.1")
    assert not recognise(pickle.dumps({"a": 1}), "a.pth")
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    assert not recognise((tmp_path / "a.npz").read_bytes(), "a.npz")
    safetensors.write(checkpoint(), tmp_path / "a.safetensors")
    assert not recognise((tmp_path / "a.safetensors").read_bytes(), "a.safetensors")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("train/cat/1.jpg", b"")
    assert not recognise((tmp_path / "pictures.zip").read_bytes(), "pictures.zip")


# --- what is not ----------------------------------------------------------------------------------


def refused(tmp_path: Path, content: bytes) -> str:
    """The one sentence that the file gets."""
    path = laid(tmp_path, content)
    with pytest.raises(FormatError) as raised:
        read(path, Beside(network=NETWORK))
    said = str(raised.value)
    assert said.startswith(str(path)) and "\n" not in said and len(said) < 700
    return said.removeprefix(str(path))


class Attack:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.parts


@FORMS
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (Attack(os.system, "touch hit"), f"{os.name}.system"),
        ({"a": {"b": [Attack(eval, "1")]}}, "__builtin__.eval"),
        ({"a": torch.zeros(1), "b": Attack(print, "hit")}, "__builtin__.print"),
        (Attack(torch.load, "a.pth"), "torch.serialization.load"),
        (nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (torch.device("cpu"), "torch.device"),
    ],
    ids=["os", "nested", "beside", "torch", "module", "device"],
)
def test_what_asks_for_more_is_refused(
    form: dict[str, bool],
    content: object,
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(tmp_path, saved(content, **form))
    assert what in said or "a whole module with its source code" in said
    assert "save model.state_dict() instead" in said
    assert not (tmp_path / "hit").exists()


@FORMS
@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([torch.zeros(2)], "holds a list of 1; a state dict is read"),
        ({}, "holds a dict of 0; a state dict is read"),
        ({"a": torch.zeros(1), "b": 3}, "holds 3 under 'b'"),
        ({"a": torch.zeros(2, dtype=torch.int64)}, "'a' holds i8; weights are floating-point"),
        ({"a": torch.zeros(0, 3)}, "'a' holds no numbers"),
        ({"a": torch.zeros(1).expand(5)}, "a tensor 5 in a storage of 1 numbers"),
    ],
)
def test_what_is_no_state_dict_is_said(
    form: dict[str, bool], content: object, what: str, tmp_path: Path
) -> None:
    assert what in refused(tmp_path, saved(content, **form))


def test_batch_normalisation_is_refused_by_name(tmp_path: Path) -> None:
    features = [nn.Conv2d(1, 1, 1) for _ in range(8)]
    module = nn.ModuleDict(
        {"features": nn.Sequential(*features, nn.BatchNorm2d(1)), "classifier": nn.Linear(1, 1)}
    )
    said = refused(tmp_path, saved(module.state_dict()))
    assert "'features.8.running_mean' belongs to a batch normalisation, as vgg11_bn has it" in said


def test_programs_of_torchscript_are_refused(tmp_path: Path) -> None:
    content = rezipped(saved(state()), more={"archive/constants.pkl": b"N."})
    assert "is a program of TorchScript; save model.state_dict()" in refused(tmp_path, content)


@FORMS
def test_every_truncated_file_is_refused(form: dict[str, bool], tmp_path: Path) -> None:
    whole = saved(state(), **form)
    for fiftieth in range(50):
        refused(tmp_path, whole[: len(whole) * fiftieth // 50])
    refused(tmp_path, whole[:-1])
    refused(tmp_path, whole + b"\0")


@FORMS
def test_every_changed_byte_is_survived(form: dict[str, bool], tmp_path: Path) -> None:
    whole = saved(state(), **form)
    read_again = 0
    for place in range(0, len(whole), 13):
        changed = bytearray(whole)
        changed[place] ^= 0x80 if place % 2 else 0x01
        try:
            read(laid(tmp_path, bytes(changed)), Beside(network=NETWORK))
            read_again += 1
        except FormatError as error:
            assert "\n" not in str(error)
    assert 0 < read_again < len(whole) / 13  # a changed weight is only another weight


# --- pickles made by hand -------------------------------------------------------------------------


def tensor(
    *, count: int = 6, offset: int = 0, shape: object = (2, 3), strides: object = (3, 1)
) -> bytes:
    """The pickle of {"a": tensor} with these claims, protocol 2."""
    body = b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n("
    body += b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    body += piece(count) + b"tQ" + piece(offset) + piece(shape) + piece(strides)
    return body + b"\x89}tRs."


def piece(value: object) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def archive(pickled: bytes, numbers: bytes = bytes(24)) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a/data.pkl", pickled)
        made.writestr("a/data/0", numbers)
    return file.getvalue()


def test_the_pickle_made_by_hand_is_sound_where_its_claims_are(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="<f4")
    found = read_state(laid(tmp_path, archive(tensor(), numbers.tobytes())))
    assert found.arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("claims", "what"),
    [
        ({"shape": (2**40, 2**40), "strides": (1, 1)}, "in a storage of 6 numbers"),
        ({"shape": (2**40,), "strides": (0,)}, "a tensor 1099511627776 in a storage of 6"),
        ({"offset": 1}, "a tensor 2x3 in a storage of 6 numbers"),
        ({"offset": -1}, "whose place or shape is"),
        ({"offset": 2**70}, "whose place or shape is"),
        ({"strides": (3, 2)}, "a tensor 2x3 in a storage of 6 numbers"),
        ({"strides": (-3, 1)}, "whose place or shape is"),
        ({"strides": (1,)}, "a tensor of 2 dimensions with 1 strides"),
        ({"shape": (True, 3)}, "whose place or shape is"),
        ({"shape": [2, 3]}, "a tensor over"),
        ({"shape": (1,) * 40, "strides": (1,) * 40}, "a tensor of 40 dimensions"),
        ({"count": 2**45}, "take 24 bytes; 35,184,372,088,832 of f4 take"),
        ({"count": 7}, "take 24 bytes; 7 of f4 take 28"),
        ({"count": -1}, "a storage of"),
    ],
)
def test_claims_beyond_the_storage_are_refused(
    claims: dict[str, object], what: str, tmp_path: Path
) -> None:
    assert what in refused(tmp_path, archive(tensor(**claims)))  # pyright: ignore


def test_what_would_grow_without_end_is_not_walked(tmp_path: Path) -> None:
    fold = b"".join(b"(" + bytes([ord("h"), n]) * 10 + b"lq" + bytes([n + 1]) for n in range(60))
    tree = b"\x80\x02]q\x00" + fold + b"."  # lists of ten lists each, sixty deep: 10^60 leaves
    assert "a state dict is read" in refused(tmp_path, archive(tree))
    itself = b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
    assert "holds a dict of 1 under 'a'" in refused(tmp_path, archive(itself))


@pytest.mark.parametrize(
    ("pickled", "what"),
    [
        (b"\x80\x02X" + struct.pack("<I", 2**31) + b".", "it is cut short"),
        (b"\x80\x02\x8b" + struct.pack("<I", 2**31) + b".", "announces a number of"),
        (b"\x80\x02}" + b"r" + struct.pack("<I", 2**32 - 1) + b".", "keeps a value as number"),
        (b"\x80\x04" + b"\x8f" * 100_000 + b".", "would take more than"),
        (b"\x80\x02" + b"(" * 2**24 + b".", "has 16,777,219 bytes; 16,777,216 is the most"),
    ],
    ids=["text", "number", "memo", "sets", "marks"],
)
def test_bombs_are_refused_before_they_grow(pickled: bytes, what: str, tmp_path: Path) -> None:
    assert what in refused(tmp_path, archive(pickled))


# --- zip files made by hand -----------------------------------------------------------------------


def rezipped(
    whole: bytes,
    change: Callable[[str, bytes], bytes] = lambda _, data: data,
    *,
    rename: Callable[[str], str] = lambda name: name,
    method: int = zipfile.ZIP_STORED,
    more: dict[str, bytes] | None = None,
) -> bytes:
    """The archive's members, put together again by another program."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(file, "w", method) as new:
        for name in old.namelist():
            new.writestr(rename(name), change(name, old.read(name)))
        for name, data in (more or {}).items():
            new.writestr(name, data)
    return file.getvalue()


def test_what_another_program_zipped_without_packing_is_read(tmp_path: Path) -> None:
    path = laid(tmp_path, rezipped(saved(state())))
    assert list(read_state(path).arrays) == list(arrays())


def test_packed_members_are_refused(tmp_path: Path) -> None:
    packed = rezipped(saved(state()), method=zipfile.ZIP_DEFLATED)
    assert "is packed; torch packs nothing" in refused(tmp_path, packed)
    bomb = rezipped(
        saved(state()), more={"archive/data/9": bytes(2**24)}, method=zipfile.ZIP_DEFLATED
    )
    assert len(bomb) < 2**17 and "is packed; torch packs nothing" in refused(tmp_path, bomb)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "c:/a", "..\\a", "a/.."])
def test_names_that_lead_outside_are_refused(name: str, tmp_path: Path) -> None:
    content = rezipped(saved(state()), more={name: b""})
    said = refused(tmp_path, content)
    assert "which leads out of the file" in said


def test_members_outside_the_root_or_twice_are_refused(tmp_path: Path) -> None:
    outside = rezipped(saved(state()), more={"other/a": b""})
    assert "'other/a' lies outside 'archive/'" in refused(tmp_path, outside)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = rezipped(saved(state()), more={"archive/data.pkl": b"N."})
    assert "two members are called 'archive/data.pkl'" in refused(tmp_path, twice)
    second = rezipped(saved(state()), more={"archive/b/data.pkl": b"N."})
    assert list(read_state(laid(tmp_path, second)).arrays) == list(arrays())
    lost = rezipped(saved(state()), rename=lambda name: name.replace("/data/0", "/data/x"))
    assert "lacks the numbers 'archive/data/0'" in refused(tmp_path, lost)


def entry(content: bytes, name: bytes) -> int:
    """Where the directory's entry for a member begins."""
    return content.rindex(name) - 46


@pytest.mark.parametrize(
    ("offset", "value", "what"),
    [
        (8, struct.pack("<H", 1), "packed by method 0, or encrypted"),
        (10, struct.pack("<H", 12), "packed by method 12, or encrypted"),
        (20, struct.pack("<I", 5), "is stored and has two sizes"),
        (20, struct.pack("<II", 2**31, 2**31), "reaches beyond the members"),
        (20, struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF), "lacks its 64-bit size"),
        (42, struct.pack("<I", 0), "contradicts the directory"),
        (42, struct.pack("<I", 2**31), "lies beyond the members"),
        (0, b"PK\x03\x04", "an entry of its directory is none"),
    ],
)
def test_a_directory_that_lies_is_refused(
    offset: int, value: bytes, what: str, tmp_path: Path
) -> None:
    content = bytearray(rezipped(saved(state())))
    at = entry(bytes(content), b"archive/data/1") + offset
    content[at : at + len(value)] = value
    assert what in refused(tmp_path, bytes(content))


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    content = bytearray(rezipped(saved(state())))
    begins = content.index(b"archive/data/1") - 30  # swallowed by the member before it
    at = entry(bytes(content), b"archive/data/0")
    start = content.index(b"archive/data/0") - 30
    size = begins - start
    content[at + 20 : at + 28] = struct.pack("<II", size, size)
    assert "overlaps the member before it" in refused(tmp_path, bytes(content))


def test_a_64_bit_directory_that_contradicts_is_refused(tmp_path: Path) -> None:
    whole = bytearray(saved(state()))
    at = whole.rindex(b"PK\x06\x06")
    for place, value in ((24, 9), (32, 9), (40, 2**62), (48, 2**62)):
        changed = whole.copy()
        changed[at + place : at + place + 8] = struct.pack("<Q", value)
        assert "director" in refused(tmp_path, bytes(changed))
    whole[at + 78 - 14 : at + 78 - 6] = struct.pack("<Q", 2**62)
    assert "64-bit directory is not where it says" in refused(tmp_path, bytes(whole))


def test_nothing_and_a_folder_are_said(tmp_path: Path) -> None:
    assert "empty or no regular file" in refused(tmp_path, b"")
    with pytest.raises(FormatError, match="cannot be read"):
        read(tmp_path / "nothing.pth")
