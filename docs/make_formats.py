"""Writes docs/formats.md: what each format can carry of each catalog network, found by trying.

    python docs/make_formats.py

Every network, drawn narrow so that this takes seconds, is written in every format and read back,
and both are shown the same pictures. A test holds the page against this script, and every outcome
against what it must be.
"""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from alexnet.formats import (  # noqa: E402
    FORMATS,
    Beside,
    Checkpoint,
    Format,
    FormatError,
    read,
    torchvision,
    weight_files,
)
from alexnet.formats.cuda_convnet import read_definition, write_definition  # noqa: E402
from alexnet.network.arithmetic import network_parameters  # noqa: E402
from alexnet.network.catalog import NETWORKS, get_network  # noqa: E402
from alexnet.network.contract import InputContract  # noqa: E402
from alexnet.network.layers import Softmax  # noqa: E402
from alexnet.network.spec import Network  # noqa: E402
from alexnet.numpy_net import forward  # noqa: E402
from formats.variants_shown import pictures, shown  # noqa: E402  # of the tests
from reduced import reduced  # noqa: E402  # the tests' narrow networks

PATH = Path(__file__).parent / "formats.md"

BARE = (torchvision.FORMAT, weight_files.NPY, weight_files.NPZ)
"""Formats whose files hold arrays, and neither whose they are nor what they expect."""

WHOLE = {("torchvision", "one_weird_trick")}
"""A format that carries a network in one width only."""

Word = Literal["all", "arrays", "outputs", "—"]

SETTINGS = (
    (
        "`towers=1`, `towers=2`",
        "towers become groups, or groups towers",
        "a layer cannot be put together, or split",
    ),
    (
        "`channels=RGB`, `channels=BGR`",
        "the order of the picture's channels; the first weights are turned round",
        "a layer before the first weights mixes channels",
    ),
    (
        "`white=1`, `white=255`",
        "what a white pixel is worth; mean and deviation are scaled, or the first weights",
        "a layer before the first weights is not linear",
    ),
    (
        "`deviation=none`",
        "pictures are divided by nothing; the first weights do it",
        "a layer before the first weights is not linear",
    ),
    (
        "`mean=none`, `mean=104,117,123`, `mean=FILE`",
        "what is subtracted; the first biases take up the difference",
        "windows reach over the border, or the difference is not the same at every place",
    ),
    (
        "`bias=unshared`, with `mean`",
        "a convolution gets a bias per place, which is exact always",
        "",
    ),
    (
        "`alpha=divided`, `alpha=undivided`",
        "how response norms say alpha: as Caffe and torch, or as the paper",
        "",
    ),
    (
        "`rule=cuda-convnet`, `torch`, `caffe`, `same`, `valid`",
        "by which rule windows are laid, at the same places",
        "that rule lays a layer's windows elsewhere",
    ),
    (
        "`dropout=train`, `dropout=test`",
        "when dropout scales: today, or in 2012; the next weights take it up",
        "what stands before the next weights is not homogeneous",
    ),
)
"""What `--set` takes, what it changes, and when it is refused."""

HEAD = """# Formats

`alexnet convert SOURCE TARGET` writes in the format that TARGET's ending asks for, and
`alexnet convert SOURCE --hub DIR` a folder. Every verb that takes a network or a checkpoint reads
all of them; a file is known by its first bytes, and where these do not tell by its ending.
`--check` reads the written file back and says how far the scores of both lie apart, and `--set`
writes another form of the same checkpoint, whose outputs stay:
"""

WORDS = """What each format can carry was found by writing every catalog network in it, with a mean
and names of its classes, and reading it back.

- **all**: network, arrays, input contract and names come back equal.
- **arrays**: the arrays come back equal. The file says no more; `--network NAME` says whose they
  are, and what it is fed is assumed.
- **outputs**: the file says the same in other words, and the outputs are the same. What it cannot
  hold is listed below.
- **—**: refused; the reason is below.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one network in one format.

    Attributes:
        word: how much came back.
        difference: the largest of the scores, as a part of the largest score; None where refused.
        notes: what the writer said of what is lost; or the one reason of a refusal.
    """

    word: Word
    difference: float | None
    notes: tuple[str, ...]


def outcomes() -> dict[tuple[str, str], Outcome]:
    """Every network in every format that is written, by the names of both."""
    written = [known for known in FORMATS if known.write is not None]
    return {(known.name, name): outcome(known, name) for known in written for name in NETWORKS}


