"""Mutates small files of every foreign format and looks for anything but a network, or one format
error.

    python benchmarks/mutated_files.py [--count 100000] [--only KIND]

The files are written here, by this project's writers and by hand; they are cut, spliced with one
another, and have bytes and lines changed, doubled, dropped, by seeded draws. Each reader works in a
process of its own, which may take a bounded memory, and a second of the processor for each file.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import signal
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fuzzing import mutated_bytes, mutated_text
from results import ROWS, record

from alexnet.formats import Beside, Checkpoint, FormatError, describe, read, write
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_classes, with_input
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network
from alexnet.numpy_net import initial_arrays

MEMORY = 2**30
"""Bytes that a reader may take beyond what it begins with."""

SECONDS = 1
"""Of the processor for each file; beyond, it hangs."""


@dataclass(frozen=True)
class Kind:
    """Files of one format: what they are called, and how they are changed and read."""

    name: str
    ending: str
    files: tuple[bytes, ...]
    text: bool = False
    beside: Beside = Beside()  # noqa: RUF009  # frozen


class Hang(BaseException):
    """The time for a file is over; no reader catches it."""


def small() -> Checkpoint:
    """A network that every format can carry, with a few thousand weights."""
    network = with_classes(with_input(get_network("cifar_relu"), 16), 3)
    return checkpoint(network)


def checkpoint(network: Network) -> Checkpoint:
    arrays = {name: array.astype(np.float32) for name, array in initial_arrays(network, 0).items()}
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0)
    return Checkpoint(network=network, arrays=arrays, contract=contract)


def kinds(folder: Path) -> list[Kind]:
    """Sound files of every format, as bytes."""
    whole = small()
    bare = Beside(network=whole.network)
    own = {ending: _written(whole, folder / f"small{ending}") for ending in WRITTEN}
    return [
        Kind("safetensors", ".safetensors", (own[".safetensors"],)),
        Kind("Caffe model", ".caffemodel", (own[".caffemodel"],)),
        Kind(
            "Caffe definition", ".prototxt", ((folder / "small.prototxt").read_bytes(),), text=True
        ),
        Kind("ONNX", ".onnx", (own[".onnx"], _without_metadata(own[".onnx"]))),
        Kind("torch state dict", ".pth", tuple(_saved_by_torch(whole)), beside=bare),
        Kind("npy", ".npy", (own[".npy"],), beside=bare),
        Kind("npz", ".npz", (own[".npz"],), beside=bare),
    ]


WRITTEN = (".safetensors", ".caffemodel", ".onnx", ".npy", ".npz")


def _written(whole: Checkpoint, path: Path) -> bytes:
    write(whole, path)
    return path.read_bytes()


def _without_metadata(data: bytes) -> bytes:
    """As another program would write it, so that the graph itself is read."""
    import onnx

    model = onnx.load_from_string(data)
    del model.metadata_props[:]
    return model.SerializeToString()


def _saved_by_torch(whole: Checkpoint) -> Iterator[bytes]:
    """A state dict in the two forms in which torch.save wrote and writes."""
    import torch

    arrays = {name: torch.from_numpy(np.array(array)) for name, array in whole.arrays.items()}
    for zipped in (True, False):
        into = io.BytesIO()
        torch.save(arrays, into, _use_new_zipfile_serialization=zipped)
        yield into.getvalue()


def mutated(draw: random.Random, kind: Kind) -> bytes:
    """One of the files changed; of a zip as often one of its members, its checksum mended."""
    files = list(kind.files)
    if kind.text:
        return mutated_text(draw, files)
    one = draw.choice(files)
    if not one.startswith(b"PK") or draw.random() < 0.5:
        return mutated_bytes(draw, [one, *files])
    into = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(one)) as old, zipfile.ZipFile(into, "w") as new:
        names = old.namelist()
        changed = draw.choice(names)
        for name in names:
            data = old.read(name)
            new.writestr(name, mutated_bytes(draw, [data]) if name == changed and data else data)
    return into.getvalue()


@dataclass(frozen=True)
class Found:
    """What became of the files of a kind: how many, and the sentences of other exceptions."""

    read: int
    refused: int
    hung: int
    slowest: float
    others: tuple[str, ...]


def hunt(kind: Kind, count: int, attempt: Callable[[Path, Beside], object]) -> Found:
    """Reads `count` mutated files in this process, whose memory is bounded from here on."""
    _bound_memory()
    signal.signal(signal.SIGPROF, _hang)
    draw = random.Random(f"2012 {kind.name}")
    read = refused = hung = 0
    slowest, others = 0.0, list[str]()
    with tempfile.TemporaryDirectory(dir=QUICK if QUICK.is_dir() else None) as folder:
        path = Path(folder) / f"a{kind.ending}"
        for _ in range(count):
            path.write_bytes(mutated(draw, kind))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            began = time.process_time()
            try:
                attempt(path, kind.beside)
                read += 1
            except FormatError:
                refused += 1
            except Hang:
                hung += 1
                others.append(f"{kind.name}: longer than {SECONDS} s")
                _keep(path, len(others))
            except (Exception, SystemExit) as error:  # noqa: BLE001  # what is being looked for
                others.append(f"{kind.name}: {type(error).__name__}: {error}"[:300])
                _keep(path, len(others))
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            slowest = max(slowest, time.process_time() - began)
    return Found(read, refused, hung, slowest, tuple(others))


QUICK = Path("/dev/shm")
"""A folder in memory, where the system has one."""


def _hang(*_: object) -> None:
    raise Hang


def _keep(path: Path, number: int) -> None:
    """Leaves a file that was found where a person can look at it."""
    kept = Path(tempfile.gettempdir(), f"mutated-{number}{path.suffix}")
    kept.write_bytes(path.read_bytes())


def _bound_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))


def opened(path: Path, beside: Beside) -> object:
    """What the verbs do with a file: a description is counted, a checkpoint read."""
    if path.suffix == ".prototxt":
        return ledger(describe(path, beside=beside).network)
    return ledger(read(path, beside=beside).network)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = [kind for kind in kinds(Path(folder)) if options.only in kind.name]
    for kind in every:  # what is imported at the first reading is no file's doing
        for data in kind.files:
            _check_sound(kind, data)
    with ProcessPoolExecutor(options.processes, max_tasks_per_child=1) as pool:
        finds = list(pool.map(hunt, every, [options.count] * len(every), [opened] * len(every)))
    rows = [
        [
            kind.name, f"{options.count:,}", f"{found.read:,}", f"{found.refused:,}",
            f"{found.hung:,}", f"{len(found.others) - found.hung:,}", f"{found.slowest:.2f} s",
        ]
        for kind, found in zip(every, finds, strict=True)
    ]  # fmt: skip
    for found in finds:
        print("\n".join(found.others[:20]))
    for row in rows:
        print(", ".join(row))
    record(
        NAME,
        title="Mutated files of every other format",
        command=f"python benchmarks/mutated_files.py --count {options.count}",
        wanted=f"no crash, no other exception, none over {SECONDS} s or {MEMORY >> 30} GiB",
        columns=["kind", "files", "read", "refused", "hung", "other exceptions", "slowest"],
        rows=_with_others(rows),
        remark="A network of a few thousand weights, written by this project's writers and by"
        " torch.save; of zips half the changes are inside a member whose checksum is mended.",
    )


NAME = "31-mutated-files"


def _with_others(rows: list[list[str]]) -> list[list[str]]:
    """These rows, and of the kinds that were not asked for those that were recorded before."""
    path = ROWS / f"{NAME}.json"
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    found = {row[0]: row for row in [*old, *rows]}
    return [found[name] for name in ORDER if name in found]


ORDER = (
    *("safetensors", "Caffe model", "Caffe definition", "ONNX"),
    *("torch state dict", "npy", "npz"),
)


def _check_sound(kind: Kind, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{kind.ending}"
        path.write_bytes(data)
        opened(path, kind.beside)


if __name__ == "__main__":
    main()
