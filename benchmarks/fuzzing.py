"""Mutates original files and looks for anything but an answer or a format error.

    python benchmarks/fuzzing.py ../shared/configs [--count 100000]

Kinds: definitions, parameter files, model files (pickles). A file is cut, spliced with another,
and has bytes, numbers and lines changed, doubled, dropped; the draws are seeded.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
from results import record

from alexnet.formats import Checkpoint, FormatError
from alexnet.formats.cuda_convnet import parse_document, read_documents
from alexnet.formats.cuda_convnet.document import Document, Section
from alexnet.formats.cuda_convnet.model_file import read_model, write_model
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_input
from alexnet.network.ledger import ledger
from alexnet.numpy_net import initial_arrays

Attempt = Callable[[bytes], object]
NUMBERS = ("0", "-1", "1e400", "nan", "999999999999", "1,2,3,4,5", "", "0.5", "%(x)s", "true", "[")
HOSTILE = ("[conv1a]", "inputs=data", "type=conv", "type=", "=", "]", "[", "[]", "\0", "\ufeff")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    given = parser.parse_args()
    rows = [
        ["definitions", *hunt(*_definitions(given.folder), mutated_text, given.count)],
        ["parameter files", *hunt(*_parameters(given.folder), mutated_text, given.count)],
        ["model files", *hunt(*_models(), mutated_bytes, given.count)],
    ]
    record(
        "9-fuzzing",
        title="Mutated files: anything but an answer or one format error",
        command=f"python benchmarks/fuzzing.py ../shared/configs --count {given.count}",
        wanted="no crash, no other exception, none over 1 s",
        columns=["kind", "files", "read", "refused", "other exceptions", "slowest"],
        rows=rows,
        remark="Seeded mutations of the released files, and of model files written by this "
        "project's writer in the three forms.",
    )


def hunt(
    files: list[Path], attempt: Attempt, mutate: Callable[[random.Random, list[bytes]], bytes],
    count: int,
) -> list[str]:  # fmt: skip
    """Counts as cells: files, read, refused, other exceptions, slowest."""
    draw, contents = random.Random(2012), [path.read_bytes() for path in files]
    read = refused = other = 0
    slowest = 0.0
    for _ in range(count):
        data = mutate(draw, contents)
        began = time.perf_counter()
        try:
            attempt(data)
            read += 1
        except FormatError:
            refused += 1
        except Exception as error:  # noqa: BLE001  # what is being looked for
            other += 1
            print(f"{type(error).__name__}: {error}")
            Path(tempfile.gettempdir(), f"fuzz-{other}").write_bytes(data)
        slowest = max(slowest, time.perf_counter() - began)
    return [f"{count:,}", f"{read:,}", f"{refused:,}", f"{other:,}", f"{slowest:.2f} s"]


def mutated_text(draw: random.Random, contents: list[bytes]) -> bytes:
    lines = draw.choice(contents).split(b"\n")
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(lines))
        match draw.randrange(8):
            case 0:
                del lines[at]
                lines = lines or [b""]
            case 1:
                lines.insert(at, draw.choice(lines))
            case 2:
                lines[at] = re.sub(rb"[-\d.]+", draw.choice(NUMBERS).encode(), lines[at])
            case 3:
                other = draw.choice(contents).split(b"\n")
                lines.insert(at, draw.choice(other))
            case 4:
                lines.insert(at, draw.choice(HOSTILE).encode())
            case 5:
                lines = lines[:at] or [b""]
            case 6:
                key = lines[at].partition(b"=")[0]
                lines[at] = key + b"=" + draw.choice(NUMBERS).encode()
            case _:
                lines[at] = mutated_bytes(draw, [lines[at]])
    return b"\n".join(lines)


def mutated_bytes(draw: random.Random, contents: list[bytes]) -> bytes:
    data = bytearray(draw.choice(contents))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = draw.randbytes(draw.randint(1, 8))
            case 2:
                del data[at : at + draw.randint(1, 8)]
            case 3:
                other = draw.choice(contents)
                start = draw.randrange(len(other) + 1)
                data[at:at] = other[start : start + draw.randint(1, 64)]
            case _:
                if at < len(data):
                    data[at] = draw.randrange(256)
    return bytes(data)


def _definitions(folder: Path) -> tuple[list[Path], Attempt]:
    """Every definition is read with the sections of all parameter files together."""
    sections: dict[str, Section] = {}
    for path in sorted(folder.glob("*/*/layer-params*.cfg"), reverse=True):
        document = parse_document(path.read_text(encoding="latin-1"), path.name)
        sections |= {section.name: section for section in document.sections}
    parameters = Document("params.cfg", tuple(sections.values()))

    def attempt(data: bytes) -> object:
        definition = parse_document(data.decode("latin-1"), "layers.cfg")
        return ledger(read_documents(definition, parameters).network)

    return sorted(folder.glob("*/*/layers*.cfg")), attempt


def _parameters(folder: Path) -> tuple[list[Path], Attempt]:
    """Every parameter file is read with one definition, the run of 2012."""
    definition = parse_document(
        (folder / "chm/layers/layers-145.cfg").read_text(encoding="latin-1"), "layers-145.cfg"
    )

    def attempt(data: bytes) -> object:
        return read_documents(definition, parse_document(data.decode("latin-1"), "params.cfg"))

    return sorted(folder.glob("*/*/layer-params*.cfg")), attempt


def _models() -> tuple[list[Path], Attempt]:
    """Small models in the forms of the three releases, and how one is read."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-models-"))
    network = with_input(get_network("18pct"), 16)
    arrays = {k: x.astype(np.float32) for k, x in initial_arrays(network, seed=0).items()}
    contract = InputContract(channel_order="RGB", pixel_maximum=255)
    checkpoint = Checkpoint(network=network, arrays=arrays, contract=contract)
    files: list[Path] = []
    for number, kind in enumerate(get_args(Dialect), 1):
        files.append(folder / f"{number}.1")
        write_model(checkpoint, files[-1], kind=kind)
    mutated = folder / "9.9"

    def attempt(data: bytes) -> object:
        mutated.write_bytes(data)
        return ledger(read_model(mutated).network)

    return files, attempt


if __name__ == "__main__":
    main()
