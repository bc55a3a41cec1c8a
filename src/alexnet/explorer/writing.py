"""Networks and checkpoints as files to take away: every format of `alexnet.formats` that is
written, and definitions, which need no weights.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet.explorer.asking import AskError, Tree
from alexnet.explorer.session import Opened
from alexnet.network.codec import to_json
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network

JSON, CFG, PROTOTXT, CAFFEMODEL = ".json", ".cfg", ".prototxt", ".caffemodel"

DEFINITIONS: dict[str, tuple[str, str]] = {
    JSON: ("description", "Our own words: every verb of `alexnet` takes it as a network."),
    CFG: ("cuda-convnet definition", "The pair of files that trained the network of 2012."),
    PROTOTXT: ("Caffe definition", "The net for TRAIN and TEST, without its weights."),
}
"""What a network without weights can be written as: name and sentence."""


MOST_PARAMETERS = 2**28
"""Parameters of a network without weights that is written as a definition of Caffe, whose writer
holds them all, as zeros.
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Files to take away, as one.

    Attributes:
        name: of the file.
        data: its bytes.
        notes: what of the network it does not hold.
    """

    name: str
    data: bytes
    notes: tuple[str, ...] = ()


def writable() -> list[Tree]:
    """The formats that are written, for `api/about`."""
    from alexnet.formats import FORMATS

    written = [(f, f.suffixes[0]) for f in FORMATS if f.write is not None and f.suffixes]
    caffe = any(suffix == CAFFEMODEL for _, suffix in written)
    trees: list[Tree] = [
        _way(suffix, name, False, sentence)
        for suffix, (name, sentence) in DEFINITIONS.items()
        if suffix != PROTOTXT or caffe
    ]
    for found, suffix in written:
        if suffix not in DEFINITIONS and not any(t["format"] == suffix for t in trees):
            trees.append(_way(suffix, found.name, True, "With its weights."))
    return trees


def _way(suffix: str, name: str, needs_weights: bool, sentence: str) -> Tree:
    return {"format": suffix, "name": name, "needs_weights": needs_weights, "sentence": sentence}


def parcel(opened: Opened, suffix: str, folder: Path) -> Parcel:
    """What was opened, written in the format of that ending.

    Args:
        opened: a network, with weights or without.
        suffix: of `writable`.
        folder: an empty one, to write in; it is removed.

    Raises:
        AskError: 400 no such format, 409 it needs weights, 413 too large for this machine, 422 it
            cannot hold the network.
    """
    known = {str(tree["format"]): tree for tree in writable()}
    if suffix not in known:
        said = f"no format is called '{suffix[:20]}'; there are {', '.join(known)}"
        raise AskError(400, said, field="format")
    if known[suffix]["needs_weights"] and opened.checkpoint is None:
        said = f"{known[suffix]['name']} files hold weights, and '{opened.network.name}' has none"
        raise AskError(409, said, "open a checkpoint, or take a definition", field="format")
    try:
        return _written(opened, suffix, folder)
    except (ValueError, OverflowError) as error:
        said = str(error).replace(f"{folder}/", "")
        raise AskError(422, said, "another format may hold it", field="format") from None
    except OSError as error:
        raise AskError(503, f"cannot be written ({error.strerror or error})") from None
    except MemoryError:
        raise AskError(413, "needs more memory than there is") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(opened: Opened, suffix: str, folder: Path) -> Parcel:
    network, stem = opened.network, _stem(opened.network.name)
    if suffix == JSON:
        text = json.dumps(json.loads(to_json(network)), indent=1, ensure_ascii=False)
        return Parcel(f"{stem}.json", f"{text}\n".encode())
    if suffix == CFG:
        return _definition(opened, folder / f"layers-{stem}.cfg")
    from alexnet.formats import write

    if suffix == PROTOTXT:
        target = folder / f"{stem}{CAFFEMODEL}"
        written = write(_placeholder(network), target)
        files = [path for path in written.files if path.suffix == PROTOTXT]
        return _one(files, stem, tuple(written.notes))
    assert opened.checkpoint is not None, "formats with weights were refused before"
    written = write(opened.checkpoint, folder / f"{stem}{suffix}")
    return _one(written.files, stem, tuple(written.notes))


def _definition(opened: Opened, path: Path) -> Parcel:
    from alexnet.formats.cuda_convnet import definition_warnings, write_definition

    files = write_definition(opened.network, path, rules=opened.rules)
    return _one(files, path.stem, tuple(definition_warnings(opened.network)))


def _one(files: Sequence[Path], stem: str, notes: tuple[str, ...]) -> Parcel:
    """One file as it is; several as a zip."""
    if len(files) == 1:
        return Parcel(files[0].name, files[0].read_bytes(), notes)
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
    return Parcel(f"{stem}.zip", into.getvalue(), notes)


def _placeholder(network: Network):  # noqa: ANN202
    """A checkpoint of zeros, for a definition that its writer makes of checkpoints alone.

    Raises:
        ValueError: it has more than MOST_PARAMETERS.
    """
    import numpy as np

    from alexnet.formats import Checkpoint
    from alexnet.network.arithmetic import network_parameters
    from alexnet.network.contract import InputContract

    count = ledger(network).total.parameters
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"network '{network.name}' has {count:,} parameters; a definition of Caffe is written"
            f" here of at most {MOST_PARAMETERS:,}"
        )
    zero = np.zeros((), np.float32)
    arrays = {p.name: np.broadcast_to(zero, p.shape) for p in network_parameters(network)}
    order = "grey" if network.picture.shape[0] == 1 else "RGB"
    contract = InputContract(channel_order=order, pixel_maximum=255.0)
    return Checkpoint(network=network, arrays=arrays, contract=contract)


def _stem(name: str) -> str:
    """A network's name as a file's."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).strip("-.")[:60] or "network"
