"""Windows under every tradition, against torch and against windows counted one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alexnet.explorer.asking import AskError
from alexnet.explorer.window import LIMITS, TITLES, window_tree

CASES = [
    (224, 11, 4, 0),
    (224, 11, 4, 2),
    (55, 3, 2, 0),
    (13, 3, 2, 1),
    (7, 3, 3, 2),
    (32, 5, 1, 2),
]


def asked(pixels: int, size: int, stride: int, padding: int) -> dict[str, Any]:
    found: Any = window_tree(
        {k: str(v) for k, v in zip(LIMITS, (pixels, size, stride, padding), strict=False)}
    )
    return {f"{t['rule']} {t['operation']}": t for t in found["traditions"]} | {"all": found}


@pytest.mark.parametrize("case", CASES)
def test_torchs_answers_are_torchs(case: tuple[int, int, int, int]) -> None:
    pixels, size, stride, padding = case
    found, line = asked(*case), torch.zeros(1, 1, pixels)
    conv = torch.nn.Conv1d(1, 1, size, stride, padding)
    assert found["torch conv"]["outputs"] == conv(line).shape[-1]
    if padding <= size // 2:
        pool = torch.nn.MaxPool1d(size, stride, padding)
        assert found["torch pool"]["outputs"] == pool(line).shape[-1]


@pytest.mark.parametrize("case", CASES)
def test_windows_counted_one_by_one(case: tuple[int, int, int, int]) -> None:
    pixels, size, stride, padding = case
    found = asked(*case)
    inside = [s for s in range(-padding, pixels + padding) if (s + padding) % stride == 0]
    whole = [s for s in inside if s + size <= pixels + padding]
    assert found["torch conv"]["outputs"] == found["caffe conv"]["outputs"] == len(whole)
    short = len(whole) * stride - padding - stride + size < pixels + padding
    assert found["cuda-convnet conv"]["outputs"] == len(whole) + short
    free = [s for s in range(0, pixels, stride) if s + size <= pixels]
    assert found["valid conv"]["outputs"] == len(free)
    assert found["same conv"]["outputs"] == len(range(0, pixels, stride))
    for each in (found[k] for k in found if k != "all"):
        if each["outputs"] is not None:
            last = each["first"] + (each["outputs"] - 1) * stride
            assert each["last"] == [last, last + size]
            assert each["unused"] == max(0, pixels - last - size)
            assert each["after"] == last + size - pixels
            assert each["neurons"]["value"] == each["outputs"] ** 2 * 96


def test_why_55() -> None:
    found = asked(224, 11, 4, 0)
    counts = {name: found[name]["outputs"] for name in found if name != "all"}
    assert (counts["cuda-convnet conv"], counts["torch conv"], counts["same conv"]) == (55, 54, 56)
    assert found["cuda-convnet conv"]["sentence"] == "1 + ceil((224 + 2·0 − 11) / 4)"
    assert found["cuda-convnet conv"]["over"] == 3
    assert found["torch conv"]["unused"] == 1
    told = [answer["outputs"] for answer in found["all"]["answers"]]
    assert told == sorted(set(counts.values())) == [54, 55, 56]
    assert len(counts) == len(TITLES)


def test_what_does_not_fit_says_why() -> None:
    found = asked(7, 11, 1, 0)
    assert found["torch conv"]["outputs"] is None
    assert "does not fit into 7 pixels" in found["torch conv"]["refused"]
    assert found["same conv"]["outputs"] == 7


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"input": "224", "kernel": "11", "stride": "4"}, "padding"),
        ({"input": "224", "kernel": "11", "stride": "0", "padding": "0"}, "stride"),
        ({"input": "1e9", "kernel": "11", "stride": "4", "padding": "0"}, "input"),
        ({"input": "²", "kernel": "11", "stride": "4", "padding": "0"}, "input"),
        ({"input": "224", "kernel": "11", "stride": "4", "padding": "0", "colour": "1"}, "colour"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, str], field: str) -> None:
    with pytest.raises(AskError) as wrong:
        window_tree(given)
    assert (wrong.value.status, wrong.value.field) == (400, field)
