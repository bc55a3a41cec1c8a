"""One check suite over all formats: every catalog network through each of them, outputs equal or
refused in a sentence; each file is one format's; damaged ones are refused.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from alexnet.formats import (
    FORMATS,
    Beside,
    Checkpoint,
    Format,
    FormatError,
    caffe,
    describe,
    read,
    recognised,
    write,
)
from alexnet.network.catalog import HEIRS, NETWORKS, get_network
from alexnet.network.contract import InputContract
from alexnet.network.ledger import ledger
from alexnet.numpy_net.run import initial_arrays
from reduced import reduced
from scripts import script

ROOT = Path(__file__).parent.parent
WRITTEN = [known for known in FORMATS if known.write is not None]
IDS = [known.name.replace(" ", "-") for known in WRITTEN]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return script(ROOT / "docs" / "make_formats.py")


@pytest.fixture(scope="module")
def outcomes(page: ModuleType) -> dict:
    return page.outcomes()


TOWERS = {"paper", "as_run", "soumith", "tiny"}
RUN_IN_2012 = {"as_run", "one_gpu", "80sec", "18pct", "13pct", "11pct", "cifar_relu", "cifar_tanh"}
UNSHARED = {"13pct", "11pct"}
EVERY = set(NETWORKS)

CARRIED: dict[str, tuple[str, set[str]]] = {
    "safetensors": ("all", EVERY),
    "hub folder": ("all", EVERY),
    "torchvision": ("arrays", {"one_weird_trick"}),
    "npy": ("arrays", EVERY - UNSHARED),
    "npz": ("arrays", EVERY),
    "Caffe model": ("outputs", EVERY),
    "ONNX": ("all", EVERY),
    "cuda-convnet model": ("outputs", RUN_IN_2012),
}
"""How much each format carries, and of which networks; all others are refused."""

ROUNDED = 1e-6
"""Of the largest score; twice what float32 rounds, with room."""


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("known", WRITTEN, ids=IDS)
def test_a_network_comes_back_with_its_outputs_or_is_refused(
    known: Format, name: str, outcomes: dict
) -> None:
    word, carried = CARRIED[known.name]
    found = outcomes[known.name, name]
    if name not in carried:
        assert found.word == "—" and found.difference is None
        (why,) = found.notes
        assert f"network '{name}'" in why and "\n" not in why
        return
    assert found.word == word, found
    assert found.difference <= ROUNDED
    if word in ("all", "arrays"):
        assert found.difference == 0


@pytest.mark.parametrize(
    "known", [known for known in WRITTEN if known.name != "torchvision"], ids=lambda x: x.name
)
def test_what_was_read_stays_when_its_file_is_written_over(known: Format, tmp_path: Path) -> None:
    """A checkpoint that looked into its file would change with it, or end the process."""
    network = reduced("cifar_relu")
    arrays = {name: array.astype("f4") for name, array in initial_arrays(network, 3).items()}
    order = "BGR" if known.name == "Caffe model" else "RGB"
    contract = InputContract(channel_order=order, pixel_maximum=255.0)
    path = tmp_path / f"a{next(iter(known.suffixes), '')}"
    known.write(Checkpoint(network=network, arrays=arrays, contract=contract), path)
    found = known.read(path, Beside(network=network if known.name in ("npy", "npz") else None))
    kept = {name: array.copy() for name, array in found.arrays.items()}
    for file in [path] if path.is_file() else list(path.iterdir()):
        with file.open("r+b") as opened:
            opened.write(b"\xff" * file.stat().st_size)
            opened.flush()
            assert all(np.array_equal(kept[name], array) for name, array in found.arrays.items())
            opened.truncate(0)
    assert all(np.array_equal(kept[name], array) for name, array in found.arrays.items())


@pytest.mark.parametrize("known", WRITTEN, ids=IDS)
def test_what_is_lost_is_said(known: Format, outcomes: dict) -> None:
    for name in CARRIED[known.name][1]:
        found = outcomes[known.name, name]
        if found.word == "all":
            assert not found.notes or known.name == "ONNX"
            continue
        assert found.notes
        if found.word == "arrays":
            assert any("classes are left out" in note for note in found.notes)
        if known.name == "npy":
            folded = any("towers are folded" in note for note in found.notes)
            assert folded == (name in TOWERS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_without_our_words_says_the_same(
    name: str, page: ModuleType, tmp_path: Path
) -> None:
    import onnx as library

    given, path = page.drawn(reduced(name)), tmp_path / "net.onnx"
    write(given, path)
    model = library.load(str(path))
    del model.metadata_props[:]
    library.save(model, str(path))
    back = read(path)
    assert page.difference(given, back, fed_alike=True) <= ROUNDED
    assert any("mean" in note for note in back.notes)


def test_the_page_says_what_was_found(page: ModuleType, outcomes: dict) -> None:
    written = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert page.page(outcomes) == written, "run: python docs/make_formats.py"


def test_heirs_are_known_by_name_and_not_listed() -> None:
    assert not HEIRS.keys() & NETWORKS.keys()
    assert ledger(get_network("vgg16")).total.parameters == 138_357_544


# --- files of all formats -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(page: ModuleType) -> Checkpoint:
    """What every format carries."""
    return page.drawn(reduced("80sec"))


@pytest.fixture(scope="module")
def files(
    small: Checkpoint, page: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, Format]:
    """A file of every format, torch's too, whose arrays are of no network that their names tell."""
    import torch

    folder = tmp_path_factory.mktemp("files")
    found: dict[Path, Format] = {}
    for known in WRITTEN:
        assert known.write is not None
        path = folder / f"small{known.suffixes[0] if known.suffixes else '-folder'}"
        if known.name == "torchvision":
            arrays = {name: torch.from_numpy(np.array(x)) for name, x in small.arrays.items()}
            torch.save(arrays, path)
            old = folder / "old.pth"
            torch.save(arrays, old, _use_new_zipfile_serialization=False)
            found[old] = known
        else:
            known.write(small, path)
        found[path] = known
    found[folder / "small.prototxt"] = caffe.DEFINITION
    return found