def outcome(known: Format, name: str) -> Outcome:
    """The catalog network `name` written in a format, read back and run."""
    assert known.write is not None, "only what can be written has an outcome"
    given = drawn(get_network(name) if (known.name, name) in WHOLE else reduced(name))
    if known == torchvision.FORMAT and (known.name, name) not in WHOLE:
        given = hollow(get_network(name))  # refused before its numbers are looked at
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"net{known.suffixes[0] if known.suffixes else ''}"
        try:
            written = known.write(given, path)
        except FormatError as error:
            return Outcome("—", None, (_plain(str(error), folder),))
        bare = known in BARE
        back = read(path, beside=Beside(network=given.network) if bare else Beside())
        notes = tuple(_plain(note, folder) for note in written.notes)
        word = _word(given, back, bare)
        apart = difference(given, back, bare) if word == "outputs" else 0.0
        return Outcome(word, apart, notes)


def drawn(network: Network) -> Checkpoint:
    """The network with weights that keep its responses near 1, so that differences show."""
    draw = np.random.default_rng(2012)
    arrays = {
        x.name: (draw.random(x.shape, np.float32) - 0.5) * np.float32(12 / max(1, x.fan_in)) ** 0.5
        for x in network_parameters(network)
    }
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0, mean=(104.0, 117.0, 123.0))
    if network.picture.shape[0] == 1:
        contract = InputContract(channel_order="grey", pixel_maximum=255.0, mean=(33.0,))
    return Checkpoint(network=network, arrays=arrays, contract=contract, classes=("cat", "dog"))


def hollow(network: Network) -> Checkpoint:
    """The network with zeros that take no memory."""
    zeros = {x.name: np.broadcast_to(np.float32(0), x.shape) for x in network_parameters(network)}
    return replace(drawn(reduced(network.name)), network=network, arrays=zeros)


def _word(given: Checkpoint, back: Checkpoint, bare: bool) -> Word:
    same = all(
        array.dtype == back.arrays[name].dtype and np.array_equal(array, back.arrays[name])
        for name, array in given.arrays.items()
        if name in back.arrays
    )
    if not same or back.network.layers != given.network.layers:
        return "outputs"
    if bare:
        return "arrays"
    said = (back.contract, back.classes, back.mean_image is None)
    return "all" if said == (given.contract, given.classes, True) else "outputs"


def difference(given: Checkpoint, back: Checkpoint, fed_alike: bool) -> float:
    """Of the scores that both give to two pictures, as a part of the largest.

    Args:
        given, back: one and the other.
        fed_alike: whether both are fed as `given` is; else each as its own contract says.
    """
    scores = [_scores(given, given), _scores(back, given if fed_alike else back)]
    assert scores[0].shape == scores[1].shape, "both must answer for the same classes"
    return float(np.abs(scores[0] - scores[1]).max() / np.abs(scores[0]).max())


def _scores(checkpoint: Checkpoint, feed: Checkpoint) -> np.ndarray:
    network, outputs = checkpoint.network, checkpoint.network.outputs
    picture = shown(feed, pictures(network))
    found = forward(network, checkpoint.arrays, {network.picture.name: picture})
    name = outputs.reads[0] if isinstance(outputs, Softmax) else outputs.name
    return found[name].reshape(len(picture), -1)


# --- the page -------------------------------------------------------------------------------------


def page(found: Mapping[tuple[str, str], Outcome]) -> str:
    """The whole text."""
    written = [known for known in FORMATS if known.write is not None]
    settings = [f"| {' | '.join(row)} |" for row in SETTINGS]
    columns = ["| `--set` | what it changes | refused where |", "| --- | --- | --- |"]
    parts = [HEAD, "\n".join([*columns, *settings, ""]), WORDS, _table(written, found)]
    return "\n".join([*parts, *(_about(known, found) for known in FORMATS), _descriptions()])


def _table(written: list[Format], found: Mapping[tuple[str, str], Outcome]) -> str:
    lines = ["| network | " + " | ".join(known.name for known in written) + " |"]
    lines.append("|" + " --- |" * (len(written) + 1))
    for name in NETWORKS:
        cells = [found[known.name, name].word for known in written]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    largest = max(x.difference for x in found.values() if x.difference is not None)
    bound = next(f"1e-{digits}" for digits in range(16, 0, -1) if largest <= 10.0**-digits)
    lines += ["", f"No score that came back differs by more than {bound} of the largest."]
    return "\n".join(lines) + "\n"


def _about(known: Format, found: Mapping[tuple[str, str], Outcome]) -> str:
    """A format's endings, what it leaves open, and what its writer says is lost or refused."""
    ways = "read and written" if known.write is not None else "read"
    endings = ", ".join(f"`{ending}`" for ending in known.suffixes) or "a folder"
    lines = [f"## {known.name}", "", filled(f"{endings}; {ways}. {ABOUT[known.name]}")]
    for title, refused in (("Lost, or said otherwise:", False), ("Refused:", True)):
        said = dict[str, list[str]]()
        for (format_name, name), each in found.items():
            if format_name == known.name and (each.word == "—") == refused:
                for note in each.notes:
                    said.setdefault(_general(note, name), []).append(f"`{name}`")
        if said:
            lines += ["", title, ""]
            lines += [filled(f"- {_listed(names)}: {note}", "  ") for note, names in said.items()]
    return "\n".join(lines) + "\n"


