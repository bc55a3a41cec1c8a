"""A checksum of all that a run goes on from, kept in its checkpoint: a bit that has turned on the
disk is no whole checkpoint. It finds damage, and is no protection from forgery.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alexnet.formats import Checkpoint, FormatError
from alexnet.network.codec import decode, encode, from_json, to_json
from alexnet.network.contract import InputContract

KEY = "checksum"
"""Under which it stands beside the progress."""


def signed(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its checksum."""
    assert checkpoint.training is not None, "what a run goes on from has a training state"
    progress = {**checkpoint.training.progress, KEY: _checksum(checkpoint)}
    return replace(checkpoint, training=replace(checkpoint.training, progress=progress))


def verified(checkpoint: Checkpoint, where: str) -> Checkpoint:
    """The checkpoint without its checksum. Those of before there were any have none.

    Raises:
        FormatError: it holds something else than was written.
    """
    if checkpoint.training is None or KEY not in checkpoint.training.progress:
        return checkpoint
    progress = dict(checkpoint.training.progress)
    stated = progress.pop(KEY)
    found = replace(checkpoint, training=replace(checkpoint.training, progress=progress))
    own = _checksum(found)
    if stated != own:
        raise FormatError(f"{where}: is damaged: its checksum is {own} and was {stated}")
    return found


def _checksum(checkpoint: Checkpoint) -> str:
    """CRC-32 of the arrays with their names, and of what stands beside them in the header, as it is
    once it was written and read: there a 2 in the place of a real number is 2.0.
    """
    assert checkpoint.training is not None, "what a run goes on from has a training state"
    contract = decode(InputContract, encode(checkpoint.contract), "contract")
    said = [
        to_json(from_json(to_json(checkpoint.network))),
        encode(contract),
        checkpoint.classes,
        dict(checkpoint.training.progress),
    ]
    sum_ = zlib.crc32(json.dumps(said, sort_keys=True).encode())
    image = checkpoint.mean_image
    mean = {} if image is None else {"mean": image}
    for arrays in (checkpoint.arrays, checkpoint.training.velocities, mean):
        sum_ = _added(sum_, arrays)
    return f"crc32:{sum_:08x}"


def _added(sum_: int, arrays: Mapping[str, np.ndarray]) -> int:
    for name in sorted(arrays):
        sum_ = zlib.crc32(name.encode(), sum_)
        sum_ = zlib.crc32(np.ascontiguousarray(arrays[name]).data, sum_)
    return sum_
