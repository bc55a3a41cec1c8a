"""Checkpoints as weight files: the dict of an .npy that TensorFlow ports of AlexNet load, and an
.npz under a checkpoint's own names. Both hold arrays alone; the network is not among them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import Array, Checkpoint, FormatError, Written
from alexnet.formats.safe_pickle import dump_boxed
from alexnet.formats.weight_files.layout import inexpressible, to_tensorflow
from alexnet.formats.weight_files.npy import MAGIC
from alexnet.network.arithmetic import network_parameters
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import assemble, fold

ALIGNED = 64


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """Writes an .npz where the name ends so, else the dict of an .npy.

    The .npz has the checkpoint's arrays as they are. The .npy has [weights, biases] by layer with
    TensorFlow's axes (see `layout`), towers folded into groups, and loads by
    `np.load(path, allow_pickle=True, encoding="latin1").item()` as `bvlc_alexnet.npy` does.

    Raises:
        FormatError: the .npy cannot hold the network, or the file cannot be written.
    """
    if path.name.endswith(".npz"):
        arrays = {name: np.asarray(array) for name, array in checkpoint.arrays.items()}
        folded = False
        _save(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    else:
        network, arrays = _folded(checkpoint, path)
        folded = network is not checkpoint.network
        layers = _layers(network, arrays)
        _save(path, lambda file: _save_dict(layers, file))
    return Written(files=(path,), notes=_notes(checkpoint, folded))


def _notes(checkpoint: Checkpoint, folded: bool) -> tuple[str, ...]:
    notes = [
        f"the file does not say that the arrays are those of network '{checkpoint.network.name}',"
        " nor what they expect of a picture"
    ]
    if folded:
        notes.append("the towers are folded into groups, which changes no output")
    if checkpoint.mean_image is not None:
        notes.append("the mean image is left out")
    if checkpoint.classes:
        notes.append("the names of the classes are left out")
    if checkpoint.training is not None:
        notes.append("the state of the run is left out; a run cannot go on from it")
    if checkpoint.notes:
        notes.append(f"the checkpoint's notes are left out ({len(checkpoint.notes)})")
    return tuple(notes)


def _folded(checkpoint: Checkpoint, path: Path) -> tuple[Network, dict[str, Array]]:
    """The network without towers, and its arrays.

    Raises:
        FormatError: it cannot be folded, or holds weights that TensorFlow's layout cannot.
    """
    network, arrays = checkpoint.network, dict(checkpoint.arrays)
    try:
        if network.towers:
            network, assemblies = fold(network)
            arrays = assemble(assemblies, arrays, np.concatenate)
    except NetworkError as error:
        raise FormatError(f"{path}: cannot be written: {error}") from None
    why = inexpressible(network)
    if why is not None:
        raise FormatError(
            f"{path}: cannot hold network '{checkpoint.network.name}': {why}; write it as .npz or"
            " .safetensors"
        )
    return network, arrays


def _layers(network: Network, arrays: dict[str, Array]) -> dict[str, list[Array]]:
    """[weights, biases] by layer, in the network's order."""
    layers: dict[str, list[Array]] = {}
    for parameter in network_parameters(network):
        array = to_tensorflow(arrays[parameter.name], parameter, network)
        layers.setdefault(parameter.layer, []).append(np.ascontiguousarray(array))
    return layers


def _save_dict(layers: dict[str, list[Array]], file: IO[bytes]) -> None:
    """As `np.save` writes a dict, with a pickle that every Python and numpy loads."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    padding = -(len(MAGIC) + 4 + len(head) + 1) % ALIGNED
    head += b" " * padding + b"\n"
    file.write(MAGIC + b"\x01\x00" + struct.pack("<H", len(head)) + head)
    dump_boxed(layers, file.write)


def _save(path: Path, content: Callable[[IO[bytes]], object]) -> None:
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            content(file)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
