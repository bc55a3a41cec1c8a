"""Checkpoint, its checks at construction, and the input contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet.formats import Checkpoint, FormatError, TrainingState
from alexnet.network.codec import decode, encode
from alexnet.network.contract import ContractError, InputContract
from formats.small import CONTRACT, NETWORK, arrays, checkpoint


def test_wrong_arrays_are_all_named() -> None:
    wrong = arrays()
    del wrong["conv1.bias"]
    wrong["fc2.weigth"] = wrong["fc2.bias"]
    wrong["fc2.weight"] = wrong["fc2.weight"].T
    wrong["conv1.weight"] = wrong["conv1.weight"].astype(int)
    with pytest.raises(FormatError) as raised:
        replace(checkpoint(), arrays=wrong)
    text = str(raised.value)
    assert "'conv1.bias' (4,) is missing" in text
    assert "'fc2.weigth' belongs to no layer; did you mean 'fc2.weight'?" in text
    assert "'fc2.weight' has shape (64, 3); it must be (3, 64)" in text
    assert "'conv1.weight' holds int64" in text


def test_velocities_are_checked_like_arrays() -> None:
    with pytest.raises(FormatError, match="velocity 'conv1.weight'"):
        replace(checkpoint(), training=TrainingState({}, {}))


def test_contract_and_mean_image_must_agree() -> None:
    plain = InputContract(channel_order="RGB", pixel_maximum=255.0)
    with pytest.raises(FormatError, match="mean image is missing"):
        Checkpoint(network=NETWORK, arrays=arrays(), contract=CONTRACT)
    with pytest.raises(FormatError, match="mean image is there"):
        replace(checkpoint(), contract=plain)
    with pytest.raises(FormatError, match="at least"):
        replace(checkpoint(), mean_image=np.zeros((3, 5, 6)))
    with pytest.raises(FormatError, match="'grey', which has 1"):
        grey = InputContract(channel_order="grey", pixel_maximum=1.0)
        Checkpoint(network=NETWORK, arrays=arrays(), contract=grey)


def test_class_names() -> None:
    assert [replace(checkpoint(), classes=("cat",)).class_name(i) for i in (0, 1)] == ["cat", "1"]
    with pytest.raises(FormatError, match="3 outputs and there are 4 class names"):
        replace(checkpoint(), classes=("a", "b", "c", "d"))


def test_contract_refuses_what_contradicts_itself() -> None:
    for bad, why in [
        ({"pixel_maximum": 128.0}, "must be 1 or 255"),
        ({"mean": (1.0,), "mean_image": True}, "both given"),
        ({"mean": (1.0, 2.0)}, "takes 1 or 3"),
        ({"deviation": (1.0, 0.0, 1.0)}, "above 0"),
    ]:
        with pytest.raises(ContractError, match=why):
            replace(InputContract(channel_order="RGB", pixel_maximum=255.0), **bad)  # type: ignore[arg-type]


def test_contract_goes_through_json() -> None:
    contract = InputContract(
        channel_order="BGR", pixel_maximum=1.0, mean=(0.1, 0.2, 0.3), deviation=(1.0, 2.0, 3.0)
    )
    assert decode(InputContract, encode(contract), "contract") == contract
