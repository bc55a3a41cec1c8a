"""A folder as the hub of Hugging Face has them: config.json, preprocessor_config.json, a model card
and our own checkpoint, model.safetensors. What is in the card is `hub_card`'s matter.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from alexnet.formats import safetensors
from alexnet.formats.atomic import PARTIAL, replacing
from alexnet.formats.checkpoint import Beside, Checkpoint, Format, FormatError, Written
from alexnet.formats.hub_card import card
from alexnet.network.codec import encode, to_json
from alexnet.network.shapes import elements

MARK = "alexnet-hub/1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREPROCESSOR, CARD = "preprocessor_config.json", "README.md"
FILES = (WEIGHTS, CONFIG, PREPROCESSOR, CARD)

LARGEST_CONFIG = 16 * 2**20
"""Bytes of a config.json; more is none of ours."""

BICUBIC = 3
"""Pillow's number for how our own pictures are scaled."""


def write_hub(checkpoint: Checkpoint, folder: Path) -> Written:
    """Writes the folder beside and gives it its name at the end: whatever fails, what was there
    stands untouched. A folder that is there keeps its name and takes the new files one by one.

    Raises:
        FormatError: there is something else than such a folder already, or it cannot be written.
    """
    target = folder.resolve()
    _check_free(folder)
    temporary = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
    try:
        temporary.mkdir()
        _write_files(checkpoint, temporary, target.name)
        _take_name(temporary, target)
    except OSError as error:
        raise FormatError(f"{folder}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Written(files=tuple(folder / name for name in FILES), notes=_notes(checkpoint))


def read(path: Path, _: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """The checkpoint in a folder that `write_hub` wrote, or that agrees with itself as those do.

    Raises:
        FormatError: of another make, damaged, or config.json and the checkpoint differ; named.
    """
    found = _config_of(path)
    if found.get("format") != MARK:
        make = _shown(found.get("model_type", "no model_type"))
        raise FormatError(
            f"{path / CONFIG}: is of another make ({make}); a folder that holds '{MARK}' is read,"
            " and of others the weights alone where they are torchvision's"
        )
    checkpoint = safetensors.read(path / WEIGHTS)
    wanted = config(checkpoint)
    wrong = [
        _difference(key, found.get(key), value)
        for key, value in wanted.items()
        if found.get(key) != value
    ]
    if wrong:
        raise FormatError(f"{path}: {CONFIG} and {WEIGHTS} differ: {'; '.join(wrong)}")
    return checkpoint


def _is_never_a_file(_head: bytes, _name: str) -> bool:
    return False


def is_hub(path: Path) -> bool:
    """Whether a folder may be one, of whatever make."""
    return (path / CONFIG).is_file()


FORMAT = Format(
    name="hub folder",
    suffixes=(),
    recognise=_is_never_a_file,
    is_folder=is_hub,
    read=read,
    write=write_hub,
)


# --- what the files say ---------------------------------------------------------------------------


def config(checkpoint: Checkpoint) -> dict[str, Any]:
    """What config.json says of a checkpoint, under Hugging Face's keys and our own."""
    network = checkpoint.network
    channels, height, width = network.picture.shape
    outputs = elements(network.shape(network.outputs.name))
    labels = [checkpoint.class_name(index) for index in range(outputs)]
    numbers: dict[str, int] = {}
    for index, label in enumerate(labels):
        numbers.setdefault(label, index)  # two classes of ImageNet are called crane
    return {
        "architectures": ["AlexNet"],
        "model_type": "alexnet",
        "format": MARK,
        "num_channels": channels,
        "image_size": height if height == width else [height, width],
        "num_labels": outputs,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": numbers,
        "contract": encode(checkpoint.contract),
        "network": json.loads(to_json(network)),
    }


def preprocessor(checkpoint: Checkpoint) -> dict[str, Any]:
    """What preprocessor_config.json says: the contract in Hugging Face's words.

    There pixels become (pixel / 255 − image_mean) / image_std, and the channels are turned round
    after that, so that mean and deviation stand in the order RGB.
    """
    contract, (channels, height, width) = checkpoint.contract, checkpoint.network.picture.shape
    white = contract.pixel_maximum
    mean = contract.mean * channels if len(contract.mean) == 1 else contract.mean
    deviation = contract.deviation or (1.0,) * channels
    means = [value / white for value in mean] or [0.0] * channels
    deviations = [value / white for value in deviation]
    if contract.channel_order == "BGR":
        means, deviations = means[::-1], deviations[::-1]
    border = 2 * contract.border_pixels
    return {
        "do_resize": True,
        "size": {"shortest_edge": min(height, width) + border},
        "resample": BICUBIC,
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": any(means) or any(value != 1 for value in deviations),
        "image_mean": means,
        "image_std": deviations,
        "do_flip_channel_order": contract.channel_order == "BGR",
        **({"mean_image": f"{WEIGHTS}#{safetensors.MEAN_IMAGE}"} if contract.mean_image else {}),
    }


def _notes(checkpoint: Checkpoint) -> tuple[str, ...]:
    if not checkpoint.contract.mean_image:
        return ()
    return (
        f"{PREPROCESSOR} has no word for a mean image; it names array '{safetensors.MEAN_IMAGE}' of"
        f" {WEIGHTS}, which other programs do not subtract",
    )


# --- the folder -----------------------------------------------------------------------------------


def _check_free(folder: Path) -> None:
    """Raises FormatError where there is something that is not such a folder."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FormatError(f"{folder}: is a file; name a folder")
    try:
        there = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from None
    others = [name for name in there if name not in FILES]
    if others:
        raise FormatError(
            f"{folder}: holds '{others[0]}', which is no part of such a folder; name another, or an"
            " empty one"
        )
    if there and (CONFIG not in there or _config_of(folder).get("format") != MARK):
        raise FormatError(f"{folder}: holds files of another make; name another folder")


def _write_files(checkpoint: Checkpoint, folder: Path, name: str) -> None:
    safetensors.write(checkpoint, folder / WEIGHTS)
    texts = {
        CONFIG: _json(config(checkpoint)),
        PREPROCESSOR: _json(preprocessor(checkpoint)),
        CARD: card(checkpoint, name),
    }
    for file, text in texts.items():
        with replacing(folder / file) as whole:
            whole.write_text(text, encoding="utf-8")


def _json(tree: Mapping[str, object]) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _take_name(temporary: Path, target: Path) -> None:
    """A folder that is there keeps its name throughout: its files are replaced one after another,
    by whole ones, config.json last.
    """
    if target.exists() and any(target.iterdir()):
        for name in (*(name for name in FILES if name != CONFIG), CONFIG):
            (temporary / name).replace(target / name)
        return
    if target.exists():
        target.rmdir()
    temporary.rename(target)


def _config_of(path: Path) -> dict[str, object]:
    place = path / CONFIG
    try:
        with place.open("rb") as file:
            data = file.read(LARGEST_CONFIG + 1)
        if len(data) > LARGEST_CONFIG:
            raise FormatError(f"{place}: is larger than {LARGEST_CONFIG:,} bytes; none of ours is")
        tree: object = json.loads(data)
    except OSError as error:
        raise FormatError(f"{place}: cannot be read ({error.strerror or error})") from None
    except FormatError:
        raise
    except (ValueError, RecursionError):
        raise FormatError(f"{place}: is not JSON") from None
    if not isinstance(tree, dict):
        raise FormatError(f"{place}: holds no object; a config.json is one")
    return cast("dict[str, object]", tree)


def _difference(key: str, there: object, here: object) -> str:
    """Where one value of config.json parts from what the checkpoint says."""
    one, other = _entries(there), _entries(here)
    first = next((name for name in {**other, **one} if one.get(name) != other.get(name)), None)
    if first is not None and type(there) is type(here):
        return _difference(f"{key}.{first}", one.get(first), other.get(first))
    return f"{key} is {_shown(there)} there and {_shown(here)} here"


def _entries(value: object) -> dict[str, object]:
    """What is in an object by its name, or in a list by its place; of anything else nothing."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, list):
        return {str(index): each for index, each in enumerate(cast("list[object]", value))}
    return {}


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
