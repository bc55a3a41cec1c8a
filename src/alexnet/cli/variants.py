"""What `convert --set KEY=VALUE` asks for: the same checkpoint in another form, outputs kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.cli.open import Opened
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.sizes import RULES
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    import numpy as np

    from alexnet.formats import Checkpoint

Change = Callable[["Checkpoint"], "Checkpoint"]

KEYS = ("rule", "dropout", "alpha", "deviation", "white", "channels", "mean", "bias", "towers")
"""In the order in which they are done: a mean is given in the range and order asked for."""

NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{0,15})?")


def changes(settings: Sequence[str]) -> list[tuple[str, Change]]:
    """What is asked for, as (KEY=VALUE, change) in the order in which it is done.

    Raises:
        ValueError: no such key, a key twice, or a value that it does not take.
    """
    asked = _asked(settings)
    unshared = asked.pop("bias", None)
    if unshared not in (None, "unshared"):
        raise ValueError(f"bias={unshared}: only bias=unshared can be asked for")
    if unshared and "mean" not in asked:
        raise ValueError("bias=unshared goes with mean=…, which a bias per place takes up")
    found: list[tuple[str, Change]] = []
    for key in KEYS:
        if key in asked:
            change = _change(key, asked[key], unshared is not None)
            found.append((f"{key}={asked[key]}", change))
    return found


def _asked(settings: Sequence[str]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for text in settings:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise ValueError(f"'{text}' is no KEY=VALUE; white=255 is one")
        if key not in KEYS:
            raise ValueError(f"nothing is called '{key}'{nearest(key, list(KEYS))}")
        if key in asked:
            raise ValueError(f"{key} is asked for twice; leave one of them out")
        asked[key] = value
    return asked


def _change(key: str, value: str, unshared: bool) -> Change:
    if key == "mean":
        from alexnet.formats.variants import with_mean

        return lambda one: with_mean(one, _mean(value, one), unshared=unshared)
    known = _towers() if key == "towers" else _choices()[key]
    if value not in known:
        wanted = f"a number from 1 to {len(known)}" if key == "towers" else " or ".join(known)
        raise ValueError(f"{key}={value}: must be {wanted}")
    return known[value]


def _choices() -> Mapping[str, Mapping[str, Change]]:
    """What a key takes, where that is one of a few words."""
    from alexnet.formats import variants

    return {
        "rule": {rule: partial(variants.with_size_rule, rule=rule) for rule in RULES},
        "dropout": {
            "test": partial(variants.with_dropout_scaling, scaling="test"),
            "train": partial(variants.with_dropout_scaling, scaling="train"),
        },
        "alpha": {
            "divided": partial(variants.with_divided_alpha, divided=True),
            "undivided": partial(variants.with_divided_alpha, divided=False),
        },
        "deviation": {"none": variants.without_deviation},
        "white": {
            "1": partial(variants.with_pixel_maximum, maximum=1),
            "255": partial(variants.with_pixel_maximum, maximum=255),
        },
        "channels": {
            "RGB": partial(variants.with_channel_order, order="RGB"),
            "BGR": partial(variants.with_channel_order, order="BGR"),
        },
    }


def _towers() -> Mapping[str, Change]:
    from alexnet.formats import variants

    several = {str(count): partial(variants.unfolded, towers=count) for count in range(2, 27)}
    return {"1": variants.folded, **several}


def _mean(value: str, checkpoint: Checkpoint) -> tuple[float, ...] | np.ndarray:
    """None, numbers, or the image in a file of Caffe's, turned to the checkpoint's order."""
    if value == "none":
        return ()
    numbers = value.split(",")
    if all(NUMBER.fullmatch(number.strip()) for number in numbers):
        return tuple(map(float, numbers))
    path = Path(value)
    if not path.is_file():
        raise ValueError(f"mean={value}: must be none, numbers with commas, or a mean file")
    from alexnet.formats.caffe.means import read_mean

    image = read_mean(path)
    return image[::-1] if checkpoint.contract.channel_order == "RGB" else image


DESCRIBED = ("rule", "dropout", "alpha", "towers")
"""What can be asked of a network without weights."""


def described(opened: Opened, asked: Sequence[tuple[str, Change]]) -> Opened:
    """The network after all changes.

    Raises:
        ValueError: one is about weights or pictures, or cannot be done.
    """
    if not asked:
        return opened
    import numpy as np

    from alexnet.formats import Checkpoint

    for said, _ in asked:
        if said.partition("=")[0] not in DESCRIBED:
            raise ValueError(f"{said} is about weights, and a description holds none")
    network = opened.network
    grey = network.picture.shape[0] == 1
    contract = InputContract(channel_order="grey" if grey else "RGB", pixel_maximum=255.0)
    nothing = {p.name: np.zeros(p.shape, np.float16) for p in network_parameters(network)}
    *_, (_, last) = changed(Checkpoint(network, nothing, contract), asked)
    return replace(opened, network=last.network)


def changed(
    checkpoint: Checkpoint, asked: Sequence[tuple[str, Change]]
) -> Iterator[tuple[str, Checkpoint]]:
    """The checkpoint after each change, with what was asked for.

    Raises:
        ValueError: one cannot be done exactly; says which, at which layer, and why.
    """
    for said, change in asked:
        try:
            checkpoint = change(checkpoint)
        except ValueError as error:
            raise ValueError(f"{said}: {error}") from None
        yield said, checkpoint