def test_exactly_one_format_says_that_a_file_is_its(files: dict[Path, Format]) -> None:
    for path, known in files.items():
        assert recognised(path) is known
        if path.is_file():
            head = path.read_bytes()[:4096]
            assert [x for x in FORMATS if x.recognise(head, path.name)] == [known]
        else:
            assert [x for x in FORMATS if x.is_folder and x.is_folder(path)] == [known]


BY_ENDING: set[str] = set()
"""Formats whose files' first bytes are nothing certain."""


def test_a_file_is_known_whatever_it_is_called(files: dict[Path, Format], tmp_path: Path) -> None:
    for path, known in files.items():
        if path.is_dir() or known.name in BY_ENDING:
            continue
        shutil.copy(path, tmp_path / "any")
        assert recognised(tmp_path / "any") is known


def test_other_files_are_of_no_format(tmp_path: Path) -> None:
    contents = [b"", b"{}", b"hello, world\n", b"\x89PNG\r\n\x1a\n", b"PK\x05\x06" + bytes(18)]
    for content in contents:
        (tmp_path / "any").write_bytes(content)
        assert recognised(tmp_path / "any") is None
        with pytest.raises(FormatError, match="is in no format that is known"):
            read(tmp_path / "any")
    with pytest.raises(FormatError, match="is in no format that is known"):
        read(tmp_path)


def beside(path: Path, known: Format, checkpoint: Checkpoint, page: ModuleType) -> Beside:
    """What must be said beside a file for it to be whole."""
    if known is caffe.DEFINITION:
        return Beside(weights=path.with_suffix(".caffemodel"))
    return Beside(network=checkpoint.network) if known in page.BARE else Beside()


def test_describing_reads_the_same_network(
    files: dict[Path, Format], small: Checkpoint, page: ModuleType
) -> None:
    for path, known in files.items():
        said = beside(path, known, small, page)
        assert describe(path, beside=said).network == read(path, beside=said).network


def damaged(data: bytes, draw: random.Random) -> Iterator[bytes]:
    """Cut short, with bytes changed, with bytes dropped."""
    for part in range(16):
        yield data[: len(data) * part // 16]
    for _ in range(40):
        changed = bytearray(data)
        at = draw.randrange(min(len(data), 2048))
        changed[at] = draw.randrange(256)
        yield bytes(changed)
        yield data[:at] + data[at + draw.randint(1, 8) :]


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name.replace(" ", "-"))
def test_damaged_files_are_refused_in_a_sentence(
    known: Format,
    files: dict[Path, Format],
    small: Checkpoint,
    page: ModuleType,
    tmp_path: Path,
) -> None:
    path = next(path for path, format_ in files.items() if format_ is known)
    inside = path / "model.safetensors" if path.is_dir() else path
    target = tmp_path / path.name
    if path.is_dir():
        shutil.copytree(path, target)
    broken = target / inside.name if path.is_dir() else target
    refused = 0
    for data in damaged(inside.read_bytes(), random.Random(2012)):
        broken.write_bytes(data)
        try:
            ledger(read(target, beside=beside(path, known, small, page)).network)
        except FormatError as error:
            said = str(error)
            # a definition that says other sizes is told by the weights that do not fit it
            weights = str(path.with_suffix(".caffemodel"))
            told = known.name == "Caffe definition" and said.startswith(weights)
            assert (str(tmp_path) in said or told) and "\n" not in said
            refused += 1
    assert refused >= 16, "a file that is cut short is none"


def test_weights_that_are_not_finite_are_read_and_noted(
    small: Checkpoint, page: ModuleType, tmp_path: Path
) -> None:
    spoilt = dict(small.arrays)
    name = next(iter(spoilt))
    spoilt[name] = np.full_like(spoilt[name], np.nan)
    for known in WRITTEN:
        if known.name == "torchvision":
            continue  # carries networks of one width; its own tests show it
        assert known.write is not None
        path = tmp_path / f"spoilt{known.suffixes[0] if known.suffixes else ''}"
        known.write(replace(small, arrays=spoilt), path)
        back = read(path, beside=beside(path, known, small, page))
        assert any("not finite" in note for note in back.notes), known.name


def test_what_a_file_says_itself_cannot_be_said_beside_it(
    files: dict[Path, Format], small: Checkpoint
) -> None:
    for path, known in files.items():
        if "network" not in known.takes or known.name == "safetensors":
            with pytest.raises(FormatError, match="its own network"):
                read(path, beside=Beside(network=small.network))
        if "weights" not in known.takes:
            with pytest.raises(FormatError, match="its own weights"):
                read(path, beside=Beside(weights=path))


def test_a_name_whose_ending_says_no_format_is_refused(small: Checkpoint, tmp_path: Path) -> None:
    for name in ("net", "net.zip", "net.json", "safetensors"):
        with pytest.raises(FormatError, match="its ending says no format"):
            write(small, tmp_path / name)
    with pytest.raises(FormatError, match="cannot be written"):
        write(small, tmp_path / "nowhere" / "net.safetensors")
    assert not list(tmp_path.iterdir())
