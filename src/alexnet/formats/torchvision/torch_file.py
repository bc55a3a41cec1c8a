"""Files of torch.save, read without torch: the zip file of today and the row of pickles that it was
before. What they hold is named tensors; which network these belong to is not said here.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.formats.archive import Member, mapped, members, shown
from alexnet.formats.checkpoint import Array, FormatError
from alexnet.formats.safe_pickle import (
    Record,
    is_dict,
    is_list,
    is_tuple,
    load,
    load_first,
    text,
    told,
)
from alexnet.formats.torchvision.tensors import (
    FOREIGN,
    INERT,
    WIDTHS,
    Storage,
    Tensor,
    array_of,
    check_real,
    numbers_of,
)

MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""What the first of the old form's pickles holds (torch/serialization.py, MAGIC_NUMBER)."""

PROTOCOL = 1001

PICKLED = 2**24
"""Bytes that the pickles may take; those of a state dict take some thousands."""

LARGEST_COUNT = 2**48

WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state"),
    *("model", "net", "network", "weights"),
)
"""What checkpoints of training scripts call the state dict among the rest."""

PARALLEL = re.compile(r"(^|\.)module\.")
"""What DataParallel puts into names: before all (`module.features.0.weight`), or before those of
the part it spreads (`features.module.0.weight`, as in pytorch/examples, imagenet/main.py)."""


@dataclass(frozen=True, slots=True)
class State:
    """A state dict: arrays by name, in order, and what was done to find them."""

    arrays: Mapping[str, Array] = field(repr=False)
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where storages lie: each by its key, with its start; and the order of their bytes."""

    starts: Mapping[str, int]
    order: str


def recognise(head: bytes, name: str) -> bool:
    """Whether a file is torch's, from its first bytes and its name."""
    if head[:4] == b"PK\x03\x04":
        size = int.from_bytes(head[26:28], "little")
        return head[30 : 30 + size].endswith(b"/data.pkl") or name.endswith((".pth", ".pt"))
    return MAGIC in head[:32]


def read_state(path: Path) -> State:
    """The state dict in a file of torch.save; every storage is copied once, whatever views it.

    Checksums of storages are not compared: torch compares none, and writes files without.

    Raises:
        FormatError: damaged, asking to run something, or holding no state dict.
    """
    data = mapped(path)
    if data[:4] == b"PK\x03\x04":
        content, place = _from_zip(data, path)
    else:
        content, place = _from_pickles(data, path)
    tensors, notes = _state_dict(content, path)
    arrays: dict[str, Array] = {}
    loaded: dict[str, Array] = {}
    widened = 0
    for name, tensor in tensors.items():
        where = f"{path}: {shown(name)}"
        if tensor.storage.code in ("i8", "i4", "b1", "u1", "i1", "i2") and _counts(name):
            continue
        check_real(tensor, where)
        storage = tensor.storage
        if storage.key not in loaded:
            start = place.starts[storage.key]
            loaded[storage.key] = numbers_of(storage, data, start, place.order)
        arrays[name] = array_of(tensor, loaded[storage.key])
        widened += storage.code == "bf16"
    if widened:
        notes.append(f"{widened} arrays of bfloat16 are read as float32, which holds them exactly")
    return State(arrays, tuple(notes))


def _counts(name: str) -> bool:
    """Whether an array only counts batches, as batch normalisation does; its kin are refused."""
    return name.endswith("num_batches_tracked")


# --- the zip file ---------------------------------------------------------------------------------


