"""Files of feature vectors, .npz and .parquet: written a few pictures at a time, read a layer at a
time. What goes into them is in `features`.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from alexnet.network.spec import nearest

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".npz", ".parquet")

RESERVED = ("names", "labels", "classes", "layers", "network", "checkpoint", "name", "label")
"""What else stands in the files, so that no layer's array can be called so."""

ROWS = 1024
"""Pictures in a row group of a parquet file."""

COPIED = 2**22
"""Bytes that are copied at a time."""

DAMAGE = (
    *(ValueError, zipfile.BadZipFile, EOFError, LookupError, MemoryError, TypeError),
    *(AttributeError, RuntimeError, OSError),
)
"""What reading a damaged file may raise, in the libraries that read it."""


class FeatureFileError(ValueError):
    """A file of features that is none, or holds something else than was asked for."""


Append = Callable[["Sequence[str]", "np.ndarray", "Mapping[str, np.ndarray]"], None]
"""Adds pictures: their names, labels and, by layer, vectors (pictures, numbers)."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a file says beside its rows.

    Attributes:
        network: the name of the network.
        checkpoint: where its weights were read from.
        classes: what labels count.
        layers: how many numbers each layer's vectors have, by the name asked for.
        half: whether they are kept in half precision.
    """

    network: str
    checkpoint: str
    classes: tuple[str, ...]
    layers: dict[str, int]
    half: bool = False


@dataclass(frozen=True, eq=False)
class Features:
    """One layer's vectors, (N, numbers), of the pictures called `names`, with their labels (-1
    where there is none), and what the file says beside them.
    """

    about: About
    layer: str
    names: Sequence[str]
    labels: np.ndarray
    vectors: np.ndarray

    def class_name(self, row: int) -> str | None:
        """The class of a picture, where it is known."""
        label = int(self.labels[row])
        return self.about.classes[label] if 0 <= label < len(self.about.classes) else None


def check_path(path: Path) -> None:
    """Raises ValueError where no file of features can be written there."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: features are written as one of {', '.join(SUFFIXES)}")
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path}: no file can be written there; its folder must exist")


@contextmanager
def writing(path: Path, about: About) -> Generator[Append]:
    """Gives a function that adds pictures; the file is there at the end, whole, or not at all.

    Raises:
        ValueError: a layer is called as something else in the file is; or a number is too large
            for half precision.
    """
    from alexnet.formats.atomic import replacing

    for name in about.layers:
        if name in RESERVED:
            raise ValueError(f"{path}: has something else under the name of layer '{name}'")
    with replacing(path) as temporary:
        write = _npz if path.suffix.lower() == ".npz" else _parquet
        with write(temporary, about) as append:
            yield append


def narrowed(vectors: np.ndarray, layer: str, about: About) -> np.ndarray:
    """As the file keeps them: float32, or float16 where every number fits."""
    import numpy as np

    if not about.half:
        return np.ascontiguousarray(vectors, np.float32)
    largest = float(np.finfo(np.float16).max)
    if vectors.size and np.abs(vectors).max() > largest:
        raise ValueError(
            f"layer '{layer}' says {np.abs(vectors).max():,.0f} of a picture, and half precision"
            f" ends at {largest:,.0f}; leave out --half"
        )
    return vectors.astype(np.float16)


@contextmanager
def _npz(path: Path, about: About) -> Generator[Append]:
    """Rows are laid by in temporary files beside it, since their number stands before them."""
    import numpy as np

    names: list[str] = []
    labels: list[np.ndarray] = []
    kind = np.float16 if about.half else np.float32
    with ExitStack() as stack:
        files = {
            layer: stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
            for layer in about.layers
        }

        def append(
            some: Sequence[str], their: np.ndarray, vectors: Mapping[str, np.ndarray]
        ) -> None:
            names.extend(some)
            labels.append(their)
            for layer, file in files.items():
                file.write(narrowed(vectors[layer], layer, about).data)

        yield append
        small = {
            "names": np.array(names, dtype=np.str_),
            "labels": np.concatenate([np.empty(0, np.int64), *labels]),
            "classes": np.array(about.classes, dtype=np.str_),
            "layers": np.array(list(about.layers), dtype=np.str_),
            "network": np.array(about.network),
            "checkpoint": np.array(about.checkpoint),
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in small.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(cast("Any", member), array, allow_pickle=False)
            for layer, numbers in about.layers.items():
                with archive.open(f"{layer}.npy", "w", force_zip64=True) as member:
                    _copy(files[layer], member, (len(names), numbers), np.dtype(kind))


def _copy(file: IO[bytes], member: IO[bytes], shape: tuple[int, int], kind: np.dtype[Any]) -> None:
    """The rows that were laid by, below the header of an array of that shape."""
    import numpy as np

    header = {"descr": kind.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(cast("Any", member), header)
    file.seek(0)
    while block := file.read(COPIED):
        member.write(block)


@contextmanager
def _parquet(path: Path, about: About) -> Generator[Append]:
    """A row for each picture; the label is null where there is none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = pa.float16() if about.half else pa.float32()
    fields = [pa.field("name", pa.string()), pa.field("label", pa.int64())]
    fields += [pa.field(layer, pa.list_(number, size)) for layer, size in about.layers.items()]
    facts = {"network": about.network, "checkpoint": about.checkpoint}
    said = json.dumps({**facts, "classes": about.classes, "layers": list(about.layers)})
    schema = pa.schema(fields, metadata={"alexnet": said})
    waiting: list[pa.RecordBatch] = []

    def flush(writer: pq.ParquetWriter) -> None:
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
            waiting.clear()

    with pq.ParquetWriter(path, schema) as writer:

        def append(
            some: Sequence[str], their: np.ndarray, vectors: Mapping[str, np.ndarray]
        ) -> None:
            columns = [
                pa.array(list(some), pa.string()),
                pa.array(np.asarray(their), pa.int64(), mask=np.asarray(their) < 0),
            ]
            for layer, size in about.layers.items():
                flat = narrowed(vectors[layer], layer, about).reshape(-1)
                columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, number), size))
            waiting.append(pa.record_batch(columns, schema=schema))
            if sum(batch.num_rows for batch in waiting) >= ROWS:
                flush(writer)

        yield append
        flush(writer)


