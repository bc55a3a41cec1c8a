"""Our own format: one safetensors file with the arrays, and the Network, the input contract, class
names and notes as JSON in its header; a run's state rides along. The bare arrays of other programs'
files are read as torch's state dicts are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

from alexnet.formats.arrays_in_order import naturally
from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import (
    Array,
    Beside,
    Checkpoint,
    Format,
    FormatError,
    TrainingState,
    Written,
)
from alexnet.formats.torchvision.reading import checkpoint_of
from alexnet.network.codec import CodecError, decode, encode, from_json, to_json
from alexnet.network.contract import ContractError, InputContract
from alexnet.network.spec import NetworkError

MARK = "alexnet-checkpoint/1"
MEAN_IMAGE = "input:mean_image"
VELOCITY = "training:velocity:"
# no layer name holds a colon, so that these collide with no learned array

DTYPES = ("F16", "F32", "F64")

LARGEST_HEADER = 100_000_000
"""Bytes; the library reads no larger one."""


class _File(Protocol):
    """What safetensors' safe_open gives, which its own stubs leave untyped."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def metadata(self) -> dict[str, str] | None: ...
    def keys(self) -> list[str]: ...
    def get_slice(self, name: str) -> Any: ...
    def get_tensor(self, name: str) -> Array: ...


def recognise(head: bytes, name: str) -> bool:
    """Whether a file is safetensors: eight bytes of header length, then JSON."""
    return name.endswith(".safetensors") or (
        head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= LARGEST_HEADER
    )


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """Writes `path` atomically: after any failure the file that was there stands untouched.

    Raises:
        FormatError: the file cannot be written; says why.
    """
    arrays = dict(checkpoint.arrays)
    if checkpoint.mean_image is not None:
        arrays[MEAN_IMAGE] = checkpoint.mean_image
    if checkpoint.training is not None:
        velocities = checkpoint.training.velocities
        arrays |= {VELOCITY + name: array for name, array in velocities.items()}
    # safetensors writes the memory as it lies
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with replacing(path) as temporary:
            save_file(whole, temporary, metadata=_header(checkpoint))
            temporary.chmod(0o644)  # the library makes files that only their owner may read
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FormatError(f"{path}: cannot be written ({reason})") from error
    return Written(files=(path,))


def read(path: Path, beside: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """The checkpoint in `path`. Weights that are not finite are read, and noted.

    Arrays that another program wrote are taken for torchvision's, by their names, or for those of
    the network that is named beside them, in the order of their names.

    Raises:
        UnknownArrays: another program's, of no network that their names tell.
        FormatError: no safetensors, truncated, contradicting itself, or a network is named and the
            file has its own.
    """
    try:
        with cast("_File", safe_open(path, framework="numpy")) as file:
            header = file.metadata() or {}
            own = header.get("format") == MARK
            if own and beside.network is not None:
                raise FormatError(f"{path}: says its own network; name none")
            if not own and "network" in header:
                raise FormatError(
                    f"{path}: says a network and is without '{MARK}' in its header; another"
                    " version of this program may have written it"
                )
            arrays = {name: _array(file, name, path) for name in naturally(file.keys())}  # noqa: SIM118
        if not own:
            return checkpoint_of(path, arrays, (), beside)
        return _checkpoint(header, arrays, path)
    except SafetensorError as error:
        raise FormatError(
            f"{path}: is no whole safetensors file ({error}); it may be cut short"
        ) from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error


FORMAT = Format(
    name="safetensors",
    suffixes=(".safetensors",),
    recognise=recognise,
    read=read,
    takes=frozenset({"network"}),
    write=write,
)


def _header(checkpoint: Checkpoint) -> dict[str, str]:
    header = {
        "format": MARK,
        "network": to_json(checkpoint.network),
        "contract": json.dumps(encode(checkpoint.contract)),
        "classes": json.dumps(checkpoint.classes, ensure_ascii=False),
        "notes": json.dumps(checkpoint.notes, ensure_ascii=False),
    }
    if checkpoint.training is not None:
        header["progress"] = json.dumps(dict(checkpoint.training.progress), allow_nan=False)
    return header


def _array(file: _File, name: str, path: Path) -> Array:
    kind: str = file.get_slice(name).get_dtype()
    if kind not in DTYPES:
        raise FormatError(f"{path}: array '{name}' holds {kind}; it must be {', '.join(DTYPES)}")
    return file.get_tensor(name)


def _checkpoint(header: Mapping[str, str], arrays: dict[str, Array], path: Path) -> Checkpoint:
    mean_image = arrays.pop(MEAN_IMAGE, None)
    velocities = {
        name.removeprefix(VELOCITY): arrays.pop(name)
        for name in list(arrays)
        if name.startswith(VELOCITY)
    }
    notes = cast("tuple[str, ...]", _entry(header, "notes", tuple[str, ...], path))
    strange = [note for note in _not_finite(arrays) if note not in notes]
    try:
        return Checkpoint(
            network=from_json(header.get("network", ""), f"{path}: network"),
            arrays=arrays,
            contract=_entry(header, "contract", InputContract, path),
            classes=_entry(header, "classes", tuple[str, ...], path),
            notes=(*notes, *strange),
            mean_image=mean_image,
            training=_training(header, velocities, path),
        )
    except (FormatError, NetworkError, ContractError) as error:
        text = str(error)
        raise FormatError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def _training(
    header: Mapping[str, str], velocities: dict[str, Array], path: Path
) -> TrainingState | None:
    if "progress" not in header:
        if velocities:
            raise FormatError(f"{path}: holds velocities and no 'progress' in its header")
        return None
    progress = _json(header, "progress", path)
    if not isinstance(progress, dict):
        raise FormatError(f"{path}: 'progress' in its header must be an object")
    return TrainingState(velocities, cast("dict[str, object]", progress))


def _entry(header: Mapping[str, str], key: str, kind: Any, path: Path) -> Any:
    try:
        return decode(kind, _json(header, key, path), f"{path}: {key}")
    except CodecError as error:
        raise FormatError(str(error)) from None


def _json(header: Mapping[str, str], key: str, path: Path) -> object:
    if key not in header:
        raise FormatError(f"{path}: its header lacks '{key}'")
    try:
        return json.loads(header[key])
    except (ValueError, RecursionError):
        raise FormatError(f"{path}: '{key}' in its header is not JSON") from None


def _not_finite(arrays: Mapping[str, Array]) -> list[str]:
    counts = {name: array.size - int(np.isfinite(array).sum()) for name, array in arrays.items()}
    return [
        f"'{name}' holds {count:,} numbers that are not finite"
        for name, count in counts.items()
        if count
    ]
