"""Writes a checkpoint as a pickled model of cuda-convnet, of the code of 2012 or of cuda-convnet2,
with the fields that their parsers make and their programs read back, in classes of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import Array, Checkpoint, FormatError, Written
from alexnet.formats.cuda_convnet.model_arrays import model_matrices
from alexnet.formats.cuda_convnet.model_fields import model_fields
from alexnet.formats.cuda_convnet.model_meta import META, BatchesMeta, read_meta, write_meta
from alexnet.formats.cuda_convnet.model_release import for_release, in_words_of_2012
from alexnet.formats.cuda_convnet.rules import Dialect, LearningRules
from alexnet.formats.safe_pickle import Named, Record, dump

MODULES: Mapping[Dialect, str] = {
    "cuda-convnet": "options",
    "2012": "options",
    "cuda-convnet2": "python_util.options",
}
"""Where each release keeps the classes of its options."""


def write(checkpoint: Checkpoint, path: Path) -> Written:
    """Writes a model of 2012; see `write_model`."""
    return write_model(checkpoint, path)


def write_model(
    checkpoint: Checkpoint,
    path: Path,
    *,
    kind: Dialect = "2012",
    rules: LearningRules | None = None,
) -> Written:
    """Writes a pickle that Python 2 loads, protocol 2; after any failure the old file stands.

    A mean of the pictures and names of the classes have no place in a model. They are written
    into a `batches.meta` beside it, unless one lies there that says the same.

    Args:
        checkpoint: what to write. Without a run's state the velocities are 0 and it stands before
            epoch 1, batch 1.
        path: of the file; theirs are called <epoch>.<batch>.
        kind: whose model.
        rules: how it learns; where they are None, rates are where most runs of 2012 start.

    Raises:
        FormatError: the network, the rules or the contract have what that release cannot say, an
            array holds what a float32 does not, or a file cannot be written.
    """
    _require_writable(checkpoint)
    training = checkpoint.training
    fields = model_fields(checkpoint.network, in_words_of_2012(rules, kind))
    for name, matrices in model_matrices(checkpoint).items():
        fields[name] |= matrices
    layers = for_release(fields, kind, rules)
    progress = {} if training is None else dict(training.progress)
    state: dict[str, object] = {
        "epoch": _count(progress.get("epoch")),
        "batchnum": _count(progress.get("batchnum")),
        "train_outputs": [],
        "test_outputs": [],
        "layers": layers,
        "notes": list(checkpoint.notes),
        "progress": json.dumps(progress, allow_nan=False) if training is not None else "",
    }
    meta = _meta(checkpoint)
    try:
        if meta is not None:
            _put_meta(meta, path.with_name(META))
        with replacing(path) as temporary, temporary.open("wb") as file:
            dump({"model_state": state, "op": _options(checkpoint, kind)}, file.write)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
    if meta is None:
        return Written(files=(path,))
    even = f"the mean is written as an even image, into {META}, which does the same"
    notes = (even,) if checkpoint.contract.mean else ()
    return Written(files=(path, path.with_name(META)), notes=notes)


def _require_writable(checkpoint: Checkpoint) -> None:
    contract = checkpoint.contract
    name = f"network '{checkpoint.network.name}' cannot be written as a model of cuda-convnet"
    if contract.channel_order == "BGR" or contract.pixel_maximum != 255.0 or contract.deviation:
        scaled = ", divided by a deviation" if contract.deviation else ""
        raise FormatError(
            f"{name}: it takes {contract.channel_order} pictures of 0 to"
            f" {contract.pixel_maximum:g}{scaled}; theirs are RGB of 0 to 255 (convert --set"
            " channels=RGB, white=255, deviation=none)"
        )
    both = [("array", checkpoint.arrays)]
    if checkpoint.training is not None:
        both.append(("velocity", checkpoint.training.velocities))
    for what, arrays in both:
        for key, array in arrays.items():
            if array.dtype.itemsize > 4 and not _fits(array):
                raise FormatError(
                    f"{name}: {what} '{key}' holds {array.dtype} numbers that a float32 rounds"
                )


def _fits(array: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array_equal(array.astype(np.float32).astype(array.dtype), array, equal_nan=True)


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value < 10**9 else 1


def _meta(checkpoint: Checkpoint) -> BatchesMeta | None:
    """What is common to the batches; an even mean becomes a mean picture, which does the same."""
    channels, side, _ = checkpoint.network.picture.shape
    contract, mean = checkpoint.contract, checkpoint.mean_image
    if mean is None and contract.mean:
        width = side + 2 * contract.border_pixels
        mean = np.zeros((channels, width, width), np.float32)
        mean += np.array(contract.mean, np.float32).reshape(-1, 1, 1)
    if mean is None and not checkpoint.classes:
        return None
    if mean is not None and mean.shape[1] != mean.shape[2]:
        raise FormatError(f"the mean image is {mean.shape[1]}x{mean.shape[2]}; theirs are square")
    wanted = None if mean is None else mean.astype(np.float32)
    values = None if wanted is None else wanted.size
    return BatchesMeta(classes=checkpoint.classes, values=values, mean=wanted)


def _put_meta(meta: BatchesMeta, path: Path) -> None:
    if path.exists():
        there = read_meta(path)
        same = there.mean is meta.mean or (
            there.mean is not None
            and meta.mean is not None
            and np.array_equal(there.mean, meta.mean)
        )
        if same and there.classes == meta.classes:
            return
        raise FormatError(
            f"{path}: is of other data; the model's own mean and classes would have to lie there"
        )
    write_meta(meta, path)


@dataclass(frozen=True, slots=True)
class _Option:
    """One option of a run (options.py): its letter and parser, and what was given."""

    name: str
    parser: str
    value: object


def _options(checkpoint: Checkpoint, kind: Dialect) -> Record:
    """The options that say how pictures are cut; all others are given on the command line."""
    contract, module = checkpoint.contract, MODULES[kind]
    options: list[_Option] = []
    if kind == "cuda-convnet2":
        side = checkpoint.network.picture.shape[1]
        options.append(_Option("inner_size", "IntegerOptionParser", side))
    elif contract.border_pixels:
        options.append(_Option("crop_border", "IntegerOptionParser", contract.border_pixels))
        options.append(_Option("dp_type", "StringOptionParser", "inet-lr-cropped-jpeg"))
    found: dict[object, object] = {
        option.name: Record(
            Named(module, "Option"),
            {
                "letter": option.name.replace("_", "-"),
                "name": option.name,
                "desc": option.name,
                "parser": Named(module, option.parser),
                "set_once": False,
                "default": None,
                "excuses": [],
                "requires": [],
                "save": True,
                "value": option.value,
                "value_given": True,
                "prefixed_letter": f"--{option.name.replace('_', '-')}",
            },
        )
        for option in options
    }
    return Record(Named(module, "OptionsParser"), {"options": found})