def read_features(path: Path, layer: str | None = None) -> Features:
    """One layer's vectors of a file that `writing` made; by default those of its only layer.

    Raises:
        FeatureFileError: no such file, or none of features; or the layer is not in it, or has to be
            named.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise FeatureFileError(
            f"{path}: no file of features; give one that `alexnet features` wrote"
        )
    try:
        return (_read_npz if path.suffix.lower() == ".npz" else _read_parquet)(path, layer)
    except FeatureFileError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FeatureFileError(f"{path}: is damaged, or no file of features ({reason})") from None


def _read_npz(path: Path, layer: str | None) -> Features:
    with zipfile.ZipFile(path) as archive:
        layers = [str(name) for name in _member(archive, "layers", path)]
        chosen = _chosen(layers, layer, path)
        vectors = _member(archive, chosen, path)
        names, labels = _member(archive, "names", path), _member(archive, "labels", path)
        about = About(
            network=str(_member(archive, "network", path)),
            checkpoint=str(_member(archive, "checkpoint", path)),
            classes=tuple(str(name) for name in _member(archive, "classes", path)),
            layers={chosen: vectors.shape[-1]},
        )
    if vectors.ndim != 2 or names.shape != labels.shape or len(names) != len(vectors):
        raise FeatureFileError(
            f"{path}: holds {names.shape} names, {labels.shape} labels and vectors"
            f" {vectors.shape} of '{chosen}'; there must be as many of each"
        )
    return Features(about, chosen, [str(name) for name in names], labels, vectors)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """An array of the archive, no larger than the file itself."""
    import numpy as np

    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
        raise FeatureFileError(
            f"{path}: array '{name}' is compressed; features are stored as they are"
        )
    with archive.open(info) as member:
        version = np.lib.format.read_magic(cast("Any", member))
        read = np.lib.format.read_array_header_1_0
        shape, _, kind = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(
            cast("Any", member)
        )
        size = kind.itemsize
        for length in shape:
            size *= length
        if kind.hasobject or size > info.file_size:
            raise FeatureFileError(
                f"{path}: array '{name}' says {shape} of {kind}, and is not so large"
            )
    with archive.open(info) as member:
        return np.lib.format.read_array(cast("Any", member), allow_pickle=False)


def _read_parquet(path: Path, layer: str | None) -> Features:
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    said = json.loads((file.schema_arrow.metadata or {}).get(b"alexnet", b"{}"))
    if not said:
        raise FeatureFileError(f"{path}: is no file of features; `alexnet features` writes such")
    chosen = _chosen(said["layers"], layer, path)
    table = file.read(columns=["name", "label", chosen])
    column = table[chosen].combine_chunks()
    size = column.type.list_size
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    labels = table["label"].fill_null(-1).to_numpy().astype(np.int64)
    about = About(
        network=said["network"],
        checkpoint=said["checkpoint"],
        classes=tuple(said["classes"]),
        layers={chosen: size},
    )
    return Features(about, chosen, table["name"].to_pylist(), labels, vectors)


def _chosen(layers: list[str], layer: str | None, path: Path) -> str:
    if layer is None:
        if len(layers) != 1:
            raise FeatureFileError(
                f"{path}: holds layers {', '.join(layers)}; choose one with --layer"
            )
        return layers[0]
    if layer not in layers:
        raise FeatureFileError(f"{path}: has no layer '{layer}'{nearest(layer, layers)}")
    return layer