def _from_zip(data: mmap.mmap, path: Path) -> tuple[object, _Place]:
    found = members(data, path)
    pickles = [name for name in found if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise FormatError(f"{path}: is a zip file without one '<name>/data.pkl', as torch writes")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in found:
        raise FormatError(
            f"{path}: is a program of TorchScript; save model.state_dict() with torch.save instead"
        )
    for name, member in found.items():
        if member.packed:
            raise FormatError(f"{path}: {shown(name)} is packed; torch packs nothing")
        if not name.startswith(root):
            raise FormatError(f"{path}: {shown(name)} lies outside '{root}', where torch puts all")
    order = _byte_order(data, found.get(f"{root}byteorder"), path)
    where = f"{path}: '{pickles[0]}'"
    if found[pickles[0]].size > PICKLED:
        raise FormatError(f"{where} has {found[pickles[0]].size:,} bytes; {PICKLED:,} is the most")
    content = load(_bytes(data, found[pickles[0]]), where, inert=INERT, foreign=FOREIGN)
    starts: dict[str, int] = {}
    for storage in _storages(content, path):
        member = found.get(f"{root}data/{storage.key}")
        if member is None:
            raise FormatError(f"{path}: lacks the numbers '{root}data/{shown(storage.key)[1:]}")
        _same_size(storage, member.size, path)
        starts[storage.key] = member.start
    return content, _Place(starts, order)


def _bytes(data: mmap.mmap, member: Member) -> bytes:
    return data[member.start : member.stop]


def _byte_order(data: mmap.mmap, member: Member | None, path: Path) -> str:
    """Files without the entry are older than torch 2.1 and little-endian."""
    said = b"little" if member is None else data[member.start : min(member.stop, member.start + 9)]
    if said not in (b"little", b"big"):
        raise FormatError(f"{path}: its byte order is {said!r}; it must be little or big")
    return "<" if said == b"little" else ">"


# --- the row of pickles ---------------------------------------------------------------------------


def _from_pickles(data: mmap.mmap, path: Path) -> tuple[object, _Place]:
    """Magic number, protocol, about the system, the content, keys; then the numbers (little-endian
    whatever the system; torch/csrc/serialization.cpp).
    """
    head = data[: min(len(data), PICKLED)]
    at = 0
    values: list[object] = []
    for index in range(5):
        foreign = FOREIGN if index == 3 else None
        where = f"{path}: the pickle from byte {at:,}"
        value, size = load_first(head[at:], where, inert=INERT, foreign=foreign)
        values.append(value)
        at += size
        if index == 1 and value != PROTOCOL:
            raise FormatError(f"{path}: says protocol {told(value)}; {PROTOCOL} is read")
    keys = values[4]
    if not is_list(keys):
        raise FormatError(f"{path}: its list of storages is {told(keys)}")
    return values[3], _Place(_rows(data, at, keys, values[3], path), "<")


def _rows(
    data: mmap.mmap, at: int, keys: list[object], content: object, path: Path
) -> dict[str, int]:
    """Where each storage begins: eight bytes say how many numbers it has, and they follow."""
    storages = {storage.key: storage for storage in _storages(content, path)}
    starts: dict[str, int] = {}
    for value in keys:
        key = text(value)
        storage = storages.get(key) if key is not None else None
        if key is None or storage is None or key in starts:
            raise FormatError(f"{path}: holds the numbers {told(value)}, which no tensor has")
        count = int.from_bytes(data[at : at + 8], "little")
        if at + 8 > len(data) or count > LARGEST_COUNT:
            raise FormatError(f"{path}: is cut short before the numbers {told(value)}")
        _same_size(storage, count * WIDTHS[storage.code], path)
        starts[key] = at + 8
        at += 8 + count * WIDTHS[storage.code]
        if at > len(data):
            raise FormatError(f"{path}: is cut short within the numbers {told(value)}")
    if at != len(data):
        raise FormatError(f"{path}: {len(data) - at:,} bytes follow its last numbers")
    missing = next((key for key in storages if key not in starts), None)
    if missing is not None:
        raise FormatError(f"{path}: lacks the numbers {told(missing)}")
    return starts


# --- what the pickle holds ------------------------------------------------------------------------


def _storages(content: object, path: Path) -> list[Storage]:
    """Every storage in the content, each key once; what is met again is not walked again."""
    waiting, seen, found = [content], set[int](), dict[str, Storage]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            known = found.setdefault(value.storage.key, value.storage)
            if known != value.storage:
                raise FormatError(
                    f"{path}: the numbers {told(known.key)} are of two kinds or lengths"
                )
        elif id(value) not in seen:
            if isinstance(value, Record):
                waiting += value.attributes.values()
            elif is_dict(value):
                waiting += value.values()
            elif is_list(value) or is_tuple(value):
                waiting += value
            else:
                continue
            seen.add(id(value))
    return list(found.values())


def _same_size(storage: Storage, size: int, path: Path) -> None:
    wanted = storage.count * WIDTHS[storage.code]
    if wanted != size:
        raise FormatError(
            f"{path}: the numbers {told(storage.key)} take {size:,} bytes; {storage.count:,} of"
            f" {storage.code} take {wanted:,}"
        )


def _state_dict(content: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    notes: list[str] = []
    if is_dict(content) and not any(isinstance(value, Tensor) for value in content.values()):
        inside = next((key for key in WRAPPERS if is_dict(content.get(key))), None)
        if inside is not None:
            rest = ", ".join(shown(str(key))[1:-1] for key in list(content)[:8] if key != inside)
            if rest:
                notes.append(f"'{inside}' is read of a checkpoint that also holds {rest}")
            content = content[inside]
    if not is_dict(content) or not content:
        raise FormatError(f"{path}: holds {told(content)}; a state dict is read, tensors by name")
    found: dict[str, Tensor] = {}
    for key, value in content.items():
        name = text(key)
        if name is None or not isinstance(value, Tensor):
            raise FormatError(
                f"{path}: holds {told(value)} under {told(key)}; a state dict is read, tensors by"
                " name"
            )
        found[name] = value
    plain = {PARALLEL.sub(r"\1", name): tensor for name, tensor in found.items()}
    if plain.keys() != found.keys() and len(plain) == len(found):
        notes.append("'module.' in the names, which DataParallel puts there, is left out")
        found = plain
    return found, notes
