"""Writes docs/formats.md: what each format can carry of each catalog network, found by trying.

    python docs/make_formats.py

Every network, drawn narrow so that this takes seconds, is written in every format and read back,
and both are shown the same picture. A test holds the page against this script, and every outcome
against what it must be.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from alexnet.formats import FORMATS, Beside, Checkpoint, Format, FormatError, read  # noqa: E402
from alexnet.network.arithmetic import network_parameters  # noqa: E402
from alexnet.network.catalog import NETWORKS, get_network  # noqa: E402
from alexnet.network.contract import InputContract  # noqa: E402
from alexnet.network.spec import Network  # noqa: E402
from alexnet.numpy_net import forward  # noqa: E402
from reduced import reduced  # noqa: E402  # the tests' narrow networks

PATH = Path(__file__).parent / "formats.md"

AS_IT_IS = {"torchvision"}
"""Formats that carry one width of each network only."""

HEAD = """# Formats

What each format can carry, found by writing every catalog network in it and reading it back:
`alexnet convert SOURCE TARGET` writes in the format that TARGET's ending asks for, and every verb
that takes a network or a checkpoint reads all of them. `--check` reads the written file back and
prints the largest difference of its outputs.

**all**: the network and its arrays come back equal. **outputs**: the file says the same network in
other words; what it cannot hold is listed below, and the outputs are the same (the largest
difference, of the largest output, stands beside it where there is one). **—**: refused; the reason
is below.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one network in one format.

    Attributes:
        word: "all", "outputs" or "—".
        difference: the largest of the outputs, of the largest output; None where refused.
        notes: what the writer said of what is lost; or the one reason of a refusal.
    """

    word: str
    difference: float | None
    notes: tuple[str, ...]


def outcome(known: Format, name: str) -> Outcome:
    """The catalog network `name` written in a format, read back and run."""
    assert known.write is not None, "only what can be written has an outcome"
    network = get_network(name) if known.name in AS_IT_IS else reduced(name)
    given = drawn(network)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"net{known.suffixes[0]}"
        try:
            written = known.write(given, path)
        except FormatError as error:
            return Outcome("—", None, (_plain(str(error), folder),))
        beside = Beside(network=network) if "network" in known.takes else Beside()
        back = read(path, beside=beside)
        equal = back.network == network and _equal(given, back)
        difference = 0.0 if equal else _difference(given, back)
        notes = tuple(_plain(note, folder) for note in written.notes)
    return Outcome("all" if equal else "outputs", difference, notes)


def drawn(network: Network) -> Checkpoint:
    """The network with weights that keep its responses near 1, so that differences show."""
    draw = np.random.default_rng(2012)
    arrays = {
        x.name: (
            draw.standard_normal(x.shape, dtype=np.float32) / np.float32(max(1, x.fan_in)) ** 0.5
        )
        for x in network_parameters(network)
    }
    order = "grey" if network.picture.shape[0] == 1 else "RGB"
    contract = InputContract(channel_order=order, pixel_maximum=255.0)
    return Checkpoint(network=network, arrays=arrays, contract=contract)


def _equal(one: Checkpoint, other: Checkpoint) -> bool:
    return all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())


def _difference(one: Checkpoint, other: Checkpoint) -> float:
    shape = (1, *one.network.picture.shape)
    picture = np.random.default_rng(1).uniform(-1, 1, shape)
    outputs = [_answer(each, picture) for each in (one, other)]
    assert outputs[0].shape == outputs[1].shape, "both must answer for the same classes"
    return float(np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs[0]).max())


def _answer(checkpoint: Checkpoint, picture: np.ndarray) -> np.ndarray:
    network = checkpoint.network
    found = forward(network, checkpoint.arrays, {network.picture.name: picture})
    return found[network.outputs.name].reshape(-1)


def page() -> str:
    """The whole text."""
    written = [known for known in FORMATS if known.write is not None]
    found = {(known.name, name): outcome(known, name) for known in written for name in NETWORKS}
    parts = [HEAD, _table(written, found), *(_about(known, found) for known in FORMATS)]
    return "\n".join(parts)


def _table(written: list[Format], found: dict[tuple[str, str], Outcome]) -> str:
    lines = ["| network | " + " | ".join(known.name for known in written) + " |"]
    lines.append("|" + " --- |" * (len(written) + 1))
    for name in NETWORKS:
        cells = [_cell(found[known.name, name]) for known in written]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(outcome: Outcome) -> str:
    return outcome.word


def _about(known: Format, found: dict[tuple[str, str], Outcome]) -> str:
    """A format's endings, what it leaves open, and what its writer says is lost or refused."""
    ways = "read and written" if known.write is not None else "read"
    endings = ", ".join(f"`{ending}`" for ending in known.suffixes) or "a folder"
    lines = [f"## {known.name}", "", f"{endings}; {ways}."]
    if known.takes:
        options = " or ".join(f"`--{field}`" for field in sorted(known.takes))
        lines[-1] += f" Its files leave open what {options} says."
    for word, title in (("outputs", "Lost or said otherwise"), ("—", "Refused")):
        said = dict[str, list[str]]()
        for (format_name, name), each in found.items():
            if format_name == known.name and each.word in (word, "all" if word != "—" else "—"):
                for note in each.notes:
                    said.setdefault(_general(note, name), []).append(f"`{name}`")
        if said:
            lines += ["", f"{title}:", ""]
            lines += [f"- {note} ({', '.join(names)})" for note, names in said.items()]
    return "\n".join(lines) + "\n"


def _plain(text: str, folder: str) -> str:
    """A sentence without the folder that it was tried in."""
    return re.sub(rf"{re.escape(folder)}/?", "", text)


def _general(note: str, name: str) -> str:
    """A sentence that is the same for every network that it is said of."""
    return note.replace(f"network '{name}' ", "it ")


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