def _listed(names: list[str]) -> str:
    others = [f"`{name}`" for name in NETWORKS if f"`{name}`" not in names]
    if len(others) > 3:
        return ", ".join(names)
    return "all networks" + (f" but {', '.join(others)}" if others else "")


def _descriptions() -> str:
    """The files that hold a network and no weights."""
    about = (
        "`.json` is the description that `alexnet explain NAME --spec` prints; it holds every"
        " network. `.cfg` is the pair of files of 2012: every layer reads back equal, or the"
        " network is refused:"
    )
    lines = ["## Networks without weights", "", filled(about), ""]
    carried = list[str]()
    refused = list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            path = Path(folder) / f"layers-{name}.cfg"
            try:
                write_definition(get_network(name), path)
            except FormatError as error:
                why = _general(_plain(str(error), folder), name)
                refused.append(filled(f"- `{name}`: {why}", "  "))
                continue
            side = get_network(name).picture.shape[1]
            back = read_definition(path, side=side).network
            assert back.layers == get_network(name).layers, f"{name} must read back equal"
            carried.append(f"`{name}`")
    equal = filled(f"- {', '.join(carried)}: equal", "  ")
    return "\n".join([*lines, equal, *refused]) + "\n"


def _plain(text: str, folder: str) -> str:
    """A sentence without the folder that it was tried in, and for Markdown."""
    return re.sub(rf"{re.escape(folder)}/?", "", text).replace("|", "\\|")


def _general(note: str, name: str) -> str:
    """A sentence that is the same for every network that it is said of: without the layers that it
    ends with, and of many layers in it two.
    """
    note = re.sub(r"^net\.?\w*: ", "", note.replace(f"network '{name}'", "the network"))
    note = re.sub(r": (\w+, )*\w+( and \d+ more)?$", "", note)
    return re.sub(r"\(((?:[\w]+, ){2})(?:[\w]+, )+[\w]+\)", r"(\1…)", note)


def filled(text: str, indent: str = "") -> str:
    """A paragraph, or an entry of a list, at the width of the page."""
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


ABOUT = {
    "safetensors": "Our own, for everything: the network, the contract, names, notes, a mean image"
    " and the state of a run stand in its header or beside the weights. Files of other programs"
    " hold arrays alone: torchvision's names are known, of others `--network` says whose they are.",
    "hub folder": "`config.json`, `model.safetensors` (our own), `preprocessor_config.json` and"
    " `README.md`, a card whose numbers are the ledger's. The folder takes its name when it is"
    " whole; one that contradicts itself is refused.",
    "torchvision": "State dicts of `torch.save`, in both its forms, read without torch and without"
    " running anything: `alexnet` and `vgg11` to `vgg19` without batch normalisation, of any number"
    " of classes. Of others, `alexnet explain` lists what is inside and the nearest network;"
    " `--network` says whose they are.",
    "npy": "The dict of layers that TensorFlow ports of AlexNet keep (`bvlc_alexnet.npy`), with"
    " their axes. Taken for Caffe's network where `--network` says no other.",
    "npz": "Arrays under a checkpoint's own names, or under TensorFlow's (`conv1/weights`,"
    " `conv1_W`), as `vgg16_weights.npz` has them.",
    "Caffe model": "A network with its weights (`.caffemodel`), and written beside it the"
    " definition (`.prototxt`) that Caffe and OpenCV run it by. Models that hold arrays alone are"
    " opened as the weights of their definition. V0, V1 and V2 spellings are read.",
    "Caffe definition": "`deploy.prototxt` and `train_val.prototxt`. What only counts takes them as"
    " they are; what runs takes `--weights FILE.caffemodel` with them.",
    "ONNX": "A graph that takes batches of any number of pictures and has every array under its"
    " name. The network and what it expects of a picture ride along, so that it reads back as it"
    " was; a graph of another program is read node by node, where a network can say what it does.",
    "cuda-convnet model": "Pickles of cuda-convnet, of the code of 2012 (`--as 2012`) and of"
    " cuda-convnet2, read by an unpickler that runs nothing. A mean and the names of classes lie in"
    " `batches.meta` beside it.",
}


if __name__ == "__main__":
    PATH.write_text(page(outcomes()), encoding="utf-8")
